"""The floors: the least durable transaction that redeems, and the same rows by hand.

The least is narrower than the portal's tables on purpose: a key, an account
that is locked, one event, one entry, one lot, one allocation, with primary
keys and the one index that finds the next lot; no other index, no trigger, no
hash, no foreign key. On PostgreSQL it is one function and so one round trip.
"""

import hashlib
from datetime import UTC, datetime
from typing import Any

import psycopg
import pysqlite3.dbapi2 as sqlite

from portal.orm import new_id

POINTS = 100
ANSWER = b'{"id": "red_00000000000000000000", "status": "captured", "points": 100}'
FAR = "2030-01-01 00:00:00"

_TABLES = """
CREATE TABLE least_request (
    client text NOT NULL, key text NOT NULL, fingerprint {bytes} NOT NULL,
    status int NOT NULL, body {bytes} NOT NULL, created_at {time} NOT NULL,
    PRIMARY KEY (client, key));
CREATE TABLE least_account (
    id text PRIMARY KEY, balance bigint NOT NULL, sequence bigint NOT NULL);
CREATE TABLE least_event (
    id text PRIMARY KEY, name text NOT NULL, actor text NOT NULL, occurred_at {time} NOT NULL);
CREATE TABLE least_entry (
    account_id text NOT NULL, sequence bigint NOT NULL, event_id text NOT NULL,
    amount bigint NOT NULL, balance_after bigint NOT NULL, PRIMARY KEY (account_id, sequence));
CREATE TABLE least_lot (
    account_id text NOT NULL, number bigint NOT NULL, remaining bigint NOT NULL,
    expires_at {time} NOT NULL, PRIMARY KEY (account_id, number));
CREATE INDEX least_lot_open ON least_lot (account_id, expires_at, number) WHERE remaining > 0;
CREATE TABLE least_allocation (
    account_id text NOT NULL, entry_sequence bigint NOT NULL, lot_number bigint NOT NULL,
    points bigint NOT NULL, PRIMARY KEY (account_id, entry_sequence, lot_number));
"""

_FUNCTION = """
CREATE FUNCTION least_redeem(
    client_ text, key_ text, fingerprint_ bytea, body_ bytea,
    account_ text, points_ bigint, event_ text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    balance_ bigint; sequence_ bigint; left_ bigint := points_; part_ bigint; lot_ record;
BEGIN
    INSERT INTO least_request VALUES (client_, key_, fingerprint_, 201, body_, now());
    SELECT balance, sequence + 1 INTO balance_, sequence_
        FROM least_account WHERE id = account_ FOR UPDATE;
    IF balance_ IS NULL OR balance_ < points_ THEN
        RAISE EXCEPTION 'not enough points';
    END IF;
    INSERT INTO least_event VALUES (event_, 'PointsRedemption', 'key:bench', now());
    INSERT INTO least_entry VALUES (account_, sequence_, event_, -points_, balance_ - points_);
    FOR lot_ IN SELECT number, remaining FROM least_lot
        WHERE account_id = account_ AND remaining > 0 ORDER BY expires_at, number
    LOOP
        part_ := least(left_, lot_.remaining);
        UPDATE least_lot SET remaining = remaining - part_
            WHERE account_id = account_ AND number = lot_.number;
        INSERT INTO least_allocation VALUES (account_, sequence_, lot_.number, part_);
        left_ := left_ - part_;
        EXIT WHEN left_ = 0;
    END LOOP;
    UPDATE least_account SET balance = balance - points_, sequence = sequence_
        WHERE id = account_;
    RETURN balance_ - points_;
END $$;
"""


def prepare(url: str, accounts: list[str], *, lots: int, points_each: int) -> None:
    """The floor's tables beside the portal's, with the same accounts and as many lots."""
    rows_of_accounts = [(one, lots * points_each, lots) for one in accounts]
    rows_of_lots = [
        (one, number, points_each, f"2030-{number % 12 + 1:02d}-01 00:00:00")
        for one in accounts
        for number in range(1, lots + 1)
    ]
    if url.startswith("sqlite"):
        connection = open_sqlite(url)
        connection.executescript(_TABLES.format(bytes="blob", time="text"))
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO least_account VALUES (?, ?, ?)", rows_of_accounts)
        connection.executemany("INSERT INTO least_lot VALUES (?, ?, ?, ?)", rows_of_lots)
        connection.execute("COMMIT")
        connection.close()
        return
    with psycopg.connect(url.replace("+psycopg", "")) as opened:
        opened.execute(_TABLES.format(bytes="bytea", time="timestamptz"))  # type: ignore[arg-type]
        opened.execute(_FUNCTION)
        with opened.cursor() as cursor:
            cursor.executemany("INSERT INTO least_account VALUES (%s, %s, %s)", rows_of_accounts)
            cursor.executemany("INSERT INTO least_lot VALUES (%s, %s, %s, %s)", rows_of_lots)


def open_sqlite(url: str) -> Any:
    """A raw connection with the portal's settings, whose transactions are ours."""
    connection = sqlite.connect(
        url.removeprefix("sqlite:///"), timeout=5, isolation_level=None, check_same_thread=False
    )
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("PRAGMA recursive_triggers=ON")
    return connection


def open_postgresql(url: str) -> Any:
    """A raw connection that prepares what it runs."""
    connection = psycopg.connect(
        url.replace("+psycopg", ""), autocommit=True, options="-c timezone=UTC"
    )
    connection.prepare_threshold = 0
    return connection


def call_function(connection: Any, key: str, account: str) -> None:
    """The floor on PostgreSQL: one call."""
    connection.execute(
        "SELECT least_redeem(%s, %s, %s, %s, %s, %s, %s)",
        (
            "bench",
            key,
            hashlib.sha256(key.encode()).digest(),
            ANSWER,
            account,
            POINTS,
            new_id("evt"),
        ),
    )


_LEAST = (
    "INSERT INTO least_request VALUES (%s, %s, %s, 201, %s, %s)",
    "SELECT balance, sequence + 1 FROM least_account WHERE id = %s",
    "SELECT number, remaining FROM least_lot WHERE account_id = %s AND remaining > 0"
    " ORDER BY expires_at, number LIMIT 1",
    "INSERT INTO least_event VALUES (%s, 'PointsRedemption', 'key:bench', %s)",
    "INSERT INTO least_entry VALUES (%s, %s, %s, %s, %s)",
    "INSERT INTO least_allocation VALUES (%s, %s, %s, %s)",
    "UPDATE least_lot SET remaining = remaining - %s WHERE account_id = %s AND number = %s",
    "UPDATE least_account SET balance = balance - %s, sequence = %s WHERE id = %s",
)
_LEAST_SQLITE = tuple(statement.replace("%s", "?") for statement in _LEAST)
_LEAST_POSTGRESQL = (_LEAST[0], _LEAST[1] + " FOR UPDATE", *_LEAST[2:])


def least(connection: Any, key: str, account: str, *, on_sqlite: bool) -> None:
    """The same, statement by statement, inside one transaction."""
    request, look, lot, event, entry, allocation, take, figures = (
        _LEAST_SQLITE if on_sqlite else _LEAST_POSTGRESQL
    )
    now: Any = datetime.now(UTC)
    now = now.isoformat() if on_sqlite else now
    event_id = new_id("evt")
    run = connection.execute
    run("BEGIN IMMEDIATE" if on_sqlite else "BEGIN")
    run(request, ("bench", key, hashlib.sha256(key.encode()).digest(), ANSWER, now))
    balance, sequence = run(look, (account,)).fetchone()
    number, remaining = run(lot, (account,)).fetchone()
    if min(balance, remaining) < POINTS:
        raise RuntimeError("the floor ran out of points")
    run(event, (event_id, now))
    run(entry, (account, sequence, event_id, -POINTS, balance - POINTS))
    run(allocation, (account, sequence, number, POINTS))
    run(take, (POINTS, account, number))
    run(figures, (POINTS, sequence, account))
    run("COMMIT")


_SAME_ROWS = (
    "INSERT INTO request (client, key, id, fingerprint, created_at) VALUES (%s, %s, %s, %s, %s)",
    "SELECT balance, sequence + 1, head_hash FROM account WHERE id = %s",
    "SELECT number, remaining FROM lot WHERE account_id = %s AND category = 'regular'"
    " AND remaining > 0 ORDER BY expires_at, earned_at, number LIMIT 1",
    "INSERT INTO event (id, name, origin, actor, request_id, digest, occurred_at, recorded_at)"
    " VALUES (%s, 'PointsRedemption', 'redemption', 'key:bench', %s, %s, %s, %s)",
    "INSERT INTO entry (account_id, sequence, event_id, type, category, amount, balance_after,"
    " lifetime_delta, taken_back_delta, program_version, late, occurred_at, recorded_at,"
    " hash_version, hash) VALUES (%s, %s, %s, 'redeem', 'regular', %s, %s, 0, 0, 1, false,"
    " %s, %s, 1, %s)",
    "INSERT INTO allocation VALUES (%s, %s, %s, %s, %s)",
    "UPDATE lot SET remaining = remaining - %s WHERE account_id = %s AND number = %s",
    "UPDATE account SET balance = balance - %s, sequence = %s, head_hash = %s,"
    " last_occurred_at = %s, updated_at = %s WHERE id = %s",
    "INSERT INTO redemption (id, account_id, entry_sequence, event_id, status, points,"
    " points_reversed, value, currency, created_at, updated_at)"
    " VALUES (%s, %s, %s, %s, 'captured', %s, 0, 100, 'EUR', %s, %s)",
    "UPDATE request SET status = 201, content_type = 'application/json', body = %s, effect = %s"
    " WHERE client = 'bench' AND key = %s",
)
_SAME_SQLITE = tuple(statement.replace("%s", "?") for statement in _SAME_ROWS)
_SAME_POSTGRESQL = (
    _SAME_ROWS[0],
    _SAME_ROWS[1] + " FOR NO KEY UPDATE",
    *_SAME_ROWS[2:],
)


def same_rows(connection: Any, key: str, account: str, *, on_sqlite: bool) -> None:
    """The rows that the portal writes, in its own tables, by hand and unchecked."""
    request, look, lot, event, entry, allocation, take, figures, face, finish = (
        _SAME_SQLITE if on_sqlite else _SAME_POSTGRESQL
    )
    now: Any = datetime.now(UTC)
    now = now.strftime("%Y-%m-%d %H:%M:%S.%f") if on_sqlite else now
    event_id, request_id, red_id = new_id("evt"), new_id("req"), new_id("red")
    digest = hashlib.sha256(key.encode()).digest()
    run = connection.execute
    run("BEGIN IMMEDIATE" if on_sqlite else "BEGIN")
    run(request, ("bench", key, request_id, digest, now))
    balance, sequence, head = run(look, (account,)).fetchone()
    number, remaining = run(lot, (account,)).fetchone()
    if min(balance, remaining) < POINTS:
        raise RuntimeError("the floor ran out of points")
    head = hashlib.sha256(bytes(head) + digest).digest()
    after = balance - POINTS
    run(event, (event_id, request_id, digest, now, now))
    run(entry, (account, sequence, event_id, -POINTS, after, now, now, head))
    run(allocation, (account, sequence, number, sequence, POINTS))
    run(take, (POINTS, account, number))
    run(figures, (POINTS, sequence, head, now, now, account))
    run(face, (red_id, account, sequence, event_id, POINTS, now, now))
    run(finish, (ANSWER, red_id, key))
    run("COMMIT")
