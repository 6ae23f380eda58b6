"""Households: who founds, joins, leaves, heads and closes them."""

from datetime import timedelta

import pytest

from portal import ledger, members, orm, programs
from portal.errors import Forbidden
from portal.ledger import EventName, Facts
from portal.ledger.errors import HoldsOpen
from portal.ledger.models import AccountStatus
from portal.members import households
from portal.members.errors import (
    AlreadyInHousehold,
    CustomerMerged,
    CustomerNotFound,
    HouseholdAlreadyExists,
    HouseholdClosed,
    HouseholdContactChanged,
    HouseholdFraud,
    HouseholdFull,
    HouseholdNotClosed,
    HouseholdNotEmpty,
    HouseholdNotFound,
    InvalidHousehold,
    InvitationNotFound,
    MayNotSend,
    MemberNotActive,
    NotHouseholdPrimary,
    NotInHousehold,
    PrimaryCannotLeave,
)


def test_a_household_begins_with_its_primary_member_and_an_account(club, ana, at):
    home = club.found(ana, name="  The Dias family ", external_id=" H-1 ")
    assert home.id.startswith("hh_")
    assert (home.name, home.external_id, home.status) == ("The Dias family", "H-1", "active")
    (member,) = home.members
    assert (member.customer_id, member.first_name, member.status) == (ana, "Ana", "active")
    assert (member.is_primary, member.is_default, member.may_send) == (True, True, True)
    assert member.joined_at == at
    account = club.account(home)
    assert (account.household_id, account.customer_id) == (home.id, None)
    assert (account.program_id, account.status) == ("corner", AccountStatus.ACTIVE)
    assert home.primary_id == ana


@pytest.mark.parametrize("name", ["", "   ", "x" * 121, "a\u0007b"])
def test_a_household_needs_a_name_that_can_be_one(club, ana, name):
    with pytest.raises(InvalidHousehold) as refusal:
        club.found(ana, name=name)
    assert refusal.value.field == "name"


def test_an_external_id_is_one_households(club, home, ben):
    with pytest.raises(HouseholdAlreadyExists) as refusal:
        club.found(ben, external_id="H-1")
    assert refusal.value.facts["household"] == home.id


def test_nobody_founds_a_household_who_is_not_there(club, ana, ben):
    with pytest.raises(CustomerNotFound):
        club.found("cus_nobody")
    club.merge(ben, ana)
    with pytest.raises(CustomerMerged):
        club.found(ben)


def test_a_second_household_is_not_the_default_one(club, ana, home):
    second = club.found(ana, name="The firm")
    assert club.default(ana) == home.id
    assert [one.id for one in members.households_of(club.session, customer_id=ana)] == [
        home.id,
        second.id,
    ]


def test_who_is_invited_is_in_it_once_they_accept(club, home, ana, ben, at):
    invited = club.do(households.invite, home, customer_id=ben, by=ana).member(ben)
    assert (invited.status, invited.invited_by, invited.invited_at) == ("invited", ana, at)
    assert not members.may_send(club.session, household_id=home.id, customer_id=ben)
    assert club.default(ben) is None
    later = at + timedelta(days=1)
    joined = club.do(households.accept, home, by=ben, at=later).member(ben)
    assert (joined.status, joined.joined_at) == ("active", later)
    assert (joined.is_primary, joined.is_default, joined.may_send) == (False, True, False)
    with pytest.raises(AlreadyInHousehold):
        club.do(households.accept, home, by=ben)
    with pytest.raises(AlreadyInHousehold) as refusal:
        club.do(households.invite, home, customer_id=ben, by=ana)
    assert refusal.value.facts["status"] == "active"


def test_only_the_invited_accept_or_decline(club, home, ana, ben):
    for verb in (households.accept, households.decline):
        with pytest.raises(InvitationNotFound):
            club.do(verb, home, by=ben)
    club.do(households.invite, home, customer_id=ben, by=ana)
    with pytest.raises(AlreadyInHousehold):
        club.do(households.invite, home, customer_id=ben, by=ana)
    with pytest.raises(AlreadyInHousehold):
        club.do(households.accept, home, by=ana)
    assert club.do(households.decline, home, by=ben).member(ben) is None
    with pytest.raises(InvitationNotFound):
        club.do(households.accept, home, by=ben)


def test_a_declined_member_may_be_invited_again(club, home, ana, ben):
    club.do(households.invite, home, customer_id=ben, by=ana)
    club.do(households.decline, home, by=ben)
    club.joined(home, ben)
    assert club.see(home).member(ben).status == "active"


def test_an_invitation_can_be_withdrawn_until_it_is_accepted(club, home, ana, ben):
    club.do(households.invite, home, customer_id=ben, by=ana)
    club.do(households.withdraw, home, customer_id=ben, by=ana)
    with pytest.raises(InvitationNotFound):
        club.do(households.accept, home, by=ben)
    with pytest.raises(InvitationNotFound):
        club.do(households.withdraw, home, customer_id=ben, by=ana)
    club.joined(home, ben)
    with pytest.raises(AlreadyInHousehold):
        club.do(households.withdraw, home, customer_id=ben, by=ana)


def test_a_household_has_at_most_twenty_members_and_invitations(club, home, ana):
    with orm.writing(club.session):
        people = [members.create_customer(club.session, at=club.at).id for _ in range(20)]
        for customer_id in people[:19]:
            households.invite(
                club.session, household_id=home.id, customer_id=customer_id, by=ana, at=club.at
            )
    with pytest.raises(HouseholdFull) as refusal:
        club.do(households.invite, home, customer_id=people[19], by=ana)
    assert refusal.value.facts["limit"] == households.MEMBERS_MAX == 20
    club.do(households.withdraw, home, customer_id=people[0], by=ana)
    club.do(households.invite, home, customer_id=people[19], by=ana)
    assert len(club.see(home).members) == 20


ONLY_PRIMARY = [
    (households.invite, {"customer_id": "eve"}),
    (households.withdraw, {"customer_id": "eve"}),
    (households.remove, {"customer_id": "ben"}),
    (households.make_primary, {"customer_id": "ben"}),
    (households.allow, {"customer_id": "ben", "may_send": True}),
    (households.rename, {"name": "Mine"}),
    (households.close, {}),
]


@pytest.mark.parametrize(
    ("verb", "more"), ONLY_PRIMARY, ids=lambda case: getattr(case, "__name__", "")
)
def test_only_the_primary_member_does_that(club, home, ben, verb, more):
    eve = club.person("Eve")
    club.joined(home, ben, may_send=True)
    people = {"ben": ben, "eve": eve}
    given = {key: people.get(value, value) for key, value in more.items()}
    with pytest.raises(NotHouseholdPrimary):
        club.do(verb, home, by=ben, **given)
    with pytest.raises(NotInHousehold) as refusal:
        club.do(verb, home, by=eve, **given)
    assert isinstance(refusal.value, Forbidden)
    assert club.see(home).primary_id != ben


def test_a_key_or_staff_may_do_what_the_primary_member_may(club, home, ben):
    club.do(households.invite, home, customer_id=ben, by=None)
    assert club.see(home).member(ben).invited_by is None
    club.do(households.accept, home, by=ben)
    club.do(households.allow, home, customer_id=ben, may_send=True, by=None)
    club.do(households.rename, home, name="Renamed", by=None)
    club.do(households.make_primary, home, customer_id=ben, by=None)
    assert (club.see(home).primary_id, club.see(home).name) == (ben, "Renamed")


def test_who_is_removed_or_leaves_earns_and_sends_for_it_no_longer(club, home, ana, ben):
    eve = club.joined(home, club.person("Eve"), may_send=True)
    club.joined(home, ben, may_send=True)
    assert (club.default(ben), club.default(eve)) == (home.id, home.id)
    club.do(households.remove, home, customer_id=ben, by=ana)
    club.do(households.leave, home, by=eve)
    assert (club.default(ben), club.default(eve)) == (None, None)
    for gone in (ben, eve):
        assert not members.may_send(club.session, household_id=home.id, customer_id=gone)
        assert members.households_of(club.session, customer_id=gone) == []
        with pytest.raises(NotInHousehold):
            club.do(households.leave, home, by=gone)
        with pytest.raises(MemberNotActive):
            club.do(households.remove, home, customer_id=gone, by=ana)
    # Whoever comes back begins afresh.
    club.joined(home, ben)
    assert not members.may_send(club.session, household_id=home.id, customer_id=ben)


def test_the_primary_member_hands_over_before_leaving(club, home, ana, ben):
    with pytest.raises(PrimaryCannotLeave):
        club.do(households.leave, home, by=ana)
    with pytest.raises(PrimaryCannotLeave):
        club.do(households.remove, home, customer_id=ana, by=ana)
    with pytest.raises(MemberNotActive):
        club.do(households.make_primary, home, customer_id=ben, by=ana)
    club.do(households.invite, home, customer_id=ben, by=ana)
    with pytest.raises(MemberNotActive):
        club.do(households.make_primary, home, customer_id=ben, by=ana)
    club.do(households.accept, home, by=ben)
    changed = club.do(households.make_primary, home, customer_id=ben, by=ana)
    assert changed.primary_id == ben
    assert [one.customer_id for one in changed.members] == [ben, ana]
    assert not changed.member(ana).may_send
    with pytest.raises(NotHouseholdPrimary):
        club.do(households.make_primary, home, customer_id=ana, by=ana)
    club.do(households.leave, home, by=ana)
    assert club.see(home).primary_id == ben


def test_members_choose_what_their_purchases_earn_for(club, home, ana, ben):
    club.joined(home, ben)
    firm = club.found(ben, name="The firm")
    assert club.default(ben) == home.id

    def choose(household_id, by=ben):
        with orm.writing(club.session):
            households.set_default(club.session, household_id=household_id, by=by, at=club.at)

    choose(firm.id)
    assert club.default(ben) == firm.id
    assert not club.see(home).member(ben).is_default
    choose(None)
    assert club.default(ben) is None
    with pytest.raises(NotInHousehold):
        choose(firm.id, by=ana)
    with pytest.raises(HouseholdNotFound):
        choose("hh_none")
    assert club.default(ana) == home.id


def test_the_primary_member_says_who_may_send(club, home, ana, ben):
    require = households.require_sender

    def asked(customer_id, household_id=None):
        with orm.writing(club.session):
            require(club.session, household_id=household_id or home.id, customer_id=customer_id)

    asked(ana)
    with pytest.raises(NotInHousehold):
        asked(ben)
    with pytest.raises(HouseholdNotFound):
        asked(ben, "hh_none")
    club.joined(home, ben)
    with pytest.raises(MayNotSend):
        asked(ben)
    club.do(households.allow, home, customer_id=ben, may_send=True, by=ana)
    asked(ben)
    assert members.may_send(club.session, household_id=home.id, customer_id=ben)
    club.do(households.allow, home, customer_id=ben, may_send=False, by=ana)
    with pytest.raises(MayNotSend):
        asked(ben)
    # The primary member always may.
    club.do(households.allow, home, customer_id=ana, may_send=False, by=ana)
    asked(ana)
    with pytest.raises(MemberNotActive):
        club.do(households.allow, home, customer_id=club.person("Eve"), may_send=True, by=ana)


def test_a_household_is_renamed(club, home, ana, at):
    later = at + timedelta(hours=1)
    renamed = club.do(households.rename, home, name="Dias & Co", by=ana, at=later)
    assert (renamed.name, renamed.updated_at) == ("Dias & Co", later)
    with pytest.raises(InvalidHousehold):
        club.do(households.rename, home, name=" ", by=ana)


def test_a_household_is_closed_when_it_holds_nothing(club, home, ana, ben, at):
    eve = club.person("Eve")
    club.joined(home, ben)
    club.do(households.invite, home, customer_id=eve, by=ana)
    club.give(home, 100)
    with pytest.raises(HouseholdNotEmpty) as refusal:
        club.do(households.close, home, by=ana)
    assert refusal.value.facts["balance"] == 100
    account_id = club.account(home).id
    assert refusal.value.facts["account"] == account_id
    with orm.writing(club.session):
        held = ledger.redeem(
            club.session,
            account_id=account_id,
            points=100,
            held_until=at + timedelta(minutes=15),
            facts=Facts(name=EventName.POINTS_REDEMPTION, actor="test"),
            at=at,
        )
    with pytest.raises(HoldsOpen):
        club.do(households.close, home, by=ana)
    assert club.see(home).status == "active"
    with orm.writing(club.session):
        ledger.capture(club.session, redemption_id=held.id, at=at)
    closed = club.do(households.close, home, by=ana)
    assert (closed.status, closed.closed_at) == ("closed", at)
    assert [one.customer_id for one in closed.members] == [ana, ben]
    assert club.account(home).status == AccountStatus.CLOSED
    assert (club.default(ana), club.default(ben)) == (None, None)
    assert members.households_of(club.session, customer_id=ana) == []
    assert members.households_of(club.session, customer_id=eve) == []
    for verb, more in [*ONLY_PRIMARY, (households.leave, {}), (households.decline, {})]:
        given = {key: ben if key == "customer_id" else value for key, value in more.items()}
        with pytest.raises(HouseholdClosed):
            club.do(verb, home, by=ana, **given)
    assert ledger.verify(club.session) == []


def test_points_that_are_owed_or_promised_keep_a_household_open(club, home, ana, at):
    with orm.writing(club.session):
        account_id = club.account_id(home)
        ledger.earn(
            club.session,
            account_id=account_id,
            points=10,
            expires_at=None,
            available_from=at + timedelta(days=2),
            facts=Facts(name=EventName.TRANSACTION_ADD, actor="test"),
            at=at,
        )
    with pytest.raises(HouseholdNotEmpty) as refusal:
        club.do(households.close, home, by=ana)
    assert (refusal.value.facts["balance"], refusal.value.facts["promised"]) == (0, 10)
    later = at + timedelta(days=3)
    with orm.writing(club.session):
        ledger.adjust(
            club.session,
            account_id=account_id,
            points=-15,
            allow_negative=True,
            facts=Facts(name=EventName.MANUAL_ADJUSTMENT, actor="test"),
            at=later,
        )
    with pytest.raises(HouseholdNotEmpty) as refusal:
        club.do(households.close, home, by=ana, at=later)
    assert refusal.value.facts["balance"] == -5


def test_points_that_died_meanwhile_do_not_keep_it_open(club, home, ana, at):
    club.give(home, 100)
    closed = club.do(households.close, home, by=ana, at=at + timedelta(days=366))
    assert closed.status == "closed"
    assert ledger.verify(club.session) == []


def test_an_account_is_opened_when_it_is_first_needed(club, home, ana, at):
    with orm.writing(club.session):
        other = programs.apply(
            club.session,
            document={"id": "other", "name": "Other", "currency": "OTH"},
            actor="command",
            at=at,
        ).program

    def account(at=None):
        with orm.writing(club.session):
            return members.household_account(
                club.session, household_id=home.id, program=other, at=at
            )

    assert account() is None
    opened = account(at)
    assert (opened.program_id, opened.household_id) == ("other", home.id)
    assert account(at).id == account().id == opened.id
    club.do(households.close, home, by=ana)
    assert account(at).status == AccountStatus.CLOSED
    held = households.accounts_of(club.session, household_id=home.id)
    assert {one.program_id for one in held} == {"corner", "other"}


def test_no_account_is_opened_for_a_closed_or_unknown_household(club, home, ana, at):
    club.do(households.close, home, by=ana)
    with orm.writing(club.session):
        other = programs.apply(
            club.session,
            document={"id": "other", "name": "Other", "currency": "OTH"},
            actor="command",
            at=at,
        ).program
    for household_id, refusal in ((home.id, HouseholdClosed), ("hh_none", HouseholdNotFound)):
        with orm.writing(club.session), pytest.raises(refusal):
            members.household_account(club.session, household_id=household_id, program=other, at=at)


# -- closed over vouchers, and opened again


def test_points_of_an_open_voucher_keep_a_household_open(club, home, ana, at):
    club.give(home, 100)
    expires_at = at + timedelta(days=30)
    with orm.writing(club.session):
        ledger.redeem(
            club.session,
            account_id=club.account_id(home),
            points=100,
            held_until=expires_at,
            facts=Facts(name=EventName.VOUCHER_ISSUED, actor="test"),
            at=at,
        )
    for by in (ana, None):
        with pytest.raises(HouseholdNotEmpty) as refusal:
            club.do(households.close, home, by=by, at=at + timedelta(days=1))
        assert (refusal.value.facts["balance"], refusal.value.facts["held"]) == (0, 100)
    assert club.account(home).status == AccountStatus.ACTIVE
    # Once it has lapsed, its points are back, and are what keeps it open.
    with pytest.raises(HouseholdNotEmpty) as refusal:
        club.do(households.close, home, by=ana, at=expires_at)
    assert refusal.value.facts["balance"] == 100


def test_a_closed_household_is_opened_again_with_what_came_back(club, home, ana, ben, at):
    club.joined(home, ben)
    club.give(home, 100)
    with orm.writing(club.session):
        spent = ledger.redeem(
            club.session,
            account_id=club.account_id(home),
            points=100,
            facts=Facts(name=EventName.POINTS_REDEMPTION, actor="test"),
            at=at,
        )
    with pytest.raises(HouseholdNotClosed):
        club.do(households.reopen, home)
    club.do(households.close, home, by=ana)
    with orm.writing(club.session):
        ledger.reverse_redemption(
            club.session,
            redemption_id=spent.id,
            facts=Facts(name=EventName.REDEMPTION_REVERSAL, actor="test"),
            at=at,
        )
    later = at + timedelta(days=1)
    reopened = club.do(households.reopen, home, at=later)
    assert (reopened.status, reopened.closed_at, reopened.updated_at) == ("active", None, later)
    assert (reopened.primary_id, len(reopened.members)) == (ana, 2)
    assert club.default(ana) is None
    account = club.account(home)
    assert account.status == AccountStatus.ACTIVE
    assert ledger.position(club.session, account_id=account.id, at=later).balance == 100
    club.session.rollback()
    assert ledger.verify(club.session) == []
    with orm.writing(club.session), pytest.raises(HouseholdNotFound):
        households.reopen(club.session, household_id="hh_none", at=at)


# -- fraud and changed contacts


def fraud(club, customer_id, status="confirmed"):
    with orm.writing(club.session):
        members.set_fraud_status(club.session, customer_id=customer_id, status=status, at=club.at)


@pytest.mark.parametrize("outgoing", [True, False])
def test_confirmed_fraud_hands_nothing_over_and_is_handed_nothing(club, home, ana, ben, outgoing):
    club.joined(home, ben)
    fraud(club, ana if outgoing else ben)
    for verb, more in ((households.make_primary, {}), (households.allow, {"may_send": True})):
        with pytest.raises(HouseholdFraud):
            club.do(verb, home, customer_id=ben, by=ana, **more)
    # What takes away is free, and so is staff.
    club.do(households.allow, home, customer_id=ben, may_send=False, by=ana)
    club.do(households.allow, home, customer_id=ben, may_send=True, by=None)
    assert club.do(households.make_primary, home, customer_id=ben, by=None).primary_id == ben


def test_a_member_whose_fraud_is_confirmed_does_not_close_it(club, home, ana):
    fraud(club, ana)
    with pytest.raises(HouseholdFraud):
        club.do(households.close, home, by=ana)
    assert club.do(households.close, home, by=None).status == "closed"


def test_nobody_learns_of_fraud_who_may_not_say_who_sends(club, home, ana, ben):
    club.joined(home, ben)
    fraud(club, ana)
    with pytest.raises(NotHouseholdPrimary):
        club.do(households.allow, home, customer_id=ana, may_send=True, by=ben)


def test_a_changed_contact_pauses_who_may_send(club, home, ana, ben, at):
    club.joined(home, ben)
    with orm.writing(club.session):
        members.amend_customer(
            club.session,
            customer_id=ana,
            identifiers=[members.NewIdentifier(type="mobile", value="919999999")],
            region="PT",
            at=at,
        )
    for verb, more in ((households.make_primary, {}), (households.allow, {"may_send": True})):
        with pytest.raises(HouseholdContactChanged) as refusal:
            club.do(verb, home, customer_id=ben, by=ana, at=at + timedelta(hours=23), **more)
        assert refusal.value.facts["until"] == (at + timedelta(days=1)).isoformat()
    later = at + timedelta(days=1)
    allowed = club.do(households.allow, home, customer_id=ben, may_send=True, by=ana, at=later)
    assert allowed.member(ben).may_send
