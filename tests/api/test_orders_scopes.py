"""What a key may do with orders: no more than it could do by itself, and in its own store."""

import pytest

from tests.api.conftest import CORNER, apply

EARNING = [{"id": "base", "kind": "spend", "currency": "EUR", "per": 100, "points": 1}]


@pytest.fixture
def order(app, member):
    with app.app_context():
        apply(CORNER | {"earning": EARNING})
    return {"id": "R-1", "value": 2000, "currency": "EUR", "account": member["id"]}


MATRIX = [
    ({}, {"earn"}),
    ({"earn": False}, {"earn", "redeem"}),
    ({"redeem": {"points": 10}}, {"earn+redeem"}),
    ({"redeem": {"points": 10}, "earn": False}, {"redeem"}),
    ({"splits": [{"value": 1, "reward": {"value": 1}}], "earn": False}, {"earn"}),
    ({"splits": [{"value": 1}], "earn": False}, {"earn", "redeem"}),
    ({"account": None}, {"earn", "redeem"}),
]


@pytest.mark.parametrize(("change", "allowed"), MATRIX)
def test_an_order_needs_the_scopes_of_what_it_does(key_for, till, member, order, change, allowed):
    body = {name: value for name, value in {**order, **change}.items() if value is not None}
    for number, scopes in enumerate(("earn", "redeem", "earn+redeem", "read", "reverse")):
        held = set(scopes.split("+"))
        response = key_for(*held)("POST", "/orders", {**body, "id": f"R-{number}"})
        if any(set(one.split("+")) <= held for one in allowed):
            assert response.status_code == 201, (scopes, response.text)
        else:
            refusal = till.check(response, 403, "scope_missing")
            assert refusal["scope"] in ("earn", "redeem")
    account = till.get(f"/accounts/{member['id']}")
    assert account["lifetime_purchases"] <= 3 * 2000


def test_a_refused_scope_changes_nothing_and_keeps_the_key_free(key_for, till, member, order):
    poor = key_for("earn")
    body = {**order, "redeem": {"points": 10}}
    till.check(poor("POST", "/orders", body, key="k"), 403, "scope_missing")
    assert till.get(f"/accounts/{member['id']}")["sequence"] == member["sequence"]
    assert poor("POST", "/orders", order, key="k").status_code == 201


def test_a_key_of_a_store_sells_and_refunds_there_only(key_for, till, order):
    bound = key_for("earn", "redeem", "reverse", store="S1")
    for path, body in [
        ("/orders", {**order, "store": "S2"}),
        ("/quotes", {"account": order["account"], "order": {"value": 1, "currency": "EUR"},
                     "store": "S2"}),
    ]:  # fmt: skip
        assert bound.refuses(403, "other_store", "POST", path, body)["store"] == "S1"
    own = bound.post("/orders", order)
    assert own["store"] == "S1"
    bound.post(f"/orders/{own['id']}/refunds", {"value": 100})
    held = {**order, "store": "S2", "redeem": {"points": 10}, "capture": False}
    other = till.post("/orders", {**held, "id": "R-2"})
    for action in ("capture", "void", "refunds"):
        body = {"value": 1} if action == "refunds" else None
        bound.refuses(403, "other_store", "POST", f"/orders/{other['id']}/{action}", body)
    assert till.get(f"/orders/{other['id']}")["status"] == "held"
