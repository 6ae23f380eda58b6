"""The migration of rewards, with redemptions of before in the database."""

from datetime import timedelta

from sqlalchemy import inspect, text

from portal import ledger, orm, schema
from portal.ledger import EventName, Facts

HOUR = timedelta(hours=1)


def test_redemptions_of_before_are_payments_and_holds_still_end_by_themselves(
    shop, session, engine, at
):
    account = shop.member(1000)
    shop.reward()

    def redeem(points, held_until=None):
        with orm.writing(session):
            return ledger.redeem(
                session,
                account_id=account,
                points=points,
                held_until=held_until,
                facts=Facts(name=EventName.POINTS_REDEMPTION, actor="test"),
                at=at,
            ).id

    held, captured = redeem(300, at + HOUR), redeem(100)
    session.rollback()
    schema.downgrade(engine, "0006")
    assert not {"reward", "voucher", "picture"} & set(inspect(engine).get_table_names())
    columns = {column["name"] for column in inspect(engine).get_columns("redemption")}
    assert not columns & {"purpose", "held_for"}
    schema.upgrade(engine)
    with orm.Session(engine) as fresh:
        found = ledger.redemption(fresh, held)
        assert (found.purpose, found.held_for) == ("payment", account)
        found = ledger.redemption(fresh, captured)
        assert (found.purpose, found.held_for) == ("payment", None)
        assert ledger.position(fresh, account_id=account, at=at + HOUR).balance == 900
    shop.reward()
    shop.issue(account)


def test_the_book_stays_append_only(engine):
    schema.downgrade(engine, "0006")
    schema.upgrade(engine)
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            count = "SELECT count(*) FROM sqlite_master WHERE type = 'trigger'"
        else:
            count = "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal"
        assert connection.scalar(text(count)) == 6


def indexes_of(engine):
    found = inspect(engine).get_indexes("redemption")
    return {index["name"]: index["column_names"] for index in found}


def test_what_was_interrupted_is_done_again(shop, session, engine, at):
    account = shop.member(1000)
    with orm.writing(session):
        held = ledger.redeem(
            session,
            account_id=account,
            points=300,
            held_until=at + HOUR,
            facts=Facts(name=EventName.POINTS_REDEMPTION, actor="test"),
            at=at,
        ).id
    session.rollback()
    schema.downgrade(engine, "0006")
    if engine.dialect.name == "postgresql":
        # What is done outside of the transaction outlives a failure, as far as it came.
        with engine.connect().execution_options(**orm.WRITE_OPTIONS) as connection:
            connection.exec_driver_sql("ALTER TABLE redemption ADD COLUMN held_for VARCHAR(36)")
            connection.exec_driver_sql(
                "CREATE INDEX ix_redemption__held_for ON redemption (held_until)"
            )
            connection.commit()
    schema.upgrade(engine)
    indexes = {
        one["name"]: one["column_names"] for one in inspect(engine).get_indexes("redemption")
    }
    assert indexes["ix_redemption__held_for"] == ["held_for", "held_until"]
    assert "ix_redemption__held" not in indexes
    with orm.Session(engine) as fresh:
        assert ledger.redemption(fresh, held).held_for == account
    schema.downgrade(engine, "0006")
    indexes = {
        one["name"]: one["column_names"] for one in inspect(engine).get_indexes("redemption")
    }
    assert indexes["ix_redemption__held"] == ["account_id", "held_until"]
    schema.upgrade(engine)
