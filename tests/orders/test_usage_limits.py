"""Limits on how often a promotion applies, counted in the database, also when tills race."""

import threading

import pytest

from portal import orders, orm
from portal.errors import Busy
from portal.orders.models import EarningUse

FIRST = {"id": "first", "kind": "promotion", "bonus": 50}


def uses(session):
    session.expire_all()
    rows = session.query(EarningUse).all()
    return {(row.rule_id, row.subject): row.used for row in rows if row.used}


def test_a_promotion_applies_so_often_for_a_member(shop, session):
    shop.apply(FIRST | {"per_member": 2})
    assert [shop.buy(number, 100).points for number in range(4)] == [51, 51, 1, 1]
    assert shop.buy(9, 100, "C2").points == 51
    assert uses(session) == {
        ("first", shop.account().id): 2,
        ("first", shop.account("C2").id): 1,
    }


def test_a_promotion_applies_so_often_in_total(shop, session):
    shop.apply(FIRST | {"total": 2})
    assert [shop.buy(number, 100, f"C{number}").points for number in range(3)] == [51, 51, 1]
    assert uses(session) == {("first", "all"): 2}


def test_within_a_batch_the_first_by_date_get_it(shop):
    shop.apply(FIRST | {"total": 3, "per_member": 2})
    batch = [shop.purchase(number, 100) for number in range(3)]
    batch += [shop.purchase(number, 100, "C2") for number in range(3, 6)]
    assert [done.points for done in shop.record(*batch)] == [51, 51, 1, 51, 1, 1]


def test_a_receipt_told_again_uses_nothing_up(shop, session):
    shop.apply(FIRST | {"per_member": 5})
    shop.buy(1, 100)
    assert shop.buy(1, 100).outcome is orders.Outcome.ALREADY
    assert list(uses(session).values()) == [1]


def test_a_promotion_out_of_its_hours_is_not_asked_for(shop, session):
    shop.apply(FIRST | {"per_member": 5, "weekdays": ["sun"]})
    assert shop.buy(1, 100).points == 1
    assert session.query(EarningUse).count() == 0


def test_a_visit_counts_once_a_day_of_the_programs_zone(shop):
    shop.apply(
        earning=[{"id": "visit", "kind": "visit", "points": 10, "once_a_day": True}],
        timezone="Asia/Tokyo",
    )
    shop.at = shop.at.replace(hour=14, minute=59)
    assert [shop.buy(number, 100).points for number in range(2)] == [10, 0]
    # 15:00 UTC is midnight in Tokyo.
    shop.later(minutes=1)
    assert [shop.buy(number, 100).points for number in range(2, 4)] == [10, 0]
    assert shop.whole()


def test_a_quote_sees_what_is_used_up_and_uses_nothing(shop, session):
    program = shop.apply(FIRST | {"per_member": 1, "total": 9})
    account = shop.join("C1")

    def seen():
        return orders.used(
            session, program=program, purchase=shop.purchase(9, 100), account_id=account.id
        )

    assert seen() == {"first": 0, "first:member": 0}
    shop.buy(1, 100)
    assert seen() == {"first": 1, "first:member": 1}
    assert seen() == {"first": 1, "first:member": 1}


@pytest.mark.parametrize("limit", [{"total": 5}, {"total": 5, "per_member": 1}])
def test_twenty_tills_at_once_use_a_limit_exactly_up(engine, shop, session, limit):
    program = shop.apply(FIRST | limit, tiers=shop.TIERS)
    for number in range(20):
        shop.join(f"C{number}")
    barrier, told, failures = threading.Barrier(10), [], []

    def till(shift):
        barrier.wait()
        try:
            with orm.Session(engine) as own:
                for number in (shift, shift + 10):
                    purchase = shop.purchase(number, 100, f"C{number}")
                    for _ in range(50):
                        try:
                            with orm.writing(own):
                                told.extend(
                                    orders.record(
                                        own,
                                        purchases=[purchase],
                                        program=program,
                                        actor="key:till",
                                        at=shop.at,
                                    )
                                )
                            break
                        except Busy:
                            continue
        except Exception as error:  # noqa: BLE001 - told by the test itself
            failures.append(error)

    threads = [threading.Thread(target=till, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(done.points for done in told) == [1] * 15 + [51] * 5
    assert uses(session)["first", "all"] == 5
    assert shop.whole()
