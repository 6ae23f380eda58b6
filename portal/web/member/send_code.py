"""Sending points, the screens after the first: review, code, and calling it off.

The request's id leads; everything else stands on the server, bound to this
session. Somebody else's request, or another session's, does not exist here.
"""

from dataclasses import dataclass
from datetime import date, datetime
from math import ceil

from flask import Response, flash, url_for
from werkzeug.wrappers import Response as BaseResponse

from portal import clock, ledger, orm, outbox, programs, transfers
from portal.codes import CodeMalformed, CodeRefused
from portal.errors import NotFound, PortalError, TooMany
from portal.ledger import Position
from portal.programs import Program
from portal.transfers import RequestStatus, RequestView
from portal.web import auth, errors, htmx, rendering
from portal.web.extensions import db, limiter
from portal.web.formatting import day, points
from portal.web.locale import gettext as _
from portal.web.member import messages, refusals, under_way, wording
from portal.web.member.blueprint import blueprint
from portal.web.member.code import TRIED_PER_ADDRESS
from portal.web.member.forms import CodeForm
from portal.web.policy import allow, member
from portal.web.settings import cipher, pepper, settings

DATES_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """A transfer as its review says it."""

    id: str
    amount: str
    figure: str
    unit: str
    recipient: str
    source: str | None
    remains: str
    short: bool
    dates: list[str]
    note: str | None


@blueprint.get("/send/<request_id>")
@allow(member)
def review(request_id: str) -> BaseResponse:
    """What is to be sent, before any code is asked for."""
    return _review(_find(request_id))


@blueprint.get("/send/<request_id>/code")
@allow(member)
def transfer_code(request_id: str) -> BaseResponse:
    """Ask for the code that was sent."""
    asked = _find(request_id)
    if asked.status != RequestStatus.OPEN or asked.resend_at is None:
        return _elsewhere(asked)
    return _ask(asked, CodeForm(formdata=None))


@blueprint.post("/send/<request_id>/send-code")
@allow(member)
@limiter.limit(TRIED_PER_ADDRESS)
def send_transfer_code(request_id: str) -> BaseResponse:
    """Send the code to whoever is about to send; a second click finds it sent."""
    try:
        _send_code(request_id)
    except TooMany as error:
        asked = _find(request_id)
        if asked.resend_at is None:
            return _review(asked, status=429, problem=refusals.sentence(error))
    except transfers.CodeNotSent:
        words = _("We have no phone or e-mail to send a code to. Ask in a store to add one.")
        return _review(_find(request_id), status=422, problem=words)
    except (
        transfers.TransferRequestUsed,
        transfers.TransferRequestExpired,
        transfers.TransferRequestCancelled,
    ):
        return _elsewhere(_find(request_id))
    return htmx.go(url_for("member.transfer_code", request_id=request_id))


@blueprint.post("/send/<request_id>/code/again")
@allow(member)
@limiter.limit(TRIED_PER_ADDRESS)
def resend_transfer_code(request_id: str) -> BaseResponse:
    """Send another code, which replaces the one before."""
    form, status = CodeForm(formdata=None), 200
    notice = _("We sent you a new code. The one before no longer works.")
    try:
        _send_code(request_id)
    except TooMany as error:
        notice, status = refusals.sentence(error), 429
    except (transfers.CodeNotSent, NotFound):
        raise
    except PortalError:
        return _elsewhere(_find(request_id))
    return _ask(_find(request_id), form, status=status, notice=notice)


@blueprint.get("/send/<request_id>/code/wait")
@allow(member)
def wait_for_transfer_code(request_id: str) -> BaseResponse:
    """The part of the page that says how long to wait for another code."""
    asked = _find(request_id)
    if asked.status != RequestStatus.OPEN:
        return _elsewhere(asked)
    return _page(asked, CodeForm(formdata=None), "member/_code_again.html", waited=True)


@blueprint.post("/send/<request_id>/code")
@allow(member)
@limiter.limit(TRIED_PER_ADDRESS)
def confirm_transfer(request_id: str) -> BaseResponse:
    """Send the points with the right code, once; again, it shows the receipt."""
    form, at, who = CodeForm(), clock.now(), auth.member()
    unit = db.session()
    if not form.validate():
        asked = _find(request_id)
        return _ask(asked, form, status=422) if _open(asked) else _elsewhere(asked)
    try:
        # Two units: a try stays counted whatever comes after it.
        with orm.recording(unit):
            look = transfers.look(
                unit,
                request_id=request_id,
                context=who.session_id,
                code=form.code.data or "",
                at=at,
                pepper=pepper(),
            )
        with orm.writing(unit):
            receipt = transfers.confirm(
                unit,
                request_id=request_id,
                look=look,
                context=who.session_id,
                actor=who.actor,
                at=at,
                sending=_sending(),
                wording=messages.transfers(),
            )
    except (CodeMalformed, CodeRefused) as error:
        form.code.errors = [refusals.sentence(error)]
        return _ask(_find(request_id), form, status=422)
    except NotFound:
        raise
    except (transfers.TransferRequestExpired, transfers.TransferRequestCancelled):
        return _elsewhere(_find(request_id))
    except PortalError as error:
        asked = _find(request_id)
        program = programs.find(unit, asked.program_id)
        words = refusals.sentence(transfers.for_member([error])[0], program)
        return _ask(asked, form, status=errors.status_of(error), problem=words)
    under_way.forget(request_id)
    return htmx.go(url_for("member.transfer", transfer_id=receipt.id))


@blueprint.post("/send/<request_id>/cancel")
@allow(member)
def cancel_transfer(request_id: str) -> BaseResponse:
    """Call it off, until the code is used."""
    try:
        with orm.writing(db.session()) as unit:
            transfers.cancel(
                unit, request_id=request_id, context=auth.member().session_id, at=clock.now()
            )
    except transfers.TransferRequestUsed:
        flash(_("It was sent already: here is the receipt."), "warning")
        return _elsewhere(_find(request_id))
    under_way.forget(request_id)
    flash(_("Cancelled. Nothing was sent."), "success")
    return htmx.go(url_for("member.send"))


def _find(request_id: str) -> RequestView:
    return transfers.find_request(
        db.session(), request_id=request_id, context=auth.member().session_id, at=clock.now()
    )


def _open(asked: RequestView) -> bool:
    return asked.status == RequestStatus.OPEN and asked.resend_at is not None


def _elsewhere(asked: RequestView) -> BaseResponse:
    """Where a request stands that waits for no code: its receipt, its review, or its end."""
    if asked.status == RequestStatus.USED and asked.transfer_id is not None:
        under_way.forget(asked.id)
        return htmx.go(url_for("member.transfer", transfer_id=asked.transfer_id))
    return htmx.go(url_for("member.review", request_id=asked.id))


def _send_code(request_id: str) -> None:
    with orm.writing(db.session()) as unit:
        transfers.resend(
            unit,
            request_id=request_id,
            context=auth.member().session_id,
            sending=_sending(),
            at=clock.now(),
            wording=messages.transfers(),
        )


def _sending() -> transfers.CodeSending:
    return transfers.CodeSending(
        pepper=pepper(), cipher=cipher(), channels=outbox.channels(settings())
    )


def _review(asked: RequestView, *, status: int = 200, problem: str | None = None) -> BaseResponse:
    if asked.status == RequestStatus.USED:
        return _elsewhere(asked)
    session, at = db.session(), clock.now()
    program = programs.find(session, asked.program_id)
    if asked.status != RequestStatus.OPEN:
        under_way.forget(asked.id)
        return rendering.page(
            "member/send_over.html",
            program=program,
            cancelled=asked.status == RequestStatus.CANCELLED,
            again=url_for("member.send", change=asked.id),
        )
    assert asked.sender.account_id is not None
    position = ledger.position(session, account_id=asked.sender.account_id, at=at)
    response = rendering.page(
        "member/review.html",
        "member/_review.html",
        status=status,
        program=program,
        asked=_said(asked, program, position),
        problem=problem,
        code_sent=asked.resend_at is not None,
    )
    return htmx.into(response, "#send", swap="outerHTML")


def _said(asked: RequestView, program: Program, position: Position) -> Asked:
    figure, unit = wording.split(program, asked.points)
    remains = position.balance - asked.points
    return Asked(
        id=asked.id,
        amount=points(asked.points, program),
        figure=figure,
        unit=unit,
        recipient=asked.recipient.display,
        source=asked.sender.name if asked.sender.household_id else None,
        remains=points(max(remains, 0), program),
        short=remains < 0,
        dates=_dates(program, position, asked.points),
        note=asked.note,
    )


def _dates(program: Program, position: Position, amount: int) -> list[str]:
    """Until when what is sent can be used: the dates go along with it."""
    together: dict[date | None, int] = {}
    for deadline in position.deadlines:
        taken = min(deadline.points, amount - sum(together.values()))
        if taken <= 0:
            break
        last = program.last_day(deadline.expires_at) if deadline.expires_at else None
        together[last] = together.get(last, 0) + taken
    shown = list(together.items())
    said = [_date(program, last, taken, alone=len(shown) == 1) for last, taken in shown]
    if len(said) <= DATES_SHOWN:
        return said
    rest = sum(taken for _last, taken in shown[DATES_SHOWN - 1 :])
    later = _("%(amount)s after that", amount=points(rest, program))
    return [*said[: DATES_SHOWN - 1], later]


def _date(program: Program, last: date | None, taken: int, *, alone: bool) -> str:
    if alone and last is None:
        return _("Nothing of it expires.")
    if alone and last is not None:
        return _("All of it can be used through %(day)s.", day=day(last))
    amount = points(taken, program)
    if last is None:
        return _("%(amount)s never expire", amount=amount)
    return _("%(amount)s through %(day)s", amount=amount, day=day(last))


def _ask(
    asked: RequestView,
    form: CodeForm,
    *,
    status: int = 200,
    notice: str | None = None,
    problem: str | None = None,
) -> BaseResponse:
    if asked.status != RequestStatus.OPEN:
        return _elsewhere(asked)
    response = _page(
        asked, form, "member/_send_code.html", status=status, notice=notice, problem=problem
    )
    if status == 429:
        response.headers["Retry-After"] = str(_wait_seconds(asked, clock.now()) or 60)
    return htmx.into(response, "#entering", swap="outerHTML")


def _page(
    asked: RequestView,
    form: CodeForm,
    fragment: str,
    *,
    status: int = 200,
    waited: bool = False,
    notice: str | None = None,
    problem: str | None = None,
) -> Response:
    program = programs.find(db.session(), asked.program_id)
    return rendering.page(
        "member/send_code.html",
        fragment,
        status=status,
        form=form,
        program=program,
        request_id=asked.id,
        amount=points(asked.points, program),
        recipient=asked.recipient.display,
        destination=asked.destination,
        wait_seconds=_wait_seconds(asked, clock.now()),
        waited=waited,
        notice=notice,
        problem=problem,
        again_href=url_for("member.resend_transfer_code", request_id=asked.id),
        wait_href=url_for("member.wait_for_transfer_code", request_id=asked.id),
    )


def _wait_seconds(asked: RequestView, at: datetime) -> int:
    if asked.resend_at is None:
        return 0
    return max(0, ceil((asked.resend_at - at).total_seconds()))
