"""The Flask extensions, made once and bound to an app by ``create_app``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import request
from flask_babel import Babel
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from sqlalchemy import Engine
from sqlalchemy.engine import make_url

from portal import orm
from portal.orm import Base

if TYPE_CHECKING:
    from flask import Flask


class Database(SQLAlchemy):
    """Flask-SQLAlchemy over our own tables, engines and transactions."""

    def _make_declarative_base(
        self,
        model_class: Any,
        disable_autonaming: bool = False,  # noqa: ARG002 - the library's
    ) -> Any:
        # Our tables are declared without Flask; the library would subclass their base.
        self.metadatas[None] = model_class.metadata
        return model_class

    def _make_engine(self, bind_key: str | None, options: dict[str, Any], app: "Flask") -> Engine:
        # Here, so that no engine is ever made without what orm promises.
        return orm.prepare_engine(super()._make_engine(bind_key, options, app))


class AddressLimiter(Limiter):
    """Limits by address, that cost the endpoint's calls nothing: they are exempt altogether."""

    def _check_request_limit(
        self, callable_name: str | None = None, in_middleware: bool = True
    ) -> None:
        if request.blueprint != "api":
            super()._check_request_limit(callable_name, in_middleware)


db = Database(
    model_class=Base,
    # What a view read stays readable after the commit; nothing is kept between requests.
    session_options={"expire_on_commit": False},
    disable_autonaming=True,
    add_models_to_shell=False,
)
csrf = CSRFProtect()
babel = Babel()
login_manager = LoginManager()
limiter = AddressLimiter(key_func=get_remote_address)
"""Coarse limits by address. The ones that matter are counted in the database."""


def database_config(url: str, *, pool_size: int, hide_parameters: bool) -> dict[str, Any]:
    """Flask-SQLAlchemy's settings for ``url``.

    Args:
        hide_parameters: keep values out of the texts of errors, and so of the logs.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:"):
        # A relative path means the folder the portal runs in, as it does for
        # the commands; Flask-SQLAlchemy would look inside instance/.
        parsed = parsed.set(database=str(Path(str(parsed.database)).resolve()))
    options = orm.engine_options(url, pool_size=pool_size)
    if "pool_size" in options:
        # Someone who waits longer for a connection than for a lock is told to try again.
        options.setdefault("pool_timeout", orm.LOCK_WAIT_SECONDS)
    return {
        "SQLALCHEMY_DATABASE_URI": parsed,
        "SQLALCHEMY_ENGINE_OPTIONS": options | {"hide_parameters": hide_parameters},
    }
