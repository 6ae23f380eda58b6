"""Customers and enrolment in the database."""

import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal import ledger, members, orm, programs
from portal.errors import Busy
from portal.ledger.accounts import EnrolledInTheFuture
from portal.ledger.errors import AccountAlreadyExists, AccountMerged, AccountNotFound
from portal.ledger.verification import verify
from portal.members import models
from portal.members.errors import (
    AmbiguousIdentifier,
    AutoEnrolmentOff,
    CustomerMerged,
    CustomerNotFound,
    IdentifierTaken,
    InvalidCustomer,
    InvalidIdentifier,
    NotEnrolled,
    SelfEnrolmentOff,
    TermsNotAccepted,
)

CORNER = {
    "id": "corner",
    "name": "Corner Points",
    "currency": "PTS",
    "timezone": "Europe/Lisbon",
    "auto_enrol": True,
    "self_enrol": True,
    "earning": [{"id": "welcome", "kind": "event", "event": "account.created", "points": 50}],
}


@pytest.fixture
def apply(session, at):
    def apply(**changes):
        with orm.writing(session):
            return programs.apply(
                session, document=CORNER | changes, actor="command", at=at
            ).program

    return apply


def known(type, value, **more):
    return members.NewIdentifier(type=type, value=value, **more)


@pytest.fixture
def create(session, at):
    def create(*identifiers, **more):
        with orm.writing(session):
            return members.create_customer(
                session, identifiers=identifiers, at=at, region="PT", **more
            )

    return create


@pytest.fixture
def enrol(session, at):
    def enrol(program, customer=None, channel="staff", **more):
        with orm.writing(session):
            return members.enrol(
                session,
                program=program,
                customer_id=customer and customer.id,
                channel=channel,
                actor="staff:1",
                at=more.pop("at", at),
                **more,
            )

    return enrol


def test_a_customer_is_found_by_all_they_are_known_by(session, create):
    ana = create(
        known("mobile", "912 345 689"),
        known("email", "Ana@Example.com"),
        known("external_id", "C42", source="INSTORE", source_account="pos"),
        known("wechat", "ana"),
        first_name=" Ana ",
        last_name="Dias",
        birth_date=date(1990, 5, 1),
        language="pt_PT",
    )
    assert (ana.first_name, ana.language, ana.fraud_status) == ("Ana", "pt-PT", "none")
    assert (ana.mobile, ana.email, ana.external_id) == ("+351912345689", "ana@example.com", "C42")
    for type, value in [
        ("mobile", "00351 912 345 689"),
        ("email", "ANA@example.com"),
        ("external_id", "C42"),
        ("wechat", "ana"),
        ("card_number", ana.card_number),
    ]:
        assert members.find_customer(session, type=type, value=value).id == ana.id
    assert members.customer(session, ana.id) == ana
    assert members.find_customer(session, type="email", value="other@example.com") is None


def test_a_card_number_is_made_where_none_is_given(create):
    assert members.cards.is_ours(create().card_number)
    assert create(known("card_number", "A-1")).card_number == "A-1"


def test_an_identifier_belongs_to_one_customer(session, create):
    ana = create(known("mobile", "+351912345689"))
    with pytest.raises(IdentifierTaken) as caught:
        create(known("email", "x@example.com"), known("mobile", "00351912345689"))
    assert (caught.value.field, caught.value.facts["customer"]) == ("mobile", ana.id)
    assert members.find_customer(session, type="email", value="x@example.com") is None


def test_an_identifier_named_twice_is_one(create):
    ana = create(known("email", "a@example.com"), known("email", "A@example.com"))
    assert [one.value for one in ana.identifiers if one.type == "email"] == ["a@example.com"]


def test_sources_may_know_different_people_by_one_value(session, create):
    one = create(known("external_id", "7", source_account="shop"))
    two = create(known("external_id", "7", source_account="web"))
    for source_account, owner in (("shop", one), ("web", two)):
        found = members.find_customer(
            session, type="external_id", value="7", source_account=source_account
        )
        assert found.id == owner.id
    with pytest.raises(AmbiguousIdentifier):
        members.find_customer(session, type="external_id", value="7")
    main = create(known("external_id", "7"))
    assert members.find_customer(session, type="external_id", value="7").id == main.id


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"first_name": "x" * 121}, "first_name"),
        ({"last_name": "a\x00b"}, "last_name"),
        ({"last_name": "\ud800"}, "last_name"),
        ({"birth_date": date(1899, 12, 31)}, "birth_date"),
        ({"birth_date": date(2026, 3, 4)}, "birth_date"),
        ({"language": "portuguese"}, "language"),
        ({"language": "pt-" + "x" * 20}, "language"),
    ],
)
def test_what_cannot_be_said_of_a_person_is_refused(session, create, wrong, field):
    with pytest.raises(InvalidCustomer) as caught:
        create(**wrong)
    assert caught.value.field == field
    assert session.scalar(select(func.count()).select_from(models.Customer)) == 0


def test_empty_words_are_nothing(create):
    ana = create(first_name="  ", language="")
    assert (ana.first_name, ana.language, ana.name) == (None, None, "")


def test_a_bad_identifier_creates_nobody(session, create):
    with pytest.raises(InvalidIdentifier):
        create(known("email", "ana"))
    assert session.scalar(select(func.count()).select_from(models.Customer)) == 0


def test_a_referrer_must_be_known(create):
    ana = create()
    assert create(referred_by=ana.id).referred_by == ana.id
    with pytest.raises(CustomerNotFound):
        create(referred_by="cus_x")


def test_amending_changes_what_is_mentioned_and_nothing_else(session, create, at):
    ana = create(
        known("mobile", "+351912345689"), known("wechat", "ana"), first_name="Ana", language="pt"
    )
    later = at + timedelta(hours=1)
    with orm.writing(session):
        amended = members.amend_customer(
            session,
            customer_id=ana.id,
            last_name="Dias",
            birth_date=date(1990, 5, 1),
            language=None,
            metadata={"vip": True},
            identifiers=[known("wechat", "ana2")],
            at=later,
        )
    assert (amended.first_name, amended.last_name, amended.language) == ("Ana", "Dias", None)
    assert (amended.mobile, amended.first("wechat")) == ("+351912345689", "ana2")
    assert (amended.birth_date, amended.metadata) == (date(1990, 5, 1), {"vip": True})
    assert repr(members.UNCHANGED) == "UNCHANGED"
    assert amended.contact_changed_at is None
    assert amended.updated_at == later
    assert members.find_customer(session, type="wechat", value="ana") is None


def test_a_changed_phone_is_remembered_and_an_unchanged_one_keeps_its_proof(session, create, at):
    ana = create(known("mobile", "+351912345689", verified_at=at))
    later = at + timedelta(hours=1)
    with orm.writing(session):
        same = members.amend_customer(
            session, customer_id=ana.id, identifiers=[known("mobile", "00351912345689")], at=later
        )
    assert same.contact_changed_at is None
    assert same.identifiers == ana.identifiers
    with orm.writing(session):
        moved = members.amend_customer(
            session, customer_id=ana.id, identifiers=[known("mobile", "+351912345600")], at=later
        )
        members.mark_verified(
            session, customer_id=ana.id, type="mobile", value=moved.mobile, at=later
        )
    assert moved.contact_changed_at == later
    assert members.find_customer(session, type="mobile", value="+351912345689") is None
    session.expire_all()
    found = members.customer(session, ana.id)
    assert {one.type: one.verified_at for one in found.identifiers}["mobile"] == later


def test_amending_cannot_take_what_is_someone_elses(session, create, at):
    create(known("email", "ana@example.com"))
    bea = create(known("email", "bea@example.com"))
    with pytest.raises(IdentifierTaken), orm.writing(session):
        members.amend_customer(
            session, customer_id=bea.id, identifiers=[known("email", "Ana@example.com")], at=at
        )
    with pytest.raises(CustomerNotFound), orm.writing(session):
        members.amend_customer(session, customer_id="cus_x", first_name="X", at=at)


def merge_customers(session, source, target):
    with orm.writing(session):
        session.get(models.Customer, source.id).merged_into = target.id


def test_a_merged_id_leads_to_the_survivor_and_takes_no_writes(session, create, at):
    ana, bea, cleo = create(), create(), create()
    merge_customers(session, ana, bea)
    merge_customers(session, bea, cleo)
    found = members.customer(session, ana.id)
    assert (found.id, found.found_as) == (cleo.id, ana.id)
    assert members.customer(session, cleo.id).found_as is None
    with pytest.raises(CustomerMerged) as caught, orm.writing(session):
        members.amend_customer(session, customer_id=ana.id, first_name="X", at=at)
    assert (caught.value.legacy_code, caught.value.facts["customer"]) == (419, cleo.id)
    assert members.bulk.survivors(session, [ana.id, bea.id, cleo.id, "cus_x"]) == dict.fromkeys(
        [ana.id, bea.id, cleo.id], cleo.id
    )


def test_several_customers_at_once(session, create):
    ana, bea = create(known("email", "a@example.com")), create()
    found = members.customers(session, [ana.id, bea.id, "cus_x"])
    assert found == {ana.id: ana, bea.id: bea}


def test_enrolling_opens_an_account_with_the_welcome_bonus(session, apply, create, enrol, at):
    program = apply()
    account = enrol(program, create(), store="lisbon", till="2")
    assert (account.balance, account.lifetime, account.enrolled_at) == (50, 50, at)
    (line,) = ledger.history(session, account_id=account.id, at=at).lines
    assert (line.event.name, line.event.store, line.event.till) == (
        "CustomerRegistration",
        "lisbon",
        "2",
    )
    assert line.entry.expires_at == datetime(2027, 3, 3, tzinfo=UTC)
    assert line.entry.program_version == 1
    noted = session.get(models.Enrolment, account.id)
    assert (noted.channel, noted.terms_accepted_at) == ("staff", None)
    assert verify(session) == []


def test_a_program_without_a_bonus_opens_an_empty_account(apply, create, enrol):
    account = enrol(apply(earning=[]), create())
    assert (account.balance, account.enrolled_at) == (0, None)


def test_joining_by_oneself_sets_enrolled_at_and_takes_terms(session, apply, create, enrol, at):
    program = apply(earning=[], terms_url="https://corner.example/terms")
    ana = create()
    with pytest.raises(TermsNotAccepted):
        enrol(program, ana, channel="self")
    account = enrol(program, ana, channel="self", terms_accepted=True)
    assert account.enrolled_at == at
    noted = session.get(models.Enrolment, account.id)
    assert (noted.terms_url, noted.terms_accepted_at) == ("https://corner.example/terms", at)


def test_joining_by_oneself_and_by_itself_are_the_programs_choice(apply, create, enrol):
    program = apply(self_enrol=False, auto_enrol=False)
    with pytest.raises(SelfEnrolmentOff):
        enrol(program, create(), channel="self", terms_accepted=True)
    with pytest.raises(AutoEnrolmentOff):
        enrol(program, create(), channel="auto")
    with pytest.raises(ValueError, match="nowhere"):
        enrol(program, create(), channel="nowhere")


def test_member_since_may_be_any_time_but_the_future(apply, create, enrol, at):
    program = apply()
    before = at - timedelta(days=4000)
    assert enrol(program, create(), channel="import", enrolled_at=before).enrolled_at == before
    with pytest.raises(EnrolledInTheFuture):
        enrol(program, create(), enrolled_at=at + timedelta(seconds=1))


def test_one_active_account_per_customer_and_program(session, apply, create, enrol, at):
    program, other = apply(), apply(id="credits", name="Credits")
    ana = create()
    account = enrol(program, ana)
    with pytest.raises(AccountAlreadyExists) as caught:
        enrol(program, ana)
    assert caught.value.facts["account"] == account.id
    assert enrol(other, ana).program_id == "credits"
    with orm.writing(session):
        ledger.close(session, account_id=account.id, at=at)
    assert enrol(program, ana).id != account.id


def test_an_account_of_nobody_yet(session, apply, create, enrol, at):
    account = enrol(apply(), external_id="card-7")
    assert (account.customer_id, account.external_id, account.balance) == (None, "card-7", 50)


def test_nobody_by_that_id_cannot_join(session, apply, create, enrol, at):
    program = apply()
    ana, bea = create(), create()
    merge_customers(session, ana, bea)
    with pytest.raises(CustomerMerged):
        enrol(program, ana)
    with pytest.raises(CustomerNotFound), orm.writing(session):
        members.enrol(
            session, program=program, customer_id="cus_x", channel="staff", actor="x", at=at
        )


def test_joining_twice_at_once_opens_one_account(engine, session, apply, create, at):
    program, ana = apply(), create()
    barrier, outcomes = threading.Barrier(6), []

    def join():
        with Session(engine) as mine:
            barrier.wait()
            try:
                with orm.writing(mine):
                    account = members.enrol(
                        mine,
                        program=program,
                        customer_id=ana.id,
                        channel="self",
                        actor="member",
                        at=at,
                    )
                outcomes.append(account.id)
            except AccountAlreadyExists as error:
                outcomes.append(error.facts["account"])

    threads = [threading.Thread(target=join) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (account,) = ledger.accounts_of(session, customer_id=ana.id)
    assert outcomes == [account.id] * 6
    assert account.balance == 50


def test_which_account_a_customer_has(session, apply, create, enrol, at):
    program = apply()
    ana = create()
    assert members.account_for(session, customer_id=ana.id, program=program) is None
    first = enrol(program, ana)
    with orm.writing(session):
        ledger.close(session, account_id=first.id, at=at)
    assert members.account_for(session, customer_id=ana.id, program=program).id == first.id
    second = enrol(program, ana, at=at + timedelta(days=1))
    assert members.account_for(session, customer_id=ana.id, program=program).id == second.id
    held = members.bulk.holdings(session, program_id="corner", customer_ids=[ana.id, "cus_x"])
    assert {customer: holding.account_id for customer, holding in held.items()} == {
        ana.id: second.id
    }


def test_an_account_is_meant_by_its_id_its_customer_or_an_identifier(session, apply, create, enrol):
    program = apply()
    ana = create(known("mobile", "+351912345689"))
    account = enrol(program, ana)
    for reference in (
        members.Reference(account=account.id),
        members.Reference(customer=ana.id),
        members.Reference(type="mobile", value="912345689"),
    ):
        resolved = members.resolve(session, reference=reference, program=program, region="PT")
        assert (resolved.account.id, resolved.merged_from) == (account.id, None)
    assert members.resolve(session, reference=members.Reference(account=account.id)).account


@pytest.mark.parametrize(
    ("reference", "error"),
    [
        ({"account": "loy_x"}, AccountNotFound),
        ({"customer": "cus_x"}, CustomerNotFound),
        ({"type": "email", "value": "x@example.com"}, CustomerNotFound),
        ({"type": "email", "value": "x"}, InvalidIdentifier),
        ({"type": "member_code", "value": "x"}, InvalidIdentifier),
        ({"value": "x"}, InvalidIdentifier),
        ({}, InvalidIdentifier),
        ({"account": "loy_x", "customer": "cus_x"}, InvalidIdentifier),
    ],
)
def test_a_reference_to_nothing_is_refused(session, apply, reference, error):
    program = apply()
    with pytest.raises(error):
        members.resolve(session, reference=members.Reference(**reference), program=program)


def test_a_customer_who_has_not_joined_is_not_enrolled(session, apply, create, enrol):
    program, other = apply(), apply(id="credits", name="Credits")
    ana = create()
    with pytest.raises(NotEnrolled) as caught:
        members.resolve(session, reference=members.Reference(customer=ana.id), program=program)
    assert caught.value.legacy_code == 881
    account = enrol(program, ana)
    with pytest.raises(NotEnrolled):
        members.resolve(session, reference=members.Reference(account=account.id), program=other)
    with pytest.raises(InvalidIdentifier) as caught:
        members.resolve(session, reference=members.Reference(customer=ana.id))
    assert caught.value.field == "program"


def test_a_merged_account_leads_to_its_survivor_for_reading_only(session, apply, create, enrol, at):
    program = apply()
    ana, bea = create(), create()
    source, target = enrol(program, ana), enrol(program, bea)
    with orm.writing(session):
        ledger.merge(
            session,
            source_id=source.id,
            target_id=target.id,
            facts=ledger.Facts(name=ledger.EventName.ACCOUNT_MERGE, actor="staff:1"),
            at=at,
        )
    merge_customers(session, ana, bea)
    for reference, asked in (
        (members.Reference(account=source.id), source.id),
        (members.Reference(customer=ana.id), ana.id),
    ):
        resolved = members.resolve(session, reference=reference, program=program)
        assert (resolved.account.id, resolved.merged_from) == (target.id, asked)
    with pytest.raises(AccountMerged) as caught:
        members.resolve(
            session,
            reference=members.Reference(account=source.id),
            program=program,
            to_write=True,
        )
    assert caught.value.facts["account"] == target.id
    with pytest.raises(CustomerMerged):
        members.resolve(
            session,
            reference=members.Reference(customer=ana.id),
            program=program,
            to_write=True,
        )


def test_thousands_are_created_and_enrolled_at_once(session, apply, at):
    program = apply(earning=[])
    people = [
        members.bulk.NewCustomer(
            identifiers=[("external_id", f"C{number}")], first_name="Ana", metadata={"n": number}
        )
        for number in range(6_000)
    ]
    with orm.writing(session):
        ids = members.bulk.create_customers(session, people, at=at)
        opened = members.bulk.enrol_customers(
            session,
            program=program,
            customer_ids=ids,
            channel=members.Channel.IMPORT,
            at=at,
            enrolled_at=[at] * len(ids),
        )
    assert len(opened) == 6_000
    found = members.bulk.owners(
        session, type="external_id", values={f"C{number}" for number in range(7_000)}
    )
    assert found == {f"C{number}": ids[number] for number in range(6_000)}
    held = members.bulk.holdings(session, program_id="corner", customer_ids=ids)
    assert {customer: holding.account_id for customer, holding in held.items()} == opened
    last = members.customer(session, ids[-1])
    assert (last.first_name, last.metadata) == ("Ana", {"n": 5_999})
    assert members.cards.is_ours(last.card_number)
    assert session.get(models.Enrolment, opened[ids[0]]).channel == "import"


def test_who_is_created_meanwhile_is_not_created_again(session, create, at):
    ana = create(known("external_id", "C1"))
    with orm.writing(session):
        ids = members.bulk.create_customers(
            session,
            [
                members.bulk.NewCustomer(identifiers=[("external_id", value)])
                for value in ("C1", "C2")
            ],
            at=at,
        )
    assert ids[0] == ana.id
    assert session.scalar(select(func.count()).select_from(models.Customer)) == 2
    assert members.find_customer(session, type="external_id", value="C2").id == ids[1]


def test_nobody_is_created_or_enrolled_from_nothing(session, apply, at):
    program = apply()
    with orm.writing(session):
        assert members.bulk.create_customers(session, [], at=at) == []
        assert (
            members.bulk.enrol_customers(
                session, program=program, customer_ids=[], channel=members.Channel.AUTO, at=at
            )
            == {}
        )
    assert members.bulk.owners(session, type="email", values=[]) == {}


def test_who_enrols_meanwhile_is_not_enrolled_again(session, apply, create, enrol, at):
    program, ana = apply(), create()
    account = enrol(program, ana)
    with pytest.raises(Busy), orm.writing(session):
        members.bulk.enrol_customers(
            session,
            program=program,
            customer_ids=[ana.id],
            channel=members.Channel.AUTO,
            at=at,
        )
    assert ledger.accounts_of(session, customer_id=ana.id) == [account]


def test_cards_given_to_many_are_kept(session, at):
    with orm.writing(session):
        ids = members.bulk.create_customers(
            session,
            [
                members.bulk.NewCustomer(identifiers=[("card_number", "A-1")]),
                members.bulk.NewCustomer(),
            ],
            at=at,
        )
    assert members.customer(session, ids[0]).card_number == "A-1"
    assert members.cards.is_ours(members.customer(session, ids[1]).card_number)
