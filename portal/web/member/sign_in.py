"""Sign-in: who are you, and then the code (:mod:`portal.web.member.code`)."""

from contextlib import suppress
from datetime import datetime

from flask import Response, flash, request, session, url_for
from flask_login import current_user
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from portal import clock, orm
from portal.access import SessionNotFound, entering, sessions
from portal.access import sign_in as entry
from portal.errors import InvalidInput, TooMany
from portal.web import auth, htmx, operations, paths, rendering
from portal.web.extensions import db, limiter
from portal.web.locale import gettext as _
from portal.web.member import messages
from portal.web.member.blueprint import blueprint
from portal.web.member.forms import SignInForm, address, name_channels, reachable, show_errors
from portal.web.member.welcome import HOME, only_program
from portal.web.policy import allow, anyone
from portal.web.settings import cipher, pepper, settings

PENDING_COOKIE = "sign-in"
NEXT = "next"
ASKED_PER_ADDRESS = "30 per minute"


@blueprint.get("/sign-in")
@allow(anyone)
def sign_in() -> BaseResponse:
    """Ask for the phone number or e-mail."""
    wanted = paths.local(request.args.get(NEXT))
    if current_user.is_authenticated:
        return htmx.go(wanted or HOME)
    session.pop(NEXT, None)
    if wanted:
        session[NEXT] = wanted
    return _ask(SignInForm(formdata=None))


@blueprint.post("/sign-in")
@allow(anyone)
@limiter.limit(ASKED_PER_ADDRESS)
def send_code() -> BaseResponse:
    """Send a code; the same answer whoever it is, and whether anyone is there at all."""
    form = SignInForm()
    if not form.validate():
        return _ask(form, status=422)
    at = clock.now()
    kind, value = address(form.identifier.data or "")
    if not reachable(form, kind):
        return _ask(form, status=422)

    def begin(session: Session) -> str:
        begun = entry.begin(
            session,
            identifier_type=kind,
            identifier_value=value,
            at=at,
            pepper=pepper(),
            cipher=cipher(),
            region=settings().phone_region,
            wording=messages.sign_in,
        )
        return begun.token

    try:
        with orm.writing(db.session()) as unit:
            done = operations.once(
                unit,
                begin,
                operation=form.operation.data or "",
                who="nobody",
                content={"sign in": value},
                at=at,
                may_change=True,
            )
    except InvalidInput as error:
        show_errors(form, error, names={kind: "identifier"})
        return _ask(form, status=422)
    except TooMany as error:
        form.form_errors.append(wait_sentence(error))
        return _ask(form, status=429)
    return wait_for_code(done.result)


def wait_for_code(token: str) -> BaseResponse:
    """Remember the sign-in under way in this browser, and go on to its code."""
    auth.give_cookie(PENDING_COOKIE, token, lasts=entering.LIFETIME)
    return htmx.go(url_for("member.code"))


def wait_sentence(error: TooMany) -> str:
    """How long to wait, in words."""
    return wait_words(int(error.facts.get("retry_after_seconds", 60)))


def wait_words(seconds: int) -> str:
    """``You can ask for a new code in 20 seconds.``"""
    if seconds <= 90:
        return _("A code was asked for a moment ago. Try again in %(n)s seconds.", n=seconds)
    return _("Codes were asked for too often. Try again in %(n)s minutes.", n=-(-seconds // 60))


def let_in(welcome: entry.Welcome, *, at: datetime) -> str:
    """Give the browser its new session; returns where to go.

    Whatever this browser was before is over: an earlier session is ended, and
    the token of its forms is made anew.
    """
    wanted = paths.local(session.get(NEXT))
    before = current_user
    if before.is_authenticated:
        _end(before, at)
    session.clear()
    auth.take_cookie(PENDING_COOKIE)
    auth.take_cookie("program")
    auth.signed_in(welcome.token, lasts=welcome.expires_at - at)
    return wanted or HOME


@blueprint.post("/sign-out")
@allow(anyone)
def sign_out() -> BaseResponse:
    """End this session, here and in the database."""
    who = current_user
    if who.is_authenticated:
        _end(who, clock.now())
    session.clear()
    auth.signed_out()
    flash(_("You are signed out."), "success")
    return htmx.go(url_for("member.sign_in"))


def _end(who: auth.Member, at: datetime) -> None:
    # Ended meanwhile, from another device: all the better.
    with suppress(SessionNotFound), orm.writing(db.session()) as unit:
        sessions.end(unit, session_id=who.session_id, customer_id=who.customer_id, at=at)


def _ask(form: SignInForm, *, status: int = 200) -> Response:
    form.operation.data = operations.new_id()
    name_channels(form)
    response = rendering.page(
        "member/sign_in.html",
        "member/_sign_in.html",
        status=status,
        form=form,
        program=only_program(),
    )
    return htmx.into(response, "#entering", swap="outerHTML") if status != 200 else response
