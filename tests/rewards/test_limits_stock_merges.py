"""Limits and stock count what they should; a merge carries vouchers over."""

from datetime import timedelta

import pytest

from portal import ledger, orm, rewards
from portal.errors import Busy
from portal.ledger.errors import (
    AccountMerged,
)
from portal.rewards.errors import (
    RewardLimitReached,
    RewardOutOfStock,
    VoucherLapsed,
    VoucherNotFound,
)

DAY = timedelta(days=1)


# -- limits


def test_the_limit_counts_what_is_open_used_or_kept_not_what_came_back(shop, at):
    shop.reward(per_member=2, voucher_days=1)
    account = shop.member(5000)
    shop.cancel(shop.issue(account))
    first, second = shop.issue(account), shop.issue(account)
    error = refused_at_limit(shop, account)
    assert error.facts == {"limit": 2}
    shop.use(first)
    refused_at_limit(shop, account)
    # The other one lapses and comes back: it counts no more, whether that is booked or not.
    later = second.expires_at
    assert shop.offer(account, at=later).mine == 1
    third = shop.issue(account, at=later)
    with pytest.raises(RewardLimitReached):
        shop.issue(account, at=later)
    shop.use(third, at=later)
    with pytest.raises(RewardLimitReached):
        shop.issue(account, at=later + 5 * DAY)


def refused_at_limit(shop, account, **more):
    with pytest.raises(RewardLimitReached) as refusal:
        shop.issue(account, **more)
    assert isinstance(shop.offer(account, **more).refusals[0], RewardLimitReached)
    return refusal.value


def test_what_lapsed_and_was_kept_counts_against_the_limit(shop):
    shop.reward(per_member=1, on_lapse="keep", voucher_days=1)
    account = shop.member(5000)
    lapsed = shop.issue(account)
    refused_at_limit(shop, account, at=lapsed.expires_at)


def test_a_second_account_of_the_same_member_starts_no_new_count(shop):
    shop.reward(per_member=1)
    first = shop.member(500)
    shop.issue(first)
    shop.change("close", first)
    customer_id = shop.account(first).customer_id
    with orm.writing(shop.session):
        second = ledger.open_account(
            shop.session, program_id="corner", customer_id=customer_id, at=shop.at
        ).id
    shop.earn(second, 500)
    refused_at_limit(shop, second)


def test_accounts_of_nobody_do_not_share_a_limit(shop):
    shop.reward(per_member=1)
    for _ in range(2):
        with orm.writing(shop.session):
            account = ledger.open_account(shop.session, program_id="corner", at=shop.at).id
        shop.earn(account, 500)
        assert shop.issue(account).customer_id is None


# -- stock


def test_what_is_cancelled_or_lapses_is_in_stock_again(shop):
    shop.reward(stock=1, voucher_days=1)
    account = shop.member(5000)
    shop.cancel(shop.issue(account))
    assert shop.offer(account).left == 1
    lapsing = shop.issue(account)
    assert shop.offer(account).left == 0
    later = lapsing.expires_at
    assert shop.offer(account, at=later).left == 1
    used = shop.issue(account, at=later)
    shop.use(used, at=later)
    assert shop.offer(account, at=later).left == 0
    with pytest.raises(RewardOutOfStock):
        shop.issue(account, at=later + 9 * DAY)


def test_stock_is_how_many_there_are_in_all(shop):
    shop.reward(stock=None)
    account = shop.member(5000)
    assert shop.offer(account).left is None
    one, two = shop.issue(account), shop.issue(account)
    # A stock that begins later counts what is out already.
    shop.reward(stock=3)
    assert shop.offer(account).left == 1
    shop.issue(account)
    shop.reward(stock=2)
    assert shop.offer(account).left == 0
    shop.cancel(one)
    assert shop.offer(account).left == 0
    shop.cancel(two)
    assert shop.offer(account).left == 1
    shop.reward(stock=None)
    shop.issue(account)
    assert shop.agrees()


# -- merged


def test_open_vouchers_go_to_the_survivor_and_their_points_come_back_there(shop, at):
    shop.reward(per_member=1)
    first, second, third = shop.member(500), shop.member(100), shop.member(10)
    issued = shop.issue(first)
    shop.merge(first, second, at=at + DAY)
    assert shop.voucher(issued).account_id == second
    assert [each.id for each in shop.held(second)] == [issued.id]
    assert (
        rewards.voucher_by_id(
            shop.session, voucher_id=issued.id, account_ids=[second], at=at
        ).customer_id
        == shop.account(second).customer_id
    )
    with pytest.raises(VoucherNotFound):
        rewards.voucher_by_id(shop.session, voucher_id=issued.id, account_ids=[first], at=at)
    shop.merge(second, third, at=at + 2 * DAY)
    assert shop.voucher(issued).account_id == third
    assert shop.balance(third, at=at + 3 * DAY) == 110
    shop.earn(third, 1000, at=at + 3 * DAY)
    refused_at_limit(shop, third, at=at + 3 * DAY)
    with pytest.raises(AccountMerged):
        shop.issue(first, at=at + 3 * DAY)
    assert shop.balance(third, at=issued.expires_at) == 1610
    assert shop.names(third, at=issued.expires_at)[0] == "VoucherLapsed"
    assert shop.settle(at=issued.expires_at) >= 1
    assert shop.balance(third, at=issued.expires_at) == 1610


@pytest.mark.parametrize("on_lapse", ["return", "keep"])
def test_after_a_merge_it_is_cancelled_to_the_survivor_or_used(shop, at, on_lapse):
    shop.reward(on_lapse=on_lapse)
    first, second = shop.member(1000), shop.member()
    cancelled, used = shop.issue(first), shop.issue(first)
    shop.merge(first, second)
    with pytest.raises(VoucherNotFound):
        shop.cancel(cancelled, account_ids=[first])
    shop.cancel(cancelled, account_ids=[second])
    shop.use(used)
    assert shop.balance(second) == 500
    assert shop.balance(second, at=used.expires_at + DAY) == 500


def test_a_merge_between_the_look_and_the_lock_is_to_be_tried_again(shop, at, monkeypatch):
    from portal.rewards import using

    shop.reward()
    first, second = shop.member(500), shop.member()
    issued = shop.issue(first)
    look = using.voucher

    def stale(session, *, code, at):
        from dataclasses import replace

        return replace(look(session, code=code, at=at), account_id=first)

    shop.merge(first, second)
    monkeypatch.setattr(using, "voucher", stale)
    with pytest.raises(Busy):
        shop.use(issued)


def test_one_whose_clock_runs_ahead_may_have_seen_it_lapse(shop, at):
    shop.reward(stock=1, voucher_days=1)
    first, second = shop.member(500), shop.member(500)
    issued = shop.issue(first)
    shop.issue(second, at=issued.expires_at)
    with pytest.raises(VoucherLapsed):
        shop.use(issued, at=issued.expires_at - timedelta(seconds=1))
