"""Numbers, money and dates as people read them."""

from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask
from flask_babel import Babel, force_locale

from portal.programs.program import Program, from_document
from portal.programs.schema import check
from portal.web.formatting import ago, day, moment, money, number, points

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def program(**fields: object) -> Program:
    document = {"id": "p", "name": "P", "currency": "PTS", "timezone": "Europe/Lisbon"} | fields
    return from_document(check(document), version=1)


POINTS = program(unit={"one": "point", "other": "points"})
EURO = program(currency="EUR", decimals=2)
FRACTIONS = program(unit={"one": "star", "other": "stars"}, decimals=3)


@pytest.fixture(autouse=True)
def _in_english():
    app = Flask(__name__)
    Babel(app)
    with app.test_request_context(), force_locale("en"):
        yield


@pytest.mark.parametrize(
    ("amount", "held", "shown"),
    [
        (1234, POINTS, "1,234 points"),
        (1, POINTS, "1 point"),
        (-1, POINTS, "-1 point"),
        (0, POINTS, "0 points"),
        (10**15, POINTS, "1,000,000,000,000,000 points"),
        (1250, EURO, "€12.50"),
        (-1250, EURO, "-€12.50"),
        (0, EURO, "€0.00"),
        (1000, FRACTIONS, "1 star"),
        (1500, FRACTIONS, "1.5 stars"),
        (1, FRACTIONS, "0.001 stars"),
    ],
)
def test_points_are_shown_in_the_programs_unit(amount, held, shown):
    assert points(amount, held) == shown


def test_numbers_stand_without_their_unit():
    assert number(1234, POINTS) == "1,234"
    assert number(1250, EURO) == "12.50"


def test_money_has_its_currencys_decimals():
    assert money(1250, "EUR") == "€12.50"
    assert money(1250, "JPY") == "¥1,250"
    assert money(150, "megabucks") == "1.5 megabucks"


def test_other_languages_write_them_their_way():
    with force_locale("de"):
        assert points(1250, EURO).replace("\xa0", " ") == "12,50 €"
        assert number(1234, POINTS) == "1.234"
        assert day(date(2026, 11, 30)) == "30. November 2026"


def test_days_and_moments_are_in_the_programs_zone():
    assert day(date(2026, 11, 30)) == "30 November 2026"
    summer = datetime(2026, 7, 1, 23, 30, tzinfo=UTC)
    assert moment(summer, POINTS) == "2 July 2026, 00:30"
    assert moment(summer) == "1 July 2026, 23:30"


@pytest.mark.parametrize(
    ("passed", "said"),
    [
        (timedelta(), "just now"),
        (timedelta(seconds=-5), "just now"),
        (timedelta(minutes=5), "5 minutes ago"),
        (timedelta(hours=1), "1 hour ago"),
        (timedelta(days=3), "3 days ago"),
    ],
)
def test_how_long_ago(passed, said):
    assert ago(AT - passed, AT) == said
