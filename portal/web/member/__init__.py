"""The members' pages."""

from flask import Flask

from portal.web.member import (
    account,
    appearance,
    card,
    code,
    freeze,
    history,
    history_csv,
    home,
    household_acts,
    households,
    join,
    pictures,
    prove,
    receive,
    rewards,
    send,
    send_code,
    sign_in,
    transfers,
    vouchers,
    welcome,
)
from portal.web.member.blueprint import blueprint

__all__ = [
    "account",
    "appearance",
    "card",
    "code",
    "freeze",
    "history",
    "history_csv",
    "home",
    "household_acts",
    "households",
    "join",
    "pictures",
    "prove",
    "receive",
    "register",
    "rewards",
    "send",
    "send_code",
    "sign_in",
    "transfers",
    "vouchers",
    "welcome",
]


def register(app: Flask) -> None:
    """Add the members' pages to the application; importing them has put them on the blueprint."""
    app.register_blueprint(blueprint)
