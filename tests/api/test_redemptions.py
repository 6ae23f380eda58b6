"""Spending points at the till."""


def test_redeem_spends_points_and_says_what_they_paid(till, member):
    redemption = till.post(
        "/redemptions", {"account": member["id"], "points": 300, "store": "S1", "till": "T1"}
    )
    assert redemption["status"] == "captured"
    assert (redemption["points"], redemption["value"], redemption["currency"]) == (300, 300, "EUR")
    assert till.get(f"/accounts/{member['id']}")["balance"] == 700
