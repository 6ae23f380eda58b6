"""Home, history and the account at the endpoint, by the length of one account's history.

The pages are asked for through the whole application (``create_app``, signed
in, in production's settings), without a network. The accounts differ only in
their number of entries: each has the same ten open lots.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

from flask import Flask
from pydantic import SecretStr
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from portal import create_app, ledger, orm
from portal.access import keys, sessions
from portal.config import Settings
from tests.bench import filling
from tests.bench.harness import Bench, Figure, compare, one_by_one
from tests.bench.serving import SECRET

PART = "Pages"
QUERIES_MAX = 8
UNTIL = datetime.now(UTC) - timedelta(days=1)
# What surrounds a question is none.
_NO_QUERY = ("PRAGMA", "BEGIN", "COMMIT", "ROLLBACK")


@dataclass(slots=True)
class _Book:
    """An account, and how to ask for its pages."""

    entries: int
    account_id: str
    member_headers: dict[str, str]
    key_headers: dict[str, str]
    addresses: dict[str, str] = field(default_factory=dict)


def run(bench: Bench) -> None:
    """Measure on every engine."""
    sizes = (
        (1_000, 100_000, 1_000_000)
        if not (bench.quick or bench.tiny)
        else (1_000, 30_000)
        if bench.quick
        else (100, 300)
    )
    for engine_name in bench.engines:
        bench.say(f"{PART}, {engine_name}: filling {sum(sizes):,} entries")
        with bench.database(engine_name) as (url, engine), Session(engine) as session:
            books = _fill(bench, engine_name, session, sizes)
            session.close()
            _analyse(engine)
            engine.dispose()
            app = create_app(_settings(url))
            _measure(bench, engine_name, app, books)


def _settings(url: str) -> Settings:
    return Settings(
        env="production",
        database_url=url,
        secret_key=SecretStr(SECRET),
        sms_url=SecretStr("json://127.0.0.1:9/"),
        log_level="WARNING",
    )


def _fill(bench: Bench, engine_name: str, session: Session, sizes: tuple[int, ...]) -> list[_Book]:
    filling.program(session)
    filling.stores(session)
    ids = filling.accounts(session, len(sizes), lots=0, points_each=1)
    began = time.monotonic()
    for account_id, entries in zip(ids, sizes, strict=True):
        filling.history(session, account_id, entries, until=UNTIL)
    rate = sum(sizes) / (time.monotonic() - began)
    bench.facts[f"entries a second through ledger.post, {engine_name}"] = round(rate)
    bench.say(f"  {rate:,.0f} entries a second through the ledger's door")
    at = datetime.now(UTC)
    # Enough to show that such a book is a true one; a million lines take their time.
    if bench.tiny and (differences := ledger.verify(session)):
        raise SystemExit(f"the books do not agree: {differences[0]}")
    with orm.writing(session):
        key = keys.create(session, name="bench", scopes=["read"], actor="bench", at=at).key
        tokens = [
            sessions.open(
                session, customer_id=str(ledger.find_account(session, one).customer_id), at=at
            ).token
            for one in ids
        ]
    return [
        _Book(
            entries=entries,
            account_id=account_id,
            member_headers={"Cookie": f"__Host-session={token}"},
            key_headers={"Authorization": f"Bearer {key}"},
            addresses=_addresses(session, account_id, entries, at),
        )
        for entries, account_id, token in zip(sizes, ids, tokens, strict=True)
    ]


def _addresses(session: Session, account_id: str, entries: int, at: datetime) -> dict[str, str]:
    # Close to the beginning of ten years, and yet with a page before it.
    share = 0.05 if entries >= 1_000 else 0.5
    early = filling.BEGAN + (UNTIL - filling.BEGAN) * share
    deep = ledger.history(session, account_id=account_id, at=at, occurred_to=early, limit=20)
    session.rollback()
    assert deep.next_cursor is not None
    middle = (filling.BEGAN + (UNTIL - filling.BEGAN) * 0.5).date()
    return {
        "home": "/home",
        "history, first page": "/history",
        "history, one of the last pages": f"/history?cursor={deep.next_cursor}",
        "history, one type": "/history?type=redeem",
        "history, one type, from five years back": f"/history?type=earn&to={middle}",
        "GET /accounts/{id}": f"/api/v1/accounts/{account_id}",
        "GET /accounts/{id}/transactions": f"/api/v1/accounts/{account_id}/transactions",
    }


def _analyse(engine: Engine) -> None:
    """Let the planner know the tables, as autovacuum would by now."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        raw: Any = connection.connection.driver_connection
        if engine.dialect.name == "sqlite":
            raw.execute("PRAGMA query_only=OFF")
            raw.execute("ANALYZE")
            connection.invalidate()
        else:
            connection.exec_driver_sql("SET default_transaction_read_only = off")
            connection.exec_driver_sql("VACUUM (ANALYZE)")


def _measure(bench: Bench, engine_name: str, app: Flask, books: list[_Book]) -> None:
    client = app.test_client(use_cookies=False)
    callers = count()
    times = bench.size(full=40, quick=15, tiny=2)

    def ask(book: _Book, address: str) -> None:
        headers = book.key_headers if address.startswith("/api/") else book.member_headers
        number = next(callers)
        # The coarse limit counts by address; nobody here is one visitor.
        visitor = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        answer = client.get(
            address,
            base_url="https://localhost",
            headers=headers,
            environ_overrides={"REMOTE_ADDR": visitor},
        )
        if answer.status_code != 200:
            raise SystemExit(f"{address} answered {answer.status}: {answer.text[:300]}")

    smallest = books[0]
    for name in smallest.addresses:
        sides = {f"{book.entries}": partial(ask, book, book.addresses[name]) for book in books}
        measured = one_by_one(bench.size(full=11, quick=7, tiny=1), times, sides)
        for book in books[1:]:
            bench.add(
                compare(
                    part=PART,
                    engine=engine_name,
                    what=f"{name}, at {book.entries:,} entries",
                    floor_name=f"itself, at {smallest.entries:,}",
                    unit="ms",
                    portal=measured[f"{book.entries}"],
                    floor=measured[f"{smallest.entries}"],
                    goal=1.2,
                    goal_is="at most",
                )
            )
    with _counting(app) as statements:
        for name, address in books[-1].addresses.items():
            statements.clear()
            ask(books[-1], address)
            if not name.startswith("GET"):
                bench.add(_queries(engine_name, name, len(statements)))
    _close(app)


@contextmanager
def _counting(app: Flask) -> Iterator[list[str]]:
    """The statements that the application sends."""
    from portal.web.extensions import db

    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith(_NO_QUERY):
            sent.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


def _queries(engine_name: str, name: str, number: int) -> Figure:
    share = number / QUERIES_MAX
    return Figure(
        part=PART,
        engine=engine_name,
        what=f"queries: {name}",
        floor_name=f"{QUERIES_MAX} queries",
        unit="queries",
        portal=number,
        floor=QUERIES_MAX,
        ratio=share,
        low=share,
        high=share,
        goal=1.0,
        goal_is="at most",
    )


def _close(app: Flask) -> None:
    from portal.web.extensions import db

    with app.app_context():
        db.engine.dispose()
