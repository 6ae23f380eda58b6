"""The members' pages."""

from flask import Flask

from portal.web.member import (
    account,
    appearance,
    card,
    code,
    history,
    home,
    join,
    pictures,
    prove,
    rewards,
    sign_in,
    vouchers,
    welcome,
)
from portal.web.member.blueprint import blueprint

__all__ = [
    "account",
    "appearance",
    "card",
    "code",
    "history",
    "home",
    "join",
    "pictures",
    "prove",
    "register",
    "rewards",
    "sign_in",
    "vouchers",
    "welcome",
]


def register(app: Flask) -> None:
    """Add the members' pages to the application; importing them has put them on the blueprint."""
    app.register_blueprint(blueprint)
