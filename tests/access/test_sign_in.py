"""Sign-in by phone or e-mail and a code; nobody learns who is a member (QUALITY, B.1, B.3)."""

import logging
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from types import SimpleNamespace

import pytest
import structlog
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from portal import access, codes, members
from portal.access import sessions, sign_in
from portal.access.models import MemberSession, SignIn
from portal.errors import InvalidInput, PortalError
from portal.members.models import Identifier
from portal.orm import recording, writing
from tests.access.conftest import MOBILE, PEPPER, Door, shape

UNKNOWN = "+351910000000"


def test_a_member_signs_in_by_phone(session, at, ana, door, phone):
    begun = door.begin(at)
    welcome = door.confirm(begun, phone.code(at), at)
    assert welcome.customer_id == ana.id
    assert phone.messages[0].to == MOBILE
    identity = sessions.find(session, token=welcome.token, at=at)
    assert (identity.customer_id, identity.first_name, identity.fresh) == (ana.id, "Ana", True)


def test_a_member_signs_in_by_email_typed_in_any_case(session, at, ana, door, phone):
    begun = door.begin(at, value=" Ana@Example.COM ", kind="email")
    assert door.confirm(begun, phone.code(at), at).customer_id == ana.id
    assert phone.messages[0].subject == "Your code to sign in"


def test_a_phone_number_is_understood_as_typed_at_home(session, at, ana, door, phone):
    begun = door.begin(at, value="912 345 689", region="PT")
    assert door.confirm(begun, phone.code(at), at).customer_id == ana.id


@pytest.mark.parametrize(
    ("kind", "value"),
    [("mobile", "12"), ("email", "ana"), ("mobile", ""), ("card_number", "1"), ("nonsense", "x")],
)
def test_what_is_no_address_is_refused_with_its_field(session, door, at, kind, value):
    with pytest.raises(InvalidInput) as refused:
        door.begin(at, kind=kind, value=value)
    assert refused.value.fields
    assert session.scalar(select(func.count()).select_from(SignIn)) == 0


def test_signing_in_verifies_the_number(session, at, ana, door, phone):
    door.enter(at)
    verified = dict(session.execute(select(Identifier.type, Identifier.verified_at)).all())
    assert verified["mobile"] == at
    assert verified["email"] is None


def test_known_unknown_closed_and_erased_cost_the_same_statements(
    session, at, people, door, statements, close_account, erase, monkeypatch
):
    monkeypatch.setattr("portal.codes.service.secrets", SimpleNamespace(randbelow=lambda _: 123456))
    people(MOBILE)
    close_account(people("+351912345681"))
    erase(people("+351912345682"))
    erase(people("+351912345683"), identifiers=False)
    numbers = [MOBILE, UNKNOWN, "+351912345681", "+351912345682", "+351912345683"]
    ran = {}
    door.begin(at, value="+351911111111")
    for number in numbers:
        statements.clear()
        begun = door.begin(at, value=number)
        began = shape(statements)
        statements.clear()
        with recording(session):
            sign_in.pending(session, token=begun.token, at=at)
        with pytest.raises(codes.WrongCode):
            door.confirm(begun, "000000", at)
        later = at + timedelta(seconds=31)
        door.resend(begun, later)
        ran[number] = (began, shape(statements))
    known = ran[MOBILE]
    assert len(known[0]) == 10
    for number in numbers[1:]:
        assert ran[number] == known, number


def test_known_and_unknown_leave_the_same_rows(session, at, ana, door):
    counts = []
    tables = ("sign_in", "one_time_code", "budget", "message")
    for number in (MOBILE, UNKNOWN):
        door.begin(at, value=number)
        counts.append([session.scalar(text(f"SELECT count(*) FROM {t}")) for t in tables])
        session.rollback()
    assert counts[0] == [1, 1, 4, 1]
    # The site's own count is shared.
    assert counts[1] == [2, 2, 7, 2]


def test_known_and_unknown_read_the_same(session, at, ana, door):
    shown = []
    for number in (MOBILE, UNKNOWN):
        begun = door.begin(at, value=number)
        with recording(session):
            pending = sign_in.pending(session, token=begun.token, at=at)
        refusals = []
        for guess in range(7):
            try:
                door.confirm(begun, f"{guess:06d}", at)
            except PortalError as refused:
                refusals.append((refused.code, refused.detail, refused.facts))
        with pytest.raises(codes.TooManyCodes) as too_soon:
            door.begin(at + timedelta(seconds=5), value=number)
        shown.append(
            (
                begun.resend_at,
                begun.expires_at,
                len(begun.token),
                pending.purpose,
                pending.resend_at,
                refusals,
                too_soon.value.facts,
            )
        )
    assert shown[0] == shown[1]


def test_only_the_known_are_told(session, at, people, door, phone, close_account, erase):
    people(MOBILE)
    close_account(people("+351912345681"))
    erase(people("+351912345682"))
    erase(people("+351912345683"), identifiers=False)
    for last in "9123":
        door.begin(at, value=f"+35191234568{last}")
    door.begin(at, value=UNKNOWN)
    phone.deliver(at)
    # Someone whose account is closed may still look at their history.
    assert sorted(sent.to for sent in phone.messages) == ["+351912345681", MOBILE]


def test_a_lucky_guess_for_an_unknown_number_reads_like_a_wrong_one(
    session, at, program, door, monkeypatch
):
    monkeypatch.setattr("portal.codes.service.secrets", SimpleNamespace(randbelow=lambda _: 123456))
    begun = door.begin(at, value=UNKNOWN)
    with pytest.raises(codes.WrongCode) as refused:
        door.confirm(begun, "123456", at)
    assert refused.value.facts == {"tries_left": 4}
    assert session.scalar(select(func.count()).select_from(MemberSession)) == 0


def test_too_many_codes_for_one_person_are_held_back_without_a_word(
    session, at, people, door, phone
):
    """Else two addresses sharing a limit would tell that they are one member's."""
    numbers = [f"+3519100000{n:02d}" for n in range(14)]
    people(*numbers)
    for number in numbers:
        door.begin(at, value=number)
    phone.deliver(at)
    assert len(phone.messages) == codes.LIMITS.holder_per_hour


def test_the_sixth_code_in_an_hour_is_refused_for_everyone_alike(session, at, ana, door):
    refusals = []
    for number in (MOBILE, UNKNOWN):
        for minute in range(5):
            door.begin(at + timedelta(minutes=minute), value=number)
        with pytest.raises(codes.TooManyCodes) as refused:
            door.begin(at + timedelta(minutes=6), value=number)
        refusals.append(refused.value.facts)
    assert refusals[0] == refusals[1]


def test_a_sign_in_is_finished_once(session, at, ana, door, phone):
    begun = door.begin(at)
    code = phone.code(at)
    door.confirm(begun, code, at)
    with pytest.raises(access.SignInExpired):
        door.look(begun, code, at)


def test_a_hundred_right_answers_at_once_open_one_session(engine, session, at, ana, door, phone):
    begun = door.begin(at)
    code = phone.code(at)
    start = Barrier(20)

    def play(_):
        outcomes = []
        with Session(engine, expire_on_commit=False) as own:
            start.wait()
            for _ in range(5):
                try:
                    Door(own, door.cipher, phone).confirm(begun, code, at)
                    outcomes.append("in")
                except PortalError as refused:
                    outcomes.append(refused.code)
        return outcomes

    with ThreadPoolExecutor(20) as pool:
        outcomes = Counter(one for played in pool.map(play, range(20)) for one in played)
    assert outcomes["in"] == 1
    assert session.scalar(select(func.count()).select_from(MemberSession)) == 1


def test_a_new_code_can_be_asked_for_after_thirty_seconds(session, at, ana, door, phone, minute):
    begun = door.begin(at)
    old = phone.code(at)
    with pytest.raises(codes.TooManyCodes):
        door.resend(begun, at + timedelta(seconds=29))
    pending = door.resend(begun, at + minute)
    assert pending.resend_at == at + minute + codes.RESEND_AFTER
    new = phone.code(at + minute)
    if old != new:
        with pytest.raises(codes.WrongCode):
            door.confirm(begun, old, at + minute)
    assert door.confirm(begun, new, at + minute).customer_id == ana.id


def test_another_browser_cannot_use_the_code(session, at, ana, door, phone, minute):
    first = door.begin(at)
    code = phone.code(at)
    other = door.begin(at + minute)
    with pytest.raises(codes.CodeRefused):
        door.confirm(other, code, at + minute)
    with pytest.raises(codes.CodeRefused):
        door.confirm(first, code, at + minute)
    with pytest.raises(access.SignInExpired):
        door.look(
            sign_in.Begun(token="nothing", sign_in_id="", expires_at=at, resend_at=at), code, at
        )


@pytest.mark.parametrize("token", ["", "x" * 65, "ç", "x" * 43])
def test_a_token_that_is_none_finds_nothing(session, at, token):
    with pytest.raises(access.SignInExpired):
        sign_in.pending(session, token=token, at=at)


def test_a_sign_in_lasts_half_an_hour(session, at, ana, door):
    begun = door.begin(at)
    last = at + timedelta(minutes=30)
    assert sign_in.pending(session, token=begun.token, at=last - timedelta(seconds=1))
    with pytest.raises(access.SignInExpired):
        sign_in.pending(session, token=begun.token, at=last)


def test_the_page_shows_only_the_end_of_the_number(session, at, ana, door):
    begun = door.begin(at)
    pending = sign_in.pending(session, token=begun.token, at=at)
    assert pending.destination == "…89"
    assert pending.resend_at == at + codes.RESEND_AFTER
    assert MOBILE not in repr(pending)
    assert begun.token not in repr(begun)


def test_only_digests_of_tokens_are_kept(session, at, ana, door, phone):
    begun = door.begin(at)
    welcome = door.confirm(begun, phone.code(at), at)
    stored = [
        repr(tuple(row))
        for table in ("sign_in", "member_session")
        for row in session.execute(text(f"SELECT * FROM {table}"))
    ]
    assert len(stored) == 2
    assert begun.token not in "".join(stored)
    assert welcome.token not in "".join(stored)
    assert len(welcome.token) >= 43


def test_a_merged_customer_comes_in_as_the_survivor(session, at, people, door, merge_into):
    old, new = people(MOBILE, enrol=False), people("+351912345681", first_name="Berta")
    merge_into(old, new)
    assert door.enter(at).customer_id == new.id


def test_so_does_one_whose_number_was_left_behind(session, at, people, door, merge_into):
    old, new = people(MOBILE, enrol=False), people("+351912345681", first_name="Berta")
    merge_into(old, new, move=False)
    assert door.enter(at).customer_id == new.id


def test_one_merged_into_an_erased_customer_does_not(session, at, people, door, merge_into, erase):
    old, new = people(MOBILE, enrol=False), people("+351912345681", first_name="Berta")
    merge_into(old, new, move=False)
    erase(new)
    with pytest.raises(codes.WrongCode):
        door.enter(at)


def test_a_number_that_changes_hands_meanwhile_lets_nobody_in(session, at, ana, door, phone, erase):
    begun = door.begin(at)
    code = phone.code(at)
    erase(ana)
    with pytest.raises(codes.WrongCode):
        door.confirm(begun, code, at)


def test_a_number_known_to_two_people_is_nobodys(session, at, people, door, phone):
    one, other = people(enrol=False), people(enrol=False)
    with writing(session):
        for customer, shop in ((one, "a"), (other, "b")):
            session.add(
                Identifier(
                    type="mobile",
                    value=MOBILE,
                    source_account=shop,
                    customer_id=customer.id,
                    created_at=at,
                )
            )
    door.begin(at)
    phone.deliver(at)
    assert phone.messages == []


def test_no_log_shows_a_code_or_a_number(session, at, ana, door, phone, caplog):
    caplog.set_level(logging.DEBUG)
    with structlog.testing.capture_logs() as lines:
        begun = door.begin(at)
        code = phone.code(at)
        with pytest.raises(codes.WrongCode):
            door.confirm(begun, f"{(int(code) + 1) % 10**6:06d}", at)
        welcome = door.confirm(begun, code, at)
    # The statements that SQLAlchemy can be asked to log are not asked for here.
    logged = repr(lines) + "\n".join(
        record.getMessage() for record in caplog.records if "sqlalchemy" not in record.name
    )
    for secret in (code, begun.token, welcome.token, MOBILE[1:]):
        assert secret not in logged


def test_words_can_be_the_pages_own(session, at, ana, door, phone):
    wording = access.wording.Text
    door.begin(at, wording=lambda code: wording(subject="Código", body=f"O seu código: {code}."))
    phone.deliver(at)
    assert phone.messages[0].body.startswith("O seu código: ")


def test_purging_forgets_who_tried_to_come_in(session, at, ana, door):
    door.begin(at)
    for later, left in ((timedelta(days=1), 1), (timedelta(days=1, minutes=31), 0)):
        with writing(session):
            access.purge(session, at=at + later)
        assert session.scalar(select(func.count()).select_from(SignIn)) == left
        session.rollback()


def test_the_pepper_is_needed(session, at, ana, door, phone):
    begun = door.begin(at)
    code = phone.code(at)
    with recording(session):
        attempt = sign_in.look(
            session, token=begun.token, code=code, at=at, pepper=PEPPER + b"other"
        )
    with pytest.raises(codes.WrongCode), writing(session):
        sign_in.accept(session, attempt, at=at)


def test_the_customer_found_is_the_one_that_members_finds(session, at, ana):
    found = members.find_customer(session, type="mobile", value=MOBILE)
    assert found.id == ana.id


def test_many_come_at_once_and_none_waits_for_another_in_a_circle(
    engine, session, at, people, door, phone
):
    numbers = [f"+3519100000{n:02d}" for n in range(8)]
    people(*numbers[:4])
    start = Barrier(16)

    def play(thread):
        with Session(engine, expire_on_commit=False) as own:
            start.wait()
            outcomes = []
            for n in range(4):
                try:
                    moment = at + timedelta(minutes=n)
                    Door(own, door.cipher, phone).begin(moment, value=numbers[(thread + n) % 8])
                    outcomes.append("begun")
                except PortalError as refused:
                    outcomes.append(refused.code)
        return outcomes

    with ThreadPoolExecutor(16) as pool:
        outcomes = Counter(one for played in pool.map(play, range(16)) for one in played)
    # Two threads ask for each number at each minute; the second is too soon.
    assert set(outcomes) == {"begun", "too_many_codes"}
    assert outcomes["begun"] >= 8
