"""``portal program apply`` and ``portal import``: what comes from files."""

import json
import time
from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from portal import clock, orm, programs
from portal.cli.edge import ACTOR, console, opened
from portal.imports import Summary, import_purchases

FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def program() -> None:
    """Look after programs."""


@program.command("apply")
@click.argument("file", type=FILE)
def apply_program(file: Path) -> None:
    """Create or change the program that FILE (JSON) describes; say what changed."""
    document = json_object(file)
    with opened() as work, orm.writing(work.session):
        applied = programs.apply(work.session, document=document, actor=ACTOR, at=clock.now())
    name = f"{applied.program.name} ({applied.program.id})"
    if applied.created:
        click.echo(f"{name}: created.")
    elif not applied.changes:
        click.echo(f"{name}: nothing changed.")
    else:
        click.echo(f"{name}: changed, now version {applied.program.version}.")
        for field, change in sorted(applied.changes.items()):
            click.echo(f"  {field}: {told_change(change)}")


def told_change(change: Any) -> str:
    """A change of one field, for people."""
    before, after = change
    return f"{json.dumps(before, ensure_ascii=False)} → {json.dumps(after, ensure_ascii=False)}"


def json_object(file: Path) -> dict[str, Any]:
    """What a JSON file holds.

    Raises:
        click.ClickException: it cannot be read, or is no JSON object.
    """
    try:
        found = json.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise click.ClickException(f"There is no file {file}.") from error
    except OSError as error:
        raise click.ClickException(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{file} is not UTF-8.") from error
    except json.JSONDecodeError as error:
        raise click.ClickException(
            f"{file} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from error
    except (RecursionError, ValueError) as error:
        raise click.ClickException(f"{file} is not JSON that can be read: {error}.") from error
    if not isinstance(found, dict):
        raise click.ClickException(f"{file} must hold one JSON object.")
    return found


@click.group("import")
def imports() -> None:
    """Bring in what other systems know, from CSV files."""


@imports.command()
@click.argument("file", type=FILE)
@click.option("--program", "program_id", help="The program that earns; the default one if omitted.")
def purchases(file: Path, program_id: str | None) -> None:
    """Record the purchases in FILE; safe to run again, after a crash too.

    Columns: customer_external_id, store_code, receipt_number, purchased_at,
    amount, currency; others are kept as metadata. Rows that cannot be imported
    are listed in FILE.errors.csv.
    """
    began = time.monotonic()
    with (
        opened() as work,
        Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        ) as bar,
    ):
        task = bar.add_task(f"importing {file.name}", total=None)

        def progress(line: int, of: int) -> None:
            bar.update(task, completed=line, total=of)

        summary = import_purchases(
            work.session,
            path=file,
            program_id=program_id,
            at=clock.now(),
            actor=ACTOR,
            progress=progress,
        )
        name = programs.find(work.session, program_id)
    seconds = max(time.monotonic() - began, 0.001)
    click.echo(_told(summary, points=name.spoken_points(summary.points), seconds=seconds))
    if summary.bad:
        rows = "row was" if summary.bad == 1 else "rows were"
        raise click.ClickException(f"{summary.bad} {rows} not imported: see {summary.errors_path}.")


def _told(summary: Summary, *, points: str, seconds: float) -> str:
    return (
        f"{summary.read} read, {summary.imported} imported, {summary.skipped} skipped, "
        f"{summary.bad} bad; {points} earned, {summary.enrolled} customers enrolled; "
        f"{summary.read / seconds:.0f} rows/s"
    )
