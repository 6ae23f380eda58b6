"""Where a member stands on the ladder of tiers, in words."""

from dataclasses import dataclass, field
from fractions import Fraction

from portal.orders.tiers import Standing
from portal.programs import Program
from portal.programs.program import Tier, TierBasis
from portal.web.formatting import number, points
from portal.web.member.wording import gettext as _


@dataclass(frozen=True, slots=True)
class Rung:
    """One tier. ``state``: ``below`` (passed), ``now``, ``next`` or ``above``."""

    name: str
    needs: str
    gives: list[str]
    state: str


@dataclass(frozen=True, slots=True)
class Ladder:
    """What the page says of tiers; ``share`` is the bar, in percent, None at the top."""

    headline: str
    detail: str
    basis: str
    rungs: list[Rung] = field(default_factory=list)
    share: int | None = None


def shown(program: Program, standing: Standing) -> Ladder | None:
    """The member's place, what is missing to the next tier, and what each tier gives."""
    if not program.tiers:
        return None
    now, coming = standing.tier, standing.progress.next
    rolling = program.tier_basis is TierBasis.ROLLING_YEAR
    has = points(max(0, standing.points), program)
    return Ladder(
        headline=_headline(program, standing),
        detail=(
            _("%(points)s earned in the last twelve months", points=has)
            if rolling
            else _("%(points)s earned so far", points=has)
        ),
        basis=(
            _("Tiers go by what you earned in the last twelve months, spent or not.")
            if rolling
            else _("Tiers go by all you have ever earned. Spending never takes one away.")
        ),
        rungs=[_rung(program, tier, now, coming) for tier in program.tiers],
        share=standing.progress.share if coming is not None else None,
    )


def _headline(program: Program, standing: Standing) -> str:
    now, coming = standing.tier, standing.progress.next
    if coming is None:
        if now is None:  # pragma: no cover - a ladder has a next rung where none is reached
            return ""
        return _("You are %(tier)s, our highest tier", tier=now.name)
    missing = points(standing.progress.missing, program)
    if now is None:
        return _("%(points)s to %(next)s", points=missing, next=coming.name)
    return _(
        "You are %(tier)s. %(points)s to %(next)s",
        tier=now.name,
        points=missing,
        next=coming.name,
    )


def _rung(program: Program, tier: Tier, now: Tier | None, coming: Tier | None) -> Rung:
    if tier == now:
        state = "now"
    elif tier == coming:
        state = "next"
    else:
        state = "below" if now is not None and tier.threshold < now.threshold else "above"
    gives = list(tier.benefits)
    if tier.multiplier != 1:
        gives.insert(0, _("%(times)s × points on purchases", times=_times(tier)))
    return Rung(
        name=tier.name,
        needs=_("from %(points)s", points=number(tier.threshold, program)),
        gives=gives,
        state=state,
    )


def _times(tier: Tier) -> str:
    times = Fraction(tier.multiplier)
    return str(times) if times.denominator == 1 else f"{tier.multiplier.normalize():f}"
