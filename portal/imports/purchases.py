"""Purchases from a file (API, "Files"): each row once, however often the file is imported."""

import csv
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Protocol

from sqlalchemy.orm import Session

from portal import orders, orm, programs
from portal.errors import Busy, PortalError
from portal.imports import parsing
from portal.imports.parsing import Wrong
from portal.imports.table import BadRow, Row, Table, open_table
from portal.orders import Outcome, Purchase, Recorded
from portal.programs import Program

COLUMNS = (
    "customer_external_id",
    "store_code",
    "receipt_number",
    "purchased_at",
    "amount",
    "currency",
)

BATCH_ROWS = 1_000
"""In one transaction: few round trips for each row, and short enough for tills to wait for."""

METADATA_BYTES_MAX = 8_192
ATTEMPTS_MAX = 6
"""At a batch while the database is busy with something else; half a minute in all."""

_COLUMN_OF = {
    "number": "receipt_number",
    "store": "store_code",
    "value": "amount",
    "placed_at": "purchased_at",
    "external_id": "customer_external_id",
}
"""How the file calls the fields of a purchase."""


@dataclass(slots=True, kw_only=True)
class Summary:
    """What an import did. ``points`` were earned now, promised ones and welcome bonuses apart."""

    read: int = 0
    imported: int = 0
    skipped: int = 0
    bad: int = 0
    points: int = 0
    enrolled: int = 0
    unenrolled: int = 0
    """Imported, of customers who have no account and whom the program does not enrol."""
    errors_path: Path | None = None


class Progress(Protocol):
    """Told how far an import has come."""

    def __call__(self, line: int, of: int) -> None:
        """``line`` lines of ``of`` are done."""


def errors_path(path: Path) -> Path:
    """Where the rows are listed that could not be imported: ``FILE.errors.csv``."""
    return path.with_name(f"{path.name}.errors.csv")


def import_purchases(
    session: Session,
    *,
    path: Path,
    at: datetime,
    actor: str,
    program_id: str | None = None,
    progress: Progress | None = None,
    batch_rows: int = BATCH_ROWS,
) -> Summary:
    """Record the purchases that a file lists; they earn as their day's purchases do.

    A job: it commits each batch, so that one that is killed has done a part
    and is simply started again. What is recorded already is skipped. A bad
    row is listed in :func:`errors_path` and stops nothing else. Customers are
    enrolled by their first purchase where the program does that.

    Args:
        program_id: the program that earns; the default one if omitted.

    Raises:
        UnusableFile: it cannot be read as a table at all; nothing was imported.
        ProgramNotFound, NoDefaultProgram: which program is meant cannot be told.
        Busy: the database was locked for half a minute; start it again.
    """
    table = open_table(path, required=COLUMNS)
    programs.find(session, program_id)
    summary = Summary(errors_path=errors_path(path))
    with _list_of_errors(errors_path(path)) as report:
        work = _Import(session=session, table=table, program_id=program_id, at=at, actor=actor)
        for records in _batches(table.records(), batch_rows):
            summary.read += len(records)
            for found in work.record(records, summary):
                summary.bad += 1
                report(found)
            if progress:
                progress(records[-1].line, table.line_count)
    return summary


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listed:
    """A purchase and the line of the file it stands on."""

    line: int
    purchase: Purchase


@dataclass(frozen=True, slots=True, kw_only=True)
class _Import:
    """One file on its way in, a batch at a time."""

    session: Session
    table: Table
    program_id: str | None
    at: datetime
    actor: str

    def record(self, records: Iterable[Row | BadRow], summary: Summary) -> list[BadRow]:
        """Record what can be; add it up in ``summary``; give back what could not, by line."""
        program = programs.find(self.session, self.program_id)
        bad: list[BadRow] = []
        listed: list[_Listed] = []
        for record in records:
            if isinstance(record, BadRow):
                bad.append(record)
                continue
            try:
                purchase = _purchase(record.fields, self.table, program)
            except Wrong as wrong:
                bad.append(BadRow(line=record.line, reason=str(wrong)))
            else:
                listed.append(_Listed(line=record.line, purchase=purchase))
        if listed:
            # In the order they happened, whatever the order of the file: the
            # ledger books a late one too, but has more to do for it.
            listed.sort(key=lambda row: row.purchase.placed_at)
            for row, recorded in zip(listed, self._post(listed), strict=True):
                if recorded.outcome is Outcome.REFUSED:
                    bad.append(BadRow(line=row.line, reason=_reason(recorded.error)))
                else:
                    _add_up(summary, recorded)
        return sorted(bad, key=lambda found: found.line)

    def _post(self, listed: Sequence[_Listed]) -> list[Recorded]:
        """Record them together; one by one if something among them breaks the batch."""
        try:
            return self._commit([row.purchase for row in listed])
        except Busy:
            raise
        except PortalError as error:
            if len(listed) == 1:
                purchase = listed[0].purchase
                return [Recorded(purchase=purchase, outcome=Outcome.REFUSED, error=error)]
        return [recorded for row in listed for recorded in self._post([row])]

    def _commit(self, purchases: Sequence[Purchase]) -> list[Recorded]:
        attempt = 1
        while True:
            try:
                with orm.writing(self.session):
                    return orders.record(
                        self.session,
                        purchases=purchases,
                        # Read anew: a program may change while a long file is imported.
                        program=programs.find(self.session, self.program_id),
                        actor=self.actor,
                        at=self.at,
                        any_past=True,
                        origin="import",
                    )
            except Busy:
                if attempt == ATTEMPTS_MAX:
                    raise
                time.sleep(0.1 * 2**attempt)
                attempt += 1


def _add_up(summary: Summary, recorded: Recorded) -> None:
    if recorded.outcome is Outcome.ALREADY:
        summary.skipped += 1
        return
    summary.imported += 1
    summary.points += recorded.points
    summary.enrolled += recorded.enrolled
    summary.unenrolled += "not_enrolled" in recorded.warnings


def _purchase(fields: dict[str, str], table: Table, program: Program) -> Purchase:
    own = frozenset(code for code in (program.currency, program.money) if code)
    currency = parsing.currency("currency", fields["currency"], also=own)
    extra = {name: fields[name] for name in table.columns if name not in COLUMNS and fields[name]}
    if len(json.dumps(extra, ensure_ascii=False).encode()) > METADATA_BYTES_MAX:
        raise Wrong("metadata", f"the other columns hold more than {METADATA_BYTES_MAX} bytes")
    return Purchase(
        customer_external_id=parsing.text("customer_external_id", fields["customer_external_id"]),
        store=parsing.text("store_code", fields["store_code"]),
        number=parsing.text("receipt_number", fields["receipt_number"]),
        placed_at=parsing.moment("purchased_at", fields["purchased_at"], zone=program.timezone),
        value=parsing.amount(
            "amount",
            fields["amount"],
            currency=currency,
            decimal_comma=table.decimal_comma,
        ),
        currency=currency,
        metadata=extra,
    )


def _reason(error: PortalError | None) -> str:
    if error is None:
        return "it was refused"
    if error.field is None:
        return error.detail
    return f"{_COLUMN_OF.get(error.field, error.field)}: {error.detail}"


def _batches(records: Iterator[Row | BadRow], size: int) -> Iterator[list[Row | BadRow]]:
    while batch := list(islice(records, size)):
        yield batch


@contextmanager
def _list_of_errors(path: Path) -> Iterator[Callable[[BadRow], None]]:
    """Writes bad rows as they are found; no file where there are none, not even an older one."""
    path.unlink(missing_ok=True)
    stream = None
    try:

        def report(found: BadRow) -> None:
            nonlocal stream
            if stream is None:
                stream = path.open("w", encoding="utf-8", newline="")
                csv.writer(stream).writerow(("line", "reason"))
            csv.writer(stream).writerow((found.line, found.reason))

        yield report
    finally:
        if stream is not None:
            stream.close()
