"""Households: who founds, joins, leaves, heads and closes them, and how they are found."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import insert, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal import ledger, members, orm, programs, schema
from portal.errors import Forbidden
from portal.ledger import EventName, Facts
from portal.ledger.errors import HoldsOpen
from portal.ledger.models import AccountStatus
from portal.members import households
from portal.members.errors import (
    AlreadyInHousehold,
    AmbiguousHousehold,
    CustomerMerged,
    CustomerNotFound,
    HouseholdAlreadyExists,
    HouseholdClosed,
    HouseholdFull,
    HouseholdNotEmpty,
    HouseholdNotFound,
    InvalidCustomer,
    InvalidHousehold,
    InvalidIdentifier,
    InvitationNotFound,
    MayNotSend,
    MemberNotActive,
    NotEnrolled,
    NotHouseholdPrimary,
    NotInHousehold,
    PrimaryCannotLeave,
)
from portal.members.models import Customer, HouseholdMember

CORNER = {
    "id": "corner",
    "name": "Corner Points",
    "currency": "PTS",
    "timezone": "Europe/Lisbon",
    "default": True,
}


class Club:
    """A town where households are founded: each verb in a transaction of its own."""

    def __init__(self, session, at):
        self.session, self.at = session, at
        with orm.writing(session):
            self.program = programs.apply(session, document=CORNER, actor="command", at=at).program

    def person(self, first_name="Ana", **identifiers):
        with orm.writing(self.session):
            return members.create_customer(
                self.session,
                first_name=first_name,
                last_name="Dias",
                identifiers=[
                    members.NewIdentifier(type=type, value=value)
                    for type, value in identifiers.items()
                ],
                region="PT",
                at=self.at,
            ).id

    def found(self, primary_id, name="The Dias family", **more):
        with orm.writing(self.session):
            return households.create_household(
                self.session,
                name=name,
                primary_id=primary_id,
                program=self.program,
                at=more.pop("at", self.at),
                **more,
            )

    def do(self, verb, home, *, at=None, **more):
        with orm.writing(self.session):
            return verb(self.session, household_id=home.id, at=at or self.at, **more)

    def joined(self, home, customer_id, *, may_send=False):
        by = home.primary_id
        self.do(households.invite, home, customer_id=customer_id, by=by)
        self.do(households.accept, home, by=customer_id)
        if may_send:
            self.do(households.allow, home, customer_id=customer_id, may_send=True, by=by)
        return customer_id

    def see(self, home):
        self.session.rollback()
        return members.household(self.session, home.id)

    def account(self, home):
        self.session.rollback()
        return members.household_account(self.session, household_id=home.id, program=self.program)

    def give(self, home, points):
        with orm.writing(self.session):
            ledger.earn(
                self.session,
                account_id=self.account_id(home),
                points=points,
                expires_at=self.at + timedelta(days=365),
                facts=Facts(name=EventName.TRANSACTION_ADD, actor="test"),
                at=self.at,
            )

    def account_id(self, home):
        return members.household_account(
            self.session, household_id=home.id, program=self.program
        ).id

    def default(self, customer_id):
        self.session.rollback()
        return members.default_household_id(self.session, customer_id=customer_id)

    def find(self, type, value):
        self.session.rollback()
        return members.find_household_id(self.session, type=type, value=value, region="PT")

    def merge(self, source, target):
        with orm.writing(self.session):
            households.take_over(self.session, source_id=source, target_id=target, at=self.at)
            self.session.execute(
                update(Customer).where(Customer.id == source).values(merged_into=target)
            )


@pytest.fixture
def club(session, at):
    return Club(session, at)


@pytest.fixture
def ana(club):
    return club.person("Ana", mobile="912345678", email="Ana@Example.com", card_number="6300 11")


@pytest.fixture
def ben(club):
    return club.person("Ben")


@pytest.fixture
def home(club, ana):
    return club.found(ana, external_id="H-1")


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


@pytest.mark.parametrize(
    ("type", "value"),
    [
        ("external_id", " H-1 "),
        ("primary_card_number", "63 0011"),
        ("primary_mobile", "+351 912 345 678"),
        ("primary_mobile", "912345678"),
        ("primary_email", "ana@EXAMPLE.com "),
    ],
)
def test_a_household_is_found_however_it_is_typed(club, home, type, value):
    assert club.find(type, value) == home.id


def test_a_household_is_found_by_the_primary_members_id(club, home, ana, ben):
    club.joined(home, ben)
    assert club.find("primary_id", f" {ana} ") == home.id
    assert club.find("primary_id", ben) is None
    assert club.find("primary_id", "cus_none") is None
    assert club.find("external_id", "H-2") is None
    assert club.find("primary_mobile", "912345679") is None


def test_only_a_households_kinds_of_identifier_find_it(club, home):
    with pytest.raises(InvalidIdentifier) as refusal:
        club.find("mobile", "912345678")
    assert refusal.value.field == "type"
    with pytest.raises(InvalidIdentifier):
        club.find("primary_mobile", "not a number")


def test_of_several_households_the_default_one_is_found(club, home, ana):
    firm = club.found(ana, name="The firm", external_id="H-2")
    assert club.find("primary_id", ana) == home.id
    with orm.writing(club.session):
        households.set_default(club.session, household_id=None, by=ana, at=club.at)
    with pytest.raises(AmbiguousHousehold):
        club.find("primary_id", ana)
    club.do(households.close, home, by=ana)
    assert club.find("primary_mobile", "912345678") == firm.id
    assert club.find("external_id", "H-1") == home.id


def test_the_place_of_a_merged_customer_goes_to_the_survivor(club, home, ana, ben):
    eve = club.joined(home, club.person("Eve", mobile="913333333"), may_send=True)
    firm = club.found(ben, name="The firm")
    club.merge(eve, ben)
    club.merge(ana, ben)
    seen = club.see(home)
    assert [one.customer_id for one in seen.members] == [ben]
    assert seen.primary_id == ben
    # Their own default stays.
    assert club.default(ben) == firm.id
    assert club.find("primary_id", ana) == firm.id
    for asked in (ana, ben, eve):
        found = members.households_of(club.session, customer_id=asked)
        assert [one.id for one in found] == [home.id, firm.id]
    with pytest.raises(CustomerMerged):
        club.do(households.invite, firm, customer_id=ana, by=ben)


def test_a_survivor_without_a_household_gets_all_of_the_source(club, home, ana, ben):
    club.merge(ana, ben)
    (member,) = club.see(home).members
    assert (member.customer_id, member.is_primary, member.is_default) == (ben, True, True)
    assert club.find("primary_id", ana) == club.find("primary_id", ben) == home.id


def test_an_invited_survivor_takes_the_members_place(club, home, ana, ben):
    eve = club.joined(home, club.person("Eve"))
    club.do(households.invite, home, customer_id=ben, by=ana)
    club.merge(eve, ben)
    member = club.see(home).member(ben)
    assert (member.status, member.is_default, member.joined_at) == ("active", True, club.at)


def test_resolving_names_a_household_like_a_customer(club, home, ana, ben):
    def resolve(**named):
        club.session.rollback()
        return members.resolve(
            club.session,
            reference=members.Reference(**named),
            program=club.program,
            region="PT",
        ).account.id

    account_id = club.account(home).id
    assert resolve(household=home.id) == account_id
    assert resolve(type="external_id", value="H-1") == account_id
    assert resolve(type="primary_mobile", value="912 345 678") == account_id
    with pytest.raises(HouseholdNotFound):
        resolve(household="hh_none")
    with pytest.raises(HouseholdNotFound):
        resolve(type="primary_id", value=ben)
    with pytest.raises(CustomerNotFound):
        resolve(type="external_id", value="H-2")
    with pytest.raises(InvalidIdentifier):
        resolve(household=home.id, customer=ana)
    # A customer's external id comes before a household's.
    club.person("Eve", external_id="H-1")
    with pytest.raises(NotEnrolled):
        resolve(type="external_id", value="H-1")


def test_a_customer_can_opt_out_of_being_found(club, ana):
    assert members.customer(club.session, ana).findable
    with orm.writing(club.session):
        members.set_findable(club.session, customer_id=ana, findable=False, at=club.at)
    assert not members.customer(club.session, ana).findable


def test_the_fraud_status_is_one_of_three(club, ana):
    for status in ("suspected", "confirmed", "none"):
        with orm.writing(club.session):
            members.set_fraud_status(club.session, customer_id=ana, status=status, at=club.at)
        assert members.customer(club.session, ana).fraud_status == status
    with orm.writing(club.session), pytest.raises(InvalidCustomer) as refusal:
        members.set_fraud_status(club.session, customer_id=ana, status="bad", at=club.at)
    assert refusal.value.field == "fraud_status"
    with orm.writing(club.session), pytest.raises(CustomerNotFound):
        members.set_fraud_status(club.session, customer_id="cus_x", status="none", at=club.at)


def test_the_database_itself_allows_one_primary_member_and_one_default(club, home, ana, ben):
    firm = club.found(ana, name="The firm")
    row = {"household_id": home.id, "customer_id": ben, "status": "active", "joined_at": club.at}
    for refused in (
        row | {"is_primary": True},
        row | {"status": "invited", "is_default": True},
    ):
        with pytest.raises(IntegrityError), orm.writing(club.session):
            club.session.execute(insert(HouseholdMember), [refused])
    with pytest.raises(IntegrityError), orm.writing(club.session):
        club.session.execute(
            update(HouseholdMember)
            .where(HouseholdMember.household_id == firm.id)
            .values(is_default=True)
        )


# -- all at once


def at_once(engine, *acts):
    """Each act in a thread and transaction of its own; gives what each made or refused."""
    outcomes = [None] * len(acts)
    ready = threading.Barrier(len(acts))

    def run(place, act):
        with Session(engine, expire_on_commit=False) as session:
            ready.wait()
            try:
                with orm.writing(session):
                    outcomes[place] = act(session)
            except Exception as error:  # noqa: BLE001 - told to the test
                outcomes[place] = error

    threads = [threading.Thread(target=run, args=(place, act)) for place, act in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def kinds(outcomes):
    return sorted(type(outcome).__name__ for outcome in outcomes)


def test_two_invitations_accepted_at_once_make_one_default(engine, club, home, ben):
    homes = [home] + [club.found(club.person(f"P{n}"), name=f"Home {n}") for n in range(3)]
    for one in homes:
        club.do(households.invite, one, customer_id=ben, by=one.primary_id)
    outcomes = at_once(
        engine,
        *[
            lambda session, one=one: households.accept(
                session, household_id=one.id, by=ben, at=club.at
            )
            for one in homes
        ],
    )
    assert kinds(outcomes) == ["HouseholdView"] * 4
    club.session.rollback()
    mine = members.households_of(club.session, customer_id=ben)
    assert [one.member(ben).is_default for one in mine].count(True) == 1


def test_one_invitation_accepted_and_withdrawn_at_once(engine, club, home, ana, ben):
    club.do(households.invite, home, customer_id=ben, by=ana)
    outcomes = at_once(
        engine,
        lambda session: households.accept(session, household_id=home.id, by=ben, at=club.at),
        lambda session: households.accept(session, household_id=home.id, by=ben, at=club.at),
        lambda session: households.withdraw(
            session, household_id=home.id, customer_id=ben, by=ana, at=club.at
        ),
    )
    done = [one for one in outcomes if isinstance(one, households.HouseholdView)]
    assert len(done) == 1
    refused = {type(one) for one in outcomes if isinstance(one, Exception)}
    assert refused <= {AlreadyInHousehold, InvitationNotFound}
    member = club.see(home).member(ben)
    assert (member is None) == (refused == {InvitationNotFound})


def test_two_are_made_primary_at_once_and_one_is(engine, club, home, ana):
    heirs = [club.joined(home, club.person(f"P{n}")) for n in range(4)]
    outcomes = at_once(
        engine,
        *[
            lambda session, heir=heir: households.make_primary(
                session, household_id=home.id, customer_id=heir, by=ana, at=club.at
            )
            for heir in heirs
        ],
    )
    assert kinds(outcomes) == ["HouseholdView"] + ["NotHouseholdPrimary"] * 3
    assert club.see(home).primary_id in heirs


def test_handing_over_and_leaving_at_once_leave_a_primary_member(engine, club, home, ana, ben):
    club.joined(home, ben)
    outcomes = at_once(
        engine,
        lambda session: households.make_primary(
            session, household_id=home.id, customer_id=ben, by=ana, at=club.at
        ),
        lambda session: households.leave(session, household_id=home.id, by=ben, at=club.at),
    )
    assert sum(isinstance(one, Exception) for one in outcomes) == 1
    primary = club.see(home).primary_id
    assert primary in (ana, ben)
    assert club.see(home).member(primary).status == "active"


def test_the_last_place_is_taken_once(engine, club, home, ana):
    with orm.writing(club.session):
        people = [members.create_customer(club.session, at=club.at).id for _ in range(22)]
        for customer_id in people[:18]:
            households.invite(
                club.session, household_id=home.id, customer_id=customer_id, by=ana, at=club.at
            )
    outcomes = at_once(
        engine,
        *[
            lambda session, customer_id=customer_id: households.invite(
                session, household_id=home.id, customer_id=customer_id, by=ana, at=club.at
            )
            for customer_id in people[18:]
        ],
    )
    assert kinds(outcomes) == ["HouseholdFull"] * 3 + ["HouseholdView"]


def test_one_external_id_founded_twice_at_once(engine, club, ana, ben):
    outcomes = at_once(
        engine,
        *[
            lambda session, primary=primary: households.create_household(
                session,
                name="Home",
                primary_id=primary,
                program=club.program,
                external_id="H-9",
                at=club.at,
            )
            for primary in (ana, ben)
        ],
    )
    assert kinds(outcomes) == ["HouseholdAlreadyExists", "HouseholdView"]


def test_an_account_is_opened_once_however_many_need_it(engine, club, home, at):
    with orm.writing(club.session):
        other = programs.apply(
            club.session,
            document={"id": "other", "name": "Other", "currency": "OTH"},
            actor="command",
            at=at,
        ).program
    outcomes = at_once(
        engine,
        *[
            lambda session: members.household_account(
                session, household_id=home.id, program=other, at=at
            )
            for _ in range(4)
        ],
    )
    assert kinds(outcomes) == ["AccountView"] * 4
    assert len({one.id for one in outcomes}) == 1


def test_closing_and_earning_at_once_lose_nothing(engine, club, home, ana, at):
    account_id = club.account(home).id

    def earn(session):
        return ledger.earn(
            session,
            account_id=account_id,
            points=10,
            expires_at=None,
            facts=Facts(name=EventName.TRANSACTION_ADD, actor="test"),
            at=at,
        )

    outcomes = at_once(
        engine,
        earn,
        lambda session: households.close(session, household_id=home.id, by=ana, at=at),
    )
    assert kinds(outcomes) in (
        ["HouseholdNotEmpty", "Posted"],
        ["AccountClosed", "HouseholdView"],
    )
    club.session.rollback()
    assert ledger.verify(club.session) == []


def test_the_migration_runs_down_and_up_with_people_in_it(engine, club, home, ana):
    club.session.rollback()
    schema.downgrade(engine, "0004")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM customer")).scalar() == 1
    schema.upgrade(engine)
    club.session.expire_all()
    assert members.customer(club.session, ana).findable
    assert members.households_of(club.session, customer_id=ana) == []
    # The account of the household is kept, as every account is.
    assert ledger.verify(club.session) == []
