"""Orders: paid with points, earning, whole or not at all, and each only once."""

from datetime import date, timedelta

import pytest

from portal import checkout, ledger, orders, orm
from portal.checkout import OrderStatus, Redeem, Reward, Split
from portal.checkout import errors as refusals
from portal.codes.errors import WrongCode
from portal.ledger.errors import (
    AccountClosed,
    AccountFrozen,
    AccountMerged,
    InsufficientPoints,
    InvalidPoints,
    RedemptionNotHeld,
)
from portal.members.errors import CustomerNotFound, NotEnrolled
from portal.orders.errors import InvalidOrder, OrderAlreadyExists, TimeNotAllowed
from portal.programs.earning import Line
from portal.programs.errors import NoRate, RedemptionAboveShare


def test_an_order_pays_with_points_and_earns_on_the_rest(shop, account):
    order = shop.order(holder=shop.by_account(account), redeem=[Redeem(points=1000)])
    assert order.amount_due == 4000
    (redemption,) = order.redemptions
    assert (redemption.points, redemption.value, redemption.status) == (1000, 1000, "captured")
    (gain,) = order.earned
    assert (gain.points, gain.promised, gain.program_id) == (40, False, "corner")
    assert "€40" in gain.explanation
    assert shop.balance(account) == 40
    assert order.status is OrderStatus.CAPTURED
    assert order.account_ids == (account,)


def test_redemption_uses_the_balance_before_what_the_order_earns(shop, account):
    with pytest.raises(InsufficientPoints):
        shop.place(value=500_000, holder=shop.by_account(account), redeem=[Redeem(points=1001)])
    assert shop.balance(account) == 1000


def test_an_order_paid_whole_with_points_leaves_nothing_due(shop, account):
    order = shop.order(value=1000, holder=shop.by_account(account), redeem=[Redeem(value=1000)])
    assert (order.amount_due, order.earned) == (0, ())
    assert shop.balance(account) == 0


def test_points_paid_earn_where_the_program_says_so(shop, account):
    shop.corner(earn_on_points_paid=True)
    order = shop.order(value=1000, holder=shop.by_account(account), redeem=[Redeem(value=1000)])
    assert [gain.points for gain in order.earned] == [10]


def test_the_same_receipt_is_answered_with_the_first_result(shop, account):
    wish = shop.wish(holder=shop.by_account(account), redeem=[Redeem(points=100)])
    first = shop.place(wish)
    again = shop.place(wish, at=shop.at + timedelta(minutes=3))
    assert (first.again, again.again) == (False, True)
    assert again.order == first.order
    assert shop.balance(account) == 900 + 49


def test_the_same_receipt_with_other_content_already_exists(shop, account):
    wish = shop.wish(number="R", holder=shop.by_account(account))
    first = shop.order(wish)
    for other in (
        shop.wish(number="R", value=4999, holder=shop.by_account(account)),
        shop.wish(number="R"),
        shop.wish(number="R", holder=shop.by_account(account), redeem=[Redeem(points=1)]),
        shop.wish(number="R", holder=shop.by_account(account), earn=False),
        shop.wish(number="R", holder=shop.by_account(account), capture=False),
    ):
        with pytest.raises(OrderAlreadyExists) as caught:
            shop.place(other)
        assert caught.value.facts["order"] == first.id
    elsewhere = shop.order(shop.wish(number="R", holder=shop.by_account(account), store="porto"))
    assert elsewhere.id != first.id


def test_an_anonymous_order_passes_untouched(shop, session):
    order = shop.order(value=1234)
    assert (order.amount_due, order.redemptions, order.earned) == (1234, (), ())
    assert (order.customer_id, order.account_ids) == (None, ())
    assert ledger.verify(session) == []


def test_redeeming_needs_a_holder(shop):
    with pytest.raises(refusals.HolderNeeded):
        shop.place(redeem=[Redeem(points=100)])
    with pytest.raises(refusals.HolderNeeded):
        shop.place(splits=[Split(value=100, reward=Reward(value=1))])


def test_a_first_order_enrols_its_customer_and_welcomes_them(shop, ana):
    shop.corner(
        earning=[
            {"id": "base", "kind": "spend", "currency": "EUR", "per": 100, "points": 1},
            {"id": "welcome", "kind": "event", "event": "account.created", "points": 50},
        ]
    )
    order = shop.order(holder=shop.by("mobile", "+351912345678", "corner"))
    (account_id,) = order.account_ids
    assert shop.balance(account_id) == 100
    assert order.customer_id == ana


def test_an_unknown_external_id_is_enrolled_by_its_first_order(shop):
    order = shop.order(holder=shop.by("external_id", "C77", "corner"))
    (account_id,) = order.account_ids
    assert shop.balance(account_id) == 50
    assert shop.order(holder=shop.by("external_id", "C77")).account_ids == (account_id,)


def test_nobody_unknown_is_made_up_from_a_phone_number(shop):
    with pytest.raises(CustomerNotFound):
        shop.place(holder=shop.by("mobile", "+351999999999", "corner"))


def test_an_order_of_someone_not_enrolled_goes_through_with_a_warning(shop, ana):
    shop.corner(auto_enrol=False)
    order = shop.order(holder=shop.by_customer(ana, "corner"))
    assert [w.legacy_code for w in order.warnings] == [881]
    assert (order.earned, order.customer_id) == ((), ana)
    with pytest.raises(NotEnrolled):
        shop.place(holder=shop.by_customer(ana, "corner"), redeem=[Redeem(points=1)])


def test_an_order_without_earning_earns_nothing(shop, account):
    order = shop.order(holder=shop.by_account(account), earn=False)
    assert (order.earned, order.warnings) == ((), ())
    assert shop.balance(account) == 1000


def test_a_closed_account_earns_nothing_and_redeems_nothing(shop, account):
    shop.status(ledger.close, account)
    order = shop.order(holder=shop.by_account(account))
    assert [warning.code for warning in order.warnings] == ["account_closed"]
    assert order.earned == ()
    with pytest.raises(AccountClosed):
        shop.place(holder=shop.by_account(account), redeem=[Redeem(points=1)])
    assert shop.balance(account) == 1000


def test_a_frozen_account_earns_and_redeems_nothing(shop, account):
    shop.status(ledger.freeze, account)
    assert shop.order(holder=shop.by_account(account)).earned[0].points == 50
    with pytest.raises(AccountFrozen):
        shop.place(holder=shop.by_account(account), redeem=[Redeem(points=1)])


def test_a_merged_account_is_refused_with_its_survivor(shop, account):
    other = shop.join()
    shop.merge(account, other)
    with pytest.raises(AccountMerged) as caught:
        shop.place(holder=shop.by_account(account))
    assert caught.value.facts["account"] == other


def test_only_the_holders_points_pay(shop, ana, account):
    stranger = shop.join("corner", shop.customer(external_id="C2"), points=500)
    with pytest.raises(refusals.OtherHolder) as caught:
        shop.place(
            holder=shop.by_customer(ana, "corner"), redeem=[Redeem(points=1, account=stranger)]
        )
    assert caught.value.legacy_code == 904


def test_several_blocks_pay_from_several_accounts(shop, ana, account):
    shop.credits()
    wallet = shop.join("credits", ana, points=700)
    order = shop.order(
        holder=shop.by_customer(ana, "corner"),
        redeem=[Redeem(points=300, program="corner"), Redeem(value=700, account=wallet)],
    )
    assert order.amount_due == 4000
    assert {r.account_id: r.value for r in order.redemptions} == {account: 300, wallet: 700}
    assert shop.balance(wallet) == 0


def test_all_redemptions_together_pay_at_most_the_order(shop, ana, account):
    shop.credits()
    wallet = shop.join("credits", ana, points=700)
    with pytest.raises(refusals.AboveOrderValue) as caught:
        shop.place(
            value=900,
            holder=shop.by_customer(ana, "corner"),
            redeem=[Redeem(points=300), Redeem(value=700, account=wallet)],
        )
    assert caught.value.facts["limit"] == 900


def test_one_account_in_two_blocks_is_no_redemption(shop, ana, account):
    for blocks in (
        [Redeem(points=1), Redeem(points=1, account=account)],
        [Redeem(points=1, value=1)],
        [Redeem()],
    ):
        with pytest.raises(refusals.InvalidRedemption):
            shop.place(holder=shop.by_customer(ana, "corner"), redeem=blocks)


def test_a_customer_as_a_whole_pays_what_expires_soonest_first(shop, ana):
    shop.credits()
    late = shop.join("corner", ana, points=1000, days=300)
    soon = shop.join("credits", ana, points=400, days=30)
    order = shop.order(holder=shop.by_customer(ana), redeem=[Redeem(value=1000)])
    assert {r.account_id: r.value for r in order.redemptions} == {soon: 400, late: 600}
    assert (shop.balance(soon), order.amount_due) == (0, 4000)


def test_a_customer_as_a_whole_pays_by_value_only(shop, ana, account):
    shop.credits()
    shop.join("credits", ana, points=400)
    with pytest.raises(refusals.ByValueOnly):
        shop.place(holder=shop.by_customer(ana), redeem=[Redeem(points=10)])
    with pytest.raises(refusals.InsufficientValue) as caught:
        shop.place(holder=shop.by_customer(ana), redeem=[Redeem(value=1401)])
    assert caught.value.facts["available"] == 1400


def test_a_customer_who_holds_one_account_means_that_one(shop, ana, account):
    order = shop.order(holder=shop.by_customer(ana), redeem=[Redeem(points=10)])
    assert order.redemptions[0].account_id == account


def test_what_has_no_value_in_the_orders_money_pays_nothing_of_a_whole(shop, ana, account):
    shop.apply(
        {"id": "stars", "name": "Stars", "currency": "STAR", "redemption": {"approval": "none"}}
    )
    shop.join("stars", ana, points=50, days=1)
    order = shop.order(holder=shop.by_customer(ana), redeem=[Redeem(value=100)])
    assert [r.account_id for r in order.redemptions] == [account]


def test_points_without_a_rate_reduce_nothing_and_warn(shop, ana):
    shop.apply(
        {"id": "stars", "name": "Stars", "currency": "STAR", "redemption": {"approval": "none"}}
    )
    stars = shop.join("stars", ana, points=50)
    order = shop.order(holder=shop.by_account(stars), redeem=[Redeem(points=50)])
    assert (order.amount_due, order.redemptions[0].value) == (5000, None)
    assert [warning.legacy_code for warning in order.warnings] == [872]
    with pytest.raises(NoRate):
        shop.place(holder=shop.by_account(stars), redeem=[Redeem(value=5)])


def test_the_share_of_the_order_counts_what_paid_it_before(shop, account):
    shop.corner({"max_share_of_order": "0.5"})
    in_hand = checkout.OrderInHand(number="R", value=1000, currency="EUR")
    shop.redeem(account, points=300, order=in_hand, store="lisbon")
    with pytest.raises(RedemptionAboveShare) as caught:
        shop.redeem(account, points=201, order=in_hand, store="lisbon")
    assert caught.value.facts["limit"] == 500
    shop.redeem(account, points=200, order=in_hand, store="lisbon")
    with pytest.raises(RedemptionAboveShare):
        shop.place(
            value=1000, number="R", holder=shop.by_account(account), redeem=[Redeem(points=1)]
        )


def test_the_time_of_an_order_is_limited(shop):
    for away in (timedelta(minutes=6), -timedelta(days=91)):
        with pytest.raises(TimeNotAllowed) as caught:
            shop.place(placed_at=shop.at + away)
        assert caught.value.legacy_code == 859


def test_lines_add_up_to_the_order(shop, account):
    lines = [Line(sku="a", value=4000), Line(sku="b", value=1000)]
    assert shop.order(holder=shop.by_account(account), lines=lines).earned[0].points == 50
    with pytest.raises(InvalidOrder):
        shop.place(holder=shop.by_account(account), lines=lines[:1])


# -- rewards on parts of the payment (004)


def test_parts_bring_their_rewards(shop, ana):
    shop.credits()
    order = shop.order(
        holder=shop.by_customer(ana, "credits"),
        splits=[
            Split(
                value=3000,
                seller="Seller",
                reward=Reward(value=250, expiration_date=date(2027, 4, 2)),
            ),
            Split(value=2000, reward=Reward(value=100)),
        ],
    )
    (account_id,) = order.account_ids
    assert [gain.points for gain in order.earned] == [250, 100]
    position = shop.position(account_id)
    assert position.balance == 350
    # Usable through 2 April, and gone when 3 April begins in Lisbon.
    last = [d.expires_at.isoformat() for d in position.deadlines]
    assert last == ["2027-03-03T00:00:00+00:00", "2027-04-02T23:00:00+00:00"]


def test_a_reward_is_worth_at_most_its_part(shop, ana, account):
    shop.corner(rate={"points": 100, "value": 50, "currency": "EUR"})
    place = {"holder": shop.by_account(account), "earn": False}
    shop.place(**place, splits=[Split(value=500, reward=Reward(value=1000))])
    with pytest.raises(refusals.RewardAbovePart) as caught:
        shop.place(**place, splits=[Split(value=500, reward=Reward(value=1001))])
    assert caught.value.facts["limit"] == 1000


def test_parts_are_at_most_the_order(shop, account):
    with pytest.raises(refusals.InvalidSplits):
        shop.place(holder=shop.by_account(account), splits=[Split(value=3000), Split(value=2001)])


def test_a_reward_that_would_be_gone_is_refused(shop, account):
    today = shop.at.date()
    place = {"holder": shop.by_account(account)}
    with pytest.raises(refusals.RewardDatePast):
        shop.place(
            **place,
            splits=[
                Split(value=100, reward=Reward(value=1, expiration_date=today - timedelta(days=1)))
            ],
        )
    shop.place(**place, splits=[Split(value=100, reward=Reward(value=1, expiration_date=today))])


def test_a_reward_without_a_rate_to_the_order_is_refused(shop, ana, account):
    shop.apply({"id": "stars", "name": "Stars", "currency": "STAR"})
    with pytest.raises(NoRate):
        shop.place(
            holder=shop.by_account(account),
            splits=[Split(value=100, reward=Reward(value=1, program="stars"))],
        )


# -- holds


def test_a_held_order_holds_its_points_and_earns_when_it_is_captured(shop, account):
    order = shop.order(holder=shop.by_account(account), redeem=[Redeem(points=1000)], capture=False)
    assert (order.status, order.earned) == (OrderStatus.HELD, ())
    assert order.redemptions[0].status == "held"
    assert shop.balance(account) == 0
    captured = shop.capture(order.id, at=shop.at + timedelta(minutes=5))
    assert captured.status is OrderStatus.CAPTURED
    assert [gain.points for gain in captured.earned] == [40]
    assert captured.redemptions[0].status == "captured"
    assert shop.balance(account) == 40
    with pytest.raises(refusals.OrderNotHeld):
        shop.capture(order.id)
    with pytest.raises(refusals.OrderNotHeld):
        shop.void(order.id)


def test_a_held_order_brings_its_rewards_when_it_is_captured(shop, account):
    order = shop.order(
        holder=shop.by_account(account),
        splits=[Split(value=5000, reward=Reward(value=70))],
        capture=False,
    )
    assert shop.balance(account) == 1000
    captured = shop.capture(order.id)
    assert [gain.points for gain in captured.earned] == [50, 70]
    assert shop.balance(account) == 1120


def test_a_voided_order_gives_its_points_back_and_earns_nothing(shop, account):
    order = shop.order(holder=shop.by_account(account), redeem=[Redeem(points=1000)], capture=False)
    voided = shop.void(order.id)
    assert (voided.status, voided.earned) == (OrderStatus.VOIDED, ())
    assert shop.balance(account) == 1000
    for verb in (shop.capture, shop.void):
        with pytest.raises(refusals.OrderNotHeld):
            verb(order.id)
    with pytest.raises(refusals.OrderVoided):
        shop.refund(order.id, 1)


def test_a_hold_is_released_by_itself(shop, session, account):
    order = shop.order(holder=shop.by_account(account), redeem=[Redeem(points=1000)], capture=False)
    later = shop.at + timedelta(minutes=15)
    with pytest.raises(refusals.OrderNotHeld):
        shop.capture(order.id, at=later)
    assert checkout.find_order(session, order.id, at=later).status is OrderStatus.VOIDED
    assert shop.balance(account, at=later) == 1000
    assert shop.order(
        holder=shop.by_account(account), redeem=[Redeem(points=1000)], at=later
    ).amount_due


def test_a_hold_lasts_as_long_as_asked_up_to_the_programs_most(shop, account):
    order = shop.order(
        holder=shop.by_account(account),
        redeem=[Redeem(points=10)],
        capture=False,
        hold_minutes=60,
    )
    assert order.held_until == shop.at + timedelta(minutes=60)
    with pytest.raises(refusals.HoldTooLong):
        shop.place(
            holder=shop.by_account(account),
            redeem=[Redeem(points=10)],
            capture=False,
            hold_minutes=1441,
        )


def test_an_order_whose_redemption_was_voided_by_itself_is_not_captured(shop, session, account):
    order = shop.order(holder=shop.by_account(account), redeem=[Redeem(points=10)], capture=False)
    with orm.writing(session):
        checkout.void(session, redemption_id=order.redemptions[0].id, actor="key:till", at=shop.at)
    with pytest.raises(RedemptionNotHeld):
        shop.capture(order.id)
    assert shop.balance(account) == 1000


def test_an_order_is_found_as_it_was_placed(shop, session, account):
    placed = shop.order(
        holder=shop.by_account(account), till="3", metadata={"cashier": "Rui"}, redeem=[]
    )
    found = checkout.find_order(session, placed.id, at=shop.at)
    assert found == placed
    assert (found.till, found.metadata) == ("3", {"cashier": "Rui"})
    with pytest.raises(orders.errors.OrderNotFound) as caught:
        checkout.find_order(session, "ord_0", at=shop.at)
    assert caught.value.legacy_code == 811


# -- consent


def test_a_member_named_by_phone_has_to_approve(shop, ana, account):
    shop.corner({"approval": "auto"})
    by_phone = shop.by("mobile", "912 345 678")
    with pytest.raises(refusals.ApprovalNeeded) as caught:
        shop.place(holder=by_phone, redeem=[Redeem(points=10)])
    assert (caught.value.legacy_code, caught.value.facts["approval"]) == (824, "one_time_code")
    quote = shop.quote(by_phone, issue_code=True)
    assert (quote.approval, quote.code_sent) == ("one_time_code", True)
    code = shop.code()
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    place = {"holder": by_phone, "redeem": [Redeem(points=10)], "quote": quote.id}
    with pytest.raises(WrongCode) as caught:
        shop.place(**place, approval=shop.approval(quote.id, wrong))
    assert caught.value.legacy_code == 808
    order = shop.order(**place, approval=shop.approval(quote.id, code))
    assert order.redemptions[0].points == 10


def test_a_scanned_card_needs_no_approval(shop, ana, account):
    shop.corner({"approval": "auto"})
    shop.place(holder=shop.by_account(account), redeem=[Redeem(points=10)])


def test_a_code_approves_its_own_quote_only(shop, ana, account):
    shop.corner({"approval": "one_time_code"})
    holder = shop.by_account(account)
    quote = shop.quote(holder, issue_code=True)
    other = shop.quote(holder)
    code = shop.code()
    approval = shop.approval(quote.id, code)
    with pytest.raises(refusals.WrongApproval):
        shop.place(holder=holder, redeem=[Redeem(points=10)], quote=other.id, approval=approval)


@pytest.mark.parametrize("value", [0, -1])
def test_a_reward_is_more_than_nothing(shop, account, value):
    with pytest.raises(InvalidPoints):
        shop.place(
            holder=shop.by_account(account), splits=[Split(value=100, reward=Reward(value=value))]
        )


def test_no_part_of_a_payment_is_below_zero(shop, account):
    with pytest.raises(refusals.InvalidSplits):
        shop.place(holder=shop.by_account(account), splits=[Split(value=6000), Split(value=-1000)])
