"""A voucher's life: issued, then used, cancelled or lapsed, and its points with it."""

from datetime import UTC, datetime, timedelta

import pytest

from portal import ledger, orm
from portal.ledger import RedemptionPurpose
from portal.ledger.errors import (
    RedemptionOfVoucher,
)
from portal.programs import Money
from portal.rewards import OnOrder, VoucherStatus
from portal.rewards.errors import (
    VoucherCancelled,
    VoucherLapsed,
    VoucherNeedsStore,
    VoucherOrderCurrency,
    VoucherOtherStore,
    VoucherUsed,
)

DAY = timedelta(days=1)


# -- issued


def test_an_issued_voucher_sets_its_points_aside_until_the_end_of_its_last_day(shop, at):
    shop.reward()
    account = shop.member(1000)
    issued = shop.issue(account)
    assert shop.balance(account) == 500
    assert (issued.status, issued.points) == (VoucherStatus.ISSUED, 500)
    # Usable through 1 April in Lisbon, which by then has summer time.
    assert issued.expires_at == datetime(2026, 4, 1, 23, tzinfo=UTC)
    redemption = ledger.redemption(shop.session, issued.redemption_id)
    assert redemption.purpose == RedemptionPurpose.VOUCHER
    assert (redemption.status, redemption.held_until) == ("held", issued.expires_at)
    assert shop.names(account)[0] == "VoucherIssued"
    assert shop.voucher(issued) == issued
    assert shop.held(account) == (issued,)


def test_a_voucher_keeps_what_it_promised_when_its_reward_changes(shop):
    shop.reward(id="five", name="Five off", kind="amount_off", value=500, price=100)
    account = shop.member(1000)
    issued = shop.issue(account, "five")
    shop.reward(id="five", name="One off", kind="amount_off", value=100, price=900, stores=["x"])
    used = shop.use(issued, order=OnOrder(number="7", value=Money(2000, "EUR")))
    assert used.off == Money(500, "EUR")
    assert used.voucher.reward_name == "Five off"
    assert shop.balance(account) == 900


def test_a_donation_is_given_at_once(shop):
    shop.reward(id="trees", name="Ten trees", kind="donation", price=300)
    account = shop.member(1000)
    given = shop.issue(account, "trees")
    assert (given.status, given.expires_at) == (VoucherStatus.USED, None)
    assert shop.balance(account) == 700
    with pytest.raises(VoucherUsed):
        shop.cancel(given)
    with pytest.raises(VoucherUsed):
        shop.use(given)


def test_the_same_points_come_back_to_their_own_lots_when_it_is_cancelled(shop, at):
    shop.reward()
    account = shop.member(300, days=10)
    shop.earn(account, 700, days=50)
    before = ledger.position(shop.session, account_id=account, at=at).deadlines
    issued = shop.issue(account)
    cancelled = shop.cancel(issued, at=at + DAY)
    assert (cancelled.status, cancelled.cancelled_at) == (VoucherStatus.CANCELLED, at + DAY)
    assert shop.voucher(issued, at=at + DAY) == cancelled
    assert ledger.position(shop.session, account_id=account, at=at + DAY).deadlines == before
    assert shop.names(account, at=at + DAY)[:2] == ["VoucherCancelled", "VoucherIssued"]


def test_points_whose_lot_died_meanwhile_live_on_for_the_programs_grace(shop, at):
    shop.reward()
    account = shop.member(500, days=10)
    issued = shop.issue(account)
    assert shop.balance(account, at=at + 20 * DAY) == 0
    shop.cancel(issued, at=at + 20 * DAY)
    (deadline,) = ledger.position(shop.session, account_id=account, at=at + 20 * DAY).deadlines
    assert deadline.points == 500
    assert deadline.expires_at == datetime(2026, 4, 21, 23, tzinfo=UTC)


# -- lapsed


def test_a_lapse_is_seen_at_once_without_any_job(shop):
    shop.reward()
    account = shop.member(500)
    issued = shop.issue(account)
    end = issued.expires_at
    second = timedelta(seconds=1)
    assert shop.balance(account, at=end - second) == 0
    assert shop.voucher(issued, at=end - second).status is VoucherStatus.ISSUED
    assert shop.balance(account, at=end) == 500
    assert shop.voucher(issued, at=end).status is VoucherStatus.LAPSED
    assert shop.names(account, at=end)[:2] == ["VoucherLapsed", "VoucherIssued"]
    assert shop.held(account, at=end, statuses=[VoucherStatus.LAPSED])
    assert not shop.held(account, at=end, statuses=[VoucherStatus.ISSUED])
    for verb in (shop.use, shop.cancel):
        with pytest.raises(VoucherLapsed) as refusal:
            verb(issued, at=end)
        assert "2026-04-01" in refusal.value.detail
    assert shop.settle(at=end) == 1
    assert shop.settle(at=end + DAY) == 0
    assert shop.balance(account, at=end) == 500
    assert shop.names(account, at=end)[0] == "VoucherLapsed"


def test_a_reward_can_keep_the_points_of_what_lapses(shop):
    shop.reward(on_lapse="keep")
    account = shop.member(500)
    kept = shop.issue(account)
    assert ledger.redemption(shop.session, kept.redemption_id).status == "captured"
    assert shop.balance(account, at=kept.expires_at) == 0
    assert shop.names(account, at=kept.expires_at)[0] == "VoucherIssued"
    with pytest.raises(VoucherLapsed):
        shop.cancel(kept, at=kept.expires_at)


def test_before_it_lapses_such_a_voucher_can_be_cancelled_or_used(shop, at):
    shop.reward(on_lapse="keep")
    account = shop.member(500)
    shop.cancel(shop.issue(account), at=at + DAY)
    assert shop.balance(account, at=at + DAY) == 500
    again = shop.issue(account, at=at + DAY)
    shop.use(again, at=at + 2 * DAY)
    assert shop.balance(account, at=at + 2 * DAY) == 0


# -- used


def test_a_voucher_is_used_once_and_says_when_and_where_it_was(shop, at):
    shop.reward()
    account = shop.member(500)
    issued = shop.issue(account)
    used = shop.use(issued.spoken_code.lower(), store="baixa", till="1", order=OnOrder(number="9"))
    assert used.off is None
    assert (used.voucher.status, used.voucher.store, used.voucher.till, used.voucher.order) == (
        VoucherStatus.USED,
        "baixa",
        "1",
        "9",
    )
    assert shop.voucher(issued) == used.voucher
    assert ledger.redemption(shop.session, issued.redemption_id).status == "captured"
    with pytest.raises(VoucherUsed) as refusal:
        shop.use(issued, store="other", at=at + DAY)
    assert refusal.value.detail == "This voucher was used on 2026-03-02 at 12:00 in baixa."
    assert refusal.value.facts == {"used_at": at.isoformat(), "store": "baixa", "till": "1"}
    with pytest.raises(VoucherUsed):
        shop.cancel(issued)
    assert shop.balance(account, at=issued.expires_at) == 0


def test_a_cancelled_voucher_is_neither_used_nor_cancelled_again(shop, at):
    shop.reward()
    issued = shop.issue(shop.member(500))
    shop.cancel(issued)
    for verb in (shop.use, shop.cancel):
        with pytest.raises(VoucherCancelled) as refusal:
            verb(issued, at=at + DAY)
        assert refusal.value.facts["cancelled_at"] == at.isoformat()


def test_a_voucher_of_some_stores_is_used_in_those(shop):
    shop.reward(stores=["baixa", "belem"])
    account = shop.member(500)
    issued = shop.issue(account, store="belem")
    with pytest.raises(VoucherNeedsStore):
        shop.use(issued)
    with pytest.raises(VoucherOtherStore) as refusal:
        shop.use(issued, store="porto")
    assert refusal.value.facts["stores"] == ["baixa", "belem"]
    assert shop.use(issued, store="baixa").voucher.store == "baixa"


@pytest.mark.parametrize(
    ("kind", "value", "order", "off"),
    [
        ("amount_off", 500, 2000, 500),
        ("amount_off", 500, 300, 300),
        ("amount_off", 500, 0, 0),
        ("share_off", "0.10", 2005, 200),
        ("share_off", "1", 2005, 2005),
        ("share_off", "0.333333", 3, 0),
        ("free_item", None, 2000, None),
        ("gift", None, 2000, None),
    ],
)
def test_what_it_takes_off_an_order(shop, kind, value, order, off):
    shop.reward(kind=kind, value=value)
    issued = shop.issue(shop.member(500))
    used = shop.use(issued, order=OnOrder(number="1", value=Money(order, "EUR")))
    assert used.off == (None if off is None else Money(off, "EUR"))


def test_without_an_order_an_amount_is_whole_and_a_share_is_not_known(shop):
    shop.reward(kind="amount_off", value=500)
    shop.reward(id="tenth", kind="share_off", value="0.1")
    account = shop.member(1000)
    assert shop.use(shop.issue(account)).off == Money(500, "EUR")
    assert shop.use(shop.issue(account, "tenth")).off is None


def test_an_amount_off_is_not_taken_off_another_money(shop):
    shop.reward(kind="amount_off", value=500)
    issued = shop.issue(shop.member(500))
    assert issued.worth.off(Money(100, "GBP")) is None
    with pytest.raises(VoucherOrderCurrency) as refusal:
        shop.use(issued, order=OnOrder(number="1", value=Money(2000, "GBP")))
    assert refusal.value.facts == {"currency": "EUR"}
    assert shop.voucher(issued).status is VoucherStatus.ISSUED


def test_its_redemption_is_not_captured_voided_or_reversed_as_a_payment(shop, at):
    shop.reward()
    shop.reward(id="kept", on_lapse="keep")
    account = shop.member(1000)
    for issued in (shop.issue(account), shop.issue(account, "kept")):
        facts = ledger.Facts(name=ledger.EventName.REDEMPTION_REVERSAL, actor="test")
        more = {"redemption_id": issued.redemption_id, "at": at}
        with pytest.raises(RedemptionOfVoucher), orm.writing(shop.session):
            ledger.capture(shop.session, **more)
        with pytest.raises(RedemptionOfVoucher), orm.writing(shop.session):
            ledger.void(shop.session, facts=facts, **more)
        with pytest.raises(RedemptionOfVoucher), orm.writing(shop.session):
            ledger.reverse_redemption(shop.session, facts=facts, **more)
    assert shop.balance(account) == 0


def test_vouchers_do_not_use_up_what_may_be_redeemed_in_a_day(shop, at):
    shop.reward()
    account = shop.member(500)
    shop.issue(account)
    assert ledger.redeemed_since(shop.session, account_id=account, since=at - DAY) == 0
