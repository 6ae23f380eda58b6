"""What only a developer's machine has: messages to read, and no worker needed to send them."""

import atexit
from typing import cast

from flask import Blueprint, Flask, Response, current_app, jsonify
from sqlalchemy.orm import Session

from portal import clock, outbox
from portal.config import Settings
from portal.errors import Misuse
from portal.outbox import BackgroundDelivery
from portal.web import rendering
from portal.web.extensions import db
from portal.web.policy import allow, anyone
from portal.web.settings import cipher

STOP_SECONDS = 2.0
"""How long the end of the process waits for a message that is being sent."""

blueprint = Blueprint("dev", __name__, url_prefix="/dev")


def register(app: Flask) -> None:
    """Add the pages, and deliver in this process from its first request on.

    Raises:
        Misuse: this is not a developer's machine.
    """
    settings: Settings = app.config["PORTAL"]
    if not settings.development:
        raise Misuse("messages are shown in development only")
    app.register_blueprint(blueprint)
    with app.app_context():
        engine = db.engine
    started = app.extensions["portal_delivery"] = BackgroundDelivery(
        lambda: Session(engine, expire_on_commit=False),
        senders=outbox.senders_for(settings),
        cipher=app.extensions["portal_cipher"],
        now=clock.now,
    )
    # Not before: a server forks its workers after it made the application, and
    # a thread does not survive that.
    app.before_request(started.start)
    atexit.register(started.stop, STOP_SECONDS)


def delivery() -> BackgroundDelivery:
    """What delivers in this process."""
    return cast(BackgroundDelivery, current_app.extensions["portal_delivery"])


@blueprint.get("/messages")
@allow(anyone)
def messages() -> Response:
    """What was sent, newest first."""
    return rendering.page("dev/messages.html", messages=_sent())


@blueprint.get("/messages.json")
@allow(anyone)
def messages_json() -> Response:
    """The same for programs."""
    return jsonify(
        data=[
            {
                "to": message.to,
                "channel": message.channel,
                "subject": message.subject,
                "body": message.body,
                "sent_at": message.sent_at.isoformat().replace("+00:00", "Z"),
            }
            for message in _sent()
        ]
    )


def _sent() -> tuple[outbox.SentMessage, ...]:
    return outbox.development_messages(db.session(), cipher=cipher())
