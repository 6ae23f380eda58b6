"""``portal reward`` and ``portal voucher``: what is offered, and one member's voucher."""

from datetime import datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from portal import clock, orm, programs
from portal import rewards as shelf
from portal.cli.edge import ACTOR, opened
from portal.cli.files import FILE, json_object, told_change
from portal.programs import Program
from portal.programs.money import spoken
from portal.rewards import Kind, VoucherView, Worth
from portal.rewards.pictures import BYTES_MAX


@click.group()
def reward() -> None:
    """Look after the rewards that members turn points into."""


@reward.command("apply")
@click.argument("file", type=FILE)
def apply_reward(file: Path) -> None:
    """Create or change the reward that FILE (JSON) describes; say what changed.

    Its picture is a file beside it.
    """
    document = json_object(file)

    def read(name: str) -> bytes:
        return _beside(file, name)

    with opened() as work, orm.writing(work.session):
        applied = shelf.apply(
            work.session, document=document, actor=ACTOR, at=clock.now(), read_picture=read
        )
    name = f"{applied.reward.name} ({applied.reward.id})"
    if applied.created:
        click.echo(f"{name}: created.")
    elif not applied.changes:
        click.echo(f"{name}: nothing changed.")
    else:
        click.echo(f"{name}: changed, now version {applied.reward.version}.")
        for field, change in sorted(applied.changes.items()):
            click.echo(f"  {field}: {told_change(change)}")


def _beside(file: Path, name: str) -> bytes:
    folder = file.resolve().parent
    path = (folder / name).resolve()
    if not path.is_relative_to(folder):
        raise click.ClickException(f"picture: {name} is not beside {file.name}.")
    try:
        with path.open("rb") as opened_file:
            # One byte more than is allowed is enough to refuse it.
            return opened_file.read(BYTES_MAX + 1)
    except OSError as error:
        raise click.ClickException(f"picture: {name} cannot be read: {error.strerror}.") from error


@reward.command("list")
@click.option("--program", "program_id", help="Only the rewards of this program.")
def list_rewards(program_id: str | None) -> None:
    """List every reward with what became of its vouchers."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("id", "program", "name", "price", "left", "open", "used", "cancelled"):
        table.add_column(heading, justify="left" if heading in ("id", "name") else "right")
    table.add_column("lapsed", justify="right")
    table.add_column("")
    with opened() as work:
        at = clock.now()
        if program_id is not None:
            programs.find(work.session, program_id)
        found = shelf.tally(work.session, at=at, program_id=program_id)
        known = {each.id: each for each in programs.find_all(work.session)}
    for each in found:
        program = known[each.reward.program_id]
        table.add_row(
            each.reward.id,
            program.id,
            each.reward.name,
            program.spoken_points(each.reward.price),
            "∞" if each.left is None else str(each.left),
            *(str(number) for number in (each.open, each.used, each.cancelled, each.lapsed)),
            _offered(each.reward, program, at),
        )
    if found:
        # Wide enough not to cut anything where the output is read by a program.
        out = Console()
        Console(width=out.width if out.is_terminal else 200).print(table)
    else:
        click.echo("There are no rewards yet. `portal reward apply FILE.json` creates one.")


def _offered(found: shelf.Reward, program: Program, at: datetime) -> str:
    today = program.local_date(at)
    if not found.active:
        return "not offered"
    if found.valid_from is not None and today < found.valid_from:
        return f"from {found.valid_from.isoformat()}"
    if found.valid_to is not None:
        word = "until" if today <= found.valid_to else "over since"
        return f"{word} {found.valid_to.isoformat()}"
    return ""


@click.group()
def voucher() -> None:
    """Look at one voucher, or give its points back."""


@voucher.command("show")
@click.argument("code")
def show_voucher(code: str) -> None:
    """Say what the voucher with this CODE is worth and where it stands."""
    with opened() as work:
        found = shelf.voucher(work.session, code=code, at=clock.now())
        program = programs.find(work.session, found.program_id)
    click.echo(_told(found, program))


@voucher.command("cancel")
@click.argument("code")
def cancel_voucher(code: str) -> None:
    """Cancel the unused voucher with this CODE: the same points return to its holder."""
    with opened() as work, orm.writing(work.session):
        found = shelf.cancel(work.session, code=code, actor=ACTOR, at=clock.now())
        program = programs.find(work.session, found.program_id)
    click.echo(_told(found, program))


def _told(found: VoucherView, program: Program) -> str:
    def local(instant: datetime | None) -> str:
        assert instant is not None
        return f"{instant.astimezone(program.timezone):%Y-%m-%d %H:%M}"

    lines = [
        f"{found.spoken_code}: {found.reward_name}{_gives(found.worth)}, {found.status}",
        f"  {program.spoken_points(found.points)} of account {found.account_id}",
        f"  issued {local(found.issued_at)}",
    ]
    if found.used_at is not None:
        where = f" in {found.store}" if found.store else ""
        lines.append(f"  used {local(found.used_at)}{where}")
    elif found.cancelled_at is not None:
        lines.append(f"  cancelled {local(found.cancelled_at)}")
    elif found.expires_at is not None:
        lines.append(f"  to be used through {program.last_day(found.expires_at).isoformat()}")
    if found.stores:
        lines.append(f"  only in {', '.join(found.stores)}")
    return "\n".join(lines)


def _gives(worth: Worth) -> str:
    if worth.kind is Kind.AMOUNT_OFF and worth.value is not None:
        return f" ({spoken(worth.value)} off)"
    if worth.kind is Kind.SHARE_OFF and worth.share is not None:
        return f" ({(worth.share * 100).normalize():f} % off)"
    return ""
