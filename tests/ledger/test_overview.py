"""What a home page asks of the book agrees with the book's other reads."""

from datetime import timedelta

import pytest
from sqlalchemy import event, insert

from portal import ledger, orm
from portal.ledger import overview
from portal.ledger.values import Facts
from portal.members.models import Customer
from portal.programs.models import Program

DAY = timedelta(days=1)


def facts(**more):
    return Facts(name=ledger.EventName.TRANSACTION_ADD, actor="command", **more)


@pytest.fixture
def customer_id(session, at):
    with orm.writing(session):
        session.execute(
            insert(Program),
            [
                {
                    "id": name,
                    "name": name,
                    "currency": "PTS",
                    "is_default": False,
                    "version": 1,
                    "document": {},
                    "created_at": at,
                    "updated_at": at,
                }
                for name in ("one", "two")
            ],
        )
        session.add_all(
            Customer(id=name, details={}, created_at=at, updated_at=at)
            for name in ("cus_a", "cus_b")
        )
    return "cus_a"


@pytest.fixture
def account_id(session, customer_id, at):
    with orm.writing(session):
        account = ledger.open_account(session, program_id="one", customer_id=customer_id, at=at)
    return account.id


def earn(session, account_id, points, *, at, occurred_at=None, expires_at=None, **more):
    with orm.writing(session):
        return ledger.earn(
            session,
            account_id=account_id,
            points=points,
            expires_at=expires_at,
            facts=facts(occurred_at=occurred_at),
            at=at,
            **more,
        )


def test_course_is_the_balance_series_with_late_and_due_entries(session, account_id, at):
    earn(session, account_id, 100, at=at)
    earn(session, account_id, 40, at=at + 3 * DAY, expires_at=at + 20 * DAY)
    earn(session, account_id, 7, at=at + 9 * DAY, occurred_at=at + 2 * DAY)
    earn(session, account_id, 11, at=at + 10 * DAY, expires_at=None, available_from=at + 15 * DAY)
    now = at + 30 * DAY
    instants = [at - DAY, at + DAY, at + 2 * DAY, at + 5 * DAY, at + 16 * DAY, now]
    position = ledger.position(session, account_id=account_id, at=now)
    balances = overview.course(session, position=position, instants=instants)
    assert balances == ledger.balance_series(session, account_id=account_id, instants=instants)
    assert balances == [0, 100, 107, 147, 158, 118]
    assert overview.course(session, position=position, instants=[]) == []


def test_holdings_have_what_was_merged_in_from_other_customers(
    session, engine, account_id, customer_id, at
):
    with orm.writing(session):
        other = ledger.open_account(session, program_id="one", customer_id="cus_b", at=at)
        elsewhere = ledger.open_account(session, program_id="two", customer_id=customer_id, at=at)
        stranger = ledger.open_account(session, program_id="two", customer_id="cus_b", at=at)
    earn(session, other.id, 5, at=at)
    earn(session, account_id, 8, at=at + DAY)
    with orm.writing(session):
        ledger.merge(
            session,
            source_id=other.id,
            target_id=account_id,
            facts=Facts(name=ledger.EventName.ACCOUNT_MERGE, actor="command"),
            at=at + 2 * DAY,
        )
    found = overview.holdings(session, customer_id=customer_id)
    assert {account.id for account in found} == {account_id, other.id, elsewhere.id}
    assert stranger.id not in {account.id for account in found}
    assert overview.lineage_in(found, account_id) == [account_id, other.id]
    assert overview.lineage_in(found, elsewhere.id) == [elsewhere.id]
    lines = overview.last_lines(session, account_ids=[account_id, other.id], limit=3)
    page = ledger.history(session, account_id=account_id, at=at + 3 * DAY, limit=3)
    assert [line.entry.id for line in lines] == [line.entry.id for line in page.lines]
    assert [line.event for line in lines] == [line.event for line in page.lines]


def test_last_lines_leave_out_the_promised_half_of_what_matures(session, account_id, at):
    earn(session, account_id, 11, at=at, available_from=at + DAY)
    with orm.writing(session):
        ledger.settle(session, at=at + 2 * DAY, limit=10)
    lines = overview.last_lines(session, account_ids=[account_id], limit=5)
    assert [(line.entry.category, line.entry.amount) for line in lines] == [
        ("regular", 11),
        ("promised", 11),
    ]


def test_each_read_is_one_statement(session, engine, account_id, customer_id, at):
    earn(session, account_id, 100, at=at)
    position = ledger.position(session, account_id=account_id, at=at)
    statements = []
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    overview.holdings(session, customer_id=customer_id)
    overview.last_lines(session, account_ids=[account_id], limit=5)
    overview.course(session, position=position, instants=[at - DAY * n for n in range(25, -1, -1)])
    assert len(statements) == 3


def test_a_history_whose_merges_are_known_is_the_same(session, customer_id, account_id, at):
    with orm.writing(session):
        other = ledger.open_account(session, program_id="two", customer_id="cus_b", at=at)
        source = ledger.open_account(session, program_id="one", customer_id="cus_b", at=at)
    earn(session, other.id, 5, at=at)
    earn(session, source.id, 30, at=at)
    earn(session, account_id, 12, at=at)
    with orm.writing(session):
        ledger.merge(
            session,
            source_id=source.id,
            target_id=account_id,
            facts=Facts(name=ledger.EventName.ACCOUNT_MERGE, actor="command"),
            at=at + DAY,
        )
    accounts = overview.holdings(session, customer_id=customer_id)
    known = overview.lineage_in(accounts, account_id)
    assert known == [account_id, source.id]
    later = at + 2 * DAY
    asked = ledger.history(session, account_id=account_id, at=later)
    assert ledger.history(session, account_id=account_id, at=later, merged=known) == asked
    assert len(asked.lines) == 4
