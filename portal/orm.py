"""Tables, engines and transactions: all that SQLAlchemy is told, once.

Both engines are set up here as measurement demands: SQLite writes begin with
``BEGIN IMMEDIATE`` and are synced in full; PostgreSQL reads from one snapshot
and writes at READ COMMITTED behind row locks. A read transaction cannot write
on either engine: whoever writes does it inside :func:`writing`.
"""

import json
import secrets
import select
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, cast

import psycopg
import pysqlite3.dbapi2
from psycopg.pq import TransactionStatus
from sqlalchemy import (
    JSON,
    BigInteger,
    Connection,
    DateTime,
    Dialect,
    Engine,
    Executable,
    LargeBinary,
    MetaData,
    String,
    Text,
    create_engine,
    event,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator

from portal.errors import Busy, Misuse

_Statement = tuple[Executable, Sequence[dict[str, Any]]]

LOCK_WAIT_SECONDS = 5
"""How long a write waits for another before it says "try again"."""


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: aware datetimes in, UTC out. Naive ones are refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(  # noqa: D102 - the interface's
        self, value: datetime | None, dialect: Dialect
    ) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise Misuse(f"a time without a zone: {value!r}")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(  # noqa: D102 - the interface's
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002 - the interface's
    ) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            return value.replace(tzinfo=UTC)
        return value.astimezone(UTC)


Id = Annotated[str, mapped_column(String(36))]
Code = Annotated[str, mapped_column(String(64))]
Points = Annotated[int, mapped_column(BigInteger)]
Instant = Annotated[datetime, mapped_column(UtcDateTime())]
Digest = Annotated[bytes, mapped_column(LargeBinary(32))]
Document = Annotated[dict[str, Any], mapped_column(JSON)]


class Base(DeclarativeBase):
    """Every table of the portal."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s__%(column_0_N_name)s",
            "uq": "uq_%(table_name)s__%(column_0_N_name)s",
            "ck": "ck_%(table_name)s__%(constraint_name)s",
            "fk": "fk_%(table_name)s__%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {
        str: Text(),
        int: BigInteger(),
        datetime: UtcDateTime(),
        bytes: LargeBinary(),
        dict[str, Any]: JSON(),
        list[str]: JSON(),
    }


_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
ID_BODY_LENGTH = 20


def new_id(prefix: str) -> str:
    """A fresh public id such as ``loy_01k2…``: 48 bits of time, 52 random bits.

    It sorts roughly by age, so that new rows land at one end of an index, and
    is written in the alphabet of Crockford (no i, l, o, u). An id is a name,
    not a secret: nothing is granted for knowing one.
    """
    number = (time.time_ns() // 1_000_000 & (1 << 48) - 1) << 52 | secrets.randbits(52)
    return f"{prefix}_" + "".join(_ALPHABET[number >> shift & 31] for shift in range(95, -1, -5))


class _Reader(psycopg.Connection[Any]):
    """A connection that stays prepared: a rollback makes psycopg forget every statement.

    A reading transaction has nothing to take back, so that it ends with COMMIT.
    Otherwise each look at something would cost all that follow on the same
    connection their plans.
    """

    def rollback(self) -> None:
        if self.read_only and self.pgconn.transaction_status == TransactionStatus.INTRANS:
            self.commit()
        else:
            super().rollback()


def make_engine(url: str, *, pool_size: int = 8) -> Engine:
    """An engine for ``url`` that keeps the promises in this module's docstring."""
    options = engine_options(url, pool_size=pool_size)
    return prepare_engine(create_engine(url, **options))


def engine_options(url: str, *, pool_size: int = 8) -> dict[str, Any]:
    """What ``create_engine`` must be given for ``url``."""
    parsed = make_url(url)
    options: dict[str, Any] = {
        "json_serializer": _to_json,
        # A database error that is logged must not carry a phone number or a code.
        "hide_parameters": True,
    }
    match parsed.get_backend_name():
        case "sqlite":
            # Two SQLite libraries in one process drop each other's locks, and
            # Debian's has a WAL bug: only the bundled one ever opens the file.
            options["module"] = pysqlite3.dbapi2
            options["connect_args"] = {"timeout": LOCK_WAIT_SECONDS, "check_same_thread": False}
        case "postgresql":
            options["connect_args"] = {
                "options": f"-c timezone=UTC -c lock_timeout={LOCK_WAIT_SECONDS}s",
                "application_name": "portal",
                "connect_timeout": LOCK_WAIT_SECONDS,
            }
        case other:
            raise Misuse(f"the portal runs on sqlite and postgresql, not {other}")
    if parsed.database not in (None, "", ":memory:"):
        options["pool_size"] = pool_size
        options["max_overflow"] = 0
    return options


def prepare_engine(engine: Engine) -> Engine:
    """Attach to ``engine`` what options cannot say."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        event.listen(engine, "do_connect", _connect_postgresql)
        event.listen(engine, "begin", _begin_postgresql)
        event.listen(engine, "before_cursor_execute", _send_waiting)
        event.listen(engine, "checkout", _refuse_dropped)
    return engine


def _to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _set_up_sqlite(dbapi_connection: Any, _record: ConnectionPoolEntry) -> None:
    # The driver's own transactions are off: _begin_sqlite says which BEGIN.
    dbapi_connection.isolation_level = None
    cursor = dbapi_connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    # Without this, INSERT OR REPLACE deletes rows past the append-only triggers.
    cursor.execute("PRAGMA recursive_triggers=ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    write = bool(connection.get_execution_options().get("portal_write"))
    if connection.info.get("query_only") is not (not write):
        connection.exec_driver_sql(f"PRAGMA query_only={'OFF' if write else 'ON'}")
        connection.info["query_only"] = not write
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _connect_postgresql(_dialect: Any, _record: Any, args: Any, options: Any) -> _Reader:
    return _Reader.connect(*args, **options)


def _begin_postgresql(connection: Connection) -> None:
    # Writes are READ COMMITTED, behind row locks. The many statements of one
    # read see one moment, and cannot write. The driver says so in its BEGIN.
    write = bool(connection.get_execution_options().get("portal_write"))
    if connection.info.get("writes") is not write:
        driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
        driver.read_only = not write
        driver.isolation_level = None if write else psycopg.IsolationLevel.REPEATABLE_READ
        connection.info["writes"] = write


WRITE_OPTIONS: dict[str, Any] = {"portal_write": True}
"""Execution options that make a transaction a writing one, on both engines."""


@contextmanager
def writing(session: Session) -> Iterator[Session]:
    """The one way to change the database, and the only code that commits.

    Ends the reading transaction that looking around may have begun, begins a
    writing one, commits it at the end, and rolls it back if anything is
    raised. It cannot be nested: services flush, the edge commits.

    Raises:
        Busy: the database was locked for too long, or chose this transaction
            to break a deadlock; nothing was changed.
        Misuse: called inside itself, or with unsaved changes pending.
    """
    if session.info.get("writing"):
        raise Misuse("writing() inside writing(): only the edge opens a transaction")
    if session.in_transaction():
        if session.new or session.dirty or session.deleted:
            raise Misuse("changes were made before writing() began; they would be lost")
        session.rollback()
    session.info["writing"] = True
    waiting: list[_Statement] = []
    try:
        # Asked before anything else runs: an option that comes after the first
        # statement would only warn, and leave the transaction a reading one.
        connection = session.connection(execution_options=WRITE_OPTIONS)
        session.info["connection"] = connection
        if connection.dialect.name == "postgresql":
            connection.info["waiting"] = waiting
        yield session
        session.flush()
        if waiting:
            _send_waiting(connection, commit=True)
        session.commit()
    except BaseException as error:
        waiting.clear()
        session.rollback()
        if is_contention(error):
            raise Busy() from error
        raise
    finally:
        session.info["writing"] = False
        session.info["connection"] = None


recording = writing
"""The same, named for what must survive a refusal: committed first, in a unit of its own.

Tries of a code, look-up budgets and stored refusals are counted here, before
the answer is known, so that a later rollback cannot hand them back.
"""


def is_contention(error: BaseException) -> bool:
    """Whether the database only said "not now": locked for too long, or a deadlock broken."""
    original: BaseException | None = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(original, psycopg.errors.LockNotAvailable | psycopg.errors.DeadlockDetected):
        return True
    if isinstance(original, psycopg.errors.SerializationFailure):
        return True
    return isinstance(original, pysqlite3.dbapi2.OperationalError) and "locked" in str(original)


def later(session: Session, statement: Executable, rows: Sequence[dict[str, Any]]) -> None:
    """Write what nobody reads the result of: by the next statement, at the latest by the commit.

    On PostgreSQL what waits travels in one round trip, at best together with
    COMMIT, and the first failure is told there. Every other statement of the
    session comes after it, so that nothing can be read that is still to be
    written. SQLite has no round trips, and runs it at once.
    """
    if not rows:
        return
    connection: Connection | None = session.info.get("connection")
    if connection is None or session.in_nested_transaction():
        # What may be taken back to a savepoint is told before it.
        _run(session.connection(), statement, rows)
        return
    waiting: list[_Statement] | None = connection.info.get("waiting")
    if waiting is not None:
        waiting.append((statement, rows))
    else:
        _run(connection, statement, rows)


def _run(connection: Connection, statement: Executable, rows: Sequence[dict[str, Any]]) -> None:
    connection.execute(statement, rows[0] if len(rows) == 1 else rows)


def _send_waiting(connection: Connection, *_: Any, commit: bool = False) -> None:
    """Send what waits in one pipeline; with ``commit``, COMMIT is the last of it."""
    waiting: list[_Statement] | None = connection.info.get("waiting")
    if not waiting:
        return
    sending = waiting[:]
    waiting.clear()
    driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
    try:
        # Open for these statements only: whatever is read, rolled back or cut
        # afterwards finds the connection as it knows it.
        with driver.pipeline():
            for statement, rows in sending:
                _run(connection, statement, rows)
            if commit:
                driver.commit()
    except psycopg.Error as error:
        # The answers come when the pipeline ends, past SQLAlchemy: named as it names them.
        raise DBAPIError.instance(
            None, None, error, psycopg.Error, dialect=connection.dialect
        ) from error


def _refuse_dropped(dbapi_connection: Any, *_: Any) -> None:
    """A pooled connection that the server has closed is replaced before it is used.

    Asked of the socket, which costs nothing; a ping would cost every
    transaction a round trip.
    """
    if select.select([dbapi_connection.fileno()], [], [], 0)[0]:
        raise DisconnectionError("closed by the server while it was idle")
