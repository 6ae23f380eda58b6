"""A member's own settings: who they are here, their devices, which program they look at."""

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from portal import clock, ledger, members, orm, programs
from portal.access import sessions
from portal.errors import NotFound
from portal.web import auth, htmx, paths, rendering
from portal.web.extensions import db
from portal.web.locale import gettext as _
from portal.web.locale import ngettext
from portal.web.member import holdings
from portal.web.member.blueprint import blueprint
from portal.web.member.devices import device_name
from portal.web.member.welcome import HOME
from portal.web.policy import allow, member


@blueprint.get("/account")
@allow(member)
def account() -> Response:
    """Who they are to us, and what they can change."""
    who = auth.member()
    session = db.session()
    chosen = holdings.choose()
    places = chosen.places if chosen else []
    held = {place.id for place in places}
    return rendering.page(
        "member/account.html",
        customer=members.customer(session, who.customer_id),
        program=chosen.program if chosen else None,
        places=places,
        joinable=[
            one for one in programs.find_all(session) if one.self_enrol and one.id not in held
        ],
    )


@blueprint.get("/account/sessions")
@allow(member)
def devices() -> Response:
    """Where they are signed in."""
    return _devices()


@blueprint.post("/account/sessions/<session_id>/end")
@allow(member)
def end_device(session_id: str) -> BaseResponse:
    """End one session; their own is a sign-out."""
    who = auth.member()
    with orm.writing(db.session()) as unit:
        sessions.end(unit, session_id=session_id, customer_id=who.customer_id, at=clock.now())
    if session_id == who.session_id:
        auth.signed_out()
        flash(_("You are signed out."), "success")
        return htmx.go(url_for("member.sign_in"))
    return _ended(_("That device is signed out."))


@blueprint.post("/account/sessions/end-others")
@allow(member)
def end_other_devices() -> BaseResponse:
    """End every session but this one."""
    who = auth.member()
    with orm.writing(db.session()) as unit:
        ended = sessions.end_all(
            unit,
            customer_id=who.customer_id,
            at=clock.now(),
            except_session_id=who.session_id,
        )
    return _ended(
        ngettext("%(num)d device is signed out.", "%(num)d devices are signed out.", ended)
    )


@blueprint.post("/program")
@allow(member)
def choose_program() -> BaseResponse:
    """Look at another of their programs.

    Raises:
        NotFound: they hold nothing in it.
    """
    who = auth.member()
    session = db.session()
    wanted = request.form.get("program", "")
    held = ledger.accounts_of(session, customer_id=who.customer_id)
    if wanted not in {one.program_id for one in held}:
        raise NotFound()
    with orm.writing(session):
        sessions.choose_program(session, session_id=who.session_id, program_id=wanted)
    # What a link to one program's page left in the browser would win over it.
    auth.take_cookie("program")
    return htmx.go(paths.local(request.form.get("next")) or HOME)


def _ended(sentence: str) -> BaseResponse:
    if htmx.wants_fragment():
        return _devices(sentence)
    flash(sentence, "success")
    return htmx.go(url_for("member.devices"))


def _devices(sentence: str | None = None) -> Response:
    who, at = auth.member(), clock.now()
    chosen = holdings.choose()
    found = sessions.list(db.session(), customer_id=who.customer_id, at=at)
    return rendering.page(
        "member/sessions.html",
        "member/_sessions.html",
        program=chosen.program if chosen else None,
        devices=[
            {
                "id": one.id,
                "name": device_name(one.user_agent),
                "address": one.address,
                "last_seen_at": one.last_seen_at,
                "created_at": one.created_at,
                "current": one.id == who.session_id,
            }
            for one in found
        ],
        at=at,
        sentence=sentence,
    )
