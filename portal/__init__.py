"""A loyalty member portal. :func:`create_app` wires it together; nothing else is here."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from portal.config import Settings

ROOT = Path(__file__).resolve().parent.parent
"""The checkout: ``templates``, ``static`` and ``migrations`` stand in it."""


def create_app(settings: "Settings | None" = None) -> "Flask":
    """Make the web application.

    Args:
        settings: read from the environment when omitted.

    Raises:
        pydantic.ValidationError: a setting is missing, weak or not understood.
        DemonstrationPresent: in production, the database holds demonstration accounts.
    """
    # Imported here: the ledger, the commands and the worker do without the web.
    from portal import demo
    from portal.config import load_settings
    from portal.web.application import assemble
    from portal.web.extensions import db

    settings = settings or load_settings()
    app = assemble(settings, root=ROOT)
    with app.app_context():
        demo.refuse_in_production(db.session(), settings)
    return app
