"""The one place where an error becomes an answer: a page, a fragment, or problem+json.

By path: everything under ``/api`` gets RFC 9457; the rest gets a page, or a
fragment when htmx asked. The tree of errors knows no HTTP; the table here does.
"""

from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from flask import Flask, Response, g, jsonify, redirect, request, url_for
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from portal.errors import Busy, InvalidInput, Kind, PortalError, Unauthenticated
from portal.web import htmx, paths, rendering
from portal.web.auth import Nobody
from portal.web.extensions import db
from portal.web.locale import gettext as _

STATUSES: Final = {
    Kind.INVALID: HTTPStatus.UNPROCESSABLE_ENTITY,
    Kind.REFUSED: HTTPStatus.UNPROCESSABLE_ENTITY,
    Kind.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Kind.CONFLICT: HTTPStatus.CONFLICT,
    Kind.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    Kind.FORBIDDEN: HTTPStatus.FORBIDDEN,
    Kind.TOO_MANY: HTTPStatus.TOO_MANY_REQUESTS,
    Kind.BUSY: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""What each kind of refusal is in HTTP."""

PROBLEM_TYPE: Final = "application/problem+json"
TRY_AGAIN_SECONDS = 2
_OWN_MEMBERS: Final = frozenset({"type", "title", "status", "detail", "code", "legacy_code"})
_KEPT_HEADERS = ("Allow", "Retry-After", "WWW-Authenticate")
_log = structlog.get_logger("portal.web")


def init_app(app: Flask) -> None:
    """Turn every error that reaches the app into an answer."""
    app.register_error_handler(PortalError, _refused)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(DBAPIError, _database)
    app.register_error_handler(PoolTimeout, _database)
    app.register_error_handler(Exception, _broken)


def status_of(error: PortalError) -> int:
    """The HTTP status of ``error``: its own where a face gave it one, else its kind's."""
    return int(getattr(error, "http_status", STATUSES[error.kind]))


def problem(error: PortalError) -> Response:
    """``error`` as RFC 9457, with its code, the fields at fault and the facts that help."""
    status = status_of(error)
    # A fact called "status" must not pass for the answer's own.
    content: dict[str, Any] = {
        f"current_{name}" if name in _OWN_MEMBERS else name: fact
        for name, fact in error.facts.items()
    }
    if isinstance(error, InvalidInput) and error.fields:
        content["errors"] = error.fields
    elif error.field:
        content["errors"] = {error.field: [error.detail]}
    response = _problem(
        status,
        title=error.sentence,
        detail=error.detail,
        code=error.code,
        legacy_code=error.legacy_code,
        **content,
    )
    if status in (429, 503) or "retry_after_seconds" in error.facts:
        seconds = error.facts.get("retry_after_seconds", TRY_AGAIN_SECONDS)
        response.headers["Retry-After"] = str(seconds)
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _problem(
    status: int, *, title: str, detail: str, code: str, legacy_code: int | None = None, **more: Any
) -> Response:
    content = {"type": f"/api/docs#{code}", "title": title, "status": status, "detail": detail}
    content["code"] = code
    if legacy_code is not None:
        content["legacy_code"] = legacy_code
    response = jsonify(
        content | {name: value for name, value in more.items() if name not in content}
    )
    response.status_code = status
    response.content_type = PROBLEM_TYPE
    return response


def _wants_problem() -> bool:
    return request.path == "/api" or request.path.startswith("/api/")


def _refused(error: PortalError) -> Response | BaseResponse:
    if _wants_problem():
        return problem(error)
    if isinstance(error, Unauthenticated) and request.path != "/metrics":
        return _to_sign_in()
    status = status_of(error)
    # A sentence of the services is in the catalogue of texts like any other.
    response = _page(status, _(error.detail))
    if "retry_after_seconds" in error.facts:
        response.headers["Retry-After"] = str(error.facts["retry_after_seconds"])
    return response


def _to_sign_in() -> BaseResponse:
    # Only what was being looked at can be gone back to; a form cannot be sent again.
    wanted = request.full_path.rstrip("?") if request.method in ("GET", "HEAD") else None
    if htmx.wants_fragment():
        response = Response(status=HTTPStatus.UNAUTHORIZED)
        shown = urlsplit(request.headers.get("HX-Current-URL", "")).path
        response.headers["HX-Redirect"] = url_for("member.sign_in", next=paths.local(shown))
        return response
    return redirect(url_for("member.sign_in", next=wanted), HTTPStatus.SEE_OTHER)


def _http(error: HTTPException) -> Response | BaseResponse:
    status = error.code or 500
    if status < 400:
        # A redirect of the router's own, to the path with its slash.
        return error.get_response()
    if isinstance(error, CSRFError):
        detail = _(
            "This page was open for too long. Go back, load it again, and send it once more."
        )
    else:
        detail = _explanation(status)
    if _wants_problem():
        phrase = HTTPStatus(status).phrase
        code = phrase.lower().replace(" ", "_").replace("-", "_")
        response = _problem(status, title=phrase, detail=error.description or phrase, code=code)
    else:
        response = _page(status, detail)
    for name, value in error.get_headers():
        if name in _KEPT_HEADERS:
            response.headers[name] = value
    if isinstance(status, int) and status == 429:
        response.headers.setdefault("Retry-After", "60")
    return response


def _database(error: DBAPIError | PoolTimeout) -> Response | BaseResponse:
    """The database cannot be reached or is too busy: said as such, never shown as zero points."""
    _forget_member()
    gone = isinstance(error, PoolTimeout | OperationalError | InterfaceError)
    if not gone and not (isinstance(error, DBAPIError) and error.connection_invalidated):
        return _broken(error)
    reason = str(error.orig if isinstance(error, DBAPIError) else error).partition("\n")[0]
    _log.error("database.unavailable", error=type(error).__name__, reason=reason)
    busy = Busy()
    if _wants_problem():
        return problem(busy)
    response = _page(
        503, _("We cannot reach our records just now. Your points are safe; try again in a moment.")
    )
    response.headers["Retry-After"] = str(TRY_AGAIN_SECONDS)
    return response


def _broken(error: Exception) -> Response | BaseResponse:
    _forget_member()
    _log.error("request.failed", error=type(error).__name__, exc_info=error)
    if _wants_problem():
        return _problem(
            500,
            title="Internal error",
            detail="Something went wrong on our side. Nothing was changed.",
            code="internal_error",
        )
    return _page(500, _explanation(500))


def _forget_member() -> None:
    # The page of the error must not ask the database again who is looking at it.
    g._login_user = Nobody()
    g.program = None
    db.session.remove()


def _page(status: int, detail: str) -> Response:
    if htmx.wants_fragment():
        response = rendering.page(
            "errors/error.html", "errors/_error.html", status=status, detail=detail
        )
        return htmx.into(response, "#problem")
    return rendering.page(
        "errors/error.html", status=status, http_status=status, title=_title(status), detail=detail
    )


def _title(status: int) -> str:
    match status:
        case 404:
            return _("This page does not exist")
        case 401 | 403:
            return _("You cannot see this page")
        case 429:
            return _("That was too often")
        case 503:
            return _("We will be back in a moment")
        case _ if status >= 500:
            return _("Something went wrong")
        case _:
            return _("This did not work")


def _explanation(status: int) -> str:
    match status:
        case 404:
            return _("The address may be mistyped, or the page may have moved.")
        case 405:
            return _("This page is not used that way. Go back and try again.")
        case 413:
            return _("What you sent is too large.")
        case 429:
            return _("You asked too often. Wait a minute and try again.")
        case 500:
            return _("It is our fault, and it has been noted. Nothing was changed.")
        case _:
            return _("The request was not understood. Go back and try again.")
