"""Limits counted in the database, in windows that slide."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from math import ceil
from threading import Barrier

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.codes import LimitReached, budget
from portal.codes.models import Budget
from portal.errors import Misuse
from portal.orm import recording, writing

HOUR = timedelta(hours=1)


def take(session, at, *, subject="cus_1", limit=10, window=HOUR, cost=1):
    with recording(session):
        return budget.take(
            session, name="lookup", subject=subject, limit=limit, window=window, at=at, cost=cost
        )


def test_spending_ends_at_the_limit(session, at):
    assert [take(session, at, limit=3) for _ in range(5)] == [True] * 3 + [False] * 2


def test_a_miss_may_cost_more(session, at):
    assert take(session, at, cost=7)
    assert not take(session, at, cost=4)
    assert take(session, at, cost=3)
    assert not take(session, at)


def test_more_than_the_limit_at_once_is_never_possible(session, at):
    assert not take(session, at, cost=11)
    assert take(session, at, cost=10)


def test_each_subject_and_each_name_has_its_own(session, at):
    assert take(session, at, limit=1)
    assert take(session, at, limit=1, subject="cus_2")
    with recording(session):
        assert budget.take(session, name="other", subject="cus_1", limit=1, window=HOUR, at=at)


def test_a_refusal_says_how_long_to_wait_and_that_is_right(session, at):
    at += timedelta(minutes=50)
    take(session, at, cost=10)
    with pytest.raises(LimitReached) as refused, recording(session):
        budget.spend(session, name="lookup", subject="cus_1", limit=10, window=HOUR, at=at)
    wait = timedelta(seconds=refused.value.facts["retry_after_seconds"])
    assert refused.value.facts["limit"] == 10
    assert timedelta() < wait <= 2 * HOUR
    assert not take(session, at + wait - timedelta(seconds=2))
    assert take(session, at + wait)


def test_the_turn_of_the_hour_gives_nobody_twice_the_limit(session, at):
    before = at + timedelta(minutes=59, seconds=59)
    assert take(session, before, cost=10)
    assert not take(session, before + timedelta(seconds=2))
    # Half an hour on, half of it has slid out.
    half = before + timedelta(minutes=30, seconds=1)
    assert take(session, half, cost=5)
    assert not take(session, half)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_carried_over_is_rounded_against_who_asks(session, at, seed):
    dice, limit, used = random.Random(seed), 10, {}
    minutes = 0
    for _ in range(60):
        minutes += dice.randint(0, 12)
        cost = dice.randint(1, 4)
        start = minutes - minutes % 60
        carried = ceil(used.get(start - 60, 0) * (60 - minutes % 60) / 60)
        allowed = used.get(start, 0) + carried + cost <= limit
        assert take(session, at + timedelta(minutes=minutes), cost=cost) is allowed
        if allowed:
            used[start] = used.get(start, 0) + cost


def test_at_once_exactly_the_limit_is_spent(engine, session, at):
    start = Barrier(16)

    def ask(_):
        with Session(engine) as own:
            start.wait()
            return sum(take(own, at, limit=25) for _ in range(5))

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(ask, range(16))) == 25
    assert session.scalar(select(Budget.used)) == 25


def test_what_was_spent_survives_a_refusal_after_it(session, at):
    with recording(session):
        budget.spend(session, name="lookup", subject="cus_1", limit=1, window=HOUR, at=at)
    with pytest.raises(RuntimeError), writing(session):
        raise RuntimeError("nobody by that number")
    assert not take(session, at, limit=1)


def test_purging_deletes_only_windows_that_weigh_nothing(session, at):
    take(session, at)
    for later, left in ((2 * HOUR - timedelta(seconds=1), 1), (2 * HOUR, 0)):
        with writing(session):
            budget.purge(session, at=at + later)
        assert session.scalar(select(func.count()).select_from(Budget)) == left
        session.rollback()


@pytest.mark.parametrize("wrong", [{"cost": 0}, {"cost": -1}, {"window": timedelta()}])
def test_a_senseless_limit_is_a_bug(session, at, wrong):
    with pytest.raises(Misuse):
        take(session, at, **wrong)
