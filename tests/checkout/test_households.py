"""Households at the till: who earns for them, who spends from them, and how they are named."""

import hashlib
import json
from datetime import timedelta

import pytest
from sqlalchemy import event, select, update

from portal import checkout, ledger, members, orders, orm, programs
from portal.checkout import Naming, Redeem
from portal.checkout.errors import (
    ApprovalNeeded,
    OtherCustomers,
    OtherHolder,
    QuoteNotFound,
    RedeemerFraud,
)
from portal.checkout.values import Holder
from portal.ledger.errors import AccountClosed, AccountFrozen
from portal.members import Reference, households
from portal.members.errors import (
    AmbiguousHousehold,
    CustomerNotFound,
    HouseholdNotFound,
    InvalidIdentifier,
    MayNotSend,
    NotEnrolled,
)
from portal.members.models import Customer
from portal.orders import Outcome, Purchase
from portal.orders.models import Order
from portal.outbox.models import Message
from portal.programs.errors import NotEnoughLifetimePurchases

TIERS = {
    "tiers": [
        {"id": "gold", "name": "Gold", "from": 100, "multiplier": "2"},
    ]
}
WELCOME = [
    {"id": "base", "kind": "spend", "currency": "EUR", "per": 100, "points": 1},
    {"id": "welcome", "kind": "event", "event": "account.created", "points": 50},
]


@pytest.fixture
def ben(shop):
    """Another customer; a member of the program, with nothing."""
    ben = shop.customer(mobile="+351913333333", external_id="C2")
    shop.join("corner", ben)
    return ben


@pytest.fixture
def home(shop, ana, account):
    """Ana's household."""
    with orm.writing(shop.session):
        return households.create_household(
            shop.session,
            name="Home",
            primary_id=ana,
            program=programs.find(shop.session, "corner"),
            external_id="H-1",
            at=shop.at,
        ).id


@pytest.fixture
def purse(shop, home):
    """The household's account."""
    return purse_of(shop, home)


def purse_of(shop, home, program="corner"):
    shop.session.rollback()
    found = members.household_account(
        shop.session, household_id=home, program=programs.find(shop.session, program)
    )
    return found and found.id


def join(shop, home, ana, ben, *, may_send=False):
    with orm.writing(shop.session):
        said = {"household_id": home, "at": shop.at}
        households.invite(shop.session, customer_id=ben, by=ana, **said)
        households.accept(shop.session, by=ben, **said)
        households.allow(shop.session, customer_id=ben, may_send=may_send, by=ana, **said)


def by_household(home, program=None):
    return Holder(reference=Reference(household=home), program=program)


def fraud(shop, customer_id, status="confirmed"):
    with orm.writing(shop.session):
        members.set_fraud_status(shop.session, customer_id=customer_id, status=status, at=shop.at)


# -- earning


def test_purchases_of_a_member_earn_for_their_default_household(shop, ana, account, home, purse):
    order = shop.order(holder=shop.by("mobile", "912 345 678"))
    assert [(gain.account_id, gain.points) for gain in order.earned] == [(purse, 50)]
    assert order.customer_id == ana
    assert order.account_ids == (purse,)
    assert (shop.balance(purse), shop.balance(account)) == (50, 1000)
    state = shop.position(purse).account
    assert (state.lifetime_purchases, state.lifetime) == (5000, 50)
    assert shop.position(account).account.lifetime_purchases == 0


def test_naming_ones_own_account_earns_for_the_household_too(shop, account, purse):
    order = shop.order(holder=shop.by_account(account))
    assert [gain.account_id for gain in order.earned] == [purse]


def test_redeeming_draws_on_what_was_named(shop, ana, account, purse):
    order = shop.order(
        holder=shop.by_customer(ana, "corner"), redeem=[Redeem(points=100)], value=5000
    )
    assert [r.account_id for r in order.redemptions] == [account]
    assert [(gain.account_id, gain.points) for gain in order.earned] == [(purse, 49)]
    assert (shop.balance(account), shop.balance(purse)) == (900, 49)
    assert set(order.account_ids) == {account, purse}


def test_a_customer_as_a_whole_does_not_draw_on_the_household(shop, ana, account, home, purse):
    shop.credits()
    shop.join("credits", ana, points=300)
    shop.give(purse, 5000)
    quote = shop.quote(shop.by_customer(ana), value=9000)
    assert quote.max_value == 1000 + 300
    assert {source.account_id for source in quote.sources} == {
        held.id for held in ledger.accounts_of(shop.session, customer_id=ana)
    }
    order = shop.order(holder=shop.by_customer(ana), redeem=[Redeem(value=1300)], value=9000)
    assert shop.balance(purse) == 5000 + order.earned[0].points
    assert shop.balance(account) == 0


def test_who_has_no_default_household_earns_for_themselves(shop, ana, account, home, purse):
    with orm.writing(shop.session):
        households.set_default(shop.session, household_id=None, by=ana, at=shop.at)
    order = shop.order(holder=shop.by_customer(ana))
    assert [gain.account_id for gain in order.earned] == [account]


def test_who_left_earns_for_themselves(shop, ana, ben, home, purse):
    join(shop, home, ana, ben)
    assert shop.order(holder=shop.by_customer(ben)).earned[0].account_id == purse
    with orm.writing(shop.session):
        households.leave(shop.session, household_id=home, by=ben, at=shop.at)
    assert shop.order(holder=shop.by_customer(ben)).earned[0].account_id != purse


def test_the_households_account_is_opened_by_the_first_purchase(shop, ana, home):
    shop.apply({"id": "other", "name": "Other", "currency": "OTH", "earning": WELCOME[:1]})
    assert purse_of(shop, home, "other") is None
    quote = shop.quote(shop.by_customer(ana, "other"))
    assert quote.would_earn is None
    order = shop.order(holder=shop.by_customer(ana, "other"))
    assert [warning.code for warning in order.warnings] == ["not_enrolled"]
    own = shop.join("other", ana)
    assert shop.quote(shop.by_customer(ana, "other")).would_earn.points == 50
    order = shop.order(holder=shop.by_customer(ana, "other"))
    opened = purse_of(shop, home, "other")
    assert [gain.account_id for gain in order.earned] == [opened]
    assert (shop.balance(opened), shop.balance(own)) == (50, 0)


def test_joining_by_a_purchase_welcomes_the_buyer_and_earns_for_the_household(shop, home, ana):
    shop.corner(earning=WELCOME)
    eve = shop.customer(external_id="C3")
    join(shop, home, ana, eve)
    order = shop.order(holder=shop.by("external_id", "C3"))
    purse = purse_of(shop, home)
    assert [(gain.account_id, gain.points) for gain in order.earned] == [(purse, 50)]
    (own,) = ledger.accounts_of(shop.session, customer_id=eve)
    assert (own.balance, shop.balance(purse)) == (50, 50)


def test_in_a_program_that_enrols_nobody_only_the_household_earns(shop, home, ana):
    shop.corner(auto_enrol=False)
    eve = shop.customer(external_id="C3")
    join(shop, home, ana, eve)
    purse = purse_of(shop, home)
    assert shop.quote(shop.by_customer(eve)).would_earn.account_id == purse
    order = shop.order(holder=shop.by_customer(eve))
    assert [gain.account_id for gain in order.earned] == [purse]
    assert ledger.accounts_of(shop.session, customer_id=eve) == []


def test_where_the_households_account_is_closed_the_buyer_earns(shop, ana, account, home, purse):
    shop.status(ledger.close, purse)
    assert shop.quote(shop.by_customer(ana, "corner")).would_earn.account_id == account
    assert shop.order(holder=shop.by_customer(ana)).earned[0].account_id == account
    order = shop.order(holder=by_household(home))
    assert [warning.code for warning in order.warnings] == ["account_closed"]


def test_a_frozen_household_still_earns(shop, ana, home, purse):
    shop.status(ledger.freeze, purse)
    assert shop.order(holder=shop.by_customer(ana)).earned[0].account_id == purse
    with pytest.raises(AccountFrozen):
        shop.order(holder=by_household(home), redeem=[Redeem(points=1)])


def test_tier_and_multiplier_are_the_households(shop, ana, account, home, purse):
    shop.corner(**TIERS)
    # Ana is gold by herself, the household is not.
    assert shop.quote(shop.by_customer(ana, "corner")).would_earn.points == 50
    assert shop.order(holder=shop.by_customer(ana)).earned[0].points == 50
    shop.give(purse, 100)
    assert shop.quote(shop.by_customer(ana, "corner")).would_earn.points == 100
    assert shop.order(holder=shop.by_customer(ana)).earned[0].points == 100


def test_credits_on_parts_of_a_payment_go_to_the_household(shop, ana, home):
    shop.credits()
    split = checkout.Split(value=2000, reward=checkout.Reward(value=200, program="credits"))
    order = shop.order(holder=shop.by_customer(ana), splits=[split])
    credits = purse_of(shop, home, "credits")
    assert shop.balance(credits) == 200
    assert {gain.account_id for gain in order.earned} == {credits, purse_of(shop, home)}


def test_a_refund_takes_back_from_where_it_was_earned(shop, ana, account, home, purse):
    order = shop.order(holder=shop.by_customer(ana, "corner"), redeem=[Redeem(points=100)])
    with orm.writing(shop.session):
        households.set_default(shop.session, household_id=None, by=ana, at=shop.at)
    refund = shop.refund(order.id, 2500)
    parts = {part.account_id: part for part in refund.parts}
    assert parts[purse].points_taken_back == 25
    assert parts[account].points_given_back == 50
    assert shop.position(purse).account.lifetime_purchases == 2500
    shop.refund(order.id, 2500)
    assert (shop.balance(purse), shop.balance(account)) == (0, 1000)
    assert shop.position(purse).account.lifetime_purchases == 0


def test_an_order_on_hold_earns_where_it_was_placed_for(shop, ana, account, purse):
    held = shop.order(
        holder=shop.by_customer(ana, "corner"), redeem=[Redeem(points=100)], capture=False
    )
    assert shop.balance(purse) == 0
    order = shop.capture(held.id, at=shop.at + timedelta(minutes=1))
    assert [gain.account_id for gain in order.earned] == [purse]
    assert order.customer_id == ana


def test_purchases_of_a_batch_earn_for_households(shop, ana, account, ben, home, purse):
    join(shop, home, ana, ben)
    eve = shop.customer(external_id="C3")
    shop.join("corner", eve)
    closed_own = ledger.accounts_of(shop.session, customer_id=ben)[0].id
    shop.status(ledger.close, closed_own)

    def record(program="corner", count=0):
        with orm.writing(shop.session):
            return orders.record(
                shop.session,
                purchases=[
                    Purchase(
                        number=f"{program}{count}{customer_id}",
                        value=1000,
                        currency="EUR",
                        placed_at=shop.at,
                        store="lisbon",
                        customer_id=customer_id,
                    )
                    for customer_id in (ana, ben, eve)
                ],
                program=programs.find(shop.session, program),
                actor="command",
                at=shop.at,
            )

    recorded = record()
    assert [one.outcome for one in recorded] == [Outcome.RECORDED] * 3
    own = ledger.accounts_of(shop.session, customer_id=eve)[0].id
    assert [one.account_id for one in recorded] == [purse, purse, own]
    assert [one.customer_id for one in recorded] == [ana, ben, eve]
    assert shop.balance(purse) == 20
    # A program that the household is not in yet: two of its members join it at once.
    shop.apply(
        {
            "id": "other",
            "name": "Other",
            "currency": "OTH",
            "auto_enrol": True,
            "earning": WELCOME,
        }
    )
    assert [one.enrolled for one in record("other")] == [True] * 3
    assert shop.balance(purse_of(shop, home, "other")) == 20
    assert [
        held.balance
        for held in ledger.accounts_of(shop.session, customer_id=ana)
        if held.program_id == "other"
    ] == [50]
    # Closed by the office: everybody for themselves.
    shop.status(ledger.close, purse)
    assert [one.account_id for one in record(count=1)] == [account, closed_own, own]


def test_who_gave_what_is_told_by_buyer_less_refunds(shop, ana, ben, home, purse):
    join(shop, home, ana, ben)
    first = shop.order(holder=shop.by_customer(ana), value=5000)
    shop.order(holder=shop.by_customer(ben), value=3000)
    shop.order(holder=by_household(home), value=1000)
    shop.refund(first.id, 1000)
    shop.give(purse, 500)
    shop.order(holder=by_household(home), value=4000, redeem=[Redeem(points=10)], earn=False)
    shop.session.rollback()
    assert orders.contributions(shop.session, account_id=purse) == {ana: 40, ben: 30}
    assert orders.contributions(shop.session, account_id="loy_none") == {}


def test_what_merged_customers_and_accounts_gave_is_the_survivors(shop, ana, ben, home, purse):
    eve = shop.customer(external_id="C3")
    for other in (ben, eve):
        join(shop, home, ana, other)
        shop.order(holder=shop.by_customer(other), value=1000)
    shop.order(holder=shop.by_customer(ana), value=1000)
    with orm.writing(shop.session):
        for source, target in ((eve, ben), (ben, ana)):
            households.take_over(shop.session, source_id=source, target_id=target, at=shop.at)
            shop.session.execute(
                update(Customer).where(Customer.id == source).values(merged_into=target)
            )
    nobodys = shop.join("corner")
    shop.merge(purse, nobodys)
    shop.session.rollback()
    assert orders.contributions(shop.session, account_id=nobodys) == {ana: 30}


# -- naming


def test_a_household_is_named_in_a_quote_and_an_order(shop, ana, home, purse):
    shop.give(purse, 700)
    quote = shop.quote(by_household(home))
    assert (quote.spendable, quote.max_points, quote.would_earn.account_id) == (700, 700, purse)
    order = shop.order(holder=by_household(home), redeem=[Redeem(points=200)], quote=quote.id)
    assert [r.account_id for r in order.redemptions] == [purse]
    assert order.customer_id is None
    assert shop.balance(purse) == 700 - 200 + 48


@pytest.mark.parametrize(
    ("type", "value"),
    [
        ("external_id", "H-1"),
        ("primary_id", "ana"),
        ("primary_mobile", "912345678"),
        ("primary_card_number", "card"),
    ],
)
def test_every_identifier_of_a_household_names_it(shop, ana, home, purse, type, value):
    card = members.customer(shop.session, ana).card_number
    value = {"ana": ana, "card": card}.get(value, value)
    order = shop.order(holder=shop.by(type, value))
    assert [gain.account_id for gain in order.earned] == [purse]
    naming = Naming(type=type, value=value)
    assert checkout.account_id(shop.session, naming, region="PT") == purse
    assert naming.by_contact == (type == "primary_mobile")


def test_an_account_of_a_household_is_found_for_a_redemption(shop, home, purse):
    assert checkout.account_id(shop.session, Naming(household=home), region="PT") == purse
    named = Naming(household=home, program="corner")
    assert checkout.account_id(shop.session, named, region="PT") == purse
    shop.credits()
    for naming, refusal in (
        (Naming(household="hh_none"), HouseholdNotFound),
        (Naming(household=home, program="credits"), NotEnrolled),
        (Naming(type="primary_mobile", value="+351919999999"), HouseholdNotFound),
        (Naming(type="external_id", value="H-2"), CustomerNotFound),
        (Naming(type="member_code", value="1"), CustomerNotFound),
    ):
        with pytest.raises(refusal):
            checkout.account_id(shop.session, naming, region="PT")
    shop.status(ledger.close, purse)
    assert checkout.account_id(shop.session, Naming(household=home), region="PT") == purse


def test_unknown_households_are_refused_by_name(shop, home, ana):
    with pytest.raises(HouseholdNotFound):
        shop.order(holder=by_household("hh_none"))
    with pytest.raises(HouseholdNotFound):
        shop.quote(shop.by("primary_mobile", "+351919999999"))
    with pytest.raises(InvalidIdentifier):
        shop.order(holder=Holder(reference=Reference(household=home, customer=ana)))
    with orm.writing(shop.session):
        households.create_household(
            shop.session,
            name="Firm",
            primary_id=ana,
            program=programs.find(shop.session, "corner"),
            at=shop.at,
        )
        households.set_default(shop.session, household_id=None, by=ana, at=shop.at)
    with pytest.raises(AmbiguousHousehold):
        shop.order(holder=shop.by("primary_id", ana))


def test_an_unknown_external_id_still_becomes_a_customer(shop, home):
    order = shop.order(holder=shop.by("external_id", "C9"))
    assert order.customer_id is not None
    named = shop.order(holder=shop.by("external_id", "H-1"))
    assert named.customer_id is None


def test_a_household_without_an_account_there_redeems_nothing(shop, home, purse):
    shop.credits(earning=[], rate=None)
    quote = shop.quote(by_household(home, "credits"))
    assert [refusal.code for refusal in quote.refusals] == ["not_enrolled"]
    assert quote.would_earn.points == 0
    with pytest.raises(NotEnrolled):
        shop.order(holder=by_household(home, "credits"), redeem=[Redeem(points=1)])
    assert purse_of(shop, home, "credits") is None


# -- spending


def test_only_the_holders_points_are_spent(shop, ana, ben, home, purse, account):
    shop.give(purse, 500)
    redeem = [Redeem(points=100, account=purse)]
    with pytest.raises(OtherHolder):
        shop.order(holder=shop.by_customer(ben), redeem=redeem)
    with pytest.raises(OtherHolder):
        shop.order(holder=by_household(home), redeem=[Redeem(points=100, account=account)])
    nobodys = shop.join("corner")
    with pytest.raises(OtherHolder):
        shop.order(holder=shop.by_account(nobodys), redeem=redeem)
    join(shop, home, ana, ben)
    with pytest.raises(MayNotSend):
        shop.order(holder=shop.by_customer(ben), redeem=redeem)
    assert shop.balance(purse) == 500


def test_a_member_who_may_spends_what_the_household_holds(shop, ana, ben, home, purse):
    shop.give(purse, 500)
    join(shop, home, ana, ben, may_send=True)
    redeem = [Redeem(points=100, account=purse)]
    order = shop.order(holder=shop.by_customer(ben), redeem=redeem)
    assert [r.account_id for r in order.redemptions] == [purse]
    shop.order(holder=shop.by_customer(ana), redeem=redeem)
    fraud(shop, ben)
    with pytest.raises(RedeemerFraud):
        shop.order(holder=shop.by_customer(ben), redeem=redeem)


def test_confirmed_fraud_of_the_primary_member_blocks_spending(shop, ana, home, purse):
    shop.give(purse, 500)
    fraud(shop, ana, "suspected")
    shop.redeem(purse, points=100)
    fraud(shop, ana)
    with pytest.raises(RedeemerFraud):
        shop.redeem(purse, points=100)
    with pytest.raises(RedeemerFraud):
        shop.order(holder=by_household(home), redeem=[Redeem(points=100)])
    quote = shop.quote(by_household(home))
    assert [refusal.code for refusal in quote.refusals] == ["redeemer_fraud"]
    assert shop.balance(purse) == 400


def test_a_closed_household_spends_nothing(shop, ana, home, purse):
    with orm.writing(shop.session):
        households.close(shop.session, household_id=home, by=ana, at=shop.at)
    with pytest.raises(AccountClosed):
        shop.order(holder=by_household(home), redeem=[Redeem(points=1)])


def test_its_purchases_count_towards_the_programs_minimum(shop, ana, home, purse):
    shop.corner({"min_lifetime_purchases": 6000})
    shop.give(purse, 500)
    shop.order(holder=shop.by_customer(ana), value=5000)
    with pytest.raises(NotEnoughLifetimePurchases):
        shop.order(holder=by_household(home), redeem=[Redeem(points=100)])
    shop.order(holder=shop.by_customer(ana), value=1000)
    shop.order(holder=by_household(home), redeem=[Redeem(points=100)])


@pytest.mark.parametrize("type", ["primary_mobile", "primary_email"])
def test_named_by_phone_or_email_the_primary_member_is_asked(shop, ana, ben, home, purse, type):
    shop.corner({"approval": "auto"})
    with orm.writing(shop.session):
        members.amend_customer(
            shop.session,
            customer_id=ana,
            identifiers=[members.NewIdentifier(type="email", value="ana@example.com")],
            at=shop.at,
        )
    shop.give(purse, 500)
    value = {"primary_mobile": "+351912345678", "primary_email": "ana@example.com"}[type]
    holder = shop.by(type, value)
    with pytest.raises(ApprovalNeeded):
        shop.order(holder=holder, redeem=[Redeem(points=100)])
    quote = shop.quote(holder, issue_code=True)
    assert (quote.approval, quote.code_sent) == ("one_time_code", True)
    approval = shop.approval(quote.id, shop.code())
    order = shop.order(
        holder=holder, redeem=[Redeem(points=100)], quote=quote.id, approval=approval
    )
    assert [r.account_id for r in order.redemptions] == [purse]


@pytest.mark.parametrize("named", ["household", "account"])
def test_its_code_goes_to_the_primary_member(shop, ana, home, purse, named):
    shop.corner({"approval": "one_time_code"})
    shop.give(purse, 500)
    holder = by_household(home) if named == "household" else shop.by_account(purse)
    assert shop.quote(holder, issue_code=True).code_sent
    shop.session.rollback()
    (row,) = shop.session.execute(select(Message.__table__)).all()
    assert shop.message(row)["to"] == "+351912345678"


def test_a_card_of_the_primary_member_needs_no_code(shop, ana, home, purse):
    shop.corner({"approval": "auto"})
    shop.give(purse, 500)
    card = members.customer(shop.session, ana).card_number
    shop.order(holder=shop.by("primary_card_number", card), redeem=[Redeem(points=100)])
    assert shop.balance(purse) >= 400


def test_a_quote_of_a_household_is_not_for_another_holder(shop, ana, ben, home, purse):
    shop.give(purse, 500)
    quote = shop.quote(by_household(home))
    with pytest.raises(QuoteNotFound):
        shop.order(
            holder=shop.by_customer(ana, "corner"), redeem=[Redeem(points=100)], quote=quote.id
        )
    redemption = shop.redeem(
        purse,
        points=100,
        quote=quote.id,
        order=checkout.OrderInHand(number="R1", value=5000, currency="EUR"),
    )
    assert redemption.account_id == purse


@pytest.mark.parametrize("way", ["household", "external_id", "primary", "allowed"])
def test_a_reversal_may_name_the_household(shop, ana, ben, home, purse, way):
    shop.give(purse, 500)
    join(shop, home, ana, ben, may_send=True)
    redemption = shop.redeem(purse, points=100)
    named = {
        "household": Naming(household=home),
        "external_id": Naming(type="external_id", value="H-1"),
        "primary": Naming(type="mobile", value="912345678"),
        "allowed": Naming(type="external_id", value="C2"),
    }[way]

    def reverse(identifier):
        with orm.writing(shop.session):
            return checkout.reverse(
                shop.session,
                redemption_id=redemption.id,
                identifier=identifier,
                region="PT",
                actor="key:till",
                at=shop.at,
            )

    shop.customer(external_id="C4")
    for other in (
        Naming(household="hh_other"),
        Naming(type="external_id", value="C4"),
        Naming(type="external_id", value="C5"),
        Naming(type="primary_mobile", value="913333333"),
    ):
        with pytest.raises(OtherCustomers):
            reverse(other)
    assert reverse(named).points == 100


def test_a_members_own_redemption_is_not_the_households(shop, ana, account, home, purse):
    redemption = shop.redeem(account, points=100)
    with orm.writing(shop.session), pytest.raises(OtherCustomers):
        checkout.reverse(
            shop.session,
            redemption_id=redemption.id,
            identifier=Naming(household=home),
            actor="key:till",
            at=shop.at,
        )


# -- what it costs, and what was before


def test_receipts_of_before_are_still_recognised(shop, ana, account):
    """Their fingerprint was taken when a holder could be named in five ways."""
    wish = shop.wish(holder=shop.by_customer(ana))
    order = shop.order(wish)
    assert shop.place(wish).again
    shop.session.rollback()
    stored = shop.session.execute(
        select(Order.fingerprint).where(Order.id == order.id)
    ).scalar_one()
    assert bytes(stored).hex() == fingerprint_of_before(ana)


def fingerprint_of_before(customer_id):
    reference = {
        "account": None,
        "customer": customer_id,
        "source_account": None,
        "type": None,
        "value": None,
    }
    terms = json.dumps(
        [[reference, None], [], True, [], True],
        separators=(",", ":"),
        sort_keys=True,
    )
    content = ["lisbon", "R1", None, None, 5000, 0, "EUR", None, [], terms]
    return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()


def test_a_customer_without_a_household_costs_no_more_statements(shop, engine, ana, account):
    def statements(act):
        seen = []
        event.listen(engine, "before_cursor_execute", note := lambda *given: seen.append(given[2]))
        act()
        event.remove(engine, "before_cursor_execute", note)
        return seen

    redeemed = statements(lambda: shop.redeem(account, points=100))
    assert not any("household_member" in statement for statement in redeemed)
    placed = statements(lambda: shop.order(holder=shop.by_customer(ana, "corner")))
    assert sum("household_member" in statement for statement in placed) == 1
