"""Many at once: nothing minted, nothing lost, nobody told "database is locked"."""

import hashlib
import random
import time
from datetime import timedelta

import pytest
from sqlalchemy import event, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from portal import ledger, orm
from portal.errors import Busy
from portal.ledger import EventName, errors
from portal.ledger.models import Entry
from tests.ledger import at_once
from tests.ledger.conftest import facts

AT = at_once.AT
DAY = timedelta(days=1)


def settled_book(book):
    book.session.rollback()
    assert ledger.verify(book.session) == []


# -- the bank test


def send(session, number, accounts, rounds):
    """Send to and fro; a refusal for lack of points is an answer, anything else an error."""
    chance = random.Random(number)
    sent = refused = 0
    for _ in range(rounds):
        sender, recipient = chance.sample(accounts, 2)
        try:
            with orm.writing(session):
                ledger.transfer(
                    session,
                    from_account_id=sender,
                    to_account_id=recipient,
                    points=chance.randint(1, 60),
                    facts=facts(EventName.POINTS_TRANSFER),
                    at=AT,
                )
            sent += 1
        except errors.InsufficientPoints:
            refused += 1
    return sent, refused


def watch(session, accounts, seconds):
    """The balances, all in one read transaction, again and again."""
    reads = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        reads.append([ledger.position(session, account_id=a, at=AT).balance for a in accounts])
        session.rollback()
    return reads


def send_or_watch(session, number, accounts, rounds, senders, seconds):
    if number < senders:
        return send(session, number, accounts, rounds)
    return watch(session, accounts, seconds)


def test_transfers_both_ways_while_others_read_keep_the_total(book, engine, engine_url, heavy):
    accounts = [book.open() for _ in range(10)]
    for account in accounts:
        for days in (10, 20, 30):
            book.earn(account, 34, days=days)
    engine.dispose()
    senders, rounds, seconds = (8, 300, 20) if heavy else (8, 12, 1.5)
    answers = at_once.processes(
        senders + 2, send_or_watch, engine_url, accounts, rounds, senders, seconds
    )
    assert sum(sent + refused for sent, refused in answers[:senders]) == senders * rounds
    assert sum(sent for sent, _ in answers[:senders]) > 0
    reads = [balances for watched in answers[senders:] for balances in watched]
    assert reads
    for balances in reads:
        assert sum(balances) == 1020
        assert min(balances) >= 0
    settled_book(book)


# -- one account, many spenders


def spend_some(session, number, account, times):
    spent = 0
    for _ in range(times):
        try:
            with orm.writing(session):
                ledger.redeem(
                    session,
                    account_id=account,
                    points=10,
                    facts=facts(EventName.POINTS_REDEMPTION),
                    at=AT,
                )
            spent += 1
        except errors.InsufficientPoints:
            pass
    return spent


def test_of_a_hundred_redemptions_in_threads_those_that_can_be_paid_succeed(book, engine):
    account = book.open()
    book.earn(account, 105)
    assert sum(at_once.threads(100, spend_some, engine, account, 1)) == 10
    assert book.balance(account) == 5
    settled_book(book)


def test_of_a_hundred_redemptions_in_processes_those_that_can_be_paid_succeed(
    book, engine, engine_url
):
    account = book.open()
    for _ in range(21):
        book.earn(account, 5)
    engine.dispose()
    assert sum(at_once.processes(10, spend_some, engine_url, account, 10)) == 10
    assert book.balance(account) == 5
    settled_book(book)


# -- keys


def redeem_by_key(session, number, account, key, body):
    with orm.writing(session):
        claimed = ledger.claim(
            session, client="till", key=key, fingerprint=hashlib.sha256(body).digest(), at=AT
        )
        if claimed.answer is not None:
            return claimed.answer.body, claimed.is_replay
        redemption = ledger.redeem(
            session,
            account_id=account,
            points=10,
            facts=facts(EventName.POINTS_REDEMPTION, request_id=claimed.id),
            at=AT,
        )
        answer = redemption.id.encode()
        ledger.finish(
            session,
            claimed,
            status=201,
            content_type="application/json",
            body=answer,
            effect=redemption.id,
        )
    return answer, claimed.is_replay


def test_a_hundred_times_the_same_key_is_one_redemption(book, engine):
    account = book.open()
    book.earn(account, 1000)
    answers = at_once.threads(100, redeem_by_key, engine, account, "one", b"ten points")
    assert len({answer for answer, _ in answers}) == 1
    assert sum(not replay for _, replay in answers) == 1
    assert book.balance(account) == 990


def test_a_key_stands_for_one_request(book, session):
    account = book.open()
    book.earn(account, 100)
    first, _ = redeem_by_key(session, 0, account, "one", b"ten points")
    assert redeem_by_key(session, 0, account, "one", b"ten points") == (first, True)
    with pytest.raises(errors.KeyReused):
        redeem_by_key(session, 0, account, "one", b"eleven points")
    found = ledger.find_answer(
        session, client="till", key="one", fingerprint=hashlib.sha256(b"ten points").digest()
    )
    assert found.answer.body == first
    assert ledger.find_answer(session, client="web", key="one", fingerprint=b"") is None
    assert book.balance(account) == 90


def test_an_answer_is_forgotten_and_its_effect_is_not(book, session, at):
    account = book.open()
    book.earn(account, 100)
    effect, _ = redeem_by_key(session, 0, account, "one", b"ten points")
    with orm.writing(session):
        assert ledger.forget_answers(session, before=at) == 0
        assert ledger.forget_answers(session, before=at + DAY) == 1
        assert ledger.forget_answers(session, before=at + DAY) == 0
    with pytest.raises(errors.AnswerForgotten) as refusal:
        redeem_by_key(session, 0, account, "one", b"ten points")
    assert refusal.value.facts == {"effect": effect.decode()}


def impatient(engine_url):
    """An engine whose writes wait a fifth of a second for others."""
    engine = orm.make_engine(engine_url)
    statement = (
        "PRAGMA busy_timeout=200"
        if engine.dialect.name == "sqlite"
        else "SET SESSION lock_timeout = '200ms'"
    )

    @event.listens_for(engine, "connect")
    def hurry(connection, _record):
        connection.cursor().execute(statement)
        if engine.dialect.name == "postgresql":
            connection.commit()

    return engine


def test_a_key_whose_request_still_runs_is_in_flight(book, session, engine_url):
    account = book.open()
    book.earn(account, 100)
    engine = impatient(engine_url)
    # SQLite lets one write at a time, so that there a second one does not get as far as its key.
    refusal = errors.RequestInFlight if engine.dialect.name == "postgresql" else Busy
    with Session(engine) as other, orm.writing(session):
        ledger.claim(session, client="till", key="one", fingerprint=b"x" * 32, at=AT)
        with pytest.raises(refusal):
            redeem_by_key(other, 0, account, "one", b"ten points")
    engine.dispose()
    assert book.balance(account) == 100


def test_a_claim_outside_a_write_is_an_error_and_not_in_flight(session, at):
    with pytest.raises(DBAPIError, match="read") as error:
        ledger.claim(session, client="till", key="one", fingerprint=b"x" * 32, at=at)
    assert not isinstance(error.value, errors.RequestInFlight)


# -- the clock


def settle_all(session, number, at):
    settled = 0
    while True:
        with orm.writing(session):
            done = ledger.settle(session, at=at, limit=7)
        settled += done
        if not done:
            return settled


def expired(session):
    session.rollback()
    return session.execute(
        select(func.count(), func.sum(Entry.amount)).where(Entry.type == "expire")
    ).one()


def test_four_settlements_at_once_expire_each_lot_once(book, engine, engine_url, heavy):
    number = 1000 if heavy else 40
    for _ in range(number):
        book.earn(book.open(), 5, days=10)
    later = AT + 10 * DAY
    engine.dispose()
    answers = at_once.processes(4, settle_all, engine_url, later)
    assert sum(answers) == number
    assert tuple(expired(book.session)) == (number, -5 * number)
    settled_book(book)


def test_settling_twice_expires_once_and_not_a_second_too_soon(book, at):
    account = book.open()
    book.earn(account, 5, days=10)
    gone, second = at + 10 * DAY, timedelta(seconds=1)
    assert book.settle(at=gone - second) == 0
    assert book.settle(at=gone) == 1
    assert book.settle(at=gone) == 0
    assert book.settle(at=gone + second) == 0
    assert tuple(expired(book.session)) == (1, -5)


def test_one_account_is_brought_up_to_date_by_name(book, at):
    account = book.open()
    book.earn(account, 5, days=10)
    with orm.writing(book.session):
        ledger.expire(book.session, account_id=account, at=at + 11 * DAY)
    assert book.session.execute(text("SELECT balance FROM account")).scalar_one() == 0


# -- a hold is captured or released, never both


def capture_or_settle(session, number, redemption_id, until):
    second = timedelta(seconds=1)
    try:
        with orm.writing(session):
            if number % 2:
                ledger.settle(session, at=until)
                return None
            return ledger.capture(session, redemption_id=redemption_id, at=until - second).status
    except errors.RedemptionNotHeld:
        return "too late"


def test_a_hold_is_captured_or_released_never_both(book, engine):
    account = book.open()
    book.earn(account, 1000)
    until = AT + timedelta(minutes=15)
    for _ in range(5):
        before = book.balance(account)
        held = book.redeem(account, 10, held_until=until)
        answers = at_once.threads(6, capture_or_settle, engine, held.id, until)
        book.session.rollback()
        captured = "captured" in answers
        assert ledger.redemption(book.session, held.id).status == (
            "captured" if captured else "voided"
        )
        book.session.rollback()
        assert book.balance(account, at=until) == before - (10 if captured else 0)
    settled_book(book)
