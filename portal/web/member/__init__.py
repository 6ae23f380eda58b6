"""The members' pages."""

from flask import Flask

from portal.web.member import (
    account,
    appearance,
    code,
    history,
    home,
    join,
    prove,
    sign_in,
    welcome,
)
from portal.web.member.blueprint import blueprint

__all__ = [
    "account",
    "appearance",
    "code",
    "history",
    "home",
    "join",
    "prove",
    "register",
    "sign_in",
    "welcome",
]


def register(app: Flask) -> None:
    """Add the members' pages to the application; importing them has put them on the blueprint."""
    app.register_blueprint(blueprint)
