"""All that the portal knows of htmx: what it asks for, and what it is told.

htmx-flask reads the request's headers. Its own ``make_response`` is not used:
the ``reswap`` check refuses two of htmx's values, and nothing adds ``Vary``.
"""

from flask import Flask, Response, make_response, redirect
from htmx_flask import Htmx
from htmx_flask import request as htmx_request
from werkzeug.wrappers import Response as BaseResponse


def init_app(app: Flask) -> None:
    """Let requests know whether htmx sent them, and caches that this matters."""
    Htmx(app)
    app.after_request(_vary)


def sent_by_htmx() -> bool:
    """Whether htmx sent this request, for whatever part of the page."""
    return bool(htmx_request.htmx)


def wants_fragment() -> bool:
    """Whether a fragment is the answer: htmx asks, for a part, and not to restore its history."""
    asked = htmx_request.htmx
    return bool(asked) and not asked.boosted and not asked.history_restore_request


def go(location: str) -> BaseResponse:
    """Send the browser to another page after a form was done; htmx follows at once."""
    if not wants_fragment():
        return redirect(location, 303)
    response = make_response("", 204)
    response.headers["HX-Redirect"] = location
    return response


def at_address(response: Response | str, location: str) -> Response:
    """Show ``location`` in the address bar of whoever gets this fragment."""
    answer = make_response(response)
    if wants_fragment():
        answer.headers["HX-Push-Url"] = location
    return answer


def into(response: Response, target: str, *, swap: str = "innerHTML") -> Response:
    """Put this fragment into ``target`` (a CSS selector), wherever it was asked for."""
    if wants_fragment():
        response.headers["HX-Retarget"] = target
        response.headers["HX-Reswap"] = swap
    return response


def _vary(response: Response) -> Response:
    if response.mimetype == "text/html":
        response.vary.add("HX-Request")
    return response
