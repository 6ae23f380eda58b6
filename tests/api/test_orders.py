"""Orders over the endpoint: priced, paid with points, earning, held, refunded."""

from datetime import timedelta

import pytest

from portal.clock import now
from portal.web.api import order_shapes
from tests.api.conftest import CORNER, apply

SHOP = CORNER | {
    "earning": [
        {"id": "base", "kind": "spend", "currency": "EUR", "per": 100, "points": 1},
        {"id": "birthday", "kind": "event", "event": "birthday", "points": 75},
    ],
}


@pytest.fixture
def shop(app):
    """The program, whose orders earn a point for each euro."""

    def put(**changes):
        with app.app_context():
            apply(SHOP | changes)

    put()
    return put


@pytest.fixture
def buyer(shop, member):
    return member


def receipt(number=1, **more):
    return {"id": f"R-{number}", "value": 2000, "currency": "EUR", **more}


def balance(till, account):
    return till.get(f"/accounts/{account['id']}")["balance"]


def fits(shape, content):
    """Every answer is as it is documented: all members, nothing beyond."""
    assert not shape(unknown="raise").validate(content)
    return content


def test_a_quote_says_what_points_pay_and_bring(till, buyer):
    order = {"value": 2050, "currency": "EUR"}
    quote = till.post("/quotes", {"account": buyer["id"], "order": order}, status=200)
    fits(order_shapes.QuoteShape, quote)
    assert quote["id"].startswith("quo_")
    assert (quote["spendable"], quote["max_points"], quote["max_value"]) == (1000, 1000, 1000)
    assert (quote["min_points"], quote["multiple_of"]) == (10, 1)
    assert quote["would_earn"] == 20
    assert quote["earning"][0]["explanation"]
    assert (quote["approval"], quote["refusals"], quote["rewards"]) == ("none", [], [])
    assert balance(till, buyer) == 1000


def test_a_quote_needs_no_key_and_reads_none(till, buyer):
    body = {"account": buyer["id"], "order": {"value": 2000, "currency": "EUR"}}
    headers = {"Authorization": f"Bearer {till.key}"}
    bare = till.client.post("/api/v1/quotes", json=body, headers=headers)
    assert bare.status_code == 200
    ids = {till("POST", "/quotes", body, key="k").json["id"] for _ in range(2)}
    assert len(ids | {bare.json["id"]}) == 3


def test_a_quote_says_why_nothing_can_be_redeemed(till, shop, buyer):
    shop(redemption={"min_lifetime_points": 5_000, "approval": "none"})
    order = {"value": 9_000, "currency": "EUR"}
    quote = till.post("/quotes", {"account": buyer["id"], "order": order}, status=200)
    (refusal,) = quote["refusals"]
    assert (refusal["code"], refusal["legacy_code"]) == ("not_enough_lifetime_points", 805)
    assert refusal["limit"] == 5_000
    assert refusal["detail"]
    assert quote["max_points"] == 0


def test_an_order_redeems_and_earns_at_once(till, buyer):
    placed = till.post(
        "/orders", receipt(account=buyer["id"], redeem={"points": 500}, store="S1", till="2")
    )
    fits(order_shapes.PlacedOrder, placed)
    assert placed["id"].startswith("ord_")
    assert (placed["number"], placed["store"], placed["till"]) == ("R-1", "S1", "2")
    assert (placed["amount_due"], placed["status"]) == (1500, "captured")
    (redemption,) = placed["redemptions"]
    assert (redemption["points"], redemption["value"]) == (500, 500)
    assert redemption["status"] == "captured"
    (earned,) = placed["earned"]
    assert (earned["program"], earned["points"], earned["promised"]) == ("corner", 15, False)
    assert "15" in earned["explanation"]
    (account,) = placed["accounts"]
    assert account["balance"] == balance(till, buyer) == 515
    assert placed["warnings"] == []
    assert till.get(f"/orders/{placed['id']}") == placed
    assert till.get(f"/redemptions/{redemption['id']}")["points"] == 500


def test_all_or_nothing(till, buyer):
    refusal = till.refuses(
        422, "insufficient_points", "POST", "/orders",
        receipt(account=buyer["id"], redeem={"points": 1500}),
    )  # fmt: skip
    assert (refusal["available"], refusal["legacy_code"]) == (1000, 804)
    account = till.get(f"/accounts/{buyer['id']}")
    assert (account["balance"], account["sequence"]) == (1000, buyer["sequence"])
    placed = till.post("/orders", receipt(account=buyer["id"], redeem={"points": 1000}))
    assert placed["amount_due"] == 1000


def test_an_anonymous_order_passes_untouched(till, shop):
    placed = till.post("/orders", receipt())
    fits(order_shapes.PlacedOrder, placed)
    assert (placed["amount_due"], placed["earned"], placed["accounts"]) == (2000, [], [])
    assert (placed["customer"], placed["store"]) == (None, "web")


def test_the_same_receipt_answers_the_first_result(till, key_for, buyer):
    body = receipt(account=buyer["id"], redeem={"points": 500}, store="S1")
    first = till.post("/orders", body)
    again = key_for().post("/orders", body)
    assert again == first
    refusal = till.refuses(409, "order_already_exists", "POST", "/orders", {**body, "value": 2100})
    assert refusal["order"] == first["id"]
    assert balance(till, buyer) == 515
    other = till.post("/orders", {**body, "store": "S2"})
    assert other["id"] != first["id"]


def test_an_order_on_hold_is_captured_or_voided(till, buyer):
    body = {"account": buyer["id"], "redeem": {"value": 400}, "capture": False}
    held = till.post("/orders", receipt(1, **body))
    assert (held["status"], held["redemptions"][0]["status"]) == ("held", "held")
    assert held["expires_at"] == held["redemptions"][0]["expires_at"]
    assert balance(till, buyer) == 600
    captured = till.post(f"/orders/{held['id']}/capture", status=200)
    fits(order_shapes.PlacedOrder, captured)
    assert (captured["status"], captured["earned"][0]["points"]) == ("captured", 16)
    assert balance(till, buyer) == 616
    refusal = till.refuses(409, "order_not_held", "POST", f"/orders/{held['id']}/void")
    assert refusal["current_status"] == "captured"
    other = till.post("/orders", receipt(2, **body, hold_minutes=60))
    assert other["expires_at"] > held["expires_at"]
    voided = till.post(f"/orders/{other['id']}/void", status=200)
    assert (voided["status"], voided["redemptions"][0]["status"]) == ("voided", "voided")
    assert balance(till, buyer) == 616
    till.refuses(409, "order_voided", "POST", f"/orders/{other['id']}/refunds", {"value": 1})


def test_refunds_are_in_proportion_to_the_last_cent(till, buyer):
    placed = till.post("/orders", receipt(account=buyer["id"], redeem={"points": 500}))
    path = f"/orders/{placed['id']}/refunds"
    given = taken = paid_back = 0
    for value in (333, 1, 999, 667):
        refund = fits(order_shapes.RefundShape, till.post(path, {"value": value}))
        given += refund["points_given_back"]
        taken += refund["points_taken_back"]
        paid_back += refund["amount_returned"]
        assert refund["value_given_back"] + refund["amount_returned"] == value
        assert refund["order"] == placed["id"]
    assert (given, taken, paid_back) == (500, 15, 1500)
    assert refund["refunded"] == 2000
    assert balance(till, buyer) == 1000
    refusal = till.refuses(422, "more_than_bought", "POST", path, {"value": 1})
    assert refusal["available"] == 0
    assert till.get(f"/orders/{placed['id']}")["status"] == "refunded"


def test_splits_bring_their_own_rewards(till, buyer):
    day = (now() + timedelta(days=40)).date().isoformat()
    placed = till.post(
        "/orders",
        receipt(
            account=buyer["id"],
            earn=False,
            splits=[
                {"value": 1500, "seller": "bakery", "reward": {"value": 250}},
                {"value": 500, "reward": {"value": 40, "expiration_date": day}},
            ],
        ),
    )
    assert sum(earned["points"] for earned in placed["earned"]) == 290
    deadlines = till.get(f"/accounts/{buyer['id']}")["expiring_point_deadlines"]
    assert {"expires_on": day, "points": 40}.items() <= deadlines[0].items()
    body = receipt(2, account=buyer["id"], splits=[{"value": 100, "reward": {"value": 101}}])
    till.refuses(422, "reward_above_part", "POST", "/orders", body)
    body = receipt(2, account=buyer["id"], splits=[{"value": 1500}, {"value": 501}])
    assert till.refuses(422, "invalid_splits", "POST", "/orders", body)["limit"] == 2000


def test_a_quote_binds_once(till, buyer):
    order = {"value": 2000, "currency": "EUR"}
    quote = till.post("/quotes", {"account": buyer["id"], "order": order}, status=200)
    body = receipt(account=buyer["id"], quote=quote["id"], redeem={"points": 100})
    other = till.refuses(422, "quote_differs", "POST", "/orders", {**body, "value": 1999})
    assert "quote" in other["errors"]
    till.post("/orders", body)
    refusal = till.refuses(409, "quote_used", "POST", "/orders", {**body, "id": "R-2"})
    assert refusal["used_for"]
    unknown = {**body, "id": "R-3", "quote": "quo_0"}
    assert "quote" in till.refuses(422, "quote_not_found", "POST", "/orders", unknown)["errors"]


def test_someone_new_is_enrolled_by_their_first_order(till, shop):
    identifier = {"type": "external_id", "value": "new-1"}
    placed = till.post("/orders", receipt(identifier=identifier))
    (account,) = placed["accounts"]
    assert account["balance"] == 20
    assert account["enrolled_at"]
    assert placed["customer"] == account["customer"]


def test_several_accounts_pay_one_order(app, till, shop, buyer):
    with app.app_context():
        apply(
            {"id": "second", "name": "Second", "currency": "STARS", "auto_enrol": True,
             "rate": {"points": 10, "value": 1, "currency": "EUR"},
             "redemption": {"approval": "none"}}
        )  # fmt: skip
    other = till.post(
        "/accounts", {"customer": buyer["customer"], "program": "second", "value": 5_000}
    )
    customer = {"customer": buyer["customer"]}
    order = {"value": 2000, "currency": "EUR"}
    quote = till.post("/quotes", {**customer, "order": order}, status=200)
    assert quote["max_value"] == 1500
    assert {source["account"] for source in quote["sources"]} == {buyer["id"], other["id"]}
    till.refuses(
        422, "by_value_only", "POST", "/orders", receipt(1, **customer, redeem={"points": 100})
    )
    placed = till.post("/orders", receipt(2, **customer, redeem={"value": 200}))
    assert sum(one["value"] for one in placed["redemptions"]) == 200
    placed = till.post(
        "/orders",
        receipt(
            3,
            **customer,
            redeem=[{"program": "corner", "value": 10}, {"account": other["id"], "points": 100}],
        ),
    )
    assert placed["amount_due"] == 1980
    till.refuses(
        422, "invalid_redemption", "POST", "/orders",
        receipt(4, **customer, redeem=[{"program": "second", "value": 10},
                                       {"account": other["id"], "value": 10}]),
    )  # fmt: skip


def test_a_closed_account_earns_nothing_and_says_so(till, buyer):
    till.post(f"/accounts/{buyer['id']}/close", status=200)
    placed = till.post("/orders", receipt(account=buyer["id"]))
    assert placed["earned"] == []
    assert placed["warnings"][0]["code"] == "account_closed"
    assert placed["warnings"][0]["detail"]
    body = receipt(2, account=buyer["id"], redeem={"points": 100})
    till.refuses(422, "account_closed", "POST", "/orders", body)


def test_an_order_says_where_and_when_it_was(till, key_for, buyer):
    placed_at = (now() - timedelta(days=3)).replace(microsecond=0)
    body = receipt(account=buyer["id"], placed_at=placed_at.isoformat(), metadata={"n": 1})
    placed = key_for(store="S7").post("/orders", body)
    assert (placed["store"], placed["metadata"]) == ("S7", {"n": 1})
    line = till.get(f"/accounts/{buyer['id']}/transactions", type="earn", store="S7")["data"][0]
    assert line["event"]["order"]["id"] == placed["id"]
    assert line["event"]["occurred_at"] == placed["placed_at"]
    for days in (-91, 1):
        late = (now() + timedelta(days=days)).isoformat()
        refusal = till.refuses(
            422, "time_not_allowed", "POST", "/orders",
            receipt(2, account=buyer["id"], placed_at=late),
        )  # fmt: skip
        assert refusal["legacy_code"] == 859


def test_lines_add_up_to_the_value(till, buyer):
    lines = [
        {"sku": "a", "category": "coffee", "quantity": 2, "value": 1500, "tax": 120},
        {"sku": "b", "quantity": 1, "value": 500},
    ]
    placed = till.post("/orders", receipt(account=buyer["id"], lines=lines))
    assert placed["earned"][0]["points"] == 20
    short = receipt(2, lines=lines[:1], account=buyer["id"])
    assert "lines" in till("POST", "/orders", short).json["errors"]
    quoted = {"account": buyer["id"], "order": {"value": 1, "currency": "EUR", "lines": lines}}
    assert "lines" in str(till("POST", "/quotes", quoted).json["errors"])
    refund = {"value": 400, "lines": lines[1:]}
    assert "lines" in till("POST", f"/orders/{placed['id']}/refunds", refund).json["errors"]


def test_an_order_that_is_not_there_is_811(till):
    for action in ("", "/capture", "/void", "/refunds"):
        method = "POST" if action else "GET"
        body = {"value": 1} if action == "/refunds" else None
        refusal = till.refuses(404, "order_not_found", method, f"/orders/ord_0{action}", body)
        assert refusal["legacy_code"] == 811
    till.refuses(404, "not_found", "GET", "/orders/R-1")


def test_an_event_brings_what_its_rule_says_once(till, buyer):
    body = {"account": buyer["id"], "name": "birthday", "id": "b-1"}
    told = fits(order_shapes.HappenedShape, till.post("/events", body))
    assert (told["earned"][0]["points"], told["released"], told["warnings"]) == (75, 0, [])
    assert till.post("/events", body) == told
    assert balance(till, buyer) == 1075
    refusal = till.refuses(
        409, "event_already_happened", "POST", "/events", {**body, "name": "referral"}
    )
    assert "id" in refusal["errors"]


def test_an_event_nobody_waits_for_is_a_warning(till, shop, buyer):
    identifier = {"type": "mobile", "value": "912 345 678"}
    told = till.post("/events", {"identifier": identifier, "name": "name_day", "id": "n-1"})
    assert (told["account"], told["earned"]) == (buyer["id"], [])
    (warning,) = told["warnings"]
    assert warning["code"] == "nothing_earned"
    assert warning["detail"]


def test_a_merged_account_is_named_by_its_survivor_only(till, shop, buyer):
    other = till.post("/accounts", {"value": 10})
    till.post(f"/accounts/{other['id']}/merge", {"into": buyer["id"]}, status=200)
    quoted = {"order": {"value": 2000, "currency": "EUR"}}
    for path, body in [
        ("/orders", receipt(account=other["id"])),
        ("/orders", receipt(account=other["id"], redeem={"points": 10})),
        ("/quotes", {**quoted, "account": other["id"]}),
        ("/events", {"account": other["id"], "name": "birthday", "id": "b-1"}),
    ]:
        refusal = till("POST", path, body).json
        assert (refusal["code"], refusal["legacy_code"]) == ("account_merged", 419), path
        assert refusal["account"] == buyer["id"]


def test_a_scanned_card_is_quoted_and_redeemed_in_points(till, shop, buyer):
    card = {"identifier": {"type": "card_number", "value": "C-1"}}
    quoted = {**card, "order": {"value": 2000, "currency": "EUR"}}
    quote = till.post("/quotes", quoted, status=200)
    assert (quote["spendable"], quote["max_points"]) == (1000, 1000)
    placed = till.post("/orders", receipt(**card, quote=quote["id"], redeem={"points": 500}))
    assert placed["amount_due"] == 1500
    assert placed["accounts"][0]["id"] == buyer["id"]
