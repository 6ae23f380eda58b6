"""One-time codes: six digits, five minutes, five tries, once (QUALITY, B.1)."""

import logging
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
import structlog
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal import codes
from portal.codes.models import Budget, OneTimeCode
from portal.errors import PortalError
from portal.orm import recording, writing

PEPPER = b"a pepper for tests, which nobody else has"
CONTEXT = {"to": "loy_2", "points": "500"}
MOBILE = "+351912345689"


def issue(session, at, **changes):
    wanted = {
        "purpose": "transfer",
        "subject": "trq_1",
        "context": CONTEXT,
        "destination": MOBILE,
        "at": at,
        "pepper": PEPPER,
    } | changes
    with writing(session):
        return codes.issue(session, **wanted)


def look(session, code, at, **changes):
    wanted = {
        "purpose": "transfer",
        "subject": "trq_1",
        "context": CONTEXT,
        "code": code,
        "at": at,
        "pepper": PEPPER,
    } | changes
    with recording(session):
        return codes.look(session, **wanted)


def answer(session, code, at, **changes):
    looked = look(session, code, at, **changes)
    with writing(session):
        codes.accept(session, looked, at=at)


def other_than(code):
    return f"{(int(code) + 1) % 1_000_000:06d}"


def test_the_right_code_is_accepted_once(session, at):
    code = issue(session, at)
    assert len(code) == 6
    assert code.isascii()
    assert code.isdigit()
    answer(session, code, at + timedelta(minutes=1))
    with pytest.raises(codes.CodeUsed):
        answer(session, code, at + timedelta(minutes=1))


def test_it_lasts_five_minutes_and_not_longer(session, at):
    code = issue(session, at)
    with pytest.raises(codes.CodeExpired):
        answer(session, code, at + timedelta(minutes=5))
    answer(session, code, at + timedelta(minutes=5) - timedelta(seconds=1))


def test_it_cannot_expire_between_look_and_acceptance(session, at):
    code = issue(session, at)
    looked = look(session, code, at + timedelta(minutes=4, seconds=59))
    with pytest.raises(codes.CodeUsed), writing(session):
        codes.accept(session, looked, at=at + timedelta(minutes=5))


def test_after_five_tries_even_the_right_code_is_refused(session, at):
    code = issue(session, at)
    for left in (4, 3, 2, 1):
        with pytest.raises(codes.WrongCode) as refused:
            answer(session, other_than(code), at)
        assert refused.value.facts == {"tries_left": left}
    with pytest.raises(codes.TriesUsedUp):
        answer(session, other_than(code), at)
    with pytest.raises(codes.TriesUsedUp):
        answer(session, code, at)


def test_a_try_stays_counted_when_what_follows_is_rolled_back(session, at):
    code = issue(session, at)
    looked = look(session, other_than(code), at)
    with pytest.raises(codes.WrongCode), writing(session):
        codes.accept(session, looked, at=at)
    assert session.scalar(select(OneTimeCode.tries)) == 1


def test_a_rolled_back_act_does_not_use_the_code(session, at):
    code = issue(session, at)
    looked = look(session, code, at)

    def accept_and_fail():
        with writing(session):
            codes.accept(session, looked, at=at)
            raise RuntimeError("the transfer failed")

    with pytest.raises(RuntimeError):
        accept_and_fail()
    answer(session, code, at)


@pytest.mark.parametrize(
    "change",
    [
        {"context": {"to": "loy_2", "points": "501"}},
        {"context": {"to": "loy_3", "points": "500"}},
        {"context": {}},
        {"pepper": b"another pepper"},
    ],
)
def test_a_code_is_bound_to_its_context(session, at, change):
    code = issue(session, at)
    with pytest.raises(codes.WrongCode):
        answer(session, code, at, **change)
    answer(session, code, at)


@pytest.mark.parametrize("change", [{"purpose": "sign_in"}, {"subject": "trq_2"}])
def test_a_code_fits_no_other_purpose_or_subject(session, at, change):
    code = issue(session, at)
    with pytest.raises(codes.CodeExpired):
        answer(session, code, at, **change)
    issue(session, at, destination="+351910000000", **change)
    with pytest.raises(codes.WrongCode):
        answer(session, code, at, **change)


def test_the_order_of_the_context_does_not_matter(session, at):
    code = issue(session, at)
    answer(session, code, at, context=dict(reversed(CONTEXT.items())))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"destination": "+351910000000"}, id="same subject"),
        pytest.param({"subject": "trq_2"}, id="same destination"),
    ],
)
def test_a_new_code_ends_the_old_one(session, at, change):
    old = issue(session, at)
    later = at + timedelta(seconds=31)
    new = issue(session, later, **change)
    subject = {"subject": change["subject"]} if "subject" in change else {}
    if old != new:
        with pytest.raises((codes.WrongCode, codes.CodeExpired)):
            answer(session, old, later)
    answer(session, new, later, **subject)


def test_a_code_replaced_after_the_look_is_not_accepted(session, at):
    looked = look(session, issue(session, at), at)
    issue(session, at + timedelta(seconds=31))
    with pytest.raises(codes.CodeUsed), writing(session):
        codes.accept(session, looked, at=at + timedelta(seconds=32))


def test_the_database_refuses_two_live_codes_for_one_thing(session, at):
    issue(session, at)
    with pytest.raises(IntegrityError), writing(session):
        session.execute(
            text(
                "INSERT INTO one_time_code"
                " (id, purpose, subject, destination, digest, tries, expires_at, created_at)"
                " SELECT 'otc_x', purpose, subject, destination, digest, 0, expires_at, created_at"
                " FROM one_time_code"
            )
        )


def test_only_a_keyed_digest_is_kept(session, at):
    code = issue(session, at)
    with writing(session):
        rows = session.execute(text("SELECT * FROM one_time_code")).all()
        rows += session.execute(text("SELECT * FROM budget")).all()
    stored = repr(rows)
    assert code not in stored
    assert MOBILE not in stored
    assert MOBILE[1:] not in stored


def test_the_same_code_has_another_digest_elsewhere():
    def digest(**changes):
        wanted = {"purpose": "p", "subject": "s", "context": {"a": "b"}, "code": "123456"}
        return codes.digests.code_digest(PEPPER, **(wanted | changes))

    digests = {
        digest(),
        digest(purpose="q"),
        digest(subject="t"),
        digest(context={"a": "c"}),
        digest(context={"ab": ""}),
        digest(code="123457"),
        # What stands where must not shift from one part into the next.
        digest(purpose="ps", subject=""),
    }
    assert len(digests) == 7


def test_nothing_about_a_look_or_a_log_shows_the_code(session, at, caplog):
    caplog.set_level(logging.DEBUG)
    logging.getLogger("sqlalchemy.engine").setLevel(logging.WARNING)
    with structlog.testing.capture_logs() as lines:
        code = issue(session, at)
        looked = look(session, code, at)
        with pytest.raises(codes.WrongCode) as refused:
            look(session, other_than(code), at).require()
    for text_ in (repr(looked), repr(refused.value.facts), str(refused.value), repr(lines)):
        assert code not in text_
    assert code not in caplog.text


@pytest.mark.parametrize(
    "typed",
    [
        "123456",
        " 123 456 ",
        "123-456",
        "123–456",
        "１２３４５６",
        "١٢٣٤٥٦",
        "123\u00a0456",
        "\u200b123456\n",
        "12 34 56",
    ],
)
def test_a_code_is_understood_however_it_is_pasted(typed):
    assert codes.normalise(typed) == "123456"


@pytest.mark.parametrize(
    "typed",
    ["", "12345", "1234567", "12345a", "123.456", "½23456", "²23456", "123456" + " " * 60],
)
def test_what_cannot_be_a_code_is_refused_and_no_try(session, at, typed):
    code = issue(session, at)
    with pytest.raises(codes.CodeMalformed) as refused:
        look(session, typed, at)
    assert list(refused.value.fields) == ["code"]
    assert session.scalar(select(OneTimeCode.tries)) == 0
    session.rollback()
    answer(session, code, at)


def test_codes_come_from_the_whole_range(session, at):
    starts = Counter(
        issue(session, at, subject=f"trq_{n}", destination=f"+35191{n:07d}")[0] for n in range(150)
    )
    assert len(starts) >= 8


def attack(engine, answers, at):
    """Each answer in a thread of its own, all at once; what each of them got."""
    threads = 20
    start = Barrier(threads)

    def play(own):
        outcomes = []
        with Session(engine, expire_on_commit=False) as session:
            start.wait()
            for typed in own:
                try:
                    answer(session, typed, at)
                    outcomes.append("accepted")
                except PortalError as refused:
                    outcomes.append(type(refused).__name__)
        return outcomes

    with ThreadPoolExecutor(threads) as pool:
        played = list(pool.map(play, [answers[n::threads] for n in range(threads)]))
    return Counter(outcome for outcomes in played for outcome in outcomes)


def test_of_a_thousand_guesses_at_once_five_are_looked_at(engine, session, at):
    code = int(issue(session, at))
    guesses = [f"{(code + 1 + n) % 1_000_000:06d}" for n in range(1000)]
    outcomes = attack(engine, guesses, at)
    assert outcomes == {"WrongCode": 4, "TriesUsedUp": 996}
    assert session.scalar(select(OneTimeCode.tries)) == 5


def test_of_a_hundred_right_answers_at_once_one_succeeds(engine, session, at):
    code = issue(session, at)
    outcomes = attack(engine, [code] * 100, at)
    assert outcomes["accepted"] == 1
    assert set(outcomes) <= {"accepted", "CodeUsed", "TriesUsedUp"}
    assert sum(outcomes.values()) == 100


def test_a_second_code_waits_thirty_seconds(session, at):
    issue(session, at)
    with pytest.raises(codes.TooManyCodes) as refused:
        issue(session, at + timedelta(seconds=12), subject="trq_2")
    assert refused.value.facts["retry_after_seconds"] == 18
    issue(session, at + timedelta(seconds=30), subject="trq_2")


def test_a_code_for_something_else_need_not_wait(session, at):
    issue(session, at)
    issue(session, at, purpose="sign_in", subject="sig_1")


def test_a_refused_code_leaves_the_old_one_alive(session, at):
    code = issue(session, at)
    with pytest.raises(codes.TooManyCodes):
        issue(session, at + timedelta(seconds=1))
    answer(session, code, at + timedelta(seconds=2))


def send_until_refused(session, at, limits, **changes):
    """Codes a minute apart; how many went out, and the refusal."""
    for sent in range(100):
        try:
            issue(session, at + timedelta(minutes=sent), limits=limits, **changes)
        except codes.TooManyCodes as refused:
            return sent, refused
    raise AssertionError("never refused")


def test_a_destination_gets_five_codes_an_hour(session, at):
    sent, refused = send_until_refused(session, at, codes.LIMITS)
    assert sent == 5
    assert refused.facts["limit"] == 5
    wait = timedelta(seconds=refused.facts["retry_after_seconds"])
    with pytest.raises(codes.TooManyCodes):
        issue(session, at + timedelta(minutes=5) + wait - timedelta(seconds=2))
    issue(session, at + timedelta(minutes=5) + wait)


def test_an_account_and_the_whole_site_have_limits_of_their_own(session, at):
    few = codes.Limits(holder_per_hour=3)
    for number in range(3):
        issue(session, at, limits=few, holder="cus_1", destination=f"+35191000000{number}")
    with pytest.raises(codes.TooManyCodes):
        issue(session, at, limits=few, holder="cus_1", destination="+351910000009")
    issue(session, at, limits=few, holder="cus_2", destination="+351920000000")
    closed = codes.Limits(site_per_hour=4)
    with pytest.raises(codes.TooManyCodes):
        issue(session, at, limits=closed, holder="cus_3", destination="+351930000000")


def test_limits_hold_when_all_ask_at_once(engine, session, at):
    start = Barrier(12)

    def ask(number):
        with Session(engine, expire_on_commit=False) as own:
            start.wait()
            try:
                issue(own, at, subject=f"trq_{number}")
            except codes.TooManyCodes:
                return 0
            return 1

    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(ask, range(12))) == 1
    live = select(func.count()).where(OneTimeCode.replaced_at.is_(None))
    assert session.scalar(live) == 1


def test_purging_deletes_codes_a_day_after_they_expired(session, at):
    issue(session, at)
    for later, left in ((timedelta(days=1), 1), (timedelta(days=1, minutes=5), 0)):
        with writing(session):
            codes.purge(session, at=at + later)
        assert session.scalar(select(func.count()).select_from(OneTimeCode)) == left
        session.rollback()
    with writing(session):
        codes.budget.purge(session, at=at + timedelta(days=3))
    assert session.scalar(select(func.count()).select_from(Budget)) == 0
