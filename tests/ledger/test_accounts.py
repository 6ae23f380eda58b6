"""Who holds an account, and what it may do."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal import ledger, orm
from portal.errors import Busy, Misuse
from portal.ledger import Bought, EntryType, Happening, Spend, errors
from portal.ledger.accounts import EnrolledInTheFuture
from portal.ledger.service import _on_lineage
from portal.schema import metadata
from tests.ledger.conftest import facts

DAY = timedelta(days=1)


@pytest.fixture
def customers(session, at):
    rows = {"first_name": None, "created_at": at, "updated_at": at}
    table = metadata.tables["customer"]
    names = {c.name for c in table.columns}
    with orm.writing(session):
        for name in ("cus_ann", "cus_bob"):
            row = {k: v for k, v in (rows | {"id": name, "metadata": {}}).items() if k in names}
            for column in table.columns:
                if column.name not in row and not column.nullable and column.default is not None:
                    value = column.default.arg
                    row[column.name] = value(None) if callable(value) else value
            session.execute(insert(table).values({table.c[k]: v for k, v in row.items()}))


def attach(session, account, customer, at):
    with orm.writing(session):
        return ledger.attach_customer(session, account_id=account, customer_id=customer, at=at)


def test_a_customer_has_one_active_account_in_a_program(book, session, at, customers):
    first = book.open(customer_id="cus_ann")
    with pytest.raises(errors.AccountAlreadyExists) as refusal:
        book.open(customer_id="cus_ann")
    assert refusal.value.facts == {"account": first}
    book.status(ledger.close, first)
    second = book.open(customer_id="cus_ann")
    with pytest.raises(errors.AccountAlreadyExists) as refusal:
        book.status(ledger.reopen, first)
    assert refusal.value.facts == {"account": second}
    nobodys = book.open()
    with pytest.raises(errors.AccountAlreadyExists):
        attach(session, nobodys, "cus_ann", at)
    assert [a.id for a in ledger.accounts_of(session, customer_id="cus_ann")] == [first, second]


def test_an_external_id_is_taken_once(book):
    first = book.open(external_id="X-1")
    with pytest.raises(errors.AccountAlreadyExists) as refusal:
        book.open(external_id="X-1")
    assert refusal.value.facts == {"account": first}


def test_a_household_has_one_active_account(book, at):
    first = book.open(household_id="hou_1")
    with pytest.raises(errors.AccountAlreadyExists) as refusal:
        book.open(household_id="hou_1")
    assert refusal.value.facts == {"account": first}


def test_an_account_in_no_program_is_refused_by_the_database(session, at):
    with pytest.raises(IntegrityError), orm.writing(session):
        ledger.open_account(session, program_id="nowhere", at=at)


def test_nobody_joined_in_the_future(book, session, at):
    with pytest.raises(EnrolledInTheFuture):
        book.open(enrolled_at=at + DAY)
    account = book.open(enrolled_at=at - DAY)
    with pytest.raises(EnrolledInTheFuture), orm.writing(session):
        ledger.amend(session, account_id=account, at=at, enrolled_at=at + DAY)


def test_what_is_told_of_an_account_is_amended(book, session, at):
    account = book.open()
    with orm.writing(session):
        told = ledger.amend(
            session, account_id=account, at=at, enrolled_at=at - DAY, metadata={"a": 1}
        )
    assert (told.enrolled_at, told.metadata) == (at - DAY, {"a": 1})
    with orm.writing(session):
        assert ledger.amend(session, account_id=account, at=at) == told
    with pytest.raises(errors.AccountNotFound):
        ledger.find_account(session, "loy_none")


def test_an_account_of_nobody_is_given_its_customer(book, session, at, customers):
    account = book.open()
    assert attach(session, account, "cus_ann", at).customer_id == "cus_ann"
    assert attach(session, account, "cus_ann", at).customer_id == "cus_ann"
    with pytest.raises(errors.AccountStatusConflict):
        attach(session, account, "cus_bob", at)
    closed = book.open()
    book.status(ledger.close, closed)
    assert attach(session, closed, "cus_ann", at).customer_id == "cus_ann"


def test_a_status_changes_only_to_what_fits(book):
    account = book.open()
    book.earn(account, 10)
    for verb in (ledger.reopen, ledger.unfreeze):
        with pytest.raises(errors.AccountStatusConflict):
            book.status(verb, account)
    assert book.status(ledger.freeze, account).status == "frozen"
    with pytest.raises(errors.AccountFrozen):
        book.redeem(account, 1)
    book.earn(account, 1)
    assert book.status(ledger.unfreeze, account).status == "active"
    assert book.status(ledger.close, account).status == "closed"
    for verb in (book.earn, book.redeem):
        with pytest.raises(errors.AccountClosed):
            verb(account, 1)
    other = book.open()
    book.merge(account, other)
    with pytest.raises(errors.AccountMerged):
        book.status(ledger.reopen, account)
    with pytest.raises(errors.AccountMerged):
        book.earn(account, 1)
    with pytest.raises(errors.AccountMerged):
        book.merge(account, other)


def test_holds_settle_before_an_account_closes_or_merges(book, at):
    account, other = book.open(), book.open()
    book.earn(account, 10)
    held = book.redeem(account, 4, held_until=at + DAY)
    with pytest.raises(errors.HoldsOpen) as refusal:
        book.status(ledger.close, account)
    assert refusal.value.facts == {"redemptions": [held.id]}
    with pytest.raises(errors.HoldsOpen):
        book.merge(account, other)
    book.capture(held.id)
    book.status(ledger.close, account)


def test_merging_two_empty_accounts_is_on_the_books(book, at):
    first, second = book.open(), book.open()
    posted = book.merge(first, second)
    assert [entry.amount for entry in posted.entries] == [0, 0]
    with pytest.raises(errors.SameAccount):
        book.merge(second, second)
    with pytest.raises(errors.SameAccount):
        book.transfer(second, second, 1)
    with pytest.raises(errors.AccountNotFound):
        book.merge(first, "loy_none")


def test_a_purchase_that_earns_nothing_counts_as_bought(book, session, at):
    account = book.open()
    bought = Happening(facts=facts(), movements=[Bought(account_id=account, purchase_value=250)])
    with orm.writing(session):
        ledger.post(session, [bought], at=at)
    assert ledger.find_account(session, account).lifetime_purchases == 250
    spend = Spend(account_id=account, points=1, allow_negative=True)
    with pytest.raises(Misuse), orm.writing(session):
        ledger.post(session, [Happening(facts=facts(), movements=[spend])], at=at)
    assert spend.type == EntryType.REDEEM


def test_what_was_redeemed_since_is_counted_less_what_was_given_back(book, session, at):
    account = book.open()
    book.earn(account, 100)
    redemption = book.redeem(account, 30)
    book.give_back(redemption.id, 10)
    book.void(book.redeem(account, 5, held_until=at + DAY).id)
    book.redeem(account, 7, at=at + DAY)
    assert ledger.redeemed_since(session, account_id=account, since=at) == 27
    assert ledger.redeemed_since(session, account_id=account, since=at + DAY) == 7


def test_a_redemption_that_is_not_there_is_not_found(book):
    for verb in (book.capture, book.void, book.give_back):
        with pytest.raises(errors.RedemptionNotFound):
            verb("red_none")


def test_a_hold_is_not_reversed_but_voided(book, at):
    account = book.open()
    book.earn(account, 10)
    held = book.redeem(account, 4, held_until=at + DAY)
    with pytest.raises(errors.RedemptionHeld):
        book.give_back(held.id)


def test_an_expiry_is_final(book, at):
    account = book.open()
    book.earn(account, 10, days=1)
    later = at + DAY
    book.settle(at=later)
    (line, _) = book.history(account, at=later).lines
    with pytest.raises(errors.NotReversible):
        book.take_back(line.entry.id, at=later)


def test_a_refund_reaches_as_far_as_the_program_says(book, at):
    account = book.open()
    waiting = book.earn(account, 10, available_from=at + DAY).entries[0]
    book.take_back(waiting.id, 4)
    assert book.position(account).promised == 6
    assert book.take_back(waiting.id, 6, at=at + DAY, policy="promised").entries == ()
    book.redeem(account, 2, at=at + DAY)
    book.take_back(waiting.id, at=at + DAY, policy="available")
    position = book.position(account, at=at + DAY)
    assert (position.balance, position.account.taken_back) == (0, 4)


def test_inactivity_with_nothing_left_expires_nothing(book, at):
    account = book.open()
    book.earn(account, 10, days=None, idle_expires_at=at + DAY)
    book.redeem(account, 10)
    assert book.settle(at=at + DAY) == 1
    assert len(book.history(account, at=at + DAY).lines) == 2


def test_a_debt_paid_by_a_hold_that_ended_is_followed_while_settling(book, at):
    account = book.open()
    book.earn(account, 30)
    book.redeem(account, 20, held_until=at + DAY)
    debit = book.adjust(account, -25, allow_negative=True).entries[0]
    book.take_back(debit.id, at=at + DAY)
    assert book.balance(account, at=at + DAY) == 30


def test_a_survivor_that_is_merged_meanwhile_is_not_written_to(book, session, at, monkeypatch):
    first, second = book.open(), book.open()
    book.merge(first, second)
    # As if the merge had been committed between the look and the lock.
    monkeypatch.setattr("portal.ledger.service.lineage_end", lambda session, account_id: first)
    with pytest.raises(Busy), orm.writing(session):
        _on_lineage(session, first, at=at)


def meanwhile(engine, session, ours, theirs):
    """Do ``theirs`` in a thread while ``ours`` is done and not yet committed."""
    outcome = []

    def run():
        with Session(engine) as other:
            try:
                with orm.writing(other):
                    outcome.append(theirs(other))
            except errors.PortalError as error:
                outcome.append(error)

    with orm.writing(session):
        made = ours(session)
        thread = threading.Thread(target=run)
        thread.start()
        thread.join(0.4)
    thread.join()
    return made, outcome[0]


def test_of_two_that_open_at_once_one_is_told_of_the_other(book, session, engine, at, customers):
    def open_(own, **more):
        return ledger.open_account(own, program_id="corner", at=at, **more)

    for holder in ({"customer_id": "cus_ann"}, {"external_id": "X-1"}):
        made, refusal = meanwhile(
            engine, session, lambda s, h=holder: open_(s, **h), lambda s, h=holder: open_(s, **h)
        )
        assert isinstance(refusal, errors.AccountAlreadyExists)
        assert refusal.facts == {"account": made.id}
    closed = book.open(customer_id="cus_bob")
    book.status(ledger.close, closed)
    made, refusal = meanwhile(
        engine,
        session,
        lambda s: open_(s, customer_id="cus_bob"),
        lambda s: ledger.reopen(s, account_id=closed, at=at),
    )
    assert isinstance(refusal, errors.AccountAlreadyExists)


def test_of_two_that_attach_at_once_one_is_refused(book, session, engine, at, customers):
    account = book.open()

    def attach_(own, customer):
        return ledger.attach_customer(own, account_id=account, customer_id=customer, at=at)

    _, refusal = meanwhile(
        engine, session, lambda s: attach_(s, "cus_ann"), lambda s: attach_(s, "cus_bob")
    )
    assert isinstance(refusal, errors.AccountStatusConflict)
    assert ledger.find_account(session, account).customer_id == "cus_ann"


def test_a_member_undoes_only_what_they_froze_themselves(book, session, at):
    account = book.open()
    with orm.writing(session):
        assert ledger.freeze(session, account_id=account, at=at, by="member").frozen_by == "member"
    with pytest.raises(errors.AccountStatusConflict), orm.writing(session):
        ledger.freeze(session, account_id=account, at=at, by="member")
    with orm.writing(session):
        assert ledger.unfreeze(session, account_id=account, at=at, by="member").frozen_by is None
        ledger.freeze(session, account_id=account, at=at, by="member")
        # Staff makes it theirs, and closing ends it.
        assert ledger.freeze(session, account_id=account, at=at).frozen_by == "staff"
    with pytest.raises(errors.AccountStatusConflict), orm.writing(session):
        ledger.unfreeze(session, account_id=account, at=at, by="member")
    with orm.writing(session):
        assert ledger.close(session, account_id=account, at=at).frozen_by is None
