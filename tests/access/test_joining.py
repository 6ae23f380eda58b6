"""Joining by oneself: a name, a phone or e-mail, the terms, and a code."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from portal import access, codes, ledger, members, programs
from portal.access import join, sessions, sign_in
from portal.errors import InvalidInput
from portal.members.errors import SelfEnrolmentOff, TermsNotAccepted
from portal.members.models import Customer, Enrolment, Identifier
from portal.orm import writing
from tests.access.conftest import MOBILE, PEPPER, PROGRAM, shape


@pytest.fixture
def begin(session, cipher, program):
    def begin(at, **changes):
        wanted = {
            "program_id": None,
            "first_name": " Rui ",
            "last_name": "Costa",
            "identifier_type": "mobile",
            "identifier_value": MOBILE,
            "terms_accepted": True,
            "at": at,
            "pepper": PEPPER,
            "cipher": cipher,
        }
        with writing(session):
            return join.begin(session, **(wanted | changes))

    return begin


def people(session):
    return session.scalar(select(func.count()).select_from(Customer))


def test_a_stranger_becomes_a_member(session, at, begin, door, phone, program):
    begun = begin(at, language="pt")
    assert people(session) == 0
    welcome = door.confirm(begun, phone.code(at), at, user_agent="A browser", address="192.0.2.1")
    assert welcome.joined
    customer = members.customer(session, welcome.customer_id)
    assert (customer.first_name, customer.last_name, customer.language) == ("Rui", "Costa", "pt")
    assert customer.mobile == MOBILE
    verified = session.scalar(select(Identifier.verified_at).where(Identifier.type == "mobile"))
    assert verified == at
    account = ledger.find_account(session, welcome.account_id)
    assert (account.customer_id, account.program_id) == (customer.id, "corner")
    assert account.enrolled_at == at
    assert ledger.position(session, account_id=account.id, at=at).balance == 50
    joined = session.execute(select(Enrolment)).scalar_one()
    assert joined.channel == "self"
    assert joined.terms_url == PROGRAM["terms_url"]
    assert joined.terms_accepted_at == at
    identity = sessions.find(session, token=welcome.token, at=at)
    assert (identity.customer_id, identity.program_id) == (customer.id, "corner")


def test_by_email_too(session, at, begin, door, phone):
    begun = begin(at, identifier_type="email", identifier_value="Rui@Example.com")
    welcome = door.confirm(begun, phone.code(at), at)
    assert members.customer(session, welcome.customer_id).email == "rui@example.com"
    assert phone.messages[0].subject == "Your code to join"


def test_a_member_who_joins_again_is_signed_in_and_keeps_their_name(
    session, at, ana, begin, door, phone, program
):
    begun = begin(at)
    welcome = door.confirm(begun, phone.code(at), at)
    assert not welcome.joined
    assert welcome.customer_id == ana.id
    assert members.customer(session, ana.id).first_name == "Ana"
    assert people(session) == 1
    account = members.account_for(session, customer_id=ana.id, program=program)
    assert welcome.account_id == account.id


def test_a_member_of_another_program_joins_this_one(session, at, people, begin, door, phone):
    known = people(MOBILE, enrol=False)
    welcome = door.confirm(begin(at), phone.code(at), at)
    assert welcome.joined
    assert welcome.customer_id == known.id


def test_an_account_that_was_closed_is_not_opened_anew(
    session, at, ana, begin, door, phone, close_account
):
    close_account(ana)
    welcome = door.confirm(begin(at), phone.code(at), at)
    assert not welcome.joined
    assert ledger.find_account(session, welcome.account_id).status == "closed"


def test_before_the_code_nothing_tells_members_from_strangers(
    session, at, ana, begin, door, phone, statements
):
    begin(at, identifier_value="+351911111111")
    ran, shown = [], []
    for number in (MOBILE, "+351910000000"):
        statements.clear()
        begun = begin(at, identifier_value=number)
        ran.append(shape(statements))
        pending = sign_in.pending(session, token=begun.token, at=at)
        shown.append((pending.purpose, pending.resend_at, pending.expires_at))
        session.rollback()
    assert ran[0] == ran[1]
    assert shown[0] == shown[1]
    phone.deliver(at)
    assert len(phone.messages) == 3


def test_the_terms_must_be_accepted(session, at, begin):
    with pytest.raises(TermsNotAccepted) as refused:
        begin(at, terms_accepted=False)
    assert list(refused.value.fields) == ["terms"]


def test_where_there_are_none_there_is_nothing_to_accept(session, at, begin, door, phone):
    with writing(session):
        programs.apply(
            session,
            document={key: PROGRAM[key] for key in PROGRAM if key != "terms_url"},
            actor="test",
            at=at,
        )
    begun = begin(at, terms_accepted=False)
    assert door.confirm(begun, phone.code(at), at).joined


def test_a_program_can_be_closed_to_strangers(session, at, begin):
    with writing(session):
        programs.apply(session, document=PROGRAM | {"self_enrol": False}, actor="test", at=at)
    with pytest.raises(SelfEnrolmentOff):
        begin(at)


def test_also_while_someone_is_joining(session, at, begin, door, phone):
    begun = begin(at)
    code = phone.code(at)
    with writing(session):
        programs.apply(session, document=PROGRAM | {"self_enrol": False}, actor="test", at=at)
    with pytest.raises(SelfEnrolmentOff):
        door.confirm(begun, code, at)
    assert people(session) == 0


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"identifier_value": "12"}, "mobile"),
        ({"identifier_type": "email", "identifier_value": "x"}, "email"),
        ({"identifier_type": "card_number"}, "identifier_type"),
        ({"first_name": "x" * 121}, "first_name"),
        ({"last_name": "a\x00b"}, "last_name"),
    ],
)
def test_bad_input_names_its_field_and_changes_nothing(session, at, begin, change, field, phone):
    with pytest.raises(InvalidInput) as refused:
        begin(at, **change)
    assert list(refused.value.fields) == [field]
    phone.deliver(at)
    assert phone.messages == []


def test_a_wrong_code_makes_nobody(session, at, begin, door, phone):
    begun = begin(at)
    wrong = f"{(int(phone.code(at)) + 1) % 10**6:06d}"
    with pytest.raises(codes.WrongCode):
        door.confirm(begun, wrong, at)
    assert people(session) == 0


def test_a_code_to_sign_in_does_not_join_and_the_reverse(session, at, ana, begin, door, phone):
    begun = begin(at)
    joining = phone.code(at)
    entering = door.begin(at)
    with pytest.raises(codes.WrongCode):
        door.confirm(entering, joining, at)
    assert door.confirm(begun, joining, at).customer_id == ana.id


def test_someone_whom_staff_enrolled_meanwhile_is_that_person(
    session, at, begin, door, phone, people
):
    begun = begin(at)
    code = phone.code(at)
    known = people(MOBILE)
    assert door.confirm(begun, code, at).customer_id == known.id


def test_what_was_typed_is_forgotten_with_the_sign_in(session, at, begin):
    begun = begin(at)
    with writing(session):
        access.purge(session, at=at + timedelta(days=2))
    with pytest.raises(access.SignInExpired):
        sign_in.pending(session, token=begun.token, at=at)
