"""How points came about, in English sentences that a page can show."""

from fractions import Fraction
from typing import TYPE_CHECKING

from portal.programs.money import Money, plain, spoken
from portal.programs.rules import ItemRule, PromotionRule, SpendRule, TriggerRule, VisitRule

if TYPE_CHECKING:
    from portal.programs.earning import Gain, Workings
    from portal.programs.program import Program

_NAMES_SHOWN = 3
_DECIMALS = 6


def order(program: "Program", currency: str, work: "Workings") -> str:
    """``1 point per €1 on €42.10 = 42; Gold ×1.5 = 63``, and what was added."""
    pieces: list[str] = []
    if sum(work.base_parts):
        pieces.append(_base(program, currency, work))
    pieces += [_bonus(program, rule, points) for rule, points in work.bonuses]
    pieces += [_waiting(program, currency, row) for row in work.waiting]
    if len(pieces) > 1:
        total = sum(work.base_parts) + sum(points for _, points in work.bonuses)
        total += sum(points for _, points, _ in work.waiting)
        pieces.append(f"{program.spoken_points(total)} in all")
    return "; ".join(pieces)


def nothing(program: "Program", currency: str, work: "Workings") -> str:
    """Why an order earned nothing."""
    if work.gains:
        given = " and ".join(_given(program, currency, gain) for gain in work.gains)
        return f"{given} is less than one and earns nothing"
    return f"Nothing is earned on purchases in {currency}"


def base_part(program: "Program", currency: str, work: "Workings", at: int) -> str:
    """What one base rule gave."""
    if len(work.gains) == 1:
        return _base(program, currency, work)
    given = _given(program, currency, work.gains[at])
    times = "".join(f", {_factor(*factor)}" for factor in work.factors)
    return f"{given}{times} = {program.plain(work.base_parts[at])}"


def bonus_part(program: "Program", currency: str, work: "Workings", at: int) -> str:  # noqa: ARG001
    """What one promotion added."""
    return _bonus(program, *work.bonuses[at])


def waiting_part(program: "Program", currency: str, work: "Workings", at: int) -> str:
    """What waits for a trigger."""
    return _waiting(program, currency, work.waiting[at])


def _base(program: "Program", currency: str, work: "Workings") -> str:
    given = " and ".join(_given(program, currency, gain) for gain in work.gains)
    running = sum((gain.num * _common(work, gain) for gain in work.gains), start=0)
    of = _denominator(work)
    sentence = given
    if not isinstance(work.gains[0].rule, VisitRule):
        sentence += f" = {program.plain(running // of)}"
    for factor in work.factors:
        running, of = running * factor.times.numerator, of * factor.times.denominator
        sentence += f"; {_factor(*factor)} = {program.plain(running // of)}"
    return sentence


def _denominator(work: "Workings") -> int:
    of = 1
    for gain in work.gains:
        of *= gain.den
    return of


def _common(work: "Workings", gain: "Gain") -> int:
    return _denominator(work) // gain.den


def _given(program: "Program", currency: str, gain: "Gain") -> str:
    rule = gain.rule
    points = program.spoken_points(rule.points)
    match rule:
        case VisitRule():
            return f"{points} for {rule.name or 'a visit'}"
        case ItemRule(per=None):
            each = f"{rule.each} items" if rule.each and rule.each > 1 else "item"
            items = f"{gain.base} item" if gain.base == 1 else f"{gain.base} items"
            return f"{points} per {each} on {items} of {_label(rule)}"
        case ItemRule():
            per, base = _money(rule.per or 1, currency), _taxed(rule, gain.base, currency)
            return f"{points} per {per} on {base} of {_label(rule)}"
        case SpendRule():
            return (
                f"{points} per {_money(rule.per, currency)} on {_taxed(rule, gain.base, currency)}"
            )


def _taxed(rule: SpendRule | ItemRule | TriggerRule, base: int, currency: str) -> str:
    money = _money(base, currency)
    return f"{money} before tax" if rule.tax == "excluded" else money


def _label(rule: ItemRule) -> str:
    names = sorted(rule.categories | rule.skus)
    return rule.name or (", ".join(names) if len(names) <= _NAMES_SHOWN else rule.id)


def _factor(name: str, times: Fraction) -> str:
    # A file writes it with six decimals at most, so nothing is cut here.
    number = plain(int(times * 10**_DECIMALS), _DECIMALS)
    return f"{name} ×{number.rstrip('0').rstrip('.') if '.' in number else number}"


def _bonus(program: "Program", rule: PromotionRule, points: int) -> str:
    return f"{program.spoken_points(points)} from {rule.name or rule.id}"


def _waiting(program: "Program", currency: str, row: tuple[TriggerRule, int, int]) -> str:
    rule, points, money = row
    what = program.spoken_points(points)
    if rule.per is not None:
        rate = f"{program.spoken_points(rule.points)} per {_money(rule.per, currency)}"
        what = f"{rate} on {_taxed(rule, money, currency)} = {program.plain(points)}"
    return f"{what}, waiting for {rule.name or rule.trigger}"


def _money(amount: int, currency: str) -> str:
    return spoken(Money(amount, currency))
