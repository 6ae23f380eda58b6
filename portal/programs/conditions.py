"""When and where a promotion applies, by the clock on the wall of the program's zone."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """From ``start`` until just before ``end``; past midnight where ``end`` is not later.

    The clock on the wall decides: an hour that comes twice in autumn counts
    twice, one that is skipped in spring not at all.
    """

    start: time
    end: time

    def day_of(self, local: datetime) -> date | None:
        """The day on which the hours around ``local`` began; None outside them."""
        now, today = local.time(), local.date()
        if self.start < self.end:
            return today if self.start <= now < self.end else None
        if now >= self.start:
            return today
        return today - timedelta(days=1) if now < self.end else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """Days (both included), weekdays (0 is Monday), hours and stores; empty does not limit.

    Hours past midnight belong to the day on which they began: Friday from
    22:00 to 02:00 goes on for two hours of Saturday.
    """

    first_day: date | None = None
    last_day: date | None = None
    weekdays: frozenset[int] = frozenset()
    hours: Hours | None = None
    stores: frozenset[str] = frozenset()

    def meets(self, at: datetime, zone: ZoneInfo, store: str | None) -> bool:
        """Whether something at ``at`` in ``store`` is within them."""
        if self.stores and store not in self.stores:
            return False
        if self is ALWAYS:
            return True
        local = at.astimezone(zone)
        day = self.hours.day_of(local) if self.hours else local.date()
        if day is None:
            return False
        if self.first_day is not None and day < self.first_day:
            return False
        if self.last_day is not None and day > self.last_day:
            return False
        return not self.weekdays or day.weekday() in self.weekdays


ALWAYS = Conditions()
"""No condition at all."""
