"""Days in a program's time zone, and the instants at which they begin."""

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

LAST_DAY = date(9999, 12, 29)
"""No day later than this is computed with; its end is still an instant in any zone."""

_SECOND = timedelta(seconds=1)


def local_date(at: datetime, zone: ZoneInfo) -> date:
    """The day that ``at`` falls on in ``zone``."""
    return at.astimezone(zone).date()


@lru_cache(maxsize=8192)
def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The first instant, in UTC, from which on the day before is over in ``zone``.

    Clocks that change at midnight make that hard: where midnight is skipped it
    is the moment of the change; where clocks fall back over midnight, so that
    the day before comes again for a while, it is midnight's second coming.
    """
    midnight = datetime.combine(day, time(), zone)
    first = midnight.astimezone(UTC)
    second = midnight.replace(fold=1).astimezone(UTC)
    if first == second:
        return first
    if second < first:
        # A gap: with the offset from before the change (fold 0), midnight is
        # read as later than the change when that came before midnight.
        return _first_second_of(day, zone, near=first)
    just_before = (second - _SECOND).astimezone(zone).date()
    return second if just_before < day else first


def _first_second_of(day: date, zone: ZoneInfo, *, near: datetime) -> datetime:
    low, high = near - timedelta(days=1), near + timedelta(days=1)
    while high - low > _SECOND:
        middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
        if local_date(middle, zone) < day:
            low = middle
        else:
            high = middle
    return high


def end_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The first instant at which ``day`` is over in ``zone``."""
    return start_of_day(min(day, LAST_DAY) + timedelta(days=1), zone)


def day_before(instant: datetime, zone: ZoneInfo) -> date:
    """The last day on which something that is gone at ``instant`` could be used."""
    return local_date(instant - timedelta(microseconds=1), zone)


def add_days(day: date, days: int) -> date:
    """``days`` later, no later than :data:`LAST_DAY`."""
    return day + timedelta(days=min(days, (LAST_DAY - day).days))


def add_months(day: date, months: int) -> date:
    """The same day ``months`` later, or that month's last where it is shorter.

    12 months after 29 February is 28 February.
    """
    total = day.year * 12 + day.month - 1 + months
    year, month = divmod(total, 12)
    if year > LAST_DAY.year:
        return LAST_DAY
    month += 1
    return min(date(year, month, min(day.day, monthrange(year, month)[1])), LAST_DAY)


def end_of_month(day: date) -> date:
    """The last day of the month that ``day`` is in."""
    return min(day.replace(day=monthrange(day.year, day.month)[1]), LAST_DAY)
