"""When points expire: every policy a program can choose (RULES, "Programs").

A policy names the last day on which points can be used. Whoever asks turns
it into the first instant at which they are gone, in the program's time zone.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from portal.programs.calendar import add_days, add_months, end_of_month


@dataclass(frozen=True, slots=True)
class AfterDays:
    """So many days after earning."""

    days: int

    def last_day(self, earned_on: date) -> date:
        """The last day on which points earned on ``earned_on`` can be used."""
        return add_days(earned_on, self.days)


@dataclass(frozen=True, slots=True)
class AfterMonths:
    """So many months after earning: to the day, or to the end of that month."""

    months: int
    to_month_end: bool = False

    def last_day(self, earned_on: date) -> date:
        """The last day on which points earned on ``earned_on`` can be used."""
        day = add_months(earned_on, self.months)
        return end_of_month(day) if self.to_month_end else day


@dataclass(frozen=True, slots=True)
class Yearly:
    """On the same date each year; 29 February is 28 February in a common year.

    Points earned on that very date live through it, and no longer.
    """

    month: int
    day: int

    def last_day(self, earned_on: date) -> date:
        """The last day on which points earned on ``earned_on`` can be used."""
        this_year = self._in(earned_on.year)
        return this_year if earned_on <= this_year else self._in(earned_on.year + 1)

    def _in(self, year: int) -> date:
        last = end_of_month(date(year, self.month, 1)).day
        return date(year, self.month, min(self.day, last))


@dataclass(frozen=True, slots=True)
class AfterInactivity:
    """So many months after the last earning or redeeming, all points at once.

    Kept on the account and not on its lots: each activity moves it on.
    """

    months: int

    def last_day(self, earned_on: date) -> None:
        """None: the lot itself has no day."""

    def last_idle_day(self, active_on: date) -> date:
        """The last day on which points can be used if nothing happens any more."""
        return add_months(active_on, self.months)


@dataclass(frozen=True, slots=True)
class Never:
    """Points stay."""

    def last_day(self, earned_on: date) -> None:
        """None: there is no such day."""


ExpiryPolicy = AfterDays | AfterMonths | Yearly | AfterInactivity | Never


def from_document(document: dict[str, Any]) -> ExpiryPolicy:
    """The policy that the ``expiry`` part of a checked program file describes."""
    match document["kind"]:
        case "days":
            return AfterDays(document["days"])
        case "months":
            return AfterMonths(document["months"], document["to_month_end"])
        case "yearly":
            return Yearly(document["month"], document["day"])
        case "inactivity":
            return AfterInactivity(document["months"])
        case _:
            return Never()
