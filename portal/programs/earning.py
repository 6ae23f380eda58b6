"""What purchases and events earn: pure functions over plain data.

Rounding happens once, downward, after everything else (DESIGN, "The book of
points"). The best base rule applies; bonuses add. Kinds of rules are looked
up by name in :data:`KINDS`, so that a new one joins without touching others.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol

from portal.programs import calendar
from portal.programs.money import Money, spoken

if TYPE_CHECKING:
    from portal.programs.program import Program, Tier

ACCOUNT_CREATED = "account.created"
"""The event of enrolling; a rule that waits for it gives a welcome bonus."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendRule:
    """``points`` for each ``per`` spent, and in proportion for a part of it."""

    id: str
    currency: str
    per: int
    points: int
    tax: Literal["included", "excluded"]
    wait_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRule:
    """A fixed bonus when something happens, such as ``account.created``."""

    id: str
    event: str
    points: int


Rule = SpendRule | EventRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Bonus:
    """What an event gives. ``points`` are spendable at once."""

    rule_id: str
    points: int
    explanation: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Earned:
    """What one purchase earns, by which rule, and from when until when it counts.

    ``available_from`` is None where the points can be spent at once; otherwise
    they are promised until then.
    """

    points: int
    rule_id: str | None
    available_from: datetime | None
    expires_at: datetime | None
    _explain: Callable[[], str] = field(repr=False, compare=False)

    @property
    def explanation(self) -> str:
        """How the points came about, in one English sentence; made when asked for."""
        return self._explain()


def _spend(fields: dict[str, Any]) -> SpendRule:
    return SpendRule(**fields)


def _event(fields: dict[str, Any]) -> EventRule:
    return EventRule(**fields)


KINDS: dict[str, Callable[[dict[str, Any]], Rule]] = {"spend": _spend, "event": _event}
"""How each kind of rule in a program file becomes an object."""


def rules_from(documents: Iterable[dict[str, Any]]) -> tuple[Rule, ...]:
    """The rules that the ``earning`` part of a checked program file describes."""
    return tuple(
        KINDS[document["kind"]]({key: document[key] for key in document if key != "kind"})
        for document in documents
    )


def earned(program: "Program", purchase: Bought, *, tier: "Tier | None" = None) -> Earned:
    """What ``purchase`` earns in ``program``; nothing for zero or less.

    The spend rule that gives most applies, a tie going to the one that stands
    first in the file; a tier multiplies it before the one rounding.
    """
    best: SpendRule | None = None
    # The exact gain so far, as a fraction of whole numbers.
    most, share = 0, 1
    for rule in program.earning:
        if isinstance(rule, SpendRule) and rule.currency == purchase.currency:
            gain = _base(rule, purchase) * rule.points
            if gain * share > most * rule.per:
                best, most, share = rule, gain, rule.per
    times, of = tier.multiplier.as_integer_ratio() if tier else (1, 1)
    points = most * times // (share * of)
    if best is None or points <= 0:
        return Earned(
            points=0,
            rule_id=None,
            available_from=None,
            expires_at=None,
            _explain=lambda: _why_nothing(program, purchase, best),
        )
    applied = best
    return Earned(
        points=points,
        rule_id=applied.id,
        available_from=_available_from(program, applied, purchase.placed_at),
        expires_at=program.expires_at(purchase.placed_at),
        _explain=lambda: _why(program, applied, purchase, tier, most // share, points),
    )


def _base(rule: SpendRule, purchase: Bought) -> int:
    without = purchase.tax if rule.tax == "excluded" else 0
    return max(purchase.value - without, 0)


def _available_from(program: "Program", rule: SpendRule, placed_at: datetime) -> datetime | None:
    if not rule.wait_days:
        return None
    bought_on = program.local_date(placed_at)
    return calendar.start_of_day(calendar.add_days(bought_on, rule.wait_days), program.timezone)


def _rate_of(program: "Program", rule: SpendRule) -> str:
    per = spoken(Money(rule.per, rule.currency))
    return f"{program.spoken_points(rule.points)} per {per}"


def _base_in_words(rule: SpendRule, purchase: Bought) -> str:
    base = spoken(Money(_base(rule, purchase), rule.currency))
    return f"{base} before tax" if rule.tax == "excluded" and purchase.tax else base


def _why(
    program: "Program",
    rule: SpendRule,
    purchase: Bought,
    tier: "Tier | None",
    before_tier: int,
    points: int,
) -> str:
    sentence = f"{_rate_of(program, rule)} on {_base_in_words(rule, purchase)}"
    if tier is None or tier.multiplier == 1:
        return f"{sentence} = {program.plain(points)}"
    return (
        f"{sentence} = {program.plain(before_tier)}; "
        f"{tier.name} ×{tier.multiplier.normalize():f} = {program.plain(points)}"
    )


def _why_nothing(program: "Program", purchase: Bought, rule: SpendRule | None) -> str:
    if rule:
        return (
            f"{_rate_of(program, rule)} on {_base_in_words(rule, purchase)} "
            "is less than one and earns nothing"
        )
    if purchase.value <= 0:
        return "A purchase of zero or less earns nothing"
    return f"Nothing is earned on purchases in {purchase.currency}"
