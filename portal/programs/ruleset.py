"""A program's earning rules, sorted once so that an order finds its own quickly."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from portal.programs.rules import (
    EventRule,
    ItemRule,
    PromotionRule,
    Rule,
    SpendRule,
    TriggerRule,
    VisitRule,
)

Kind = TypeVar("Kind", bound=Rule)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruleset:
    """The rules by what finds them. Base rules carry their place in the file, for ties."""

    spends: dict[str, tuple[tuple[int, SpendRule], ...]]
    """By currency, without those that another one always outdoes."""
    items: bool
    """Whether there are item rules at all."""
    by_sku: dict[str, tuple[tuple[int, ItemRule], ...]]
    by_category: dict[str, tuple[tuple[int, ItemRule], ...]]
    visits: tuple[VisitRule, ...]
    """Those that give most first."""
    multipliers: tuple[PromotionRule, ...]
    """The highest first."""
    bonuses: tuple[PromotionRule, ...]
    triggers: tuple[TriggerRule, ...]
    events: dict[str, tuple[EventRule, ...]]
    counted: tuple[PromotionRule | VisitRule, ...]
    """Those with a usage limit."""

    def items_for(self, sku: str | None, category: str | None) -> tuple[tuple[int, ItemRule], ...]:
        """The item rules that may match; one that names both sku and category twice."""
        by_sku = self.by_sku.get(sku, ()) if sku is not None else ()
        by_category = self.by_category.get(category, ()) if category is not None else ()
        return by_sku + by_category


def ruleset(rules: Iterable[Rule]) -> Ruleset:
    """The rules, sorted."""
    placed = list(enumerate(rules))
    promotions = _of(PromotionRule, placed)
    by_sku: dict[str, list[tuple[int, ItemRule]]] = {}
    by_category: dict[str, list[tuple[int, ItemRule]]] = {}
    for place, item in _of(ItemRule, placed):
        for sku in item.skus:
            by_sku.setdefault(sku, []).append((place, item))
        for category in item.categories:
            by_category.setdefault(category, []).append((place, item))
    events: dict[str, list[EventRule]] = {}
    for _, event in _of(EventRule, placed):
        events.setdefault(event.event, []).append(event)
    visits = [rule for _, rule in _of(VisitRule, placed)]
    counted: list[PromotionRule | VisitRule] = [rule for _, rule in promotions if rule.limited]
    counted += [rule for rule in visits if rule.once_a_day]
    return Ruleset(
        spends=_best_rates(_of(SpendRule, placed)),
        items=bool(by_sku or by_category),
        by_sku={sku: tuple(found) for sku, found in by_sku.items()},
        by_category={category: tuple(found) for category, found in by_category.items()},
        visits=tuple(sorted(visits, key=lambda rule: -rule.points)),
        multipliers=tuple(
            sorted(
                (rule for _, rule in promotions if rule.multiplier is not None),
                key=lambda rule: (-(rule.multiplier or 1), rule.limited),
            )
        ),
        bonuses=tuple(rule for _, rule in promotions if rule.bonus is not None),
        triggers=tuple(rule for _, rule in _of(TriggerRule, placed)),
        events={name: tuple(found) for name, found in events.items()},
        counted=tuple(counted),
    )


def _of(kind: type[Kind], placed: Iterable[tuple[int, Rule]]) -> list[tuple[int, Kind]]:
    return [(place, rule) for place, rule in placed if isinstance(rule, kind)]


def _best_rates(
    placed: Iterable[tuple[int, SpendRule]],
) -> dict[str, tuple[tuple[int, SpendRule], ...]]:
    """Of rules that count the same money in proportion, only the best can ever apply."""
    kept: dict[str, list[tuple[int, SpendRule]]] = {}
    best: dict[tuple[str, str], tuple[int, SpendRule]] = {}
    for place, rule in placed:
        if rule.whole:
            kept.setdefault(rule.currency, []).append((place, rule))
            continue
        known = best.get((rule.currency, rule.tax))
        if known is None or rule.points * known[1].per > known[1].points * rule.per:
            best[rule.currency, rule.tax] = (place, rule)
    for (currency, _), found in best.items():
        kept.setdefault(currency, []).append(found)
    return {
        currency: tuple(sorted(rules, key=lambda one: one[0])) for currency, rules in kept.items()
    }
