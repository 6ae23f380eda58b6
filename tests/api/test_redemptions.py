"""Spending points at the till: by points, by value, held, voided, given back."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import requests
import time_machine
from sqlalchemy import text

from portal import ledger, orm
from portal.clock import now
from portal.web.extensions import db
from tests.api.conftest import CORNER, apply

ABSENT = "red_06gz4v6w1n8pq7s2vx4z"


def program(app, **redemption):
    """Another version of the program, with these rules of redeeming."""
    more = {name: redemption.pop(name) for name in ("rate",) if name in redemption}
    with app.app_context():
        apply({**CORNER, **more, "redemption": {"approval": "none", **redemption}})


def test_redeem_spends_points_and_says_what_they_paid(till, member):
    redemption = till.post(
        "/redemptions",
        {
            "account": member["id"],
            "points": 300,
            "unit": "PTS",
            "order": {"id": "R-1", "value": 1250, "currency": "EUR"},
            "store": "S1",
            "till": "T1",
            "metadata": {"a": 1},
        },
    )
    assert redemption == {
        "id": redemption["id"],
        "status": "captured",
        "account": member["id"],
        "points": 300,
        "value": 300,
        "currency": "EUR",
        "points_reversed": 0,
        "created_at": redemption["created_at"],
        "expires_at": None,
    }
    assert till.get(f"/redemptions/{redemption['id']}") == redemption
    assert till.get(f"/accounts/{member['id']}")["balance"] == 700
    line = till.get(f"/accounts/{member['id']}/transactions", limit=1)["data"][0]
    assert (line["type"], line["amount"], line["balance_after"]) == ("redeem", -300, 700)
    assert line["event"]["name"] == "PointsRedemption"
    assert (line["event"]["store"], line["event"]["till"]) == ("S1", "T1")
    order = line["event"]["order"]
    assert (order["number"], order["value"], order["currency"]) == ("R-1", 1250, "EUR")
    assert line["event"]["actor"].startswith("key:key_")


def test_an_account_is_named_in_every_way(till, member):
    for naming in [
        {"account": member["id"]},
        {"account": member["id"], "program": "corner"},
        {"customer": member["customer"]},
        {"customer": member["customer"], "program": "corner"},
        {"identifier": {"type": "mobile", "value": "912 345 678"}},
        {"identifier": {"type": "email", "value": "Ana@example.com"}, "program": "corner"},
        {"identifier": {"type": "card_number", "value": "C-1"}},
        {"identifier": {"type": "external_id", "value": "ext-1"}},
    ]:
        made = till.post("/redemptions", {**naming, "points": 10})
        assert made["account"] == member["id"]
    for naming, status, code in [
        ({"account": "loy_0"}, 404, "account_not_found"),
        ({"customer": "cus_0"}, 404, "customer_not_found"),
        ({"household": "hh_0"}, 404, "household_not_found"),
        ({"account": member["id"], "program": "none"}, 404, "program_not_found"),
        ({"identifier": {"type": "external_id", "value": "none"}}, 404, "customer_not_found"),
        ({"identifier": {"type": "mobile", "value": "nine"}}, 422, "invalid_identifier"),
        ({"identifier": {"type": "member_code", "value": "1"}}, 422, "member_code_malformed"),
        ({"identifier": {"type": "primary_mobile", "value": "1"}}, 422, "invalid_identifier"),
        (
            {"identifier": {"type": "primary_mobile", "value": "+351911111111"}},
            404,
            "household_not_found",
        ),
        ({"identifier": {"type": "fax", "value": "1"}}, 422, "invalid_fields"),
    ]:
        till.refuses(status, code, "POST", "/redemptions", {**naming, "points": 10})


def test_a_customer_without_an_account_there_is_not_enrolled(app, till, member):
    with app.app_context():
        apply({**CORNER, "id": "other", "default": False})
    refusal = till.refuses(
        404, "not_enrolled", "POST", "/redemptions",
        {"customer": member["customer"], "program": "other", "points": 10},
    )  # fmt: skip
    assert refusal["legacy_code"] == 881


def test_more_than_the_balance_is_refused(till, member):
    refusal = till.refuses(
        422,
        "insufficient_points",
        "POST",
        "/redemptions",
        {"account": member["id"], "points": 1001},
    )
    assert (refusal["available"], refusal["legacy_code"]) == (1000, 804)


def test_by_value_points_round_up_and_by_points_value_rounds_down(app, till, member):
    program(app, rate={"points": 3, "value": 2, "currency": "EUR"})
    by_value = till.post("/redemptions", {"account": member["id"], "value": 5})
    assert (by_value["points"], by_value["value"]) == (8, 5)
    by_points = till.post("/redemptions", {"account": member["id"], "points": 10})
    assert (by_points["points"], by_points["value"]) == (9, 6)
    refusal = till.refuses(
        422, "worth_nothing", "POST", "/redemptions", {"account": member["id"], "points": 1}
    )
    assert refusal["limit"] == 2


def test_without_a_rate_points_go_with_a_warning_and_value_does_not(app, till, member):
    program(app, rate=None)
    made = till.post("/redemptions", {"account": member["id"], "points": 10})
    assert (made["value"], made["currency"]) == (None, None)
    assert made["warnings"][0]["legacy_code"] == 872
    refusal = till.refuses(
        422, "no_conversion_rate", "POST", "/redemptions", {"account": member["id"], "value": 10}
    )
    assert refusal["legacy_code"] == 872


def test_points_in_the_orders_own_money_need_no_rate(app, till, member):
    program(app, rate=None)
    order = {"id": "R", "value": 100, "currency": "PTS"}
    made = till.post("/redemptions", {"account": member["id"], "value": 60, "order": order})
    assert (made["points"], made["value"], made["currency"]) == (60, 60, "PTS")


def test_never_more_than_the_order(till, member):
    order = {"id": "R", "value": 100, "currency": "EUR"}
    body = {"account": member["id"], "order": order}
    for amount in ({"points": 101}, {"value": 101}):
        refusal = till.refuses(422, "above_order_value", "POST", "/redemptions", {**body, **amount})
        assert refusal["limit"] == 100
    till.refuses(
        422, "wrong_order_currency", "POST", "/redemptions",
        {**body, "points": 10, "order": {**order, "currency": "USD"}},
    )  # fmt: skip
    assert till.post("/redemptions", {**body, "value": 100})["value"] == 100


def test_another_unit_is_refused(till, member):
    refusal = till.refuses(
        422, "wrong_unit", "POST", "/redemptions",
        {"account": member["id"], "points": 10, "unit": "EUR"},
    )  # fmt: skip
    assert refusal["unit"] == "PTS"
    assert "unit" in refusal["errors"]


@pytest.mark.parametrize(
    ("rules", "points", "code", "legacy", "limit"),
    [
        ({"min": 100}, 99, "redemption_below_minimum", 821, 100),
        ({"max": 100}, 101, "redemption_above_maximum", 819, 100),
        ({"multiple_of": 50}, 60, "redemption_not_a_multiple", 807, 50),
        ({"min_points": 2000}, 10, "not_enough_current_points", 804, 2000),
        ({"min_lifetime_points": 2000}, 10, "not_enough_lifetime_points", 805, 2000),
        ({"min_lifetime_purchases": 1}, 10, "not_enough_lifetime_purchases", 806, 1),
        ({"enabled": False}, 10, "redemption_off", 827, None),
    ],
)
def test_each_limit_of_the_program_has_its_own_refusal(
    app, till, member, rules, points, code, legacy, limit
):
    program(app, **rules)
    refusal = till.refuses(
        422, code, "POST", "/redemptions", {"account": member["id"], "points": points}
    )
    assert refusal["legacy_code"] == legacy
    assert refusal.get("limit") == limit
    assert till.get(f"/accounts/{member['id']}")["balance"] == 1000


def test_the_days_limit_counts_what_was_not_given_back(app, till, member):
    program(app, per_day=100)
    body = {"account": member["id"], "points": 60}
    first = till.post("/redemptions", body)
    refusal = till.refuses(422, "redemption_above_daily_limit", "POST", "/redemptions", body)
    assert (refusal["limit"], refusal["available"]) == (100, 40)
    till.post(f"/redemptions/{first['id']}/reversals")
    till.post("/redemptions", body)


def test_two_tills_at_once_cannot_both_use_up_the_day(app, server, till, member):
    program(app, per_day=100)

    def send(number):
        return requests.post(
            f"{server}/api/v1/redemptions",
            json={"account": member["id"], "points": 100},
            headers={"Authorization": f"Bearer {till.key}", "Idempotency-Key": str(number)},
            timeout=60,
        ).status_code

    with ThreadPoolExecutor(8) as crowd:
        statuses = list(crowd.map(send, range(16)))
    assert sorted(statuses) == [201] + [422] * 15


def test_a_hundred_at_once_spend_what_is_there_and_no_more(app, server, till, member):
    def send(number):
        for _ in range(5):
            answer = requests.post(
                f"{server}/api/v1/redemptions",
                json={"account": member["id"], "points": 100},
                headers={"Authorization": f"Bearer {till.key}", "Idempotency-Key": str(number)},
                timeout=60,
            )
            if answer.status_code != 503:
                break
        return answer.status_code

    with ThreadPoolExecutor(25) as crowd:
        statuses = list(crowd.map(send, range(100)))
    assert sorted(statuses) == [201] * 10 + [422] * 90
    assert till.get(f"/accounts/{member['id']}")["balance"] == 0
    with app.app_context():
        assert list(ledger.verify(db.session())) == []


def test_holding_capturing_and_voiding(till, member):
    body = {"account": member["id"], "points": 100, "capture": False}
    held = till.post("/redemptions", {**body, "hold_minutes": 60})
    assert held["status"] == "held"
    assert held["expires_at"] > held["created_at"]
    assert till.get(f"/accounts/{member['id']}")["balance"] == 900
    path = f"/redemptions/{held['id']}"
    till.refuses(409, "redemption_held", "POST", f"{path}/reversals")
    captured = till.post(f"{path}/capture", status=200)
    assert (captured["status"], captured["expires_at"]) == ("captured", None)
    refusal = till.refuses(409, "redemption_not_held", "POST", f"{path}/capture")
    assert refusal["current_status"] == "captured"
    till.refuses(409, "redemption_not_held", "POST", f"{path}/void")
    other = till.post("/redemptions", body)
    voided = till.post(f"/redemptions/{other['id']}/void", status=200)
    assert voided["status"] == "voided"
    assert till.get(f"/accounts/{member['id']}")["balance"] == 900
    for action in ("capture", "void", "reversals"):
        till.refuses(404, "redemption_not_found", "POST", f"/redemptions/{ABSENT}/{action}")
    till.refuses(404, "redemption_not_found", "GET", f"/redemptions/{ABSENT}")


def test_a_hold_lasts_as_long_as_the_program_says(app, till, member):
    program(app, hold_minutes=5, hold_minutes_max=30)
    body = {"account": member["id"], "points": 100, "capture": False}
    refusal = till.refuses(
        422, "hold_too_long", "POST", "/redemptions", {**body, "hold_minutes": 31}
    )
    assert refusal["limit"] == 30
    till.refuses(
        422, "invalid_fields", "POST", "/redemptions", {**body, "capture": True, "hold_minutes": 5}
    )
    held = till.post("/redemptions", body)
    with time_machine.travel(now() + timedelta(minutes=6), tick=False):
        assert till.get(f"/accounts/{member['id']}")["balance"] == 1000
        till.refuses(409, "redemption_not_held", "POST", f"/redemptions/{held['id']}/capture")


def test_giving_back_in_parts_and_never_more(till, member):
    red = till.post("/redemptions", {"account": member["id"], "points": 100})
    path = f"/redemptions/{red['id']}/reversals"
    first = till.post(path, {"points": 30})
    assert first["redemption"] == red["id"]
    assert (first["points"], first["points_reversed"]) == (30, 30)
    assert [part["points"] for part in first["restored"]] == [30]
    deadline = till.get(f"/accounts/{member['id']}")["expiring_point_deadlines"][0]
    assert first["restored"][0]["expires_at"] == deadline["expires_at"]
    assert till.get(f"/redemptions/{red['id']}")["status"] == "partly_reversed"
    refusal = till.refuses(422, "more_than_redeemed", "POST", path, {"points": 71})
    assert (refusal["available"], refusal["legacy_code"]) == (70, 810)
    rest = till.post(path)
    assert (rest["points"], rest["points_reversed"]) == (70, 100)
    assert till.get(f"/redemptions/{red['id']}")["status"] == "reversed"
    refusal = till.refuses(422, "already_reversed", "POST", path)
    assert refusal["legacy_code"] == 812
    assert till.get(f"/accounts/{member['id']}")["balance"] == 1000


def test_the_identifier_must_be_the_redemptions_customer(till, member):
    till.post("/accounts", {"customer": {"external_id": "other"}})
    red = till.post("/redemptions", {"account": member["id"], "points": 100})
    path = f"/redemptions/{red['id']}/reversals"
    for kind, value in [("external_id", "other"), ("external_id", "none"), ("primary_id", "1")]:
        refusal = till.refuses(
            422, "other_customers_redemption", "POST", path,
            {"identifier": {"type": kind, "value": value}},
        )  # fmt: skip
        assert refusal["legacy_code"] == 904
    till.post(path, {"identifier": {"type": "mobile", "value": "912345678"}})


def test_reversal_can_be_switched_off(app, till, member):
    red = till.post("/redemptions", {"account": member["id"], "points": 100})
    program(app, reversal=False)
    refusal = till.refuses(422, "reversal_off", "POST", f"/redemptions/{red['id']}/reversals")
    assert refusal["legacy_code"] == 905


def test_a_reversal_after_a_merge_lands_on_the_survivor(till, member):
    other = till.post("/accounts", {"value": 100})
    red = till.post("/redemptions", {"account": other["id"], "points": 40})
    till.post(f"/accounts/{other['id']}/merge", {"into": member["id"]}, status=200)
    till.post(
        f"/redemptions/{red['id']}/reversals",
        {"identifier": {"type": "external_id", "value": "ext-1"}},
    )
    assert till.get(f"/accounts/{member['id']}")["balance"] == 1100


def test_whoever_is_named_by_phone_must_approve_where_the_program_says_nothing(app, till, member):
    program(app, approval="auto")
    by_phone = {"identifier": {"type": "mobile", "value": "912345678"}, "points": 10}
    refusal = till.refuses(422, "approval_needed", "POST", "/redemptions", by_phone)
    assert (refusal["approval"], refusal["legacy_code"]) == ("one_time_code", 824)
    refusal = till.refuses(
        422, "wrong_approval", "POST", "/redemptions",
        {**by_phone, "approval": {"one_time_code": "123456"}},
    )  # fmt: skip
    assert refusal["legacy_code"] == 808
    by_card = {"identifier": {"type": "card_number", "value": "C-1"}, "points": 10}
    till.post("/redemptions", by_card)
    program(app, approval="auto", approval_above=10)
    till.post("/redemptions", by_phone)
    program(app, approval="member_code")
    till.refuses(422, "approval_needed", "POST", "/redemptions", by_card)


def test_frozen_accounts_and_fraud_spend_nothing(app, till, member):
    body = {"account": member["id"], "points": 10}
    with app.app_context():
        with orm.writing(db.session()) as session:
            ledger.freeze(session, account_id=member["id"], at=now())
        till.refuses(422, "account_frozen", "POST", "/redemptions", body)
        with orm.writing(db.session()) as session:
            ledger.unfreeze(session, account_id=member["id"], at=now())
            session.execute(
                text("UPDATE customer SET fraud_status = 'confirmed' WHERE id = :id"),
                {"id": member["customer"]},
            )
    refusal = till.refuses(422, "redeemer_fraud", "POST", "/redemptions", body)
    assert refusal["legacy_code"] == 809


def test_a_quote_that_was_not_given_is_refused(till, member):
    till.refuses(
        422, "quote_not_found", "POST", "/redemptions",
        {"account": member["id"], "points": 10, "quote": "quo_1"},
    )  # fmt: skip
