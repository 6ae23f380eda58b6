"""Where a command meets the system: settings, a database session, and plain errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import click
import psycopg
from pydantic import ValidationError
from rich.console import Console
from sqlalchemy import Engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from portal import orm, schema
from portal.config import Settings, load_settings
from portal.errors import InvalidInput, Misuse, PortalError

ACTOR = "command"
"""Who did it, on events that a command makes."""

console = Console(stderr=True)
"""Where progress is drawn; results go to standard output, undecorated."""


def sentence(error: Exception) -> str | None:
    """What to tell a person about ``error``; None when it is a bug, not their doing."""
    match error:
        case InvalidInput() if error.fields:
            return "; ".join(
                f"{name}: {' '.join(faults)}" for name, faults in sorted(error.fields.items())
            )
        case PortalError() if error.field:
            return f"{error.field}: {error.detail}"
        case PortalError():
            return error.detail
        case ValidationError():
            return "; ".join(_setting(fault) for fault in error.errors())
        case Misuse() if "runs on sqlite and postgresql" in str(error):
            return f"PORTAL_DATABASE_URL: {error}"
        case Misuse() if str(error).startswith("PORTAL_"):
            return str(error)
        case OperationalError():
            return f"The database cannot be used: {_first_line(error.orig)}"
        case psycopg.OperationalError():
            return f"The database cannot be used: {_first_line(error)}"
        case _:
            return None


def _setting(fault: Any) -> str:
    names = [f"PORTAL_{str(part).upper()}" for part in fault["loc"]]
    text = str(fault["msg"]).removeprefix("Value error, ")
    return ": ".join([*names, text])


def _first_line(error: BaseException | None) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else "it gave no reason"


class PlainGroup(click.Group):
    """A group whose commands end a refusal with one plain sentence and status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except (PortalError, ValidationError, Misuse, OperationalError, psycopg.Error) as error:
            text = sentence(error)
            if text is None:
                raise
            raise click.ClickException(text) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What a command works with."""

    settings: Settings
    engine: Engine
    session: Session


@contextmanager
def opened(*, migrated: bool = True) -> Iterator[Opened]:
    """Settings, engine and session for one command.

    Args:
        migrated: refuse a database whose schema is not the newest.

    Raises:
        click.ClickException: the schema is missing, or not the newest.
    """
    settings = _settings()
    engine = open_engine(settings)
    try:
        if migrated:
            _require_newest_schema(engine)
        with Session(engine, expire_on_commit=False) as session:
            yield Opened(settings=settings, engine=engine, session=session)
    finally:
        engine.dispose()


def _settings() -> Settings:
    try:
        return load_settings()
    except OSError as error:
        # It makes the folder of the SQLite file.
        raise click.ClickException(
            f"PORTAL_DATABASE_URL: {error.filename} cannot be made: {error.strerror}."
        ) from error


def open_engine(settings: Settings) -> Engine:
    """The engine that ``settings`` name."""
    try:
        return orm.make_engine(settings.database_url, pool_size=settings.database_pool_size)
    except Misuse:
        raise
    except Exception as error:
        # make_url and the dialect's loader raise several kinds for a bad address.
        raise click.ClickException(
            "PORTAL_DATABASE_URL is not understood: give "
            "sqlite:////absolute/path.db or postgresql+psycopg://user:password@host/name"
        ) from error


def _require_newest_schema(engine: Engine) -> None:
    current, head = schema.current(engine), schema.head()
    if current is None:
        raise click.ClickException("The database has no tables yet. Run `portal db upgrade` first.")
    if current != head:
        raise click.ClickException(
            f"The database is at revision {current} and this version needs {head}. "
            "Run `portal db upgrade` first."
        )


def shown_address(settings: Settings) -> str:
    """The database's address without its password."""
    return make_url(settings.database_url).render_as_string(hide_password=True)
