"""A voucher's life: issued, then used, cancelled or lapsed, and its points with it."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event

from portal import ledger, members, orm, rewards
from portal.errors import Busy
from portal.ledger import RedemptionPurpose
from portal.ledger.errors import (
    AccountClosed,
    AccountFrozen,
    AccountMerged,
    AccountNotFound,
    InsufficientPoints,
    InvalidCursor,
    RedemptionOfVoucher,
)
from portal.members.models import Customer
from portal.programs import Money
from portal.rewards import OnOrder, VoucherStatus
from portal.rewards.errors import (
    RewardFraud,
    RewardLimitReached,
    RewardNotFound,
    RewardNotInStore,
    RewardNotOffered,
    RewardNotYet,
    RewardOtherProgram,
    RewardOutOfStock,
    RewardOver,
    RewardPriceChanged,
    RewardTierNeeded,
    VoucherCancelled,
    VoucherCodeMalformed,
    VoucherLapsed,
    VoucherNeedsStore,
    VoucherNotFound,
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


# -- refused


def refused(shop, error, account, reward_id="mug", **more):
    """The refusal, of which the offer said beforehand what issuing says."""
    with pytest.raises(error) as refusal:
        shop.issue(account, reward_id, **more)
    more.pop("price", None)
    offer = shop.offer(account, reward_id, **more)
    if error is not RewardOtherProgram:
        assert error in [type(each) for each in offer.refusals]
        assert not offer.available
    assert shop.held(account) == ()
    return refusal.value


def test_too_few_points_says_how_many_are_missing(shop):
    shop.reward()
    account = shop.member(420)
    error = refused(shop, InsufficientPoints, account)
    assert error.facts == {"available": 420, "requested": 500, "missing": 80}
    assert error.detail == "80 points are missing for this reward."
    assert shop.balance(account) == 420


def test_out_of_stock(shop):
    shop.reward(stock=1)
    shop.issue(shop.member(500))
    error = refused(shop, RewardOutOfStock, shop.member(500))
    assert error.facts == {"limit": 1}


def test_before_its_first_and_after_its_last_day_in_the_programs_zone(shop):
    shop.reward(valid_from="2026-03-10", valid_to="2026-03-11")
    account = shop.member(5000)
    first, gone = datetime(2026, 3, 10, tzinfo=UTC), datetime(2026, 3, 12, tzinfo=UTC)
    second = timedelta(seconds=1)
    error = refused(shop, RewardNotYet, account, at=first - second)
    assert error.facts == {"valid_from": "2026-03-10"}
    error = refused(shop, RewardOver, account, at=gone)
    assert error.facts == {"valid_to": "2026-03-11"}
    shop.issue(account, at=first)
    shop.issue(account, at=gone - second)


def test_what_is_not_offered_any_more(shop):
    shop.reward(active=False)
    refused(shop, RewardNotOffered, shop.member(500))


def test_other_tiers(shop):
    shop.reward(tiers=["gold", "silver"])
    account = shop.member(500)
    error = refused(shop, RewardTierNeeded, account, tier=None)
    assert error.detail == "This reward is for members on Silver or Gold."
    assert error.facts == {"tiers": ["gold", "silver"]}
    assert shop.issue(account, tier="gold")


def test_another_store(shop):
    shop.reward(stores=["baixa"])
    refused(shop, RewardNotInStore, shop.member(500), store="porto")


def test_an_account_of_another_program(shop):
    shop.program(id="other", default=False)
    shop.reward()
    account = shop.member(500, program_id="other")
    error = refused(shop, RewardOtherProgram, account)
    assert error.facts == {"program": "corner"}


def test_another_price_than_the_member_agreed_to(shop):
    shop.reward()
    account = shop.member(1000)
    with pytest.raises(RewardPriceChanged) as refusal:
        shop.issue(account, price=400)
    assert refusal.value.facts == {"price": 500}
    assert shop.issue(account, price=500)


def test_a_frozen_account_gets_and_uses_none_but_can_cancel(shop):
    shop.reward()
    account = shop.member(1000)
    issued = shop.issue(account)
    shop.change("freeze", account)
    with pytest.raises(AccountFrozen):
        shop.issue(account)
    assert isinstance(shop.offer(account).refusals[0], AccountFrozen)
    with pytest.raises(AccountFrozen):
        shop.use(issued)
    shop.cancel(issued)
    assert shop.balance(account) == 1000


def test_a_closed_account_gets_none_but_its_vouchers_go_on(shop):
    shop.reward()
    account = shop.member(1500)
    used, cancelled, lapsing = (shop.issue(account) for _ in range(3))
    shop.change("close", account)
    with pytest.raises(AccountClosed):
        shop.issue(account)
    assert isinstance(shop.offer(account).refusals[0], AccountClosed)
    shop.use(used)
    shop.cancel(cancelled)
    assert shop.balance(account, at=lapsing.expires_at) == 1000


def test_confirmed_fraud_gets_and_uses_none(shop):
    shop.reward()
    account = shop.member(1000)
    issued = shop.issue(account)
    with orm.writing(shop.session):
        shop.session.get(Customer, shop.account(account).customer_id).fraud_status = "confirmed"
    with pytest.raises(RewardFraud):
        shop.issue(account)
    assert isinstance(shop.offer(account).refusals[0], RewardFraud)
    with pytest.raises(RewardFraud):
        shop.use(issued)


def test_unknown_rewards_accounts_and_vouchers(shop):
    account = shop.member(500)
    with pytest.raises(RewardNotFound):
        shop.issue(account)
    with pytest.raises(RewardNotFound):
        shop.offer(account)
    with pytest.raises(AccountNotFound):
        shop.issue("loy_none")
    unknown = rewards.codes.new_code()
    for verb in (shop.voucher, shop.use, shop.cancel):
        with pytest.raises(VoucherNotFound):
            verb(unknown)
    with pytest.raises(VoucherNotFound):
        rewards.voucher_by_id(shop.session, voucher_id="vou_none", at=shop.at)


def test_what_is_no_code_is_refused_without_asking_the_database(shop, engine):
    asked = []
    event.listen(engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    with pytest.raises(VoucherCodeMalformed):
        rewards.voucher(shop.session, code="1234", at=shop.at)
    assert asked == []


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
    assert members.customer
