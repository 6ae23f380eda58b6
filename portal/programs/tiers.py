"""The ladder: which tier points reach, which one stays, and how far the next is."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal.programs.program import Program, Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A tier that was reached, and how many points it took then."""

    tier_id: str
    threshold: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where ``points`` stand on the ladder.

    ``missing`` is what the next tier needs, ``share`` how far along the way
    there it is, in whole percent; at the top there is no next.
    """

    points: int
    tier: "Tier | None"
    next: "Tier | None"
    missing: int
    share: int


def tier_points(lifetime: int, taken_back: int) -> int:
    """What tiers look at: all that was earned, less what refunds took back."""
    return lifetime - taken_back


def decided(
    program: "Program", points: int, *, reached: Reached | None = None, keeps: bool = True
) -> "Tier | None":
    """The tier of someone with ``points`` who once reached ``reached``.

    A tier stays for as long as its holder has the points it took when it was
    reached: spending, expiry, adjustments and a ladder made steeper take it
    from nobody. Only a refund can, by taking back the points that lifted them:
    buying and returning makes nobody Gold.

    Args:
        keeps: False where tiers are by a rolling year, which keeps nothing.
    """
    now = program.tier_of(points)
    if not keeps or reached is None or points < reached.threshold:
        return now
    kept = next((tier for tier in program.tiers if tier.id == reached.tier_id), None)
    if kept is None or (now is not None and now.threshold >= kept.threshold):
        return now
    return kept


def progress(program: "Program", points: int, tier: "Tier | None") -> Progress:
    """How far ``points`` are from the tier above ``tier``."""
    floor = tier.threshold if tier else 0
    above = next((one for one in program.tiers if one.threshold > max(floor, points)), None)
    if above is None:
        return Progress(points=points, tier=tier, next=None, missing=0, share=100)
    way, gone = above.threshold - floor, points - floor
    return Progress(
        points=points,
        tier=tier,
        next=above,
        missing=above.threshold - points,
        share=max(0, min(100, gone * 100 // way)) if way > 0 else 0,
    )
