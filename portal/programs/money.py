"""Money, and the rate between a program's points and it. Whole numbers only.

Rounding (RULES, "Redeeming"): asked by value, points round up; asked by
points, the value rounds down, and only the points that this value needs are
taken. So nobody gains a cent by splitting a redemption.
"""

from dataclasses import dataclass
from functools import lru_cache

from babel.numbers import get_currency_precision, get_currency_symbol


@dataclass(frozen=True, slots=True)
class Money:
    """``amount`` in the smallest unit of ``currency``."""

    amount: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """``points`` (smallest unit) are worth ``value`` (smallest unit of ``currency``)."""

    points: int
    value: int
    currency: str

    def value_of(self, points: int) -> Money:
        """What ``points`` are worth, rounded down; a debt is worth less than nothing."""
        return Money(points * self.value // self.points, self.currency)

    def points_for(self, value: int) -> int:
        """How many points pay ``value``, rounded up."""
        return -(-value * self.points // self.value)

    def needed(self, points: int) -> int:
        """How many of ``points`` their rounded-down value really needs; never more."""
        return self.points_for(self.value_of(points).amount)


@lru_cache(maxsize=1024)
def decimals_of(currency: str) -> int:
    """The usual decimals of a currency: EUR 2, JPY 0; 2 for a branded word."""
    return int(get_currency_precision(currency))


def plain(amount: int, decimals: int) -> str:
    """``amount`` smallest units as a plain number, without zeros that say nothing.

    ``plain(4210, 2)`` is ``42.10``, ``plain(100, 2)`` is ``1``.
    """
    sign = "-" if amount < 0 else ""
    whole, rest = divmod(abs(amount), 10**decimals)
    return f"{sign}{whole}.{rest:0{decimals}}" if rest else f"{sign}{whole}"


def spoken(money: Money) -> str:
    """Money in an English sentence: ``€42.10``, ``12 megabucks``."""
    amount = plain(money.amount, decimals_of(money.currency))
    symbol = _symbol_of(money.currency)
    if symbol == money.currency:
        return f"{amount} {money.currency}"
    return f"-{symbol}{amount[1:]}" if amount.startswith("-") else f"{symbol}{amount}"


@lru_cache(maxsize=1024)
def _symbol_of(currency: str) -> str:
    return str(get_currency_symbol(currency, locale="en"))
