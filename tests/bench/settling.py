"""Settling quiet accounts in batches, beside one set-based statement a batch that also hashes.

Every account has a few lots that die together, as those of one month do. Both
sides have the same book, each a copy of its own, and do one batch in turn:
the same accounts, the same rows written (event, entry, allocations, lots
emptied, figures), each chained by a SHA-256. The floor checks nothing, and on
SQLite, which cannot write to several tables at once, it is one transaction of
few set-based statements.
"""

import hashlib
import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from portal import ledger, orm
from portal.worker import SETTLE_BATCH
from tests.bench import filling, floors
from tests.bench.harness import Bench, Figure, compare

PART = "Settling"
LOTS_EACH = 4
BATCH_SECONDS_MAX = 0.25
DUE = filling.BEGAN + timedelta(days=1_000)
AT = DUE + timedelta(days=1)

_POSTGRESQL = """
WITH due AS (
    SELECT id, balance, sequence, head_hash FROM account WHERE next_due_at <= %(at)s
    ORDER BY next_due_at LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
), dead AS (
    SELECT account_id, number, remaining FROM lot JOIN due ON due.id = account_id
    WHERE remaining > 0 AND expires_at <= %(at)s
), gone AS (
    SELECT due.*, sequence + 1 AS next, points,
        'evt_' || substr(md5(id || sequence), 1, 20) AS event_id
    FROM due JOIN (
        SELECT account_id, sum(remaining)::bigint AS points FROM dead GROUP BY account_id
    ) AS sums ON sums.account_id = due.id
), events AS (
    INSERT INTO event (id, name, origin, actor, digest, occurred_at, recorded_at)
    SELECT event_id, 'PointsExpiry', 'expiry', 'system',
        sha256(convert_to(event_id || 'PointsExpiry' || %(at)s::text, 'UTF8')), %(due)s, %(at)s
    FROM gone
), entries AS (
    INSERT INTO entry (account_id, sequence, event_id, type, category, amount, balance_after,
        lifetime_delta, taken_back_delta, late, occurred_at, recorded_at, hash_version, hash)
    SELECT id, next, event_id, 'expire', 'regular', -points, balance - points, 0, 0, false,
        %(due)s, %(at)s, 1,
        sha256(head_hash || convert_to(id || next || event_id || points, 'UTF8'))
    FROM gone RETURNING account_id, sequence, balance_after, hash
), taken AS (
    INSERT INTO allocation (account_id, entry_sequence, lot_number, debit_sequence, points)
    SELECT account_id, next, number, next, remaining FROM dead JOIN gone ON id = account_id
), emptied AS (
    UPDATE lot SET remaining = 0 FROM dead
    WHERE lot.account_id = dead.account_id AND lot.number = dead.number
)
UPDATE account SET balance = balance_after, sequence = entries.sequence, head_hash = hash,
    next_due_at = '9999-12-31Z', last_occurred_at = %(due)s, updated_at = %(at)s
FROM entries WHERE account.id = entries.account_id
"""

_SQLITE = (
    "DELETE FROM temp.gone",
    "INSERT INTO temp.gone SELECT a.id, a.sequence + 1, sum(l.remaining), a.balance, a.head_hash,"
    " 'evt_' || substr(hex(sha256(a.id || a.sequence)), 1, 20)"
    " FROM (SELECT * FROM account WHERE next_due_at <= :at ORDER BY next_due_at LIMIT :limit) AS a"
    " JOIN lot AS l ON l.account_id = a.id AND l.remaining > 0 AND l.expires_at <= :at"
    " GROUP BY a.id",
    "INSERT INTO event (id, name, origin, actor, digest, occurred_at, recorded_at)"
    " SELECT event_id, 'PointsExpiry', 'expiry', 'system',"
    " sha256(event_id || 'PointsExpiry' || :at), :due, :at FROM temp.gone",
    "INSERT INTO entry (account_id, sequence, event_id, type, category, amount, balance_after,"
    " lifetime_delta, taken_back_delta, late, occurred_at, recorded_at, hash_version, hash)"
    " SELECT id, next, event_id, 'expire', 'regular', -points, balance - points, 0, 0, 0,"
    " :due, :at, 1, sha256(hex(head_hash) || id || next || event_id || points) FROM temp.gone",
    "INSERT INTO allocation (account_id, entry_sequence, lot_number, debit_sequence, points)"
    " SELECT account_id, next, number, next, remaining FROM temp.gone CROSS JOIN lot"
    " ON account_id = id AND remaining > 0 AND expires_at <= :at",
    "UPDATE lot SET remaining = 0 FROM temp.gone WHERE account_id = id AND remaining > 0"
    " AND expires_at <= :at",
    "UPDATE account SET balance = gone.balance - points, sequence = next, head_hash ="
    " (SELECT hash FROM entry WHERE account_id = gone.id AND entry.sequence = next),"
    " next_due_at = '9999-12-31 00:00:00.000000', last_occurred_at = :due, updated_at = :at"
    " FROM temp.gone WHERE account.id = gone.id",
)

_OUTCOMES = (
    "SELECT count(*) FROM event",
    "SELECT count(*) FROM entry",
    "SELECT count(*) FROM allocation",
    "SELECT sum(remaining) FROM lot",
    "SELECT sum(balance) FROM account",
    "SELECT sum(sequence) FROM account",
)


def run(bench: Bench) -> None:
    """Measure on every engine."""
    lots = bench.size(full=1_000_000, quick=50_000, tiny=160)
    for engine_name in bench.engines:
        bench.say(f"{PART}, {engine_name}: filling {lots:,} lots")
        _measure(bench, engine_name, accounts=lots // LOTS_EACH)


def _measure(bench: Bench, engine_name: str, *, accounts: int) -> None:
    limit = min(SETTLE_BATCH, accounts // 4)
    with bench.database(engine_name) as (url, engine), Session(engine) as session:
        filling.program(session)
        began = time.monotonic()
        _fill(session, accounts)
        rate = accounts * LOTS_EACH / (time.monotonic() - began)
        bench.say(f"  {rate:,.0f} lots a second through the ledger's door")
        session.close()
        engine.dispose()
        other = bench.copy(url)
        settle_floor, close = _floor(other, limit)
        portal, floor = _in_turns(session, settle_floor, batches=accounts // limit, limit=limit)
        close()
        _require_same(session, other)
        bench.drop(other)
    _tell(bench, engine_name, portal, floor, lots=limit * LOTS_EACH)


def _fill(session: Session, accounts: int) -> None:
    for start in range(0, accounts, 10_000):
        rows = [
            ledger.new_row(program_id="bench", at=filling.BEGAN)
            for _ in range(min(10_000, accounts - start))
        ]
        with orm.writing(session):
            ledger.insert_accounts(session, rows)
        filling.open_lots(
            session,
            [row["id"] for row in rows],
            lots=LOTS_EACH,
            points_each=25,
            expires_at=DUE,
            expire_together=True,
        )


def _floor(url: str, limit: int) -> tuple[Callable[[], None], Callable[[], None]]:
    """One batch of the floor, and how to end it."""
    if url.startswith("sqlite"):
        connection = floors.open_sqlite(url)
        connection.create_function("sha256", 1, _sha256, deterministic=True)
        connection.execute(
            "CREATE TEMP TABLE gone (id PRIMARY KEY, next, points, balance, head_hash, event_id)"
        )
        stamp = "%Y-%m-%d %H:%M:%S.%f"
        named = {"at": AT.strftime(stamp), "due": DUE.strftime(stamp), "limit": limit}

        def settle() -> None:
            connection.execute("BEGIN IMMEDIATE")
            for statement in _SQLITE:
                connection.execute(statement, named)
            connection.execute("COMMIT")

        return settle, connection.close
    raw = floors.open_postgresql(url)
    values = {"at": AT, "due": DUE, "limit": limit}
    return lambda: raw.execute(_POSTGRESQL, values), raw.close


def _sha256(value: Any) -> bytes:
    return hashlib.sha256(value if isinstance(value, bytes) else str(value).encode()).digest()


def _require_same(session: Session, other: str) -> None:
    """Both sides wrote the same rows, and the portal's book agrees with itself."""
    session.rollback()
    done = [session.scalar(text(question)) for question in _OUTCOMES]
    floor = orm.make_engine(other)
    with floor.connect() as connection:
        beside = [connection.scalar(text(question)) for question in _OUTCOMES]
    floor.dispose()
    if done != beside:
        raise SystemExit(f"the floor did something else: {done} and {beside}")
    if differences := ledger.verify(session):
        raise SystemExit(f"the books do not agree: {differences[0]}")


def _in_turns(
    session: Session, settle_floor: Callable[[], None], *, batches: int, limit: int
) -> tuple[list[float], list[float]]:
    """Seconds of each batch of both sides."""

    def settle_portal() -> None:
        with orm.writing(session):
            settled = ledger.settle(session, at=AT, limit=limit)
        if settled != limit:
            raise SystemExit(f"settled {settled} accounts of {limit}")

    portal: list[float] = []
    floor: list[float] = []
    for number in range(batches):
        turns = [(settle_portal, portal), (settle_floor, floor)]
        for work, times in turns if number % 2 == 0 else reversed(turns):
            began = time.perf_counter()
            work()
            times.append(time.perf_counter() - began)
    return portal, floor


def _tell(
    bench: Bench, engine_name: str, portal: list[float], floor: list[float], *, lots: int
) -> None:
    # Single batches vary with what the disk does; ten stretches of the run do not.
    size = max(1, len(portal) // 10)
    stretches = [slice(start, start + size) for start in range(0, len(portal), size)]
    bench.add(
        compare(
            part=PART,
            engine=engine_name,
            what=f"{len(portal) * lots:,} lots of {len(portal) * lots // LOTS_EACH:,} accounts,"
            f" {lots:,} a batch",
            floor_name="set-based, hashing too",
            unit="lots/s",
            portal=[lots / statistics.fmean(portal[each]) for each in stretches],
            floor=[lots / statistics.fmean(floor[each]) for each in stretches],
            goal=0.3,
        )
    )
    for what, seconds in (("median", statistics.median(portal)), ("longest", max(portal))):
        bench.add(
            Figure(
                part=PART,
                engine=engine_name,
                what=f"{what} batch",
                floor_name=f"{BATCH_SECONDS_MAX} s",
                unit="s",
                portal=seconds,
                floor=BATCH_SECONDS_MAX,
                ratio=seconds / BATCH_SECONDS_MAX,
                low=min(portal) / BATCH_SECONDS_MAX,
                high=max(portal) / BATCH_SECONDS_MAX,
                goal=1.0,
                goal_is="at most",
            )
        )
