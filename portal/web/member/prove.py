"""A new code for someone who is signed in, before what only they may do.

A view that spends is declared with :func:`fresh`. Where the member was away for
too long, a code is asked for first and they come back to where they were; a
form that they sent is not sent again for them, but what they typed stands in it.
"""

import base64
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import wraps
from math import ceil
from typing import Any, ParamSpec
from urllib.parse import urlsplit

from flask import Response, request, session, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as BaseResponse

from portal import clock, codes, orm
from portal.access import NoDestination, proof
from portal.codes import CodeMalformed, CodeRefused
from portal.errors import TooMany
from portal.outbox.cipher import Unreadable
from portal.web import auth, htmx, paths, rendering
from portal.web.extensions import db, limiter
from portal.web.locale import gettext as _
from portal.web.member import messages
from portal.web.member.blueprint import blueprint
from portal.web.member.code import TRIED_PER_ADDRESS, refusal
from portal.web.member.forms import CodeForm
from portal.web.member.sign_in import wait_sentence
from portal.web.member.welcome import HOME, only_program
from portal.web.policy import allow, member
from portal.web.settings import cipher, pepper

_KEPT = "typed"
_KEPT_FOR = timedelta(minutes=15)
_KEPT_LENGTH_MAX = 2400
"""A cookie holds four thousand characters, and this grows by a third when it is written."""
_NOT_KEPT = frozenset({"csrf_token", "operation", "code"})
_STATE = "prove"

_P = ParamSpec("_P")


def fresh(view: Callable[_P, Any]) -> Callable[_P, Any]:
    """Let only members through whose session is fresh; ask the others for a code.

    It stands under ``allow``: who may is asked first.
    """

    @wraps(view)
    def asked(*args: _P.args, **kwargs: _P.kwargs) -> Any:
        return ask() if needed() else view(*args, **kwargs)

    return asked


def needed() -> bool:
    """Whether the member must show that it is them before they may spend."""
    return not auth.member().identity.fresh


def ask(back: str | None = None) -> BaseResponse:
    """Send the member to type a code, and to ``back`` after it.

    Args:
        back: a path of ours; by default the page they look at, or the page of
            the form that they sent, which :func:`typed` then fills in.
    """
    here = request.full_path.rstrip("?") if request.method == "GET" else None
    wanted = paths.local(back or here) or _page_before() or HOME
    session[_STATE] = _state() | {"next": wanted, "leave": HOME if wanted == here else wanted}
    if request.method == "POST":
        _keep(urlsplit(wanted).path)
        # Where it cannot be sent, the page offers to send it, and says why not.
        with suppress(NoDestination, TooMany):
            _send(clock.now())
    return htmx.go(url_for("member.prove"))


def typed() -> "MultiDict[str, str] | None":
    """What was typed into this page's form before a code was asked for; once."""
    sealed = auth.read_cookie(_KEPT)
    if sealed is None:
        return None
    try:
        plain = cipher().open(base64.urlsafe_b64decode(sealed), name=_name())
        kept = json.loads(plain)
    except (Unreadable, ValueError):
        auth.take_cookie(_KEPT)
        return None
    if kept["path"] != request.path:
        return None
    auth.take_cookie(_KEPT)
    return MultiDict([(name, value) for name, value in kept["fields"]])


@blueprint.get("/prove")
@allow(member)
def prove() -> BaseResponse:
    """Ask for the code; before one was sent, offer to send it."""
    if not needed():
        return htmx.go(_done())
    return _page(CodeForm(formdata=None))


@blueprint.post("/prove")
@allow(member)
@limiter.limit(TRIED_PER_ADDRESS)
def confirm_proof() -> BaseResponse:
    """Let on whoever gives the right code."""
    # A second click on "Continue": the first one has let them on already.
    if not needed():
        return htmx.go(_done())
    form, at = CodeForm(), clock.now()
    identity = auth.member().identity
    unit = db.session()
    try:
        if not form.validate():
            return _page(form, status=422)
        # Two units: a try stays counted whatever comes after it.
        with orm.recording(unit):
            look = proof.look(
                unit, identity=identity, code=form.code.data or "", at=at, pepper=pepper()
            )
        with orm.writing(unit):
            proof.accept(unit, look, identity=identity, at=at)
    except (CodeMalformed, CodeRefused) as error:
        form.code.errors = [refusal(error)]
        return _page(form, status=422)
    return htmx.go(_done())


@blueprint.post("/prove/send")
@allow(member)
@limiter.limit(TRIED_PER_ADDRESS)
def send_proof() -> BaseResponse:
    """Send a code, or a new one that replaces the one before."""
    if not needed():
        return htmx.go(_done())
    form, again = CodeForm(formdata=None), _shown(clock.now())["sent"]
    try:
        _send(clock.now())
    except NoDestination:
        return _page(form, status=422, nowhere=True)
    except TooMany as error:
        return _page(form, status=429, notice=wait_sentence(error))
    if not again:
        return _page(form)
    return _page(form, notice=_("We sent you a new code. The one before no longer works."))


@blueprint.get("/prove/wait")
@allow(member)
def wait_for_proof() -> BaseResponse:
    """The part of the page that says how long to wait for another code."""
    if not needed():
        return htmx.go(_done())
    return rendering.page(
        "member/prove.html", "member/_code_again.html", waited=True, **_shown(clock.now())
    )


def _send(at: datetime) -> None:
    with orm.writing(db.session()) as unit:
        asked = proof.begin(
            unit,
            identity=auth.member().identity,
            at=at,
            pepper=pepper(),
            cipher=cipher(),
            wording=messages.prove,
        )
    session[_STATE] = _state() | {"to": asked.destination}


def _page(
    form: CodeForm, *, status: int = 200, notice: str | None = None, nowhere: bool = False
) -> Response:
    shown = _shown(clock.now()) | {"form": form, "notice": notice, "nowhere": nowhere}
    response = rendering.page("member/prove.html", "member/_prove.html", status=status, **shown)
    if status == 429:
        response.headers["Retry-After"] = str(shown["wait_seconds"] or 60)
    return htmx.into(response, "#entering", swap="outerHTML")


def _shown(at: datetime) -> dict[str, Any]:
    resend_at = codes.resend_at(
        db.session(), purpose=proof.PURPOSE, subject=auth.member().session_id
    )
    live = resend_at is not None and at < resend_at - codes.RESEND_AFTER + codes.LIFETIME
    return {
        "form": CodeForm(formdata=None),
        "sent": live,
        "destination": _state().get("to"),
        "leave": _state().get("leave", HOME),
        "wait_seconds": max(0, ceil((resend_at - at).total_seconds())) if resend_at else 0,
        "again_href": url_for("member.send_proof"),
        "wait_href": url_for("member.wait_for_proof"),
        "program": only_program(),
    }


def _done() -> str:
    """Where they were, which is forgotten with this."""
    return paths.local(session.pop(_STATE, {}).get("next")) or HOME


def _state() -> dict[str, str]:
    return dict(session.get(_STATE) or {})


def _page_before() -> str | None:
    """The page whose form was sent, as the browser says."""
    shown = urlsplit(request.headers.get("HX-Current-URL") or request.referrer or "")
    if shown.netloc != request.host:
        return None
    return paths.local(f"{shown.path}?{shown.query}" if shown.query else shown.path)


def _keep(path: str) -> None:
    # In a cookie that only we can read, and not in the address: what is typed
    # here may be somebody's phone number.
    fields = [
        (name, value)
        for name, value in request.form.items(multi=True)
        if name not in _NOT_KEPT and value
    ]
    plain = json.dumps({"path": path, "fields": fields}).encode()
    if fields and len(plain) <= _KEPT_LENGTH_MAX:
        sealed = cipher().seal(plain, name=_name())
        auth.give_cookie(_KEPT, base64.urlsafe_b64encode(sealed).decode(), lasts=_KEPT_FOR)


def _name() -> str:
    return f"typed:{auth.member().session_id}"
