"""Whether a program lets these points be sent: every reason why not, at once."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from portal.errors import PortalError
from portal.ledger.book import POINTS_MAX
from portal.ledger.errors import InsufficientPoints, InvalidPoints
from portal.programs import Program, calendar
from portal.transfers.errors import (
    ContactChanged,
    NotAWholeUnit,
    TransferAboveDay,
    TransferAboveMaximum,
    TransferAboveMonth,
    TransferBelowMinimum,
    TransferNotAMultiple,
    TransfersOff,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What an account has sent in the program's day and month around now."""

    today: int = 0
    this_month: int = 0


def month_start(program: Program, at: datetime) -> datetime:
    """The first instant of the program's calendar month around ``at``."""
    return calendar.start_of_day(program.local_date(at).replace(day=1), program.timezone)


def smallest(program: Program, amount: Decimal) -> int:
    """``amount`` whole units, such as 10.5, in the program's smallest unit.

    Never rounded (RULES, "Programs": 003's sample cuts 10.5 down to 10.0).

    Raises:
        NotAWholeUnit: it has more decimals than the program counts.
        InvalidPoints: it is no number above zero.
    """
    if not amount.is_finite() or amount <= 0 or amount.adjusted() > 15:
        raise InvalidPoints(field="points")
    scaled = amount.scaleb(program.decimals)
    if scaled != scaled.to_integral_value():
        raise NotAWholeUnit(field="points", decimals=program.decimals)
    return int(scaled)


def amount_refusals(program: Program, *, points: int, used: Used | None) -> list[PortalError]:
    """Why ``points`` may not be sent; empty where nothing in the program stands against it.

    Facts on each: ``limit``, and ``available`` where part of it is used up;
    both in the program's smallest unit, which ``unit`` names.

    Args:
        used: what was sent before; None where the sender is not known, and so not looked at.
    """
    rules = program.transfers
    if not rules.enabled:
        return [TransfersOff(program=program.id)]
    if isinstance(points, bool) or not isinstance(points, int) or not 0 < points <= POINTS_MAX:
        return [InvalidPoints(field="points")]
    found: list[PortalError] = []
    unit = program.currency
    if rules.min is not None and points < rules.min:
        least = program.spoken_points(rules.min)
        found.append(
            TransferBelowMinimum(
                f"Send at least {least} at a time.", field="points", limit=rules.min, unit=unit
            )
        )
    if rules.max is not None and points > rules.max:
        most = program.spoken_points(rules.max)
        found.append(
            TransferAboveMaximum(
                f"Send at most {most} at a time.", field="points", limit=rules.max, unit=unit
            )
        )
    if points % rules.multiple_of:
        step = program.spoken_points(rules.multiple_of)
        found.append(
            TransferNotAMultiple(
                f"Send a multiple of {step}.", field="points", limit=rules.multiple_of, unit=unit
            )
        )
    return found if used is None else found + _used_up(program, points, used)


def _used_up(program: Program, points: int, used: Used) -> list[PortalError]:
    rules = program.transfers
    found: list[PortalError] = []
    for kind, limit, sent, span, now in (
        (TransferAboveDay, rules.per_day, used.today, "a day", "today"),
        (TransferAboveMonth, rules.per_month, used.this_month, "a month", "this month"),
    ):
        if limit is not None and sent + points > limit:
            left = max(limit - sent, 0)
            found.append(
                kind(
                    f"At most {program.spoken_points(limit)} may be sent in {span}; "
                    f"{program.spoken_points(left)} are left {now}.",
                    field="points",
                    limit=limit,
                    available=left,
                    unit=program.currency,
                )
            )
    return found


def balance_refusals(program: Program, *, points: int, available: int) -> list[PortalError]:
    """Whether there are enough points; ``available`` is what can be spent, and may be a debt."""
    if points <= available:
        return []
    return [
        InsufficientPoints(
            f"There are only {program.spoken_points(max(available, 0))} to send.",
            field="points",
            available=available,
            requested=points,
            unit=program.currency,
        )
    ]


def pause_refusals(
    program: Program, *, contact_changed_at: datetime | None, at: datetime
) -> list[PortalError]:
    """Whether the sender's phone or e-mail was changed too lately (QUALITY, B.4)."""
    pause = timedelta(hours=program.transfers.contact_pause_hours)
    if contact_changed_at is None or contact_changed_at + pause <= at:
        return []
    until = contact_changed_at + pause
    local = until.astimezone(program.timezone)
    return [
        ContactChanged(
            "The phone or e-mail was changed lately. "
            f"Points can be sent again from {local:%d.%m.%Y %H:%M}.",
            until=until.isoformat(),
        )
    ]
