"""Workers are killed and connections cut while clients go on: nothing lost, nothing doubled.

QUALITY, A.1. Every client sends a write until it is answered, with the same
key, as a till does. Who is killed and when comes from a seed, which is printed.
The small run takes some twenty seconds; ``--heavy`` is the full size.
"""

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import psutil
import psycopg
import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from portal import ledger, orm, programs
from portal.access import keys
from portal.errors import Busy
from portal.ledger import EventName, Facts
from portal.ledger.models import Event, Redemption
from portal.orders.models import Order

WORKERS, CLIENTS, ACCOUNTS = 4, 8, 12
START_POINTS = 400
"""Few enough that some redemptions are refused."""
PATIENCE_SECONDS = 120
PROGRAM = {
    "id": "crash",
    "name": "Crash Points",
    "currency": "PTS",
    "default": True,
    "rate": {"points": 100, "value": 100, "currency": "EUR"},
    "earning": [{"id": "base", "kind": "spend", "currency": "EUR", "per": 100, "points": 1}],
    "redemption": {"approval": "none"},
    "transfers": {"enabled": True},
}
SCOPES = ["read", "redeem", "earn", "reverse", "adjust"]


@dataclass
class Tally:
    """What the clients were told happened."""

    points: Counter = field(default_factory=Counter)
    """By account, what acknowledged writes did to it."""
    done: Counter = field(default_factory=Counter)
    refused: Counter = field(default_factory=Counter)
    replays: int = 0
    retries: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def acknowledged(self) -> int:
        return self.done.total() + self.refused.total()


@dataclass
class Shop:
    """What is served, and on what."""

    url: str
    port: int
    key: str
    accounts: list[str]
    engine: object
    tally: Tally = field(default_factory=Tally)
    failures: list[BaseException] = field(default_factory=list)


class Client(threading.Thread):
    """One till, on one connection, until all its writes are answered."""

    def __init__(self, shop: Shop, number: int, writes: int, seed: int):
        super().__init__(daemon=True)
        self.shop, self.number, self.writes = shop, number, writes
        self.chance = random.Random(f"{seed}-{number}")
        self.connection: http.client.HTTPConnection | None = None

    def run(self) -> None:
        try:
            for write in range(self.writes):
                kind = self.chance.choice(
                    ("earn", "redeem", "redeem", "order", "order", "transfer")
                )
                getattr(self, kind)(f"till-{self.number}-{write}")
        except BaseException as error:  # noqa: BLE001 - the test shows it
            self.shop.failures.append(error)
        finally:
            if self.connection is not None:
                self.connection.close()

    # -- what a till does

    def earn(self, key: str) -> None:
        account, points = self.account(), self.chance.randint(1, 60)
        body = {"points": points, "reason": "goodwill"}
        status, _ = self.post(f"/accounts/{account}/adjustments", key, body)
        self.tell("earn", status, {account: points})

    def redeem(self, key: str) -> None:
        account, points = self.account(), self.chance.randint(1, 120)
        status, made = self.post("/redemptions", key, {"account": account, "points": points})
        self.tell("redeem", status, {account: -points})
        if status == 201 and self.chance.random() < 0.25:
            back = self.chance.randint(1, points)
            status, _ = self.post(
                f"/redemptions/{made['id']}/reversals", f"{key}-back", {"points": back}
            )
            self.tell("reverse", status, {account: back})

    def order(self, key: str) -> None:
        account, value = self.account(), self.chance.randint(500, 20_000)
        body = {"id": key, "store": "Crash", "value": value, "currency": "EUR", "account": account}
        paid = 0
        if self.chance.random() < 0.5:
            paid = self.chance.randint(1, min(200, value))
            body["redeem"] = {"points": paid}
        status, made = self.post("/orders", key, body)
        earned = sum(one["points"] for one in made.get("earned", ()))
        if status == 201:
            assert earned == (value - paid) // 100
        self.tell("order paid" if paid else "order", status, {account: earned - paid})

    def transfer(self, key: str) -> None:
        """Not an endpoint yet: the same claim, verb and stored answer, in this process."""
        sender, recipient = self.chance.sample(self.shop.accounts, 2)
        points = self.chance.randint(1, 50)
        status = self.insist(lambda: self._transfer(key, sender, recipient, points))
        self.tell("transfer", status, {sender: -points, recipient: points})

    def _transfer(self, key: str, sender: str, recipient: str, points: int) -> int | None:
        at = datetime.now(UTC)
        try:
            with Session(self.shop.engine) as session, orm.writing(session):
                claim = ledger.claim(
                    session, client="transfers", key=key, fingerprint=key.encode(), at=at
                )
                if claim.answer is not None:
                    # Committed, and cut before we were told.
                    with self.shop.tally.lock:
                        self.shop.tally.replays += 1
                    return claim.answer.status
                try:
                    posted = ledger.transfer(
                        session,
                        from_account_id=sender,
                        to_account_id=recipient,
                        points=points,
                        facts=Facts(
                            name=EventName.POINTS_TRANSFER, actor="test", request_id=claim.id
                        ),
                        at=at,
                    )
                    status, effect = 201, posted.event_id
                except ledger.errors.InsufficientPoints:
                    status, effect = 422, None
                ledger.finish(
                    session,
                    claim,
                    status=status,
                    content_type="text/plain",
                    body=b"",
                    effect=effect,
                )
            return status
        except (Busy, DBAPIError):
            return None

    # -- until it is answered

    def account(self) -> str:
        return self.chance.choice(self.shop.accounts)

    def tell(self, kind: str, status: int, points: dict[str, int]) -> None:
        tally = self.shop.tally
        with tally.lock:
            if status == 201:
                tally.done[kind] += 1
                tally.points.update(points)
            else:
                assert status == 422, f"{kind}: {status}"
                tally.refused[kind] += 1

    def insist(self, once: Callable[[], object]) -> object:
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            found = once()
            if found is not None:
                return found
            with self.shop.tally.lock:
                self.shop.tally.retries += 1
            time.sleep(self.chance.uniform(0.02, 0.2))
        raise AssertionError("no answer for two minutes")

    def post(self, path: str, key: str, body: dict) -> tuple[int, dict]:
        status, content, _ = self.insist(lambda: self.once(path, key, body))
        if self.chance.random() < 0.05:
            # Told again, though it was answered: byte for byte the same.
            _, again, hit = self.insist(lambda: self.once(path, key, body))
            assert (again, hit) == (content, "true")
        return status, json.loads(content)

    def once(self, path: str, key: str, body: dict) -> tuple[int, bytes, str | None] | None:
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.shop.port, timeout=15)
        headers = {
            "Authorization": f"Bearer {self.shop.key}",
            "Content-Type": "application/json",
            "Idempotency-Key": key,
        }
        try:
            self.connection.request("POST", f"/api/v1{path}", json.dumps(body), headers)
            answer = self.connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            self.connection.close()
            self.connection = None
            return None
        hit = answer.headers.get("Idempotency-Hit")
        if answer.status >= 500 or answer.status == 429:
            return None
        if answer.status == 409 and answer.headers.get("Retry-After"):
            return None
        with self.shop.tally.lock:
            self.shop.tally.replays += hit == "true"
        return answer.status, content, hit


class Chaos(threading.Thread):
    """Kills workers and cuts connections, spread over the whole run."""

    def __init__(self, shop: Shop, server: psutil.Process, *, blows: int, writes: int, seed: int):
        super().__init__(daemon=True)
        self.shop, self.server, self.blows, self.writes = shop, server, blows, writes
        self.chance = random.Random(f"{seed}-chaos")
        self.killed = self.cut = 0
        self.over = threading.Event()

    def run(self) -> None:
        try:
            for blow in range(self.blows):
                due = self.writes * (blow + 0.3) / (self.blows + 1)
                while self.shop.tally.acknowledged < due and not self.over.is_set():
                    time.sleep(0.005)
                time.sleep(self.chance.uniform(0, 0.05))
                if blow % 2 and self.shop.url.startswith("postgresql"):
                    self.cut_connections()
                else:
                    self.kill_worker()
        except BaseException as error:  # noqa: BLE001 - the test shows it
            self.shop.failures.append(error)

    def kill_worker(self) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        while not (workers := self.server.children()):
            assert time.monotonic() < until, "no worker came back"
            time.sleep(0.05)
        self.chance.choice(workers).send_signal(signal.SIGKILL)
        self.killed += 1

    def cut_connections(self) -> None:
        with psycopg.connect(self.shop.url.replace("+psycopg", ""), autocommit=True) as own:
            own.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        self.cut += 1


@pytest.fixture
def shop(engine_url, engine):
    """A program, members with points, a key."""
    at = datetime.now(UTC)
    with Session(engine) as session:
        with orm.writing(session):
            programs.apply(session, document=PROGRAM, actor="test", at=at)
            made = keys.create(session, name="till", scopes=SCOPES, actor="test", at=at)
        accounts = []
        with orm.writing(session):
            for _ in range(ACCOUNTS):
                account = ledger.open_account(session, program_id="crash", at=at)
                ledger.earn(
                    session,
                    account_id=account.id,
                    points=START_POINTS,
                    expires_at=at + timedelta(days=365),
                    facts=Facts(name=EventName.DATA_IMPORT, actor="test"),
                    at=at,
                )
                accounts.append(account.id)
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return Shop(engine_url, port, made.key, accounts, engine)


@pytest.fixture
def server(shop, tmp_path):
    """``portal serve`` with four workers, as in production."""
    log = (tmp_path / "server.log").open("wb")
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from portal.cli import main; main(prog_name='portal')",
            *("serve", "--port", str(shop.port), "--workers", str(WORKERS)),
        ],
        env=os.environ
        | {
            "PYTHONPATH": os.getcwd(),
            "PORTAL_DATABASE_URL": shop.url,
            "PORTAL_ENV": "production",
            "PORTAL_SECRET_KEY": "crashes-4be1c29a7d03f85e61b9d2c47a80f3e5",
            "PORTAL_SMS_URL": "json://127.0.0.1:9/",
        },
        stdout=log,
        stderr=log,
    )
    until = time.monotonic() + 60
    while True:
        assert process.poll() is None, (tmp_path / "server.log").read_text()[-3000:]
        assert time.monotonic() < until, "the server did not start"
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", shop.port)) == 0:
                break
        time.sleep(0.1)
    yield psutil.Process(process.pid)
    process.terminate()
    try:
        process.wait(timeout=40)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    log.close()


def count(session: Session, column: object, *conditions: object) -> int:
    return session.scalar(select(func.count(column)).where(*conditions))


def test_killed_workers_and_cut_connections_lose_and_double_nothing(shop, server, heavy):
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    writes, blows = (10_000, 50) if heavy else (400, 8)
    clients = [Client(shop, number, writes // CLIENTS, seed) for number in range(CLIENTS)]
    chaos = Chaos(shop, server, blows=blows, writes=writes, seed=seed)
    for thread in (*clients, chaos):
        thread.start()
    for client in clients:
        client.join()
    chaos.over.set()
    chaos.join(timeout=60)
    assert shop.failures == []
    tally = shop.tally
    print(tally.done, tally.refused, f"{tally.retries} retries, {tally.replays} replays")
    assert chaos.killed >= blows // 2
    assert chaos.killed + chaos.cut == blows
    assert tally.acknowledged >= writes

    with Session(shop.engine) as session:
        assert ledger.verify(session) == []
        now = datetime.now(UTC)
        for account in shop.accounts:
            found = ledger.position(session, account_id=account, at=now).balance
            assert found == START_POINTS + tally.points[account], account
            assert found >= 0
        done = tally.done
        # One of each for every acknowledged write: none is missing, none is there twice.
        assert count(session, Order.id) == done["order"] + done["order paid"]
        assert count(session, Redemption.id) == done["redeem"] + done["order paid"]
        for name, kind in (
            (EventName.MANUAL_ADJUSTMENT, "earn"),
            (EventName.POINTS_TRANSFER, "transfer"),
            (EventName.REDEMPTION_REVERSAL, "reverse"),
        ):
            assert count(session, Event.id, Event.name == name.value) == done[kind], kind
