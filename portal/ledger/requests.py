"""Same key, same answer: what was asked from outside, by the key its caller chose."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from portal.ledger.errors import AnswerForgotten, KeyReused, RequestInFlight
from portal.ledger.models import Request
from portal.orm import LOCK_WAIT_SECONDS, is_contention, later, new_id

_VALUES: dict[str, Any] = {
    name: bindparam(name) for name in ("client", "key", "id", "fingerprint", "created_at")
}
_CLAIM = {
    dialect: insert(Request)
    .values(_VALUES)
    .on_conflict_do_nothing()
    .execution_options(preserve_rowcount=True)
    for dialect, insert in (("postgresql", postgresql.insert), ("sqlite", sqlite.insert))
}
_FIND = select(
    Request.id,
    Request.fingerprint,
    Request.status,
    Request.content_type,
    Request.body,
    Request.effect,
).where(Request.client == bindparam("client"), Request.key == bindparam("key"))
_FINISH = (
    update(Request)
    .where(Request.client == bindparam("of_client"), Request.key == bindparam("of_key"))
    .values(
        status=bindparam("status"),
        content_type=bindparam("content_type"),
        body=bindparam("body"),
        effect=bindparam("effect"),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAnswer:
    """The first answer, to be given again byte for byte."""

    status: int
    content_type: str
    body: bytes
    effect: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to do what a key stands for, or the answer it had."""

    id: str
    client: str
    key: str
    answer: StoredAnswer | None

    @property
    def is_replay(self) -> bool:
        """Whether it was done before, so that nothing must be done now."""
        return self.answer is not None


def claim(session: Session, *, client: str, key: str, fingerprint: bytes, at: datetime) -> Claim:
    """Take ``key`` of ``client`` for the request with this ``fingerprint``.

    To be the first statement of the writing transaction: a second request
    with the key waits here for the first one's answer. Rule: QUALITY A.5.

    Args:
        fingerprint: a SHA-256 of what is asked: method, path and body.

    Raises:
        KeyReused: the key stands for a different request.
        RequestInFlight: the first is still running after five seconds.
        AnswerForgotten: it was done, so long ago that only its effect is known.
    """
    claimed = Claim(id=new_id("req"), client=client, key=key, answer=None)
    connection = session.connection()
    try:
        first = connection.execute(
            _CLAIM[connection.dialect.name],
            {
                "client": client,
                "key": key,
                "id": claimed.id,
                "fingerprint": fingerprint,
                "created_at": at,
            },
        )
    except OperationalError as error:
        if is_contention(error):
            raise RequestInFlight(retry_after_seconds=LOCK_WAIT_SECONDS) from error
        raise
    if first.rowcount == 1:
        return claimed
    return _replay(session, client, key, fingerprint)


def find_answer(session: Session, *, client: str, key: str, fingerprint: bytes) -> Claim | None:
    """The answer that ``key`` had, None where it is new. Only reads; raises as :func:`claim`."""
    known = session.connection().execute(_FIND, {"client": client, "key": key}).first()
    return _replay(session, client, key, fingerprint) if known else None


def _replay(session: Session, client: str, key: str, fingerprint: bytes) -> Claim:
    row = session.connection().execute(_FIND, {"client": client, "key": key}).one()
    if bytes(row.fingerprint) != fingerprint:
        raise KeyReused()
    if row.body is None:
        raise AnswerForgotten(effect=row.effect)
    answer = StoredAnswer(
        status=row.status, content_type=row.content_type, body=bytes(row.body), effect=row.effect
    )
    return Claim(id=row.id, client=client, key=key, answer=answer)


def finish(
    session: Session,
    claim: Claim,
    *,
    status: int,
    content_type: str,
    body: bytes,
    effect: str | None = None,
) -> None:
    """Store the answer to a claimed request, in the transaction that did it."""
    answer = {
        "of_client": claim.client,
        "of_key": claim.key,
        "status": status,
        "content_type": content_type,
        "body": body,
        "effect": effect,
    }
    later(session, _FINISH, [answer])


def forget_answers(session: Session, *, before: datetime) -> int:
    """Blank the stored answers older than ``before``; keys and effects stay for ever.

    Returns:
        how many were blanked.
    """
    result = session.connection().execute(
        update(Request)
        .where(Request.created_at < before, Request.body.is_not(None))
        .values(body=None)
    )
    return int(result.rowcount)
