"""``portal db``: the schema."""

import click

from portal import schema
from portal.cli.edge import opened, shown_address


@click.group()
def db() -> None:
    """Look after the database's schema."""


@db.command()
def upgrade() -> None:
    """Bring the schema to the newest revision; safe to run again."""
    with opened(migrated=False) as work:
        before = schema.current(work.engine)
        schema.upgrade(work.engine)
        after = schema.current(work.engine)
        where = shown_address(work.settings)
    if before == after:
        click.echo(f"{where} is at revision {after} already.")
    else:
        click.echo(f"{where}: {before or 'empty'} → {after}.")
