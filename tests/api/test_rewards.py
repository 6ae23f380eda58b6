"""The catalogue at the endpoint: what can be had now, how much is missing, and why not."""

import pytest

from portal.web.api import order_shapes, reward_shapes
from tests.api.conftest import CORNER, apply, fits

CARD = {"identifier_type": "card_number", "identifier_value": "C-1"}


@pytest.fixture
def catalogue(reward):
    reward()
    reward(id="lamp", name="Lamp", price=1200, kind="gift", stock=None, categories=["home"])
    reward(id="five", name="€5 off", price=400, kind="amount_off", value=500, position=1)
    reward(id="tenth", name="10 % off", price=300, kind="share_off", value="0.10", position=2)
    reward(id="trees", name="A tree", price=100, kind="donation", position=3)


def test_the_catalogue_says_what_can_be_had_and_what_is_missing(till, member, catalogue):
    listed = till.get("/rewards", account=member["id"])
    fits(reward_shapes.RewardList, listed)
    by_id = {one["id"]: one for one in listed["data"]}
    assert [one["id"] for one in listed["data"]][-1] == "lamp"
    mug, lamp = by_id["mug"], by_id["lamp"]
    assert (mug["affordable"], mug["missing_points"], mug["available"]) == (True, 0, True)
    assert (mug["left"], mug["mine"], mug["price"], mug["unit"]) == (50, 0, 500, "PTS")
    assert (lamp["affordable"], lamp["missing_points"], lamp["available"]) == (False, 200, False)
    assert [one["code"] for one in lamp["refusals"]] == ["insufficient_points"]
    assert lamp["refusals"][0]["legacy_code"] == 804
    assert (by_id["five"]["value"], by_id["five"]["currency"]) == (500, "EUR")
    assert (by_id["tenth"]["value"], by_id["tenth"]["currency"]) == ("0.10", None)


def test_without_an_account_it_is_everyones(till, member, catalogue):
    listed = till.get("/rewards")
    fits(reward_shapes.RewardList, listed)
    assert len(listed["data"]) == 5
    for one in listed["data"]:
        assert (one["affordable"], one["missing_points"], one["mine"]) == (None, None, None)
        assert one["available"]


@pytest.mark.parametrize(
    "named",
    [
        {"customer": None},
        CARD,
        {"identifier_type": "mobile", "identifier_value": "912 345 678"},
        {"account": None, "program": "corner"},
    ],
)
def test_a_member_is_named_in_any_way(till, member, catalogue, named):
    ids = {"customer": member["customer"], "account": member["id"]}
    query = {name: value or ids[name] for name, value in named.items()}
    (mug,) = [one for one in till.get("/rewards", **query)["data"] if one["id"] == "mug"]
    assert mug["affordable"] is True


def test_it_is_filtered_by_kind_and_category(till, catalogue):
    kinds = till.get("/rewards", kind="share_off")["data"]
    assert [one["id"] for one in kinds] == ["tenth"]
    assert [one["id"] for one in till.get("/rewards", category="home")["data"]] == ["lamp"]


def test_one_reward_is_read_with_every_reason(till, member, reward):
    reward(id="lamp", price=1200, stock=0, tiers=[])
    read = till.get("/rewards/lamp", **CARD)
    fits(reward_shapes.RewardShape, read)
    assert {one["code"] for one in read["refusals"]} == {
        "insufficient_points",
        "reward_out_of_stock",
    }
    assert till.get("/rewards/lamp")["affordable"] is None
    till.refuses(404, "reward_not_found", "GET", "/rewards/nothing")
    till.refuses(404, "not_found", "GET", "/rewards/..")


def test_when_and_for_whom_it_is_offered_is_said(app, till, member, reward):
    with app.app_context():
        apply(CORNER | {"tiers": [{"id": "gold", "name": "Gold", "from": 5000}]})
    reward(id="soon", price=1, valid_from="2099-01-01", valid_to="2099-12-31")
    reward(id="late", price=1, valid_to="2020-01-01")
    reward(id="golden", price=1, tiers=["gold"])
    expected = {"soon": "reward_not_yet", "late": "reward_over", "golden": "reward_tier_needed"}
    for id, code in expected.items():
        read = till.get(f"/rewards/{id}", **CARD)
        fits(reward_shapes.RewardShape, read)
        (refusal,) = read["refusals"]
        assert refusal["code"] == code
        till.refuses(422, code, "POST", "/vouchers", {"account": member["id"], "reward": id})
    assert till.get("/rewards/soon")["valid_to"] == "2099-12-31"


def test_a_key_of_a_store_sees_what_its_store_has(key_for, till, member, reward):
    reward(stores=["S1"])
    bound = key_for("read", store="S2")
    codes = [one["code"] for one in bound.get("/rewards/mug", **CARD)["refusals"]]
    assert codes == ["reward_not_in_store"]
    assert bound.get("/rewards/mug", **CARD)["available"] is False
    assert till.get("/rewards/mug", store="S1", **CARD)["available"] is True
    refused = bound.client.get(
        "/api/v1/rewards?store=S1", headers={"Authorization": f"Bearer {bound.key}"}
    )
    bound.check(refused, 403, "other_store")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("account=loy_x&customer=cus_x", "customer"),
        ("identifier_type=mobile", "identifier_value"),
        ("identifier_value=1", "identifier_type"),
        ("account=cus_1", "account"),
        ("kind=mug", "kind"),
        ("store=%07", "store"),
        ("category=", "category"),
        ("colour=red", "colour"),
        ("program=../x", "program"),
    ],
)
def test_each_wrong_parameter_is_named(till, query, field):
    refusal = till.refuses(422, "invalid_fields", "GET", f"/rewards?{query}")
    assert field in refusal["errors"]


def test_who_is_not_there_is_not_found(till, catalogue):
    till.refuses(404, "account_not_found", "GET", "/rewards?account=loy_0")
    till.refuses(404, "customer_not_found", "GET", "/rewards?customer=cus_0")
    till.refuses(404, "program_not_found", "GET", "/rewards?program=nothing")


def test_a_quote_lists_the_rewards_that_fit_its_order(till, member, catalogue, reward):
    reward(id="dollars", name="$5 off", price=100, kind="amount_off", value=500, program="corner")
    order = {"value": 2000, "currency": "EUR"}
    quote = till.post("/quotes", {"account": member["id"], "order": order}, status=200)
    fits(order_shapes.QuoteShape, quote)
    offered = {one["reward"]: one for one in quote["rewards"]}
    assert "trees" not in offered
    assert offered["five"]["off"] == {"amount": 500, "currency": "EUR"}
    assert offered["tenth"]["off"] == {"amount": 200, "currency": "EUR"}
    assert offered["mug"]["off"] is None
    assert (offered["lamp"]["affordable"], offered["lamp"]["missing_points"]) == (False, 200)
    assert offered["mug"]["account"] == member["id"]
    assert quote["vouchers"] == []


def test_a_quote_tells_the_codes_of_open_vouchers_only_with_consent(
    app, till, member, reward, shown_code
):
    reward(id="five", name="€5 off", price=300, kind="amount_off", value=500)
    issued = till.post("/vouchers", {"account": member["id"], "reward": "five"})
    order = {"value": 2000, "currency": "EUR"}
    phone = {"type": "mobile", "value": "912 345 678"}
    card = {"type": "card_number", "value": "C-1"}

    def codes(identifier):
        body = {"identifier": identifier, "order": order}
        quote = till.post("/quotes", body, status=200)
        fits(order_shapes.QuoteShape, quote)
        (voucher,) = quote["vouchers"]
        assert voucher["off"] == {"amount": 500, "currency": "EUR"}
        return voucher["code"]

    assert codes(phone) == codes(card) == issued["code"]
    with app.app_context():
        apply(CORNER | {"redemption": {"approval": "auto"}})
    assert (codes(phone), codes(card)) == (None, issued["code"])
    with app.app_context():
        apply(CORNER | {"redemption": {"approval": "member_code"}})
    assert codes(card) is None
    shown = {"type": "member_code", "value": shown_code(member["customer"])}
    assert codes(shown) == issued["code"]
