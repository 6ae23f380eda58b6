"""The code of a sign-in or a joining: type it, or ask for another one."""

from math import ceil

from flask import Response, flash, request, session, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as BaseResponse

from portal import clock, orm, programs
from portal.access import SignInExpired
from portal.access import sign_in as entry
from portal.codes import CodeMalformed, CodeRefused, TriesUsedUp, WrongCode
from portal.errors import TooMany
from portal.programs import Program
from portal.web import auth, htmx, rendering
from portal.web.extensions import db, limiter
from portal.web.locale import gettext as _
from portal.web.locale import ngettext
from portal.web.member import messages
from portal.web.member.blueprint import blueprint
from portal.web.member.forms import CodeForm
from portal.web.member.sign_in import NEXT, PENDING_COOKIE, let_in, wait_sentence
from portal.web.member.welcome import HOME, only_program
from portal.web.policy import allow, anyone
from portal.web.settings import cipher, pepper

TRIED_PER_ADDRESS = "60 per minute"


@blueprint.get("/sign-in/code")
@allow(anyone)
def code() -> BaseResponse:
    """Ask for the code that was sent."""
    try:
        return _ask(CodeForm(formdata=None))
    except SignInExpired:
        return _start_again()


@blueprint.post("/sign-in/code")
@allow(anyone)
@limiter.limit(TRIED_PER_ADDRESS)
def confirm() -> BaseResponse:
    """Let in whoever gives the right code."""
    form, at = CodeForm(), clock.now()
    unit = db.session()
    try:
        if not form.validate():
            return _ask(form, status=422)
        # Two units: a try stays counted whatever comes after it.
        with orm.recording(unit):
            attempt = entry.look(
                unit, token=_token(), code=form.code.data or "", at=at, pepper=pepper()
            )
        with orm.writing(unit):
            welcome = entry.accept(
                unit,
                attempt,
                at=at,
                user_agent=request.user_agent.string or None,
                address=request.remote_addr,
            )
    except SignInExpired:
        return _start_again()
    except (CodeMalformed, CodeRefused) as error:
        form.code.errors = [refusal(error)]
        return _ask(form, status=422)
    chosen = (attempt.pending.join or {}).get("program")
    wanted = let_in(welcome, at=at)
    if attempt.purpose == "join":
        program = programs.find(unit, chosen)
        if welcome.joined:
            flash(_("Welcome to %(program)s!", program=program.name), "success")
        else:
            flash(_("You are a member of %(program)s already.", program=program.name), "info")
    return htmx.go(wanted)


@blueprint.post("/sign-in/code/again")
@allow(anyone)
@limiter.limit(TRIED_PER_ADDRESS)
def send_again() -> BaseResponse:
    """Send a new code, which replaces the one before."""
    form, at = CodeForm(formdata=None), clock.now()
    unit = db.session()
    try:
        pending = entry.pending(unit, token=_token(), at=at)
        words = messages.join if pending.purpose == "join" else messages.sign_in
        with orm.writing(unit):
            entry.resend(
                unit, token=_token(), at=at, pepper=pepper(), cipher=cipher(), wording=words
            )
    except SignInExpired:
        return _start_again()
    except TooMany as error:
        return _ask(form, status=429, notice=wait_sentence(error))
    return _ask(form, notice=_("We sent you a new code. The one before no longer works."))


@blueprint.get("/sign-in/code/wait")
@allow(anyone)
def wait() -> BaseResponse:
    """The part of the page that says how long to wait for another code."""
    try:
        pending = entry.pending(db.session(), token=_token(), at=clock.now())
    except SignInExpired:
        return _start_again()
    return rendering.page(
        "member/code.html",
        "member/_code_again.html",
        form=CodeForm(formdata=None),
        pending=pending,
        wait_seconds=_wait_seconds(pending),
        waited=True,
    )


def _ask(form: CodeForm, *, status: int = 200, notice: str | None = None) -> Response:
    pending = entry.pending(db.session(), token=_token(), at=clock.now())
    response = rendering.page(
        "member/code.html",
        "member/_code.html",
        status=status,
        form=form,
        pending=pending,
        wait_seconds=_wait_seconds(pending),
        notice=notice,
        program=_program(pending),
    )
    if status == 429:
        response.headers["Retry-After"] = str(_wait_seconds(pending) or 60)
    return htmx.into(response, "#entering", swap="outerHTML")


def _program(pending: entry.Pending) -> Program | None:
    chosen = (pending.join or {}).get("program")
    return programs.find(db.session(), chosen) if chosen else only_program()


def _wait_seconds(pending: entry.Pending) -> int:
    if pending.resend_at is None:
        return 0
    return max(0, ceil((pending.resend_at - clock.now()).total_seconds()))


def _token() -> str:
    token = auth.read_cookie(PENDING_COOKIE)
    if token is None:
        raise SignInExpired()
    return token


def _start_again() -> BaseResponse:
    # A second click on "Continue": the first one has let them in already.
    if current_user.is_authenticated:
        return htmx.go(HOME)
    auth.take_cookie(PENDING_COOKIE)
    flash(_("That took too long. Please start again."), "warning")
    return htmx.go(url_for("member.sign_in", next=session.get(NEXT)))


def refusal(error: CodeMalformed | CodeRefused) -> str:
    """Why a code was not taken, and what to do, in words."""
    match error:
        case CodeMalformed():
            return _("A code is six digits. Please check it and type it again.")
        case WrongCode():
            left = int(error.facts.get("tries_left") or 0)
            if left < 1:
                return _("That was tried too often. Please ask for a new code.")
            # Counted alike for whoever is known and whoever is not: it tells nothing.
            return ngettext(
                "That is not the code we sent. You can try once more.",
                "That is not the code we sent. You can try %(num)d more times.",
                left,
            )
        case TriesUsedUp():
            return _("That was tried too often. Please ask for a new code.")
        case _:
            return _("That code is no longer valid. Please ask for a new one.")
