"""One view renders the page, or the fragment of it when htmx asks."""

from typing import Any

from flask import Flask, Response, make_response, render_template
from flask_babel import get_locale
from flask_login import current_user
from werkzeug.local import LocalProxy

from portal.web.htmx import wants_fragment


def page(
    template: str, fragment: str | None = None, *, status: int = 200, **context: Any
) -> Response:
    """Render ``template``, or ``fragment`` when htmx asks for a part of the page.

    Args:
        fragment: the template (its file starts with ``_``) of the part that
            htmx replaces; the page includes it. None: the page has no parts.
        status: of the answer, an HTTP status.
        context: what the template shows.
    """
    chosen = fragment if fragment is not None and wants_fragment() else template
    return make_response(render_template(chosen, **context), status)


def init_app(app: Flask) -> None:
    """Give every template what all of them may show."""
    app.context_processor(_common)
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True


def _common() -> dict[str, Any]:
    # Proxies: a page that shows nothing of the member asks the database nothing.
    return {
        "current_user": current_user,
        "language": LocalProxy(_language),
        "text_direction": LocalProxy(_direction),
    }


def _language() -> str:
    return str(get_locale() or "en").replace("_", "-")


def _direction() -> str:
    locale = get_locale()
    return str(locale.text_direction) if locale is not None else "ltr"
