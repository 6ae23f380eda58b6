"""Amounts as people type them."""

import re
from decimal import Decimal, InvalidOperation

from babel.numbers import NumberFormatError, parse_decimal

from portal.programs import Program
from portal.web.member import wording

TYPED_LENGTH_MAX = 30
DIGITS_MAX = 16
"""Before the decimal point; more is a slip of the finger."""
_SHAPE = re.compile(r"\d[\d.,٫٬]*")
_PLAIN = re.compile(r"\d{1,15}(?P<rest>[.,](?P<digits>\d{1,6}))?")


def typed(text: str, program: Program) -> Decimal | None:
    """How much was typed, in whole units: ``1,240``, ``10.5``, ``10,5``; None for no number.

    The page's language decides what a comma and a point mean, where it can;
    where the whole makes no sense in it, either stands before the decimals.
    """
    cleaned = re.sub(r"[\s\u00a0\u202f'’]", "", text)
    for unit in sorted((program.unit.one, program.unit.other), key=len, reverse=True):
        cleaned = cleaned.removesuffix(unit.replace(" ", ""))
    cleaned = cleaned.strip("€$£")
    if not _SHAPE.fullmatch(cleaned) or len(cleaned) > TYPED_LENGTH_MAX:
        return None
    try:
        found = parse_decimal(cleaned, locale=wording.language(), strict=True)
        return found if found.adjusted() < DIGITS_MAX else None
    except NumberFormatError:
        pass
    plain = _PLAIN.fullmatch(cleaned)
    # Three digits after it could as well be thousands: no guessing with points.
    if plain is None or len(plain["digits"] or "") == 3:
        return None
    try:
        return Decimal(cleaned.replace(",", "."))
    except InvalidOperation:
        return None
