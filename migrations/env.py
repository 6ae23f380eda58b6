"""Runs migrations on the portal's own engine, each in one transaction."""

from alembic import context
from sqlalchemy import Engine

from portal import orm, schema
from portal.config import load_settings

config = context.config
engine: Engine = config.attributes.get("engine") or orm.make_engine(load_settings().database_url)

with engine.connect() as connection:
    connection = connection.execution_options(**orm.WRITE_OPTIONS)
    if engine.dialect.name == "sqlite":
        # A batch migration copies tables; their foreign keys are checked at the end.
        connection.exec_driver_sql("PRAGMA query_only=OFF")
        connection.rollback()
    context.configure(
        connection=connection,
        target_metadata=schema.metadata,
        render_as_batch=engine.dialect.name == "sqlite",
        compare_type=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
