"""Written with what it tells, encrypted, and sent once it is committed."""

import json
from datetime import timedelta

import pytest
import structlog
from sqlalchemy import select, text
from sqlalchemy.orm import Session, sessionmaker

from portal import outbox
from portal.errors import Misuse
from portal.orm import writing
from portal.outbox.cipher import Unreadable
from portal.outbox.models import Message
from portal.outbox.service import LEASE, back_off

MOBILE = "+351912345689"
WORDS = "123456 is your code"


def tell(session, at, cipher, **changes):
    wanted = {
        "channel": "sms",
        "recipient": MOBILE,
        "subject": None,
        "body": WORDS,
        "purpose": "sign_in",
        "at": at,
        "cipher": cipher,
    } | changes
    with writing(session):
        return outbox.tell(session, **wanted)


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, at):
        self.at = at

    def __call__(self):
        return self.at


@pytest.fixture
def clock(at):
    return Clock(at)


@pytest.fixture
def deliver(engine, cipher, clock):
    def deliver(sender, channel="sms"):
        return outbox.deliver(
            sessionmaker(engine), senders={channel: sender}, cipher=cipher, now=clock
        )

    return deliver


def only(session):
    session.rollback()
    return session.execute(select(Message).execution_options(populate_existing=True)).scalar_one()


def test_a_message_is_sent_once(session, at, cipher, recorder, deliver):
    told = tell(session, at, cipher)
    assert deliver(recorder) == outbox.Delivered(sent=1)
    assert deliver(recorder) == outbox.Delivered()
    assert [(sent.id, sent.to, sent.body) for sent in recorder.sent] == [(told, MOBILE, WORDS)]


def test_what_is_rolled_back_is_never_told(session, at, cipher, recorder, deliver):
    def tell_and_fail():
        with writing(session):
            outbox.tell(
                session,
                channel="sms",
                recipient=MOBILE,
                subject=None,
                body=WORDS,
                purpose="sign_in",
                at=at,
                cipher=cipher,
            )
            raise RuntimeError

    with pytest.raises(RuntimeError):
        tell_and_fail()
    assert deliver(recorder).total == 0


def test_nothing_can_be_read_in_the_database(session, at, cipher):
    tell(session, at, cipher)
    row = session.execute(text("SELECT * FROM message")).one()
    stored = repr(tuple(row)) + repr([bytes(part) for part in row if isinstance(part, bytes)])
    assert "123456" not in stored
    assert MOBILE[1:] not in stored


def test_it_is_blanked_in_the_statement_that_marks_it_sent(session, at, cipher, recorder, deliver):
    tell(session, at, cipher)
    deliver(recorder)
    sent = only(session)
    assert (sent.status, sent.content, sent.sent_at) == ("sent", None, at)


def test_only_the_right_secret_and_row_open_it(cipher):
    sealed = cipher.seal(b"words", name="msg_1")
    assert cipher.open(sealed, name="msg_1") == b"words"
    assert sealed != cipher.seal(b"words", name="msg_1")
    for other, name, content in (
        (outbox.Cipher(b"another secret"), "msg_1", sealed),
        (cipher, "msg_2", sealed),
        (cipher, "msg_1", sealed[:-1] + bytes([sealed[-1] ^ 1])),
    ):
        with pytest.raises(Unreadable):
            other.open(content, name=name)


def test_a_message_of_another_secret_fails_and_holds_up_nobody(
    session, at, cipher, recorder, deliver
):
    tell(session, at, outbox.Cipher(b"the secret before this one"))
    tell(session, at, cipher)
    assert deliver(recorder) == outbox.Delivered(sent=1, failed=1)


def test_a_message_to_nobody_is_taken_and_sent_to_nobody(session, at, cipher, recorder, deliver):
    tell(session, at, cipher, recipient=None)
    assert deliver(recorder) == outbox.Delivered(nobody=1)
    assert recorder.sent == []
    told = only(session)
    assert (told.status, told.content, told.sent_at) == ("nobody", None, None)


def test_until_then_it_looks_like_any_other(session, at, cipher):
    tell(session, at, cipher)
    tell(session, at, cipher, recipient=None)
    one, other = session.execute(
        select(
            Message.channel,
            Message.purpose,
            Message.status,
            Message.attempts,
            Message.next_attempt_at,
            Message.give_up_at,
        )
    ).all()
    assert one == other


def test_what_fails_is_tried_again_later_and_later(session, at, cipher, recorder, deliver, clock):
    tell(session, at, cipher)
    recorder.failures = 6
    pauses = []
    for attempt in range(1, 7):
        assert deliver(recorder) == outbox.Delivered(postponed=1)
        waiting = only(session)
        assert (waiting.status, waiting.attempts) == ("waiting", attempt)
        assert waiting.last_error == "not now"
        pauses.append(waiting.next_attempt_at - clock.at)
        clock.at = waiting.next_attempt_at - timedelta(milliseconds=1)
        assert deliver(recorder).total == 0
        clock.at = waiting.next_attempt_at
    assert all(
        timedelta(seconds=2**n) / 2 <= pause <= timedelta(seconds=2**n)
        for n, pause in enumerate(pauses, start=1)
    )
    assert deliver(recorder) == outbox.Delivered(sent=1)


def test_pauses_have_jitter_and_an_end():
    assert len({back_off(5) for _ in range(40)}) > 10
    assert all(back_off(n) <= timedelta(hours=1) for n in (1, 20, 1000, 30_000))
    assert back_off(1000) >= timedelta(minutes=30)


def test_three_days_later_it_is_given_up_and_blanked(session, at, cipher, recorder, deliver, clock):
    tell(session, at, cipher)
    recorder.failures = 10**6
    tried = []
    with structlog.testing.capture_logs():
        while only(session).status == "waiting":
            clock.at = only(session).next_attempt_at
            tried.append(clock.at - at)
            assert deliver(recorder).total == 1
    given_up = only(session)
    assert (given_up.status, given_up.content) == ("failed", None)
    assert timedelta(days=2, hours=23) <= tried[-1] < timedelta(days=3)
    assert len(tried) > 70


def test_a_code_is_not_sent_when_it_has_expired(session, at, cipher, recorder, deliver, clock):
    tell(session, at, cipher, give_up_at=at + timedelta(minutes=5))
    clock.at = at + timedelta(minutes=5)
    assert deliver(recorder) == outbox.Delivered(failed=1)
    assert recorder.sent == []
    assert only(session).content is None


def test_what_is_worth_least_time_goes_first(session, at, cipher, recorder, deliver):
    for number in range(20):
        tell(session, at, cipher, body=f"news {number}")
    tell(session, at, cipher, body="a code", give_up_at=at + timedelta(minutes=5))
    assert deliver(recorder).sent == 21
    assert "a code" in [sent.body for sent in recorder.sent[:8]]


def test_a_channel_that_is_not_set_up_fails_for_good(session, at, cipher, recorder, deliver):
    tell(session, at, cipher, channel="email")
    assert deliver(recorder) == outbox.Delivered(failed=1)
    assert "email" in only(session).last_error


def test_there_are_two_channels(session, at, cipher):
    with pytest.raises(Misuse):
        tell(session, at, cipher, channel="pigeon")


def test_a_bug_in_a_sender_stops_nobody_else_and_is_not_quoted(
    session, at, cipher, recorder, deliver
):
    tell(session, at, cipher, give_up_at=at + timedelta(minutes=5))
    tell(session, at, cipher)
    recorder.failures, recorder.error = 1, ValueError(f"cannot send {WORDS} to {MOBILE}")
    with structlog.testing.capture_logs() as lines:
        assert deliver(recorder) == outbox.Delivered(sent=1, postponed=1)
    errors = session.scalars(select(Message.last_error)).all()
    assert set(errors) == {"ValueError", None}
    assert len(lines) == 1
    assert "123456" not in repr(lines)
    assert MOBILE not in repr(lines)


def test_no_transaction_is_open_while_sending(engine, session, at, cipher, clock):
    """A slow service must not hold the database: others write meanwhile."""

    class Slow:
        keeps = False

        def send(self, message):
            with Session(engine) as other:
                tell(other, at + timedelta(days=1), cipher)
            self.checked_out = engine.pool.checkedout()

    tell(session, at, cipher)
    session.close()
    slow = Slow()
    outbox.deliver(sessionmaker(engine), senders={"sms": slow}, cipher=cipher, now=clock)
    assert slow.checked_out == 0


def test_a_lease_keeps_others_away_and_runs_out(session, at, cipher, recorder, deliver, clock):
    class Killed(BaseException):
        pass

    class Dies:
        keeps = False

        def send(self, message):
            raise Killed

    tell(session, at, cipher)
    with pytest.raises(Killed):
        deliver(Dies())
    clock.at = at + LEASE - timedelta(milliseconds=1)
    assert deliver(recorder).total == 0
    clock.at = at + LEASE
    assert deliver(recorder) == outbox.Delivered(sent=1)


def test_who_comes_back_after_the_lease_does_not_undo_what_another_did(
    session, at, cipher, recorder, deliver, clock
):
    class Slow:
        keeps = False

        def send(self, message):
            clock.at = at + LEASE
            assert deliver(recorder) == outbox.Delivered(sent=1)
            raise outbox.SendingFailed("the first lost its patience")

    tell(session, at, cipher)
    deliver(Slow())
    assert only(session).status == "sent"
    assert only(session).content is None


def test_delivery_stops_between_batches_when_asked(engine, session, at, cipher, recorder, clock):
    for _ in range(20):
        tell(session, at, cipher)
    outbox.deliver(
        sessionmaker(engine),
        senders={"sms": recorder},
        cipher=cipher,
        now=clock,
        stopping=lambda: len(recorder.sent) > 0,
    )
    assert 0 < len(recorder.sent) < 20


def test_a_developer_can_read_what_was_sent_newest_first(session, at, cipher, recorder, deliver):
    recorder.keeps = True
    tell(session, at, cipher, body="first")
    tell(session, at + timedelta(seconds=-1), cipher, body="earlier")
    tell(
        session,
        at,
        cipher,
        body="second",
        channel="sms",
        recipient="someone@example.com",
        subject="Hello",
    )
    tell(session, at, cipher, recipient=None)
    deliver(recorder)
    shown = outbox.development_messages(session, cipher=cipher, limit=2)
    assert [(one.to, one.subject, one.body, one.sent_at) for one in shown] == [
        ("someone@example.com", "Hello", "second", at),
        (MOBILE, None, "first", at),
    ]


def test_nothing_that_production_sent_can_be_shown(session, at, cipher, recorder, deliver):
    tell(session, at, cipher)
    deliver(recorder)
    tell(session, at + timedelta(days=1), cipher)
    assert outbox.development_messages(session, cipher=cipher) == ()


def test_messages_kept_under_another_secret_are_passed_over(session, at, cipher, recorder, deliver):
    recorder.keeps = True
    tell(session, at, cipher)
    deliver(recorder)
    assert outbox.development_messages(session, cipher=outbox.Cipher(b"another")) == ()


def test_purging_leaves_what_still_waits(session, at, cipher, recorder, deliver, clock):
    tell(session, at, cipher)
    deliver(recorder)
    tell(session, at, cipher)
    for before, left in ((at, 2), (at + timedelta(seconds=1), 1)):
        with writing(session):
            outbox.purge(session, before=before)
        assert len(session.scalars(select(Message.id)).all()) == left
        session.rollback()
    assert only(session).status == "waiting"


def test_content_is_unicode_through_and_through(session, at, cipher, recorder, deliver):
    words = "رمزك ١٢٣ — „zaż” 🎁\n@points.example #123456"
    tell(session, at, cipher, body=words, subject="ça")
    deliver(recorder)
    assert json.dumps([recorder.sent[0].subject, recorder.sent[0].body]) == json.dumps(
        ["ça", words]
    )
