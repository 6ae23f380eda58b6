"""A member's vouchers: to show at the till, and what became of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Response, flash, request, url_for
from markupsafe import Markup
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from portal import clock, orm, programs, rewards
from portal.ledger import AccountStatus
from portal.ledger.overview import holdings as accounts_of
from portal.programs import Program
from portal.rewards import Kind, VoucherStatus, VoucherView
from portal.rewards.errors import (
    VoucherCancelled,
    VoucherLapsed,
    VoucherNotCancellable,
    VoucherUsed,
)
from portal.web import htmx, operations, rendering
from portal.web.auth import member as signed_in
from portal.web.extensions import db
from portal.web.formatting import day, moment, points
from portal.web.member import drawing, holdings, offers, voucher_words
from portal.web.member.blueprint import blueprint
from portal.web.member.forms import OnceForm
from portal.web.member.offers import Face, Fact
from portal.web.member.wording import gettext as _
from portal.web.policy import allow, member

OPEN_SHOWN = 50
PAST_SHOWN = 20
_PAST = (VoucherStatus.USED, VoucherStatus.CANCELLED, VoucherStatus.LAPSED)
_MARKS = {
    VoucherStatus.ISSUED: ("good", "check"),
    VoucherStatus.USED: ("plain", "check"),
    VoucherStatus.CANCELLED: ("plain", "undo"),
    VoucherStatus.LAPSED: ("warn", "hourglass"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One voucher in the list."""

    name: str
    href: str
    face: Face
    text: str
    soon: str | None
    points: str
    icon: str
    tone: str


@dataclass(frozen=True, slots=True)
class Codes:
    """What the till scans, and the same in groups that can be read aloud."""

    groups: list[str]
    qr: Markup
    bars: Markup


@dataclass(frozen=True, slots=True)
class Shown:
    """A voucher at length. ``codes`` only while it can be used."""

    id: str
    name: str
    face: Face
    gives: str
    became: str
    tone: str
    open: bool
    given: bool
    points: str
    until: str
    soon: str | None
    how: str
    facts: list[Fact]
    codes: Codes | None


@blueprint.get("/vouchers")
@allow(member)
def vouchers() -> Response:
    """Those that can be used first, then what became of the others."""
    chosen = holdings.choose()
    if chosen is None:
        return rendering.page("member/no_account.html")
    session, at, program = db.session(), clock.now(), chosen.program
    common = [
        account_id
        for account_id, program_id in _households(session).items()
        if program_id == program.id
    ]
    mine = [chosen.account.id, *common]
    cursor = request.args.get("cursor")
    usable = (
        rewards.vouchers_of(
            session, account_ids=mine, statuses=[VoucherStatus.ISSUED], limit=OPEN_SHOWN, at=at
        ).vouchers
        if cursor is None
        else ()
    )
    past = rewards.vouchers_of(
        session, account_ids=mine, statuses=_PAST, limit=PAST_SHOWN, cursor=cursor, at=at
    )
    soonest = sorted(usable, key=lambda one: (one.expires_at is None, one.expires_at))
    return rendering.page(
        "member/vouchers.html",
        program=program,
        holdings=chosen.places,
        usable=[_row(program, one, at) for one in soonest],
        past=[_row(program, one, at) for one in past.vouchers],
        first=cursor is None,
        older=url_for("member.vouchers", program=program.id, cursor=past.next_cursor)
        if past.next_cursor
        else None,
    )


def _row(program: Program, voucher: VoucherView, at: datetime) -> Row:
    tone, icon = _MARKS[voucher.status]
    until, soon = voucher_words.until(program, voucher, at)
    usable = voucher.status is VoucherStatus.ISSUED
    return Row(
        name=voucher.reward_name,
        href=url_for("member.voucher", voucher_id=voucher.id),
        face=offers.face(voucher.kind, voucher.worth, voucher.picture),
        text=_("Usable through %(day)s", day=until)
        if usable and until
        else voucher_words.became(program, voucher, at),
        soon=soon if usable else None,
        points=points(voucher.points, program),
        icon=icon,
        tone=tone,
    )


@blueprint.get("/vouchers/<voucher_id>")
@allow(member)
def voucher(voucher_id: str) -> Response:
    """One voucher: its code, until when, how and where; or what became of it."""
    return _show("member/voucher.html", voucher_id, new=request.args.get("new") == "1")


@blueprint.get("/vouchers/<voucher_id>/show")
@allow(member)
def show_voucher(voucher_id: str) -> BaseResponse:
    """Nothing but its code, bright and large, for the till to scan."""
    found, program = _find(voucher_id, clock.now())
    if _codes(found) is None:
        return htmx.go(url_for("member.voucher", voucher_id=voucher_id))
    return _page("member/voucher_show.html", found, program)


@blueprint.get("/vouchers/<voucher_id>/cancel")
@allow(member)
def ask_to_cancel(voucher_id: str) -> BaseResponse:
    """Ask whether they really give it back."""
    found, program = _find(voucher_id, clock.now())
    if not _usable(found):
        return htmx.go(url_for("member.voucher", voucher_id=voucher_id))
    form = OnceForm(formdata=None)
    form.operation.data = operations.new_id()
    return _page("member/voucher_cancel.html", found, program, form=form)


@blueprint.post("/vouchers/<voucher_id>/cancel")
@allow(member)
def cancel_voucher(voucher_id: str) -> BaseResponse:
    """Give an unused voucher back; the same points return."""
    form, at, who = OnceForm(), clock.now(), signed_in()
    found, program = _find(voucher_id, at)
    here = url_for("member.voucher", voucher_id=voucher_id)

    def cancel(unit: Session) -> str:
        return rewards.cancel(
            unit, code=found.code, account_ids=[found.account_id], actor=who.actor, at=at
        ).id

    try:
        with orm.writing(db.session()) as unit:
            operations.once(
                unit,
                cancel,
                operation=form.operation.data or "",
                who=who.actor,
                content={"cancel": voucher_id},
                at=at,
            )
    except (VoucherUsed, VoucherLapsed, VoucherNotCancellable):
        flash(_("It was too late: this voucher cannot be cancelled any more."), "warning")
        return htmx.go(here)
    except (VoucherCancelled, operations.AlreadySent):
        return htmx.go(here)
    except operations.UnknownOperation as error:
        flash(_(error.detail), "error")
        return htmx.go(url_for("member.ask_to_cancel", voucher_id=voucher_id))
    flash(
        _("Cancelled. Your %(points)s are back.", points=points(found.points, program)), "success"
    )
    return htmx.go(here)


def _find(voucher_id: str, at: datetime) -> tuple[VoucherView, Program]:
    """One of the member's own vouchers, or of a household whose points they may use.

    Raises:
        VoucherNotFound: there is none by that id, or it is somebody else's.
    """
    session = db.session()
    own = accounts_of(session, customer_id=signed_in().customer_id)
    mine = [*(account.id for account in own), *_households(session)]
    found = rewards.voucher_by_id(session, voucher_id=voucher_id, at=at, account_ids=mine)
    return found, programs.find(session, found.program_id)


def _households(session: Session) -> dict[str, str]:
    """The accounts of households whose points the member may use, with their programs."""
    return {
        purse.account.id: purse.account.program_id
        for purse in holdings.purses(session)
        if purse.may_send
    }


def _show(template: str, voucher_id: str, **more: Any) -> Response:
    found, program = _find(voucher_id, clock.now())
    return _page(template, found, program, **more)


def _page(template: str, found: VoucherView, program: Program, **more: Any) -> Response:
    return rendering.page(
        template,
        program=program,
        voucher=_shown(program, found, clock.now()),
        frozen=_usable(found) and found.account_id in _frozen(),
        **more,
    )


def _frozen() -> set[str]:
    """The member's accounts that nothing leaves, not even by a voucher."""
    own = accounts_of(db.session(), customer_id=signed_in().customer_id)
    return {account.id for account in own if account.status == AccountStatus.FROZEN}


def _usable(voucher: VoucherView) -> bool:
    return voucher.status is VoucherStatus.ISSUED


def _codes(voucher: VoucherView) -> Codes | None:
    if voucher.status is not VoucherStatus.ISSUED:
        return None
    spoken = voucher.spoken_code
    label = _("The code of your voucher: %(code)s", code=spoken.replace("-", " "))
    return Codes(
        groups=spoken.split("-"),
        qr=drawing.qr(voucher.code, label),
        bars=drawing.barcode(voucher.code, label),
    )


def _shown(program: Program, voucher: VoucherView, at: datetime) -> Shown:
    until, soon = voucher_words.until(program, voucher, at)
    usable = voucher.status is VoucherStatus.ISSUED
    given = voucher.kind is Kind.DONATION
    facts = []
    if usable:
        facts.append(Fact(_("Usable through"), until))
        facts.append(Fact(_("Where"), offers.where(voucher.stores)))
    facts.append(Fact(_("Paid with"), points(voucher.points, program)))
    facts.append(Fact(_("Given") if given else _("Got"), moment(voucher.issued_at, program)))
    if voucher.used_at and not given:
        where = ", ".join(part for part in (voucher.store, voucher.till) if part)
        facts.append(Fact(_("Used"), moment(voucher.used_at, program)))
        if where:
            facts.append(Fact(_("Used at"), where))
        if voucher.order:
            facts.append(Fact(_("Receipt"), voucher.order))
    if voucher.cancelled_at:
        facts.append(Fact(_("Cancelled"), moment(voucher.cancelled_at, program)))
    if voucher.status is VoucherStatus.LAPSED and voucher.expires_at:
        facts.append(Fact(_("Was usable through"), day(program.last_day(voucher.expires_at))))
    if usable and not given:
        facts.append(Fact(_("Not used in time"), offers.lapse(voucher.on_lapse)))
    return Shown(
        id=voucher.id,
        name=voucher.reward_name,
        face=offers.face(voucher.kind, voucher.worth, voucher.picture),
        gives=offers.gives(voucher.worth),
        became=voucher_words.became(program, voucher, at),
        tone=_MARKS[voucher.status][0],
        open=usable,
        given=given,
        points=points(voucher.points, program),
        until=until,
        soon=soon if usable else None,
        how=offers.how_to_use(voucher.worth),
        facts=facts,
        codes=_codes(voucher),
    )
