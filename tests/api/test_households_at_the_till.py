"""A common purse at the till: named as a member is, earned for, paid with."""

import pytest

from tests.api.conftest import CORNER, apply
from tests.api.reading import enrolled, household_of, last_code

EARNING = [{"id": "base", "kind": "spend", "currency": "EUR", "per": 100, "points": 1}]


@pytest.fixture
def sending(app):
    """A program in which orders earn."""
    with app.app_context():
        apply(CORNER | {"earning": EARNING})


@pytest.fixture
def family(till, ana, rui):
    """Ana's household, with Rui in it."""
    return household_of(till, ana, rui, external_id="1981")


def purse(till, household):
    """The household's account, as it stands."""
    (account,) = till.get(f"/households/{household['id']}")["accounts"]
    return account


def order(number, **more):
    return {"id": f"R-{number}", "value": 40000, "currency": "EUR", **more}


def test_what_a_member_buys_earns_for_their_default_household(till, family, ana, rui):
    placed = till.post("/orders", order(1, account=rui["id"]))
    shared = purse(till, family)
    assert [earned["account"] for earned in placed["earned"]] == [shared["id"]]
    assert (shared["balance"], shared["lifetime_purchases"]) == (400, 40000)
    assert till.get(f"/accounts/{rui['id']}")["balance"] == 0
    path = f"/households/{family['id']}/members/{rui['customer']}"
    assert till("PATCH", path, {"default": False}).status_code == 200
    till.post("/orders", order(2, account=rui["id"]))
    assert purse(till, family)["balance"] == 400
    assert till.get(f"/accounts/{rui['id']}")["balance"] == 400


NAMINGS = [
    {"household": "$HOUSEHOLD"},
    {"identifier": {"type": "external_id", "value": "1981"}},
    {"identifier": {"type": "primary_id", "value": "$CUSTOMER"}},
    {"identifier": {"type": "primary_card_number", "value": "A-1"}},
    {"identifier": {"type": "primary_mobile", "value": "912345678"}},
    {"identifier": {"type": "primary_email", "value": "ana@example.com"}},
]


def named(naming, family, ana):
    """A way to name the household, with its ids in place."""
    known = {"$HOUSEHOLD": family["id"], "$CUSTOMER": ana["customer"]}
    return {
        name: {**value, "value": known.get(value["value"], value["value"])}
        if isinstance(value, dict)
        else known[value]
        for name, value in naming.items()
    }


@pytest.mark.parametrize("naming", NAMINGS)
def test_a_household_is_named_at_the_till_as_a_member_is(till, family, ana, naming):
    named_so = named(naming, family, ana)
    shared = purse(till, family)["id"]
    give = {"points": 1000, "reason": "goodwill_credit"}
    till.post(f"/accounts/{shared}/adjustments", give)
    basket = {"value": 40000, "currency": "EUR"}
    quote = till.post("/quotes", {**named_so, "order": basket}, status=200)
    assert (quote["max_points"], quote["would_earn"]) == (1000, 400)
    assert [source["account"] for source in quote["sources"]] == [shared]
    paid = {**named_so, "redeem": {"points": 100}, "quote": quote["id"]}
    placed = till.post("/orders", order(1, **paid))
    assert [one["account"] for one in placed["redemptions"]] == [shared]
    assert [one["account"] for one in placed["earned"]] == [shared]
    redeemed = till.post("/redemptions", {**named_so, "points": 50})
    assert redeemed["account"] == shared
    assert purse(till, family)["balance"] == 1000 - 100 + 399 - 50
    assert till.get(f"/accounts/{ana['id']}")["balance"] == 1000


def test_a_customers_external_id_comes_before_a_households(till, family):
    twin = enrolled(till, external_id="1981", points=70)
    identifier = {"type": "external_id", "value": "1981"}
    quote = till.post(
        "/quotes",
        {"identifier": identifier, "order": {"value": 100, "currency": "EUR"}},
        status=200,
    )
    assert [source["account"] for source in quote["sources"]] == [twin["id"]]
    query = {"identifier_type": "external_id", "identifier_value": "1981"}
    assert [one["id"] for one in till.get("/accounts", **query)["data"]] == [twin["id"]]
    assert [one["id"] for one in till.get("/households", **query)["data"]] == [family["id"]]


def test_what_nobody_is_known_by_is_refused_at_the_till(till, family):
    for naming in (
        {"household": "hh_0"},
        {"identifier": {"type": "primary_mobile", "value": "+351911111111"}},
        {"identifier": {"type": "external_id", "value": "nobody"}},
    ):
        body = {**naming, "points": 10}
        response = till("POST", "/redemptions", body)
        assert response.status_code == 404, response.text
        assert response.json["legacy_code"] == 816


def test_named_by_its_primary_members_phone_it_asks_them_for_a_code(app, till, family):
    with app.app_context():
        apply(CORNER | {"earning": EARNING, "redemption": {"approval": "auto"}})
    shared = purse(till, family)["id"]
    till.post(f"/accounts/{shared}/adjustments", {"points": 1000, "reason": "goodwill_credit"})
    phone = {"identifier": {"type": "primary_mobile", "value": "912345678"}}
    basket = {"value": 2000, "currency": "EUR"}
    quote = till.post("/quotes", {**phone, "order": basket, "issue_code": True}, status=200)
    assert (quote["approval"], quote["warnings"]) == ("one_time_code", [])
    body = {**phone, "points": 50, "quote": quote["id"]}
    till.refuses(422, "approval_needed", "POST", "/redemptions", body)
    code = {"one_time_code": last_code(app, "+351912345678")}
    redeemed = till.post("/redemptions", {**body, "approval": code})
    back = f"/redemptions/{redeemed['id']}/reversals"
    assert till.post(back, {"points": 20, **phone})["points_reversed"] == 20
    stranger = {"identifier": {"type": "external_id", "value": "nobody"}}
    till.refuses(422, "other_customers_redemption", "POST", back, {"points": 20, **stranger})
    card = {"household": family["id"], "points": 50}
    till.post("/redemptions", card)


def test_an_event_may_be_a_households(app, till, family):
    rule = {"id": "birthday", "kind": "event", "event": "birthday", "points": 75}
    with app.app_context():
        apply(CORNER | {"earning": [*EARNING, rule]})
    body = {"household": family["id"], "name": "birthday", "id": "b-1"}
    assert till.post("/events", body)["account"] == purse(till, family)["id"]
    assert purse(till, family)["balance"] == 75
