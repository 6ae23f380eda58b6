"""Corners where points could be minted, lost, or crash: each was found by thinking or by chance."""

from datetime import timedelta

import pytest

from portal import ledger, orm
from portal.errors import Misuse
from portal.ledger import errors
from tests.ledger.conftest import facts

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def test_a_hold_that_ended_by_itself_cannot_be_reversed_as_well(book, at):
    account = book.open()
    book.earn(account, 50)
    held = book.redeem(account, 30, held_until=at + 15 * MINUTE)
    with pytest.raises(errors.AlreadyReversed):
        book.give_back(held.id, at=at + 20 * MINUTE)
    assert book.balance(account, at=at + 20 * MINUTE) == 50
    book.settle(at=at + 20 * MINUTE)
    with pytest.raises(errors.AlreadyReversed):
        book.give_back(held.id, at=at + 21 * MINUTE)


def test_a_hold_is_released_once_even_if_the_posting_settles_twice(book, at):
    account = book.open()
    book.earn(account, 50)
    book.redeem(account, 30, held_until=at + 15 * MINUTE)
    # Dead on arrival, so that the posting has something due when it writes.
    book.earn(account, 5, days=10, at=at + 20 * MINUTE, occurred_at=at - 20 * DAY)
    assert book.balance(account, at=at + 20 * MINUTE) == 50


def test_a_hold_begun_beside_a_dead_purchase_still_ends(book, at):
    account = book.open()
    book.earn(account, 50)
    until = at + 15 * MINUTE
    with orm.writing(book.session):
        ledger.post(
            book.session,
            [
                ledger.Happening(
                    facts=facts(occurred_at=at - 20 * DAY),
                    movements=[
                        ledger.Earn(account_id=account, points=5, expires_at=at - DAY),
                        ledger.Spend(
                            account_id=account,
                            points=30,
                            redemption=ledger.NewRedemption(id="red_beside", held_until=until),
                        ),
                    ],
                )
            ],
            at=at,
        )
    assert book.balance(account) == 25
    assert book.balance(account, at=until) == 50


def test_a_hold_that_is_over_before_it_begins_is_a_bug(book, at):
    account = book.open()
    book.earn(account, 50)
    with pytest.raises(Misuse):
        book.redeem(account, 30, held_until=at)
    assert book.balance(account) == 50


def test_a_reversal_follows_two_merges(book):
    first, second, third = book.open(), book.open(), book.open()
    book.earn(first, 50)
    redemption = book.redeem(first, 30)
    book.merge(first, second)
    book.merge(second, third)
    book.give_back(redemption.id, 10)
    assert book.balance(third) == 30
    book.give_back(redemption.id)
    assert book.balance(third) == 50


def test_points_return_once_when_survivors_merge_between_partial_reversals(book):
    first, second, third = book.open(), book.open(), book.open()
    book.earn(first, 50)
    redemption = book.redeem(first, 30)
    book.give_back(redemption.id, 5)
    book.merge(first, second)
    book.give_back(redemption.id, 10)
    book.merge(second, third)
    book.give_back(redemption.id)
    assert book.balance(third) == 50
    with pytest.raises(errors.AlreadyReversed):
        book.give_back(redemption.id)


def test_an_adjustment_that_made_a_debt_is_taken_back_after_a_merge(book):
    source, target = book.open(), book.open()
    book.earn(source, 10)
    debit = book.adjust(source, -30, allow_negative=True).entries[0]
    book.earn(target, 5)
    book.merge(source, target)
    assert book.balance(target) == -15
    book.take_back(debit.id, 12)
    assert book.balance(target) == -3
    book.take_back(debit.id)
    position = book.position(target)
    assert (position.balance, sum(d.points for d in position.deadlines)) == (15, 15)
    with pytest.raises(errors.AlreadyReversed):
        book.take_back(debit.id)


def test_an_adjustment_whose_debt_is_paid_while_settling_is_taken_back(book, at):
    account = book.open()
    debit = book.adjust(account, -30, allow_negative=True).entries[0]
    book.earn(account, 20, available_from=at + DAY)
    book.take_back(debit.id, at=at + 2 * DAY)
    assert book.balance(account, at=at + 2 * DAY) == 20


def test_points_never_leave_their_program(book, at):
    sender = book.open()
    with orm.writing(book.session):
        stranger = ledger.open_account(book.session, program_id="other", at=at).id
    book.earn(sender, 50)
    with pytest.raises(errors.ProgramsDiffer):
        book.transfer(sender, stranger, 10)
    with pytest.raises(errors.ProgramsDiffer):
        book.merge(sender, stranger)


def test_a_line_of_an_account_that_is_not_there_is_not_found(book):
    for unknown in ("ptx_00000000000000000000-1", "ptx_", "nonsense"):
        with pytest.raises(errors.EntryNotFound):
            book.take_back(unknown)


def test_a_merged_account_releases_nothing(book):
    source, target = book.open(), book.open()
    book.earn(source, 10, trigger="delivered")
    book.merge(source, target)
    with pytest.raises(errors.AccountMerged):
        book.release(source, "delivered")
    book.release(target, "delivered")
    assert book.balance(target) == 10
    with pytest.raises(errors.NothingToRelease):
        book.release(target, "delivered")


def test_an_account_holds_no_more_than_can_be_counted(book, at):
    account = book.open()
    most = 2**53 - 1
    book.earn(account, most)
    with pytest.raises(errors.InvalidPoints):
        book.earn(account, 1)
    book.earn(account, most, available_from=at + DAY)
    with pytest.raises(errors.InvalidPoints):
        book.earn(account, 1, trigger="delivered")


def test_matured_points_are_taken_back_by_their_earning_alone(book, at):
    account = book.open()
    earned = book.earn(account, 40, available_from=at + DAY).entries[0]
    later = at + 2 * DAY
    book.settle(at=later)
    (matured,) = [
        line.entry
        for line in book.history(account, at=later).lines
        if line.entry.category == "regular"
    ]
    with pytest.raises(errors.NotReversible):
        book.take_back(matured.id, at=later)
    book.take_back(earned.id, at=later)
    assert book.balance(account, at=later) == 0


def test_the_later_deadline_of_inactivity_survives_a_merge(book, at):
    source, target = book.open(), book.open()
    book.earn(source, 10, days=None, idle_expires_at=at + 9 * DAY)
    book.earn(target, 10, days=None, idle_expires_at=at + 5 * DAY)
    book.merge(source, target)
    assert book.balance(target, at=at + 8 * DAY) == 20
    assert book.balance(target, at=at + 9 * DAY) == 0


def test_an_earning_spent_to_the_last_is_taken_back_from_others(book):
    account = book.open()
    earned = book.earn(account, 10, days=5).entries[0]
    book.redeem(account, 10)
    book.earn(account, 10, days=50)
    book.take_back(earned.id)
    assert book.balance(account) == 0


def test_a_history_of_nothing_has_no_lines(book):
    assert book.history(book.open()).lines == ()


def test_nothing_is_released_where_nothing_waits(book):
    with pytest.raises(errors.NothingToRelease):
        book.release(book.open(), "delivered")


def test_an_adjustment_of_nothing_or_beyond_the_balance_is_refused(book):
    account = book.open()
    with pytest.raises(errors.InvalidPoints):
        book.adjust(account, 0)
    with pytest.raises(errors.InsufficientPoints):
        book.adjust(account, -1)
    book.adjust(account, 5, counts_as_earned=True)
    assert book.position(account).lifetime == 5
