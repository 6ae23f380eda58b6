"""The ladder: reached by earning, kept while lifetime decides, and never by returning."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from portal import ledger, orders, orm
from portal.ledger.errors import AccountNotFound
from portal.ledger.models import Event
from portal.orders.models import TierChange


def changes(session):
    rows = session.scalars(select(TierChange).order_by(TierChange.account_id, TierChange.number))
    return [(row.previous, row.tier, row.points) for row in rows]


def test_a_tier_is_reached_by_what_was_earned_and_multiplies_from_then_on(shop, session):
    shop.apply(tiers=shop.TIERS)
    assert shop.buy(1, 9900).points == 99
    assert shop.tier() is None
    # The purchase that lifts them still earns as they stood before it.
    assert shop.buy(2, 100).points == 1
    assert shop.tier() == "silver"
    third = shop.buy(3, 10000)
    assert third.points == 120
    assert third.earned.explanation == "1 point per €1 on €100 = 100; Silver ×1.2 = 120"
    assert changes(session) == [(None, "silver", 100)]
    assert shop.whole()


def test_a_change_of_tier_is_an_event(shop, session):
    shop.apply(tiers=shop.TIERS)
    done = shop.buy(1, 100_000)
    (event,) = session.scalars(select(Event).where(Event.name == "TierChanged"))
    assert (event.reason, event.actor, event.recorded_at) == ("gold", "key:till", shop.at)
    (change,) = session.scalars(select(TierChange))
    assert (change.account_id, change.event_id) == (done.account_id, event.id)
    standing = shop.standing()
    assert (standing.tier.id, standing.since, standing.recorded) == ("gold", shop.at, True)
    assert shop.whole()


def test_spending_and_expiry_never_take_a_tier(shop, session):
    shop.apply(tiers=shop.TIERS)
    done = shop.buy(1, 100_000)
    with orm.writing(session):
        ledger.redeem(
            session,
            account_id=done.account_id,
            points=600,
            facts=ledger.Facts(name=ledger.EventName.POINTS_REDEMPTION, actor="key:till"),
            at=shop.at,
        )
    assert shop.tier() == "gold"
    shop.later(days=400)
    assert ledger.position(session, account_id=done.account_id, at=shop.at).balance == 0
    assert shop.tier() == "gold"


def test_buying_and_returning_makes_nobody_gold(shop, session):
    shop.apply(tiers=shop.TIERS)
    shop.buy(1, 20_000)
    dear = shop.buy(2, 90_000)
    assert shop.tier() == "gold"
    (change,) = shop.refund(dear)
    assert (change.previous, change.tier.id) == ("gold", "silver")
    assert shop.tier() == "silver"
    assert changes(session)[-1] == ("gold", "silver", 200)
    assert shop.whole()


def test_a_refund_that_leaves_enough_leaves_the_tier(shop):
    shop.apply(tiers=shop.TIERS)
    first = shop.buy(1, 110_000)
    assert shop.refund(first, 10_000) == []
    assert shop.tier() == "gold"
    # One cent's worth of points more, and it is gone.
    assert shop.refund(first, 100)[0].tier.id == "silver"


def test_a_steeper_ladder_takes_a_tier_from_nobody(shop):
    shop.apply(tiers=shop.TIERS)
    first = shop.buy(1, 110_000)
    shop.apply(tiers=[shop.TIERS[0], shop.TIERS[1] | {"from": 5000}])
    assert shop.tier() == "gold"
    assert shop.standing().progress.next is None
    shop.buy(2, 100)
    assert shop.tier() == "gold"
    # What had lifted them is taken back: then the ladder of today decides.
    assert shop.refund(first)[0].tier is None
    assert shop.tier() is None


def test_a_tier_that_is_no_more_gives_way_to_the_ladder(shop):
    shop.apply(tiers=shop.TIERS)
    shop.buy(1, 110_000)
    shop.apply(tiers=[shop.TIERS[0]])
    assert shop.tier() == "silver"


def test_a_flatter_ladder_lifts_at_once_and_is_recorded_with_the_next_purchase(shop, session):
    shop.apply(tiers=shop.TIERS)
    shop.buy(1, 50_000)
    shop.apply(tiers=[shop.TIERS[0], shop.TIERS[1] | {"from": 500}])
    standing = shop.standing()
    assert (standing.tier.id, standing.recorded) == ("gold", False)
    assert shop.buy(2, 10_000).points == 150
    assert changes(session) == [(None, "silver", 500), ("silver", "gold", 650)]


def test_promised_points_count_when_they_become_spendable(shop):
    shop.apply(tiers=shop.TIERS, earning=[shop.BASE | {"wait_days": 14}])
    shop.buy(1, 15_000)
    assert shop.tier() is None
    shop.later(days=15)
    # Due, though nobody booked it: reads and the next purchase see it.
    assert shop.tier() == "silver"
    assert shop.buy(2, 10_000).points == 120
    assert shop.whole()


def test_progress_to_the_next_tier(shop):
    shop.apply(tiers=shop.TIERS)
    shop.buy(1, 5_000)
    progress = shop.standing().progress
    assert (progress.tier, progress.next.id, progress.missing, progress.share) == (
        None,
        "silver",
        50,
        50,
    )
    shop.buy(2, 50_000)
    progress = shop.standing().progress
    assert (progress.tier.id, progress.next.id) == ("silver", "gold")
    assert (progress.points, progress.missing, progress.share) == (550, 450, 50)


def test_by_a_rolling_year_a_tier_falls_when_its_points_grow_old(shop, session):
    shop.apply(tiers=shop.TIERS, tier_basis="rolling_year", expiry={"kind": "never"})
    shop.buy(1, 20_000)
    assert shop.tier() == "silver"
    shop.later(days=364)
    assert shop.tier() == "silver"
    shop.later(days=1)
    assert shop.tier() is None
    # It multiplies no more, and the fall is recorded.
    assert shop.buy(2, 1_000).points == 10
    assert [change[:2] for change in changes(session)] == [(None, "silver"), ("silver", None)]
    assert shop.whole()


def test_by_a_rolling_year_a_refund_takes_from_the_year_of_its_purchase(shop):
    shop.apply(tiers=shop.TIERS, tier_basis="rolling_year", expiry={"kind": "never"})
    old = shop.buy(1, 50_000)
    shop.later(days=200)
    shop.buy(2, 15_000)
    shop.later(days=200)
    assert shop.standing().points == 180
    shop.refund(old)
    assert shop.standing().points == 180


def test_a_batch_climbs_by_date_as_it_would_have_one_by_one(shop):
    shop.apply(tiers=shop.TIERS)
    batch = [
        shop.purchase(number, 10_000, placed_at=datetime(2026, 2, number, 12, tzinfo=UTC))
        for number in (3, 1, 2)
    ]
    assert [done.points for done in shop.record(*batch)] == [120, 100, 120]
    assert shop.standing().points == 340


def test_a_merge_computes_the_tier_anew(shop, session):
    shop.apply(tiers=shop.TIERS)
    shop.buy(1, 60_000, "C1")
    shop.buy(2, 60_000, "C2")
    source, target = shop.account("C1"), shop.account("C2")
    with orm.writing(session):
        ledger.merge(
            session,
            source_id=source.id,
            target_id=target.id,
            facts=ledger.Facts(name=ledger.EventName.ACCOUNT_MERGE, actor="staff:ana"),
            at=shop.at,
        )
        (change,) = orders.tiers.note(
            session, program=shop.program, account_ids=[target.id], actor="staff:ana", at=shop.at
        )
    assert change.tier.id == "gold"
    assert shop.whole()


def test_a_program_without_tiers_has_none(shop):
    shop.apply()
    shop.buy(1, 100_000)
    standing = shop.standing()
    assert (standing.tier, standing.points, standing.progress.next) == (None, 1000, None)


def test_an_unknown_account_is_not_found(shop, session):
    for tiers in ([], shop.TIERS):
        shop.apply(tiers=tiers)
        with pytest.raises(AccountNotFound):
            orders.tiers.of(session, account_id="loy_x", program=shop.program, at=shop.at)


def test_what_time_alone_brought_is_recorded_when_accounts_are_settled(shop, session):
    shop.apply(tiers=shop.TIERS, tier_basis="rolling_year", expiry={"kind": "never"})
    for number in range(5):
        shop.buy(number, 20_000, f"C{number}")
    shop.buy(9, 100, "C9")
    shop.later(days=400)
    found, after, rounds = [], "", 0
    while after is not None:
        with orm.writing(session):
            changes_now, after = orders.tiers.catch_up(
                session, program=shop.program, at=shop.at, after=after, limit=2
            )
        found += changes_now
        rounds += 1
    assert rounds == 3
    assert [(change.previous, change.tier) for change in found] == [("silver", None)] * 5
    with orm.writing(session):
        assert orders.tiers.catch_up(session, program=shop.program, at=shop.at) == ([], None)
    program = shop.apply()
    with orm.writing(session):
        assert orders.tiers.catch_up(session, program=program, at=shop.at) == ([], None)
    assert shop.whole()


def test_points_that_mature_lift_when_accounts_are_settled(shop, session):
    shop.apply(tiers=shop.TIERS, earning=[shop.BASE | {"wait_days": 14}])
    shop.buy(1, 15_000)
    shop.later(days=15)
    with orm.writing(session):
        ledger.settle(session, at=shop.at)
        (change,), _ = orders.tiers.catch_up(session, program=shop.program, at=shop.at)
    assert change.tier.id == "silver"
