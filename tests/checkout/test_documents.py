"""The checkout samples of the source documents, in our words, with their amounts.

000: accounts as a payment source. 003: reversal of redeemed points. 004:
rewards on parts of a payment, redeemed on a later one. Amounts in cents where
a document has euros.
"""

from datetime import UTC, date, datetime, timedelta

import pytest

from portal import checkout, orm
from portal.checkout import Redeem, Reward, Split
from portal.checkout import errors as refusals
from portal.ledger.errors import AlreadyReversed, InsufficientPoints, MoreThanRedeemed
from portal.members import Reference

APRIL = datetime(2026, 4, 2, 9, 12, tzinfo=UTC)


@pytest.fixture
def market(shop):
    """The marketplace of 004: its credits are euros, and bring themselves."""
    shop.at = APRIL
    shop.credits(auto_enrol=True)
    return shop


@pytest.fixture
def john(market):
    return market.customer(external_id="649e88cf", email="john.doe@example.com")


def order_1029(market, john, **more):
    """A sale of 50.00 with one part, which brings 2.50 until 2 April 2027."""
    return market.order(
        value=5000,
        number=more.pop("number", "1029"),
        holder=market.by_customer(john, "credits"),
        splits=[
            Split(
                value=5000,
                seller="Marketplace seller",
                reward=Reward(value=250, expiration_date=date(2027, 4, 2)),
            )
        ],
        **more,
    )


def test_004_a_split_with_a_reward_credits_the_customer(market, john):
    order = order_1029(market, john)
    (account_id,) = order.account_ids
    # It does not change what the customer pays.
    assert (order.amount_due, market.balance(account_id)) == (5000, 250)
    (deadline,) = market.position(account_id).deadlines
    # Past this date it is gone, and through it, it is usable (Lisbon is an hour ahead of UTC).
    assert deadline.expires_at == datetime(2027, 4, 2, 23, 0, tzinfo=UTC)


def test_004_a_reward_expires_twelve_months_after_the_transaction_by_default(market, john):
    order = market.order(
        holder=market.by_customer(john, "credits"),
        splits=[Split(value=5000, reward=Reward(value=250))],
    )
    (gain,) = order.earned
    assert gain.expires_at == datetime(2027, 4, 2, 23, 0, tzinfo=UTC)


def test_004_credits_past_their_date_are_no_longer_redeemed(market, john):
    order = order_1029(market, john)
    (account_id,) = order.account_ids
    end = datetime(2027, 4, 2, 23, 0, tzinfo=UTC)
    pay = {"holder": market.by_account(account_id), "redeem": [Redeem(value=250)]}
    with pytest.raises(InsufficientPoints):
        market.place(**pay, at=end)
    assert market.place(**pay, at=end - timedelta(seconds=1))


def test_004_the_balance_is_the_sum_of_the_credits(market, john):
    account_id = market.join("credits", john, points=1000)
    order_1029(market, john)
    assert market.balance(account_id) == 1250


def test_004_full_redemption_leaves_nothing_to_pay(market, john):
    account_id = market.join("credits", john, points=5000)
    order = market.order(
        value=5000,
        holder=market.by_customer(john, "credits"),
        redeem=[Redeem(value=5000, account=account_id)],
    )
    assert (order.amount_due, market.balance(account_id)) == (0, 0)


def test_004_partial_redemption_charges_the_rest(market, john):
    account_id = market.join("credits", john, points=1250)
    order = market.order(
        value=5000,
        holder=market.by_customer(john, "credits"),
        redeem=[Redeem(value=500, account=account_id)],
    )
    assert (order.amount_due, market.balance(account_id)) == (4500, 750)
    assert order.redemptions[0].value == 500


def test_004_no_more_is_redeemed_than_the_balance_nor_than_the_payment(market, john):
    account_id = market.join("credits", john, points=6000)
    pay = {"value": 5000, "holder": market.by_customer(john, "credits")}
    with pytest.raises(refusals.AboveOrderValue):
        market.place(**pay, redeem=[Redeem(value=5001, account=account_id)])
    market.place(**pay, redeem=[Redeem(value=5000, account=account_id)])
    with pytest.raises(InsufficientPoints) as caught:
        market.place(**pay, redeem=[Redeem(value=1001, account=account_id)])
    assert caught.value.facts["available"] == 1000


def test_004_earning_and_spending_in_one_payment_do_not_touch_each_other(market, john):
    account_id = market.join("credits", john, points=1000)
    order = market.order(
        value=5000,
        holder=market.by_customer(john, "credits"),
        redeem=[Redeem(value=1000, account=account_id)],
        splits=[Split(value=5000, reward=Reward(value=500))],
    )
    assert order.amount_due == 4000
    assert market.balance(account_id) == 500
    with pytest.raises(InsufficientPoints):
        # What this very payment earns does not pay for it.
        market.place(
            value=5000,
            holder=market.by_customer(john, "credits"),
            redeem=[Redeem(value=501, account=account_id)],
            splits=[Split(value=5000, reward=Reward(value=500))],
        )


def test_004_only_the_customer_who_earned_the_credits_redeems_them(market, john):
    order = order_1029(market, john)
    jane = market.customer(external_id="jane")
    market.join("credits", jane)
    with pytest.raises(refusals.OtherHolder):
        market.place(
            holder=market.by_customer(jane, "credits"),
            redeem=[Redeem(value=1, account=order.account_ids[0])],
        )


def test_004_redeeming_on_the_capture_of_an_earlier_authorisation(market, john):
    account_id = market.join("credits", john, points=500)
    held = market.order(
        value=5000,
        holder=market.by_customer(john, "credits"),
        redeem=[Redeem(value=500)],
        splits=[Split(value=5000, reward=Reward(value=250))],
        capture=False,
    )
    assert market.balance(account_id) == 0
    captured = market.capture(held.id, at=market.at + timedelta(minutes=10))
    assert (captured.amount_due, market.balance(account_id)) == (4500, 250)


# -- 000


@pytest.fixture
def usd(shop):
    shop.apply(
        {
            "id": "customer-accounts-usd",
            "name": "Accounts USD",
            "currency": "USD",
            "decimals": 2,
            "tags": ["accounts-usd"],
            "redemption": {"approval": "none"},
        }
    )
    return shop


def test_000_an_account_is_a_payment_source(usd):
    customer = usd.customer(external_id="cus_123")
    account_id = usd.join("customer-accounts-usd", customer, points=2500)
    order = usd.order(
        value=2000,
        currency="USD",
        holder=usd.by_account(account_id),
        redeem=[Redeem(value=2000)],
    )
    assert (order.amount_due, usd.balance(account_id)) == (0, 500)


def test_000_a_customer_as_a_source_means_all_value_they_hold(usd):
    customer = usd.customer(external_id="cus_123")
    account_id = usd.join("customer-accounts-usd", customer, points=2500, days=30)
    usd.apply(
        {
            "id": "megabucks",
            "name": "Megabucks",
            "currency": "megabucks",
            "rate": {"points": 1, "value": 10, "currency": "USD"},
            "redemption": {"approval": "none"},
        }
    )
    bucks = usd.join("megabucks", customer, points=100, days=60)
    order = usd.order(
        value=3000,
        currency="USD",
        holder=usd.by("external_id", "cus_123"),
        redeem=[Redeem(value=3000)],
    )
    assert {r.account_id: (r.points, r.value) for r in order.redemptions} == {
        account_id: (2500, 2500),
        bucks: (50, 500),
    }
    assert order.amount_due == 0


# -- 003


@pytest.fixture
def reverse(shop):
    def reverse(redemption, points=None, identifier=None):
        with orm.writing(shop.session):
            return checkout.reverse(
                shop.session,
                redemption_id=redemption.id,
                points=points,
                identifier=identifier,
                actor="key:till",
                at=shop.at,
            )

    return reverse


def test_003_points_of_a_transaction_are_reversed_in_part_and_whole(shop, account, reverse):
    redemption = shop.redeem(account, points=20)
    mine = Reference(type="mobile", value="+351912345678")
    assert reverse(redemption, 10, mine).points == 10
    assert shop.balance(account) == 990
    with pytest.raises(MoreThanRedeemed) as caught:
        reverse(redemption, 11)
    assert caught.value.legacy_code == 810
    assert reverse(redemption).points == 10
    with pytest.raises(AlreadyReversed) as caught:
        reverse(redemption)
    assert caught.value.legacy_code == 812
    assert shop.balance(account) == 1000


def test_003_the_identifier_must_be_the_redemptions_customers(shop, account, reverse):
    redemption = shop.redeem(account, points=20)
    shop.customer(mobile="+351911111111")
    with pytest.raises(refusals.OtherCustomers) as caught:
        reverse(redemption, 10, Reference(type="mobile", value="+351911111111"))
    assert caught.value.legacy_code == 904


def test_003_reversal_can_be_switched_off(shop, account, reverse):
    shop.corner({"reversal": False})
    with pytest.raises(refusals.ReversalOff) as caught:
        reverse(shop.redeem(account, points=20))
    assert caught.value.legacy_code == 905
