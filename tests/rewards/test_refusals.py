"""Why a voucher cannot be had, said before and when it is asked for."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event

from portal import orm, rewards
from portal.ledger.errors import (
    AccountClosed,
    AccountFrozen,
    AccountNotFound,
    InsufficientPoints,
)
from portal.members.models import Customer
from portal.rewards.errors import (
    RewardFraud,
    RewardNotFound,
    RewardNotInStore,
    RewardNotOffered,
    RewardNotYet,
    RewardOtherProgram,
    RewardOutOfStock,
    RewardOver,
    RewardPriceChanged,
    RewardTierNeeded,
    VoucherCodeMalformed,
    VoucherNotFound,
)

DAY = timedelta(days=1)


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
