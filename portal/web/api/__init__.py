"""The JSON endpoint for tills and web shops: ``/api/v1``, described at ``/api/docs``."""

from flask import Flask

from portal.web.api import describing, docs, views
from portal.web.api.endpoint import blueprint
from portal.web.extensions import csrf, limiter

__all__ = ["describing", "docs", "register", "views"]


def register(app: Flask) -> None:
    """Add the endpoint to ``app``.

    It reads no cookie, so no page can be made to call it with one; and the
    tills of a chain may share one address, so its calls are not counted by it.
    """
    csrf.exempt(blueprint)
    limiter.exempt(blueprint)
    app.register_blueprint(blueprint)
