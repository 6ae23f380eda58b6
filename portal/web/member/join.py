"""Joining a program: name, phone or e-mail, terms, and then the code."""

from flask import Response, url_for
from flask_babel import get_locale
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from portal import clock, orm, programs
from portal.access import join as joining
from portal.errors import InvalidInput, NotFound, TooMany
from portal.programs import Program
from portal.web import htmx, operations, rendering
from portal.web.extensions import db, limiter
from portal.web.locale import gettext as _
from portal.web.member import messages
from portal.web.member.blueprint import blueprint
from portal.web.member.forms import JoinForm, address, name_channels, reachable, show_errors
from portal.web.member.sign_in import ASKED_PER_ADDRESS, wait_for_code, wait_sentence
from portal.web.policy import allow, anyone
from portal.web.settings import cipher, pepper, settings


@blueprint.get("/join")
@allow(anyone)
def choose_program_to_join() -> BaseResponse:
    """What there is to join; straight to the form where it is one."""
    joinable = [one for one in programs.find_all(db.session()) if one.self_enrol]
    if len(joinable) == 1:
        return htmx.go(url_for("member.join", program_id=joinable[0].id))
    return rendering.page("member/join_choice.html", joinable=joinable)


@blueprint.get("/join/<program_id>")
@allow(anyone)
def join(program_id: str) -> BaseResponse:
    """Ask for what joining needs."""
    return _ask(JoinForm(formdata=None), _joinable(program_id))


@blueprint.post("/join/<program_id>")
@allow(anyone)
@limiter.limit(ASKED_PER_ADDRESS)
def begin_to_join(program_id: str) -> BaseResponse:
    """Send a code; what was typed waits for it, and nobody is a member before."""
    program, form = _joinable(program_id), JoinForm()
    if program.terms_url and not form.terms.data:
        form.validate()
        form.terms.errors = [_("Accept the terms to join.")]
        return _ask(form, program, status=422)
    if not form.validate():
        return _ask(form, program, status=422)
    at = clock.now()
    kind, value = address(form.identifier.data or "")
    if not reachable(form, kind):
        return _ask(form, program, status=422)

    def begin(session: Session) -> str:
        begun = joining.begin(
            session,
            program_id=program.id,
            first_name=form.first_name.data,
            last_name=form.last_name.data,
            identifier_type=kind,
            identifier_value=value,
            terms_accepted=bool(form.terms.data),
            at=at,
            pepper=pepper(),
            cipher=cipher(),
            region=settings().phone_region,
            language=str(get_locale() or "en").replace("_", "-"),
            wording=messages.join,
        )
        return begun.token

    try:
        with orm.writing(db.session()) as unit:
            done = operations.once(
                unit,
                begin,
                operation=form.operation.data or "",
                who="nobody",
                content={
                    "join": program.id,
                    "as": value,
                    "first name": form.first_name.data or "",
                    "last name": form.last_name.data or "",
                },
                at=at,
                may_change=True,
            )
    except InvalidInput as error:
        show_errors(form, error, names={kind: "identifier"})
        return _ask(form, program, status=422)
    except TooMany as error:
        form.form_errors.append(wait_sentence(error))
        return _ask(form, program, status=429)
    return wait_for_code(done.result)


def _joinable(program_id: str) -> Program:
    program = programs.find(db.session(), program_id)
    if not program.self_enrol:
        raise NotFound()
    return program


def _ask(form: JoinForm, program: Program, *, status: int = 200) -> Response:
    form.operation.data = operations.new_id()
    name_channels(form)
    response = rendering.page(
        "member/join.html", "member/_join.html", status=status, form=form, program=program
    )
    return htmx.into(response, "#entering", swap="outerHTML") if status != 200 else response
