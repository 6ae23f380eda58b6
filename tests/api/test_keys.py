"""Keys of checkout: who may what, and for which store."""

from portal import orm
from portal.access import keys
from portal.access.keys import Scope
from portal.clock import now
from portal.web.api.endpoint import operations
from portal.web.extensions import db

IDS = {
    "Programs": "corner",
    "Accounts": "loy_06gz4v6w1n8pq7s2vx4z",
    "Customers": "cus_06gz4v6w1n8pq7s2vx4z",
    "Households": "hh_06gz4v6w1n8pq7s2vx4z",
    "Transfers": "trq_06gz4v6w1n8pq7s2vx4z",
    "Redemptions": "red_06gz4v6w1n8pq7s2vx4z",
    "Orders": "ord_06gz4v6w1n8pq7s2vx4z",
    "Events": "",
    "Rewards": "mug",
    "Vouchers": "0000000000000000",
}
BODIES = {
    "create_account": {},
    "change_account": {"metadata": {}},
    "merge_account": {"into": IDS["Accounts"]},
    "adjust_account": {"points": 1, "reason": "x"},
    "set_fraud_status": {"status": "none"},
    "create_household": {"name": "x", "primary": {"account": IDS["Accounts"]}},
    "change_household": {"name": "x"},
    "add_household_member": {"account": IDS["Accounts"]},
    "change_household_member": {"may_send": True},
    "check_transfer": {
        "from": {"account": IDS["Accounts"]}, "to": {"account": IDS["Accounts"]}, "points": 1,
    },
    "create_transfer": {"transfer_request": IDS["Transfers"], "code": "123456"},
    "create_redemption": {"account": IDS["Accounts"], "points": 1},
    "create_quote": {"account": IDS["Accounts"], "order": {"value": 1, "currency": "EUR"}},
    "create_order": {
        "id": "R", "value": 1, "currency": "EUR", "account": IDS["Accounts"], "earn": False,
    },
    "refund_order": {"value": 1},
    "create_event": {"account": IDS["Accounts"], "name": "birthday", "id": "b"},
    "create_voucher": {"account": IDS["Accounts"], "reward": "mug"},
}  # fmt: skip
SCOPES = {
    "list_programs": {"read"},
    "read_program": {"read"},
    "list_accounts": {"read"},
    "create_account": {"enrol"},
    "read_account": {"read"},
    "change_account": {"enrol", "manage"},
    "close_account": {"manage"},
    "reopen_account": {"manage"},
    "merge_account": {"manage"},
    "list_transactions": {"read"},
    "read_balances": {"read"},
    "adjust_account": {"adjust"},
    "read_customer": {"read"},
    "list_customer_events": {"read"},
    "read_customer_balances": {"read"},
    "freeze_account": {"manage"},
    "unfreeze_account": {"manage"},
    "set_fraud_status": {"manage"},
    "create_household": {"manage"},
    "list_households": {"read", "manage"},
    "read_household": {"read", "manage"},
    "change_household": {"manage"},
    "add_household_member": {"manage"},
    "change_household_member": {"manage"},
    "remove_household_member": {"manage"},
    "close_household": {"manage"},
    "reopen_household": {"manage"},
    "check_transfer": {"transfer"},
    "create_transfer": {"transfer"},
    "list_transfers": {"read", "transfer"},
    "read_transfer_request": {"transfer"},
    "resend_transfer_code": {"transfer"},
    "cancel_transfer_request": {"transfer"},
    "create_redemption": {"redeem"},
    "read_redemption": {"read", "redeem"},
    "capture_redemption": {"redeem"},
    "void_redemption": {"redeem"},
    "reverse_redemption": {"reverse"},
    "create_quote": {"earn", "redeem"},
    "create_order": {"earn", "redeem"},
    "read_order": {"read", "earn", "redeem"},
    "capture_order": {"earn", "redeem"},
    "void_order": {"earn", "redeem"},
    "refund_order": {"reverse"},
    "create_event": {"earn"},
    "list_rewards": {"read", "voucher"},
    "read_reward": {"read", "voucher"},
    "create_voucher": {"voucher"},
    "list_vouchers": {"read", "voucher"},
    "read_voucher": {"read", "voucher"},
    "use_voucher": {"voucher"},
    "cancel_voucher": {"voucher"},
}


def call(till, operation, **more):
    path = operation.path.removeprefix("/v1")
    for variable in operation.path_ids:
        tag = "Customers" if variable == "customer" else operation.tag
        path = path.replace(f"<{variable}>", IDS[tag])
    return till(operation.method, path, BODIES.get(operation.name), **more)


def test_every_route_is_in_the_matrix():
    assert {operation.name for operation in operations} == set(SCOPES)


def test_each_route_lets_in_exactly_its_scopes(key_for):
    for scope in Scope:
        till = key_for(scope.value)
        for operation in operations:
            response = call(till, operation)
            if scope in SCOPES[operation.name]:
                assert response.status_code not in (401, 403, 500), (scope, operation.name)
            else:
                refusal = till.check(response, 403, "scope_missing")
                assert refusal["scope"] in SCOPES[operation.name]
                assert refusal["scope"] in refusal["detail"]


AUTHORIZATIONS = [
    "", "Bearer", "Bearer ", "Bearer x", "Basic {key}", "{key}", "Bearer {key}x", "Bearer {other}",
    "Bearer \xe9",
]  # fmt: skip


def test_without_a_valid_key_every_route_answers_401(till):
    other = till.key[:-1] + ("a" if till.key[-1] != "a" else "b")
    for authorization in AUTHORIZATIONS:
        header = authorization.format(key=till.key, other=other)
        for operation in operations:
            response = call(till, operation, headers={"Authorization": header})
            till.check(response, 401, "bad_key")
            assert response.headers["WWW-Authenticate"] == "Bearer"


def test_who_has_no_key_learns_nothing_else(till):
    for data in (b"{", b"{}", b'{"points": "x"}'):
        response = till("POST", "/redemptions", data=data, headers={"Authorization": ""})
        till.check(response, 401, "bad_key")


def test_a_revoked_key_is_dead_at_once(app, till):
    assert till("GET", "/accounts").status_code == 200
    with app.app_context(), orm.writing(db.session()) as session:
        (view,) = keys.list(session)
        keys.revoke(session, key_id=view.id, at=now())
    till.check(till("GET", "/accounts"), 401, "bad_key")
    till.check(
        till("POST", "/redemptions", {"account": IDS["Accounts"], "points": 1}), 401, "bad_key"
    )


def test_a_cookie_opens_nothing_and_none_is_set(app, till, member):
    browser = app.test_client()
    page = browser.get("/api/docs")
    assert "Set-Cookie" not in page.headers
    for cookie in ("__Host-session", "session", "__Host-form"):
        browser.set_cookie(cookie, till.key)
    assert browser.get("/api/v1/accounts").status_code == 401
    response = browser.get("/api/v1/accounts", headers={"Authorization": f"Bearer {till.key}"})
    assert response.status_code == 200
    assert "Set-Cookie" not in response.headers
    assert "Cookie" not in response.headers.get("Vary", "")


def test_last_use_is_noted(app, till):
    till("GET", "/accounts")
    with app.app_context():
        (view,) = keys.list(db.session())
    assert view.last_used_at is not None


def test_a_key_of_a_store_speaks_for_no_other(key_for, till, member):
    bound = key_for("redeem", "reverse", "read", store="S1")
    body = {"account": member["id"], "points": 10}
    refusal = bound.refuses(403, "other_store", "POST", "/redemptions", {**body, "store": "S2"})
    assert refusal["store"] == "S1"
    own = bound.post("/redemptions", {**body, "store": "S1"})
    silent = bound.post("/redemptions", body)
    lines = till.get(f"/accounts/{member['id']}/transactions", type="redeem")["data"]
    assert [line["event"]["store"] for line in lines] == ["S1", "S1"]
    bound.post(f"/redemptions/{own['id']}/reversals")
    other = till.post("/redemptions", {**body, "store": "S2", "capture": False})
    for action in ("capture", "void", "reversals"):
        bound.refuses(403, "other_store", "POST", f"/redemptions/{other['id']}/{action}")
    assert bound.get(f"/redemptions/{silent['id']}")["status"] == "captured"


def test_answers_are_not_kept_by_caches(till, member):
    for response in (
        till("GET", f"/accounts/{member['id']}"),
        till("POST", "/redemptions", {"account": member["id"], "points": 10}),
        till("POST", "/redemptions", {}),
        till("GET", "/nowhere"),
    ):
        assert response.headers["Cache-Control"] == "no-store"
