"""Value and points, back and forth, without a stranded cent."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.checkout import drawing
from portal.checkout.drawing import Purse, draw
from portal.checkout.errors import InsufficientValue, WorthNothing
from portal.checkout.pricing import price, room
from portal.programs import Money, Rate, schema
from portal.programs.limits import Standing
from portal.programs.program import from_document

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
rates = st.builds(
    lambda points, value: Rate(points=points, value=value, currency="EUR"),
    points=st.integers(1, 1000),
    value=st.integers(1, 1000),
)


def program(rate, **limits):
    return from_document(
        schema.check(
            {
                "id": "x",
                "name": "X",
                "currency": "PTS",
                "rate": {"points": rate.points, "value": rate.value, "currency": "EUR"},
                "redemption": limits,
            }
        ),
        version=1,
    )


@given(rates, st.integers(1, 10**9))
def test_value_to_points_and_back_strands_no_cent(rate, value):
    points = rate.points_for(value)
    assert rate.value_of(points).amount >= value
    assert rate.value_of(points - 1).amount < value


@given(rates, st.integers(1, 10**9))
def test_points_to_value_and_back_takes_only_what_the_value_needs(rate, points):
    worth = rate.value_of(points).amount
    taken = rate.needed(points)
    assert taken <= points
    assert rate.value_of(taken).amount == worth
    if worth:
        assert rate.value_of(taken - 1).amount < worth
    # Priced again by what it was worth, the very same points are taken.
    assert rate.points_for(worth) == taken


@given(rates, st.integers(1, 10**6), st.integers(1, 10**6))
def test_nobody_gains_by_paying_in_two_parts(rate, one, other):
    together = rate.value_of(one + other).amount
    assert rate.value_of(one).amount + rate.value_of(other).amount <= together
    assert rate.points_for(one) + rate.points_for(other) >= rate.points_for(one + other)


@given(rates, st.integers(1, 10**6))
def test_by_points_and_by_value_agree(rate, points):
    rules = program(rate)
    if points < rate.points_for(1):
        with pytest.raises(WorthNothing) as caught:
            price(rules, points=points, value=None, order=None)
        assert caught.value.facts["limit"] == rate.points_for(1)
        return
    by_points = price(rules, points=points, value=None, order=None)
    by_value = price(rules, points=None, value=by_points.worth.amount, order=None)
    assert (by_value.points, by_value.worth) == (by_points.points, by_points.worth)


@given(
    rate=rates,
    balance=st.integers(0, 10**5),
    order=st.integers(1, 10**5),
    most=st.none() | st.integers(1, 10**5),
    step=st.integers(1, 50),
    share=st.none() | st.sampled_from(["0.1", "0.333", "0.5", "1.0"]),
)
def test_the_most_that_is_offered_can_be_taken_and_no_more(rate, balance, order, most, step, share):
    limits = {"multiple_of": step}
    limits |= {"max": most} if most else {}
    limits |= {"max_share_of_order": share} if share else {}
    rules, money = program(rate, **limits), Money(order, "EUR")
    standing = Standing(balance=balance, lifetime_points=0, lifetime_purchases=0)
    found = room(rules, balance=balance, standing=standing, order=money)
    if found.refusals:
        assert (found.max_points, found.max_value) == (0, 0)
        return
    offered = price(rules, points=found.max_points, value=None, order=money)
    assert found.min_points <= found.max_points
    assert offered.points <= found.limit <= balance
    assert found.max_value >= offered.worth.amount
    if step == 1:
        by_value = price(rules, points=None, value=found.max_value, order=money)
        assert by_value.points <= found.limit


purses = st.lists(
    st.tuples(
        rates,
        st.lists(st.tuples(st.none() | st.integers(1, 400), st.integers(1, 500)), min_size=1),
        st.integers(1, 200),
        st.integers(1, 20),
    ),
    min_size=1,
    max_size=4,
)


def made(drawn, order):
    found = []
    for number, (rate, lots, least, step) in enumerate(drawn):
        balance = sum(points for _, points in lots)
        rules = program(rate, min=least, multiple_of=step)
        standing = Standing(balance=balance, lifetime_points=0, lifetime_purchases=0)
        offered = room(rules, balance=balance, standing=standing, order=Money(order, "EUR"))
        if offered.limit:
            found.append(
                Purse(
                    account_id=f"loy_{number}",
                    rate=rate,
                    deadlines=[
                        (None if days is None else NOON + timedelta(days=days), points)
                        for days, points in lots
                    ],
                    limit=offered.limit,
                    max_value=offered.max_value,
                    least=offered.min_points,
                    step=step,
                )
            )
    return found


@settings(max_examples=60)
@given(purses, st.integers(1, 3000))
def test_what_is_drawn_adds_up_and_keeps_to_every_limit(drawn, value):
    found = made(drawn, value)
    try:
        draws = draw(found, value)
    except InsufficientValue as refusal:
        # What it says can be paid can be paid, and less than all was asked for.
        available = refusal.facts["available"]
        assert 0 <= available < value
        if available:
            assert sum(part.value for part in draw(found, available)) == available
        return
    assert sum(part.value for part in draws) == value
    by_id = {purse.account_id: purse for purse in found}
    for part in draws:
        purse = by_id[part.account_id]
        assert part.value > 0
        assert purse.least <= part.asked <= purse.limit
        assert part.asked % purse.step == 0
        assert purse.rate.points_for(part.value) <= part.asked
        assert purse.rate.value_of(part.asked).amount >= part.value


def purse(name, points, days, **more):
    return Purse(
        account_id=name,
        rate=Rate(points=1, value=1, currency="EUR"),
        deadlines=[(NOON + timedelta(days=d), p) for d, p in zip(days, points, strict=True)],
        **{"limit": sum(points), "max_value": sum(points), "least": 1, "step": 1} | more,
    )


def drawn(purses, value):
    return {part.account_id: part.value for part in draw(purses, value)}


def test_the_points_that_expire_soonest_are_drawn_first():
    one = purse("one", [100, 100], [10, 30])
    other = purse("other", [100, 100], [20, 40])
    assert drawn([one, other], 150) == {"one": 100, "other": 50}
    assert drawn([one, other], 250) == {"one": 150, "other": 100}
    assert drawn([one, other], 400) == {"one": 200, "other": 200}


def test_a_purse_below_its_least_is_left_more_or_stands_aside():
    soon = purse("soon", [100], [10])
    picky = purse("picky", [100], [20], least=50)
    assert drawn([soon, picky], 120) == {"soon": 70, "picky": 50}
    assert drawn([picky, purse("late", [500], [30])], 20) == {"late": 20}


def test_what_steps_leave_over_others_pay():
    stepped = purse("stepped", [100], [10], step=40)
    assert drawn([stepped, purse("any", [100], [20])], 100) == {"stepped": 80, "any": 20}
    with pytest.raises(InsufficientValue) as caught:
        draw([stepped], 100)
    assert caught.value.facts["available"] == 80


def test_nothing_is_drawn_from_nobody():
    with pytest.raises(InsufficientValue) as caught:
        drawing.draw([], 10)
    assert caught.value.facts["available"] == 0
