"""Consent where the points are a household's: the code of anyone who may spend them."""

import pytest

from portal import ledger, orm
from portal.checkout import Redeem
from portal.checkout.errors import ApprovalNeeded, OtherMembersCode, RedeemerFraud
from portal.checkout.values import Holder
from portal.members import Reference
from portal.members.errors import HouseholdSenderFrozen
from tests.checkout.test_households import ben, fraud, home, join, purse
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


@pytest.mark.parametrize("refusal", [RedeemerFraud, HouseholdSenderFrozen])
def test_a_member_who_could_not_spend_their_own_approves_nothing(
    shop, asking, pages, home, purse, ana, ben, refusal
):
    join(shop, home, ana, ben, may_send=True)
    if refusal is RedeemerFraud:
        fraud(shop, ben)
    else:
        (own,) = ledger.accounts_of(shop.session, customer_id=ben)
        with orm.writing(shop.session):
            ledger.freeze(shop.session, account_id=own.id, at=shop.at, by="member")
    with pytest.raises(refusal):
        shop.redeem(purse, points=100, approval=pages.shown(ben))
    with pytest.raises(refusal):
        shop.order(holder=household(home), redeem=[Redeem(points=100)], approval=pages.shown(ben))
    # Others in the household are free, and so is what the code was shown for in vain.
    shop.redeem(purse, points=100, approval=pages.shown(ana))
    assert shop.balance(purse) == 400


def test_who_froze_their_own_spends_nothing_of_the_household(shop, home, purse, ana, ben):
    shop.give(purse, 500)
    join(shop, home, ana, ben, may_send=True)
    (own,) = ledger.accounts_of(shop.session, customer_id=ben)
    with orm.writing(shop.session):
        ledger.freeze(shop.session, account_id=own.id, at=shop.at, by="member")
    redeem = [Redeem(points=100, account=purse)]
    with pytest.raises(HouseholdSenderFrozen):
        shop.order(holder=shop.by_customer(ben), redeem=redeem)
    with orm.writing(shop.session):
        ledger.unfreeze(shop.session, account_id=own.id, at=shop.at, by="member")
    shop.order(holder=shop.by_customer(ben), redeem=redeem)
    assert shop.balance(purse) == 400 + 49
