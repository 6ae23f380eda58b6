"""Who may call which route. A route that does not say so answers nobody.

A view declares it with :func:`allow`; one hook before every request enforces
it, and a test walks the URL map with everyone else. The endpoint's routes carry
``scopes`` and check their key themselves, in one place, and never read a cookie.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from flask import Flask, current_app, g, request
from flask.views import View

from portal.errors import Forbidden, Misuse
from portal.web import auth

_Callable = TypeVar("_Callable", bound=Callable[..., Any])


class Audience(StrEnum):
    """Whom a route is for."""

    ANYONE = "anyone"
    MEMBER = "member"
    STAFF = "staff"
    KEY = "key"


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may call a route; ``scopes`` are those of a key, any one of which lets it in."""

    audience: Audience
    scopes: tuple[str, ...] = ()


anyone = Policy(Audience.ANYONE)
"""The whole world, signed in or not."""
member = Policy(Audience.MEMBER)
"""A member with an open session, who sees only what is theirs."""
staff = Policy(Audience.STAFF)
"""Somebody who works for the program."""


def key(*scopes: str) -> Policy:
    """A key of checkout with any one of ``scopes``."""
    return Policy(Audience.KEY, scopes)


def allow(policy: Policy) -> Callable[[_Callable], _Callable]:
    """Declare who may call the view that follows."""

    def declare(view: _Callable) -> _Callable:
        view.policy = policy  # type: ignore[attr-defined]
        return view

    return declare


def policy_of(view: Callable[..., Any]) -> Policy | None:
    """What was declared for ``view``, None if nothing was."""
    declared = getattr(view, "policy", None)
    if declared is None:
        view_class = getattr(view, "view_class", None)
        if isinstance(view_class, type) and issubclass(view_class, View):
            declared = getattr(view_class, "policy", None)
    if declared is None:
        scopes = getattr(view, "scopes", None)
        return key(*scopes) if scopes else None
    return declared if isinstance(declared, Policy) else None


def init_app(app: Flask) -> None:
    """Enforce the policies before every request."""
    allow(anyone)(app.view_functions["static"])
    app.before_request(enforce)


def enforce() -> None:
    """Refuse this request unless its route's policy lets it through.

    Raises:
        Unauthenticated: it is for members, and nobody is signed in.
        Forbidden: it is for others.
        Misuse: the route does not say who may call it.
    """
    if request.endpoint is None:
        return
    policy = policy_of(current_app.view_functions[request.endpoint])
    if policy is None:
        raise Misuse(f"{request.endpoint} does not declare who may call it")
    match policy.audience:
        case Audience.ANYONE | Audience.KEY:
            return
        case Audience.MEMBER:
            auth.require_member()
            g.personal = True
        case Audience.STAFF:
            raise Forbidden()
