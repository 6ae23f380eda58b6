"""A redemption in process: claim, redeem and finish, as the endpoint does them."""

import hashlib
import itertools
from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from portal import ledger, orm
from portal.ledger import EventName, Facts
from tests.bench import filling, floors
from tests.bench.harness import Bench, compare, in_turns, one_by_one, seconds

PART = "Redeem in process"
ACCOUNTS, LOTS, POINTS_EACH = 50, 4, 10**9
FEW, MANY = 1, 10_000


def run(bench: Bench) -> None:
    """Measure on every engine."""
    for engine_name in bench.engines:
        bench.say(f"{PART}, {engine_name}")
        _against_floors(bench, engine_name)
        _by_open_lots(bench, engine_name)


def redeem(session: Session, key: str, account_id: str, points: int = floors.POINTS) -> None:
    """One transaction: the key, the redemption, the stored answer."""
    at = datetime.now(UTC)
    with orm.writing(session):
        claim = ledger.claim(
            session,
            client="bench",
            key=key,
            fingerprint=hashlib.sha256(key.encode()).digest(),
            at=at,
        )
        made = ledger.redeem(
            session,
            account_id=account_id,
            points=points,
            value=points,
            currency="USD",
            program_version=1,
            facts=Facts(
                name=EventName.POINTS_REDEMPTION,
                actor="key:bench",
                origin="redemption",
                request_id=claim.id,
            ),
            at=at,
        )
        ledger.finish(
            session,
            claim,
            status=201,
            content_type="application/json",
            body=floors.ANSWER,
            effect=made.id,
        )


def _against_floors(bench: Bench, engine_name: str) -> None:
    on_sqlite = engine_name == "sqlite"
    times = bench.size(full=200, quick=60, tiny=5)
    keys = (f"key-{number:09d}" for number in itertools.count())
    with bench.database(engine_name) as (url, engine), Session(engine) as session:
        filling.program(session)
        ids = filling.accounts(
            session, 5 if bench.tiny else ACCOUNTS, lots=LOTS, points_each=POINTS_EACH
        )
        session.close()
        floors.prepare(url, ids, lots=LOTS, points_each=POINTS_EACH)
        engine.dispose()
        by_hand = bench.copy(url)
        raw = (floors.open_sqlite if on_sqlite else floors.open_postgresql)(by_hand)

        def per_second(one: Callable[[str, str], None]) -> Callable[[], float]:
            def all_of_them() -> None:
                for number in range(times):
                    one(next(keys), ids[number % len(ids)])

            return lambda: times / seconds(all_of_them)

        sides = {
            "portal": per_second(lambda key, account: redeem(session, key, account)),
            "least": per_second(
                lambda key, account: floors.least(raw, key, account, on_sqlite=on_sqlite)
            ),
            "same rows": per_second(
                lambda key, account: floors.same_rows(raw, key, account, on_sqlite=on_sqlite)
            ),
        }
        if not on_sqlite:
            sides["function"] = per_second(
                lambda key, account: floors.call_function(raw, key, account)
            )
        measured = in_turns(bench.size(full=41, quick=21, tiny=1), sides)
        raw.close()
        bench.drop(by_hand)
        _require_clean(session)
    driver = "pysqlite3" if on_sqlite else "psycopg"
    names = {
        "least": f"least transaction, raw {driver}",
        "same rows": f"the same rows by hand, raw {driver}",
        "function": "least transaction, one function",
    }
    for name, floor_name in names.items():
        if name in measured:
            bench.add(
                compare(
                    part=PART,
                    engine=engine_name,
                    what="redeem",
                    floor_name=floor_name,
                    unit="1/s",
                    portal=measured["portal"],
                    floor=measured[name],
                    goal=0.3 if on_sqlite and name == "least" else None,
                )
            )


def _by_open_lots(bench: Bench, engine_name: str) -> None:
    """Spending one lot of many open ones beside the only one."""
    times = bench.size(full=200, quick=60, tiny=3)
    many = bench.size(full=MANY, quick=MANY, tiny=50)
    keys = (f"lots-{number:09d}" for number in itertools.count())
    with bench.database(engine_name) as (_, engine), Session(engine) as session:
        filling.program(session)
        [rich] = filling.accounts(session, 1, lots=many, points_each=floors.POINTS)
        rounds = bench.size(full=11, quick=7, tiny=1)
        # An account whose only lot is spent at once serves once: one for each redemption.
        poor = iter(_with_one_lot(session, times * rounds + 1))

        measured = one_by_one(
            rounds,
            times,
            {
                "many": lambda: redeem(session, next(keys), rich),
                "one": lambda: redeem(session, next(keys), next(poor)),
            },
        )
        _require_clean(session)
    bench.add(
        compare(
            part=PART,
            engine=engine_name,
            what=f"spend 1 lot of {many:,} open ones",
            floor_name="1 lot of 1",
            unit="ms",
            portal=measured["many"],
            floor=measured["one"],
            goal=1.3,
            goal_is="at most",
        )
    )


def _with_one_lot(session: Session, count: int) -> list[str]:
    rows = [ledger.new_row(program_id="bench", at=filling.BEGAN) for _ in range(count)]
    with orm.writing(session):
        ledger.insert_accounts(session, rows)
    ids = [row["id"] for row in rows]
    filling.open_lots(session, ids, lots=1, points_each=floors.POINTS)
    return ids


def _require_clean(session: Session) -> None:
    session.rollback()
    differences = ledger.verify(session)
    session.rollback()
    if differences:
        raise SystemExit(f"the books do not agree: {differences[0]}")
