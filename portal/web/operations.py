"""Once, however often it is sent: double clicks, reloads and the back button.

A form carries an operation id that the server made (:func:`new_id`). Its view
does its work through :func:`once`: the first time it is done and its result
kept, in the same transaction; after that the result is given again.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from portal import ledger
from portal.errors import Conflict, InvalidInput
from portal.ledger.errors import AnswerForgotten, KeyReused
from portal.web.settings import cipher, pepper

_ID_BYTES = 16
_MARK_LENGTH = 16
_PURPOSE = b"portal/web/operation/1"


class UnknownOperation(InvalidInput):
    """The form did not come from here, or was altered."""

    code = "unknown_operation"
    sentence = "This page is out of date. Load it again and send it once more."


class AlreadySent(Conflict):
    """The form was sent before, saying something else."""

    code = "already_sent"
    sentence = "This was sent already. Load the page again to do something else."


@dataclass(frozen=True, slots=True)
class Done:
    """What an operation came to; ``repeated`` says that it was done before."""

    result: str
    repeated: bool


def new_id() -> str:
    """An operation id for a form, signed so that only we make them."""
    number = secrets.token_urlsafe(_ID_BYTES)
    return f"{number}.{_mark(number)}"


def once(
    session: Session,
    act: Callable[[Session], str],
    *,
    operation: str,
    who: str,
    content: Mapping[str, str],
    at: datetime,
    may_change: bool = False,
) -> Done:
    """Do ``act``, or give the result that it had when this form was sent before.

    To be the first thing in the writing transaction; ``act`` runs within it,
    so that the work and the memory of it are one.

    Args:
        act: does the work and returns what must be known of it afterwards, an
            address or an id. It is kept encrypted.
        operation: what the form carried.
        who: whose form it is, e.g. ``member:cus_…``; another's id does nothing.
        content: what the form says. The same id with other content is refused.
        may_change: whether someone may go back, change what the form says and
            send it again; then each content is an operation of its own.

    Raises:
        UnknownOperation: the id is not one of ours.
        AlreadySent: the form was sent before, saying something else, or long ago.
        RequestInFlight: the first one is still running after five seconds.
    """
    number, _, mark = operation.partition(".")
    if not number or not hmac.compare_digest(mark.encode(), _mark(number).encode()):
        raise UnknownOperation(field="operation")
    fingerprint = hashlib.sha256(json.dumps(dict(content), sort_keys=True).encode()).digest()
    key = f"{number}:{fingerprint.hex()}" if may_change else number
    try:
        claim = ledger.claim(session, client=f"web:{who}", key=key, fingerprint=fingerprint, at=at)
    except (KeyReused, AnswerForgotten) as error:
        raise AlreadySent() from error
    if claim.answer is not None:
        kept = cipher().open(claim.answer.body, name=claim.id)
        return Done(kept.decode(), repeated=True)
    result = act(session)
    ledger.finish(
        session,
        claim,
        status=200,
        content_type="application/octet-stream",
        body=cipher().seal(result.encode(), name=claim.id),
    )
    return Done(result, repeated=False)


def _mark(number: str) -> str:
    key = hmac.digest(pepper(), _PURPOSE, "sha256")
    return hmac.new(key, number.encode(), "sha256").hexdigest()[:_MARK_LENGTH]
