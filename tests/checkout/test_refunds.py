"""Refunds: in proportion, to the last cent, never more than was earned or spent."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal import checkout, ledger, orders, orm, programs
from portal.checkout import OrderStatus, Redeem, Reward, Split
from portal.checkout import errors as refusals
from portal.orders.errors import InvalidOrder, MoreThanBought, OrderNotFound
from portal.programs.earning import Line


def test_a_whole_refund_takes_back_and_gives_back_all(shop, session, account):
    order = shop.order(holder=shop.by_account(account), redeem=[Redeem(points=1000)])
    refund = shop.refund(order.id, 5000)
    assert (refund.points_taken_back, refund.points_given_back) == (40, 1000)
    assert (refund.value_given_back, refund.amount_returned) == (1000, 4000)
    assert shop.balance(account) == 1000
    found = checkout.find_order(session, order.id, at=shop.at)
    assert (found.status, found.refunded) == (OrderStatus.REFUNDED, 5000)
    assert found.redemptions[0].status == "reversed"
    account_row = shop.position(account).account
    assert (account_row.lifetime_purchases, account_row.taken_back) == (0, 40)


def test_three_refunds_give_together_what_one_would(shop, session, account):
    order = shop.order(holder=shop.by_account(account), redeem=[Redeem(points=1000)])
    parts = [shop.refund(order.id, value) for value in (1, 3333, 1666)]
    # What stays earned is rounded down, and what is given back is too.
    assert [part.points_taken_back for part in parts] == [1, 26, 13]
    assert [part.points_given_back for part in parts] == [0, 666, 334]
    assert [part.refunded for part in parts] == [1, 3334, 5000]
    assert sum(part.amount_returned for part in parts) == 4000
    assert shop.balance(account) == 1000
    assert checkout.refunds_of(session, order.id) == tuple(parts)


def test_no_more_is_refunded_than_the_order(shop, account):
    order = shop.order(holder=shop.by_account(account))
    shop.refund(order.id, 4000)
    with pytest.raises(MoreThanBought) as caught:
        shop.refund(order.id, 1001)
    assert caught.value.facts["available"] == 1000
    shop.refund(order.id, 1000)
    with pytest.raises(MoreThanBought):
        shop.refund(order.id, 1)
    assert shop.balance(account) == 1000


@pytest.mark.parametrize("value", [0, -1, True, 1.5])
def test_a_refund_is_a_whole_number_above_zero(shop, value):
    order = shop.order()
    with pytest.raises(InvalidOrder) as caught:
        shop.refund(order.id, value)
    assert caught.value.field == "value"


def test_lines_of_a_refund_add_up(shop):
    order = shop.order(lines=[Line(sku="a", value=5000)])
    with pytest.raises(InvalidOrder) as caught:
        shop.refund(order.id, 100, lines=[Line(sku="a", value=99)])
    assert caught.value.field == "lines"
    shop.refund(order.id, 100, lines=[Line(sku="a", value=100)])


def test_an_order_that_does_not_exist_is_not_refunded(shop):
    with pytest.raises(OrderNotFound) as caught:
        shop.refund("ord_0", 1)
    assert caught.value.legacy_code == 811


def test_an_anonymous_order_is_refunded(shop, session):
    order = shop.order()
    refund = shop.refund(order.id, 2000)
    assert (refund.points_taken_back, refund.amount_returned, refund.parts) == (0, 2000, ())
    found = checkout.find_order(session, order.id, at=shop.at)
    assert found.status is OrderStatus.PARTLY_REFUNDED


def test_lifetime_purchases_fall_by_what_is_refunded(shop, account):
    order = shop.order(value=99, holder=shop.by_account(account))
    assert order.earned == ()
    assert shop.position(account).account.lifetime_purchases == 99
    shop.refund(order.id, 33)
    assert shop.position(account).account.lifetime_purchases == 66
    shop.status(ledger.close, account)
    shop.refund(order.id, 66)
    assert shop.position(account).account.lifetime_purchases == 0


def test_points_spent_meanwhile_become_a_debt_that_the_next_credit_pays(shop, account):
    order = shop.order(value=100_000, holder=shop.by_account(account))
    shop.redeem(account, points=2000)
    assert shop.balance(account) == 0
    assert shop.refund(order.id, 100_000).points_taken_back == 1000
    assert shop.balance(account) == -1000
    shop.order(value=120_000, holder=shop.by_account(account))
    assert shop.balance(account) == 200


@pytest.mark.parametrize(("policy", "left"), [("debt", -600), ("available", 0), ("promised", 400)])
def test_a_refund_reaches_as_far_as_the_program_says(shop, account, policy, left):
    shop.corner(refund=policy)
    order = shop.order(value=100_000, holder=shop.by_account(account))
    shop.redeem(account, points=1600)
    shop.refund(order.id, 100_000)
    assert shop.balance(account) == left


def test_promised_points_are_taken_from_the_promise(shop, account):
    shop.corner(
        refund="promised",
        earning=[
            {
                "id": "base",
                "kind": "spend",
                "currency": "EUR",
                "per": 100,
                "points": 1,
                "wait_days": 14,
            }
        ],
    )
    order = shop.order(holder=shop.by_account(account))
    assert (order.earned[0].points, order.earned[0].promised) == (50, True)
    assert shop.refund(order.id, 2500).points_taken_back == 25
    position = shop.position(account)
    assert (position.balance, position.promised) == (1000, 25)


def test_what_was_paid_with_points_returns_where_reversal_is_off(shop, account):
    shop.corner({"reversal": False})
    order = shop.order(holder=shop.by_account(account), redeem=[Redeem(points=1000)])
    shop.refund(order.id, 5000)
    assert shop.balance(account) == 1000


def test_points_that_expired_meanwhile_live_on_for_the_grace(shop, ana):
    account_id = shop.join("corner", ana, points=100, days=2)
    order = shop.order(value=100, holder=shop.by_account(account_id), redeem=[Redeem(points=100)])
    later = shop.at + timedelta(days=10)
    assert shop.refund(order.id, 100, at=later).points_given_back == 100
    (deadline,) = shop.position(account_id, at=later).deadlines
    assert deadline.points == 100
    assert deadline.expires_at == programs.find(shop.session).grace_expires_at(later)


def test_a_refund_reaches_the_survivor_of_a_merge(shop, session, account):
    order = shop.order(holder=shop.by_account(account), redeem=[Redeem(points=1000)])
    survivor = shop.join("corner", shop.customer(external_id="C2"))
    shop.merge(account, survivor)
    refund = shop.refund(order.id, 5000)
    assert [part.account_id for part in refund.parts] == [survivor]
    assert shop.balance(survivor) == 1000
    assert shop.position(survivor).account.lifetime_purchases == 0


@pytest.mark.parametrize("verb", [ledger.close, ledger.freeze])
def test_a_closed_or_frozen_account_is_refunded(shop, account, verb):
    order = shop.order(holder=shop.by_account(account), redeem=[Redeem(points=1000)])
    shop.status(verb, account)
    shop.refund(order.id, 2500)
    assert shop.balance(account) == 40 - 20 + 500


def test_an_order_on_hold_is_voided_and_not_refunded(shop, account):
    order = shop.order(holder=shop.by_account(account), capture=False)
    with pytest.raises(refusals.OrderHeld):
        shop.refund(order.id, 1)


def test_a_redemption_reversed_before_gives_only_the_rest(shop, session, account):
    order = shop.order(holder=shop.by_account(account), redeem=[Redeem(points=1000)])
    with orm.writing(session):
        checkout.reverse(
            session,
            redemption_id=order.redemptions[0].id,
            points=900,
            actor="key:till",
            at=shop.at,
        )
    assert shop.refund(order.id, 5000).points_given_back == 100
    assert shop.balance(account) == 1000


def test_rewards_of_parts_are_taken_back_too(shop, account):
    order = shop.order(
        holder=shop.by_account(account), splits=[Split(value=5000, reward=Reward(value=100))]
    )
    assert [shop.refund(order.id, v).points_taken_back for v in (1000, 4000)] == [30, 120]
    assert shop.balance(account) == 1000


def test_an_imported_purchase_is_refunded(shop, session, ana, account):
    with orm.writing(session):
        (done,) = orders.record(
            session,
            purchases=[
                orders.Purchase(
                    number="I1",
                    value=4200,
                    currency="EUR",
                    placed_at=shop.at,
                    customer_id=ana,
                    store="lisbon",
                )
            ],
            program=programs.find(session),
            actor="command",
            at=shop.at,
        )
    assert shop.balance(account) == 1042
    assert shop.refund(done.order_id, 4200).points_taken_back == 42
    assert shop.balance(account) == 1000
    assert shop.position(account).account.lifetime_purchases == 0


def test_several_accounts_are_given_back_in_proportion(shop, ana, account):
    shop.credits()
    wallet = shop.join("credits", ana, points=700)
    order = shop.order(
        value=1000,
        holder=shop.by_customer(ana, "corner"),
        redeem=[Redeem(points=300), Redeem(value=700, account=wallet)],
    )
    refund = shop.refund(order.id, 500)
    assert {p.account_id: p.points_given_back for p in refund.parts} == {account: 150, wallet: 350}
    assert refund.amount_returned == 0


@settings(max_examples=25)
@given(
    value=st.integers(1, 10**7),
    paid=st.integers(0, 5000),
    cuts=st.tuples(st.integers(0, 10**7), st.integers(0, 10**7)),
    rate=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    per=st.integers(1, 500),
)
def test_earn_refund_in_three_odd_parts_earn_again(shop, session, value, paid, cuts, rate, per):
    shop.corner(
        rate={"points": rate[0], "value": rate[1], "currency": "EUR"},
        earning=[{"id": "base", "kind": "spend", "currency": "EUR", "per": per, "points": 3}],
    )
    account_id = shop.join(points=10**6)
    holder = shop.by_account(account_id)
    redeem = [Redeem(value=min(paid, value))] if paid else []
    order = shop.order(value=value, holder=holder, redeem=redeem)
    earned = sum(gain.points for gain in order.earned)
    spent_points = sum(r.points for r in order.redemptions)
    middle = sorted(cut % (value + 1) for cut in cuts)
    edges = [0, *middle, value]
    taken = given_back = returned = 0
    for start, end in pairwise(edges):
        if start == end:
            continue
        part = shop.refund(order.id, end - start)
        taken += part.points_taken_back
        given_back += part.points_given_back
        returned += part.amount_returned
        # What stays is never more than the part that was kept would have earned.
        assert earned - taken <= earned * (value - end) // value
        assert given_back <= spent_points * end // value
    assert (taken, given_back, returned) == (earned, spent_points, order.amount_due)
    assert shop.balance(account_id) == 10**6
    again = shop.order(value=value, holder=holder, redeem=redeem)
    assert sum(gain.points for gain in again.earned) == earned
    assert shop.balance(account_id) == 10**6 + earned - spent_points
    assert shop.agrees()
