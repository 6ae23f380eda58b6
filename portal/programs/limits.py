"""Whether a program lets these points be redeemed: every reason why not, at once."""

from dataclasses import dataclass
from fractions import Fraction

from portal.errors import PortalError
from portal.ledger.errors import InvalidPoints
from portal.programs.errors import (
    NotEnoughCurrentPoints,
    NotEnoughLifetimePoints,
    NotEnoughLifetimePurchases,
    RedemptionAboveDay,
    RedemptionAboveMaximum,
    RedemptionAboveShare,
    RedemptionBelowMinimum,
    RedemptionNotAMultiple,
    RedemptionOff,
)
from portal.programs.money import Money
from portal.programs.program import Program


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a member has, as limits look at it.

    ``lifetime_points`` are less what refunds took back; ``redeemed_today`` are
    the points redeemed in the program's day, less what was given back.
    """

    balance: int
    lifetime_points: int
    lifetime_purchases: int
    redeemed_today: int = 0


def redemption_refusals(
    program: Program, *, points: int, standing: Standing, order: Money | None = None
) -> list[PortalError]:
    """Why ``points`` may not be redeemed now; empty where nothing stands against it.

    Whether there are enough points is the ledger's to say, under its lock.
    Facts on each: ``limit``, in points unless its sentence says money.

    Args:
        points: how many, in the program's smallest unit.
        order: what they pay for, where that is known.
    """
    rules = program.redemption
    if not rules.enabled:
        return [RedemptionOff(program=program.id)]
    if points <= 0:
        return [InvalidPoints(field="points")]
    found: list[PortalError] = []
    if rules.min is not None and points < rules.min:
        found.append(RedemptionBelowMinimum(_at_least(program, rules.min), limit=rules.min))
    if rules.max is not None and points > rules.max:
        found.append(RedemptionAboveMaximum(_at_most(program, rules.max), limit=rules.max))
    if points % rules.multiple_of:
        step = program.spoken_points(rules.multiple_of)
        found.append(
            RedemptionNotAMultiple(f"Redeem a multiple of {step}.", limit=rules.multiple_of)
        )
    if rules.per_day is not None and standing.redeemed_today + points > rules.per_day:
        left = max(rules.per_day - standing.redeemed_today, 0)
        found.append(
            RedemptionAboveDay(
                f"At most {program.spoken_points(rules.per_day)} may be redeemed in a day; "
                f"{program.spoken_points(left)} are left today.",
                limit=rules.per_day,
                available=left,
            )
        )
    found += _standing_refusals(program, standing)
    return found + _share_refusals(program, points, order)


def _standing_refusals(program: Program, standing: Standing) -> list[PortalError]:
    rules = program.redemption
    found: list[PortalError] = []
    if rules.min_points is not None and standing.balance < rules.min_points:
        found.append(
            NotEnoughCurrentPoints(
                f"A balance of {program.spoken_points(rules.min_points)} is needed to redeem any.",
                limit=rules.min_points,
                available=standing.balance,
            )
        )
    if (
        rules.min_lifetime_points is not None
        and standing.lifetime_points < rules.min_lifetime_points
    ):
        found.append(
            NotEnoughLifetimePoints(
                f"{program.spoken_points(rules.min_lifetime_points)} must have been earned "
                "in all to redeem any.",
                limit=rules.min_lifetime_points,
                available=standing.lifetime_points,
            )
        )
    if (
        rules.min_lifetime_purchases is not None
        and standing.lifetime_purchases < rules.min_lifetime_purchases
    ):
        found.append(
            NotEnoughLifetimePurchases(
                limit=rules.min_lifetime_purchases,
                available=standing.lifetime_purchases,
                currency=program.money,
            )
        )
    return found


def _share_refusals(program: Program, points: int, order: Money | None) -> list[PortalError]:
    share = program.redemption.max_share_of_order
    worth = program.value_of(points)
    if share is None or order is None or worth is None or worth.currency != order.currency:
        return []
    most = int(max(order.amount, 0) * Fraction(share))
    if worth.amount <= most:
        return []
    return [
        RedemptionAboveShare(
            f"Points may pay at most {share * 100:f}".rstrip("0").rstrip(".") + " % of an order.",
            limit=most,
            currency=order.currency,
        )
    ]


def _at_least(program: Program, points: int) -> str:
    return f"Redeem at least {program.spoken_points(points)} at a time."


def _at_most(program: Program, points: int) -> str:
    return f"Redeem at most {program.spoken_points(points)} at a time."
