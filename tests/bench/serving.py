"""Redemptions over HTTP: the portal, the floor and a bare answer under one gunicorn."""

import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import psutil
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from portal import ledger, orm
from portal.access import keys
from portal.ledger.models import Account
from tests.bench import filling, floors
from tests.bench.apps import APPS
from tests.bench.harness import Bench, Figure, compare
from tests.bench.load import Job, Outcome

PART = "Redeem over HTTP"
ACCOUNTS, LOTS, POINTS_EACH = 200, 4, 10**10
PATH = "/api/v1/redemptions"
ROOT = Path(__file__).resolve().parents[2]
SECRET = "measured-9f1c2ab7d4e8605b3f27c1a9e4d86b50"
MEMORY_MB_MAX = 120


@dataclass(slots=True)
class Side:
    """A server, what was sent to it, and what came of it."""

    port: int
    headers: dict[str, str]
    process: psutil.Process | None = None
    outcomes: list[Outcome] = field(default_factory=list)
    worker_microseconds: list[float] = field(default_factory=list)
    """Of the workers' processor time, for each request."""
    answered: int = 0

    def worker_seconds(self) -> float:
        if self.process is None:
            return 0.0
        times = [worker.cpu_times() for worker in self.process.children()]
        return sum(one.user + one.system for one in times)

    def of(self, name: str) -> list[float]:
        return [getattr(outcome, name) for outcome in self.outcomes]


def run(bench: Bench) -> None:
    """Measure on every engine."""
    for engine_name in bench.engines:
        bench.say(f"{PART}, {engine_name}")
        with bench.database(engine_name) as (url, engine), Session(engine) as session:
            filling.program(session)
            ids = filling.accounts(
                session, 5 if bench.tiny else ACCOUNTS, lots=LOTS, points_each=POINTS_EACH
            )
            with orm.writing(session):
                made = keys.create(
                    session, name="bench", scopes=["redeem"], actor="bench", at=datetime.now(UTC)
                )
            session.close()
            floors.prepare(url, ids, lots=LOTS, points_each=POINTS_EACH)
            engine.dispose()
            _measure(bench, engine_name, url, engine, ids, made.key)


def _measure(
    bench: Bench, engine_name: str, url: str, engine: Engine, ids: list[str], key: str
) -> None:
    floor_url = bench.copy(url)
    environment = production(url) | {"BENCH_DATABASE": floor_url}
    bearer = {"Authorization": f"Bearer {key}"}
    with ExitStack() as servers:
        sides: dict[str, Side] = {}
        for name in APPS:
            port = bench.free_port()
            process = servers.enter_context(
                served([sys.executable, "-m", "tests.bench.apps", name], port, environment, bench)
            )
            sides[name] = Side(port=port, headers=bearer, process=psutil.Process(process.pid))
        for clients in (8,) if bench.tiny else (1, 8, 32):
            spread = take_turns(bench, sides, dict.fromkeys(sides, ids), clients=clients)
            _tell(bench, engine_name, spread, clients, "spread")
            if clients == 1:
                continue
            if clients == 8:
                _tell_processor(bench, engine_name, spread)
            hot = take_turns(bench, sides, dict.fromkeys(sides, ids[:1]), clients=clients)
            _tell(bench, engine_name, hot, clients, "one hot account")
            _tell_hot(bench, engine_name, spread, hot, clients)
        _tell_memory(bench, engine_name, sides["portal"])
    _require_all_booked(engine, accounts=len(ids), answered=sides["portal"].answered)
    bench.drop(floor_url)


def take_turns(
    bench: Bench, sides: dict[str, Side], accounts: Mapping[str, Sequence[object]], *, clients: int
) -> dict[str, Side]:
    """A slice of load on each server in turn, several times."""
    slice_seconds = bench.size(full=30, quick=15, tiny=2) / 10
    bodies = {
        name: [json.dumps({"account": one, "points": floors.POINTS}) for one in ids]
        for name, ids in accounts.items()
    }
    taken = {
        name: Side(port=side.port, headers=side.headers, process=side.process)
        for name, side in sides.items()
    }
    names = list(sides)
    rounds = bench.size(full=7, quick=3, tiny=1)
    for number in range(rounds):
        for name in names if number % 2 == 0 else reversed(names):
            side = taken[name]
            job = Job(
                port=side.port,
                path=PATH,
                headers=side.headers,
                bodies=bodies[name],
                key_prefix=f"{name}-{clients}-{len(bodies[name])}-{number}-",
                clients=clients,
                seconds=slice_seconds,
            )
            spent = side.worker_seconds()
            outcome = send(job)
            spent = side.worker_seconds() - spent
            side.worker_microseconds.append(spent / outcome.answered * 1e6)
            side.outcomes.append(outcome)
            sides[name].answered += outcome.answered
    return taken


def send(job: Job) -> Outcome:
    """Do a job in a process of its own.

    Raises:
        SystemExit: something was not answered with 201.
    """
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.load"],
        input=json.dumps(asdict(job)),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    outcome = Outcome(**json.loads(done.stdout))
    if outcome.wrong or not outcome.answered:
        raise SystemExit(f"{outcome.wrong} wrong answers, the first: {outcome.first_wrong}")
    return outcome


def _tell(
    bench: Bench, engine_name: str, sides: dict[str, Side], clients: int, accounts: str
) -> None:
    what = f"{clients} client{'s' if clients > 1 else ''}, {accounts}"
    measured = engine_name == "postgresql" and clients == 8 and accounts == "spread"

    def tell(
        name: str,
        other: str,
        floor_name: str,
        *,
        unit: str = "1/s",
        goal: float | None = None,
        goal_is: Literal["at least", "at most"] = "at least",
        note: str = "",
    ) -> None:
        bench.add(
            compare(
                part=PART,
                engine=engine_name,
                what=what + (f", {name.removesuffix('_ms')}" if unit == "ms" else ""),
                floor_name=floor_name,
                unit=unit,
                portal=sides["portal"].of(name),
                floor=sides[other].of(name),
                goal=goal,
                goal_is=goal_is,
                note=note,
            )
        )

    own = statistics.median(sides["portal"].of("own_microseconds"))
    tell("per_second", "floor", "floor endpoint", goal=0.3 if measured else None)
    tell("per_second", "bare", "bare Flask answer", note=f"load: {own:.0f} µs a request")
    tell("p50_ms", "floor", "floor endpoint", unit="ms")
    bound = 2.0 if clients == 8 else None
    tell("p99_ms", "floor", "floor endpoint", unit="ms", goal=bound, goal_is="at most")


def _tell_processor(bench: Bench, engine_name: str, sides: dict[str, Side]) -> None:
    """What the web workers spend: it hardly depends on what else the machine does."""
    for name, floor_name in (("floor", "floor endpoint"), ("bare", "bare Flask answer")):
        bench.add(
            compare(
                part=PART,
                engine=engine_name,
                what="processor time of the workers, per request",
                floor_name=floor_name,
                unit="µs",
                portal=sides["portal"].worker_microseconds,
                floor=[max(each, 1.0) for each in sides[name].worker_microseconds],
            )
        )


def _tell_hot(
    bench: Bench,
    engine_name: str,
    spread: dict[str, Side],
    hot: dict[str, Side],
    clients: int,
) -> None:
    floor = compare(
        part=PART,
        engine=engine_name,
        what="",
        floor_name="",
        unit="",
        portal=hot["floor"].of("per_second"),
        floor=spread["floor"].of("per_second"),
    )
    bench.add(
        compare(
            part=PART,
            engine=engine_name,
            what=f"{clients} clients, one hot account",
            floor_name="itself, spread",
            unit="1/s",
            portal=hot["portal"].of("per_second"),
            floor=spread["portal"].of("per_second"),
            goal=0.6,
            note=f"the floor: {floor.ratio:.2f}",
        )
    )


def _tell_memory(bench: Bench, engine_name: str, side: Side) -> None:
    assert side.process is not None
    workers = [child.memory_info().rss / 1e6 for child in side.process.children()]
    most = max(workers)
    bench.add(
        Figure(
            part=PART,
            engine=engine_name,
            what="memory of a web worker after the load",
            floor_name=f"{MEMORY_MB_MAX} MB",
            unit="MB",
            portal=most,
            floor=MEMORY_MB_MAX,
            ratio=most / MEMORY_MB_MAX,
            low=min(workers) / MEMORY_MB_MAX,
            high=most / MEMORY_MB_MAX,
            goal=1.0,
            goal_is="at most",
        )
    )


def _require_all_booked(engine: Engine, *, accounts: int, answered: int) -> None:
    """Every 201 is in the book, nothing else is, and the book agrees with itself."""
    with Session(engine) as session:
        expected = accounts * LOTS * POINTS_EACH - answered * floors.POINTS
        found = session.scalar(select(func.sum(Account.balance)))
        if int(found or 0) != expected:
            raise SystemExit(f"the balances add up to {found}, and should to {expected}")
        differences = ledger.verify(session)
        if differences:
            raise SystemExit(f"the books do not agree: {differences[0]}")


# -- servers


def production(url: str) -> dict[str, str]:
    """The environment of a portal in production on this database."""
    return {
        "PORTAL_DATABASE_URL": url,
        "PORTAL_ENV": "production",
        "PORTAL_SECRET_KEY": SECRET,
        "PORTAL_SMS_URL": "json://127.0.0.1:9/",
    }


@contextmanager
def served(
    command: list[str], port: int, environment: dict[str, str], bench: Bench
) -> Iterator["subprocess.Popen[bytes]"]:
    """A server on ``port``, stopped afterwards."""
    log = bench.folder / f"server-{port}.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [*command, "--port", str(port)],
            env={**os.environ, **environment},
            cwd=ROOT,
            stdout=stream,
            stderr=stream,
        )
    try:
        _wait_for(port, process, tail=lambda: log.read_text()[-2000:])
        yield process
    finally:
        process.terminate()
        process.wait(timeout=60)


def _wait_for(port: int, process: "subprocess.Popen[bytes]", *, tail: Callable[[], str]) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit(f"the server on {port} did not start: {tail()}")
