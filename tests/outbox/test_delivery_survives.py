"""Senders are killed, run side by side and stopped; every message still arrives."""

import multiprocessing
import os
import signal
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from portal import clock, orm, outbox
from portal.orm import writing
from portal.outbox.models import Message

MOBILE = "+351912345689"
SECRET = b"a secret for tests, which is long enough"


class Scribe:
    """A sender that writes down ids in a file, one a line, as an outside service would."""

    keeps = False

    def __init__(self, path, pause=0.0):
        self.path, self.pause = path, pause

    def send(self, message):
        time.sleep(self.pause)
        with open(self.path, "a") as file:
            file.write(message.id + "\n")

    def sent(self):
        return self.path.read_text().split() if self.path.exists() else []


def tell_many(engine, number, at):
    cipher = outbox.Cipher(SECRET)
    with Session(engine) as session, writing(session):
        return [
            outbox.tell(
                session,
                channel="sms",
                recipient=MOBILE,
                subject=None,
                body=f"message {n}",
                purpose="test",
                at=at,
                cipher=cipher,
            )
            for n in range(number)
        ]


def waiting(engine):
    with Session(engine) as session:
        return session.scalar(
            select(func.count()).select_from(Message).where(Message.status == "waiting")
        )


def _deliver_for_ever(url, path, now):
    engine = orm.make_engine(url)
    while True:
        outbox.deliver(
            sessionmaker(engine),
            senders={"sms": Scribe(path, pause=0.002)},
            cipher=outbox.Cipher(SECRET),
            now=lambda: now,
        )


def test_a_sender_killed_twenty_times_loses_nothing(engine_url, engine, tmp_path):
    started = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    told = tell_many(engine, 300, started)
    engine.dispose()
    path = tmp_path / "sent"
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["portal.outbox"])
    for killed in range(20):
        # Each finds the leases of the one before run out.
        now = started + timedelta(minutes=killed)
        process = context.Process(target=_deliver_for_ever, args=(engine_url, path, now))
        process.start()
        before = len(Scribe(path).sent())
        deadline = time.monotonic() + 20
        while len(Scribe(path).sent()) < min(before + 5, 300) and time.monotonic() < deadline:
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    last = started + timedelta(minutes=21)
    scribe = Scribe(path)
    outbox.deliver(
        sessionmaker(engine),
        senders={"sms": scribe},
        cipher=outbox.Cipher(SECRET),
        now=lambda: last,
    )
    arrived = Counter(scribe.sent())
    assert set(arrived) == set(told)
    assert waiting(engine) == 0
    # Twice only what was on its way when its sender died: a batch each.
    assert sum(arrived.values()) - len(told) <= 20 * 8


def test_senders_side_by_side_send_each_message_once(engine, at, tmp_path):
    told = tell_many(engine, 120, at)
    scribe = Scribe(tmp_path / "sent", pause=0.001)

    def work():
        outbox.deliver(
            sessionmaker(engine),
            senders={"sms": scribe},
            cipher=outbox.Cipher(SECRET),
            now=lambda: at,
        )

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(scribe.sent()) == sorted(told)


@pytest.fixture
def background(engine, tmp_path):
    scribe = Scribe(tmp_path / "sent")
    delivery = outbox.BackgroundDelivery(
        sessionmaker(engine),
        senders={"sms": scribe},
        cipher=outbox.Cipher(SECRET),
        now=clock.now,
        poll_seconds=30,
    )
    delivery.scribe = scribe
    yield delivery
    assert delivery.stop()


def until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert condition()


def test_a_commit_here_wakes_the_thread_at_once(engine, background):
    background.start()
    until(lambda: background.running)
    time.sleep(0.1)
    begun = time.monotonic()
    told = tell_many(engine, 1, clock.now())
    until(lambda: background.scribe.sent() == told)
    assert time.monotonic() - begun < 5


def test_what_was_told_elsewhere_is_found_by_looking(engine, tmp_path):
    scribe = Scribe(tmp_path / "sent")
    delivery = outbox.BackgroundDelivery(
        sessionmaker(engine),
        senders={"sms": scribe},
        cipher=outbox.Cipher(SECRET),
        now=clock.now,
        poll_seconds=0.05,
    )
    delivery.start()
    with Session(engine) as session, writing(session):
        told = outbox.tell(
            session,
            channel="sms",
            recipient=MOBILE,
            subject=None,
            body="x",
            purpose="test",
            at=clock.now() + timedelta(seconds=0.3),
            cipher=outbox.Cipher(SECRET),
        )
    until(lambda: scribe.sent() == [told])
    assert delivery.stop()


def test_starting_and_stopping_twice_is_fine(engine, background):
    background.start()
    background.start()
    assert background.stop()
    assert background.stop()
    assert not background.running
    background.start()
    told = tell_many(engine, 1, clock.now())
    until(lambda: background.scribe.sent() == told)


def test_stopping_finishes_what_is_being_sent(engine, tmp_path):
    scribe = Scribe(tmp_path / "sent", pause=0.3)
    delivery = outbox.BackgroundDelivery(
        sessionmaker(engine), senders={"sms": scribe}, cipher=outbox.Cipher(SECRET), now=clock.now
    )
    tell_many(engine, 20, clock.now())
    delivery.start()
    time.sleep(0.15)
    assert delivery.stop()
    done = len(scribe.sent())
    assert 0 < done < 20
    assert waiting(engine) == 20 - done


def test_a_database_that_is_away_for_a_while_ends_nothing(engine, tmp_path, caplog):
    scribe = Scribe(tmp_path / "sent")
    away = threading.Event()
    away.set()

    def sessions():
        if away.is_set():
            raise ConnectionError("the database is away")
        return Session(engine)

    delivery = outbox.BackgroundDelivery(
        sessions,
        senders={"sms": scribe},
        cipher=outbox.Cipher(SECRET),
        now=clock.now,
        poll_seconds=0.02,
    )
    delivery.start()
    time.sleep(0.1)
    away.clear()
    told = tell_many(engine, 1, clock.now())
    until(lambda: scribe.sent() == told)
    assert delivery.stop()
