"""Same key, same answer (QUALITY A.5): what surrounds every write of the endpoint.

The row of the request, the effect and the stored answer are one transaction.
A refusal undoes all of it, and is then stored in a unit of its own, so that
the same key is refused the same way. Failures of ours (5xx), refusals of the
caller (401, 403, 429) and requests that could not be read store nothing.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from flask import Response, request
from sqlalchemy.orm import Session

from portal import ledger, orm
from portal.access.keys import KeyIdentity
from portal.errors import Kind, PortalError
from portal.ledger import Claim, StoredAnswer
from portal.ledger.errors import AnswerForgotten, KeyReused, RequestInFlight
from portal.web import errors
from portal.web.api import wire
from portal.web.api.auth import authenticate, note_use, require_scope
from portal.web.api.errors import KeyInvalid, KeyMissing

if TYPE_CHECKING:
    from portal.web.api.endpoint import Answer

HEADER: Final = "Idempotency-Key"
KEY_LENGTH_MAX = 255
KEY_PATTERN: Final = "^[!-~]([ -~]*[!-~])?$"
"""Printable ASCII; HTTP itself takes the spaces around a header away."""
JSON_TYPE: Final = "application/json"

_KEY = re.compile(KEY_PATTERN)
_KEPT = frozenset({Kind.INVALID, Kind.REFUSED, Kind.NOT_FOUND, Kind.CONFLICT})
_OF_THE_KEY = (KeyReused, RequestInFlight, AnswerForgotten)


def read_key() -> str:
    """The key that the caller chose for this request.

    Raises:
        KeyMissing: none was sent.
        KeyInvalid: empty, longer than 255 characters, or not printable ASCII.
    """
    key = request.headers.get(HEADER)
    if key is None:
        raise KeyMissing()
    if len(key) > KEY_LENGTH_MAX or not _KEY.fullmatch(key):
        raise KeyInvalid()
    return key


def fingerprint(method: str, path: str, content: Any) -> bytes:
    """What a key stands for: method, path, and content whatever its spacing."""
    return hashlib.sha256(
        b"\n".join((method.encode(), path.encode(), wire.canonical(content)))
    ).digest()


def once(
    session: Session,
    *,
    key: str,
    fingerprint: bytes,
    scopes: Sequence[str],
    perform: "Callable[[KeyIdentity, str, Any], Answer]",
    at: datetime,
    ahead: Callable[[KeyIdentity], Any] | None = None,
) -> Response:
    """Do what was asked, or give the answer that it had.

    The caller's key is looked up in the writing transaction: one transaction
    less for each write.

    Args:
        perform: does it; takes the caller, the request's id, and what ``ahead`` gave.
        ahead: what to do and keep before, whatever becomes of the rest; not
            done again for a key that has its answer.

    Raises:
        PortalError: refusals that are not stored.
        Misuse, Busy and all that is no refusal: nothing was done or stored.
    """
    caller: KeyIdentity | None = None
    gave: Any = None
    try:
        if ahead is not None:
            caller = authenticate(session, at=at)
            require_scope(caller, scopes)
            known = ledger.find_answer(
                session, client=caller.client_id, key=key, fingerprint=fingerprint
            )
            gave = ahead(caller) if known is None else None
        with orm.writing(session):
            caller = authenticate(session, at=at)
            require_scope(caller, scopes)
            claim = ledger.claim(
                session, client=caller.client_id, key=key, fingerprint=fingerprint, at=at
            )
            if claim.answer is not None:
                return _replay(claim.answer)
            answer = perform(caller, claim.id, gave)
            stored = StoredAnswer(
                status=answer.status,
                content_type=JSON_TYPE,
                body=wire.write(answer.content),
                effect=answer.effect,
            )
            _finish(session, claim, stored)
    except PortalError as refusal:
        if caller is None or refusal.kind not in _KEPT or isinstance(refusal, _OF_THE_KEY):
            raise
        return _keep(
            session,
            refusal,
            client=caller.client_id,
            key=key,
            fingerprint=fingerprint,
            at=at,
        )
    note_use(session, caller, at=at)
    return _respond(stored)


def _keep(
    session: Session,
    refusal: PortalError,
    *,
    client: str,
    key: str,
    fingerprint: bytes,
    at: datetime,
) -> Response:
    """Store a refusal, whose own transaction is undone, and answer it."""
    response = errors.problem(refusal)
    stored = StoredAnswer(
        status=response.status_code,
        content_type=response.content_type,
        body=response.get_data(),
        effect=None,
    )
    with orm.recording(session):
        claim = ledger.claim(session, client=client, key=key, fingerprint=fingerprint, at=at)
        if claim.answer is not None:
            # The same request ran beside this one, and was first.
            return _replay(claim.answer)
        _finish(session, claim, stored)
    return _respond(stored)


def _finish(session: Session, claim: Claim, stored: StoredAnswer) -> None:
    ledger.finish(
        session,
        claim,
        status=stored.status,
        content_type=stored.content_type,
        body=stored.body,
        effect=stored.effect,
    )


def _respond(stored: StoredAnswer) -> Response:
    response = Response(stored.body, status=stored.status, content_type=stored.content_type)
    response.headers["Cache-Control"] = "no-store"
    return response


def _replay(stored: StoredAnswer) -> Response:
    response = _respond(stored)
    response.headers["Idempotency-Hit"] = "true"
    return response
