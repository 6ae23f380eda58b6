"""Quotes: what may be paid, why not, and a promise that is kept on one clock."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from portal import codes, ledger, orm
from portal.checkout import Redeem, quotes
from portal.checkout import errors as refusals
from portal.codes.errors import CodeUsed
from portal.ledger.errors import InsufficientPoints
from portal.members.models import Customer
from portal.outbox.models import Message
from portal.programs.errors import RedemptionAboveDay, RedemptionBelowMinimum


def test_a_quote_says_what_may_be_paid_and_what_is_earned(shop, account):
    shop.corner({"min": 100, "max": 600, "multiple_of": 50})
    quote = shop.quote(shop.by_account(account))
    assert (quote.spendable, quote.max_points, quote.min_points) == (1000, 600, 100)
    assert (quote.multiple_of, quote.max_value, quote.refusals) == (50, 600, ())
    assert (quote.approval, quote.warnings) == ("none", ())
    assert quote.would_earn.points == 50
    assert "€50" in quote.would_earn.explanation
    assert quote.expires_at == shop.at + quotes.LIFETIME
    assert quote.id.startswith("quo_")


@pytest.mark.parametrize(
    ("limits", "value", "most", "worth"),
    [
        ({}, 5000, 1000, 1000),
        ({}, 300, 300, 300),
        ({"max": 250}, 5000, 250, 250),
        ({"per_day": 700}, 5000, 700, 700),
        ({"max_share_of_order": "0.25"}, 1999, 499, 499),
        ({"multiple_of": 300}, 5000, 900, 900),
        ({"multiple_of": 300, "max_share_of_order": "0.5"}, 1000, 300, 300),
    ],
)
def test_what_a_quote_offers_is_taken_and_one_more_is_not(
    shop, account, limits, value, most, worth
):
    shop.corner(limits)
    holder = shop.by_account(account)
    quote = shop.quote(holder, value)
    assert (quote.max_points, quote.max_value) == (most, worth)
    step = limits.get("multiple_of", 1)
    with pytest.raises(Exception) as caught:
        shop.place(value=value, holder=holder, redeem=[Redeem(points=most + step)])
    assert caught.value.code
    order = shop.order(value=value, holder=holder, redeem=[Redeem(points=most)], quote=quote.id)
    assert order.amount_due == value - worth


@pytest.mark.parametrize(
    ("limits", "value", "code"),
    [
        ({"enabled": False}, 5000, "redemption_off"),
        ({"min_points": 1001}, 5000, "not_enough_current_points"),
        ({"min_lifetime_points": 1001}, 5000, "not_enough_lifetime_points"),
        ({"min_lifetime_purchases": 1}, 5000, "not_enough_lifetime_purchases"),
        ({"min": 1001}, 5000, "insufficient_points"),
        ({"min": 200}, 100, "above_order_value"),
        ({"min": 200, "max_share_of_order": "0.1"}, 1000, "redemption_above_share_of_order"),
    ],
)
def test_a_quote_says_every_reason_why_not(shop, account, limits, value, code):
    shop.corner(limits)
    quote = shop.quote(shop.by_account(account), value)
    assert code in [refusal.code for refusal in quote.refusals]
    assert (quote.max_points, quote.max_value, quote.approval) == (0, 0, "none")


def test_a_quote_says_that_the_account_is_closed_frozen_or_a_frauds(shop, session, ana, account):
    def codes_of():
        return [r.code for r in shop.quote(shop.by_account(account)).refusals]

    shop.status(ledger.freeze, account)
    assert codes_of() == ["account_frozen"]
    shop.status(ledger.close, account)
    assert codes_of() == ["account_closed"]
    shop.status(ledger.reopen, account)
    with orm.writing(session):
        session.execute(update(Customer).where(Customer.id == ana).values(fraud_status="confirmed"))
    assert codes_of() == ["redeemer_fraud"]
    with pytest.raises(refusals.RedeemerFraud) as caught:
        shop.place(holder=shop.by_account(account), redeem=[Redeem(points=1)])
    assert caught.value.legacy_code == 809


def test_a_customer_who_has_not_joined_may_see_what_they_would_earn(shop, ana):
    quote = shop.quote(shop.by_customer(ana, "corner"))
    assert [refusal.code for refusal in quote.refusals] == ["not_enrolled"]
    assert (quote.spendable, quote.would_earn.points) == (0, 50)


def test_a_quote_in_another_money_says_so(shop, account):
    quote = shop.quote(shop.by_account(account), currency="USD")
    assert [refusal.code for refusal in quote.refusals] == ["wrong_order_currency"]
    with pytest.raises(refusals.WrongOrderCurrency):
        shop.place(currency="USD", holder=shop.by_account(account), redeem=[Redeem(points=1)])


def test_a_quote_of_a_customer_as_a_whole_sums_up_by_value(shop, ana, account):
    shop.credits()
    wallet = shop.join("credits", ana, points=400)
    quote = shop.quote(shop.by_customer(ana), 1200)
    assert (quote.max_value, quote.max_points, quote.spendable) == (1200, None, None)
    assert {s.account_id: s.max_value for s in quote.sources} == {account: 1000, wallet: 400}
    order = shop.order(
        value=1200, holder=shop.by_customer(ana), redeem=[Redeem(value=1200)], quote=quote.id
    )
    assert order.amount_due == 0


def test_points_without_a_rate_are_quoted_with_a_warning(shop, ana):
    shop.apply(
        {"id": "stars", "name": "Stars", "currency": "STAR", "redemption": {"approval": "none"}}
    )
    stars = shop.join("stars", ana, points=50)
    quote = shop.quote(shop.by_account(stars))
    assert (quote.max_points, quote.max_value) == (50, None)
    assert [warning.legacy_code for warning in quote.warnings] == [872]


# -- the promise


def test_a_quote_serves_once(shop, account):
    holder = shop.by_account(account)
    quote = shop.quote(holder)
    wish = shop.wish(holder=holder, redeem=[Redeem(points=10)], quote=quote.id)
    order = shop.order(wish)
    with pytest.raises(refusals.QuoteUsed) as caught:
        shop.place(holder=holder, redeem=[Redeem(points=10)], quote=quote.id)
    assert caught.value.facts["used_for"] == order.id
    # The same receipt again is the first order, and needs no quote.
    assert shop.place(wish).again


def test_a_quote_ends(shop, account):
    holder = shop.by_account(account)
    quote = shop.quote(holder)
    place = {"holder": holder, "redeem": [Redeem(points=10)], "quote": quote.id}
    with pytest.raises(refusals.QuoteExpired):
        shop.place(**place, at=quote.expires_at)
    assert shop.place(**place, at=quote.expires_at - timedelta(seconds=1))


def test_a_quote_is_for_its_holder_value_and_currency(shop, account):
    quote = shop.quote(shop.by_account(account), 5000)
    stranger = shop.join("corner", shop.customer(external_id="C2"), points=500)
    with pytest.raises(refusals.QuoteNotFound):
        shop.place(holder=shop.by_account(stranger), redeem=[Redeem(points=1)], quote=quote.id)
    with pytest.raises(refusals.QuoteNotFound):
        shop.place(holder=shop.by_account(account), redeem=[Redeem(points=1)], quote="quo_0")
    with pytest.raises(refusals.QuoteDiffers):
        shop.place(
            value=4999, holder=shop.by_account(account), redeem=[Redeem(points=1)], quote=quote.id
        )
    with pytest.raises(refusals.HolderNeeded):
        shop.place(quote=quote.id)


def test_a_quote_binds_a_redemption_as_well(shop, account):
    quote = shop.quote(shop.by_account(account))
    redemption = shop.redeem(account, points=10, quote=quote.id)
    with pytest.raises(refusals.QuoteUsed) as caught:
        shop.redeem(account, points=10, quote=quote.id)
    assert caught.value.facts["used_for"] == redemption.id


def test_a_quote_keeps_its_rate_and_limits_when_the_program_changes(shop, account):
    holder = shop.by_account(account)
    quote = shop.quote(holder)
    other = shop.quote(holder)
    shop.corner({"min": 500}, rate={"points": 100, "value": 50, "currency": "EUR"})
    with pytest.raises(RedemptionBelowMinimum):
        shop.place(holder=holder, redeem=[Redeem(points=100)])
    order = shop.order(holder=holder, redeem=[Redeem(points=100)], quote=quote.id)
    assert order.redemptions[0].value == 100
    assert shop.redeem(account, points=100, quote=other.id).value == 100


def test_a_day_that_ends_between_quote_and_order_refuses_nothing(shop, account):
    shop.corner({"per_day": 500})
    holder = shop.by_account(account)
    evening = datetime(2026, 3, 2, 23, 55, tzinfo=UTC)
    morning = evening + timedelta(minutes=10)
    shop.redeem(account, points=200, at=evening)
    quote = shop.quote(holder, at=evening)
    assert quote.max_points == 300
    order = shop.order(holder=holder, redeem=[Redeem(points=300)], quote=quote.id, at=morning)
    assert order.redemptions[0].points == 300


def test_a_quote_does_not_open_the_day_twice(shop, account):
    shop.corner({"per_day": 500})
    holder = shop.by_account(account)
    evening = datetime(2026, 3, 2, 23, 55, tzinfo=UTC)
    morning = evening + timedelta(minutes=10)
    quote = shop.quote(holder, at=evening)
    shop.redeem(account, points=500, at=morning)
    with pytest.raises(RedemptionAboveDay):
        shop.place(holder=holder, redeem=[Redeem(points=500)], quote=quote.id, at=morning)


def test_a_standing_that_changes_between_quote_and_order_refuses_nothing(shop, account):
    shop.corner({"min_points": 1000})
    holder = shop.by_account(account)
    quote = shop.quote(holder)
    shop.redeem(account, points=600)
    with pytest.raises(Exception) as caught:
        shop.place(holder=holder, redeem=[Redeem(points=100)])
    assert caught.value.code == "not_enough_current_points"
    order = shop.order(holder=holder, redeem=[Redeem(points=400)], quote=quote.id)
    assert order.redemptions[0].points == 400


def test_a_quote_never_reaches_beyond_the_balance(shop, account):
    holder = shop.by_account(account)
    quote = shop.quote(holder)
    shop.redeem(account, points=600)
    with pytest.raises(InsufficientPoints) as caught:
        shop.place(holder=holder, redeem=[Redeem(points=1000)], quote=quote.id)
    assert (caught.value.facts["available"], caught.value.legacy_code) == (400, 804)
    assert shop.place(holder=holder, redeem=[Redeem(points=400)], quote=quote.id)


def test_no_more_than_was_quoted_is_taken(shop, account):
    holder = shop.by_account(account)
    quote = shop.quote(holder)
    shop.give(account, 500)
    with pytest.raises(refusals.AboveQuote) as caught:
        shop.place(holder=holder, redeem=[Redeem(points=1001)], quote=quote.id)
    assert caught.value.facts["limit"] == 1000


# -- codes


def test_the_code_says_what_it_approves(shop, session, account):
    shop.corner({"approval": "one_time_code"})
    quote = shop.quote(shop.by_account(account), 4210, issue_code=True)
    assert quote.code_sent
    (row,) = session.execute(Message.__table__.select())
    message = shop.message(row)
    assert message["to"] == "+351912345678"
    assert "1000 points (€10) of an order of €42.10" in message["body"]


@pytest.mark.parametrize("channels", [(), ("email",)])
def test_a_code_that_cannot_be_sent_is_a_warning(shop, account, channels):
    shop.corner({"approval": "one_time_code"})
    quote = shop.quote(shop.by_account(account), issue_code=True, channels=channels)
    assert [warning.legacy_code for warning in quote.warnings] == [876]
    assert (quote.code_sent, quote.max_points) == (False, 1000)


def test_a_code_asked_for_too_often_is_a_warning(shop, account):
    shop.corner({"approval": "one_time_code"})
    holder = shop.by_account(account)
    assert shop.quote(holder, issue_code=True).code_sent
    again = shop.quote(holder, issue_code=True, at=shop.at + timedelta(seconds=5))
    assert [warning.legacy_code for warning in again.warnings] == [876]


def test_no_code_is_sent_where_none_is_needed(shop, account):
    quote = shop.quote(shop.by_account(account), issue_code=True)
    assert (quote.code_sent, quote.warnings, quote.approval) == (False, (), "none")


def test_a_code_works_once(shop, account):
    shop.corner({"approval": "one_time_code"})
    holder = shop.by_account(account)
    quote = shop.quote(holder, issue_code=True)
    code = shop.code()
    approval = shop.approval(quote.id, code)
    second = shop.approval(quote.id, code)
    wish = {"holder": holder, "redeem": [Redeem(points=10)], "quote": quote.id}
    shop.place(**wish, approval=approval)
    with pytest.raises((CodeUsed, refusals.QuoteUsed)):
        shop.place(**wish, approval=second)
    with pytest.raises(CodeUsed):
        shop.approval(quote.id, code).one_time_code.look.require()


def test_nothing_is_approved_below_the_programs_threshold(shop, account):
    shop.corner({"approval": "one_time_code", "approval_above": 100})
    holder = shop.by_account(account)
    shop.place(holder=holder, redeem=[Redeem(points=100)])
    with pytest.raises(refusals.ApprovalNeeded):
        shop.place(holder=holder, redeem=[Redeem(points=101)])


def test_a_code_of_no_quote_is_not_looked_at(shop):
    with pytest.raises(refusals.QuoteNotFound):
        shop.approval("quo_0", "123456")


def test_old_quotes_are_purged(shop, session, account):
    quote = shop.quote(shop.by_account(account))
    with orm.writing(session):
        assert quotes.purge(session, at=quote.expires_at) == 0
        assert quotes.purge(session, at=quote.expires_at + quotes.KEPT) == 1
    assert codes.LIFETIME < quotes.LIFETIME


def test_a_quote_and_its_code_are_for_no_other_account(shop, ana, account):
    shop.credits(redemption={"approval": "one_time_code"})
    shop.corner({"approval": "one_time_code"})
    holder = shop.by_customer(ana, "corner")
    wallet = shop.join("credits", ana, points=700)
    quote = shop.quote(holder, issue_code=True)
    approval = shop.approval(quote.id, shop.code())
    with pytest.raises(refusals.QuoteDiffers):
        shop.place(
            holder=holder,
            redeem=[Redeem(points=10, account=wallet)],
            quote=quote.id,
            approval=approval,
        )
    with pytest.raises(refusals.QuoteNotFound):
        shop.redeem(wallet, points=10, quote=quote.id, approval=approval)


def test_a_customer_as_a_whole_pays_what_was_quoted_whatever_came_since(shop, ana, account):
    shop.credits()
    wallet = shop.join("credits", ana, points=400, days=300)
    holder = shop.by_customer(ana)
    quote = shop.quote(holder, 1400)
    # What comes after the quote expires sooner, and is not part of it.
    shop.give(wallet, 1000, days=1)
    shop.corner({"min_points": 5000})
    order = shop.order(value=1400, holder=holder, redeem=[Redeem(value=1400)], quote=quote.id)
    assert {r.account_id: r.value for r in order.redemptions} == {account: 1000, wallet: 400}


def test_a_customer_as_a_whole_confirms_with_one_code(shop, ana, account):
    shop.corner({"approval": "one_time_code"})
    shop.credits()
    shop.join("credits", ana, points=400, days=10)
    holder = shop.by_customer(ana)
    quote = shop.quote(holder, 1200, issue_code=True)
    assert (quote.approval, quote.code_sent) == ("one_time_code", True)
    approval = shop.approval(quote.id, shop.code())
    order = shop.order(
        value=1200,
        holder=holder,
        redeem=[Redeem(value=1200)],
        quote=quote.id,
        approval=approval,
    )
    assert (order.amount_due, len(order.redemptions)) == (0, 2)


@pytest.mark.parametrize("value", [0, -1])
def test_a_customer_as_a_whole_pays_more_than_nothing(shop, ana, account, value):
    shop.credits()
    shop.join("credits", ana, points=400)
    with pytest.raises(Exception) as caught:
        shop.place(holder=shop.by_customer(ana), redeem=[Redeem(value=value)])
    assert caught.value.legacy_code == 801
