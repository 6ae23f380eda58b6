"""What only a developer's machine has: the messages that were sent, to be read."""

from flask import Blueprint, Flask, Response, jsonify

from portal import outbox
from portal.config import Settings
from portal.errors import Misuse
from portal.web import rendering
from portal.web.extensions import db
from portal.web.policy import allow, anyone
from portal.web.settings import cipher

blueprint = Blueprint("dev", __name__, url_prefix="/dev")


def register(app: Flask) -> None:
    """Add the pages.

    Raises:
        Misuse: this is not a developer's machine.
    """
    settings: Settings = app.config["PORTAL"]
    if not settings.development:
        raise Misuse("messages are shown in development only")
    app.register_blueprint(blueprint)


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
