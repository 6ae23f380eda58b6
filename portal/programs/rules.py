"""The kinds of earning rules that a program file may hold, as plain objects.

Base rules (``spend``, ``item``, ``visit``) compete: the one that gives most
applies. Everything else adds. See the README, "The program file".
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, time
from fractions import Fraction
from typing import Any, Literal

from portal.programs.conditions import ALWAYS, Conditions, Hours

Tax = Literal["included", "excluded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendRule:
    """``points`` for each ``per`` spent, and in proportion for a part of it unless ``whole``."""

    id: str
    currency: str
    per: int
    points: int
    tax: Tax = "included"
    wait_days: int = 0
    whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRule:
    """``points`` for some items: for every ``each`` of them, or for each ``per`` spent on them.

    An item matches by its sku or its category. Only full ``each`` count, over
    all matching lines of the order together.
    """

    id: str
    points: int
    skus: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    each: int | None = None
    currency: str | None = None
    per: int | None = None
    tax: Tax = "included"
    wait_days: int = 0
    whole: bool = False
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitRule:
    """``points`` for an order, whatever it costs; ``once_a_day`` in the program's zone."""

    id: str
    points: int
    once_a_day: bool = False
    wait_days: int = 0
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionRule:
    """A multiplier of what the base rules give, or a bonus beside it, under conditions.

    ``min_value`` is in the smallest unit of ``currency``. ``per_member`` and
    ``total`` limit how often it applies.
    """

    id: str
    multiplier: Fraction | None = None
    bonus: int | None = None
    when: Conditions = ALWAYS
    currency: str | None = None
    min_value: int | None = None
    per_member: int | None = None
    total: int | None = None
    wait_days: int = 0
    name: str | None = None

    @property
    def limited(self) -> bool:
        """Whether its uses are counted."""
        return self.per_member is not None or self.total is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerRule:
    """Points of an order that wait for the named trigger: fixed, or for each ``per`` spent."""

    id: str
    trigger: str
    points: int
    currency: str | None = None
    per: int | None = None
    tax: Tax = "included"
    whole: bool = False
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRule:
    """A fixed bonus when something happens, such as ``account.created``.

    ``rewards`` says whom: the member it happened to, or who referred them.
    """

    id: str
    event: str
    points: int
    rewards: Literal["member", "referrer"] = "member"
    wait_days: int = 0
    name: str | None = None


Rule = SpendRule | ItemRule | VisitRule | PromotionRule | TriggerRule | EventRule


def _item(fields: dict[str, Any]) -> ItemRule:
    lists = {name: frozenset(fields.get(name, ())) for name in ("skus", "categories")}
    counted = {} if "per" in fields or "each" in fields else {"each": 1}
    return ItemRule(**fields | lists | counted)


def _promotion(fields: dict[str, Any]) -> PromotionRule:
    own = {name: fields[name] for name in _PROMOTION if name in fields}
    if "multiplier" in own:
        own["multiplier"] = Fraction(own["multiplier"])
    hours = fields.get("hours")
    when = Conditions(
        first_day=date.fromisoformat(fields["from"]) if fields.get("from") else None,
        last_day=date.fromisoformat(fields["to"]) if fields.get("to") else None,
        weekdays=frozenset(WEEKDAYS.index(day) for day in fields.get("weekdays", ())),
        hours=(
            Hours(start=time.fromisoformat(hours["from"]), end=time.fromisoformat(hours["to"]))
            if hours
            else None
        ),
        stores=frozenset(fields.get("stores", ())),
    )
    return PromotionRule(**own, when=when)


WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""As a program file names them."""

_PROMOTION = (
    "id",
    "name",
    "multiplier",
    "bonus",
    "currency",
    "min_value",
    "per_member",
    "total",
    "wait_days",
)

KINDS: dict[str, Callable[[dict[str, Any]], Rule]] = {
    "spend": lambda fields: SpendRule(**fields),
    "item": _item,
    "visit": lambda fields: VisitRule(**fields),
    "promotion": _promotion,
    "trigger": lambda fields: TriggerRule(**fields),
    "event": lambda fields: EventRule(**fields),
}
"""How each kind of rule in a program file becomes an object."""


def rules_from(documents: Iterable[dict[str, Any]]) -> tuple[Rule, ...]:
    """The rules that the ``earning`` part of a checked program file describes."""
    return tuple(
        KINDS[document["kind"]]({key: document[key] for key in document if key != "kind"})
        for document in documents
    )
