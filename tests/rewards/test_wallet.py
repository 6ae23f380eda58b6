"""The vouchers that members hold, as pages and histories ask for them."""

from datetime import timedelta

import pytest

from portal import ledger, orm, rewards
from portal.ledger import RedemptionPurpose
from portal.ledger.errors import (
    InvalidCursor,
)
from portal.rewards import VoucherStatus

DAY = timedelta(days=1)


# -- read


def test_vouchers_come_in_pages_newest_first(shop, at):
    shop.reward(stock=None)
    account, other = shop.member(5000), shop.member(500)
    shop.issue(other)
    issued = [shop.issue(account, at=at + n * DAY).id for n in range(5)]
    found, cursor = [], None
    while True:
        page = rewards.vouchers_of(
            shop.session, account_ids=[account], at=at + 5 * DAY, limit=2, cursor=cursor
        )
        found += [each.id for each in page.vouchers]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == issued[::-1]
    assert len(shop.held(account, other)) == 6
    for wrong in ("x", "%%", "bm90LWEtZGF0ZQ", "", "é"):
        with pytest.raises(InvalidCursor):
            shop.held(account, cursor=wrong)


def test_vouchers_are_asked_for_by_where_they_stand(shop, at):
    shop.reward(stock=None, voucher_days=2)
    account = shop.member(5000)
    used, cancelled, lapsed = (shop.issue(account) for _ in range(3))
    shop.use(used)
    shop.cancel(cancelled)
    later = lapsed.expires_at
    open_ = shop.issue(account, at=later)
    for status, voucher in (
        (VoucherStatus.USED, used),
        (VoucherStatus.CANCELLED, cancelled),
        (VoucherStatus.LAPSED, lapsed),
        (VoucherStatus.ISSUED, open_),
    ):
        (found,) = shop.held(account, at=later, statuses=[status])
        assert (found.id, found.status) == (voucher.id, status)
    assert shop.held(account, at=later, statuses=[]) == ()


def test_the_voucher_behind_a_line_of_the_history(shop, at):
    shop.reward()
    account = shop.member(1000)
    issued = shop.issue(account)
    page = ledger.history(shop.session, account_id=account, at=at)
    entry_ids = [line.entry.id for line in page.lines]
    assert rewards.of_entries(shop.session, entry_ids=entry_ids, at=at) == {issued.entry_id: issued}
    assert rewards.of_entries(shop.session, entry_ids=[], at=at) == {}
    line = page.lines[0]
    assert line.spending.purpose == RedemptionPurpose.VOUCHER
    assert line.event.metadata == {
        "reward": "mug",
        "reward_name": "Mug",
        "kind": "free_item",
        "voucher": issued.id,
    }
    assert issued.code not in str(line)


def test_a_household_or_nobody_can_hold_one(shop):
    shop.reward()
    with orm.writing(shop.session):
        account = ledger.open_account(
            shop.session, program_id="corner", household_id="hh_1", at=shop.at
        ).id
    shop.earn(account, 500)
    issued = shop.issue(account, cipher=shop.cipher)
    assert issued.customer_id is None
    assert shop.messages() == []
