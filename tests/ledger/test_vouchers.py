"""Points that are set aside for a voucher: they lapse back by themselves, wherever they belong."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from portal import ledger, orm
from portal.errors import Busy
from portal.ledger import EventName, RedemptionPurpose, queries, service, settling
from portal.ledger.errors import (
    HoldsOpen,
    RedemptionHeld,
    RedemptionNotFound,
    RedemptionNotHeld,
    RedemptionOfVoucher,
)
from portal.ledger.models import Account, Redemption

DAY = timedelta(days=1)


def names(book, account, at):
    page = book.history(account, at=at)
    return [str(line.name) for line in page.pending] + [line.event.name for line in page.lines]


def test_an_issued_voucher_is_told_by_its_event_and_lapses_by_another(book, at):
    account = book.open()
    book.earn(account, 100, days=50)
    voucher = book.redeem(account, 60, voucher=True, held_until=at + 10 * DAY)
    payment = book.redeem(account, 10, held_until=at + 10 * DAY)
    assert (voucher.purpose, voucher.held_for) == (RedemptionPurpose.VOUCHER, account)
    assert payment.purpose == RedemptionPurpose.PAYMENT
    later = at + 10 * DAY
    assert book.balance(account, at=later - timedelta(seconds=1)) == 30
    assert book.balance(account, at=later) == 100
    assert sorted(names(book, account, later)[:2]) == ["HoldReleased", "VoucherLapsed"]
    book.settle(at=later)
    assert sorted(names(book, account, later)[:2]) == ["HoldReleased", "VoucherLapsed"]
    line = next(
        line
        for line in book.history(account, at=later).lines
        if line.event.name == EventName.VOUCHER_ISSUED
    )
    assert line.spending.purpose == RedemptionPurpose.VOUCHER
    found = ledger.redemption(book.session, voucher.id)
    assert (found.status, found.held_until, found.held_for) == ("voided", None, None)


def test_vouchers_are_not_in_the_way_of_closing_and_merging_but_payments_are(book, at):
    account, other = book.open(), book.open()
    book.earn(account, 100)
    book.redeem(account, 30, voucher=True, held_until=at + 10 * DAY)
    payment = book.redeem(account, 10, held_until=at + DAY)
    for refused in (
        lambda: book.status(ledger.close, account),
        lambda: book.merge(account, other),
    ):
        with pytest.raises(HoldsOpen) as refusal:
            refused()
        assert refusal.value.facts["redemptions"] == [payment.id]
    book.capture(payment.id)
    book.status(ledger.close, account)
    book.merge(account, other)
    assert book.balance(other) == 60
    assert book.balance(other, at=at + 10 * DAY) == 90


def test_through_a_chain_of_merges_the_points_come_back_to_the_last_survivor(book, at):
    first, second, third = book.open(), book.open(), book.open()
    book.earn(first, 100, days=50)
    due, later = (book.redeem(first, 20, voucher=True, held_until=at + n * DAY) for n in (1, 9))
    earlier = book.redeem(first, 5, voucher=True, held_until=at + 8 * DAY)
    book.merge(first, second, at=at + 2 * DAY)
    # What was over came back before the merge, and moved with the rest.
    assert ledger.redemption(book.session, due.id).status == "voided"
    assert ledger.redemption(book.session, later.id).held_for == second
    assert ledger.find_account(book.session, second).next_due_at == at + 8 * DAY
    book.merge(second, third, at=at + 3 * DAY)
    assert ledger.redemption(book.session, later.id).held_for == third
    assert book.balance(third, at=at + 8 * DAY) == 80
    (deadline,) = book.position(third, at=at + 9 * DAY).deadlines
    assert (deadline.points, deadline.expires_at) == (100, at + 50 * DAY)
    assert names(book, third, at + 9 * DAY)[:2] == ["VoucherLapsed", "VoucherLapsed"]
    assert book.settle(at=at + 9 * DAY) == 1
    assert book.balance(third, at=at + 9 * DAY) == 100
    assert names(book, third, at + 9 * DAY)[:2] == ["VoucherLapsed", "VoucherLapsed"]
    for account in (first, second):
        assert book.balance(account, at=at + 9 * DAY) == 0
    assert ledger.redemption(book.session, earlier.id).status == "voided"


def test_after_a_merge_it_is_captured_or_voided_where_it_is_now(book, at):
    first, second = book.open(), book.open()
    book.earn(first, 100, days=5)
    used = book.redeem(first, 30, voucher=True, held_until=at + 10 * DAY)
    cancelled = book.redeem(first, 20, voucher=True, held_until=at + 10 * DAY)
    book.merge(first, second)
    captured = book.capture(used.id, voucher=True)
    assert (captured.status, captured.held_for) == ("captured", None)
    # Their lot is dead by then: they live on for a while, with the survivor.
    book.void(cancelled.id, voucher=True, at=at + 6 * DAY, grace_expires_at=at + 30 * DAY)
    (deadline,) = book.position(second, at=at + 6 * DAY).deadlines
    assert (deadline.points, deadline.expires_at) == (20, at + 30 * DAY)
    assert names(book, second, at + 6 * DAY)[0] == "VoucherCancelled"


def test_points_that_die_while_set_aside_live_on_for_the_grace_when_it_lapses(book, at):
    first, second = book.open(), book.open()
    book.earn(first, 100, days=5)
    book.redeem(first, 100, voucher=True, held_until=at + 10 * DAY, grace_expires_at=at + 40 * DAY)
    book.merge(first, second)
    (deadline,) = book.position(second, at=at + 10 * DAY).deadlines
    assert (deadline.points, deadline.expires_at) == (100, at + 40 * DAY)
    book.settle(at=at + 10 * DAY)
    assert book.balance(second, at=at + 39 * DAY) == 100
    assert book.balance(second, at=at + 40 * DAY) == 0


def test_only_who_knows_that_it_is_a_voucher_ends_it(book, at):
    account = book.open()
    book.earn(account, 100)
    voucher = book.redeem(account, 10, voucher=True, held_until=at + DAY)
    kept = book.redeem(account, 10, voucher=True)
    payment = book.redeem(account, 10, held_until=at + DAY)
    for verb in (book.capture, book.void, book.give_back):
        for redemption in (voucher, kept):
            with pytest.raises(RedemptionOfVoucher):
                verb(redemption.id)
        with pytest.raises(RedemptionNotFound):
            verb(payment.id, voucher=True)
    with pytest.raises(RedemptionHeld):
        book.give_back(voucher.id, voucher=True)
    with pytest.raises(RedemptionNotHeld):
        book.capture(kept.id, voucher=True)
    book.give_back(kept.id, voucher=True)
    assert names(book, account, at)[0] == "VoucherCancelled"
    assert book.balance(account) == 80


def test_a_merge_between_the_look_and_the_lock_is_to_be_tried_again(book, at, monkeypatch):
    first, second = book.open(), book.open()
    book.earn(first, 100)
    voucher = book.redeem(first, 10, voucher=True, held_until=at + DAY)
    book.merge(first, second)
    looked, found = [], service.redemption

    def stale(session, redemption_id):
        looked.append(redemption_id)
        return voucher if len(looked) == 1 else found(session, redemption_id)

    monkeypatch.setattr(service, "redemption", stale)
    with pytest.raises(Busy):
        book.capture(voucher.id, voucher=True)
    assert ledger.redemption(book.session, voucher.id).status == "held"


def test_a_hold_for_someone_else_is_found(book, at, session):
    first, second, third = book.open(), book.open(), book.open()
    book.earn(first, 100)
    voucher = book.redeem(first, 10, voucher=True, held_until=at + DAY)
    book.merge(first, second)
    book.merge(second, third)
    assert book.agrees()
    for edit in (
        update(Redemption).values(held_for=first),
        update(Redemption).values(held_for=second),
        update(Redemption).values(held_for=None),
        update(Account).where(Account.id == first).values(merged_into=first),
        update(Account).where(Account.id == third).values(next_due_at=ledger.NEVER),
    ):
        session.rollback()
        session.connection(execution_options=orm.WRITE_OPTIONS).execute(edit)
        assert ledger.verify(session) != []
        session.rollback()
    assert session.scalar(select(Redemption.id)) == voucher.id


def test_a_position_of_a_known_account_is_the_position(book, at, session):
    account = book.open()
    book.earn(account, 100, days=5)
    book.earn(account, 20, available_from=at + 2 * DAY)
    book.redeem(account, 60, voucher=True, held_until=at + 3 * DAY)
    known = ledger.find_account(session, account)
    for when in (at, at + 2 * DAY, at + 3 * DAY, at + 9 * DAY):
        found = queries.position_of(session, account=known, at=when)
        assert found == book.position(account, at=when)


def forget_holder(book, **also):
    """As a process of before vouchers leaves a hold that it makes."""
    with orm.writing(book.session):
        book.session.execute(
            update(Redemption)
            .where(Redemption.status == "held")
            .values(held_for=None)
            .execution_options(synchronize_session=False)
        )
        if also:
            book.session.execute(
                update(Account).values(**also).execution_options(synchronize_session=False)
            )


def test_a_hold_that_names_nobody_is_captured_and_voided(book, at):
    account = book.open()
    book.earn(account, 100)
    captured, voided = (book.redeem(account, 10, held_until=at + DAY) for _ in range(2))
    forget_holder(book)
    assert book.capture(captured.id).status == "captured"
    book.void(voided.id)
    assert book.balance(account) == 90


def test_settling_ends_a_hold_that_names_nobody_wherever_its_points_belong(book, at):
    first, second, other = book.open(), book.open(), book.open()
    book.earn(first, 100)
    book.earn(other, 100)
    merged, kept = (book.redeem(one, 30, held_until=at + DAY) for one in (first, other))
    forget_holder(book, next_due_at=ledger.NEVER)
    book.merge(first, second)
    assert book.settle(at=at) == 0
    assert ledger.redemption(book.session, merged.id).held_for == second
    assert ledger.redemption(book.session, kept.id).held_for == other
    assert book.agrees()
    assert book.balance(second, at=at + DAY) == 100
    assert book.settle(at=at + DAY) == 2
    assert book.balance(other, at=at + DAY) == 100


def test_a_merge_meanwhile_leaves_a_hold_that_names_nobody_for_the_next_time(book, at, monkeypatch):
    first, second = book.open(), book.open()
    book.earn(first, 100)
    hold = book.redeem(first, 30, held_until=at + DAY)
    forget_holder(book)
    book.merge(first, second)
    with monkeypatch.context() as patch:
        patch.setattr(settling, "lineage_end", lambda session, account_id: account_id)
        book.settle(at=at)
    assert ledger.redemption(book.session, hold.id).held_for is None
    book.settle(at=at)
    assert ledger.redemption(book.session, hold.id).held_for == second
