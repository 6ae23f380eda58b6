"""Migrations are the only way to make the schema, and agree with the models."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from portal import orm, schema

APPEND_ONLY = ("event", "entry", "allocation")


def test_models_and_migrations_agree(engine):
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []


def test_every_migration_runs_down_and_up_again(engine):
    schema.downgrade(engine, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    schema.upgrade(engine)
    assert schema.current(engine) == schema.head()


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
