"""Members' sessions: found by one statement, fresh for spending, ended by their owner (B.6)."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from portal import access, codes
from portal.access import proof, sessions
from portal.access.models import MemberSession
from portal.members.models import Identifier
from portal.orm import recording, writing
from tests.access.conftest import MOBILE, PEPPER


@pytest.fixture
def opened(session, at, ana):
    return open_for(session, ana, at)


def open_for(session, customer, at, **more):
    with writing(session):
        return sessions.open(session, customer_id=customer.id, at=at, **more)


def find(session, opened, at):
    found = sessions.find(session, token=opened.token, at=at)
    session.rollback()
    return found


def touch(session, opened, at):
    with writing(session):
        sessions.touch(session, session_id=opened.session_id, at=at)


def test_finding_takes_one_statement(session, at, opened, statements):
    session.rollback()
    statements.clear()
    assert sessions.find(session, token=opened.token, at=at) is not None
    assert len([one for one in statements if one.startswith("SELECT")]) == 1


def test_it_lasts_thirty_days_however_much_it_is_used(session, at, opened):
    for day in range(1, 30):
        touch(session, opened, at + timedelta(days=day))
    last = at + timedelta(days=30)
    assert find(session, opened, last - timedelta(seconds=1)) is not None
    assert find(session, opened, last) is None


def test_it_stays_fresh_while_it_is_used(session, at, opened):
    for passed in range(0, 24 * 60, 29):
        now = at + timedelta(minutes=passed)
        assert find(session, opened, now).fresh
        touch(session, opened, now)


def test_after_thirty_minutes_without_activity_it_is_not_fresh(session, at, opened):
    assert find(session, opened, at + timedelta(minutes=30)).fresh
    stale = at + timedelta(minutes=30, seconds=1)
    assert not find(session, opened, stale).fresh


def test_activity_does_not_make_it_fresh_again(session, at, opened):
    later = at + timedelta(hours=2)
    touch(session, opened, later)
    found = find(session, opened, later + timedelta(minutes=1))
    assert found.last_seen_at == later
    assert not found.fresh


def test_activity_is_written_at_most_once_a_minute(session, at, opened):
    soon = at + timedelta(seconds=59)
    assert not find(session, opened, soon).touch_due
    touch(session, opened, soon)
    assert find(session, opened, soon).last_seen_at == at
    due = at + timedelta(seconds=60)
    assert find(session, opened, due).touch_due
    touch(session, opened, due)
    assert find(session, opened, due).last_seen_at == due


@pytest.mark.parametrize("token", ["", "x", "x" * 43, "x" * 10_000, "\x00", "é" * 43])
def test_a_made_up_token_finds_nobody(session, at, opened, token):
    assert sessions.find(session, token=token, at=at) is None


def test_each_session_has_a_token_of_its_own(session, at, ana):
    assert len({open_for(session, ana, at).token for _ in range(20)}) == 20


def test_its_owner_sees_their_sessions_latest_first(session, at, ana, opened, people):
    phone = open_for(
        session, ana, at + timedelta(hours=1), user_agent="x" * 500, address="2001:db8::1"
    )
    open_for(session, people("+351912345681"), at)
    listed = sessions.list(session, customer_id=ana.id, at=at + timedelta(hours=2))
    assert [one.id for one in listed] == [phone.session_id, opened.session_id]
    assert listed[0].user_agent == "x" * 200
    assert listed[0].address == "2001:db8::1"
    later = sessions.list(session, customer_id=ana.id, at=at + timedelta(days=30))
    assert [one.id for one in later] == [phone.session_id]


def test_an_ended_session_opens_nothing_at_once(session, at, ana, opened):
    with writing(session):
        sessions.end(session, session_id=opened.session_id, customer_id=ana.id, at=at)
    assert find(session, opened, at) is None
    assert sessions.list(session, customer_id=ana.id, at=at) == ()
    with pytest.raises(access.SessionNotFound), writing(session):
        sessions.end(session, session_id=opened.session_id, customer_id=ana.id, at=at)


def test_nobody_ends_another_members_session(session, at, opened, people):
    other = people("+351912345681")
    with pytest.raises(access.SessionNotFound), writing(session):
        sessions.end(session, session_id=opened.session_id, customer_id=other.id, at=at)
    assert find(session, opened, at) is not None


def test_all_can_be_ended_and_all_but_this_one(session, at, ana, opened, people):
    others = [open_for(session, ana, at) for _ in range(3)]
    stranger = open_for(session, people("+351912345681"), at)
    with writing(session):
        ended = sessions.end_all(
            session, customer_id=ana.id, at=at, except_session_id=opened.session_id
        )
    assert ended == 3
    assert find(session, opened, at) is not None
    assert all(find(session, other, at) is None for other in others)
    with writing(session):
        assert sessions.end_all(session, customer_id=ana.id, at=at) == 1
    assert find(session, opened, at) is None
    assert find(session, stranger, at) is not None


def test_an_ended_session_is_neither_touched_nor_proved(session, at, ana, opened):
    with writing(session):
        sessions.end(session, session_id=opened.session_id, customer_id=ana.id, at=at)
    later = at + timedelta(hours=1)
    touch(session, opened, later)
    with writing(session):
        sessions.prove(session, session_id=opened.session_id, at=later)
    assert session.scalar(select(MemberSession.last_seen_at)) == at


def test_it_remembers_which_program_it_shows(session, at, opened, program):
    assert find(session, opened, at).program_id is None
    with writing(session):
        sessions.choose_program(session, session_id=opened.session_id, program_id=program.id)
    assert find(session, opened, at).program_id == program.id


def test_after_a_merge_it_is_the_survivors(session, at, ana, opened, people, merge_into):
    berta = people("+351912345681", first_name="Berta", enrol=False)
    clara = people("+351912345682", first_name="Clara", enrol=False)
    merge_into(ana, berta)
    found = find(session, opened, at)
    assert (found.customer_id, found.first_name) == (berta.id, "Berta")
    merge_into(berta, clara)
    found = find(session, opened, at)
    assert (found.customer_id, found.first_name) == (clara.id, "Clara")


def test_an_erased_member_has_none(session, at, ana, opened, people, merge_into, erase):
    berta = people("+351912345681", first_name="Berta", enrol=False)
    clara = people("+351912345682", first_name="Clara", enrol=False)
    merge_into(ana, berta)
    merge_into(berta, clara)
    erase(clara)
    assert find(session, opened, at) is None
    erase(berta)
    assert find(session, opened, at) is None
    erase(ana)
    assert find(session, opened, at) is None


def test_old_sessions_are_deleted_a_month_after_their_end(session, at, opened):
    for later, left in ((timedelta(days=60), 1), (timedelta(days=60, seconds=1), 0)):
        with writing(session):
            access.purge(session, at=at + later)
        assert session.scalar(select(func.count()).select_from(MemberSession)) == left
        session.rollback()


class Prover:
    """Asks for a code within a session and answers it, each step in its own unit."""

    def __init__(self, session, cipher, phone):
        self.session, self.cipher, self.phone = session, cipher, phone

    def ask(self, identity, at):
        with writing(self.session):
            return proof.begin(
                self.session, identity=identity, at=at, pepper=PEPPER, cipher=self.cipher
            )

    def answer(self, identity, code, at):
        with recording(self.session):
            looked = proof.look(self.session, identity=identity, code=code, at=at, pepper=PEPPER)
        with writing(self.session):
            proof.accept(self.session, looked, identity=identity, at=at)


@pytest.fixture
def prover(session, cipher, phone):
    return Prover(session, cipher, phone)


def test_a_code_makes_a_session_fresh_again(session, at, ana, door, prover, phone):
    welcome = door.enter(at)
    later = at + timedelta(hours=3)
    stale = find(session, welcome, later)
    assert not stale.fresh
    asked = prover.ask(stale, later)
    assert asked.destination == "…89"
    prover.answer(stale, phone.code(later), later)
    assert phone.messages[-1].to == MOBILE
    found = find(session, welcome, later)
    assert found.fresh
    assert found.proved_at == later


def test_that_code_is_good_for_that_session_only(session, at, ana, door, prover, phone):
    mine = find(session, door.enter(at), at)
    other = find(session, open_for(session, ana, at), at)
    prover.ask(mine, at)
    with pytest.raises(codes.CodeRefused):
        prover.answer(other, phone.code(at), at)


def test_a_wrong_one_changes_nothing(session, at, ana, door, prover, phone):
    welcome = door.enter(at)
    later = at + timedelta(hours=3)
    stale = find(session, welcome, later)
    prover.ask(stale, later)
    with pytest.raises(codes.WrongCode):
        prover.answer(stale, f"{(int(phone.code(later)) + 1) % 10**6:06d}", later)
    assert not find(session, welcome, later).fresh


def test_it_goes_only_to_what_was_proved_before(session, at, ana, prover, phone):
    identity = find(session, open_for(session, ana, at), at)
    with pytest.raises(access.NoDestination):
        prover.ask(identity, at)
    with writing(session):
        for row in session.scalars(select(Identifier).where(Identifier.type == "email")):
            row.verified_at = at
    prover.ask(identity, at)
    phone.deliver(at)
    assert [sent.to for sent in phone.messages] == ["ana@example.com"]
