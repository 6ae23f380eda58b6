"""How the pages look: a program's colours, and the member's choice of light or dark."""

from datetime import timedelta
from urllib.parse import urlsplit

from flask import Response, make_response, request
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from portal import programs
from portal.programs.errors import ProgramNotFound
from portal.web import htmx, policy, theme
from portal.web.auth import give_cookie, take_cookie
from portal.web.extensions import db
from portal.web.member.blueprint import blueprint

CHOICE_LASTS = timedelta(days=365)
VERSIONED_SECONDS = 365 * 24 * 3600
UNVERSIONED_SECONDS = 300


@blueprint.get("/theme/<program_id>.css")
@policy.allow(policy.anyone)
def theme_stylesheet(program_id: str) -> Response:
    """The colours of a program. Asked for with its version, the answer never changes."""
    try:
        program = programs.find(db.session(), program_id)
    except ProgramNotFound as error:
        raise NotFound() from error
    response = make_response(theme.stylesheet(program.theme.accent))
    response.mimetype = "text/css"
    if request.args.get("v") == str(program.version):
        kept = f"public, max-age={VERSIONED_SECONDS}, immutable"
    else:
        kept = f"public, max-age={UNVERSIONED_SECONDS}"
    response.headers["Cache-Control"] = kept
    return response


@blueprint.post("/theme")
@policy.allow(policy.anyone)
def choose_theme() -> BaseResponse:
    """Keep the choice of light or dark in a cookie; anything else follows the device."""
    choice = request.form.get("theme", "")
    if choice in ("light", "dark"):
        give_cookie("theme", choice, lasts=CHOICE_LASTS)
    else:
        take_cookie("theme")
    return htmx.go(_page_before())


def _page_before() -> str:
    # Only the path of our own page: never somebody else's address.
    came_from = urlsplit(request.referrer or "")
    if came_from.netloc != request.host or not came_from.path.startswith("/"):
        return "/"
    path = "/" + came_from.path.lstrip("/")
    return f"{path}?{came_from.query}" if came_from.query else path
