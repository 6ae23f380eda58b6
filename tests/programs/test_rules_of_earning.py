"""RULES, "Earning", rule by rule, as worked examples."""

import random
import timeit
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.programs import schema
from portal.programs.earning import Line, earned
from portal.programs.program import from_document
from portal.programs.sharing import shared

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LISBON = ZoneInfo("Europe/Lisbon")
GOLD = {"id": "gold", "name": "Gold", "from": 1000, "multiplier": "1.5"}
BASE = {"id": "base", "kind": "spend", "currency": "EUR", "per": 100, "points": 1}
COFFEE = {"id": "coffee", "kind": "item", "categories": ["coffee"], "points": 10}
VISIT = {"id": "visit", "kind": "visit", "points": 10}
HAPPY = {
    "id": "happy",
    "kind": "promotion",
    "name": "Happy hour",
    "multiplier": "2",
    "hours": {"from": "17:00", "to": "19:00"},
}
DOUBLE_AND_FIVE = (
    BASE,
    {"id": "double", "kind": "promotion", "multiplier": "2", "total": 1},
    {"id": "five", "kind": "promotion", "bonus": 5},
)


@dataclass(frozen=True)
class Receipt:
    value: int = 4210
    currency: str = "EUR"
    tax: int = 0
    placed_at: datetime = NOON
    store: str | None = None
    lines: tuple[Line, ...] = ()
    points_paid_value: int = 0


def program(*rules, **parts):
    document = {"id": "x", "name": "X", "currency": "PTS", "earning": list(rules)}
    return from_document(schema.check(document | {"timezone": "Europe/Lisbon"} | parts), version=1)


def basket(*lines, **more):
    return Receipt(value=sum(line.value for line in lines), lines=lines, **more)


def points(found):
    return {part.rule_id: part.points for part in found.parts}


# -- the kinds of rules


def test_per_amount_in_part_or_whole():
    assert earned(program(BASE | {"per": 1000, "points": 10}), Receipt(1990)).points == 19
    whole = program(BASE | {"per": 1000, "points": 10, "whole": True})
    assert earned(whole, Receipt(1990)).points == 10
    assert earned(whole, Receipt(2000)).points == 20
    assert earned(whole, Receipt(999)).points == 0
    # Full steps count over all the lines that the rule won, not line by line.
    assert earned(whole, basket(*[Line(value=900)] * 3)).points == 20


def test_per_visit():
    gain = earned(program(VISIT), Receipt(1))
    assert (gain.points, gain.rule_id, gain.explanation) == (10, "visit", "10 points for a visit")
    assert earned(program(VISIT), Receipt(0)).points == 0


def test_per_visit_once_a_day():
    once = program(BASE, VISIT | {"once_a_day": True})
    assert points(earned(once, Receipt(100))) == {"visit": 10}
    assert earned(once, Receipt(100)).uses == ("visit",)
    again = earned(once, Receipt(100), used={"visit:day": 1})
    assert (points(again), again.uses) == ({"base": 1}, ())


def test_per_item():
    rules = program(COFFEE | {"skus": ["beans"]})
    gain = earned(
        rules,
        basket(
            Line(sku="latte", category="coffee", quantity=2, value=640),
            Line(sku="beans", category="grocery", value=1200),
            Line(sku="cup", category="gifts", value=900),
        ),
    )
    assert points(gain) == {"coffee": 30}
    assert gain.explanation == "10 points per item on 3 items of beans, coffee = 30"


def test_per_item_for_every_so_many():
    sixth = program(COFFEE | {"each": 3, "name": "coffee"})
    latte = Line(category="coffee", quantity=2, value=640)
    assert earned(sixth, basket(latte)).points == 0
    gain = earned(sixth, basket(latte, latte, latte))
    assert gain.points == 20
    assert gain.explanation == "10 points per 3 items on 6 items of coffee = 20"


def test_per_amount_spent_on_a_category():
    rules = program(COFFEE | {"per": 100, "currency": "EUR", "points": 5})
    gain = earned(rules, basket(Line(category="coffee", value=320), Line(value=1000)))
    assert (gain.points, gain.explanation) == (16, "5 points per €1 on €3.20 of coffee = 16")
    assert earned(rules, basket(Line(category="coffee", value=320), currency="USD")).points == 0


def test_a_fixed_bonus_on_an_event():
    rules = program(
        {"id": "w", "kind": "event", "event": "account.created", "points": 50},
        {"id": "c", "kind": "event", "event": "birthday", "points": 5, "name": "your birthday"},
        {"id": "r", "kind": "event", "event": "referral", "points": 9, "rewards": "referrer"},
        {"id": "m", "kind": "event", "event": "referral", "points": 3, "wait_days": 7},
    )
    (cake,) = rules.bonuses("birthday", NOON)
    assert (cake.points, cake.explanation) == (5, "5 points for your birthday")
    referrer, member = rules.bonuses("referral", NOON)
    assert (referrer.rewards, referrer.points, referrer.available_from) == ("referrer", 9, None)
    assert (member.rewards, member.points) == ("member", 3)
    assert member.available_from == datetime(2026, 3, 9, tzinfo=UTC)


def test_points_that_wait_for_a_trigger():
    rules = program(
        BASE,
        {"id": "kept", "kind": "trigger", "trigger": "delivered", "points": 2, "per": 100}
        | {"currency": "EUR"},
        {"id": "review", "kind": "trigger", "trigger": "reviewed", "points": 7},
    )
    gain = earned(rules, Receipt(4260), tier=None)
    assert points(gain) == {"base": 42, "kept": 85, "review": 7}
    assert (gain.points, gain.promised, gain.available_from) == (134, 92, None)
    assert [credit[0::2] for credit in gain.credits()] == [
        (42, None),
        (85, "delivered"),
        (7, "reviewed"),
    ]
    assert gain.explanation == (
        "1 point per €1 on €42.60 = 42; 2 points per €1 on €42.60 = 85, waiting for delivered; "
        "7 points, waiting for reviewed; 134 points in all"
    )


def test_waiting_time_is_each_rules_own():
    rules = program(
        BASE | {"wait_days": 14},
        {"id": "week", "kind": "promotion", "name": "Opening week", "bonus": 50},
    )
    gain = earned(rules, Receipt(4210))
    assert [(c.points, c.available_from) for c in gain.credits()] == [
        (42, datetime(2026, 3, 16, tzinfo=UTC)),
        (50, None),
    ]
    assert (gain.points, gain.promised) == (92, 42)
    assert gain.explanation == (
        "1 point per €1 on €42.10 = 42; 50 points from Opening week; 92 points in all"
    )


# -- which apply


def test_the_best_base_rule_applies_to_each_line():
    rules = program(BASE, COFFEE | {"per": 100, "currency": "EUR", "points": 3})
    gain = earned(
        rules, basket(Line(category="coffee", value=1000), Line(category="tea", value=1000))
    )
    assert points(gain) == {"base": 10, "coffee": 30}
    # One that gives less than the general rule does not take its line away.
    weak = program(BASE, COFFEE | {"points": 1})
    assert points(earned(weak, basket(Line(category="coffee", value=1000)))) == {"base": 10}


def test_without_lines_the_best_base_rule_applies_to_the_whole():
    rules = program(BASE, VISIT, COFFEE | {"points": 500})
    assert points(earned(rules, Receipt(900))) == {"visit": 10}
    assert points(earned(rules, Receipt(1000))) == {"base": 10}
    assert points(earned(rules, Receipt(2000))) == {"base": 20}


def test_a_visit_competes_with_all_lines_together():
    rules = program(BASE, VISIT)
    assert points(earned(rules, basket(*[Line(value=600)] * 2))) == {"base": 12}
    assert points(earned(rules, basket(*[Line(value=400)] * 2))) == {"visit": 10}


def test_bonuses_add():
    rules = program(
        BASE,
        {"id": "five", "kind": "promotion", "bonus": 5},
        {"id": "seven", "kind": "promotion", "bonus": 7},
    )
    assert points(earned(rules, Receipt(300))) == {"base": 3, "five": 5, "seven": 7}
    # Even where the purchase itself is too small for a point.
    assert earned(rules, Receipt(1)).points == 12


def test_bonuses_are_not_multiplied():
    rules = program(BASE, {"id": "five", "kind": "promotion", "bonus": 5}, tiers=[GOLD])
    assert earned(rules, Receipt(300), tier=rules.tiers[0]).points == 4 + 5


def test_tier_and_promotion_multiply_and_of_promotions_only_the_best():
    rules = program(
        BASE,
        {"id": "double", "kind": "promotion", "name": "Double", "multiplier": "2"},
        {"id": "triple", "kind": "promotion", "name": "Triple week", "multiplier": "3"},
        tiers=[GOLD],
    )
    gain = earned(rules, Receipt(4210), tier=rules.tiers[0])
    # 42.1 × 1.5 × 3 = 189.45
    assert gain.points == 189
    assert gain.explanation == (
        "1 point per €1 on €42.10 = 42; Gold ×1.5 = 63; Triple week ×3 = 189"
    )


def test_rounding_down_once_at_the_end_of_the_order():
    rules = program(BASE, COFFEE | {"per": 100, "currency": "EUR", "points": 2}, tiers=[GOLD])
    lines = (Line(category="coffee", value=130), Line(value=160))
    # 2.6 + 1.6 = 4.2: no line is rounded by itself, which would give 3.
    gain = earned(rules, basket(*lines))
    assert (gain.points, points(gain)) == (4, {"base": 2, "coffee": 2})
    assert gain.explanation == (
        "1 point per €1 on €1.60 and 2 points per €1 on €1.30 of coffee = 4"
    )
    # 4.2 × 1.5 = 6.3
    assert earned(rules, basket(*lines), tier=rules.tiers[0]).points == 6


def test_tax_in_or_out_of_the_base_is_the_rules_choice():
    rules = program(BASE, COFFEE | {"per": 100, "currency": "EUR", "points": 2, "tax": "excluded"})
    lines = (Line(category="coffee", value=1230, tax=230), Line(value=1230, tax=230))
    assert points(earned(rules, basket(*lines, tax=460))) == {"base": 12, "coffee": 20}
    # Where only the order tells its tax, it is shared by what the lines cost.
    bare = (Line(category="coffee", value=1230), Line(value=1230))
    assert points(earned(rules, basket(*bare, tax=460))) == {"base": 12, "coffee": 20}


def test_a_discount_comes_off_the_other_lines_in_proportion():
    rules = program(BASE, COFFEE | {"per": 100, "currency": "EUR", "points": 10})
    lines = (Line(category="coffee", value=3000), Line(value=1000), Line(sku="off", value=-400))
    assert points(earned(rules, basket(*lines))) == {"base": 9, "coffee": 270}


@pytest.mark.parametrize(
    ("multiplier", "shown"),
    [("2", "×2"), ("10", "×10"), ("1.50", "×1.5"), ("1.000001", "×1.000001")],
)
def test_a_multiplier_is_shown_as_it_is(multiplier, shown):
    rules = program(BASE, {"id": "p", "kind": "promotion", "multiplier": multiplier})
    assert shown + " = " in earned(rules, Receipt(1000)).explanation


# -- promotions


@pytest.mark.parametrize(
    ("local", "applies"),
    [
        ((2026, 3, 2, 16, 59, 59), False),
        ((2026, 3, 2, 17, 0, 0), True),
        ((2026, 3, 2, 18, 59, 59), True),
        ((2026, 3, 2, 19, 0, 0), False),
        ((2026, 7, 2, 17, 0, 0), True),
    ],
)
def test_a_promotions_hours_are_those_of_the_programs_zone(local, applies):
    rules = program(BASE, HAPPY)
    gain = earned(rules, Receipt(1000, placed_at=datetime(*local, tzinfo=LISBON)))
    assert gain.points == (20 if applies else 10)


@pytest.mark.parametrize(
    ("local", "applies"),
    [
        # Friday 6 March 2026 from 22:00 to 02:00.
        ((6, 21, 59), False),
        ((6, 22, 0), True),
        ((7, 1, 59), True),
        ((7, 2, 0), False),
        ((7, 22, 30), False),
        ((6, 1, 0), False),
        ((14, 1, 0), False),
    ],
)
def test_hours_past_midnight_belong_to_the_day_they_began_on(local, applies):
    day, hour, minute = local
    night = HAPPY | {
        "hours": {"from": "22:00", "to": "02:00"},
        "weekdays": ["fri"],
        "to": "2026-03-06",
    }
    at = datetime(2026, 3, day, hour, minute, tzinfo=LISBON)
    assert earned(program(BASE, night), Receipt(1000, placed_at=at)).points == (
        20 if applies else 10
    )


def test_hours_across_a_change_of_the_clocks():
    night = program(BASE, HAPPY | {"hours": {"from": "01:00", "to": "02:00"}})

    def gives(*utc):
        return earned(night, Receipt(1000, placed_at=datetime(*utc, tzinfo=UTC))).points

    # 29 March 2026: 01:00 is skipped in Lisbon, so nothing is at that hour.
    assert [gives(2026, 3, 29, 0, 59), gives(2026, 3, 29, 1, 0)] == [10, 10]
    # 25 October 2026: 01:30 comes twice, and is the happy hour twice.
    assert [gives(2026, 10, 25, 0, 30), gives(2026, 10, 25, 1, 30)] == [20, 20]
    assert [gives(2026, 10, 24, 23, 59), gives(2026, 10, 25, 2, 0)] == [10, 10]


@pytest.mark.parametrize(
    ("day", "applies"),
    [((11, 30), False), ((12, 1), True), ((12, 24), True), ((12, 25), False)],
)
def test_a_promotion_has_dates_both_included(day, applies):
    rules = program(
        BASE,
        {"id": "xmas", "kind": "promotion", "multiplier": "2"}
        | {"from": "2026-12-01", "to": "2026-12-24"},
    )
    for hour, minute in ((0, 0), (23, 59)):
        at = datetime(2026, *day, hour, minute, tzinfo=LISBON)
        assert earned(rules, Receipt(1000, placed_at=at)).points == (20 if applies else 10)


def test_a_promotion_has_weekdays_stores_and_a_least_value():
    tuesdays = program(
        BASE,
        {"id": "tue", "kind": "promotion", "bonus": 5, "weekdays": ["tue"], "stores": ["porto"]}
        | {"currency": "EUR", "min_value": 1000},
    )
    tuesday = datetime(2026, 3, 3, 12, tzinfo=UTC)
    good = {"value": 1000, "placed_at": tuesday, "store": "porto"}
    assert earned(tuesdays, Receipt(**good)).points == 15
    assert earned(tuesdays, Receipt(**good | {"placed_at": NOON})).points == 10
    assert earned(tuesdays, Receipt(**good | {"store": "lisbon"})).points == 10
    assert earned(tuesdays, Receipt(**good | {"store": None})).points == 10
    assert earned(tuesdays, Receipt(**good | {"value": 999})).points == 9
    assert earned(tuesdays, Receipt(**good | {"currency": "USD"})).points == 0


def test_a_promotion_has_usage_limits():
    rules = program(
        BASE, {"id": "first", "kind": "promotion", "bonus": 5, "per_member": 2, "total": 10}
    )
    fresh = earned(rules, Receipt(100), used={"first": 9, "first:member": 1})
    assert (fresh.points, fresh.uses) == (6, ("first",))
    for used in ({"first": 10}, {"first:member": 2}):
        gone = earned(rules, Receipt(100), used=used)
        assert (gone.points, gone.uses) == (1, ())


def test_a_multiplier_of_nothing_is_not_used_up():
    rules = program(BASE, {"id": "double", "kind": "promotion", "multiplier": "2", "total": 1})
    assert earned(rules, Receipt(100, currency="USD")).uses == ()
    assert earned(rules, Receipt(100)).uses == ("double",)
    assert earned(rules, Receipt(1)).uses == ()
    beside = program(*DOUBLE_AND_FIVE)
    assert (earned(beside, Receipt(1)).points, earned(beside, Receipt(1)).uses) == (5, ())


# -- what was paid with points


def test_by_default_it_earns_on_what_was_paid_with_money():
    paid = Receipt(4000, points_paid_value=1000)
    assert earned(program(BASE), paid).points == 30
    assert earned(program(BASE, earn_on_points_paid=True), paid).points == 40
    assert earned(program(BASE), Receipt(4000, points_paid_value=4000)).points == 0


def test_what_points_paid_comes_off_all_lines_and_their_tax_in_proportion():
    rules = program(
        BASE | {"tax": "excluded"}, COFFEE | {"per": 100, "currency": "EUR", "points": 2}
    )
    lines = (Line(category="coffee", value=3000, tax=600), Line(value=1000, tax=200))
    gain = earned(rules, basket(*lines, tax=800, points_paid_value=1000))
    # Three quarters of each are left: 22.50 of coffee, and 6 before tax of the rest.
    assert points(gain) == {"base": 6, "coffee": 45}


# -- without loss


@given(
    weights=st.lists(st.integers(0, 10**12), min_size=1, max_size=30),
    share=st.integers(0, 1000),
)
def test_shares_add_up_and_none_is_more_than_its_own(weights, share):
    total = sum(weights) * share // 1000
    parts = shared(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert 0 <= part <= weight
        assert abs(part * sum(weights) - total * weight) < max(sum(weights), 1)


LINES = st.lists(
    st.builds(
        Line,
        category=st.sampled_from([None, "coffee", "tea"]),
        quantity=st.integers(0, 9),
        value=st.integers(-500, 100_000),
    ),
    max_size=12,
)


@given(lines=LINES, paid=st.integers(0, 1000), gold=st.booleans())
def test_whatever_the_lines_the_parts_are_the_whole_rounded_down_once(lines, paid, gold):
    value = sum(line.value for line in lines)
    rules = program(
        BASE, COFFEE | {"per": 300, "currency": "EUR", "points": 7, "id": "by3"}, tiers=[GOLD]
    )
    receipt = Receipt(
        value=value, lines=tuple(lines), points_paid_value=max(value, 0) * paid // 1000
    )
    gain = earned(rules, receipt, tier=rules.tiers[0] if gold else None)
    assert gain.points == sum(part.points for part in gain.parts)
    assert gain.points == sum(credit.points for credit in gain.credits())
    money = max(value, 0) - receipt.points_paid_value
    times = Fraction(3, 2) if gold else 1
    # Each euro brings one point at least and 7/3 at most: never more, never two cents less.
    assert int(Fraction(money, 100) * times) <= gain.points <= Fraction(money * 7, 300) * times
    assert all(part.points > 0 and part.explanation for part in gain.parts)


@given(value=st.integers(1, 10**6), cuts=st.lists(st.integers(1, 10**6), max_size=6))
def test_how_an_order_is_split_into_lines_changes_nothing(value, cuts):
    edges = sorted({0, value, *(cut % value for cut in cuts)})
    lines = [Line(value=high - low) for low, high in pairwise(edges)]
    rules = program(BASE | {"per": 300, "points": 7})
    assert earned(rules, basket(*lines)).points == earned(rules, Receipt(value)).points


def test_fifty_rules_cost_less_than_a_fifth_of_a_millisecond():
    dice = random.Random(1)
    rules = [
        BASE | {"id": f"spend{n}", "points": dice.randint(1, 9), "per": dice.randint(50, 200)}
        for n in range(15)
    ]
    rules += [COFFEE | {"id": f"item{n}", "categories": [f"c{n}"]} for n in range(15)]
    rules += [VISIT | {"id": f"visit{n}", "points": n + 1} for n in range(5)]
    rules += [
        {"id": f"promo{n}", "kind": "promotion", "weekdays": ["mon", "tue"], "bonus": n + 1}
        | {"hours": {"from": "09:00", "to": "18:00"}, "from": "2026-01-01", "to": "2026-12-31"}
        for n in range(10)
    ]
    rules += [
        {"id": f"times{n}", "kind": "promotion", "multiplier": f"1.{n}", "stores": [f"s{n}"]}
        for n in range(5)
    ]
    fifty = program(*rules)
    assert len(fifty.earning) == 50
    order = basket(*[Line(category=f"c{n}", value=100 * n + 99) for n in range(5)], store="s3")
    assert earned(fifty, order).points > 0
    # The least of many runs: what it costs when nothing else gets in the way.
    took = min(timeit.repeat(lambda: earned(fifty, order), number=20, repeat=20)) / 20
    assert took < 0.0002, f"{took * 1000:.3f} ms"
