"""Birthdays, referrals and triggers: told once, rewarding whom the rule says."""

import threading
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from portal import ledger, orders, orm
from portal.errors import Busy
from portal.orders.errors import EventAlreadyHappened, InvalidEvent, TimeNotAllowed

BIRTHDAY = {"id": "cake", "kind": "event", "event": "birthday", "points": 25}
REFERRED = {"id": "referred", "kind": "event", "event": "referral", "points": 10}
REFERRER = REFERRED | {"id": "referrer", "points": 30, "rewards": "referrer"}
REVIEW = {"id": "review", "kind": "trigger", "trigger": "reviewed", "points": 7}


@pytest.fixture
def tell(shop, session):
    def tell(name, id="e1", who="C1", account=None, **more):
        with orm.writing(session):
            return orders.happen(
                session,
                account=account or shop.account(who),
                name=name,
                id=id,
                program=shop.program,
                actor="key:crm",
                at=shop.at,
                **more,
            )

    return tell


def test_a_birthday_bonus(shop, tell, session):
    shop.apply(BIRTHDAY)
    account = shop.join("C1")
    when = shop.at - timedelta(days=1)
    done = tell("birthday", occurred_at=when)
    (cake,) = done.rewarded
    assert (cake.account_id, cake.rule_id, cake.points) == (account.id, "cake", 25)
    assert cake.explanation == "25 points for birthday"
    assert (done.already, done.released, done.warnings) == (False, 0, ())
    (line,) = ledger.history(session, account_id=account.id, at=shop.at).lines
    assert (line.event.reason, line.event.occurred_at) == ("birthday", when)
    assert (line.entry.amount, line.entry.expires_at) == (25, cake.expires_at)
    assert shop.program.last_day(cake.expires_at).isoformat() == "2027-03-01"
    assert shop.whole()


def test_an_event_happens_once_for_each_id(shop, tell):
    shop.apply(BIRTHDAY)
    shop.join("C1")
    first = tell("birthday")
    shop.later(hours=1)
    again = tell("birthday")
    assert again == replace(first, already=True)
    assert shop.account().balance == 25
    assert tell("birthday", "e2").already is False
    assert shop.account().balance == 50


def test_an_id_stands_for_one_thing(shop, tell):
    shop.apply(BIRTHDAY)
    shop.join("C1")
    shop.join("C2")
    tell("birthday")
    for other in ({"who": "C2"}, {"occurred_at": shop.at}, {"name": "namesday"}):
        with pytest.raises(EventAlreadyHappened) as caught:
            tell(**{"name": "birthday"} | other)
        assert caught.value.code == "event_already_happened"
    assert shop.account("C2").balance == 0


def test_a_referral_rewards_whom_the_rule_says(shop, tell):
    shop.apply(REFERRED, REFERRER)
    friend = shop.join("C1")
    newcomer = shop.join("C2", referred_by=friend.customer_id)
    done = tell("referral", who="C2")
    assert {(one.account_id, one.points) for one in done.rewarded} == {
        (newcomer.id, 10),
        (friend.id, 30),
    }
    assert (shop.account("C1").balance, shop.account("C2").balance) == (30, 10)
    assert shop.whole()


def test_a_referral_without_a_referrer_rewards_the_member_and_says_so(shop, tell):
    shop.apply(REFERRED, REFERRER)
    shop.join("C1")
    done = tell("referral")
    assert ([one.rule_id for one in done.rewarded], done.warnings) == (
        ["referred"],
        ("not_enrolled",),
    )


def test_a_trigger_releases_the_points_that_wait_for_it(shop, tell, session):
    shop.apply(REVIEW, REVIEW | {"id": "kept", "trigger": "kept", "points": 9})
    shop.buy(1, 1000)
    shop.buy(2, 1000)
    assert (shop.account().balance, shop.account().trigger_based) == (20, 32)
    done = tell("reviewed")
    assert (done.released, done.rewarded, done.warnings) == (14, (), ())
    account = shop.account()
    assert (account.balance, account.trigger_based, account.lifetime) == (34, 18, 34)
    assert tell("reviewed").released == 14
    assert tell("reviewed", "e2").warnings == ("nothing_earned",)
    assert shop.account().balance == 34
    assert shop.whole()


def test_a_trigger_can_bring_a_bonus_too(shop, tell):
    shop.apply(REVIEW, {"id": "thanks", "kind": "event", "event": "reviewed", "points": 2})
    shop.buy(1, 1000)
    done = tell("reviewed")
    assert (done.released, [one.points for one in done.rewarded]) == (7, [2])
    assert shop.account().balance == 19


def test_what_an_event_brings_can_lift_to_a_tier(shop, tell):
    shop.apply(BIRTHDAY | {"points": 100}, tiers=shop.TIERS)
    shop.join("C1")
    tell("birthday")
    assert shop.tier() == "silver"
    assert shop.standing().recorded


def test_a_bonus_can_wait(shop, tell):
    shop.apply(BIRTHDAY | {"wait_days": 3})
    shop.join("C1")
    (cake,) = tell("birthday").rewarded
    assert cake.available_from == datetime.fromisoformat("2026-03-05T00:00:00+00:00")
    assert (shop.account().balance, shop.account().promised) == (0, 25)


def test_a_closed_account_gets_no_bonus_and_that_is_said(shop, tell, session):
    shop.apply(BIRTHDAY)
    account = shop.join("C1")
    with orm.writing(session):
        ledger.close(session, account_id=account.id, at=shop.at)
    done = tell("birthday")
    assert (done.rewarded, done.warnings) == ((), ("account_closed",))


def test_something_no_rule_waits_for_earns_nothing(shop, tell):
    shop.apply()
    shop.join("C1")
    assert tell("full.moon").warnings == ("nothing_earned",)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": "Birthday"}, "name"),
        ({"name": ""}, "name"),
        ({"name": "a" * 65}, "name"),
        ({"name": "account.created"}, "name"),
        ({"id": " "}, "id"),
        ({"id": "x" * 65}, "id"),
        ({"id": "a\x00"}, "id"),
        ({"occurred_at": datetime(2026, 3, 2)}, "occurred_at"),
    ],
)
def test_an_event_that_cannot_be_right_is_refused(shop, tell, wrong, field):
    shop.apply(BIRTHDAY)
    shop.join("C1")
    with pytest.raises(InvalidEvent) as caught:
        tell(**{"name": "birthday"} | wrong)
    assert caught.value.field == field


@pytest.mark.parametrize("off", [timedelta(minutes=5, seconds=1), -timedelta(days=90, seconds=1)])
def test_an_event_lies_within_the_times_allowed(shop, tell, off):
    shop.apply(BIRTHDAY)
    shop.join("C1")
    with pytest.raises(TimeNotAllowed) as caught:
        tell("birthday", occurred_at=shop.at + off)
    assert caught.value.legacy_code == 859


def test_told_by_many_at_once_it_happens_once(engine, shop, session):
    program = shop.apply(BIRTHDAY)
    account = shop.join("C1")
    barrier, told, failures = threading.Barrier(8), [], []

    def crm():
        barrier.wait()
        try:
            with orm.Session(engine) as own:
                for _ in range(50):
                    try:
                        with orm.writing(own):
                            done = orders.happen(
                                own,
                                account=account,
                                name="birthday",
                                id="e1",
                                program=program,
                                actor="key:crm",
                                at=shop.at,
                            )
                        told.append(done)
                        return
                    except Busy:
                        continue
        except Exception as error:  # noqa: BLE001 - told by the test itself
            failures.append(error)

    threads = [threading.Thread(target=crm) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [done.already for done in told].count(False) == 1
    assert {done.rewarded[0].points for done in told} == {25}
    assert shop.account().balance == 25
