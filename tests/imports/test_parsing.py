from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from portal.imports.parsing import Wrong, amount, currency, moment, text

LISBON = ZoneInfo("Europe/Lisbon")


@pytest.mark.parametrize(
    ("value", "code", "smallest"),
    [
        ("42.10", "EUR", 4210),
        ("42.1", "EUR", 4210),
        ("42", "EUR", 4200),
        ("0.00", "EUR", 0),
        ("-7.05", "EUR", -705),
        ("+1.00", "USD", 100),
        ("1500", "JPY", 1500),
        ("1500.00", "JPY", 1500),
        ("1.234", "KWD", 1234),
        ("0.29", "USD", 29),
        ("999999999999999.99", "EUR", 99999999999999999),
    ],
)
def test_amounts_become_smallest_units_exactly(value, code, smallest):
    assert amount("amount", value, currency=code, decimal_comma=False) == smallest


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("1.005", "EUR"),
        ("1.5", "JPY"),
        ("", "EUR"),
        ("1,5", "EUR"),
        ("1,234.50", "EUR"),
        ("1e3", "EUR"),
        ("NaN", "EUR"),
        ("Infinity", "EUR"),
        ("٣", "EUR"),
        ("€5", "EUR"),
        ("1_000", "EUR"),
        ("9999999999999999", "EUR"),
        ("--1", "EUR"),
    ],
)
def test_amounts_that_are_not_plain_are_refused_by_name(value, code):
    with pytest.raises(Wrong, match=r"^amount: "):
        amount("amount", value, currency=code, decimal_comma=False)


def test_a_decimal_comma_is_understood_where_it_does_not_part_columns():
    assert amount("amount", "12,34", currency="EUR", decimal_comma=True) == 1234
    with pytest.raises(Wrong):
        amount("amount", "1.234,50", currency="EUR", decimal_comma=True)


@pytest.mark.parametrize(
    ("value", "instant"),
    [
        ("2026-03-02T09:30:00Z", datetime(2026, 3, 2, 9, 30, tzinfo=UTC)),
        ("2026-03-02t09:30:00.25+02:00", datetime(2026, 3, 2, 7, 30, 0, 250_000, tzinfo=UTC)),
        ("2026-07-01", datetime(2026, 6, 30, 23, 0, tzinfo=UTC)),
        ("2026-07-01 10:15", datetime(2026, 7, 1, 9, 15, tzinfo=UTC)),
        # Clocks go forward at 01:00: 01:30 is not, and moves on by the gap.
        ("2026-03-29 01:30", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        # Clocks go back at 02:00: 01:30 comes twice, and the first is meant.
        ("2026-10-25 01:30", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
    ],
)
def test_moments_are_read_in_the_zone_of_the_program(value, instant):
    assert moment("purchased_at", value, zone=LISBON) == instant


@pytest.mark.parametrize(
    "value",
    [
        "",
        "yesterday",
        "02/03/2026",
        "20260302",
        "2026-W10-1",
        "2026-02-30",
        "2026-03-02T25:00",
        "2026-03-02T10:00:60Z",
        "0001-01-01",
        "9999-12-31T23:59:00-14:00",
        "2026-03-02T10:00:00+25:00",
    ],
)
def test_moments_that_do_not_exist_are_refused_by_name(value):
    with pytest.raises(Wrong, match=r"^purchased_at: "):
        moment("purchased_at", value, zone=LISBON)


def test_currencies_are_codes_or_the_programs_own_words():
    assert currency("currency", "eur") == "EUR"
    assert currency("currency", "megabucks", also=frozenset({"megabucks"})) == "megabucks"
    for wrong in ("", "ERU", "euro", "€"):
        with pytest.raises(Wrong, match=r"^currency: "):
            currency("currency", wrong)


@pytest.mark.parametrize("value", ["", "x" * 65, "a\nb", "a\x00b", "a\x85b", "a\u2028b"])
def test_texts_are_short_and_printable(value):
    with pytest.raises(Wrong, match=r"^store_code: "):
        text("store_code", value)
