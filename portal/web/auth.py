"""Who is asking: a member with an open session, or nobody.

The session is ours: a random token in a cookie, its digest in the database,
ended by its owner or by time. Flask-Login only carries who it found; it keeps
nothing in its own cookies, and there is no "remember me".
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, cast

import structlog
from flask import Flask, Request, Response, current_app, g, request
from flask_login import current_user

from portal import clock, orm
from portal.access import MemberIdentity, sessions
from portal.config import Settings
from portal.errors import Busy, Unauthenticated
from portal.web.extensions import db, login_manager

_log = structlog.get_logger("portal.web")


@dataclass(frozen=True, slots=True)
class Member:
    """A member who is signed in, as this request sees them; for Flask-Login."""

    identity: MemberIdentity

    is_authenticated: ClassVar[bool] = True
    is_active: ClassVar[bool] = True
    is_anonymous: ClassVar[bool] = False

    def get_id(self) -> str:
        """Flask-Login's name for it."""
        return self.identity.customer_id

    @property
    def session_id(self) -> str:
        """The session that this request came with."""
        return self.identity.session_id

    @property
    def customer_id(self) -> str:
        """Whose it is."""
        return self.identity.customer_id

    @property
    def program_id(self) -> str | None:
        """The program whose pages they chose to see."""
        return self.identity.program_id

    @property
    def first_name(self) -> str | None:
        """What to call them."""
        return self.identity.first_name

    @property
    def language(self) -> str | None:
        """The language they chose."""
        return self.identity.language

    @property
    def actor(self) -> str:
        """Who did it, in the book."""
        return f"member:{self.identity.customer_id}"


class Nobody:
    """Whoever is not signed in."""

    is_authenticated = False
    is_active = False
    is_anonymous = True
    language: str | None = None

    def get_id(self) -> None:
        """Nobody has no id."""


def init_app(app: Flask) -> None:
    """Find out who is asking, when somebody wants to know."""
    login_manager.anonymous_user = Nobody
    login_manager.session_protection = None
    login_manager.request_loader(_load)
    # Its own init_app would add a "remember me" to every answer, and ask the
    # database who is there for every page; this is all that we want of it.
    app.login_manager = login_manager  # type: ignore[attr-defined]
    app.after_request(_write_cookies)


def cookie_name(name: str) -> str:
    """The name of a cookie; in production with the prefix that pins it to this host."""
    settings: Settings = current_app.config["PORTAL"]
    return name if settings.development else f"__Host-{name}"


def give_cookie(name: str, value: str, *, lasts: timedelta | None = None) -> None:
    """Set a cookie on the answer to this request; ``lasts`` None ends it with the browser."""
    g.setdefault("cookies", {})[name] = (value, lasts)


def take_cookie(name: str) -> None:
    """Delete a cookie with the answer to this request."""
    g.setdefault("cookies", {})[name] = ("", timedelta())


def read_cookie(name: str) -> str | None:
    """The value of one of our cookies."""
    return request.cookies.get(cookie_name(name)) or None


def member() -> Member:
    """The member who is signed in; only for routes of members."""
    return cast(Member, current_user._get_current_object())


def require_member() -> Member:
    """The member who is signed in.

    Raises:
        Unauthenticated: nobody is.
    """
    if not current_user.is_authenticated:
        raise Unauthenticated()
    return member()


def signed_in(token: str, *, lasts: timedelta) -> None:
    """Give the browser its session's token."""
    give_cookie("session", token, lasts=lasts)


def signed_out() -> None:
    """Take the session's token from the browser; this request is nobody's from here on."""
    take_cookie("session")
    g._login_user = Nobody()


def _load(request: Request) -> Member | None:
    # The endpoint never reads a cookie, whoever asks it.
    if request.path.startswith("/api/"):
        return None
    token = read_cookie("session")
    if token is None:
        return None
    at = clock.now()
    found = sessions.find(db.session(), token=token, at=at)
    if found is None:
        take_cookie("session")
        return None
    if found.touch_due:
        _touch(found.session_id, at)
    return Member(found)


def _touch(session_id: str, at: datetime) -> None:
    try:
        with orm.writing(db.session()) as session:
            sessions.touch(session, session_id=session_id, at=at)
    except Busy:
        # Looking at a page is worth more than the note; the next request makes it.
        _log.info("session.not_touched")


def _write_cookies(response: Response) -> Response:
    cookies: dict[str, tuple[str, timedelta | None]] = g.pop("cookies", {})
    settings: Settings = current_app.config["PORTAL"]
    for name, (value, lasts) in cookies.items():
        options: dict[str, Any] = {} if lasts is None else {"max_age": lasts}
        response.set_cookie(
            cookie_name(name),
            value,
            secure=not settings.development,
            httponly=True,
            samesite="Lax",
            path="/",
            **options,
        )
    return response
