"""Fields of a table as values: exact, or a :class:`Wrong` that names the field."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel.numbers import list_currencies

from portal.programs import calendar
from portal.programs.money import decimals_of

TEXT_LENGTH_MAX = 64
"""Of ids, stores and receipt numbers."""

YEAR_MIN = 1900

_AMOUNT = re.compile(r"[+-]?[0-9]{1,15}([.,][0-9]{1,8})?")
_MOMENT = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"([Tt ](?P<time>[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?)"
    r" ?(?P<zone>[Zz]|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Wrong(ValueError):
    """One field cannot be read; the text names it and says why."""

    def __init__(self, column: str, reason: str):
        super().__init__(f"{column}: {reason}")


def text(column: str, value: str) -> str:
    """A short name or number, as it stands."""
    if not value:
        raise Wrong(column, "is empty")
    if len(value) > TEXT_LENGTH_MAX:
        raise Wrong(column, f"has {len(value)} characters, at most {TEXT_LENGTH_MAX} are allowed")
    if _CONTROL.search(value):
        raise Wrong(column, "has a control character in it")
    return value


def currency(column: str, value: str, *, also: frozenset[str] = frozenset()) -> str:
    """A currency code: one of the world's, or one of the program's own."""
    code = value.upper()
    if value in also:
        return value
    if not code:
        raise Wrong(column, "is empty")
    if code not in list_currencies():
        raise Wrong(column, f"“{value[:20]}” is not a currency code such as EUR")
    return code


def amount(column: str, value: str, *, currency: str, decimal_comma: bool) -> int:
    """An amount in the currency's usual decimals, as its smallest unit. Nothing is rounded."""
    if not value:
        raise Wrong(column, "is empty")
    if not _AMOUNT.fullmatch(value) or ("," in value and not decimal_comma):
        raise Wrong(
            column, f"“{value[:40]}” is not a plain amount such as 42.10, without separators"
        )
    decimals = decimals_of(currency)
    smallest = Decimal(value.replace(",", ".")).scaleb(decimals)
    if smallest != smallest.to_integral_value():
        raise Wrong(column, f"{value} has more than the {decimals} decimals of {currency}")
    return int(smallest)


def moment(column: str, value: str, *, zone: ZoneInfo) -> datetime:
    """An instant: RFC 3339, or a date or local time in ``zone``.

    A date alone is the start of that day. A local time that a change of clocks
    repeats is its first coming; one that it skips is moved on by the gap.
    """
    if not value:
        raise Wrong(column, "is empty")
    match = _MOMENT.fullmatch(value)
    if match is None:
        raise Wrong(
            column, f"“{value[:40]}” is not a time such as 2026-03-02T09:30:00Z or 2026-03-02"
        )
    try:
        parsed = datetime.fromisoformat(
            f"{match['day']}T{match['time'] or '00:00'}{(match['zone'] or '').upper()}"
        )
        if parsed.year < YEAR_MIN:
            raise Wrong(column, f"{value} is before {YEAR_MIN}")
        if match["time"] is None:
            return calendar.start_of_day(parsed.date(), zone)
        aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)
        # Arithmetic goes by UTC: this also finds dates at the edge of what can be told.
        return aware.astimezone(UTC)
    except Wrong:
        raise
    except (ValueError, OverflowError) as error:
        raise Wrong(column, f"{value} does not exist") from error
