"""The worker: its jobs, its ticks, and how it stops."""

import os
import re
import signal
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from huey import SqliteHuey
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal import clock, codes, ledger, outbox, programs, rewards, worker
from portal.config import Settings
from portal.errors import Misuse
from portal.orm import writing
from portal.outbox.models import Message

MOBILE = "+351912345689"


@pytest.fixture
def settings(engine_url, tmp_path):
    return Settings(
        env="development",
        database_url=engine_url,
        queue_url=f"sqlite:///{tmp_path / 'deep' / 'huey.db'}",
    )


@pytest.fixture
def jobs(settings, engine, at):
    jobs = worker.Jobs(settings, engine, now=lambda: at)
    yield jobs
    assert jobs.delivery.stop()


def tell(session, settings, at, body="hello"):
    with writing(session):
        return outbox.tell(
            session,
            channel="sms",
            recipient=MOBILE,
            subject=None,
            body=body,
            purpose="test",
            at=at,
            cipher=outbox.Cipher(settings.pepper),
        )


@pytest.fixture
def accounts(session, at):
    """Accounts whose points have just expired, and nobody has looked since."""
    with writing(session):
        programs.apply(
            session, document={"id": "p", "name": "P", "currency": "PTS"}, actor="test", at=at
        )
        opened = []
        for _ in range(7):
            account = ledger.open_account(session, program_id="p", at=at - timedelta(days=2))
            ledger.earn(
                session,
                account_id=account.id,
                points=100,
                expires_at=at - timedelta(hours=1),
                facts=ledger.Facts(name=ledger.EventName.TRANSACTION_ADD, actor="test"),
                at=at - timedelta(days=1),
            )
            opened.append(account.id)
    return opened


def test_quiet_accounts_are_settled_in_batches(session, jobs, accounts, monkeypatch):
    monkeypatch.setattr(worker, "SETTLE_BATCH", 3)
    assert jobs.settle() == 7
    assert jobs.settle() == 0
    for account_id in accounts:
        assert ledger.find_account(session, account_id).balance == 0


def test_settling_stops_between_batches_when_asked(jobs, accounts, monkeypatch):
    monkeypatch.setattr(worker, "SETTLE_BATCH", 3)
    answers = iter([False, True])
    jobs.stopping = lambda: next(answers)
    assert jobs.settle() == 3
    jobs.stopping = lambda: False
    assert jobs.settle() == 4


def test_members_are_reminded_in_batches_of_vouchers_that_lapse_soon(
    session, jobs, accounts, at, monkeypatch
):
    reward = {"id": "mug", "program": "p", "name": "Mug", "price": 10, "kind": "gift"}
    before = at - timedelta(days=2)
    with writing(session):
        rewards.apply(session, document=reward | {"voucher_days": 3}, actor="test", at=before)
    for account_id in accounts:
        with writing(session):
            ledger.earn(
                session,
                account_id=account_id,
                points=10,
                expires_at=None,
                facts=ledger.Facts(name=ledger.EventName.TRANSACTION_ADD, actor="test"),
                at=before,
            )
            rewards.issue(session, account_id=account_id, reward_id="mug", actor="test", at=before)
    monkeypatch.setattr(worker, "SETTLE_BATCH", 3)
    answers = iter([False, True])
    jobs.stopping = lambda: next(answers)
    assert jobs.remind() == 3
    jobs.stopping = lambda: False
    assert jobs.remind() == 4
    assert jobs.remind() == 0


def test_lapsed_vouchers_are_written_down_reward_by_reward(
    session, settings, engine, accounts, at, monkeypatch
):
    before = at - timedelta(days=1)
    for reward_id in ("mug", "pen", "cup"):
        reward = {"id": reward_id, "program": "p", "name": "Mug", "price": 10, "kind": "gift"}
        with writing(session):
            rewards.apply(session, document=reward, actor="test", at=before)
            rewards.issue(
                session, account_id=accounts[0], reward_id=reward_id, actor="test", at=before
            )
    monkeypatch.setattr(worker, "REWARDS_BATCH", 2)
    later = worker.Jobs(settings, engine, now=lambda: at + timedelta(days=40))
    answers = iter([False, True])
    later.stopping = lambda: next(answers)
    assert later.write_down_lapses() == 2
    later.stopping = lambda: False
    assert later.write_down_lapses() == 1
    assert later.write_down_lapses() == 0


def test_tidying_deletes_what_has_run_out_and_nothing_else(session, settings, jobs, at):
    for moment in (at - timedelta(days=40), at):
        with writing(session):
            codes.issue(
                session,
                purpose="sign_in",
                subject=f"sig_{moment.day}",
                context={},
                destination=MOBILE,
                at=moment,
                pepper=settings.pepper,
            )
        tell(session, settings, moment)
    with writing(session):
        session.execute(text("UPDATE message SET status = 'sent'"))
        for moment, key in ((at - timedelta(days=31), "old"), (at, "new")):
            claim = ledger.claim(session, client="c", key=key, fingerprint=bytes(32), at=moment)
            ledger.finish(
                session,
                claim,
                status=201,
                content_type="application/json",
                body=b"{}",
                effect="red_1",
            )
    assert jobs.tidy() == 6
    assert jobs.tidy() == 0
    for table, left in (("one_time_code", 1), ("budget", 3), ("message", 1), ("request", 2)):
        assert session.scalar(text(f"SELECT count(*) FROM {table}")) == left
    bodies = dict(session.execute(text("SELECT key, body FROM request")).all())
    assert bodies["old"] is None
    assert bytes(bodies["new"]) == b"{}"


def test_a_tick_revives_delivery(jobs):
    assert not jobs.delivery.running
    jobs.keep_delivering()
    jobs.keep_delivering()
    assert jobs.delivery.running


def test_every_job_has_its_tick(settings, jobs, tmp_path):
    huey = worker.ticker(settings.queue_url, jobs)
    try:
        assert isinstance(huey, SqliteHuey)
        assert (tmp_path / "deep" / "huey.db").exists()
        moment = clock.now().replace(minute=17)
        due = {type(task).__name__ for task in huey.read_periodic(moment)}
        assert due == {"keep_delivering", "tidy"}
        due = {type(task).__name__ for task in huey.read_periodic(moment.replace(minute=20))}
        assert due == {"keep_delivering", "settle"}
    finally:
        huey.storage.close()


def test_a_tick_runs_its_job(settings, jobs, accounts):
    huey = worker.ticker(settings.queue_url, jobs)
    try:
        (tick,) = [
            task
            for task in huey.read_periodic(clock.now().replace(minute=20))
            if type(task).__name__ == "settle"
        ]
        huey.enqueue(tick)
        huey.execute(huey.dequeue())
    finally:
        huey.storage.close()
    assert jobs.settle() == 0


def test_the_queue_may_be_postgresql(postgres_server, jobs):
    huey = worker.ticker(postgres_server, jobs)
    try:
        assert huey.storage.queue_size() == 0
    finally:
        huey.storage.close()


@pytest.mark.parametrize("address", ["mongodb://x", "huey.db", ""])
def test_another_kind_of_queue_is_refused(jobs, address):
    with pytest.raises(Misuse, match="PORTAL_QUEUE_URL"):
        worker.ticker(address, jobs)


def until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert found
    return found


def test_the_process_delivers_and_ends_cleanly_at_sigterm(engine, settings, tmp_path):
    output = tmp_path / "output"
    environment = os.environ | {
        "PORTAL_DATABASE_URL": settings.database_url,
        "PORTAL_QUEUE_URL": settings.queue_url,
        "PORTAL_ENV": "development",
    }
    script = "from portal import config, worker; worker.run(config.load_settings())"
    with output.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", script],
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        with Session(engine) as session:
            told = tell(session, settings, clock.now(), body="to the terminal")
        until(lambda: "to the terminal" in output.read_text())

        def sent():
            with Session(engine) as session:
                return session.scalar(select(Message.status).where(Message.id == told)) == "sent"

        until(sent)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()
        process.wait()
    printed = output.read_text()
    assert "Traceback" not in printed
    assert re.search(r"worker\.stopped.*finished=True", printed)
