"""Rewards of a household: bought with its points, by those who may spend them."""

from tests.api.conftest import CORNER, apply
from tests.api.reading import enrolled, household_of


def test_a_household_turns_its_points_into_a_voucher(app, till, reward, shown_code):
    ana, rui = enrolled(till, card_number="A"), enrolled(till, card_number="R")
    home = household_of(till, ana, rui)
    (purse,) = till.get(f"/households/{home['id']}")["accounts"]
    till.post(f"/accounts/{purse['id']}/adjustments", {"points": 600, "reason": "gift"})
    reward()
    read = till.get("/rewards/mug", household=home["id"])
    assert (read["affordable"], read["missing_points"]) == (True, 0)
    with app.app_context():
        apply(CORNER | {"redemption": {"approval": "member_code"}})
    wish = {"household": home["id"], "reward": "mug"}
    till.refuses(422, "approval_needed", "POST", "/vouchers", wish)
    strangers = {"approval": {"member_code": shown_code(rui["customer"])}}
    till.refuses(422, "other_members_code", "POST", "/vouchers", wish | strangers)
    theirs = {"approval": {"member_code": shown_code(ana["customer"])}}
    issued = till.post("/vouchers", wish | theirs)
    assert (issued["account"], issued["points"]) == (purse["id"], 500)
    (listed,) = till.get("/vouchers", household=home["id"])["data"]
    assert (listed["id"], listed["code"]) == (issued["id"], None)
    assert till.post(f"/vouchers/{issued['code']}/use", status=200)["status"] == "used"


def test_the_primary_members_confirmed_fraud_stops_the_vouchers_of_a_household(till, reward):
    ana = enrolled(till, card_number="A")
    home = household_of(till, ana)
    (purse,) = till.get(f"/households/{home['id']}")["accounts"]
    till.post(f"/accounts/{purse['id']}/adjustments", {"points": 1200, "reason": "gift"})
    reward()
    wish = {"household": home["id"], "reward": "mug"}
    issued = till.post("/vouchers", wish)
    till.post(f"/customers/{ana['customer']}/fraud-status", {"status": "confirmed"}, status=200)
    till.refuses(422, "reward_fraud", "POST", "/vouchers", wish)
    till.refuses(422, "reward_fraud", "POST", f"/vouchers/{issued['code']}/use")


def test_a_household_is_known_by_its_identifiers_in_reads_too(app, till, reward):
    with app.app_context():
        apply(CORNER | {"redemption": {"approval": "auto"}})
    ana = enrolled(till, mobile="+351912345678", card_number="A")
    home = household_of(till, ana, external_id="1981")
    (purse,) = till.get(f"/households/{home['id']}")["accounts"]
    till.post(f"/accounts/{purse['id']}/adjustments", {"points": 600, "reason": "gift"})
    reward()
    issued = till.post("/vouchers", {"household": home["id"], "reward": "mug"})
    for kind, value in (
        ("external_id", "1981"),
        ("primary_id", ana["customer"]),
        ("primary_card_number", "A"),
        ("primary_mobile", "912 345 678"),
    ):
        query = {"identifier_type": kind, "identifier_value": value}
        assert till.get("/rewards/mug", **query)["missing_points"] == 400
        for more in ({}, {"program": "corner"}):
            (listed,) = till.get("/vouchers", **query, **more)["data"]
            assert listed["id"] == issued["id"]
            assert (listed["code"] is None) is (kind != "primary_card_number")
    unknown = "identifier_type=primary_mobile&identifier_value=%2B351919999989"
    till.refuses(404, "household_not_found", "GET", f"/vouchers?{unknown}")
    unknown = "identifier_type=external_id&identifier_value=nobody"
    till.refuses(404, "customer_not_found", "GET", f"/vouchers?{unknown}")
