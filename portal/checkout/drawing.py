"""A customer's points as a whole: which of them pay, soonest to expire first.

Pure arithmetic. By value only, because the points may be of several units;
the values drawn always add up to what is asked, to the last cent.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations

from portal.checkout.errors import InsufficientValue
from portal.ledger import NEVER
from portal.programs import Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """One account that may pay: at most ``limit`` points, at least ``least``, in steps.

    ``deadlines`` are its points by the instant at which they are gone.
    """

    account_id: str
    rate: Rate
    deadlines: Sequence[tuple[datetime | None, int]]
    limit: int
    max_value: int
    least: int
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """What one account pays: ``asked`` points, worth ``value``."""

    account_id: str
    asked: int
    value: int


def draw(purses: Sequence[Purse], value: int) -> list[Draw]:
    """Pay ``value`` out of ``purses``, the points that expire soonest first.

    An account that could only give less than its least stands aside, unless
    the others can leave that much to it; so does one whose steps are in the
    way of paying the value exactly.

    Raises:
        InsufficientValue: ``available`` is what they can pay together.
    """
    found, available = _attempt(purses, value)
    if found is not None:
        return found
    while available:
        # Rounding to steps depends on the value, so that less may need another try.
        found, less = _attempt(purses, available)
        if found is not None:
            break
        available = less
    raise InsufficientValue(field="redeem", available=available)


def _attempt(purses: Sequence[Purse], value: int) -> tuple[list[Draw] | None, int]:
    """The draws that pay ``value`` exactly, or None and the most that was reached below it."""
    best = 0
    for chosen in _choices(purses):
        shares = _fill(chosen, value)
        low = next((p for p in chosen if 0 < shares[p.account_id] < _least_value(p)), None)
        if low is not None and not _raise(low, chosen, shares):
            continue
        if any(0 < shares[p.account_id] < _least_value(p) for p in chosen):
            continue
        total = sum(shares.values())
        if total == value:
            return [_drawn(p, shares[p.account_id]) for p in chosen if shares[p.account_id]], total
        best = max(best, total)
    return None, best


def _choices(purses: Sequence[Purse]) -> Iterator[Sequence[Purse]]:
    """All of them, then fewer and fewer; with many, at most one stands aside."""
    fewest = 1 if len(purses) <= _FEW else max(len(purses) - 1, 1)
    for size in range(len(purses), fewest - 1, -1):
        yield from combinations(purses, size)


_FEW = 6


def _least_value(purse: Purse) -> int:
    return purse.rate.value_of(purse.least).amount


def _drawn(purse: Purse, value: int) -> Draw:
    return Draw(account_id=purse.account_id, asked=_asked(purse, value), value=value)


def _asked(purse: Purse, value: int) -> int:
    asked = purse.rate.points_for(value)
    # In steps, the points asked may be worth no more than the fewest do.
    return -(-asked // purse.step) * purse.step


def _fill(purses: Sequence[Purse], value: int) -> dict[str, int]:
    shares = {purse.account_id: 0 for purse in purses}
    taken = dict.fromkeys(shares, 0)
    slices = sorted(
        (gone or NEVER, place, points)
        for place, purse in enumerate(purses)
        for gone, points in purse.deadlines
    )
    for _, place, points in slices:
        purse = purses[place]
        whose = purse.account_id
        missing = value - sum(shares.values())
        taken[whose] = min(taken[whose] + points, purse.limit)
        most = min(purse.rate.value_of(taken[whose]).amount, purse.max_value)
        shares[whose] = max(shares[whose], min(most, shares[whose] + missing))
    for purse in purses:
        shares[purse.account_id] = _in_steps(purse, shares[purse.account_id])
    _top_up(purses, shares, value)
    return shares


def _in_steps(purse: Purse, value: int) -> int:
    """The most that whole steps pay of ``value``."""
    if purse.step == 1 or not value:
        return value
    asked = _asked(purse, value)
    if purse.rate.value_of(asked).amount == value:
        return value
    return purse.rate.value_of(asked - purse.step).amount


def _top_up(purses: Sequence[Purse], shares: dict[str, int], value: int) -> None:
    """What steps left over is paid by those who pay any amount."""
    for purse in purses:
        missing = value - sum(shares.values())
        if missing and purse.step == 1:
            most = min(purse.rate.value_of(purse.limit).amount, purse.max_value)
            more = min(missing, most - shares[purse.account_id])
            shares[purse.account_id] += max(more, 0)


def _raise(low: Purse, purses: Sequence[Purse], shares: dict[str, int]) -> bool:
    """Let the others, the last first, leave to ``low`` what it must pay at least."""
    least = _least_value(low)
    if least > low.max_value or low.least > low.limit:
        return False
    needed = least - shares[low.account_id]
    for purse in reversed(purses):
        if purse is low or purse.step > 1:
            continue
        spare = shares[purse.account_id] - _least_value(purse)
        if spare > 0 and needed:
            given = min(spare, needed)
            shares[purse.account_id] -= given
            needed -= given
    shares[low.account_id] = least - needed
    return needed == 0
