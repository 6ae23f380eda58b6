"""The whole schema: every table, and the migrations that are the only way to make it."""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine, MetaData

import portal.access.models
import portal.checkout.models
import portal.codes.models
import portal.ledger.models
import portal.members.models
import portal.orders.models
import portal.outbox.models
import portal.programs.models
import portal.rewards.models
import portal.transfers.models  # noqa: F401 - imported for the tables they declare
from portal.orm import Base

if TYPE_CHECKING:
    from alembic.config import Config

# Alembic is imported where it is used: a web worker hardly ever needs it, and would
# carry it along.

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"

metadata: MetaData = Base.metadata
"""All tables of the portal."""


def configuration(engine: Engine) -> "Config":
    """Alembic's settings for this engine."""
    from alembic.config import Config

    config = Config(MIGRATIONS / "alembic.ini")
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["engine"] = engine
    return config


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the database to ``revision``."""
    from alembic import command

    command.upgrade(configuration(engine), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Take the database back to ``revision``."""
    from alembic import command

    command.downgrade(configuration(engine), revision)


def head() -> str:
    """The newest revision there is."""
    from alembic.script import ScriptDirectory

    newest = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    assert newest is not None
    return newest


def current(engine: Engine) -> str | None:
    """The revision the database is at; None when it has no schema yet."""
    from alembic.migration import MigrationContext

    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()
