"""An order is killed at every statement in turn: all of it is there, or nothing."""

import psycopg
import pytest
from sqlalchemy import event, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from portal import checkout, ledger, orm
from portal.checkout import Redeem, Reward, Split
from portal.checkout.models import OrderRefund, Placement
from portal.ledger.models import Account, Allocation, Entry, Event, Lot, Redemption
from portal.members.models import Customer, Enrolment
from portal.orders.models import Order

TABLES = (
    Account,
    Allocation,
    Customer,
    Enrolment,
    Entry,
    Event,
    Lot,
    Order,
    OrderRefund,
    Placement,
    Redemption,
)
TIERS = {
    "tiers": [{"id": "gold", "name": "Gold", "from": 1010, "multiplier": "2"}],
    "earning": [
        {"id": "base", "kind": "spend", "currency": "EUR", "per": 100, "points": 1},
        {"id": "welcome", "kind": "event", "event": "account.created", "points": 5},
    ],
}


class Killed(Exception):
    """The process died here."""


DEATHS = (Killed, DBAPIError, psycopg.Error)


def raise_at(engine, number):
    """Die before the statement of this number; gives how many there were."""
    seen = [0]

    def die(connection, cursor, statement, parameters, context, executemany):
        seen[0] += 1
        if seen[0] == number:
            raise Killed(statement)

    event.listen(engine, "before_cursor_execute", die)
    return seen, lambda: event.remove(engine, "before_cursor_execute", die)


def terminate_at(engine, number):
    """Cut the connection at the server before the statement of this number."""
    seen = [0]

    other_engine = orm.make_engine(str(engine.url.render_as_string(hide_password=False)))

    def cut(connection, cursor, statement, parameters, context, executemany):
        seen[0] += 1
        if seen[0] == number:
            pid = connection.connection.driver_connection.info.backend_pid
            with other_engine.connect() as other:
                other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})

    event.listen(engine, "before_cursor_execute", cut)

    def stop():
        event.remove(engine, "before_cursor_execute", cut)
        other_engine.dispose()

    return seen, stop


def counts(session):
    found = {t.__tablename__: session.scalar(select(func.count()).select_from(t)) for t in TABLES}
    found["points"] = session.scalar(select(func.sum(Account.balance)))
    session.rollback()
    return found


def killed_everywhere(engine, shop, kill, do, *, step=1):
    """Run ``do`` killed at each statement in turn, until it gets through."""
    session = shop.session
    number, whole = 0, None
    while True:
        number += step
        before = counts(session)
        seen, stop = kill(engine, number)
        fresh = Session(engine, expire_on_commit=False)
        try:
            with orm.writing(fresh):
                do(fresh)
            whole = seen[0]
        except DEATHS:
            pass
        finally:
            stop()
            try:
                fresh.close()
            except DEATHS:
                fresh.invalidate()
        if whole is not None and whole < number:
            return whole
        whole = None
        assert counts(session) == before, f"something was left of statement {number}"
        if number % 10 == 0:
            assert ledger.verify(session) == []
            session.rollback()


@pytest.fixture
def whole_order(shop, ana, account):
    """An order that redeems from two programs, enrols, welcomes, earns and moves a tier."""
    shop.corner(**TIERS)
    shop.credits()
    wallet = shop.join("credits", ana, points=700)
    shop.apply(
        {
            "id": "market",
            "name": "Market",
            "currency": "MKT",
            "auto_enrol": True,
            "rate": {"points": 1, "value": 1, "currency": "EUR"},
            "earning": [
                {"id": "welcome", "kind": "event", "event": "account.created", "points": 5}
            ],
        }
    )
    return shop.wish(
        holder=shop.by_customer(ana, "corner"),
        redeem=[Redeem(points=300), Redeem(value=200, account=wallet)],
        splits=[Split(value=100, reward=Reward(value=20, program="market"))],
    )


def kills(name):
    return [raise_at, terminate_at] if name == "postgresql" else [raise_at]


@pytest.mark.parametrize("kill", [raise_at, terminate_at])
def test_an_order_killed_at_every_statement_leaves_all_or_nothing(shop, engine, whole_order, kill):
    if kill not in kills(engine.dialect.name):
        return
    statements = killed_everywhere(
        engine,
        shop,
        kill,
        lambda session: checkout.place(session, wish=whole_order, actor="key:till", at=shop.at),
    )
    assert statements > 15
    placed = shop.place(whole_order)
    order = placed.order
    assert placed.again
    assert (order.amount_due, len(order.redemptions), len(order.earned)) == (4500, 2, 2)
    assert shop.agrees()


def test_a_capture_and_a_refund_killed_at_every_statement_leave_all_or_nothing(
    shop, engine, account
):
    shop.corner(**TIERS)
    for kill in kills(engine.dialect.name):
        order = shop.order(
            holder=shop.by_account(account), redeem=[Redeem(points=10)], capture=False
        )
        killed_everywhere(
            engine,
            shop,
            kill,
            lambda session, order=order: checkout.capture_order(
                session, order_id=order.id, actor="key:till", at=shop.at
            ),
        )
        killed_everywhere(
            engine,
            shop,
            kill,
            lambda session, order=order: checkout.refund(
                session,
                order_id=order.id,
                wish=checkout.RefundWish(value=3333),
                actor="key:till",
                at=shop.at,
            ),
        )
        assert checkout.find_order(shop.session, order.id, at=shop.at).refunded == 3333
    assert shop.agrees()
