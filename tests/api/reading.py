"""What people were sent, and people to send to."""

import json
import re
import uuid
from datetime import timedelta

from sqlalchemy import select

from portal import orm
from portal.codes.models import OneTimeCode
from portal.outbox.models import Message
from portal.web.extensions import db


def messages(app):
    """Every message that waits or was sent and can still be read, the newest first."""
    cipher = app.extensions["portal_cipher"]
    with app.app_context():
        rows = db.session.execute(
            select(Message.id, Message.content)
            .where(Message.content.is_not(None))
            .order_by(Message.created_at.desc(), Message.id.desc())
        ).all()
        db.session.remove()
    return [json.loads(cipher.open(row.content, name=row.id)) for row in rows]


def code_in(message):
    """The code that a message tells; None where it tells none."""
    found = re.search(r"\b\d{6}\b", message["body"])
    return found and found[0]


def last_code(app, to=None):
    """The code that was sent last, to anyone or to one destination."""
    for message in messages(app):
        if to in (None, message["to"]) and code_in(message):
            return code_in(message)
    raise AssertionError(f"no code was sent to {to}")


def wait_a_minute(app):
    """As if the codes so far had been sent a minute ago, so that the next one may go out."""
    with app.app_context(), orm.writing(db.session()) as session:
        for code in session.scalars(select(OneTimeCode)):
            code.created_at -= timedelta(minutes=1)


def enrolled(till, *, points=0, program=None, **person):
    """A member with so many points; known by an external id where nothing else is said."""
    if not {"mobile", "email", "card_number", "external_id"} & set(person):
        person["external_id"] = uuid.uuid4().hex
    body = {"customer": person, "value": points}
    return till.post("/accounts", body if program is None else {**body, "program": program})


def household_of(till, primary, *members, program=None, **more):
    """A household of these accounts' holders; gives it as the endpoint answers it."""
    body = {"name": "Dias family", "primary": {"account": primary["id"]}, **more}
    made = till.post("/households", body if program is None else {**body, "program": program})
    for one in members:
        made = till.post(f"/households/{made['id']}/members", {"account": one["id"]})
    return made
