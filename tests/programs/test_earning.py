"""What purchases and events earn: worked examples."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.programs import schema
from portal.programs.earning import ACCOUNT_CREATED, Line, earned
from portal.programs.program import from_document

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Receipt:
    value: int
    currency: str = "EUR"
    tax: int = 0
    placed_at: datetime = NOON
    store: str | None = None
    lines: tuple[Line, ...] = ()
    points_paid_value: int = 0


def rule(id="base", **changes):
    return {"id": id, "kind": "spend", "currency": "EUR", "per": 100, "points": 1} | changes


def program(*rules, **parts):
    document = {"id": "x", "name": "X", "currency": "PTS", "earning": list(rules)} | parts
    return from_document(schema.check(document), version=1)


def test_one_point_per_euro():
    gain = earned(program(rule()), Receipt(4210))
    assert (gain.points, gain.rule_id, gain.available_from) == (42, "base", None)
    assert gain.explanation == "1 point per €1 on €42.10 = 42"
    assert gain.expires_at == datetime(2027, 3, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("per", "points", "value", "gives"),
    [
        (100, 1, 99, 0),
        (100, 1, 100, 1),
        (100, 1, 199, 1),
        (100, 10, 4210, 421),
        (100, 10, 4219, 421),
        (250, 3, 1000, 12),
        (300, 1, 899, 2),
        (1, 1, 7, 7),
    ],
)
def test_a_part_earns_in_proportion_and_rounds_down_once(per, points, value, gives):
    assert earned(program(rule(per=per, points=points)), Receipt(value)).points == gives


def test_credits_in_cents():
    credits = program(
        rule(points=5), currency="EUR", decimals=2, unit={"one": "credit", "other": "credits"}
    )
    gain = earned(credits, Receipt(4210))
    assert gain.points == 210
    assert gain.explanation == "0.05 credits per €1 on €42.10 = 2.10"


def test_tax_is_out_of_the_base_where_the_rule_says_so():
    receipt = Receipt(12300, tax=2300)
    assert earned(program(rule()), receipt).points == 123
    gain = earned(program(rule(tax="excluded")), receipt)
    assert gain.points == 100
    assert gain.explanation == "1 point per €1 on €100 before tax = 100"


def test_another_currency_earns_nothing():
    gain = earned(program(rule()), Receipt(4210, currency="USD"))
    assert (gain.points, gain.rule_id, gain.expires_at) == (0, None, None)
    assert gain.explanation == "Nothing is earned on purchases in USD"


@pytest.mark.parametrize("value", [0, -1, -4210])
def test_zero_or_less_earns_nothing(value):
    gain = earned(program(rule()), Receipt(value))
    assert gain.points == 0
    assert gain.explanation == "A purchase of zero or less earns nothing"


def test_less_than_one_point_says_so():
    gain = earned(program(rule()), Receipt(99))
    assert gain.points == 0
    assert gain.explanation == "1 point per €1 on €0.99 is less than one and earns nothing"


def test_a_program_without_rules_earns_nothing():
    assert earned(program(), Receipt(4210)).points == 0


def test_the_best_base_rule_applies_and_the_first_of_two_that_give_the_same():
    both = program(rule("plain"), rule("double", points=2), rule("usd", currency="USD", points=9))
    assert earned(both, Receipt(4210)).rule_id == "double"
    assert earned(both, Receipt(4210)).points == 84
    assert earned(program(rule("one"), rule("two")), Receipt(4210)).rule_id == "one"


def test_the_best_rule_is_found_before_rounding():
    # 1 per €1 gives 1.9, 3 per €1.50 gives 3.8.
    both = program(rule("one"), rule("three", per=150, points=3))
    gain = earned(both, Receipt(190))
    assert (gain.rule_id, gain.points) == ("three", 3)


def test_waiting_points_are_promised_and_expire_as_if_they_had_not_waited():
    lisbon = program(rule(wait_days=14), timezone="Europe/Lisbon")
    gain = earned(lisbon, Receipt(4210, placed_at=datetime(2026, 3, 20, 23, 30, tzinfo=UTC)))
    # 14 days after 20 March is 3 April, in summer time by then.
    assert gain.available_from == datetime(2026, 4, 2, 23, tzinfo=UTC)
    assert lisbon.last_day(gain.expires_at).isoformat() == "2027-03-20"


def test_a_tier_multiplies_before_the_one_rounding():
    tiered = program(
        rule(), tiers=[{"id": "gold", "name": "Gold", "from": 1000, "multiplier": "1.5"}]
    )
    gold = tiered.tier_of(1000)
    gain = earned(tiered, Receipt(4210), tier=gold)
    # 42.1 × 1.5 = 63.15
    assert gain.points == 63
    assert gain.explanation == "1 point per €1 on €42.10 = 42; Gold ×1.5 = 63"
    assert earned(tiered, Receipt(4290), tier=gold).points == 64
    assert earned(tiered, Receipt(4290), tier=tiered.tier_of(999)).points == 42


def test_tiers_by_points():
    tiered = program(
        tiers=[
            {"id": "silver", "name": "Silver", "from": 100},
            {"id": "gold", "name": "Gold", "from": 1000},
        ]
    )
    assert tiered.tier_of(99) is None
    assert tiered.tier_of(100).id == "silver"
    assert tiered.tier_of(5000).id == "gold"
    assert tiered.next_tier(-5).id == "silver"
    assert tiered.next_tier(100).id == "gold"
    assert tiered.next_tier(1000) is None


def test_the_welcome_bonus():
    welcoming = program(
        {"id": "welcome", "kind": "event", "event": "account.created", "points": 50},
        {"id": "cake", "kind": "event", "event": "birthday", "points": 5},
    )
    (bonus,) = welcoming.bonuses(ACCOUNT_CREATED, NOON)
    assert (bonus.rule_id, bonus.points) == ("welcome", 50)
    assert bonus.explanation == "50 points for account.created"
    assert bonus.expires_at == datetime(2027, 3, 3, tzinfo=UTC)
    assert earned(welcoming, Receipt(100)).points == 0


@given(
    value=st.integers(-(10**12), 10**12),
    per=st.integers(1, 10**6),
    points=st.integers(1, 10**6),
    share=st.integers(0, 100),
)
def test_earning_is_the_exact_share_rounded_down(value, per, points, share):
    tax = max(value, 0) * share // 100
    gain = earned(
        program(rule(per=per, points=points, tax="excluded")), Receipt(value, tax=tax)
    ).points
    base = max(value - tax, 0)
    assert gain * per <= base * points < (gain + 1) * per
    assert gain >= 0
