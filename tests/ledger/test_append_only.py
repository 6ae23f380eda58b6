"""The database itself refuses to change what was booked."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from portal import orm

APPEND_ONLY = ("event", "entry", "allocation")


@pytest.fixture
def booked(book):
    """One row in each of the tables."""
    account = book.open()
    book.earn(account, 10)
    book.redeem(account, 5)


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_the_database_refuses_to_change_the_book(session, at, table, booked):
    for statement in (
        f"UPDATE {table} SET {'actor' if table == 'event' else 'account_id'} = 'x'",
        f"DELETE FROM {table}",
    ):
        with pytest.raises(DBAPIError, match="append-only"), orm.writing(session):
            session.execute(text(statement))


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_the_database_refuses_to_empty_or_replace_the_book(engine, session, table, booked):
    statement = (
        f"TRUNCATE {table} CASCADE"
        if engine.dialect.name == "postgresql"
        else f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}"
    )
    with pytest.raises(DBAPIError, match="append-only"), orm.writing(session):
        session.execute(text(statement))
