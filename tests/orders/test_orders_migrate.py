"""The second migration, with orders of before in the database."""

from sqlalchemy import inspect, text

from portal import orders, orm, schema
from portal.ledger.verification import verify


def test_orders_of_before_are_told_whose_they_are(shop, session, engine):
    shop.apply(tiers=shop.TIERS)
    big = shop.buy(1, 20_000)
    small = shop.buy(2, 99)
    stranger = shop.buy(3, 4_210, None)
    dollars = shop.buy(4, 1_000, currency="USD")
    back = shop.buy(5, -100)
    other = shop.buy(6, 50, "C2")
    session.rollback()

    schema.downgrade(engine, "0001")
    columns = {column["name"] for column in inspect(engine).get_columns("sales_order")}
    assert not columns & {"account_id", "counted", "refunded", "contents"}
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM sales_order")) == 6
    schema.upgrade(engine)

    with orm.Session(engine) as fresh:
        found = {
            done.order_id: orders.find(fresh, done.order_id)
            for done in (big, small, stranger, dollars, back, other)
        }
        for done, counted in ((big, 20_000), (small, 99), (other, 50)):
            order = found[done.order_id]
            assert (order.account_id, order.counted) == (done.account_id, counted)
        for done in (stranger, dollars, back):
            order = found[done.order_id]
            assert (order.account_id, order.counted, order.earning) == (None, 0, None)
        assert verify(fresh) == []
        assert orders.verify(fresh) == []
    # They are still known by their receipts.
    assert shop.buy(1, 20_000).outcome is orders.Outcome.ALREADY
    assert shop.buy(2, 99).outcome is orders.Outcome.ALREADY


def test_the_book_stays_append_only(engine):
    schema.downgrade(engine, "0001")
    schema.upgrade(engine)
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            count = "SELECT count(*) FROM sqlite_master WHERE type = 'trigger'"
        else:
            count = "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal"
        assert connection.scalar(text(count)) == 6
