"""The members' pages."""

from flask import Flask

from portal.web.member import (
    account,
    appearance,
    code,
    freeze,
    history,
    history_csv,
    home,
    household_acts,
    households,
    join,
    prove,
    receive,
    send,
    send_code,
    sign_in,
    transfers,
    welcome,
)
from portal.web.member.blueprint import blueprint

__all__ = [
    "account",
    "appearance",
    "code",
    "freeze",
    "history",
    "history_csv",
    "home",
    "household_acts",
    "households",
    "join",
    "prove",
    "receive",
    "register",
    "send",
    "send_code",
    "sign_in",
    "transfers",
    "welcome",
]


def register(app: Flask) -> None:
    """Add the members' pages to the application; importing them has put them on the blueprint."""
    app.register_blueprint(blueprint)
