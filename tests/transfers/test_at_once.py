"""Many at once: the race that turned 100 points into 2,000, and all that could be like it.

Whoever is told that the database was busy tries again, as the edges do.
"""

import random
import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from portal import ledger, orm, transfers
from portal.codes import CodeRefused, TriesUsedUp, WrongCode
from portal.errors import Busy, PortalError
from portal.ledger.models import Account
from portal.outbox import Cipher
from portal.transfers import CodeSending, Party
from tests.ledger.at_once import AT, processes, threads
from tests.transfers.posting import PEPPER, coded

CIPHER = Cipher(b"k" * 32)
SENDING = CodeSending(pepper=PEPPER, cipher=CIPHER, channels=frozenset({"sms"}))


busy: list[str] = []
"""Why units of this process had to be tried again."""


def patiently(unit):
    """Run a unit of an edge until the database has time for it."""
    for _ in range(200):
        try:
            return unit()
        except Busy as refusal:
            busy.append(str(refusal.__cause__))
    raise AssertionError("the database never had time")


@pytest.fixture(autouse=True)
def _no_deadlocks():
    """Locks are waited for in one order: there is never a circle to break up."""
    busy.clear()
    yield
    assert [why for why in busy if "deadlock" in why] == []


def looked(session, request_id, code, context):
    def unit():
        with orm.recording(session):
            return transfers.look(
                session, request_id=request_id, context=context, code=code, at=AT, pepper=PEPPER
            )

    return patiently(unit)


def confirmed(session, request_id, look, context):
    def unit():
        with orm.writing(session):
            return transfers.confirm(
                session,
                request_id=request_id,
                look=look,
                context=context,
                actor="member:test",
                sending=SENDING,
                at=AT,
            )

    return patiently(unit)


def give(session, number, gifts):
    """Confirm one of the gifts with its code: the receipt's id, or the refusal's name."""
    request_id, code, context = gifts[number % len(gifts)]
    try:
        look = looked(session, request_id, code, context)
        return confirmed(session, request_id, look, context).id
    except PortalError as refusal:
        return refusal.code


@pytest.fixture
def gifts(post, session):
    """Ask for ``count`` gifts of the same ``points`` to as many people, each with its code.

    Each is asked for on a phone of its own, so that no code ends another.
    """

    def ask(giver, count, points, *, recipients=None, by=None):
        made = []
        for number in range(count):
            taker = recipients[number % len(recipients)] if recipients else None
            if taker is None:
                taker = post.join(post.customer("Ann", "Bee"))
            context = f"ses_{number}"
            asked = post.request(
                giver,
                Party(account_id=taker),
                points,
                context=context,
                issue_code=False,
                by=by,
            )
            made.append((asked.id, coded(session, asked.id, at=AT), context))
        return made

    return ask


def total(session):
    session.rollback()
    return session.execute(select(func.sum(Account.balance))).scalar_one()


def expect_one(post, session, jane, answers):
    receipts = [answer for answer in answers if answer.startswith("trf_")]
    assert len(receipts) == 1
    assert set(answers) - set(receipts) <= {"insufficient_points"}
    assert post.balance(jane[1]) == 0
    assert total(session) == 100
    assert len(transfers.history(session, account_ids=[jane[1]], limit=100).transfers) == 1
    post.verify()


@pytest.fixture
def poor(post):
    """Someone with a hundred points, and no more."""
    return post.member("Jane", "Doe", points=100, mobile="+351912345611")


def test_twenty_gifts_of_the_same_points_in_threads(post, session, engine, poor, gifts):
    asked = gifts(Party(customer_id=poor[0]), 20, 100)
    expect_one(post, session, poor, threads(20, give, engine, asked))


def test_twenty_gifts_of_the_same_points_in_processes(
    post, session, engine_url, poor, gifts, heavy
):
    count = 20 if heavy else 6
    asked = gifts(Party(customer_id=poor[0]), count, 100)
    session.rollback()
    expect_one(post, session, poor, processes(count, give, engine_url, asked))


@pytest.mark.heavy
def test_two_hundred_gifts_of_the_same_points(post, session, engine, poor, gifts, heavy):
    count = 200 if heavy else 40
    asked = gifts(Party(customer_id=poor[0]), count, 100)
    expect_one(post, session, poor, threads(count, give, engine, asked))


def test_one_request_confirmed_by_many_at_once_is_one_transfer(post, session, engine, jane, tom):
    asked = post.request(Party(customer_id=jane[0]), Party(customer_id=tom[0]), 100)
    code = post.code()
    # Five tries are looked at; the rest are told that it is over, or get the receipt.
    answers = threads(12, give, engine, [(asked.id, code, "ses_1")])
    receipts = [answer for answer in answers if answer.startswith("trf_")]
    assert len(set(receipts)) == 1
    assert set(answers) - set(receipts) <= {"code_tries_used_up", "code_used"}
    assert post.balance(tom[1]) == 100
    post.verify()


def guess(session, number, request_id, wrong):
    try:
        look = looked(session, request_id, f"{(wrong + number) % 10**6:06}", "ses_1")
    except CodeRefused as refusal:
        return refusal.code
    try:
        look.look.require()
    except (WrongCode, TriesUsedUp):
        return "looked" if look.look.refusal is None else "closed"
    return "right"


def test_of_many_guesses_at_once_five_are_looked_at(post, engine, jane, tom, heavy):
    asked = post.request(Party(customer_id=jane[0]), Party(customer_id=tom[0]), 100)
    code, count = int(post.code()), 60 if heavy else 24
    answers = threads(count, guess, engine, asked.id, code + 1)
    assert answers.count("looked") == 5
    assert answers.count("closed") == count - 5


def test_a_limit_a_day_holds_under_a_race(post, session, engine, jane, gifts):
    post.limits(per_day=250)
    asked = gifts(Party(customer_id=jane[0]), 12, 100)
    answers = threads(12, give, engine, asked)
    assert sum(answer.startswith("trf_") for answer in answers) == 2
    assert {a for a in answers if not a.startswith("trf_")} == {"transfer_above_daily_limit"}
    assert post.balance(jane[1]) == 800
    post.verify()


def test_a_household_emptied_by_two_members_at_once(post, session, engine, jane, tom, gifts):
    millers = post.household(jane[0], points=100)
    post.take_in(millers[0], tom[0], jane[0], may_send=True)
    asked = []
    for member in (jane, tom):
        asked += gifts(Party(household_id=millers[0]), 4, 100, by=Party(customer_id=member[0]))
    # Contexts repeat between the two; they need not differ for this.
    answers = threads(8, give, engine, asked)
    assert sum(answer.startswith("trf_") for answer in answers) == 1
    assert post.balance(millers[1]) == 0
    post.verify()


# -- the bank


def trade(session, number, purses, count, seed):
    """Send to and fro at full speed; returns the names of refusals."""
    chance, refusals = random.Random(seed * 1000 + number), []
    for turn in range(count):
        giver, taker = chance.sample(purses, 2)
        context = f"ses_{number}_{turn}"
        account_id, by = giver

        def ask(account_id=account_id, by=by, taker=taker, context=context):
            with orm.writing(session):
                return transfers.request(
                    session,
                    sender=Party(account_id=account_id),
                    recipient=Party(account_id=taker[0]),
                    points=chance.randint(1, 60),
                    program=None,
                    by=Party(customer_id=by),
                    context=context,
                    actor="member:test",
                    at=AT,
                )

        asked = patiently(ask)
        if asked.id is None:
            refusals += [reason.code for reason in asked.check.reasons]
            continue
        code = patiently(lambda request_id=asked.id: coded(session, request_id, at=AT))
        try:
            look = looked(session, asked.id, code, context)
            confirmed(session, asked.id, look, context)
        except PortalError as refusal:
            refusals.append(refusal.code)
    return refusals


def watch(engine, purses, started, stop, seen):
    with orm.Session(engine, expire_on_commit=False) as session:
        while not stop.is_set():
            session.rollback()
            balances = [
                ledger.position(session, account_id=account, at=AT).balance for account, _ in purses
            ]
            seen.append((sum(balances), min(balances)))
            started.set()


@pytest.mark.heavy
def test_the_bank_keeps_its_total_with_households_in_it(
    post, session, engine, engine_url, jane, tom, heavy
):
    post.limits(contact_pause_hours=0)
    millers = post.household(jane[0], points=200)
    sawyers = post.household(tom[0], name="Sawyers", points=200)
    ann = post.member("Ann", "Bee", points=200)
    purses = [
        (jane[1], jane[0]),
        (tom[1], tom[0]),
        (ann[1], ann[0]),
        (millers[1], jane[0]),
        (sawyers[1], tom[0]),
    ]
    before = total(session)
    session.rollback()
    stop, started, seen = threading.Event(), threading.Event(), []
    watcher = threading.Thread(target=watch, args=(engine, purses, started, stop, seen))
    if not heavy:
        # A thread and a fork do not go together; at full size there are no threads.
        watcher.start()
        started.wait(30)
        answers = threads(4, trade, engine, purses, 12, 1)
        stop.set()
        watcher.join(60)
        assert {whole for whole, _ in seen} == {before}
        assert min(least for _, least in seen) >= 0
    else:
        answers = processes(8, trade, engine_url, purses, 60, 1)
    assert {code for codes in answers for code in codes} <= {"insufficient_points"}
    assert total(session) == before
    post.verify()


def to_and_fro(session, number, ends, count):
    """Even numbers send one way, odd ones the other; every one succeeds."""
    giver, taker = ends if number % 2 == 0 else ends[::-1]
    for turn in range(count):
        context = f"ses_{number}_{turn}"

        def ask(context=context):
            with orm.writing(session):
                return transfers.request(
                    session,
                    sender=Party(account_id=giver),
                    recipient=Party(account_id=taker),
                    points=1,
                    program=None,
                    context=context,
                    actor="member:test",
                    at=AT,
                )

        asked = patiently(ask)
        code = patiently(lambda request_id=asked.id: coded(session, request_id, at=AT))
        look = looked(session, asked.id, code, context)
        confirmed(session, asked.id, look, context)


def test_to_and_fro_at_full_speed_without_a_deadlock(post, session, engine, jane, tom, heavy):
    post.give(tom[1], 1000)
    before = total(session)
    session.rollback()
    threads(6, to_and_fro, engine, (jane[1], tom[1]), 40 if heavy else 6)
    assert (post.balance(jane[1]), post.balance(tom[1])) == (1000, 1000)
    assert total(session) == before
    post.verify()


# -- what falls down between


def test_a_crash_between_the_units_leaves_a_counted_try_and_nothing_else(post, session, jane, tom):
    asked = post.request(Party(customer_id=jane[0]), Party(customer_id=tom[0]), 100)
    code, told = post.code(), len(post.messages())
    look = post.look(asked.id, code)

    def cut_off():
        with orm.writing(session):
            transfers.confirm(
                session,
                request_id=asked.id,
                look=look,
                context="ses_1",
                actor="member:test",
                sending=SENDING,
                at=AT,
            )
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cut_off()
    assert (post.balance(jane[1]), post.balance(tom[1])) == (1000, 0)
    assert len(post.messages()) == told
    assert transfers.history(session, account_ids=[jane[1]]).transfers == ()
    assert post.confirm(asked.id, code).points == 100
    post.verify()


def test_a_merge_while_a_request_waits(post, jane, tom):
    asked = post.request(Party(customer_id=jane[0]), Party(customer_id=tom[0]), 100)
    code = post.code()
    assert [one.id for one in transfers.pending(post.session, tom[1], at=post.at)] == [asked.id]
    ann = post.member("Ann", "Bee")
    post.merge(tom[1], ann[1])
    with pytest.raises(transfers.RecipientFault) as refused:
        post.confirm(asked.id, code)
    assert refused.value.facts == {"account": ann[1]}
    assert post.balance(jane[1]) == 1000


def test_cancelled_and_confirmed_at_once_is_one_of_both(post, session, engine, jane, tom):
    for turn in range(3):
        post.at = AT + timedelta(minutes=turn)
        asked = post.request(Party(customer_id=jane[0]), Party(customer_id=tom[0]), 10)
        look = post.look(asked.id, post.code())

        def either(session, number, asked=asked, look=look):
            try:
                if number == 0:
                    with orm.writing(session):
                        transfers.cancel(session, request_id=asked.id, context="ses_1", at=post.at)
                    return "cancelled"
                with orm.writing(session):
                    return transfers.confirm(
                        session,
                        request_id=asked.id,
                        look=look,
                        context="ses_1",
                        actor="member:test",
                        at=post.at,
                    ).id[:4]
            except PortalError as refusal:
                return refusal.code

        assert set(threads(2, either, engine)) in (
            {"cancelled", "transfer_request_cancelled"},
            {"transfer_request_used", "trf_"},
        )
    post.verify()
