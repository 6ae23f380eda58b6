"""Accounts: enrolled, found, read, corrected, closed, merged."""

from datetime import UTC, date, datetime, timedelta

import pytest

from portal import ledger, orm
from portal.clock import now
from portal.ledger import EventName, Facts
from portal.web.extensions import db
from tests.api.conftest import CORNER, apply

ABSENT = "loy_06gz4v6w1n8pq7s2vx4z"


@pytest.fixture
def second_program(app):
    with app.app_context():
        apply({**CORNER, "id": "credits", "name": "Credits", "currency": "EUR", "decimals": 2,
               "default": False, "rate": None})  # fmt: skip
    return "credits"


def test_programs_are_read_as_their_files_say_them(till, second_program):
    listed = till.get("/programs")["data"]
    assert [program["id"] for program in listed] == ["corner", "credits"]
    read = till.get("/programs/corner")
    assert read in listed
    assert read["rate"] == {"points": 100, "value": 100, "currency": "EUR"}
    assert read["redemption"]["hold_minutes"] == 15
    till.refuses(404, "program_not_found", "GET", "/programs/none")


def test_enrolling_answers_the_account_as_the_contract_says(till):
    account = till.post(
        "/accounts",
        {
            "program": "corner",
            "customer": {"mobile": "912 345 678", "first_name": "Ana", "birth_date": "1990-02-28",
                         "language": "pt-PT"},
            "external_id": "shop-7",
            "value": 500,
            "enrolled_at": "2020-01-02T03:04:05+02:00",
            "metadata": {"channel": "web"},
        },
    )  # fmt: skip
    expires_on = account["expiring_point_deadlines"][0]["expires_on"]
    assert date.fromisoformat(expires_on) > now().date() + timedelta(days=360)
    assert {name: account[name] for name in account if name not in ("id", "customer")} == {
        "external_id": "shop-7",
        "program": "corner",
        "household": None,
        "status": "active",
        "balance": 500,
        "promised": 0,
        "lifetime_points": 500,
        "lifetime_purchases": 0,
        "balance_value": {"amount": 500, "currency": "EUR"},
        "tier": None,
        "enrolled_at": "2020-01-02T01:04:05Z",
        "created_at": account["created_at"],
        "updated_at": account["updated_at"],
        "expiring_point_deadlines": [
            {
                "expires_at": account["expiring_point_deadlines"][0]["expires_at"],
                "expires_on": expires_on,
                "points": 500,
            }
        ],
        "unit": "PTS",
        "sequence": 1,
        "metadata": {"channel": "web"},
    }
    assert till.get(f"/accounts/{account['id']}") == account
    (line,) = till.get(f"/accounts/{account['id']}/transactions")["data"]
    assert (line["type"], line["amount"], line["event"]["name"]) == ("earn", 500, "DataImport")
    customer = till.get(f"/customers/{account['customer']}")
    assert customer["first_name"] == "Ana"
    assert {"mobile": "+351912345678"}.items() <= {
        known["type"]: known["value"] for known in customer["identifiers"]
    }.items()


def test_an_account_may_be_of_nobody_yet(till):
    account = till.post("/accounts")
    assert account["customer"] is None
    assert account["balance"] == 0
    assert "expiring_point_deadlines" not in account
    customer = till.post("/accounts", {"customer": {"external_id": "x"}})["customer"]
    till.refuses(
        409,
        "account_already_exists",
        "PATCH",
        f"/accounts/{account['id']}",
        {"customer": customer},
    )


def test_attaching_a_customer_later(till, second_program):
    account = till.post("/accounts", {"program": second_program})
    customer = till.post("/accounts", {"customer": {"external_id": "x"}})["customer"]
    path = f"/accounts/{account['id']}"
    response = till("PATCH", path, {"customer": customer, "metadata": {"a": 1}})
    assert response.status_code == 200
    assert (response.json["customer"], response.json["metadata"]) == (customer, {"a": 1})
    till.refuses(404, "customer_not_found", "PATCH", path, {"customer": "cus_0"})
    till.refuses(422, "invalid_fields", "PATCH", path, {})


def test_a_second_active_account_is_refused_with_the_first_ones_id(till, member):
    for customer in ({"mobile": "+351 912 345 678"}, {"external_id": "ext-1"}, member["customer"]):
        refusal = till.refuses(
            409, "account_already_exists", "POST", "/accounts", {"customer": customer}
        )
        assert refusal["account"] == member["id"]
    till.post("/accounts", {"customer": {"external_id": "other"}})
    both = {"mobile": "+351912345678", "external_id": "other"}
    till.refuses(409, "identifier_taken", "POST", "/accounts", {"customer": both})


def test_a_known_person_is_enrolled_as_they_are(till, member, second_program):
    body = {
        "program": second_program,
        "customer": {"external_id": "ext-1", "mobile": "+351961111111"},
    }
    account = till.post("/accounts", body)
    assert account["customer"] == member["customer"]
    assert account["warnings"][0]["code"] == "customer_known"
    known = till.get(f"/customers/{member['customer']}")["identifiers"]
    assert [one["value"] for one in known if one["type"] == "mobile"] == ["+351912345678"]


def test_enrolling_refuses_what_cannot_be(till):
    tomorrow = (now() + timedelta(days=1)).isoformat()
    for body, status, code in [
        ({"enrolled_at": tomorrow}, 422, "enrolled_in_the_future"),
        ({"program": "none"}, 404, "program_not_found"),
        ({"customer": "cus_0"}, 404, "customer_not_found"),
        ({"customer": {"first_name": "x"}}, 422, "invalid_fields"),
        ({"customer": {"mobile": "12"}}, 422, "invalid_identifier"),
        ({"customer": {"email": "nobody"}}, 422, "invalid_identifier"),
        ({"customer": {"external_id": "x", "birth_date": "2999-01-01"}}, 422, "invalid_customer"),
        ({"customer": {"external_id": "x", "referred_by": "cus_0"}}, 404, "customer_not_found"),
        ({"value": -1}, 422, "invalid_fields"),
    ]:
        till.refuses(status, code, "POST", "/accounts", body)
    assert till.get("/accounts")["data"] == []


def test_accounts_are_found_by_what_a_member_is_known_by(till, member):
    other = till.post("/accounts", {"customer": {"external_id": "other"}})
    for kind, value in [
        ("mobile", "912345678"),
        ("mobile", "00351 912 345 678"),
        ("email", "ANA@example.com"),
        ("card_number", "C-1"),
        ("external_id", "ext-1"),
    ]:
        found = till.get("/accounts", identifier_type=kind, identifier_value=value)
        assert [account["id"] for account in found["data"]] == [member["id"]]
    assert till.get("/accounts", customer=other["customer"])["data"] == [other]
    assert till.get("/accounts", identifier_type="email", identifier_value="x@example.com") == {
        "data": [],
        "next_cursor": None,
    }
    assert till.get("/accounts", program="none")["data"] == []
    till.refuses(404, "customer_not_found", "GET", "/accounts?customer=cus_0")
    till.refuses(422, "invalid_fields", "GET", "/accounts?identifier_type=email")
    till.refuses(
        422, "invalid_identifier", "GET", "/accounts?identifier_type=mobile&identifier_value=x"
    )


def test_lists_come_in_pages(till):
    made = [till.post("/accounts")["id"] for _ in range(5)]
    seen, cursor = [], None
    while True:
        page = till.get("/accounts", limit=2, **({"cursor": cursor} if cursor else {}))
        seen += [account["id"] for account in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        made.append(till.post("/accounts")["id"]) if len(made) < 8 else None
    assert sorted(seen) == sorted(made)
    assert len(set(seen)) == len(seen)


def test_closing_and_reopening(till, member):
    path = f"/accounts/{member['id']}"
    assert till.post(f"{path}/close", status=200)["status"] == "closed"
    till.refuses(409, "account_status_conflict", "POST", f"{path}/close")
    till.refuses(
        422, "account_closed", "POST", "/redemptions", {"account": member["id"], "points": 10}
    )
    till.refuses(422, "account_closed", "POST", f"{path}/adjustments", {"points": 1, "reason": "x"})
    assert till.get(path)["balance"] == 1000
    again = till.post("/accounts", {"customer": member["customer"]})
    refusal = till.refuses(409, "account_already_exists", "POST", f"{path}/reopen")
    assert refusal["account"] == again["id"]
    till.post(f"/accounts/{again['id']}/close", status=200)
    assert till.post(f"{path}/reopen", status=200)["status"] == "active"
    listed = till.get("/accounts", customer=member["customer"])["data"]
    assert [account["status"] for account in listed] == ["active", "closed"]


def test_merging(till, member):
    other = till.post("/accounts", {"customer": {"external_id": "other"}, "value": 200})
    survivor = till.post(f"/accounts/{other['id']}/merge", {"into": member["id"]}, status=200)
    assert (survivor["id"], survivor["balance"]) == (member["id"], 1200)
    assert survivor["lifetime_points"] == 1200
    read = till.get(f"/accounts/{other['id']}")
    assert (read["id"], read["merged_from"]) == (member["id"], other["id"])
    assert read["warnings"][0]["legacy_code"] == 419
    lines = till.get(f"/accounts/{other['id']}/transactions")
    assert lines["merged_from"] == other["id"]
    assert sum(line["amount"] for line in lines["data"]) == 1200
    for method, path, body in [
        ("POST", "/redemptions", {"account": other["id"], "points": 10}),
        ("POST", f"/accounts/{other['id']}/adjustments", {"points": 1, "reason": "x"}),
        ("PATCH", f"/accounts/{other['id']}", {"metadata": {}}),
        ("POST", f"/accounts/{other['id']}/close", None),
        ("POST", f"/accounts/{other['id']}/merge", {"into": member["id"]}),
        ("POST", f"/accounts/{member['id']}/merge", {"into": other["id"]}),
    ]:
        refusal = till.refuses(409, "account_merged", method, path, body)
        assert refusal["legacy_code"] == 419
        assert refusal["account"] == member["id"]
    assert [account["id"] for account in till.get("/accounts")["data"]] == [member["id"]]


def test_merging_refuses_what_cannot_be(till, member, second_program):
    path = f"/accounts/{member['id']}/merge"
    till.refuses(422, "same_customer", "POST", path, {"into": member["id"]})
    till.refuses(404, "account_not_found", "POST", path, {"into": ABSENT})
    elsewhere = till.post("/accounts", {"program": second_program})
    till.refuses(422, "programs_differ", "POST", path, {"into": elsewhere["id"]})
    other = till.post("/accounts")
    held = till.post("/redemptions", {"account": member["id"], "points": 10, "capture": False})
    refusal = till.refuses(409, "holds_open", "POST", path, {"into": other["id"]})
    assert refusal["redemptions"] == [held["id"]]


def test_adjusting(till, member):
    path = f"/accounts/{member['id']}/adjustments"
    given = till.post(path, {"points": 250, "reason": "goodwill_credit", "unit": "PTS",
                             "metadata": {"ticket": 7}})  # fmt: skip
    assert given["type"] == "adjust"
    assert given["event"]["name"] == "ManualAdjustment"
    assert (given["amount"], given["balance_after"]) == (250, 1250)
    assert (given["reason"], given["metadata"]) == ("goodwill_credit", {"ticket": 7})
    assert till.get(f"/accounts/{member['id']}")["lifetime_points"] == 1000
    till.post(path, {"points": 50, "reason": "x", "counts_as_earned": True})
    assert till.get(f"/accounts/{member['id']}")["lifetime_points"] == 1050
    dated = till.post(path, {"points": 10, "reason": "x", "expires_on": "2999-12-31"})
    assert dated["expires_on"] == "2999-12-31"
    refusal = till.refuses(
        422, "insufficient_points", "POST", path, {"points": -5000, "reason": "x"}
    )
    assert refusal["available"] == 1310
    debt = till.post(path, {"points": -5000, "reason": "x", "allow_negative": True})
    assert debt["balance_after"] == -3690
    account = till.get(f"/accounts/{member['id']}")
    assert account["balance"] == -3690
    assert "expiring_point_deadlines" not in account
    newest = till.get(f"/accounts/{member['id']}/transactions", limit=1)["data"][0]
    assert newest == debt


def test_adjusting_refuses_what_cannot_be(till, member):
    path = f"/accounts/{member['id']}/adjustments"
    for body, code in [
        ({"points": 0, "reason": "x"}, "invalid_fields"),
        ({"points": 1}, "invalid_fields"),
        ({"points": 1, "reason": "x" * 65}, "invalid_fields"),
        ({"points": 1, "reason": "x", "unit": "EUR"}, "wrong_unit"),
        ({"points": 1, "reason": "x", "expires_on": "2020-01-01"}, "expiry_in_past"),
        ({"points": -1, "reason": "x", "expires_on": "2999-01-01"}, "invalid_fields"),
        ({"points": -1, "reason": "x", "counts_as_earned": True}, "invalid_fields"),
        ({"points": 10**16, "reason": "x"}, "invalid_fields"),
    ]:
        till.refuses(422, code, "POST", path, body)
    till.refuses(
        404, "account_not_found", "POST", f"/accounts/{ABSENT}/adjustments",
        {"points": 1, "reason": "x"},
    )  # fmt: skip
    assert till.get(f"/accounts/{member['id']}")["balance"] == 1000


def test_a_balance_has_a_limit_and_never_overflows(till, member):
    path = f"/accounts/{member['id']}/adjustments"
    body = {"points": 10**15, "reason": "x"}
    statuses = [till("POST", path, body).status_code for _ in range(10)]
    assert set(statuses) == {201, 422}
    assert till.get(f"/accounts/{member['id']}")["balance"] <= 2**53


@pytest.fixture
def busy(till, member):
    """A member with one line of each kind."""
    till.post("/redemptions", {"account": member["id"], "points": 100, "store": "S1", "till": "T1"})
    red = till.post("/redemptions", {"account": member["id"], "points": 50, "store": "S2"})
    till.post(f"/redemptions/{red['id']}/reversals", {"points": 20})
    till.post(
        f"/accounts/{member['id']}/adjustments",
        {"points": 5, "reason": "x", "expires_on": "2999-12-31"},
    )
    return f"/accounts/{member['id']}/transactions"


def test_history_is_newest_first_and_filtered(till, member, busy):
    def amounts(**query):
        return [line["amount"] for line in till.get(busy, **query)["data"]]

    assert amounts() == [5, 20, -50, -100, 1000]
    assert amounts(type="redeem") == [-50, -100]
    assert amounts(type="redeem,adjust") == [5, -50, -100]
    assert amounts(type=["redeem", "adjust"]) == [5, -50, -100]
    assert amounts(kind="credit") == [5, 20, 1000]
    assert amounts(kind="debit") == [-50, -100]
    assert amounts(store="S1") == [-100]
    assert amounts(till="T1") == [-100]
    assert amounts(store="S3") == []
    assert amounts(category="regular") == [5, 20, -50, -100, 1000]
    assert amounts(category="promised") == []
    assert amounts(expires_from="2999-01-01T00:00:00Z") == [5]
    assert amounts(expires_to="2999-01-01T00:00:00Z", type="earn") == [1000]
    assert amounts(to=member["created_at"]) == []
    assert amounts(**{"from": member["created_at"]}) == [5, 20, -50, -100, 1000]
    assert amounts(limit=2) == [5, 20]
    till.refuses(422, "invalid_fields", "GET", f"{busy}?type=gift")
    till.refuses(422, "invalid_fields", "GET", f"{busy}?kind=both")


def test_a_reversal_is_linked_both_ways(till, busy):
    _, back, spent, _, first = till.get(busy)["data"]
    assert back["reverses"] == spent["id"]
    assert spent["reversed_by"] == [back["id"]]
    assert (spent["event"]["store"], spent["event"]["till"]) == ("S2", None)
    assert first["expires_at"]
    assert first["reverses"] is None


def test_a_cursor_stays_in_place_while_lines_are_added(till, member, busy):
    first = till.get(busy, limit=2)
    till.post("/redemptions", {"account": member["id"], "points": 11})
    second = till.get(busy, limit=2, cursor=first["next_cursor"])
    till.post("/redemptions", {"account": member["id"], "points": 12})
    third = till.get(busy, limit=2, cursor=second["next_cursor"])
    lines = [line["amount"] for page in (first, second, third) for line in page["data"]]
    assert lines == [5, 20, -50, -100, 1000]
    assert third["next_cursor"] is None


def test_what_is_due_and_not_booked_stands_beside_the_history(app, till, member):
    with app.app_context(), orm.writing(db.session()) as session:
        ledger.earn(
            session,
            account_id=member["id"],
            points=70,
            expires_at=now() - timedelta(hours=1),
            facts=Facts(
                name=EventName.TRANSACTION_ADD,
                actor="test",
                occurred_at=now() - timedelta(days=400),
            ),
            at=now() - timedelta(days=400),
        )
    page = till.get(f"/accounts/{member['id']}/transactions")
    assert [(due["type"], due["amount"]) for due in page["pending"]] == [("expire", -70)]
    assert till.get(f"/accounts/{member['id']}")["balance"] == 1000
    filtered = till.get(f"/accounts/{member['id']}/transactions", type="expire")
    assert (filtered["data"], filtered["pending"]) == ([], [])


def test_balances_at_a_time(till, member, busy):
    path = f"/accounts/{member['id']}/balances"
    told = till.get(path)
    assert told["balances"] == {"regular": 875, "promised": 0, "trigger_based": 0}
    assert (told["account"], told["program"], told["unit"]) == (member["id"], "corner", "PTS")
    before = datetime.fromisoformat(member["created_at"]) - timedelta(seconds=1)
    asked = before.astimezone(UTC).isoformat()
    for by in ("occurred_at", "recorded_at"):
        told = till.get(path, at=asked, by=by)
        assert told["balances"] == {"regular": 0, "promised": 0, "trigger_based": 0}
    till.refuses(404, "account_not_found", "GET", f"/accounts/{ABSENT}/balances")


def test_a_customer_has_accounts_events_and_balances(till, member, busy, second_program):
    second = till.post(
        "/accounts", {"program": second_program, "customer": member["customer"], "value": 250}
    )
    path = f"/customers/{member['customer']}"
    person = till.get(path)
    assert {account["id"] for account in person["accounts"]} == {member["id"], second["id"]}
    assert {account["balance"] for account in person["accounts"]} == {875, 250}
    events = till.get(f"{path}/events")["data"]
    assert [event["net"] for event in events] == [250, 5, 20, -50, -100, 1000]
    assert events[0]["entries"][0]["program"] == "credits"
    assert [e["net"] for e in till.get(f"{path}/events", program="credits")["data"]] == [250]
    assert [e["net"] for e in till.get(f"{path}/events", kind="debit")["data"]] == [-50, -100]
    assert [e["net"] for e in till.get(f"{path}/events", store="S1", till="T1")["data"]] == [-100]
    assert till.get(f"{path}/events", category="promised")["data"] == []
    assert till.get(f"{path}/events", to=member["created_at"])["data"] == []
    nets, cursor = [], {}
    while True:
        page = till.get(f"{path}/events", limit=4, **cursor)
        nets += [event["net"] for event in page["data"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert nets == [250, 5, 20, -50, -100, 1000]
    held = {one["program"]: one["balances"] for one in till.get(f"{path}/balances")["data"]}
    assert held["corner"] == {"regular": 875, "promised": 0, "trigger_based": 0}
    assert held["credits"]["regular"] == 250
    for inner in ("", "/events", "/balances"):
        till.refuses(404, "customer_not_found", "GET", f"/customers/cus_0{inner}")
