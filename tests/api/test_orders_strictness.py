"""Nonsense in every field of quotes, orders, refunds and events: named, refused, nothing moved."""

import copy
import json

import pytest
from sqlalchemy import func, select

from portal.checkout.models import OrderRefund
from portal.ledger.models import Entry
from portal.orders.models import Order
from portal.web.extensions import db
from tests.api.conftest import CORNER, apply

NO_NUMBERS = [
    "1000.0", '"100"', "true", "null", "1e3", "[]", "{}", "-1", "1.5", "1e999", "NaN1",
    "9223372036854775808", "1" * 400, "9" * 5000, "-" + "9" * 5000, "1000000000000001",
]  # fmt: skip
NO_TEXT = ["", " ", "a\x00b", "a\nb", "\x7f", "\u2028", "x" * 300, 7, None, [], {}, True]
NO_FLAGS = ["true", 1, 0, None, "", [], {}]
NO_TIMES = ["2026-01-01", "yesterday", "2026-13-01T00:00:00Z", 1767225600, "", None, [], {}]
NO_DAYS = ["tomorrow", "2026-02-30", 20260301, "2026-03-01T00:00:00Z", "", None]
NO_OBJECTS = [None, 1, "x", True, [1], [[]], [None]]
NO_LISTS = [None, 1, "x", True, {}, [], [None], [1], ["x"], [[]], [{}], [{"a": 1}] * 600]
NO_CURRENCIES = ["€", "E R", "1UR", "x" * 17]
NO_IDS = ["R-1", "quo_", "quo_%00", "loy_" + "1" * 64, "LOY_1", "loy_1 "]

EARNING = [
    {"id": "base", "kind": "spend", "currency": "EUR", "per": 100, "points": 1},
    {"id": "birthday", "kind": "event", "event": "birthday", "points": 75},
]


@pytest.fixture
def whole(app, till, member):
    """A body for each write that would succeed; checks in the end that nothing was done."""
    with app.app_context():
        apply(CORNER | {"earning": EARNING})
    placed = till.post(
        "/orders", {"id": "R-0", "value": 2000, "currency": "EUR", "account": member["id"]}
    )
    lines = [{"sku": "a", "category": "c", "quantity": 1, "value": 2000, "tax": 100}]
    order = {
        "id": "R-1",
        "value": 2000,
        "currency": "EUR",
        "placed_at": placed["placed_at"],
        "store": "S1",
        "till": "1",
        "lines": lines,
        "account": member["id"],
        "redeem": [{"points": 10, "program": "corner"}],
        "earn": True,
        "splits": [
            {"value": 100, "seller": "s",
             "reward": {"value": 1, "expiration_date": "2999-01-01", "program": "corner"}}
        ],
        "capture": False,
        "hold_minutes": 5,
        "metadata": {"n": 1},
    }  # fmt: skip
    bodies = {
        "/quotes": {
            "account": member["id"],
            "order": {"value": 2000, "currency": "EUR", "lines": lines},
            "store": "S1",
            "till": "1",
            "issue_code": False,
        },
        "/orders": order,
        f"/orders/{placed['id']}/refunds": {"value": 2000, "lines": lines},
        "/events": {
            "account": member["id"],
            "name": "birthday",
            "id": "b-1",
            "occurred_at": placed["placed_at"],
        },
    }
    before = _rows(app)
    yield bodies
    assert _rows(app) == before, "a refusal changed something"
    for path, body in bodies.items():
        answered = till("POST", path, body)
        assert answered.status_code in (200, 201), answered.text


def _rows(app):
    with app.app_context():
        counts = [
            db.session.scalar(select(func.count()).select_from(kind))
            for kind in (Entry, Order, OrderRefund)
        ]
        db.session.remove()
    return counts


def leaves(value, path=()):
    """Every member of ``value``, however deep, by its path."""
    members = value.items() if isinstance(value, dict) else enumerate(value)
    for name, inner in members:
        if not (path and path[-1] == "metadata") and name != "metadata":
            yield (*path, name), inner
            if isinstance(inner, dict | list):
                yield from leaves(inner, (*path, name))


def written(path):
    """A path as refusals name it: ``lines[0].sku``."""
    text = ""
    for name in path:
        text += f"[{name}]" if isinstance(name, int) else f".{name}" if text else name
    return text


def nonsense(path, value):
    """JSON texts that must not stand at ``path``."""
    name = path[-1]
    if isinstance(value, bool):
        return [json.dumps(wrong) for wrong in NO_FLAGS]
    if isinstance(value, int):
        numbers = [*NO_NUMBERS]
        if name in ("quantity", "points", "hold_minutes") or "splits" in path:
            numbers.append("0")
        return [number for number in numbers if number != "NaN1"]
    if name in ("placed_at", "occurred_at"):
        return [json.dumps(wrong) for wrong in NO_TIMES]
    if name == "expiration_date":
        return [json.dumps(wrong) for wrong in NO_DAYS]
    if isinstance(value, str):
        wrong = [*NO_TEXT]
        if name == "currency":
            wrong += NO_CURRENCIES
        if name == "account":
            wrong += NO_IDS[:-1]
        return [json.dumps(one) for one in wrong]
    if isinstance(value, list):
        wrong = NO_LISTS
        # What is redeemed may be one object as well as several.
        return [json.dumps(one) for one in wrong if name != "redeem" or one != {}]
    return [json.dumps(wrong) for wrong in NO_OBJECTS]


def put(body, path, wrong):
    """``body`` as bytes, with the JSON text ``wrong`` at ``path``."""
    changed = copy.deepcopy(body)
    inside = changed
    for name in path[:-1]:
        inside = inside[name]
    inside[path[-1]] = "@@HERE@@"
    return json.dumps(changed).replace('"@@HERE@@"', wrong).encode()


def test_nonsense_in_every_field_is_named_and_changes_nothing(till, whole):
    tried = 0
    for path, body in whole.items():
        for where, value in leaves(body):
            if isinstance(where[-1], int):
                continue
            for wrong in nonsense(where, value):
                response = till("POST", path, data=put(body, where, wrong))
                refusal = till.check(response, 422, "invalid_fields")
                named = list(refusal["errors"])
                assert any(name.startswith(written(where)) for name in named), (where, wrong, named)
                tried += 1
    assert tried > 400


def test_a_list_may_stand_in_no_list_and_a_part_must_be_an_object(till, whole):
    body = whole["/orders"]
    for name in ("lines", "splits", "redeem"):
        for wrong in (None, 1, "x", [], True):
            changed = {**body, name: [body[name][0], wrong]}
            refusal = till.refuses(422, "invalid_fields", "POST", "/orders", changed)
            assert any(found.startswith(f"{name}[1]") for found in refusal["errors"])


def test_unknown_fields_are_refused_at_every_depth(till, whole):
    for path, body in whole.items():
        for where, value in [((), body), *leaves(body)]:
            if isinstance(value, dict):
                data = put({"x": body}, ("x", *where), json.dumps({**value, "surplus": 1}))
                data = json.dumps(json.loads(data)["x"]).encode()
                refusal = till.check(till("POST", path, data=data), 422, "invalid_fields")
                named = written((*where, "surplus"))
                assert named in refusal["errors"], (path, named, refusal["errors"])


def test_a_required_field_that_is_missing_is_named(till, whole):
    required = {
        "/quotes": ["order", "order.value", "order.currency", "order.lines[0].sku"],
        "/orders": ["id", "value", "currency", "lines[0].quantity", "splits[0].reward.value"],
        "/events": ["name", "id", "account"],
    }
    for path, names in required.items():
        for name in names:
            keys = [int(k) if k.isdigit() else k for k in name.replace("[", ".").replace("]", "")
                    .split(".")]  # fmt: skip
            changed = copy.deepcopy(whole[path])
            inside = changed
            for key in keys[:-1]:
                inside = inside[key]
            del inside[keys[-1]]
            refusal = till.refuses(422, "invalid_fields", "POST", path, changed)
            assert list(refusal["errors"]) == [name]


def test_deep_nesting_anywhere_is_refused(till, whole):
    deep = "[" * 40 + "]" * 40
    for path, body in whole.items():
        for name in body:
            response = till("POST", path, data=put(body, (name,), deep))
            assert response.status_code in (400, 422), response.text
            response = till("POST", path, data=put(body, (name,), "[" * 30_000))
            assert response.status_code == 400


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"redeem": {"points": 1, "value": 1}}, "redeem.points"),
        ({"redeem": {"program": "corner"}}, "redeem.points"),
        ({"redeem": [{"points": 1, "account": "loy_1", "program": "x"}]}, "redeem[0].program"),
        ({"customer": "cus_1"}, "customer"),
        ({"household": "hh_1"}, "household"),
        ({"identifier": {"type": "mobile", "value": "1"}}, "identifier"),
        ({"identifier": {"type": "fax", "value": "1"}}, "identifier.type"),
        ({"capture": True, "hold_minutes": 5}, "hold_minutes"),
        ({"hold_minutes": 525_601}, "hold_minutes"),
        ({"approval": {}}, "approval.member_code"),
        ({"approval": {"one_time_code": "1", "member_code": "1"}}, "approval.member_code"),
        ({"lines": [{"sku": "a", "quantity": 1, "value": 2000, "tax": 2001}]}, "lines[0].tax"),
        ({"metadata": {"a": "x" * 9_000}}, "metadata"),
        ({"metadata": []}, "metadata"),
        ({"program": "no such!"}, "program"),
        ({"quote": "quote-1"}, "quote"),
    ],
)
def test_fields_that_contradict_each_other_are_named(till, whole, change, named):
    refusal = till.refuses(422, "invalid_fields", "POST", "/orders", {**whole["/orders"], **change})
    assert named in refusal["errors"]


def test_unicode_is_text_like_any_other(till, member):
    body = {"id": "収据-١", "value": 100, "currency": "EUR", "store": "Кафе 🎁", "till": "ñ"}
    placed = till.post("/orders", {**body, "account": member["id"], "metadata": {"é": "\u0000"}})
    assert (placed["number"], placed["store"]) == (body["id"], body["store"])
    assert till.get(f"/orders/{placed['id']}")["metadata"] == {"é": "\u0000"}
    # The same letters, composed another way, are the same receipt.
    decomposed = {**body, "id": "R-e\u0301", "account": member["id"]}
    composed = {**decomposed, "id": "R-\u00e9"}
    assert till.post("/orders", decomposed)["id"] == till.post("/orders", composed)["id"]
