"""A history as a file, for spreadsheets."""

import csv
from collections.abc import Iterator
from datetime import datetime
from io import StringIO

from flask import Response, stream_with_context

from portal import clock, ledger
from portal.ledger import HistoryLine, PendingLine
from portal.programs import Program
from portal.programs.money import decimals_of, plain
from portal.web import policy
from portal.web.extensions import db
from portal.web.member import holdings, voucher_words, wording
from portal.web.member.blueprint import blueprint
from portal.web.member.history import Filters, understood
from portal.web.member.holdings import Chosen
from portal.web.member.voucher_words import Vouchers
from portal.web.member.wording import gettext as _

CSV_LINES = 100
"""How many lines the download reads at a time."""
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@blueprint.get("/history.csv")
@policy.allow(policy.member)
def history_csv() -> Response:
    """The same list as a file, sent as it is read."""
    return _file(holdings.choose())


@blueprint.get("/households/<household_id>/history.csv")
@policy.allow(policy.member)
def household_history_csv(household_id: str) -> Response:
    """The same of a household's account."""
    return _file(holdings.choose_purse(household_id))


def _file(chosen: Chosen | None) -> Response:
    at = clock.now()
    if chosen is None:
        rows: Iterator[str] = iter([_csv_line(_csv_head())])
        name = "history"
    else:
        rows = _csv_rows(chosen, understood(chosen.program, at), at)
        name = f"{chosen.program.id}-{chosen.program.local_date(at).isoformat()}"
    response = Response(stream_with_context(rows), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def _csv_head() -> list[str]:
    return [
        _("Date"),
        _("Time"),
        _("What"),
        _("Points"),
        _("Balance after"),
        _("Type"),
        _("Which points"),
        _("Store"),
        _("Order"),
        _("Order amount"),
        _("Currency"),
        _("Usable through"),
        _("Recorded on"),
        _("Reference"),
        _("Takes back"),
        _("State"),
    ]


def _csv_rows(chosen: Chosen, filters: Filters, at: datetime) -> Iterator[str]:
    # The mark lets spreadsheets know that this is UTF-8.
    yield "\ufeff" + _csv_line(_csv_head())
    cursor: str | None = None
    while not filters.wrong:
        found = ledger.history(
            db.session(),
            account_id=chosen.account.id,
            at=at,
            limit=CSV_LINES,
            cursor=cursor,
            **filters.asked,
        )
        vouchers = voucher_words.behind(found.lines, at)
        yield "".join(
            _csv_line(cells)
            for cells in (
                *(_csv_due(chosen.program, due) for due in found.pending),
                *(_csv_cells(chosen.program, line, at, vouchers) for line in found.lines),
            )
        )
        cursor = found.next_cursor
        if cursor is None:
            return


def _csv_due(program: Program, due: PendingLine) -> list[str]:
    """What is due and not booked yet: no store, no order, no reference so far."""
    local = due.occurred_at.astimezone(program.timezone)
    return [
        local.date().isoformat(),
        local.strftime("%H:%M"),
        _safe(voucher_words.describe(program, due).sentence),
        plain(due.amount, program.decimals),
        plain(due.balance_after, program.decimals),
        _safe(str(wording.TYPE_NAMES[due.type])),
        _safe(str(wording.CATEGORY_NAMES[due.category])),
        *[""] * 8,
        _("Being booked"),
    ]


def _csv_cells(program: Program, line: HistoryLine, at: datetime, vouchers: Vouchers) -> list[str]:
    entry, event = line.entry, line.event
    order = event.order
    local = entry.occurred_at.astimezone(program.timezone)
    return [
        local.date().isoformat(),
        local.strftime("%H:%M"),
        _safe(voucher_words.describe_line(program, line, at, vouchers).sentence),
        plain(entry.amount, program.decimals),
        plain(entry.balance_after, program.decimals),
        _safe(str(wording.TYPE_NAMES[entry.type])),
        _safe(str(wording.CATEGORY_NAMES[entry.category])),
        _safe(event.store or ""),
        _safe(order.number if order else ""),
        plain(order.value, decimals_of(order.currency)) if order else "",
        _safe(order.currency if order else ""),
        program.last_day(entry.expires_at).isoformat() if entry.expires_at else "",
        program.local_date(entry.recorded_at).isoformat(),
        entry.id,
        entry.reverses or "",
        _("On hold")
        if wording.hold_end(line.spending, at) and not voucher_words.concerns(line)
        else _("Booked"),
    ]


def _safe(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _csv_line(cells: list[str]) -> str:
    line = StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
