"""Consent where the points are a household's: the code of anyone who may spend them."""

import pytest

from portal.checkout import Redeem
from portal.checkout.errors import ApprovalNeeded, OtherMembersCode
from portal.checkout.values import Holder
from portal.members import Reference
from tests.checkout.test_households import ben, home, join, purse
from tests.checkout.test_member_approvals import STEP, pages

__all__ = ["ben", "home", "pages", "purse"]


@pytest.fixture
def asking(shop, purse):
    """A household with points, in a program that asks for presence."""
    shop.corner({"approval": "member_code"})
    shop.give(purse, 500)


def household(home):
    return Holder(reference=Reference(household=home))


def test_the_code_of_whoever_may_spend_is_presence(shop, asking, pages, home, purse, ana, ben):
    with pytest.raises(ApprovalNeeded):
        shop.redeem(purse, points=100)
    shop.redeem(purse, points=100, approval=pages.shown(ana))
    join(shop, home, ana, ben, may_send=True)
    shop.redeem(purse, points=100, approval=pages.shown(ben))
    shop.order(
        holder=household(home),
        redeem=[Redeem(points=100)],
        approval=pages.shown(ben, at=shop.at + STEP),
    )
    assert shop.balance(purse) == 500 - 300 + 49


def test_the_code_of_another_is_not(shop, asking, pages, home, purse, ana, ben):
    with pytest.raises(OtherMembersCode):
        shop.redeem(purse, points=100, approval=pages.shown(ben))
    join(shop, home, ana, ben, may_send=False)
    with pytest.raises(OtherMembersCode):
        shop.redeem(purse, points=100, approval=pages.shown(ben))
    with pytest.raises(OtherMembersCode):
        shop.quote(household(home), approval=pages.shown(ben))
    assert shop.balance(purse) == 500


def test_a_member_who_is_named_by_their_code_spends_the_households_points(
    shop, asking, pages, home, purse, ana
):
    order = shop.order(**pages.named(ana), redeem=[Redeem(points=200, account=purse)])
    assert order.amount_due == 4800


def test_a_quote_for_the_household_remembers_who_was_there(shop, asking, pages, home, purse, ana):
    quote = shop.quote(household(home), approval=pages.shown(ana))
    assert quote.approval == "none"
    shop.redeem(purse, points=100, quote=quote.id)
    assert shop.balance(purse) == 400
