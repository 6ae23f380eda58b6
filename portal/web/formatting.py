"""Numbers, money and dates as people read them: by language, program and its time zone."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import phonenumbers
from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal, list_currencies
from flask import Flask
from flask_babel import get_locale

from portal.programs import Program
from portal.programs.money import decimals_of
from portal.web.locale import gettext, ngettext

_LONG_DAY = {"en": "d MMMM y"}
"""Where a language's own long form is not what we want: British order, without a comma."""
_LONG_MOMENT = {"en": "d MMMM y, HH:mm"}


def init_app(app: Flask) -> None:
    """Give the filters to every template."""
    app.jinja_env.filters.update(
        points=points,
        number=number,
        money=money,
        day=day,
        moment=moment,
        ago=ago,
        phone=phone,
    )


def points(amount: int, program: Program) -> str:
    """An amount in the program's unit: ``1,234 points``, ``1 point``, ``€12.50``.

    Args:
        amount: in the program's smallest unit.
    """
    if _is_money(program):
        return format_currency(_shift(amount, program.decimals), program.currency, locale=_locale())
    one = abs(amount) == 10**program.decimals
    return f"{number(amount, program)} {program.unit.one if one else program.unit.other}"


def number(amount: int, program: Program) -> str:
    """An amount without its unit: ``1,234``, ``12.50``."""
    if _is_money(program):
        pattern = "#,##0." + "0" * program.decimals if program.decimals else "#,##0"
    else:
        pattern = "#,##0." + "#" * program.decimals if program.decimals else "#,##0"
    return str(format_decimal(_shift(amount, program.decimals), format=pattern, locale=_locale()))


def money(amount: int, currency: str) -> str:
    """Money of ``amount`` smallest units: ``€12.50``, ``¥1,250``, ``1.50 megabucks``."""
    value = _shift(amount, decimals_of(currency))
    if currency not in list_currencies():
        return f"{format_decimal(value, locale=_locale())} {currency}"
    return str(format_currency(value, currency, locale=_locale()))


def day(when: date) -> str:
    """``30 November 2026``. For an instant, convert it to the program's zone first."""
    pattern = _LONG_DAY.get(_language(), "long")
    return str(format_date(when, format=pattern, locale=_locale()))


def moment(when: datetime, program: Program | None = None) -> str:
    """``30 November 2026, 14:05``, in the program's zone (UTC without one)."""
    local = when.astimezone(program.timezone) if program else when
    pattern = _LONG_MOMENT.get(_language(), "long")
    return str(format_datetime(local, format=pattern, locale=_locale()))


def ago(when: datetime, at: datetime) -> str:
    """How long before ``at``: ``just now``, ``5 minutes ago``, ``3 days ago``."""
    passed = max(at - when, timedelta())
    if passed < timedelta(minutes=2):
        return gettext("just now")
    if passed < timedelta(hours=1):
        return ngettext("%(num)d minute ago", "%(num)d minutes ago", passed // timedelta(minutes=1))
    if passed < timedelta(days=1):
        return ngettext("%(num)d hour ago", "%(num)d hours ago", passed // timedelta(hours=1))
    return ngettext("%(num)d day ago", "%(num)d days ago", passed.days)


def phone(mobile: str) -> str:
    """``+351 912 345 678`` for a number in E.164; as it is where it cannot be read."""
    try:
        parsed = phonenumbers.parse(mobile)
    except phonenumbers.NumberParseException:
        return mobile
    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL))


def _is_money(program: Program) -> bool:
    return program.currency in list_currencies()


def _shift(amount: int, decimals: int) -> Decimal:
    return Decimal(amount).scaleb(-decimals)


def _locale() -> str:
    return str(get_locale() or "en")


def _language() -> str:
    return _locale().split("_")[0]
