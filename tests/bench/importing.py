"""Importing purchases beside a bulk insert of the very rows that the import made.

The purchases are the CDNOW master file where it can be had (``cdnow.py`` says
how; it is fetched once into the cache folder), else as many made-up ones.
"""

import csv
import random
import statistics
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Engine, Table, func, insert, select
from sqlalchemy.orm import Session

from portal import imports, ledger, orm, schema
from tests.bench import cdnow, filling
from tests.bench.harness import Bench, compare, in_turns, libpq, seconds

PART = "Import purchases"
PURCHASES, CUSTOMERS = 69_659, 23_570
CACHE = Path(__file__).parent / "results" / "cache"
ROWS = 1_000
"""Purchases in one transaction, of the import; the bulk insert commits once."""


def run(bench: Bench) -> None:
    """Measure on every engine."""
    path, source = _purchases(bench)
    bench.facts["purchases"] = source
    for engine_name in bench.engines:
        bench.say(f"{PART}, {engine_name}: {source}")
        _measure(bench, engine_name, path)


def _measure(bench: Bench, engine_name: str, path: Path) -> None:
    with bench.database(engine_name) as (url, engine):
        with Session(engine) as session:
            filling.program(session)
        engine.dispose()
        empty = bench.copy(url)

        def fresh(work: Callable[[str, Engine], object]) -> float:
            target = bench.copy(empty)
            opened = orm.make_engine(target)
            try:
                return seconds(lambda: work(target, opened))
            finally:
                opened.dispose()
                bench.drop(target)

        with Session(engine) as session:
            _import(session, path)
            session.rollback()
            if differences := ledger.verify(session):
                raise SystemExit(f"the books do not agree: {differences[0]}")
        made = _rows(engine, empty)
        rows = sum(len(each) for _, each in made)
        with path.open() as stream:
            purchases = sum(1 for _ in stream) - 1
        bench.facts[f"rows that the import makes, {engine_name}"] = {
            table.name: len(each) for table, each in made
        }
        sides: dict[str, Callable[[], float]] = {
            "portal": lambda: rows / fresh(lambda _, opened: _import_with(opened, path)),
            "core": lambda: rows / fresh(lambda _, opened: _insert_all(opened, made)),
        }
        if engine_name == "postgresql":
            sides["copy"] = lambda: rows / fresh(lambda target, _: _copy_all(target, made))
        measured = in_turns(bench.size(full=3, quick=3, tiny=1), sides, warm_up=False)
        bench.drop(empty)
    names = {"core": "Core executemany of the same rows", "copy": "COPY of the same rows"}
    for name, floor_name in names.items():
        if name in measured:
            pace = statistics.median(measured["portal"]) * purchases / rows
            bench.add(
                compare(
                    part=PART,
                    engine=engine_name,
                    what=f"{purchases:,} purchases, {rows:,} rows",
                    floor_name=floor_name,
                    unit="rows/s",
                    portal=measured["portal"],
                    floor=measured[name],
                    goal=0.3 if name == "core" else None,
                    note=f"{pace:,.0f} purchases a second",
                )
            )


def _import(session: Session, path: Path) -> None:
    summary = imports.import_purchases(session, path=path, at=datetime.now(UTC), actor="bench")
    if summary.bad or not summary.imported:
        raise SystemExit(f"{summary.bad} rows were not imported, see {summary.errors_path}")


def _import_with(engine: Engine, path: Path) -> None:
    with Session(engine, expire_on_commit=False) as session:
        _import(session, path)


def _rows(engine: Engine, empty: str) -> list[tuple[Table, list[dict[str, Any]]]]:
    """What the import wrote, table by table, in an order that foreign keys accept."""
    before = orm.make_engine(empty)
    found = []
    with engine.connect() as connection, before.connect() as untouched:
        for table in schema.metadata.sorted_tables:
            size = select(func.count()).select_from(table)
            if connection.scalar(size) != untouched.scalar(size):
                rows = connection.execute(select(table)).mappings()
                found.append((table, [dict(row) for row in rows]))
    before.dispose()
    return found


def _insert_all(engine: Engine, made: list[tuple[Table, list[dict[str, Any]]]]) -> None:
    with Session(engine) as session, orm.writing(session):
        for table, rows in made:
            statement = insert(table)
            for start in range(0, len(rows), 10_000):
                session.connection().execute(statement, rows[start : start + 10_000])


def _copy_all(url: str, made: list[tuple[Table, list[dict[str, Any]]]]) -> None:
    with psycopg.connect(libpq(url)) as connection, connection.cursor() as cursor:
        for table, rows in made:
            columns = ", ".join(f'"{column.name}"' for column in table.columns)
            with cursor.copy(f'COPY "{table.name}" ({columns}) FROM STDIN') as copy:  # type: ignore[arg-type]
                for row in rows:
                    copy.write_row(_plain(row.values()))


def _plain(values: Any) -> Sequence[Any]:
    from psycopg.types.json import Json

    return [Json(value) if isinstance(value, dict | list) else value for value in values]


# -- the file


def _purchases(bench: Bench) -> tuple[Path, str]:
    wanted = bench.size(full=PURCHASES, quick=PURCHASES // 8, tiny=200)
    path = bench.folder / "purchases.csv"
    master = None if bench.tiny else _master()
    if master is None:
        _make_up(path, wanted)
        return path, f"{wanted:,} made-up purchases"
    written = cdnow.convert(master, path, every=1 if wanted == PURCHASES else 8)
    return path, f"{written:,} purchases of CDNOW"


def _master() -> Path | None:
    """The CDNOW master file, fetched the first time; None where it cannot be had."""
    target = CACHE / "CDNOW_master.txt"
    if target.exists():
        return target
    CACHE.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest"]
    fetched = subprocess.run(
        [*command, str(CACHE), "lifetimes==0.11.3"], capture_output=True, check=False, timeout=120
    )
    wheel = next(CACHE.glob("[Ll]ifetimes-0.11.3-*.whl"), None)
    if fetched.returncode or wheel is None:
        return None
    with zipfile.ZipFile(wheel) as archive:
        target.write_bytes(archive.read("lifetimes/datasets/CDNOW_master.txt"))
    return target


def _make_up(path: Path, count: int) -> None:
    chance = random.Random(1997)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(cdnow.COLUMNS)
        for number in range(count):
            customer = chance.randrange(max(1, count * CUSTOMERS // PURCHASES))
            day = date(1997, 1, 1) + timedelta(days=chance.randrange(545))
            cents = chance.randrange(500, 12_000)
            writer.writerow(
                (
                    f"cdnow-{customer:05d}",
                    "cdnow",
                    f"{number:06d}",
                    day.isoformat(),
                    f"{cents / 100:.2f}",
                    "USD",
                    chance.randrange(1, 6),
                )
            )
