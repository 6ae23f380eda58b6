"""Points to money and back, without a stranded cent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.programs import schema
from portal.programs.errors import NoRate
from portal.programs.money import Money, Rate, decimals_of, plain, spoken
from portal.programs.program import from_document

RATES = st.builds(
    Rate,
    points=st.integers(1, 10**6),
    value=st.integers(1, 10**6),
    currency=st.just("EUR"),
)


@pytest.mark.parametrize(
    ("rate", "points", "value"),
    [((100, 100), 250, 250), ((100, 1), 250, 2), ((3, 2), 10, 6), ((1, 5), 7, 35)],
)
def test_by_points_the_value_rounds_down(rate, points, value):
    assert Rate(points=rate[0], value=rate[1], currency="EUR").value_of(points).amount == value


@pytest.mark.parametrize(
    ("rate", "value", "points"),
    [((100, 100), 250, 250), ((100, 1), 2, 200), ((3, 2), 7, 11), ((1, 5), 36, 8), ((2, 3), 0, 0)],
)
def test_by_value_the_points_round_up(rate, value, points):
    assert Rate(points=rate[0], value=rate[1], currency="EUR").points_for(value) == points


def test_only_the_points_that_the_value_needs_are_taken():
    rate = Rate(points=100, value=1, currency="EUR")
    assert rate.value_of(250) == Money(2, "EUR")
    assert rate.needed(250) == 200
    assert rate.needed(99) == 0


@given(rate=RATES, points=st.integers(0, 10**12))
def test_needed_points_buy_the_same_value_and_no_fewer_do(rate, points):
    needed = rate.needed(points)
    assert 0 <= needed <= points
    assert rate.value_of(needed) == rate.value_of(points)
    if needed:
        assert rate.value_of(needed - 1).amount < rate.value_of(points).amount


@given(rate=RATES, value=st.integers(0, 10**12))
def test_points_for_a_value_are_worth_it_and_one_fewer_is_not(rate, value):
    points = rate.points_for(value)
    assert rate.value_of(points).amount >= value
    if points:
        assert rate.value_of(points - 1).amount < value


@given(rate=RATES, first=st.integers(0, 10**9), second=st.integers(0, 10**9))
def test_splitting_gains_nobody_anything(rate, first, second):
    together = rate.value_of(first + second).amount
    assert rate.value_of(first).amount + rate.value_of(second).amount <= together
    assert rate.points_for(first + second) <= rate.points_for(first) + rate.points_for(second)


def test_a_debt_is_worth_less_than_nothing():
    assert Rate(points=100, value=1, currency="EUR").value_of(-150) == Money(-2, "EUR")


def test_a_program_without_a_rate_has_no_value_in_money():
    program = from_document(schema.check({"id": "x", "name": "X", "currency": "PTS"}), version=1)
    assert program.value_of(100) is None
    with pytest.raises(NoRate):
        program.points_for(100)


def test_a_program_with_a_rate():
    rate = {"points": 100, "value": 1, "currency": "EUR"}
    program = from_document(
        schema.check({"id": "x", "name": "X", "currency": "PTS", "rate": rate}), version=1
    )
    assert program.value_of(1234) == Money(12, "EUR")
    assert program.points_for(12) == 1200
    assert program.money == "EUR"


@pytest.mark.parametrize(
    ("currency", "decimals"), [("EUR", 2), ("JPY", 0), ("KWD", 3), ("megabucks", 2)]
)
def test_the_usual_decimals_of_a_currency(currency, decimals):
    assert decimals_of(currency) == decimals


@pytest.mark.parametrize(
    ("amount", "decimals", "text"),
    [(4210, 2, "42.10"), (100, 2, "1"), (5, 2, "0.05"), (-5, 2, "-0.05"), (7, 0, "7"), (0, 3, "0")],
)
def test_a_plain_number(amount, decimals, text):
    assert plain(amount, decimals) == text


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (Money(4210, "EUR"), "€42.10"),
        (Money(100, "EUR"), "€1"),
        (Money(-250, "USD"), "-$2.50"),
        (Money(500, "JPY"), "¥500"),
        (Money(1200, "megabucks"), "12 megabucks"),
    ],
)
def test_money_in_a_sentence(money, text):
    assert spoken(money) == text
