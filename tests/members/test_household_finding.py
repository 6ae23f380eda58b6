"""Households found: by their identifiers, of merged customers, beside what a customer holds."""

from datetime import timedelta

import pytest

from portal import members, orm, programs
from portal.members import households
from portal.members.errors import (
    AmbiguousHousehold,
    CustomerMerged,
    CustomerNotFound,
    HouseholdNotFound,
    InvalidCustomer,
    InvalidIdentifier,
    NotEnrolled,
)


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


def test_a_members_purses_are_those_of_all_their_households(club, home, ana, ben, at):
    firm = club.found(ben, name="The firm", at=at + timedelta(days=1))
    club.joined(firm, ana)
    club.do(households.invite, club.found(club.person("Eve")), customer_id=ana, by=None)
    with orm.writing(club.session):
        other = programs.apply(
            club.session,
            document={"id": "other", "name": "Other", "currency": "OTH"},
            actor="command",
            at=at,
        ).program
        members.household_account(club.session, household_id=home.id, program=other, at=at)

    def purses(**more):
        club.session.rollback()
        found = households.purses(club.session, customer_id=ana, **more)
        return [(one.name, one.account.program_id, one.may_send, one.is_default) for one in found]

    of_home = ("The Dias family", "corner", True, True)
    of_firm = ("The firm", "corner", False, False)
    assert purses() == [of_home, ("The Dias family", "other", True, True), of_firm]
    assert purses(program_id="corner") == [of_home, of_firm]
    club.do(households.close, home, by=ana)
    assert purses() == [of_firm]
    assert purses(closed=True, program_id="corner") == [(*of_home[:3], False), of_firm]


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
