"""Every refusal of RULES "Errors" that belongs to checkout, by its name and old number.

Each is provoked twice: by a redemption of its own and by an order, because
both go one way.
"""

import pytest
from sqlalchemy import update

from portal import checkout, ledger, orm
from portal.access import WrongMemberCode
from portal.access.member_codes import MemberLook
from portal.checkout import Redeem
from portal.errors import PortalError
from portal.members import Reference
from portal.members.models import Customer
from portal.programs.errors import ProgramNotFound


@pytest.fixture(params=["redemption", "order"])
def pay(request, shop):
    """Pays with an account's points, in one way or the other."""

    def pay(account_id, *, paying=5000, currency="EUR", **asked):
        if request.param == "redemption":
            number = f"P{shop.numbers}"
            shop.numbers += 1
            order = checkout.OrderInHand(number=number, value=paying, currency=currency)
            return shop.redeem(account_id, order=order, **asked)
        return shop.order(
            value=paying,
            currency=currency,
            holder=shop.by_account(account_id),
            redeem=[Redeem(**asked)],
        )

    return pay


def refusal(pay, *arguments, **more):
    with pytest.raises(PortalError) as caught:
        pay(*arguments, **more)
    return caught.value


@pytest.mark.parametrize(
    ("number", "code", "limits", "points", "limit"),
    [
        (821, "redemption_below_minimum", {"min": 100}, 99, 100),
        (819, "redemption_above_maximum", {"max": 100}, 101, 100),
        (819, "redemption_above_daily_limit", {"per_day": 100}, 101, 100),
        (819, "redemption_above_share_of_order", {"max_share_of_order": "0.1"}, 501, 500),
        (807, "redemption_not_a_multiple", {"multiple_of": 50}, 60, 50),
        (804, "not_enough_current_points", {"min_points": 1001}, 10, 1001),
        (805, "not_enough_lifetime_points", {"min_lifetime_points": 1001}, 10, 1001),
        (806, "not_enough_lifetime_purchases", {"min_lifetime_purchases": 1}, 10, 1),
    ],
)
def test_limits_each_by_its_own_number(shop, account, pay, number, code, limits, points, limit):
    shop.corner(limits)
    error = refusal(pay, account, points=points)
    assert (error.legacy_code, error.code, error.facts["limit"]) == (number, code, limit)
    assert shop.balance(account) == 1000


def test_827_redemption_off(shop, account, pay):
    shop.corner({"enabled": False})
    assert refusal(pay, account, points=10).legacy_code == 827


def test_804_not_enough(shop, account, pay):
    error = refusal(pay, account, points=1001)
    assert (error.legacy_code, error.facts["available"]) == (804, 1000)


@pytest.mark.parametrize("points", [0, -1])
def test_801_invalid_points(account, pay, points):
    assert refusal(pay, account, points=points).legacy_code == 801


def test_801_worth_nothing(shop, account, pay):
    shop.corner(rate={"points": 100, "value": 1, "currency": "EUR"})
    error = refusal(pay, account, points=99)
    assert (error.legacy_code, error.code, error.facts["limit"]) == (801, "worth_nothing", 100)


@pytest.mark.parametrize("value", [0, -5])
def test_801_by_a_value_that_is_none(account, pay, value):
    assert refusal(pay, account, value=value).legacy_code == 801


def test_872_by_value_without_a_rate(shop, account, pay):
    shop.corner(rate=None)
    assert refusal(pay, account, value=5).legacy_code == 872


def test_809_the_redeemers_fraud(shop, session, ana, account, pay):
    with orm.writing(session):
        session.execute(update(Customer).where(Customer.id == ana).values(fraud_status="confirmed"))
    assert refusal(pay, account, points=10).legacy_code == 809


def test_a_suspected_member_redeems(shop, session, ana, account, pay):
    with orm.writing(session):
        session.execute(update(Customer).where(Customer.id == ana).values(fraud_status="suspected"))
    pay(account, points=10)
    assert shop.balance(account) < 1000 + 50


def test_824_approval_needed(shop, account, pay):
    shop.corner({"approval": "member_code"})
    error = refusal(pay, account, points=10)
    assert (error.legacy_code, error.facts["approval"]) == (824, "member_code")


def test_808_wrong_code(shop, account):
    wrong = MemberLook(refusal=WrongMemberCode())
    shop.corner({"approval": "member_code"})
    with pytest.raises(PortalError) as caught:
        shop.redeem(account, points=10, approval=checkout.Approval(member_code=wrong))
    assert caught.value.legacy_code == 808


def test_419_a_merged_account(shop, account, pay):
    survivor = shop.join()
    shop.merge(account, survivor)
    error = refusal(pay, account, points=10)
    assert (error.legacy_code, error.facts["account"]) == (419, survivor)


def test_881_no_such_account(pay):
    assert refusal(pay, "loy_0", points=10).legacy_code == 881


def test_881_not_enrolled(shop, ana):
    shop.corner(auto_enrol=False)
    with pytest.raises(PortalError) as caught:
        shop.place(holder=shop.by_customer(ana, "corner"), redeem=[Redeem(points=1)])
    assert caught.value.legacy_code == 881


def test_816_no_such_customer(shop):
    for holder in (shop.by_customer("cus_0"), shop.by("mobile", "+351911111111")):
        with pytest.raises(PortalError) as caught:
            shop.place(holder=holder)
        assert caught.value.legacy_code == 816


def test_802_no_such_identifier(shop):
    with pytest.raises(PortalError) as caught:
        shop.place(holder=shop.by("mobile", "no number"))
    assert caught.value.legacy_code == 802


def test_895_no_such_program(shop, ana):
    with pytest.raises(ProgramNotFound) as caught:
        shop.place(holder=shop.by_customer(ana, "nowhere"))
    assert caught.value.legacy_code == 895


def test_901_an_invalid_redemption(shop, account):
    with pytest.raises(PortalError) as caught:
        shop.place(holder=shop.by_account(account), redeem=[Redeem(points=1), Redeem(value=1)])
    assert caught.value.legacy_code == 901


def test_902_no_such_redemption(shop, session):
    for verb in (checkout.capture, checkout.void, checkout.reverse):
        more = {} if verb is checkout.capture else {"actor": "key:till"}
        with orm.writing(session), pytest.raises(PortalError) as caught:
            verb(session, redemption_id="red_0", at=shop.at, **more)
        assert caught.value.legacy_code == 902


def test_904_not_this_customers(shop, session, account):
    redemption = shop.redeem(account, points=10)
    with orm.writing(session), pytest.raises(PortalError) as caught:
        checkout.reverse(
            session,
            redemption_id=redemption.id,
            identifier=Reference(type="mobile", value="+351911111111"),
            actor="key:till",
            at=shop.at,
        )
    assert caught.value.legacy_code == 904


def test_the_order_of_another_store_is_not_this_keys(shop, session, account):
    order = shop.order(holder=shop.by_account(account), capture=False)
    more = {"order_id": order.id, "actor": "key:till", "at": shop.at, "store": "porto"}
    for call in (
        lambda: checkout.find_order(session, order.id, at=shop.at, store="porto"),
        lambda: checkout.capture_order(session, **more),
        lambda: checkout.void_order(session, **more),
        lambda: checkout.refund(session, wish=checkout.RefundWish(value=1), **more),
    ):
        with orm.writing(session), pytest.raises(PortalError) as caught:
            call()
        assert caught.value.code == "other_store"
    assert ledger.verify(session) == []
