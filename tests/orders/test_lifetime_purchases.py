"""Lifetime purchases are order values less refunds, and that is verified."""

import pytest
from sqlalchemy import update

from portal import ledger, orders, orm
from portal.ledger.models import Account
from portal.orders.errors import MoreThanBought, OrderNotFound


def test_lifetime_purchases_are_order_values_less_refunds(shop, session):
    shop.apply()
    first = shop.buy(1, 10_000)
    shop.buy(2, 99)
    shop.buy(3, 5_000, currency="USD")
    shop.buy(4, -500)
    assert shop.account().lifetime_purchases == 10_099
    shop.refund(first, 2_500)
    shop.refund(first, 7_500)
    assert shop.account().lifetime_purchases == 99
    assert orders.find(session, first.order_id).refunded == 10_000
    assert shop.whole()


def test_more_than_was_bought_cannot_be_refunded(shop, session):
    shop.apply()
    first = shop.buy(1, 1_000)
    shop.refund(first, 400)
    for value in (601, 0, -1):
        with orm.writing(session), pytest.raises(MoreThanBought) as caught:
            orders.refund(session, order_id=first.order_id, value=value)
        assert caught.value.facts["available"] == 600
    with orm.writing(session), pytest.raises(OrderNotFound):
        orders.refund(session, order_id="ord_x", value=1)


def test_what_did_not_count_takes_nothing_when_refunded(shop, session):
    shop.apply()
    dollars = shop.buy(1, 1_000, currency="USD")
    with orm.writing(session):
        assert orders.refund(session, order_id=dollars.order_id, value=1_000) == 0
    assert shop.whole()


def test_a_figure_that_is_off_is_found(shop, session):
    shop.apply()
    done = shop.buy(1, 1_000)
    shop.buy(2, 500, "C2")
    with orm.writing(session):
        session.execute(
            update(Account).where(Account.id == done.account_id).values(lifetime_purchases=900)
        )
    (difference,) = orders.verify(session)
    assert (difference.account_id, difference.found, difference.expected) == (
        done.account_id,
        "900",
        "1000",
    )


def test_an_order_without_an_account_is_found(shop, session):
    shop.apply()
    account = shop.join("C1")
    with orm.writing(session):
        ledger.earn(
            session,
            account_id=account.id,
            points=1,
            expires_at=None,
            purchase_value=700,
            facts=ledger.Facts(name=ledger.EventName.TRANSACTION_ADD, actor="x"),
            at=shop.at,
        )
    (difference,) = orders.verify(session)
    assert (difference.found, difference.expected) == ("700", "0")


def test_a_survivor_has_the_purchases_of_both(shop, session):
    shop.apply()
    first = shop.buy(1, 1_000)
    shop.buy(2, 500, "C2")
    with orm.writing(session):
        ledger.merge(
            session,
            source_id=first.account_id,
            target_id=shop.account("C2").id,
            facts=ledger.Facts(name=ledger.EventName.ACCOUNT_MERGE, actor="staff:ana"),
            at=shop.at,
        )
    assert shop.account("C2").lifetime_purchases == 1_500
    assert shop.whole()
