"""The members' pages."""

from importlib import import_module
from importlib.util import find_spec

from flask import Flask

from portal.web.member.blueprint import blueprint


def register(app: Flask) -> None:
    """Add the members' pages to the application."""
    for name in ("welcome", "sign_in", "join", "devices", "home", "history", "account"):
        if find_spec(f"portal.web.member.{name}"):
            import_module(f"portal.web.member.{name}")
    app.register_blueprint(blueprint)
