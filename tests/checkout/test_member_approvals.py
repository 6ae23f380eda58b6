"""The rotating code as consent: by program, by amount, once, of the account's own member."""

import itertools
from datetime import timedelta

import pytest
from sqlalchemy import event

from portal import checkout, orm
from portal.access import (
    MemberCodeExpired,
    MemberCodeUsed,
    WrongMemberCode,
    member_codes,
)
from portal.checkout import Approval, Holder, Redeem
from portal.checkout.errors import ApprovalNeeded, OtherMembersCode, QuoteExpired, WrongApproval
from portal.checkout.models import Quote
from portal.ledger.errors import InsufficientPoints
from portal.members import Reference, cards
from portal.programs.errors import ProgramNotFound, RedemptionAboveMaximum
from tests.checkout.conftest import PEPPER
from tests.checkout.test_races import at_once, done, refused

PHONE = "+351912345678"
STEP = member_codes.STEP


class Pages:
    """Members' pages, and the till's look at what they show."""

    def __init__(self, shop):
        self.shop, self.session = shop, shop.session

    def code(self, customer_id, *, at=None):
        at = at or self.shop.at
        with orm.writing(self.session):
            member_codes.begin(self.session, customer_id=customer_id, at=at)
        shown = member_codes.upcoming(
            self.session, customer_id=customer_id, at=at, pepper=PEPPER, steps=1
        )
        return shown.codes[0].code

    def look(self, code, *, at=None):
        with orm.recording(self.session):
            return member_codes.look(
                self.session, code=code, client="till", at=at or self.shop.at, pepper=PEPPER
            )

    def shown(self, customer_id, *, at=None):
        """As the till sends it to approve."""
        return Approval(member_code=self.look(self.code(customer_id, at=at), at=at))

    def named(self, customer_id, *, at=None):
        """As the till sends it to name them."""
        look = self.look(self.code(customer_id, at=at), at=at)
        return {
            "holder": Holder(reference=Reference(customer=look.require())),
            "approval": Approval(named_by=look),
        }


@pytest.fixture
def pages(shop):
    return Pages(shop)


@pytest.fixture
def bea(shop):
    return shop.customer(mobile="+351912345679", external_id="C2")


def by_phone(shop):
    return shop.by("mobile", PHONE)


# -- what the program asks for


ASKED = [
    # approval, above, named by phone, points: what is asked for without and with a member code
    ("none", 0, True, 500, "none", "none"),
    ("member_code", 0, False, 1, "member_code", "none"),
    ("member_code", 0, True, 500, "member_code", "none"),
    ("member_code", 500, True, 500, "none", "none"),
    ("member_code", 500, True, 501, "member_code", "none"),
    ("one_time_code", 0, False, 1, "one_time_code", "one_time_code"),
    ("one_time_code", 500, True, 500, "none", "none"),
    ("one_time_code", 500, False, 501, "one_time_code", "one_time_code"),
    ("auto", 0, False, 500, "none", "none"),
    ("auto", 0, True, 1, "one_time_code", "none"),
    ("auto", 500, True, 500, "none", "none"),
    ("auto", 500, True, 501, "one_time_code", "none"),
]


@pytest.mark.parametrize(("approval", "above", "phone", "points", "without", "shown"), ASKED)
def test_what_is_asked_for_by_program_and_amount(
    shop, pages, ana, account, approval, above, phone, points, without, shown
):
    shop.corner({"approval": approval, "approval_above": above})
    if without == "none":
        shop.redeem(account, points=points, by_contact=phone)
    else:
        with pytest.raises(ApprovalNeeded) as needed:
            shop.redeem(account, points=points, by_contact=phone)
        assert (needed.value.facts, needed.value.legacy_code) == ({"approval": without}, 824)
    assert shop.balance(account) == (1000 - points if without == "none" else 1000)
    if points > 500 and without == "none":
        return
    consent = pages.shown(ana)
    if shown == "none":
        shop.redeem(account, points=min(points, 500), by_contact=phone, approval=consent)
    else:
        with pytest.raises(WrongApproval) as wrong:
            shop.redeem(account, points=points, by_contact=phone, approval=consent)
        assert (wrong.value.facts, wrong.value.legacy_code) == ({"approval": shown}, 808)


def test_a_one_time_code_is_no_presence(shop, pages, ana, account):
    shop.corner({"approval": "one_time_code"})
    quote = shop.quote(by_phone(shop), issue_code=True)
    consent = shop.approval(quote.id, shop.code())
    shop.corner({"approval": "member_code"})
    with pytest.raises(WrongApproval) as wrong:
        shop.redeem(account, points=100, approval=consent)
    assert wrong.value.facts == {"approval": "member_code"}


# -- redemptions


def test_a_code_lets_one_redemption_through(shop, pages, ana, account):
    shop.corner({"approval": "member_code"})
    code = pages.code(ana)
    shop.redeem(account, points=100, approval=Approval(member_code=pages.look(code)))
    with pytest.raises(MemberCodeUsed) as used:
        shop.redeem(account, points=100, approval=Approval(member_code=pages.look(code)))
    assert used.value.legacy_code == 808
    assert shop.balance(account) == 900


@pytest.mark.parametrize("role", ["member_code", "named_by"])
def test_one_code_serves_as_name_and_as_consent(shop, pages, ana, account, role):
    shop.corner({"approval": "member_code"})
    look = pages.look(pages.code(ana))
    consent = Approval(named_by=look, member_code=look) if role == "member_code" else None
    shop.redeem(account, points=100, approval=consent or Approval(named_by=look))
    assert shop.balance(account) == 900


def test_two_codes_of_one_member_are_both_used_up(shop, pages, ana, account):
    shop.corner({"approval": "member_code"})
    first, second = pages.code(ana), pages.code(ana, at=shop.at + STEP)
    looks = {"named_by": pages.look(second), "member_code": pages.look(first)}
    shop.redeem(account, points=100, approval=Approval(**looks))
    for code in (first, second):
        with pytest.raises(MemberCodeUsed):
            pages.look(code).require()


def test_a_code_of_another_member_approves_nothing(shop, pages, ana, bea, account):
    for approval in ("member_code", "auto", "none"):
        shop.corner({"approval": approval})
        with pytest.raises(OtherMembersCode) as other:
            shop.redeem(account, points=100, approval=pages.shown(bea))
        assert other.value.legacy_code == 808
    # It was good, and still is for whom it belongs to.
    shop.join("corner", bea, points=100)
    pages.look(pages.code(bea)).require()
    assert shop.balance(account) == 1000


def test_points_of_nobody_yet_are_not_approved_by_anyone(shop, pages, ana):
    shop.corner({"approval": "member_code"})
    nobodys = shop.join("corner", None, points=100)
    with pytest.raises(OtherMembersCode):
        shop.redeem(nobodys, points=10, approval=pages.shown(ana))


def test_a_wrong_code_is_refused_even_where_none_is_needed(shop, pages, ana, account):
    code = pages.code(ana)
    late = shop.at + 10 * STEP
    for wrong, at, refusal in [
        (pages.code(ana)[:8] + "00000000", shop.at, WrongMemberCode),
        (code, late, MemberCodeExpired),
    ]:
        body = wrong[:-1] + cards.check_digit(wrong[:-1])
        look = pages.look(body, at=at)
        with pytest.raises(refusal):
            shop.redeem(account, points=100, approval=Approval(member_code=look), at=at)
    assert shop.balance(account) == 1000


def test_a_refused_redemption_leaves_the_code_good(shop, pages, ana, account):
    shop.corner({"approval": "member_code", "max": 2000})
    look = pages.look(pages.code(ana))
    for points, refusal in ((5000, RedemptionAboveMaximum), (1500, InsufficientPoints)):
        with pytest.raises(refusal):
            shop.redeem(account, points=points, approval=Approval(member_code=look))
    shop.redeem(account, points=100, approval=Approval(member_code=look))


def test_a_hundred_redemptions_at_once_with_one_code_are_one(shop, pages, engine, ana, account):
    shop.corner({"approval": "member_code"})
    wish = checkout.Wish(points=10, approval=pages.shown(ana))

    def redeem(session):
        return checkout.redeem(session, account_id=account, wish=wish, actor="key:till", at=shop.at)

    results = list(itertools.chain.from_iterable(at_once(engine, *[redeem] * 20) for _ in range(5)))
    assert (len(done(results)), refused(results)) == (1, ["member_code_used"] * 99)
    assert shop.balance(account) == 990


def test_consent_costs_a_redemption_without_it_no_statement(shop, pages, engine, ana, account):
    def statements(**wish):
        counted = []

        def count(*arguments):
            counted.append(arguments[2])

        event.listen(engine, "before_cursor_execute", count)
        try:
            shop.redeem(account, points=10, **wish)
        finally:
            event.remove(engine, "before_cursor_execute", count)
        return counted

    for kind in ("none", "auto", "member_code"):
        shop.corner({"approval": kind, "approval_above": 10})
        shop.redeem(account, points=10)
        assert not [one for one in statements() if "member_code" in one or "one_time" in one]


# -- orders


def test_an_order_takes_the_code(shop, pages, ana, account):
    shop.corner({"approval": "member_code"})
    wish = {"holder": shop.by_account(account), "redeem": [Redeem(points=300)]}
    with pytest.raises(ApprovalNeeded):
        shop.place(**wish)
    assert shop.order(**wish, approval=pages.shown(ana)).amount_due == 4700


def test_a_member_who_is_named_by_their_code_has_shown_it(shop, pages, ana, account):
    shop.corner({"approval": "member_code"})
    order = shop.order(**pages.named(ana), redeem=[Redeem(points=300)])
    assert (order.customer_id, order.amount_due) == (ana, 4700)


def test_an_order_that_only_earns_uses_the_code_up_too(shop, pages, ana, account):
    named = pages.named(ana)
    shop.order(**named)
    with pytest.raises(MemberCodeUsed):
        shop.order(**named)
    assert shop.balance(account) == 1050


def test_an_order_in_two_programs_needs_what_both_ask_for(shop, pages, ana, account):
    shop.corner({"approval": "member_code"})
    shop.credits(redemption={"approval": "one_time_code"})
    shop.join("credits", ana, points=500)
    redeem = [Redeem(value=100, program="corner"), Redeem(value=200, program="credits")]
    phone = {"holder": by_phone(shop), "redeem": redeem}
    with pytest.raises(ApprovalNeeded) as needed:
        shop.place(**phone)
    assert needed.value.facts == {"approval": "member_code"}
    with pytest.raises(WrongApproval) as wrong:
        shop.place(**phone, approval=pages.shown(ana))
    assert wrong.value.facts == {"approval": "one_time_code"}
    named = pages.named(ana)
    quote = shop.quote(named["holder"], approval=named["approval"], issue_code=True)
    assert (quote.approval, quote.code_sent) == ("one_time_code", True)
    consent = shop.approval(quote.id, shop.code())
    assert shop.order(**phone, quote=quote.id, approval=consent).amount_due == 4700


def test_the_same_receipt_again_with_the_used_code_is_the_same_order(shop, pages, ana, account):
    shop.corner({"approval": "member_code"})
    code = pages.code(ana)
    wish = {"holder": shop.by_customer(ana), "redeem": [Redeem(points=300)]}
    first = shop.place(**wish, number="R", approval=Approval(named_by=pages.look(code)))
    used = pages.look(code)
    assert (used.customer_id, used.refusal.code) == (ana, "member_code_used")
    again = shop.place(**wish, number="R", approval=Approval(named_by=used))
    assert (again.again, again.order.id) == (True, first.order.id)
    with pytest.raises(MemberCodeUsed):
        shop.place(**wish, number="R2", approval=Approval(named_by=used))


def test_an_anonymous_order_takes_no_code(shop, pages, ana, account):
    with pytest.raises(OtherMembersCode):
        shop.place(approval=pages.shown(ana))


# -- quotes


def test_a_quote_that_was_made_with_a_code_remembers_it(shop, pages, ana, account):
    shop.corner({"approval": "member_code"})
    assert shop.quote(by_phone(shop)).approval == "member_code"
    named = pages.named(ana)
    quotes = [shop.quote(named["holder"], approval=named["approval"])]
    assert quotes[0].approval == "none"
    with pytest.raises(MemberCodeUsed):
        shop.quote(named["holder"], approval=named["approval"])
    quotes.append(shop.quote(**pages.named(ana)))
    shop.order(holder=shop.by_customer(ana), quote=quotes[0].id, redeem=[Redeem(points=100)])
    shop.redeem(account, points=100, quote=quotes[1].id)
    assert shop.balance(account) == 1000 - 200 + 49
    with pytest.raises(ApprovalNeeded):
        shop.redeem(account, points=100)


def test_the_presence_of_a_quote_ends_with_it(shop, pages, ana, account):
    shop.corner({"approval": "member_code"})
    quote = shop.quote(**pages.named(ana))
    with pytest.raises(QuoteExpired):
        shop.redeem(account, points=100, quote=quote.id, at=shop.at + timedelta(minutes=15))


def test_presence_spares_the_one_time_code_of_auto_and_of_nothing_else(shop, pages, ana, account):
    shop.corner({"approval": "auto"})
    quote = shop.quote(**pages.named(ana))
    shop.redeem(account, points=100, quote=quote.id, by_contact=True)
    shop.corner({"approval": "one_time_code"})
    named = pages.named(ana, at=shop.at + STEP)
    quote = shop.quote(**named, at=shop.at + STEP)
    assert quote.approval == "one_time_code"
    with pytest.raises(ApprovalNeeded):
        shop.redeem(account, points=100, quote=quote.id, at=shop.at + STEP)


def test_a_refused_quote_leaves_the_code_good(shop, pages, ana, account):
    named = pages.named(ana)
    with pytest.raises(ProgramNotFound):
        shop.quote(shop.by_customer(ana, "nothing"), approval=named["approval"])
    shop.quote(named["holder"], approval=named["approval"])


def test_quotes_of_before_were_made_without_a_code(shop, session, ana, account):
    quote = shop.quote(by_phone(shop))
    with orm.writing(session):
        assert session.get(Quote, quote.id).present is False
