"""Limits of redeeming: each its own error, with the number it had, all reasons at once."""

import pytest

from portal.programs import schema
from portal.programs.limits import Standing, redemption_refusals
from portal.programs.money import Money
from portal.programs.program import from_document

RICH = Standing(balance=10_000, lifetime_points=20_000, lifetime_purchases=90_000)


def program(**limits):
    return from_document(
        schema.check(
            {
                "id": "x",
                "name": "X",
                "currency": "PTS",
                "rate": {"points": 1, "value": 1, "currency": "EUR"},
                "redemption": limits,
            }
        ),
        version=1,
    )


def refusals(limits, points, standing=RICH, order=None):
    return redemption_refusals(program(**limits), points=points, standing=standing, order=order)


@pytest.mark.parametrize(
    ("limits", "good", "bad", "code", "legacy_code", "limit"),
    [
        ({"min": 100}, 100, 99, "redemption_below_minimum", 821, 100),
        ({"max": 500}, 500, 501, "redemption_above_maximum", 819, 500),
        ({"multiple_of": 25}, 75, 80, "redemption_not_a_multiple", 807, 25),
        ({"per_day": 600}, 600, 601, "redemption_above_daily_limit", 819, 600),
    ],
)
def test_a_limit_on_the_points(limits, good, bad, code, legacy_code, limit):
    assert refusals(limits, good) == []
    (error,) = refusals(limits, bad)
    assert (error.code, error.legacy_code, error.facts["limit"]) == (code, legacy_code, limit)


@pytest.mark.parametrize(
    ("limit", "standing", "code", "legacy_code"),
    [
        ("min_points", {"balance": 499}, "not_enough_current_points", 804),
        ("min_lifetime_points", {"lifetime_points": 499}, "not_enough_lifetime_points", 805),
        (
            "min_lifetime_purchases",
            {"lifetime_purchases": 499},
            "not_enough_lifetime_purchases",
            806,
        ),
    ],
)
def test_a_limit_on_what_one_has(limit, standing, code, legacy_code):
    have = {"balance": 500, "lifetime_points": 500, "lifetime_purchases": 500}
    assert refusals({limit: 500}, 1, Standing(**have)) == []
    (error,) = refusals({limit: 500}, 1, Standing(**(have | standing)))
    assert (error.code, error.legacy_code) == (code, legacy_code)
    assert (error.facts["limit"], error.facts["available"]) == (500, 499)


def test_the_days_limit_counts_what_was_redeemed_today():
    today = Standing(balance=10_000, lifetime_points=0, lifetime_purchases=0, redeemed_today=400)
    assert refusals({"per_day": 600}, 200, today) == []
    (error,) = refusals({"per_day": 600}, 201, today)
    assert error.facts["available"] == 200
    assert error.detail == (
        "At most 600 points may be redeemed in a day; 200 points are left today."
    )


def test_a_share_of_the_order():
    half = {"max_share_of_order": "0.5"}
    assert refusals(half, 500, order=Money(1001, "EUR")) == []
    (error,) = refusals(half, 501, order=Money(1001, "EUR"))
    assert (error.code, error.facts["limit"]) == ("redemption_above_share_of_order", 500)
    assert error.detail == "Points may pay at most 50 % of an order."
    assert refusals(half, 9_999) == []
    assert len(refusals(half, 1, order=Money(-5, "EUR"))) == 1


def test_a_share_of_an_order_in_other_money_is_not_this_limits_to_judge():
    assert refusals({"max_share_of_order": "0"}, 5, order=Money(10, "USD")) == []


def test_redemption_that_is_off_says_only_that():
    (error,) = refusals({"enabled": False, "min": 100}, 1)
    assert (error.code, error.legacy_code) == ("redemption_off", 827)


@pytest.mark.parametrize("points", [0, -5])
def test_no_points_are_invalid(points):
    (error,) = refusals({"min": 100}, points)
    assert (error.code, error.legacy_code) == ("invalid_points", 801)


def test_all_reasons_are_told_at_once():
    poor = Standing(balance=-5, lifetime_points=0, lifetime_purchases=0)
    limits = {
        "min": 100,
        "multiple_of": 10,
        "per_day": 50,
        "min_points": 1,
        "min_lifetime_points": 1,
        "min_lifetime_purchases": 1,
        "max_share_of_order": "0.01",
    }
    found = refusals(limits, 55, poor, Money(100, "EUR"))
    assert [error.legacy_code for error in found] == [821, 807, 819, 804, 805, 806, 819]


def test_absent_limits_do_not_limit():
    assert refusals({}, 10**12, Standing(balance=-1, lifetime_points=0, lifetime_purchases=0)) == []
