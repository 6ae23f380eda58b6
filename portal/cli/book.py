"""``portal ledger verify`` and ``portal settle``."""

from datetime import datetime

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from portal import clock, orders, orm
from portal import ledger as book
from portal.cli.edge import console, opened

SETTLE_BATCH = 500
"""Accounts settled in one transaction: short, so that tills hardly wait for it."""


@click.group()
def ledger() -> None:
    """Look after the book of points."""


@ledger.command()
def verify() -> None:
    """Recompute chain, balances, lots, allocations and purchases; status 1 on any difference."""
    with (
        opened() as work,
        Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            console=console,
            transient=True,
        ) as bar,
    ):
        task = bar.add_task("verifying the book", total=None)

        def progress(done: int, total: int | None = None) -> None:
            bar.update(task, completed=done, total=total)

        differences = book.verify(work.session, progress=progress)
        bar.update(task, description="adding up the orders")
        differences += orders.verify(work.session)
    for difference in differences:
        click.echo(str(difference))
    if differences:
        count = len(differences)
        raise click.ClickException(
            f"The book does not agree: {count} {'difference' if count == 1 else 'differences'}."
        )
    click.echo("The book is whole: chain, balances, lots, allocations and purchases agree.")


@click.command()
def settle() -> None:
    """Book what fell due on quiet accounts: maturing, expiry, ended holds."""
    total = 0
    with opened() as work:
        at: datetime = clock.now()
        with Progress(
            SpinnerColumn(),
            TextColumn("{task.description} {task.completed}"),
            console=console,
            transient=True,
        ) as bar:
            task = bar.add_task("accounts settled:", total=None)
            while True:
                with orm.writing(work.session):
                    count = book.settle(work.session, at=at, limit=SETTLE_BATCH)
                total += count
                bar.update(task, completed=total)
                if count < SETTLE_BATCH:
                    break
    click.echo(f"{total} {'account' if total == 1 else 'accounts'} settled.")
