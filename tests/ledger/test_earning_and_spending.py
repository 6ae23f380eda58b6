"""Earning, spending and what is left, in worked examples."""

from datetime import timedelta

import pytest

from portal import ledger
from portal.ledger import errors

DAY = timedelta(days=1)


def test_earn_then_redeem_leaves_the_rest(book):
    account = book.open()
    book.earn(account, 100)
    redemption = book.redeem(account, 30)
    assert redemption.points == 30
    assert redemption.status == "captured"
    assert book.balance(account) == 70
    assert book.position(account).lifetime == 100


def test_redeem_takes_the_soonest_to_expire_first(book, at):
    account = book.open()
    book.earn(account, 50, days=300)
    book.earn(account, 50, days=10)
    book.redeem(account, 60)
    assert [(d.expires_at, d.points) for d in book.position(account).deadlines] == [
        (at + 300 * DAY, 40)
    ]


def test_redeem_refuses_more_than_the_balance(book):
    account = book.open()
    book.earn(account, 100)
    with pytest.raises(errors.InsufficientPoints) as refusal:
        book.redeem(account, 101)
    assert refusal.value.facts == {"available": 100, "requested": 101}
    assert book.balance(account) == 100
    assert len(book.history(account).lines) == 1


@pytest.mark.parametrize("points", [0, -1, True, 2**53])
def test_amounts_that_are_none_are_refused(book, points):
    account = book.open()
    with pytest.raises(errors.InvalidPoints):
        book.earn(account, points)
    with pytest.raises(errors.InvalidPoints):
        book.redeem(account, points)


def test_expired_points_are_gone_to_the_second(book, at):
    account = book.open()
    book.earn(account, 100, days=10)
    gone = at + 10 * DAY
    second = timedelta(seconds=1)
    assert book.balance(account, at=gone - second) == 100
    assert book.balance(account, at=gone) == 0
    with pytest.raises(errors.InsufficientPoints):
        book.redeem(account, 1, at=gone)
    book.redeem(account, 100, at=gone - second)


def test_reads_show_what_is_due_before_it_is_booked(book, at):
    account = book.open()
    book.earn(account, 100, days=10)
    later = at + 11 * DAY
    page = book.history(account, at=later)
    (pending,) = page.pending
    assert (pending.amount, pending.occurred_at) == (-100, at + 10 * DAY)
    book.settle(at=later)
    page = book.history(account, at=later)
    assert page.pending == ()
    assert page.lines[0].entry.amount == -100
    assert page.lines[0].entry.occurred_at == at + 10 * DAY
    assert page.lines[0].entry.recorded_at == later


def test_a_refund_beyond_the_balance_is_a_debt_that_the_next_credit_pays(book):
    account = book.open()
    earned = book.earn(account, 100).entries[0]
    book.redeem(account, 80)
    book.take_back(earned.id)
    position = book.position(account)
    assert (position.balance, position.debt, position.deadlines) == (-80, 80, ())
    assert position.lifetime == 100
    assert position.account.taken_back == 100
    book.earn(account, 50)
    assert book.balance(account) == -30
    book.earn(account, 50)
    position = book.position(account)
    assert (position.balance, [d.points for d in position.deadlines]) == (20, [20])


def test_promised_points_mature_on_their_date_and_keep_their_expiry(book, at):
    account = book.open()
    book.earn(account, 40, days=60, available_from=at + 14 * DAY)
    position = book.position(account)
    assert (position.balance, position.promised, position.lifetime) == (0, 40, 0)
    later = book.position(account, at=at + 14 * DAY)
    assert (later.balance, later.promised, later.lifetime) == (40, 0, 40)
    assert later.deadlines[0].expires_at == at + 60 * DAY
    book.settle(at=at + 14 * DAY)
    assert book.balance(account, at=at + 60 * DAY) == 0


def test_a_late_purchase_that_is_already_dead_posts_earn_and_expire(book, at):
    account = book.open()
    book.earn(account, 40, days=10, occurred_at=at - 20 * DAY)
    assert book.balance(account) == 0
    lines = book.history(account).lines
    assert [(line.entry.type, line.entry.amount) for line in lines] == [
        ("expire", -40),
        ("earn", 40),
    ]
    balances = ledger.balances(book.session, account_id=account, at=at - 15 * DAY)
    assert balances[ledger.Category.REGULAR] == 40
    by_record = ledger.balances(
        book.session, account_id=account, at=at - 15 * DAY, by="recorded_at"
    )
    assert by_record[ledger.Category.REGULAR] == 0


def test_reversal_returns_points_to_their_own_lots(book, at):
    account = book.open()
    book.earn(account, 50, days=10)
    book.earn(account, 50, days=20)
    redemption = book.redeem(account, 80)
    first = book.give_back(redemption.id, 40)
    assert [(r.points, r.expires_at) for r in first.restored] == [
        (30, at + 20 * DAY),
        (10, at + 10 * DAY),
    ]
    assert first.redemption.status == "partly_reversed"
    second = book.give_back(redemption.id)
    assert (second.points, second.redemption.status) == (40, "reversed")
    assert [(d.points) for d in book.position(account).deadlines] == [50, 50]
    with pytest.raises(errors.AlreadyReversed):
        book.give_back(redemption.id)


def test_reversal_refuses_more_than_was_redeemed(book):
    account = book.open()
    book.earn(account, 50)
    redemption = book.redeem(account, 20)
    with pytest.raises(errors.MoreThanRedeemed) as refusal:
        book.give_back(redemption.id, 21)
    assert refusal.value.facts["available"] == 20


def test_points_whose_lot_died_live_on_for_the_grace(book, at):
    account = book.open()
    book.earn(account, 50, days=10)
    redemption = book.redeem(account, 50)
    later = at + 12 * DAY
    book.give_back(redemption.id, at=later, grace_expires_at=later + 30 * DAY)
    position = book.position(account, at=later)
    assert [(d.expires_at, d.points) for d in position.deadlines] == [(later + 30 * DAY, 50)]


def test_points_whose_lot_died_are_gone_without_grace(book, at):
    account = book.open()
    book.earn(account, 50, days=10)
    redemption = book.redeem(account, 50)
    book.give_back(redemption.id, at=at + 12 * DAY)
    assert book.balance(account, at=at + 12 * DAY) == 0


def test_a_hold_ends_by_itself(book, at):
    account = book.open()
    book.earn(account, 50, days=10)
    until = at + timedelta(minutes=15)
    held = book.redeem(account, 50, held_until=until)
    assert held.status == "held"
    assert book.balance(account, at=at) == 0
    assert book.balance(account, at=until) == 50
    with pytest.raises(errors.RedemptionNotHeld):
        book.capture(held.id, at=until)
    book.settle(at=until)
    assert ledger.redemption(book.session, held.id).status == "voided"


def test_a_captured_hold_is_final(book, at):
    account = book.open()
    book.earn(account, 50)
    held = book.redeem(account, 50, held_until=at + timedelta(minutes=15))
    assert book.capture(held.id).status == "captured"
    assert book.balance(account, at=at + timedelta(hours=1)) == 0
    with pytest.raises(errors.RedemptionNotHeld):
        book.void(held.id)


def test_a_voided_hold_returns_its_points(book, at):
    account = book.open()
    book.earn(account, 50)
    held = book.redeem(account, 30, held_until=at + timedelta(minutes=15))
    assert book.void(held.id).status == "voided"
    assert book.balance(account) == 50


def test_transferred_points_keep_their_expiry(book, at):
    sender, recipient = book.open(), book.open()
    book.earn(sender, 50, days=10)
    book.earn(sender, 50, days=20)
    book.transfer(sender, recipient, 70)
    assert book.balance(sender) == 30
    assert [(d.expires_at, d.points) for d in book.position(recipient).deadlines] == [
        (at + 10 * DAY, 50),
        (at + 20 * DAY, 20),
    ]
    assert book.position(recipient).lifetime == 0


def test_merging_moves_all_and_empties_the_source(book, at):
    source, target = book.open(), book.open()
    book.earn(source, 100, days=10)
    book.earn(source, 40, available_from=at + 5 * DAY)
    redemption = book.redeem(source, 30)
    book.earn(target, 10)
    book.merge(source, target)
    position = book.position(target)
    assert (position.balance, position.promised, position.lifetime) == (80, 40, 110)
    emptied = book.position(source)
    assert (emptied.balance, emptied.promised, emptied.lifetime) == (0, 0, 0)
    assert emptied.account.status == "merged"
    with pytest.raises(errors.AccountMerged) as refusal:
        book.earn(source, 1)
    assert refusal.value.facts["account"] == target
    book.give_back(redemption.id)
    assert book.balance(target) == 110
    assert book.balance(target, at=at + 5 * DAY) == 150
    assert len(book.history(target, limit=100).lines) == 9


def test_merging_a_debt_takes_it_along(book):
    source, target = book.open(), book.open()
    book.adjust(source, -30, allow_negative=True)
    book.earn(target, 20)
    book.merge(source, target)
    assert book.balance(target) == -10
    book.earn(target, 15)
    assert book.balance(target) == 5


def test_inactivity_expires_everything_and_activity_puts_it_off(book, at):
    account = book.open()
    book.earn(account, 50, days=None, idle_expires_at=at + 100 * DAY)
    book.redeem(account, 10, at=at + 50 * DAY, idle_expires_at=at + 150 * DAY)
    assert book.balance(account, at=at + 149 * DAY) == 40
    assert book.position(account, at=at + 149 * DAY).deadlines[0].expires_at == at + 150 * DAY
    assert book.balance(account, at=at + 150 * DAY) == 0
