"""The application, put together from its parts in the order they need."""

import hmac
from pathlib import Path

from flask import Flask, request
from werkzeug.exceptions import BadRequest
from werkzeug.middleware.proxy_fix import ProxyFix

from portal.config import Settings
from portal.outbox import Cipher
from portal.web import (
    api,
    auth,
    dev,
    errors,
    formatting,
    headers,
    health,
    htmx,
    locale,
    logs,
    member,
    policy,
    rendering,
    statics,
)
from portal.web.extensions import csrf, database_config, db, limiter

BODY_BYTES_MAX = 1024 * 1024
FORM_PARTS_MAX = 200
ADDRESS_LIMIT = "600 per minute"
"""Requests of one address; a shop's tills may share one, and the endpoint is exempt."""


def assemble(settings: Settings, *, root: Path) -> Flask:
    """Wire everything to a new Flask application.

    Args:
        root: where ``templates``, ``static`` and ``migrations`` stand.
    """
    app = Flask(
        "portal",
        root_path=str(root / "portal"),
        template_folder=str(root / "templates"),
        static_folder=str(root / "static"),
        static_url_path="/static",
        instance_path=str(root / "instance"),
    )
    _configure(app, settings)
    logs.configure(development=settings.development, level=settings.log_level)
    if settings.proxy_hops:
        hops = settings.proxy_hops
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops
        )

    # The first registered answers last: headers see what all others did.
    statics.init_app(app, production=not settings.development)
    headers.init_app(app, production=not settings.development)
    logs.init_app(app)
    db.init_app(app)
    htmx.init_app(app)
    auth.init_app(app)
    health.init_app(app)
    limiter.init_app(app)
    csrf.init_app(app)
    locale.init_app(app)
    rendering.init_app(app)
    formatting.init_app(app)
    errors.init_app(app)
    app.before_request(_refuse_nul)
    policy.init_app(app)

    app.extensions["portal_cipher"] = Cipher(settings.pepper)
    member.register(app)
    api.register(app)
    if settings.development:
        dev.register(app)
    return app


def _refuse_nul() -> None:
    # No name, address or id holds one, and PostgreSQL cannot even look for it.
    said = [request.path, *request.args.values()]
    if request.mimetype in ("application/x-www-form-urlencoded", "multipart/form-data"):
        said += request.form.values()
    if any("\0" in text for text in said):
        raise BadRequest()


def _configure(app: Flask, settings: Settings) -> None:
    secure = not settings.development
    app.config.update(
        PORTAL=settings,
        # A key of its own: what is signed in a cookie says nothing about codes.
        SECRET_KEY=hmac.digest(settings.pepper, b"portal/web/cookies/1", "sha256"),
        MAX_CONTENT_LENGTH=BODY_BYTES_MAX,
        MAX_FORM_MEMORY_SIZE=BODY_BYTES_MAX,
        MAX_FORM_PARTS=FORM_PARTS_MAX,
        # Flask's own signed cookie holds the forms' token and what to say next.
        SESSION_COOKIE_NAME="__Host-form" if secure else "form",
        SESSION_COOKIE_SECURE=secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
        WTF_CSRF_TIME_LIMIT=None,
        RATELIMIT_STORAGE_URI=settings.limits_url,
        RATELIMIT_DEFAULT=ADDRESS_LIMIT,
        RATELIMIT_HEADERS_ENABLED=False,
        RATELIMIT_SWALLOW_ERRORS=True,
        **database_config(
            settings.database_url,
            pool_size=settings.database_pool_size,
            hide_parameters=secure,
        ),
    )
