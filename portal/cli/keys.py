"""``portal api-key``: keys for tills and web shops."""

import click

from portal import clock, orm
from portal.access import keys
from portal.cli.edge import ACTOR, opened


@click.group("api-key")
def api_key() -> None:
    """Look after the keys of checkout."""


@api_key.command()
@click.option("--name", required=True, help="The integration, e.g. “web shop”.")
@click.option("--scopes", required=True, help="What it may do, with commas: read,redeem,earn,…")
@click.option("--store", help="The only store it speaks for.")
def create(name: str, scopes: str, store: str | None) -> None:
    """Make a key, and print it alone on the last line. It is never shown again."""
    wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
    with opened() as work, orm.writing(work.session):
        made = keys.create(
            work.session, name=name, scopes=wanted, store=store, at=clock.now(), actor=ACTOR
        )
    click.echo(f"A key for {name}, which may: {', '.join(wanted)}.")
    click.echo("Keep it now, it is never shown again:")
    click.echo(made.key)
