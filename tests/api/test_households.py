"""Households over the endpoint: created, found, joined, left, closed; and their common purse."""

import re

import pytest
from sqlalchemy import Engine, event

from tests.api.conftest import CORNER, apply
from tests.api.reading import enrolled, household_of

EARNING = [{"id": "base", "kind": "spend", "currency": "EUR", "per": 100, "points": 1}]
OTHER_PROGRAM = CORNER | {"id": "clothes", "default": False, "earning": EARNING}


@pytest.fixture
def sending(app):
    """Programs in which orders earn."""
    with app.app_context():
        apply(CORNER | {"earning": EARNING})
        apply(OTHER_PROGRAM)


@pytest.fixture
def family(till, ana, rui):
    """Ana's household, with Rui in it."""
    return household_of(till, ana, rui, external_id="1981")


def member(household, account):
    """Someone in a household, by the account of theirs."""
    people = {one["customer"]: one for one in household["members"]}
    return people[account["customer"]]


def test_a_household_is_made_with_its_primary_member_and_an_account(till, ana):
    made = till.post(
        "/households",
        {
            "name": "Dias family",
            "external_id": "1981",
            "primary": {"identifier": {"type": "mobile", "value": "912 345 678"}},
        },
    )
    assert made["id"].startswith("hh_")
    assert (made["name"], made["external_id"], made["status"]) == ("Dias family", "1981", "active")
    (primary,) = made["members"]
    assert (primary["customer"], primary["first_name"]) == (ana["customer"], "Ana")
    assert primary["active"]
    assert primary["primary"]
    assert primary["default"]
    assert primary["may_send"]
    (account,) = made["accounts"]
    assert (account["household"], account["customer"]) == (made["id"], None)
    assert (account["program"], account["balance"]) == ("corner", 0)
    assert till.get(f"/accounts/{account['id']}") == account
    assert till.get(f"/households/{made['id']}") == made


def test_it_is_made_in_the_program_that_is_named(till, ana):
    made = till.post(
        "/households",
        {"name": "D", "primary": {"customer": ana["customer"]}, "program": "clothes"},
    )
    assert [account["program"] for account in made["accounts"]] == ["clothes"]


def test_an_external_id_is_one_households(till, family, rui):
    body = {"name": "R", "external_id": "1981", "primary": {"account": rui["id"]}}
    refusal = till.refuses(409, "household_already_exists", "POST", "/households", body)
    assert refusal["household"] == family["id"]


@pytest.mark.parametrize(
    ("type", "value"),
    [
        ("external_id", "1981"),
        ("primary_card_number", "A - 1"),
        ("primary_mobile", "912 345 678"),
        ("primary_mobile", "+351912345678"),
        ("primary_email", "ANA@example.com"),
    ],
)
def test_it_is_found_by_whatever_names_it(till, family, type, value):
    query = {"identifier_type": type, "identifier_value": value}
    assert till.get("/households", **query) == {"data": [family], "next_cursor": None}
    (account,) = till.get("/accounts", **query)["data"]
    assert account["household"] == family["id"]


def test_it_is_found_by_its_primary_members_id_and_among_those_of_a_person(till, family, ana, rui):
    by_id = till.get("/households", identifier_type="primary_id", identifier_value=ana["customer"])
    assert by_id["data"] == [family]
    assert till.get("/households", customer=rui["customer"])["data"] == [family]
    by_member = {"identifier_type": "primary_id", "identifier_value": rui["customer"]}
    assert till.get("/households", **by_member)["data"] == []


def test_nobody_is_found_by_what_nobody_is_known_by(till, family):
    for type, value in [("external_id", "77"), ("primary_mobile", "+351911111111")]:
        query = {"identifier_type": type, "identifier_value": value}
        assert till.get("/households", **query)["data"] == []
        assert till.get("/accounts", **query)["data"] == []
    assert till.get("/accounts", household=family["id"])["data"] == family["accounts"]
    response = till("GET", "/accounts?household=hh_0")
    till.check(response, 404, "household_not_found")


@pytest.mark.parametrize("path", ["/households/hh_0", "/households?customer=cus_0"])
def test_what_is_not_there_is_404(till, sending, path):
    assert till("GET", path).status_code == 404


def test_whoever_is_added_belongs_to_it_at_once(till, ana, rui):
    made = household_of(till, ana)
    told = till.post(
        f"/households/{made['id']}/members",
        {"identifier": {"type": "mobile", "value": "+351 919 999 989"}, "may_send": True},
    )
    joined = member(told, rui)
    assert joined["active"]
    assert joined["default"]
    assert joined["may_send"]
    assert not joined["primary"]
    again = {"customer": rui["customer"]}
    path = f"/households/{made['id']}/members"
    refusal = till.refuses(409, "already_in_household", "POST", path, again)
    assert refusal["current_status"] == "active"


def test_a_default_household_is_kept_unless_the_new_one_is_to_be_it(till, ana, rui, family):
    bo = enrolled(till, first_name="Bo")
    second = household_of(till, bo, external_id="2")
    path = f"/households/{second['id']}/members"
    assert member(till.post(path, {"account": rui["id"]}), rui)["default"] is False
    till.post(f"{path}/{rui['customer']}/remove", status=200)
    assert member(till.post(path, {"account": rui["id"], "default": True}), rui)["default"] is True
    first = till.get(f"/households/{family['id']}")
    assert member(first, rui)["default"] is False


def test_whoever_shall_earn_for_themselves_does(till, ana, rui):
    made = household_of(till, ana)
    path = f"/households/{made['id']}/members"
    told = till.post(path, {"account": rui["id"], "default": False})
    assert member(told, rui)["default"] is False


def test_whoever_is_invited_is_not_in_it_yet(till, ana, rui):
    made = household_of(till, ana)
    path = f"/households/{made['id']}/members"
    told = till.post(path, {"account": rui["id"], "invite": True})
    invited = member(told, rui)
    assert (invited["status"], invited["active"]) == ("invited", False)
    assert not invited["default"]
    assert not invited["may_send"]
    assert invited["joined_at"] is None
    assert invited["invited_at"]
    change = f"{path}/{rui['customer']}"
    till.refuses(409, "household_member_not_active", "PATCH", change, {"may_send": True})
    till.refuses(409, "household_member_not_active", "PATCH", change, {"primary": True})
    back = till.post(f"{change}/remove", status=200)
    assert [one["customer"] for one in back["members"]] == [ana["customer"]]


@pytest.mark.parametrize(
    "more", [{"default": True}, {"may_send": True}, {"default": False, "may_send": False}]
)
def test_an_invitation_gives_no_rights(till, ana, rui, more):
    made = household_of(till, ana)
    body = {"account": rui["id"], "invite": True, **more}
    path = f"/households/{made['id']}/members"
    refusal = till.refuses(422, "invalid_fields", "POST", path, body)
    assert list(refusal["errors"]) == [next(iter(more))]


def test_a_members_rights_change(till, family, ana, rui):
    path = f"/households/{family['id']}/members/{rui['customer']}"

    def change(**body):
        response = till("PATCH", path, body)
        assert response.status_code == 200, response.text
        return response.json

    assert member(change(may_send=True), rui)["may_send"] is True
    assert member(change(may_send=False), rui)["may_send"] is False
    assert member(change(default=False), rui)["default"] is False
    assert member(change(default=True, may_send=True), rui)["default"] is True
    handed = change(primary=True)
    assert member(handed, rui)["primary"]
    assert member(handed, rui)["may_send"]
    assert not member(handed, ana)["primary"]
    assert not member(handed, ana)["may_send"]
    (found,) = till.get(
        "/households", identifier_type="primary_mobile", identifier_value="+351919999989"
    )["data"]
    assert found["id"] == family["id"]


def test_the_primary_member_cannot_be_taken_out(till, family, ana, rui):
    path = f"/households/{family['id']}/members"
    till.refuses(409, "primary_cannot_leave", "POST", f"{path}/{ana['customer']}/remove")
    left = till.post(f"{path}/{rui['customer']}/remove", status=200)
    assert [one["customer"] for one in left["members"]] == [ana["customer"]]
    again = f"{path}/{rui['customer']}/remove"
    till.refuses(409, "household_member_not_active", "POST", again)


def test_it_is_renamed(till, family):
    renamed = till("PATCH", f"/households/{family['id']}", {"name": "Dias and Reis"})
    assert renamed.json == {**family, "name": "Dias and Reis"}


def test_it_closes_when_it_holds_nothing(till, family, rui):
    path = f"/households/{family['id']}"
    account = family["accounts"][0]["id"]
    give = {"points": 10, "reason": "goodwill_credit"}
    till.post(f"/accounts/{account}/adjustments", give)
    refusal = till.refuses(409, "household_not_empty", "POST", f"{path}/close")
    assert refusal["balance"] == 10
    till.post(f"/accounts/{account}/adjustments", {**give, "points": -10})
    closed = till.post(f"{path}/close", status=200)
    assert closed["status"] == "closed"
    assert closed["closed_at"]
    assert [one["status"] for one in closed["accounts"]] == ["closed"]
    assert not any(one["default"] for one in closed["members"])
    for method, after, body in [
        ("POST", "/close", None),
        ("PATCH", "", {"name": "x"}),
        ("POST", "/members", {"account": rui["id"]}),
        ("PATCH", f"/members/{rui['customer']}", {"may_send": True}),
    ]:
        till.refuses(409, "household_closed", method, path + after, body)
    reopened = till.post(f"{path}/reopen", status=200)
    assert (reopened["status"], reopened["closed_at"]) == ("active", None)
    assert [one["status"] for one in reopened["accounts"]] == ["active"]
    assert [one["primary"] for one in reopened["members"]] == [
        one["primary"] for one in family["members"]
    ]
    till.refuses(409, "household_not_closed", "POST", f"{path}/reopen")
    till.refuses(404, "household_not_found", "POST", "/households/hh_0/reopen")


# SQLite has one writer at a time.
@pytest.mark.parametrize("databases", ["postgresql"], indirect=True, scope="session")
def test_the_person_is_locked_before_the_household(till, family, rui):
    """As everywhere: two that lock in turned order wait for each other."""
    path = f"/households/{family['id']}/members"
    locks = []

    def note(connection, cursor, statement, *more):
        found = re.search(r"FROM (customer|household)\b.*FOR NO KEY UPDATE", statement, re.DOTALL)
        if found:
            locks.append(found[1])

    event.listen(Engine, "before_cursor_execute", note)
    try:
        till("PATCH", f"{path}/{rui['customer']}", {"may_send": True, "default": False})
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert locks[0] == "customer"
    assert "household" in locks


# -- standing


def order(number, **more):
    return {"id": f"R-{number}", "value": 40000, "currency": "EUR", **more}


def test_a_frozen_account_earns_and_nothing_leaves(till, ana):
    frozen = till.post(f"/accounts/{ana['id']}/freeze", status=200)
    assert frozen["status"] == "frozen"
    body = {"account": ana["id"], "points": 10}
    till.refuses(422, "account_frozen", "POST", "/redemptions", body)
    placed = till.post("/orders", order(1, account=ana["id"]))
    assert placed["earned"][0]["points"] == 400
    till.refuses(409, "account_status_conflict", "POST", f"/accounts/{ana['id']}/freeze")
    assert till.post(f"/accounts/{ana['id']}/unfreeze", status=200)["status"] == "active"
    till.post("/redemptions", body)
    till.refuses(409, "account_status_conflict", "POST", f"/accounts/{ana['id']}/unfreeze")


def test_confirmed_fraud_stops_spending_and_a_suspicion_does_not(till, ana):
    path = f"/customers/{ana['customer']}/fraud-status"
    body = {"account": ana["id"], "points": 10}
    assert till.post(path, {"status": "suspected"}, status=200)["fraud_status"] == "suspected"
    till.post("/redemptions", body)
    assert till.post(path, {"status": "confirmed"}, status=200)["fraud_status"] == "confirmed"
    refusal = till.refuses(422, "redeemer_fraud", "POST", "/redemptions", body)
    assert refusal["legacy_code"] == 809
    assert till.get(f"/customers/{ana['customer']}")["fraud_status"] == "confirmed"
    till.post(path, {"status": "none"}, status=200)
    till.post("/redemptions", body)
    till.refuses(
        404, "customer_not_found", "POST", "/customers/cus_0/fraud-status", {"status": "none"}
    )


# -- who may


WRITES = [
    ("POST", "/households", {"name": "x", "primary": {"account": "$ACCOUNT"}}),
    ("PATCH", "/households/$HOUSEHOLD", {"name": "x"}),
    ("POST", "/households/$HOUSEHOLD/members", {"account": "$OTHER"}),
    ("PATCH", "/households/$HOUSEHOLD/members/$CUSTOMER", {"may_send": True}),
    ("POST", "/households/$HOUSEHOLD/members/$CUSTOMER/remove", None),
    ("POST", "/households/$HOUSEHOLD/close", None),
    ("POST", "/households/$HOUSEHOLD/reopen", None),
    ("POST", "/accounts/$ACCOUNT/freeze", None),
    ("POST", "/accounts/$ACCOUNT/unfreeze", None),
    ("POST", "/customers/$CUSTOMER/fraud-status", {"status": "confirmed"}),
]
ALL_SCOPES = {
    "read", "enrol", "redeem", "earn", "reverse", "adjust", "transfer", "voucher", "manage",
}  # fmt: skip


def filled(text, family, ana, rui):
    """A path or a body with the ids in place."""
    for name, value in {
        "$HOUSEHOLD": family["id"],
        "$ACCOUNT": ana["id"],
        "$OTHER": rui["id"],
        "$CUSTOMER": rui["customer"],
    }.items():
        text = text.replace(name, value)
    return text


def test_only_a_key_that_manages_changes_households_and_standing(till, key_for, family, ana, rui):
    others = key_for(*(ALL_SCOPES - {"manage"}))
    before = till.get(f"/households/{family['id']}")
    for method, path, body in WRITES:
        refusal = others.refuses(403, "scope_missing", method, filled(path, family, ana, rui), body)
        assert refusal["scope"] == "manage"
    assert till.get(f"/households/{family['id']}") == before
    assert till.get(f"/customers/{rui['customer']}")["fraud_status"] == "none"


def test_reading_households_needs_the_scope_for_it(key_for, family):
    paths = [f"/households/{family['id']}", "/households?customer=cus_0"]
    for scope in ("read", "manage"):
        assert key_for(scope).get(paths[0]) == family
    poor = key_for(*(ALL_SCOPES - {"read", "manage"}))
    for path in paths:
        poor.refuses(403, "scope_missing", "GET", path)


def test_the_same_request_makes_one_household(till, ana):
    body = {"name": "Dias family", "primary": {"account": ana["id"]}}
    first = till("POST", "/households", body, key="k")
    again = till("POST", "/households", body, key="k")
    assert (first.status_code, again.data) == (201, first.data)
    assert again.headers["Idempotency-Hit"] == "true"
    assert len(till.get("/households", customer=ana["customer"])["data"]) == 1
