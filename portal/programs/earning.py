"""What purchases earn: pure functions over plain data.

The base rule that gives most applies to each line of the order (to the whole,
where no lines are given); a visit competes with all lines together. A tier
and the best multiplying promotion multiply that, and rounding happens once,
downward, at the end (RULES, "Earning"). Bonuses add, and are not multiplied.
Points that wait for a trigger are a credit of their own, rounded by itself.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple, Protocol

from portal.programs import calendar, explaining
from portal.programs.rules import (
    ItemRule,
    PromotionRule,
    SpendRule,
    TriggerRule,
    VisitRule,
)
from portal.programs.ruleset import Ruleset
from portal.programs.sharing import shared

if TYPE_CHECKING:
    from portal.programs.program import Program, Tier

ACCOUNT_CREATED = "account.created"
"""The event of enrolling; a rule that waits for it gives a welcome bonus."""

NOTHING_USED: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a receipt. ``value`` is of all its items together, ``tax`` a part of it.

    A negative value takes off (a discount, an item given back).
    """

    sku: str | None = None
    category: str | None = None
    quantity: int = 1
    value: int
    tax: int = 0


class Bought(Protocol):
    """What earning needs to know of a purchase; amounts in the currency's smallest unit."""

    @property
    def value(self) -> int:
        """The total, tax included."""

    @property
    def tax(self) -> int:
        """The part of ``value`` that is tax."""

    @property
    def currency(self) -> str:
        """The currency of both."""

    @property
    def placed_at(self) -> datetime:
        """When it was bought; expiry and waiting count from here."""

    @property
    def store(self) -> str | None:
        """Where."""

    @property
    def lines(self) -> Sequence[Line]:
        """What was bought, adding up to ``value``; empty where that is not known."""

    @property
    def points_paid_value(self) -> int:
        """The part of ``value`` that was paid with points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bonus:
    """What an event gives, and to whom; spendable at once where ``available_from`` is None."""

    rule_id: str
    points: int
    explanation: str
    expires_at: datetime | None
    available_from: datetime | None = None
    rewards: str = "member"


@dataclass(frozen=True, slots=True, kw_only=True)
class EarnedPart:
    """What one rule gave. It waits for ``available_from``, or for ``trigger``, where set."""

    rule_id: str
    points: int
    available_from: datetime | None = None
    trigger: str | None = None
    _explain: Callable[[], str] = field(repr=False, compare=False)

    @property
    def explanation(self) -> str:
        """One English sentence."""
        return self._explain()


class Credit(NamedTuple):
    """Parts that become spendable together: one movement of the ledger."""

    points: int
    available_from: datetime | None
    trigger: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Earned:
    """What one purchase earns, and until when it counts.

    ``points`` are all of them; ``parts`` say which rule gave how many and from
    when they can be spent. ``rule_id`` is the rule that gave the first part,
    ``available_from`` the first date that any of them wait for. ``uses`` are
    the rules with a usage limit that applied.
    """

    points: int
    rule_id: str | None
    available_from: datetime | None
    expires_at: datetime | None
    parts: tuple[EarnedPart, ...] = ()
    uses: tuple[str, ...] = ()
    _explain: Callable[[], str] = field(repr=False, compare=False)

    @property
    def explanation(self) -> str:
        """How the points came about, in one English sentence; made when asked for."""
        return self._explain()

    @property
    def promised(self) -> int:
        """How many of the points wait, for a date or a trigger."""
        return sum(part.points for part in self.parts if part.available_from or part.trigger)

    def credits(self) -> tuple[Credit, ...]:
        """The parts, those together that become spendable together."""
        if len(self.parts) == 1:
            part = self.parts[0]
            return (Credit(part.points, part.available_from, part.trigger),)
        merged: dict[tuple[datetime | None, str | None], int] = {}
        for part in self.parts:
            key = (part.available_from, part.trigger)
            merged[key] = merged.get(key, 0) + part.points
        return tuple(Credit(points, *key) for key, points in merged.items())


class Gain(NamedTuple):
    """What a base rule gives exactly: ``num / den`` points, on ``base`` money or items."""

    rule: SpendRule | ItemRule | VisitRule
    num: int
    den: int
    base: int


class Factor(NamedTuple):
    """What multiplies the base, under the name that a page shows."""

    name: str
    times: Fraction


class Workings(NamedTuple):
    """All that led to a result, for whoever explains it."""

    gains: list[Gain]
    factors: list[Factor]
    base_parts: list[int]
    bonuses: list[tuple[PromotionRule, int]]
    waiting: list[tuple[TriggerRule, int, int]]
    """Rule, points, and the money they were given for."""


def earned(
    program: "Program",
    purchase: Bought,
    *,
    tier: "Tier | None" = None,
    used: Mapping[str, int] = NOTHING_USED,
) -> Earned:
    """What ``purchase`` earns in ``program``; nothing for zero or less.

    Args:
        tier: of the buyer before this purchase.
        used: how often rules with a limit applied before: by rule id in all,
            by ``<id>:member`` for this member, by ``<id>:day`` for this
            member on the day of the purchase.
    """
    if purchase.value <= 0:
        return _nothing(lambda: "A purchase of zero or less earns nothing")
    rules = program.ruleset
    lines = _money_lines(program, purchase)
    gains = _best(rules, purchase.currency, lines)
    if rules.visits:
        gains = _or_visit(rules, gains, used)
    factors = _factors(program, purchase, tier, used) if gains else []
    base_parts = _rounded(gains, factors)
    bonuses = [
        (rule, rule.bonus or 0) for rule in rules.bonuses if _applies(program, rule, purchase, used)
    ]
    waiting = _waiting(rules, purchase.currency, lines)
    work = Workings(gains, [factor for factor, _ in factors], base_parts, bonuses, waiting)
    parts = _parts(program, purchase, work)
    if not parts:
        return _nothing(lambda: explaining.nothing(program, purchase.currency, work))
    uses = [rule.id for _, rule in factors if rule is not None and rule.limited and any(base_parts)]
    uses += [rule.id for rule, _ in bonuses if rule.limited]
    uses += [
        gain.rule.id for gain in gains if isinstance(gain.rule, VisitRule) and gain.rule.once_a_day
    ]
    return Earned(
        points=sum(part.points for part in parts),
        rule_id=parts[0].rule_id,
        available_from=min(
            (part.available_from for part in parts if part.available_from), default=None
        ),
        expires_at=program.expires_at(purchase.placed_at),
        parts=tuple(parts),
        uses=tuple(uses),
        _explain=lambda: explaining.order(program, purchase.currency, work),
    )


def _nothing(explain: Callable[[], str]) -> Earned:
    return Earned(points=0, rule_id=None, available_from=None, expires_at=None, _explain=explain)


class _Money(NamedTuple):
    """A line as rules see it: what was paid for it, with tax and without."""

    sku: str | None
    category: str | None
    quantity: int
    value: int
    net: int


def _money_lines(program: "Program", purchase: Bought) -> list[_Money]:
    paid = purchase.points_paid_value
    off = 0 if program.earn_on_points_paid else min(max(paid, 0), purchase.value)
    if not purchase.lines:
        value = purchase.value
        if not off:
            return [_Money(None, None, 1, value, value - purchase.tax)]
        net_off = shared(off, [value - purchase.tax, purchase.tax])[0]
        return [_Money(None, None, 1, value - off, value - purchase.tax - net_off)]
    lines = [line for line in purchase.lines if line.value > 0]
    off += -sum(line.value for line in purchase.lines if line.value < 0)
    taxes = [line.tax for line in lines]
    if purchase.tax and not any(taxes):
        taxes = shared(purchase.tax, [line.value for line in lines])
    # Each line is its net and its tax; what was paid otherwise comes off both in proportion.
    cells = [
        cell for line, tax in zip(lines, taxes, strict=True) for cell in (line.value - tax, tax)
    ]
    if off:
        cells = [cell - less for cell, less in zip(cells, shared(off, cells), strict=True)]
    return [
        _Money(
            line.sku, line.category, line.quantity, cells[2 * at] + cells[2 * at + 1], cells[2 * at]
        )
        for at, line in enumerate(lines)
    ]


def _best(rules: Ruleset, currency: str, lines: Sequence[_Money]) -> list[Gain]:
    """Each base rule that won a line, with what it gives on all the lines it won."""
    spends = rules.spends.get(currency, ())
    won: dict[int, tuple[SpendRule | ItemRule, int]] = {}
    for line in lines:
        candidates: tuple[tuple[int, SpendRule | ItemRule], ...] = (
            (*spends, *rules.items_for(line.sku, line.category)) if rules.items else spends
        )
        best: tuple[int, SpendRule | ItemRule, int] | None = None
        most = (0, 0, 1)
        for place, rule in candidates:
            amount = _amount(rule, line, currency)
            if amount is None:
                continue
            gain = _alone(rule, amount)
            if best is None or _more(gain, most) or (place < best[0] and not _more(most, gain)):
                best, most = (place, rule, amount), gain
        if best is not None:
            place, rule, amount = best
            won[place] = (rule, won[place][1] + amount if place in won else amount)
    gains = [Gain(rule, *_exact(rule, amount), amount) for _, (rule, amount) in sorted(won.items())]
    return [gain for gain in gains if gain.base > 0]


def _amount(rule: SpendRule | ItemRule, line: _Money, currency: str) -> int | None:
    """How much of ``line`` counts for ``rule``: money, or items; None where it does not match."""
    if isinstance(rule, ItemRule) and rule.per is None:
        return max(line.quantity, 0)
    if rule.currency != currency:
        return None
    return max(line.net if rule.tax == "excluded" else line.value, 0)


def _step(rule: SpendRule | ItemRule) -> tuple[int, bool]:
    """How much brings ``rule.points`` once, and whether only full steps count."""
    if isinstance(rule, ItemRule) and rule.per is None:
        return rule.each or 1, True
    return rule.per or 1, rule.whole


def _alone(rule: SpendRule | ItemRule, amount: int) -> tuple[int, int, int]:
    """On this amount by itself, and in proportion: two numerators over one denominator."""
    step, whole = _step(rule)
    in_proportion = amount * rule.points
    return (amount // step * step * rule.points if whole else in_proportion), in_proportion, step


def _more(one: tuple[int, int, int], other: tuple[int, int, int]) -> bool:
    left, right = one[0] * other[2], other[0] * one[2]
    return left > right or (left == right and one[1] * other[2] > other[1] * one[2])


def _exact(rule: SpendRule | ItemRule, amount: int) -> tuple[int, int]:
    step, whole = _step(rule)
    return (amount // step * rule.points, 1) if whole else (amount * rule.points, step)


def _or_visit(rules: Ruleset, gains: list[Gain], used: Mapping[str, int]) -> list[Gain]:
    """The visit that gives most, where it gives more than all lines together."""
    visit = next(
        (rule for rule in rules.visits if not (rule.once_a_day and used.get(f"{rule.id}:day"))),
        None,
    )
    if visit is None or visit.points <= sum(Fraction(gain.num, gain.den) for gain in gains):
        return gains
    return [Gain(visit, visit.points, 1, 1)]


def _factors(
    program: "Program", purchase: Bought, tier: "Tier | None", used: Mapping[str, int]
) -> list[tuple[Factor, PromotionRule | None]]:
    found: list[tuple[Factor, PromotionRule | None]] = []
    if tier is not None and tier.multiplier != 1:
        found.append((Factor(tier.name, Fraction(tier.multiplier)), None))
    # Highest first: of several promotions that multiply, one applies.
    for rule in program.ruleset.multipliers:
        if _applies(program, rule, purchase, used):
            found.append((Factor(rule.name or rule.id, rule.multiplier or Fraction(1)), rule))
            break
    return found


def _applies(
    program: "Program", rule: PromotionRule, purchase: Bought, used: Mapping[str, int]
) -> bool:
    if rule.total is not None and used.get(rule.id, 0) >= rule.total:
        return False
    if rule.per_member is not None and used.get(f"{rule.id}:member", 0) >= rule.per_member:
        return False
    if rule.currency is not None and rule.currency != purchase.currency:
        return False
    if rule.min_value is not None and purchase.value < rule.min_value:
        return False
    return rule.when.meets(purchase.placed_at, program.timezone, purchase.store)


def _rounded(gains: list[Gain], factors: list[tuple[Factor, PromotionRule | None]]) -> list[int]:
    """The one rounding: the total down, then shared by what each rule gave."""
    times, of = 1, 1
    for factor, _ in factors:
        times, of = times * factor.times.numerator, of * factor.times.denominator
    if len(gains) == 1:
        return [gains[0].num * times // (gains[0].den * of)]
    exact = [Fraction(gain.num, gain.den) for gain in gains]
    return shared(int(sum(exact) * times // of), exact)


def _waiting(
    rules: Ruleset, currency: str, lines: Sequence[_Money]
) -> list[tuple[TriggerRule, int, int]]:
    found = []
    for rule in rules.triggers:
        if rule.per is None:
            if rule.currency in (None, currency):
                found.append((rule, rule.points, 0))
        elif rule.currency == currency:
            money = sum(line.net if rule.tax == "excluded" else line.value for line in lines)
            steps = money // rule.per * rule.points
            found.append((rule, steps if rule.whole else money * rule.points // rule.per, money))
    return [row for row in found if row[1] > 0]


def _parts(program: "Program", purchase: Bought, work: Workings) -> list[EarnedPart]:
    def sentence(kind: Callable[..., str], at: int) -> Callable[[], str]:
        return lambda: kind(program, purchase.currency, work, at)

    def waits(days: int) -> datetime | None:
        return available_from(program, days, purchase.placed_at)

    parts = [
        EarnedPart(
            rule_id=gain.rule.id,
            points=points,
            available_from=waits(gain.rule.wait_days),
            _explain=sentence(explaining.base_part, at),
        )
        for at, (gain, points) in enumerate(zip(work.gains, work.base_parts, strict=True))
        if points > 0
    ]
    parts += [
        EarnedPart(
            rule_id=rule.id,
            points=points,
            available_from=waits(rule.wait_days),
            _explain=sentence(explaining.bonus_part, at),
        )
        for at, (rule, points) in enumerate(work.bonuses)
    ]
    parts += [
        EarnedPart(
            rule_id=rule.id,
            points=points,
            trigger=rule.trigger,
            _explain=sentence(explaining.waiting_part, at),
        )
        for at, (rule, points, _) in enumerate(work.waiting)
    ]
    return parts


def available_from(program: "Program", wait_days: int, earned_at: datetime) -> datetime | None:
    """The start of the day, so many days later, on which points can be spent; None: at once."""
    if not wait_days:
        return None
    day = calendar.add_days(program.local_date(earned_at), wait_days)
    return calendar.start_of_day(day, program.timezone)
