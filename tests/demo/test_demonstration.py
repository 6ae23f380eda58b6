import secrets
from datetime import UTC, datetime, timedelta

import phonenumbers
import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal import (
    create_app,
    demo,
    ledger,
    members,
    orm,
    programs,
    rewards,
    schema,
    transfers,
)
from portal.checkout.models import OrderRefund
from portal.config import Settings
from portal.demo import cast, gifts, pictures
from portal.ledger.models import Account, Category, Entry, EntryType, Redemption
from portal.members import households
from portal.members.cards import is_ours
from portal.outbox.models import Message


@pytest.fixture
def played(session, at):
    with orm.writing(session):
        demo.create(session, at=at, actor="test")
    return session


def position_of(session, person, at, program="corner"):
    customer = members.find_customer(session, type="mobile", value=person.mobile)
    account = members.account_for(
        session, customer_id=customer.id, program=programs.find(session, program)
    )
    return ledger.position(session, account_id=account.id, at=at)


def test_the_books_of_the_demonstration_agree(played):
    assert ledger.verify(played) == []


def test_it_shows_what_a_member_may_meet(played, at):
    ana = position_of(played, cast.ANA, at)
    assert ana.promised > 0
    assert ana.deadlines[0].expires_at - at < timedelta(days=10)
    assert sum(deadline.points for deadline in ana.deadlines) == ana.balance > 0
    assert position_of(played, cast.ANA, at, "credits").balance > 0

    assert position_of(played, cast.BEATRIZ, at).debt > 0
    assert position_of(played, cast.DUARTE, at).account.status == "closed"
    assert position_of(played, cast.TOMAS, at).balance > 5_000
    assert position_of(played, cast.SOFIA, at, "credits").promised > 0
    waiting = position_of(played, cast.PRIYA, at).maturing
    assert any(one.trigger == "your_answer_to_our_survey" for one in waiting)
    assert (
        played.scalar(select(Account.customer_id).where(Account.external_id == cast.NOBODY)) is None
    )

    held = played.scalars(
        select(Redemption).where(Redemption.status == "held", Redemption.purpose == "payment")
    ).one()
    assert held.held_until > at
    assert played.scalar(select(func.count(OrderRefund.id))) == 2
    kinds = set(played.scalars(select(Entry.type).distinct()))
    assert kinds == {
        EntryType.EARN,
        EntryType.REDEEM,
        EntryType.EXPIRE,
        EntryType.ADJUST,
        EntryType.REVERSE,
        EntryType.TRANSFER,
    }
    assert set(played.scalars(select(Entry.category).distinct())) == set(Category)


def test_it_shows_a_household_invitations_and_what_was_sent(played, at):
    def id_of(person):
        return members.find_customer(played, type="mobile", value=person.mobile).id

    ana = id_of(cast.ANA)
    found = {one.name: one for one in households.households_of(played, customer_id=ana)}
    family, club = found[cast.FAMILY], found[cast.CLUB]
    assert family.primary_id == ana
    assert [one.status for one in family.members] == ["active", "active", "active", "invited"]
    assert club.member(ana).status == "invited"
    corner = programs.find(played, "corner")
    purse = households.household_account(played, household_id=family.id, program=corner)
    assert ledger.position(played, account_id=purse.id, at=at).balance > 0
    own = members.account_for(played, customer_id=ana, program=corner)
    sent = transfers.history(played, account_ids=[own.id]).transfers
    assert [one.direction for one in sent] == ["out", "in", "out"]
    # Codes that somebody typed long ago are sent to nobody.
    assert played.scalar(select(func.count()).select_from(Message)) == 0


def test_it_shows_rewards_and_vouchers(played, at):
    ana = position_of(played, cast.ANA, at)
    offers = rewards.catalogue(
        played,
        program=programs.find(played, "corner"),
        account=ana.account,
        balance=ana.balance,
        at=at,
    )
    assert len(offers) >= 8
    assert sum(offer.reward.picture is not None for offer in offers) >= 6
    assert sum(offer.available for offer in offers) >= 4
    assert any(offer.left == 0 for offer in offers)
    assert any("gold" in offer.reward.tiers for offer in offers)
    mine = rewards.vouchers_of(played, account_ids=[ana.account.id], at=at).vouchers
    assert {voucher.status for voucher in mine} == {"issued", "used", "cancelled", "lapsed"}


def test_each_reward_has_a_drawing_that_can_be_shown():
    for reward in gifts.REWARDS:
        if name := reward.get("picture"):
            assert pictures.draw(name).startswith(b"\x89PNG")


def test_it_lies_in_the_two_years_before_now(played, at):
    first, *_, last = played.scalars(select(Entry.occurred_at).order_by(Entry.occurred_at))
    assert timedelta(days=725) < at - first < timedelta(days=735)
    assert at - last < timedelta(days=4)


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 3, 2, 0, 5, tzinfo=UTC),
        datetime(2028, 2, 29, 23, 55, tzinfo=UTC),
        datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    ],
)
def test_it_can_be_made_at_any_time_of_any_day(session, moment):
    with orm.writing(session):
        demo.create(session, at=moment, actor="test")
    assert position_of(session, cast.BEATRIZ, moment).debt > 0
    assert position_of(session, cast.ANA, moment).deadlines[0].expires_at - moment < timedelta(
        days=14
    )
    assert ledger.verify(session) == []


def test_it_is_the_same_each_time(played, at, tmp_path):
    def told(session):
        return [
            (person.name, position.balance, position.promised, position.lifetime)
            for person in demo.PEOPLE
            for program in {habit.program for habit in person.habits} or {"corner"}
            for position in [position_of(session, person, at, program)]
        ]

    from sqlalchemy.orm import Session

    engine = orm.make_engine(f"sqlite:///{tmp_path / 'again.db'}")
    schema.upgrade(engine)
    with Session(engine) as again:
        with orm.writing(again):
            demo.create(again, at=at, actor="test")
        assert sorted(told(again)) == sorted(told(played))
    engine.dispose()


def test_it_does_not_mix_with_anything_else(session, at):
    assert not demo.present(session)
    with orm.writing(session):
        programs.apply(
            session, document={"id": "p", "name": "P", "currency": "P"}, actor="test", at=at
        )
    with pytest.raises(demo.NotEmpty), orm.writing(session):
        demo.create(session, at=at, actor="test")
    assert not demo.present(session)


def test_it_is_recognised_and_made_once(played, at):
    assert demo.present(played)
    with pytest.raises(demo.NotEmpty), orm.writing(played):
        demo.create(played, at=at, actor="test")


def test_production_refuses_to_start_on_it(tmp_path):
    url = f"sqlite:///{tmp_path / 'shown.db'}"
    production = Settings(
        env="production",
        secret_key=secrets.token_urlsafe(48),
        mail_url="json://127.0.0.1:9",
        database_url=url,
    )
    engine = orm.make_engine(url)
    create_app(production)  # not even its tables are there: readiness tells, it starts
    schema.upgrade(engine)
    create_app(production)
    with Session(engine) as session, orm.writing(session):
        demo.create(session, at=datetime(2026, 3, 2, tzinfo=UTC), actor="test")
    with pytest.raises(demo.DemonstrationPresent):
        create_app(production)
    engine.dispose()


def test_nobody_real_can_be_called_or_written_to():
    reserved = ("+447700900", "+3363998", "+120255501")
    for person in demo.PEOPLE:
        assert person.mobile.startswith(reserved)
        assert phonenumbers.is_possible_number(phonenumbers.parse(person.mobile))
        assert person.email.endswith("@example.com")
        assert is_ours(person.card_number)
    assert len({person.mobile for person in demo.PEOPLE}) == len(demo.PEOPLE)
    assert len({person.card_number for person in demo.PEOPLE}) == len(demo.PEOPLE)
