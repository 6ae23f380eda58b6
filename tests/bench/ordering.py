"""Quotes and orders over HTTP beside the floor; and what fifty earning rules cost of an order."""

import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from portal import checkout, ledger, orm, programs
from portal.access import keys
from portal.members import Reference
from portal.orders import Purchase
from portal.orders.models import Order
from portal.programs import Program, earning
from tests.bench import filling, floors, serving
from tests.bench.harness import Bench, compare, in_turns, seconds
from tests.bench.load import NUMBER, Job
from tests.bench.serving import Side

PART = "Quotes and orders"
ACCOUNTS, LOTS, POINTS_EACH = 200, 4, 10**10
CLIENTS = 8
RULES = 50
VALUE = 4_210


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
                    session,
                    name="bench",
                    scopes=["read", "redeem", "earn"],
                    actor="bench",
                    at=datetime.now(UTC),
                )
            session.close()
            floors.prepare(url, ids, lots=LOTS, points_each=POINTS_EACH)
            engine.dispose()
            _over_http(bench, engine_name, url, engine, ids, made.key)
            _by_rules(bench, engine_name, session, ids)


def _over_http(
    bench: Bench, engine_name: str, url: str, engine: Engine, ids: list[str], key: str
) -> None:
    floor_url = bench.copy(url)
    environment = serving.production(url) | {"BENCH_DATABASE": floor_url}
    bearer = {"Authorization": f"Bearer {key}"}
    with ExitStack() as servers:
        ports = {}
        for name in ("portal", "floor"):
            ports[name] = bench.free_port()
            servers.enter_context(
                serving.served(
                    [sys.executable, "-m", "tests.bench.apps", name],
                    ports[name],
                    environment,
                    bench,
                )
            )
        sides = {
            name: Side(port=ports["floor" if name == "floor" else "portal"], headers=bearer)
            for name in ("quote", "order", "order paid with points", "floor")
        }
        _take_turns(bench, sides, ids)
    placed = sum(
        outcome.answered
        for name in sides
        if name.startswith("order")
        for outcome in sides[name].outcomes
    )
    with Session(engine) as session:
        kept = session.scalar(select(func.count(Order.id)))
        if kept != placed:
            raise SystemExit(f"{placed} orders were answered, and {kept} are kept")
        if differences := ledger.verify(session):
            raise SystemExit(f"the books do not agree: {differences[0]}")
    for name in ("quote", "order", "order paid with points"):
        bench.add(
            compare(
                part=PART,
                engine=engine_name,
                what=f"{name}, {CLIENTS} clients",
                floor_name="floor endpoint",
                unit="1/s",
                portal=sides[name].of("per_second"),
                floor=sides["floor"].of("per_second"),
            )
        )
    bench.drop(floor_url)


def _take_turns(bench: Bench, sides: dict[str, Side], ids: list[str]) -> None:
    job = Job(
        port=0,
        path=serving.PATH,
        headers={},
        bodies=[],
        key_prefix="",
        clients=CLIENTS,
        seconds=bench.size(full=30, quick=15, tiny=2) / 10,
    )
    names = list(sides)
    for number in range(bench.size(full=7, quick=3, tiny=1)):
        for name in names if number % 2 == 0 else reversed(names):
            side = sides[name]
            path, body = _asked(name, f"{number}-{NUMBER}")
            side.outcomes.append(
                serving.send(
                    replace(
                        job,
                        port=side.port,
                        path=path,
                        headers=side.headers,
                        bodies=[json.dumps({"account": one, **body}) for one in ids],
                        status=200 if name == "quote" else 201,
                        key_prefix=f"{name.replace(' ', '-')}-{number}-",
                    )
                )
            )


def _asked(name: str, receipt: str) -> tuple[str, dict[str, object]]:
    if name == "quote":
        return "/api/v1/quotes", {"order": {"value": VALUE, "currency": "USD"}}
    if name == "order":
        return "/api/v1/orders", {"id": receipt, "store": "a", "value": VALUE, "currency": "USD"}
    if name == "order paid with points":
        paid = {"redeem": {"points": floors.POINTS}}
        order = {"id": receipt, "store": "b", "value": VALUE, "currency": "USD"}
        return "/api/v1/orders", order | paid
    return serving.PATH, {"points": floors.POINTS}


def _by_rules(bench: Bench, engine_name: str, session: Session, ids: list[str]) -> None:
    """What fifty rules cost to apply, as a share of a whole order with them."""
    with orm.writing(session):
        program = programs.apply(
            session, document=many_rules(), actor="bench", at=datetime.now(UTC)
        ).program
    times = bench.size(full=300, quick=100, tiny=3)
    lines = [
        checkout.Line(sku=f"sku-{number}", category=f"category-{number}", quantity=1, value=421)
        for number in range(10)
    ]
    receipts = iter(range(10**9))

    def order() -> None:
        number, at = next(receipts), datetime.now(UTC)
        with orm.writing(session):
            checkout.place(
                session,
                wish=_wish(f"rules-{number}", ids[number % len(ids)], lines),
                actor="bench",
                at=at,
            )

    measured = in_turns(
        bench.size(full=9, quick=5, tiny=1),
        {
            "rules": _each(lambda: _apply(program, lines), times),
            "order": _each(order, times),
        },
    )
    bench.add(
        compare(
            part=PART,
            engine=engine_name,
            what=f"applying {RULES} earning rules to {len(lines)} lines",
            floor_name="the whole order in process",
            unit="ms",
            portal=measured["rules"],
            floor=measured["order"],
            goal=0.1,
            goal_is="at most",
        )
    )


def many_rules() -> dict[str, object]:
    """The program with fifty rules of every kind that an order meets."""
    rules: list[dict[str, object]] = [*filling.PROGRAM["earning"]]  # type: ignore[misc]
    rules += [
        {"id": f"item-{n}", "kind": "item", "categories": [f"category-{n}"], "points": n + 2}
        for n in range(24)
    ]
    rules += [
        {
            "id": f"promotion-{n}",
            "kind": "promotion",
            "multiplier": "1.5",
            "weekdays": ["mon", "tue", "wed"],
            "hours": {"from": "09:00", "to": "21:00"},
        }
        for n in range(12)
    ]
    rules += [
        {
            "id": f"bonus-{n}",
            "kind": "promotion",
            "bonus": 5,
            "currency": "USD",
            "min_value": 1_000 + n,
        }
        for n in range(RULES - len(rules) - 1)
    ]
    rules.append({"id": "visit", "kind": "visit", "points": 3})
    return {**filling.PROGRAM, "earning": rules}


def _each(work: Callable[[], None], times: int) -> Callable[[], float]:
    def all_of_them() -> None:
        for _ in range(times):
            work()

    return lambda: seconds(all_of_them) / times * 1000


def _apply(program: Program, lines: list[checkout.Line]) -> None:
    found = earning.earned(
        program,
        Purchase(
            number="n",
            value=sum(line.value for line in lines),
            currency="USD",
            placed_at=datetime.now(UTC),
            store="a",
            lines=lines,
        ),
    )
    # The sentence is part of it: the order keeps it.
    assert found.points
    assert found.explanation


def _wish(number: str, account: str, lines: list[checkout.Line]) -> checkout.OrderWish:
    return checkout.OrderWish(
        number=number,
        value=sum(line.value for line in lines),
        currency="USD",
        store="c",
        lines=lines,
        holder=checkout.Holder(reference=Reference(account=account)),
    )
