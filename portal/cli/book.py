"""``portal ledger verify`` and ``portal settle``."""

from datetime import datetime

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from sqlalchemy.orm import Session

from portal import clock, orders, orm, outbox, programs, rewards
from portal import ledger as book
from portal.cli.edge import console, opened

SETTLE_BATCH = 500
"""Accounts settled in one transaction: short, so that tills hardly wait for it."""


@click.group()
def ledger() -> None:
    """Look after the book of points."""


@ledger.command()
def verify() -> None:
    """Recompute chain, balances, lots, allocations, purchases and vouchers.

    Status 1 on any difference.
    """
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
        bar.update(task, description="comparing vouchers")
        differences += rewards.verify(work.session)
    for difference in differences:
        click.echo(str(difference))
    if differences:
        count = len(differences)
        raise click.ClickException(
            f"The book does not agree: {count} {'difference' if count == 1 else 'differences'}."
        )
    click.echo(
        "The book is whole: chain, balances, lots, allocations, purchases and vouchers agree."
    )


@click.command()
def settle() -> None:
    """Book what fell due on quiet accounts: maturing, expiry, ended holds, changes of tier.

    Tells members of vouchers that lapse soon.
    """
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
            changed = _tiers(work.session, bar, at=at)
            reminded = _remind(work.session, outbox.Cipher(work.settings.pepper), at=at)
    click.echo(f"{total} {'account' if total == 1 else 'accounts'} settled.")
    if changed:
        click.echo(f"{changed} {'change' if changed == 1 else 'changes'} of tier recorded.")
    if reminded:
        click.echo(f"{reminded} {'voucher lapses' if reminded == 1 else 'vouchers lapse'} soon.")


def _remind(session: Session, cipher: outbox.Cipher, *, at: datetime) -> int:
    """Write down what lapsed, tell members of vouchers that lapse soon; how many there were."""
    reminded = 0
    with orm.writing(session):
        rewards.write_down_lapses(session, at=at, limit=SETTLE_BATCH)
    while True:
        with orm.writing(session):
            count = rewards.remind(session, at=at, cipher=cipher, limit=SETTLE_BATCH)
        reminded += count
        if count < SETTLE_BATCH:
            return reminded


def _tiers(session: Session, bar: Progress, *, at: datetime) -> int:
    """Record the changes of tier that time brought; how many there were."""
    changed = 0
    task = bar.add_task("changes of tier:", total=None)
    for program in programs.find_all(session):
        after: str | None = ""
        while after is not None:
            with orm.writing(session):
                changes, after = orders.tiers.catch_up(
                    session, program=program, at=at, after=after, limit=SETTLE_BATCH
                )
            changed += len(changes)
            bar.update(task, completed=changed)
    return changed
