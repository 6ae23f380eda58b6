"""One edited row is found, whichever it is, with the database's own guards taken down."""

from datetime import timedelta

import pytest
from sqlalchemy import JSON, Boolean, LargeBinary, delete, insert, inspect, select, text, update
from sqlalchemy.orm import Session
from sqlalchemy.types import Integer, String

from portal import ledger, orm, schema
from portal.ledger import EventName
from portal.orm import UtcDateTime
from tests.ledger.conftest import facts

DAY = timedelta(days=1)
TABLES = [
    "account",
    "event",
    "event_detail",
    "entry",
    "lot",
    "debt",
    "allocation",
    "redemption",
]
UNSAID: dict[str, set[str]] = {
    # Who holds it, what it may do and what is told of it: no entry says so.
    "account": {
        "external_id",
        "program_id",
        "customer_id",
        "household_id",
        "frozen_by",
        "lifetime_purchases",
        "idle_expires_at",
        "enrolled_at",
        "created_at",
        "updated_at",
        "metadata",
    },
    # Its name, what the points paid, and until when it may be changed.
    "redemption": {"id", "value", "currency", "grace_expires_at", "updated_at"},
}
"""Columns that nothing in the chain repeats. Everything else must be found."""


@pytest.fixture
def edited(book, session, engine, at):
    """A book with every kind of row, and a connection on which anything can be edited."""
    first, second, third = book.open(), book.open(), book.open()
    earned = book.earn(first, 100, days=10).entries[0]
    book.earn(first, 30, available_from=at + 5 * DAY)
    book.earn(first, 20, trigger="delivered")
    with orm.writing(session):
        ledger.adjust(
            session,
            account_id=second,
            points=-15,
            facts=facts(EventName.MANUAL_ADJUSTMENT, note="for Ann", metadata={"ticket": 7}),
            at=at,
            allow_negative=True,
        )
    book.earn(second, 5)
    redemption = book.redeem(first, 40)
    book.give_back(redemption.id, 10)
    book.redeem(first, 5, held_until=at + DAY)
    book.redeem(first, 5)
    book.take_back(earned.id, 20)
    book.transfer(first, third, 20)
    book.earn(third, 5, days=1)
    book.settle(at=at + DAY)
    book.earn(third, 5, at=at + 2 * DAY, idle_expires_at=at + 50 * DAY)
    book.earn(third, 5, at=at + 2 * DAY, occurred_at=at + DAY)
    fourth = book.open(at=at + 2 * DAY)
    book.merge(third, fourth, at=at + 2 * DAY)
    book.redeem(first, 5, at=at + 2 * DAY, held_until=at + 3 * DAY)
    assert book.agrees()
    session.rollback()
    with engine.connect() as connection:
        connection = connection.execution_options(**orm.WRITE_OPTIONS)
        if engine.dialect.name == "sqlite":
            driver = connection.connection.driver_connection
            driver.execute("PRAGMA foreign_keys=OFF")
            driver.execute("PRAGMA ignore_check_constraints=ON")
            for (name,) in connection.exec_driver_sql(
                "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            ).all():
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
        else:
            connection.exec_driver_sql("SET session_replication_role = replica")
            for table in TABLES:
                for check in inspect(connection).get_check_constraints(table):
                    connection.exec_driver_sql(
                        f"ALTER TABLE {table} DROP CONSTRAINT {check['name']}"
                    )
        # The database refuses a second redemption of an entry; verify must find one all the same.
        connection.exec_driver_sql("DROP INDEX uq_redemption__entry")
        connection.commit()
        yield connection
        connection.rollback()


def keys(table, row):
    return [column == row[column.name] for column in table.primary_key]


def another(column, value):
    """Something else of the column's type."""
    kind = column.type
    if column.name == "next_due_at":
        return ledger.NEVER
    if isinstance(kind, Boolean):
        return not value
    if isinstance(kind, UtcDateTime):
        return ledger.NEVER - DAY if value is None else value - timedelta(seconds=1)
    if isinstance(kind, Integer):
        return (value or 0) + 1001
    if isinstance(kind, LargeBinary):
        # Never the same again: a digest may end in any byte.
        return bytes(32) if value is None else bytes(value)[:-1] + bytes([bytes(value)[-1] ^ 1])
    if isinstance(kind, JSON):
        return {"ticket": 8}
    assert isinstance(kind, String)
    others = {"regular": "promised", "earn": "adjust", "active": "merged", "captured": "reversed"}
    return others.get(value, "x" if value != "x" else "y")


def found(connection):
    with Session(bind=connection, join_transaction_mode="rollback_only") as session:
        return ledger.verify(session)


def tries(connection, heavy):
    """Rows to try: some of each table, all of them at full size."""
    for name in TABLES:
        table = schema.metadata.tables[name]
        rows = [row._mapping for row in connection.execute(select(table)).all()]
        assert rows, name
        step = 1 if heavy else max(1, len(rows) // 3)
        yield from ((table, row) for row in rows[::step])
    connection.rollback()


def test_every_edited_column_is_found(edited, heavy):
    missed = []
    for table, row in list(tries(edited, heavy)):
        for column in table.columns:
            if column.name in UNSAID.get(table.name, ()):
                continue
            if column.name == "next_due_at" and row["balance"] <= 0:
                continue  # Nothing is due, so that any instant is early enough.
            value = another(column, row[column.name])
            edited.execute(update(table).where(*keys(table, row)).values({column: value}))
            if not found(edited):
                missed.append(f"{table.name}.{column.name}: {row[column.name]} -> {value}")
            edited.rollback()
    assert "\n".join(map(str, missed)) == ""


def test_every_missing_row_is_found(edited, heavy):
    missed = []
    for table, row in list(tries(edited, heavy)):
        if table.name == "account" and not row["sequence"]:
            continue
        edited.execute(delete(table).where(*keys(table, row)))
        if not found(edited):
            missed.append((table.name, dict(row)))
        edited.rollback()
    assert "\n".join(map(str, missed)) == ""


def test_every_added_row_is_found(edited, heavy):
    missed = []
    for table, row in list(tries(edited, heavy)):
        if table.name == "event_detail":
            continue  # One for each event: an edited event is found.
        copy = dict(row)
        changed = list(table.primary_key)[-1]
        copy[changed.name] = another(changed, row[changed.name])
        copy.pop("external_id", None)
        edited.execute(insert(table).values({table.c[name]: copy[name] for name in copy}))
        if not found(edited):
            missed.append((table.name, copy))
        edited.rollback()
    assert "\n".join(map(str, missed)) == ""


def test_a_note_is_erased_and_the_chain_stays_whole(edited):
    details = schema.metadata.tables["event_detail"]
    erased = {"note": None, "metadata": None, "erased_at": ledger.NEVER}
    edited.execute(update(details).values(erased))
    assert found(edited) == []
    edited.execute(update(details).values(note="for Ann"))
    assert [str(difference.where) for difference in found(edited)] == ["note"]
    edited.rollback()


def test_a_move_that_does_not_sum_to_zero_is_found(edited):
    edited.execute(
        text("UPDATE entry SET amount = amount + 1 WHERE type = 'transfer' AND amount > 0")
    )
    assert any("sum of a move" in difference.where for difference in found(edited))
    edited.rollback()


def test_rows_of_an_account_that_is_not_there_are_found(edited):
    first = edited.execute(text("SELECT min(id) FROM account")).scalar_one()
    edited.execute(text("DELETE FROM account WHERE id = :id"), {"id": first})
    differences = found(edited)
    assert {d.account_id for d in differences if "no such account" in d.expected} == {first}
    assert f"{first}: " in "".join(map(str, differences))
    edited.rollback()


def test_progress_is_told(book):
    with orm.writing(book.session):
        ledger.insert_accounts(
            book.session, [ledger.new_row(program_id="corner", at=book.at) for _ in range(501)]
        )
        ledger.insert_accounts(book.session, [])
    told = []
    assert (
        ledger.verify(book.session, progress=lambda done, total: told.append((done, total))) == []
    )
    assert told == [(500, 501), (501, 501)]


def test_a_debt_of_nothing_is_found(edited):
    debts = schema.metadata.tables["debt"]
    entry = edited.execute(
        text("SELECT account_id, sequence FROM entry WHERE type = 'redeem' ORDER BY 1, 2")
    ).first()
    nothing = {"owed": 0, "cancelled": 0, "remaining": 0}
    edited.execute(insert(debts).values(account_id=entry[0], entry_sequence=entry[1], **nothing))
    assert [d.expected for d in found(edited)] == ["above zero"]
    edited.rollback()
