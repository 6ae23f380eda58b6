"""What two do at once, step by step: between the look and the lock something else happens."""

from datetime import timedelta

import pytest

from portal import orm, rewards
from portal.errors import Busy
from portal.rewards import VoucherStatus, stock, using
from portal.rewards.errors import RewardOutOfStock, VoucherLapsed

SECOND = timedelta(seconds=1)


def look(shop, account):
    return stock.look(
        shop.session, reward_id="mug", account_id=account, customer_id=None, at=shop.at
    )


def take(shop, seen, *, at=None):
    with orm.writing(shop.session):
        stock.take(shop.session, seen, at=at or shop.at)
        shop.session.rollback()


@pytest.mark.parametrize("limit", [5, None])
def test_a_file_that_was_applied_meanwhile_is_looked_at_again(shop, limit):
    shop.reward(stock=limit)
    seen = look(shop, shop.member())
    take(shop, seen)
    shop.reward(stock=limit, price=900)
    with pytest.raises(Busy):
        take(shop, seen)


def test_others_were_faster(shop):
    shop.reward(stock=1)
    seen = look(shop, shop.member())
    assert seen.left == 1
    issued = shop.issue(shop.member(500))
    with pytest.raises(RewardOutOfStock):
        take(shop, seen)
    take(shop, seen, at=issued.expires_at)


def test_what_lapsed_is_written_down_by_a_job_and_counted_once(shop):
    shop.reward(stock=5)
    shop.reward(id="pen", stock=None)
    account = shop.member(5000)
    for reward_id in ("mug", "mug", "pen"):
        end = shop.issue(account, reward_id).expires_at
    open_ = shop.issue(account, at=end - SECOND)

    def write_down():
        with orm.writing(shop.session):
            return rewards.write_down_lapses(shop.session, at=end, limit=1)

    assert shop.offer(account, at=end).left == 4
    assert [write_down() for _ in range(3)] == [1, 1, 0]
    assert shop.offer(account, at=end).left == 4
    assert shop.voucher(open_, at=end).status is VoucherStatus.ISSUED
    assert shop.agrees()


@pytest.mark.parametrize("verb", ["use", "cancel"])
def test_where_the_lapse_is_booked_a_clock_that_is_behind_does_not_undo_it(shop, verb):
    shop.reward()
    account = shop.member(500)
    issued = shop.issue(account)
    shop.settle(at=issued.expires_at)
    with pytest.raises(VoucherLapsed) as refusal:
        getattr(shop, verb)(issued, at=issued.expires_at - SECOND)
    assert refusal.value.facts == {"expires_at": issued.expires_at.isoformat()}
    assert shop.balance(account, at=issued.expires_at) == 500
    assert shop.voucher(issued, at=issued.expires_at).status is VoucherStatus.LAPSED


@pytest.mark.parametrize("verb", ["use", "cancel"])
def test_a_voucher_ends_once_even_if_it_was_seen_open(shop, verb, monkeypatch):
    shop.reward(on_lapse="keep")
    account = shop.member(500)
    issued = shop.issue(account)
    shop.use(issued)
    monkeypatch.setattr(using, "voucher", lambda session, *, code, at: issued)
    with pytest.raises(Busy):
        getattr(shop, verb)(issued)
    monkeypatch.undo()
    assert rewards.voucher(shop.session, code=issued.code, at=shop.at).status == "used"
    assert shop.balance(account) == 0
