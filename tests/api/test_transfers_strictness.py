"""Nonsense in every field about transfers and households: named, refused, nothing changed."""

import copy
import json

import pytest
from sqlalchemy import func, select

from portal.ledger.models import Account, Entry
from portal.members.models import Household, HouseholdMember
from portal.transfers.models import Transfer, TransferRequest
from portal.web.extensions import db
from tests.api.reading import enrolled, household_of, messages
from tests.api.sending import asked, confirmed, wish
from tests.api.test_orders_strictness import leaves, nonsense, put, written

CARD = {"type": "card_number", "value": "A-1", "source": "INSTORE", "source_account": "till"}
NO_CURSORS = ["x", "AAAA", "zzzz====", "fHw", "%7C", "x" * 600, "MjAyNnxhAGI"]


@pytest.fixture
def whole(app, till, ana, rui):
    """A body for each write that would succeed; checks in the end that nothing was done."""
    bo = enrolled(till, first_name="Bo")
    family = household_of(till, rui, bo)
    told = asked(till, wish(ana, rui))
    members = f"/households/{family['id']}/members"
    bodies = {
        ("POST", "/transfers/check"): {
            "from": {"account": ana["id"], "program": "corner"},
            "to": {"identifier": {**CARD, "value": "R-1"}, "program": "corner"},
            "points": 100,
            "program": "corner",
            "note": "For the cake",
            "transferred_by": {"customer": ana["customer"]},
            "issue_code": True,
        },
        ("POST", "/transfers"): confirmed(app, told),
        ("POST", "/households"): {
            "name": "Dias family",
            "primary": {"account": ana["id"]},
            "program": "corner",
            "external_id": "1981",
        },
        ("PATCH", f"/households/{family['id']}"): {"name": "Reis family"},
        ("POST", members): {
            "customer": ana["customer"],
            "default": True,
            "may_send": True,
            "invite": False,
        },
        ("PATCH", f"{members}/{bo['customer']}"): {"default": True, "may_send": True},
        ("POST", f"/customers/{bo['customer']}/fraud-status"): {"status": "suspected"},
    }
    before = _rows(app)
    yield bodies
    assert _rows(app) == before, "a refusal changed something"
    for (method, path), body in bodies.items():
        answered = till(method, path, body)
        assert answered.status_code in (200, 201), answered.text


def _rows(app):
    with app.app_context():
        counts = [
            db.session.scalar(select(func.count()).select_from(kind))
            for kind in (Entry, Account, Household, HouseholdMember, Transfer, TransferRequest)
        ]
        rights = db.session.execute(
            select(HouseholdMember.customer_id, HouseholdMember.is_default, HouseholdMember.status)
        ).all()
        db.session.remove()
    return counts, sorted(map(tuple, rights)), len(messages(app))


def test_nonsense_in_every_field_is_named_and_changes_nothing(till, whole):
    tried = 0
    for (method, path), body in whole.items():
        for where, value in leaves(body):
            for text in nonsense(where, value):
                response = till(method, path, data=put(body, where, text))
                refusal = till.check(response, 422, "invalid_fields")
                named = list(refusal["errors"])
                assert any(name.startswith(written(where)) for name in named), (where, text, named)
                tried += 1
    assert tried > 300


def test_a_fraction_of_points_is_refused_and_told_what_to_write(till, whole):
    path = ("POST", "/transfers/check")
    for fraction in ("10.5", "1.0", "1e2", "0.1", "1e-7"):
        response = till(*path, data=put(whole[path], ("points",), fraction))
        refusal = till.check(response, 422, "invalid_fields")
        assert list(refusal["errors"]) == ["points"]
        assert "smallest unit" in refusal["errors"]["points"][0]


def test_unknown_fields_are_refused_at_every_depth(till, whole):
    for (method, path), body in whole.items():
        for where, value in [((), body), *leaves(body)]:
            if isinstance(value, dict):
                data = put({"x": body}, ("x", *where), json.dumps({**value, "surplus": 1}))
                data = json.dumps(json.loads(data)["x"]).encode()
                refusal = till.check(till(method, path, data=data), 422, "invalid_fields")
                assert written((*where, "surplus")) in refusal["errors"]


REQUIRED = {
    "/transfers/check": ["from", "to", "points", "from.account", "to.identifier.value"],
    "/transfers": ["transfer_request", "code"],
    "/households": ["name", "primary", "primary.account"],
}
CALLED = {"from.account": "from.account", "primary.account": "primary.customer"}
"""Without any naming, the first way of naming is the field at fault."""


def test_a_required_field_that_is_missing_is_named(till, whole):
    for path, names in REQUIRED.items():
        for name in names:
            changed = copy.deepcopy(whole["POST", path])
            inside = changed
            *outer, last = name.split(".")
            for key in outer:
                inside = inside[key]
            del inside[last]
            refusal = till.refuses(422, "invalid_fields", "POST", path, changed)
            assert list(refusal["errors"]) == [CALLED.get(name, name)]


def test_empty_bodies_are_refused(till, whole):
    for (method, path), body in whole.items():
        if body:
            till.refuses(422, "invalid_fields", method, path, {})


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"from": {"account": "loy_1", "customer": "cus_1"}}, "from.customer"),
        ({"to": {"household": "hh_1", "customer": "cus_1"}}, "to.household"),
        ({"to": {"identifier": {"type": "fax", "value": "1"}}}, "to.identifier.type"),
        ({"transferred_by": {"household": "hh_1"}}, "transferred_by.household"),
        ({"transferred_by": {"identifier": {"type": "primary_mobile", "value": "1"}}},
         "transferred_by.identifier.type"),
        ({"transferred_by": {}}, "transferred_by.customer"),
        ({"program": "other"}, "program"),
        ({"note": "x" * 281}, "note"),
    ],
)  # fmt: skip
def test_fields_that_contradict_each_other_are_named(till, whole, change, named):
    body = {**whole["POST", "/transfers/check"], **change}
    refusal = till.refuses(422, "invalid_fields", "POST", "/transfers/check", body)
    assert named in refusal["errors"]


QUERIES = [
    "", "account=x", "account=loy_1&customer=cus_1", "household=loy_1", "customer=hh_1",
    "identifier_type=mobile", "identifier_value=1", "identifier_type=fax&identifier_value=1",
    "identifier_type=email&identifier_value=", "household=hh_1&identifier_type=email"
    "&identifier_value=x@example.com", "surplus=1",
]  # fmt: skip


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_that_names_nobody_or_two_is_refused(till, sending, query):
    till.check(till("GET", f"/transfers?{query}"), 422, "invalid_fields")
    if query not in ("household=loy_1", "") and "household" not in query:
        # Accounts can be listed without anybody's name.
        till.check(till("GET", f"/households?{query}"), 422, "invalid_fields")


def test_limits_and_cursors_that_are_none_are_refused(till, ana):
    path = f"/transfers?account={ana['id']}"
    for limit in ("0", "101", "-1", "1.0", "x", ""):
        till.check(till("GET", f"{path}&limit={limit}"), 422, "invalid_fields")
    for cursor in NO_CURSORS:
        response = till("GET", f"{path}&cursor={cursor}")
        assert response.status_code == 422, (cursor, response.text)
        assert "cursor" in response.json["errors"]


def test_an_id_that_cannot_be_one_names_nothing(till, ana):
    for id in ("%00", "hh_", "x", "hh_" + "1" * 4000, "%ff", "HH_1", "hh_1%20"):
        for method, path in [
            ("GET", f"/households/{id}"),
            ("POST", f"/households/{id}/close"),
            ("POST", f"/households/{id}/members/{ana['customer']}/remove"),
            ("POST", f"/households/hh_1/members/{id}/remove"),
        ]:
            response = till(method, path)
            assert response.status_code in (400, 404)
            assert response.content_type == "application/problem+json"


def test_any_text_is_a_note_and_a_name(till, ana, rui):
    note = "生日快乐 🎂 שלום <b>'\"; DROP"
    told = till.post("/transfers/check", wish(ana, rui, note=note), status=200)
    assert told["transferable"]
    body = {"name": note, "primary": {"account": ana["id"]}}
    assert till.post("/households", body)["name"] == note
