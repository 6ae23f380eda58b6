"""What a member, or a household of theirs, sent and received; and each receipt."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from flask import Response, request, url_for

from portal import clock, programs, transfers
from portal.ledger.errors import InvalidCursor
from portal.programs import Program
from portal.transfers import Direction, Receipt, Side, TransferPage
from portal.web import auth, rendering
from portal.web.extensions import db
from portal.web.formatting import moment, points
from portal.web.member import holdings, recipients, wording
from portal.web.member.blueprint import blueprint
from portal.web.member.wording import gettext as _
from portal.web.member.wording import ngettext
from portal.web.policy import allow, member

PAGE_LINES = 20


@dataclass(frozen=True, slots=True)
class Line:
    """One transfer in the list."""

    href: str
    title: str
    day: str
    amount: str
    tone: str
    icon: str
    pending: bool = False
    """What is sent is booked at once; the lists of movements share their lines with these."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one earning program gave, and what is left there."""

    program: str
    amount: str
    left: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A receipt in words."""

    id: str
    sent: bool
    title: str
    figure: str
    unit: str
    sender: str
    recipient: str
    when: str
    note: str | None
    by: str | None
    parts: list[Part]
    history_href: str | None
    again: str | None


@blueprint.get("/transfers")
@allow(member)
def transfer_list() -> Response:
    """What was sent and received, newest first; for htmx, adding, only what comes below."""
    chosen = holdings.choose()
    if chosen is None:
        return rendering.page("member/no_account.html")
    cursor, asked = request.args.get("cursor"), request.args.get("program")
    found = _read(chosen.account.id, cursor)
    mine = {one for one in holdings.readable(db.session()).values() if one is not None}
    lines = [_line(one, chosen.program, clock.now(), mine) for one in found.transfers]
    return rendering.page(
        "member/transfers.html",
        "member/_transfers.html",
        program=chosen.program,
        holdings=chosen.places,
        lines=lines,
        first=cursor is None,
        older=url_for("member.transfer_list", program=asked, cursor=found.next_cursor)
        if found.next_cursor
        else None,
        said=ngettext("%(num)d transfer", "%(num)d transfers", len(lines)),
    )


@blueprint.get("/transfers/<transfer_id>")
@allow(member)
def transfer(transfer_id: str) -> Response:
    """The receipt of one; other people's does not exist."""
    session = db.session()
    mine = holdings.readable(session)
    found = transfers.receipt(session, transfer_id=transfer_id, account_ids=list(mine))
    program = programs.find(session, found.program_id)
    shown = _shown(found, program, {one for one in mine.values() if one is not None})
    return rendering.page("member/transfer.html", program=program, shown=shown)


def _read(account_id: str, cursor: str | None) -> TransferPage:
    session = db.session()
    try:
        return transfers.history(session, account_ids=[account_id], limit=PAGE_LINES, cursor=cursor)
    except InvalidCursor:
        # An address that was cut short: the newest page is better than a refusal.
        return transfers.history(session, account_ids=[account_id], limit=PAGE_LINES)


def _line(one: Receipt, program: Program, at: datetime, mine: Collection[str]) -> Line:
    out = one.direction != Direction.IN
    other = _called(one.recipient if out else one.sender, mine)
    said = wording.short_day(program.local_date(one.at), program.local_date(at))
    return Line(
        href=url_for("member.transfer", transfer_id=one.id),
        title=_("To %(who)s", who=other) if out else _("From %(who)s", who=other),
        day=f"{said} · {one.note}" if one.note else said,
        amount=wording.signed(program, -one.points if out else one.points),
        tone="out" if out else "in",
        icon="send" if out else "download",
    )


def _shown(found: Receipt, program: Program, mine: Collection[str]) -> Shown:
    amount = points(found.points, program)
    figure, unit = wording.split(program, found.points)
    me = auth.member().customer_id
    did = found.by_customer_id == me
    sent = found.direction != Direction.IN
    if did:
        title = _("You sent %(amount)s", amount=amount)
    elif sent:
        title = _("%(amount)s were sent", amount=amount)
    else:
        title = _("%(amount)s came in", amount=amount)
    again = found.recipient.account_id if sent else None
    return Shown(
        id=found.id,
        sent=sent,
        title=title,
        figure=figure,
        unit=unit,
        sender=_called(found.sender, mine),
        recipient=_called(found.recipient, mine),
        when=moment(found.at, program),
        note=found.note,
        by=None if did or not sent else _("Another member of the household"),
        parts=[
            Part(
                program=found.program_name,
                amount=points(part.points, program),
                left=points(part.left, program),
            )
            for part in found.breakup
        ],
        history_href=wording.href(found.entry_id) if found.entry_id else None,
        again=url_for(
            "member.send",
            to=recipients.token(again, at=clock.now(), display=found.recipient.display),
        )
        if again
        else None,
    )


def _called(side: Side, mine: Collection[str]) -> str:
    """The other side masked; the member themselves, and their own households, as they know them."""
    if side.customer_id == auth.member().customer_id:
        return _("You")
    if side.household_id in mine:
        return side.name
    return side.display
