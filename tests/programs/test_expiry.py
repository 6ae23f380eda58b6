"""When points expire: every policy, in odd zones, on odd days, to the second."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.programs import calendar, schema
from portal.programs.expiry import AfterDays, AfterMonths, Yearly
from portal.programs.program import from_document

ZONES = (
    "UTC",
    "Europe/Lisbon",
    "America/New_York",
    "America/St_Johns",
    "America/Havana",
    "America/Sao_Paulo",
    "Africa/Cairo",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Asia/Tehran",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
    "America/Asuncion",
    "America/Scoresbysund",
)


def program(zone="UTC", **parts):
    document = {"id": "x", "name": "X", "currency": "PTS", "timezone": zone} | parts
    return from_document(schema.check(document), version=1)


def local(zone, *when):
    return datetime(*when, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def test_points_can_be_used_through_their_last_day_in_the_programs_zone():
    lisbon = program("Europe/Lisbon")
    earned_at = local("Europe/Lisbon", 2025, 3, 10, 23, 59, 59)
    expires_at = lisbon.expires_at(earned_at)
    assert expires_at == local("Europe/Lisbon", 2026, 3, 11)
    assert lisbon.last_day(expires_at) == date(2026, 3, 10)
    assert lisbon.local_date(expires_at - timedelta(seconds=1)) == date(2026, 3, 10)
    assert lisbon.local_date(expires_at) == date(2026, 3, 11)


def test_the_day_of_earning_is_that_of_the_programs_zone():
    earned_at = datetime(2025, 12, 31, 11, 0, tzinfo=UTC)
    there = program("Pacific/Kiritimati", expiry={"kind": "days", "days": 1})
    assert there.last_day(there.expires_at(earned_at)) == date(2026, 1, 2)
    here = program("UTC", expiry={"kind": "days", "days": 1})
    assert here.last_day(here.expires_at(earned_at)) == date(2026, 1, 1)


def test_without_an_expiry_it_is_twelve_months():
    utc = program()
    assert utc.expires_at(datetime(2025, 3, 2, 12, tzinfo=UTC)) == datetime(2026, 3, 3, tzinfo=UTC)


def test_the_policy_never_never_expires():
    never = program(expiry={"kind": "never"})
    assert never.expires_at(datetime(2025, 1, 1, tzinfo=UTC)) is None
    assert never.idle_expires_at(datetime(2025, 1, 1, tzinfo=UTC)) is None


def test_inactivity_is_kept_on_the_account_and_not_on_the_lot():
    idle = program("Europe/Lisbon", expiry={"kind": "inactivity", "months": 18})
    at = local("Europe/Lisbon", 2025, 8, 31, 9)
    assert idle.expires_at(at) is None
    # 18 months after 31 August is the last of February.
    assert idle.idle_expires_at(at) == local("Europe/Lisbon", 2027, 3, 1)
    assert program().idle_expires_at(at) is None


@pytest.mark.parametrize(
    ("earned_on", "policy", "last"),
    [
        (date(2024, 2, 29), AfterMonths(12), date(2025, 2, 28)),
        (date(2024, 2, 29), AfterMonths(48), date(2028, 2, 29)),
        (date(2025, 1, 31), AfterMonths(1), date(2025, 2, 28)),
        (date(2024, 1, 31), AfterMonths(1), date(2024, 2, 29)),
        (date(2025, 12, 31), AfterMonths(2), date(2026, 2, 28)),
        (date(2025, 3, 10), AfterMonths(12, True), date(2026, 3, 31)),
        (date(2024, 2, 29), AfterMonths(12, True), date(2025, 2, 28)),
        (date(2023, 2, 28), AfterMonths(12, True), date(2024, 2, 29)),
        (date(2024, 2, 28), AfterDays(1), date(2024, 2, 29)),
        (date(2025, 1, 1), AfterDays(365), date(2026, 1, 1)),
        (date(2025, 3, 10), Yearly(12, 31), date(2025, 12, 31)),
        (date(2025, 12, 31), Yearly(12, 31), date(2025, 12, 31)),
        (date(2026, 1, 1), Yearly(12, 31), date(2026, 12, 31)),
        (date(2025, 3, 1), Yearly(2, 29), date(2026, 2, 28)),
        (date(2027, 3, 1), Yearly(2, 29), date(2028, 2, 29)),
        (date(2025, 2, 28), Yearly(2, 29), date(2025, 2, 28)),
        (date(2024, 2, 28), Yearly(2, 29), date(2024, 2, 29)),
        (date(9999, 12, 1), AfterMonths(12), calendar.LAST_DAY),
        (date(9999, 12, 1), AfterDays(36_600), calendar.LAST_DAY),
    ],
)
def test_the_last_day(earned_on, policy, last):
    assert policy.last_day(earned_on) == last


@pytest.mark.parametrize(
    ("zone", "day", "begins"),
    [
        # Clocks change in the morning: midnight is midnight.
        ("Europe/Lisbon", date(2026, 3, 29), datetime(2026, 3, 29, 0, tzinfo=UTC)),
        ("Europe/Lisbon", date(2026, 3, 30), datetime(2026, 3, 29, 23, tzinfo=UTC)),
        ("Europe/Lisbon", date(2026, 10, 26), datetime(2026, 10, 26, 0, tzinfo=UTC)),
        # Midnight is skipped: the day begins at one.
        ("Africa/Cairo", date(2024, 4, 26), datetime(2024, 4, 25, 22, tzinfo=UTC)),
        ("America/Sao_Paulo", date(2018, 11, 4), datetime(2018, 11, 4, 3, tzinfo=UTC)),
        # Midnight comes twice within the new day: the first begins it.
        ("America/Havana", date(2025, 11, 2), datetime(2025, 11, 2, 4, tzinfo=UTC)),
        # Clocks fall back from midnight into the day before, which goes on for an hour.
        ("America/Sao_Paulo", date(2018, 2, 18), datetime(2018, 2, 18, 3, tzinfo=UTC)),
        # At one past midnight they fell back over it: the day before came again.
        ("America/St_Johns", date(2010, 11, 7), datetime(2010, 11, 7, 3, 30, tzinfo=UTC)),
        # The half before midnight is skipped with it: 23:30 to 00:30.
        ("America/Toronto", date(1919, 3, 31), datetime(1919, 3, 31, 4, 30, tzinfo=UTC)),
        # A day that never was: Samoa went from the 29th to the 31st.
        ("Pacific/Apia", date(2011, 12, 30), datetime(2011, 12, 30, 10, tzinfo=UTC)),
        ("Pacific/Apia", date(2011, 12, 31), datetime(2011, 12, 30, 10, tzinfo=UTC)),
        # Half an hour of summer time, and quarters of an hour all year.
        ("Australia/Lord_Howe", date(2026, 4, 5), datetime(2026, 4, 4, 13, tzinfo=UTC)),
        ("Asia/Kathmandu", date(2026, 4, 5), datetime(2026, 4, 4, 18, 15, tzinfo=UTC)),
    ],
)
def test_when_a_day_begins(zone, day, begins):
    assert calendar.start_of_day(day, ZoneInfo(zone)) == begins


@given(
    zone=st.sampled_from(ZONES),
    day=st.dates(date(2012, 1, 1), date(2045, 12, 31)),
)
def test_a_day_is_over_when_the_next_begins_and_not_a_moment_before(zone, day):
    tz = ZoneInfo(zone)
    over = calendar.end_of_day(day, tz)
    assert calendar.day_before(over, tz) == day
    assert calendar.local_date(over, tz) == day + timedelta(days=1)
    assert timedelta(hours=22) < over - calendar.start_of_day(day, tz) < timedelta(hours=26)


POLICIES = st.one_of(
    st.builds(lambda n: {"kind": "days", "days": n}, st.integers(1, 4000)),
    st.builds(
        lambda n, end: {"kind": "months", "months": n, "to_month_end": end},
        st.integers(1, 120),
        st.booleans(),
    ),
    st.builds(
        lambda day: {"kind": "yearly", "month": day.month, "day": day.day},
        st.dates(date(2024, 1, 1), date(2024, 12, 31)),
    ),
)


@given(
    zone=st.sampled_from(ZONES),
    policy=POLICIES,
    earned_at=st.datetimes(datetime(2012, 1, 1), datetime(2034, 12, 31), timezones=st.just(UTC)),
)
def test_points_live_from_earning_through_the_day_that_is_told(zone, policy, earned_at):
    here = program(zone, expiry=policy)
    expires_at = here.expires_at(earned_at)
    assert expires_at > earned_at
    last = here.last_day(expires_at)
    assert here.local_date(expires_at - timedelta(microseconds=1)) == last
    assert here.local_date(expires_at) > last
    assert here.expires_on(last) == expires_at
    # Earned later never expires sooner.
    assert here.expires_at(earned_at + timedelta(hours=13)) >= expires_at


def test_what_is_given_back_lives_on_for_the_grace():
    lisbon = program("Europe/Lisbon", redemption={"grace_days": 30})
    at = local("Europe/Lisbon", 2026, 3, 2, 23, 30)
    assert lisbon.grace_expires_at(at) == local("Europe/Lisbon", 2026, 4, 2)
    none = program("Europe/Lisbon", redemption={"grace_days": 0})
    assert none.grace_expires_at(at) == local("Europe/Lisbon", 2026, 3, 3)


def test_the_day_around_an_instant():
    lisbon = program("Europe/Lisbon")
    begins, ends = lisbon.day(local("Europe/Lisbon", 2026, 3, 29, 15))
    assert ends - begins == timedelta(hours=23)
    assert begins == local("Europe/Lisbon", 2026, 3, 29)
