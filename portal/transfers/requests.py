"""What is to be sent: asked for, edited, called off, and given new codes."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from portal.errors import TooMany
from portal.members import households
from portal.members.identifiers import DEFAULT_REGION
from portal.orm import new_id
from portal.transfers import queries
from portal.transfers.checking import check
from portal.transfers.errors import (
    CodeNotSent,
    TransferRequestCancelled,
    TransferRequestExpired,
    TransferRequestNotFound,
    TransferRequestUsed,
)
from portal.transfers.models import TransferRequest
from portal.transfers.telling import send_code
from portal.transfers.values import (
    Check,
    CodeSending,
    Party,
    Requested,
    RequestView,
    Sent,
    Warning,
)
from portal.transfers.wording import ENGLISH, Wording

LIFETIME = timedelta(minutes=30)
"""How long a request may wait for its code; new codes may be asked for meanwhile."""
KEPT = timedelta(days=1)
"""How long its row outlives it, so that its end can be explained."""

_FIND = select(TransferRequest.__table__).where(TransferRequest.id == bindparam("id"))
_LOCK = _FIND.with_for_update()
_OPEN = (
    select(TransferRequest.__table__)
    .where(
        TransferRequest.context == bindparam("context"),
        TransferRequest.by_customer_id == bindparam("by_customer_id"),
        TransferRequest.used_at.is_(None),
        TransferRequest.cancelled_at.is_(None),
        TransferRequest.expires_at > bindparam("at"),
    )
    .order_by(TransferRequest.created_at.desc(), TransferRequest.id.desc())
    .limit(1)
)
Row = Mapping[Any, Any]


def request(
    session: Session,
    *,
    sender: Party,
    recipient: Party,
    points: int,
    program: str | None,
    context: str,
    actor: str,
    at: datetime,
    note: str | None = None,
    by: Party | None = None,
    issue_code: bool = False,
    sending: CodeSending | None = None,
    replaces: str | None = None,
    wording: Wording = ENGLISH,
    region: str = DEFAULT_REGION,
) -> Requested:
    """Store what is to be sent, and send its code to whoever does it.

    Where the check says no, nothing is stored and nothing is refused: the
    answer says why. That a code could not be sent is a warning, too.

    Args:
        context: the session or the integration that may confirm it; a code is
            void for any other.
        replaces: the request that this one, edited, takes the place of.

    Raises:
        TransferRequestNotFound, TransferRequestUsed: of ``replaces``.
    """
    if replaces is not None:
        refuse_used(session, find_row(session, replaces, context, locked=True))
    found = check(
        session,
        sender=sender,
        recipient=recipient,
        points=points,
        program=program,
        note=note,
        by=by,
        at=at,
        region=region,
    )
    if not found.transferable:
        return Requested(check=found)
    if replaces is not None:
        cancel(session, request_id=replaces, context=context, at=at)
    row = _row(found, _receiving_account(session, found, at), context, actor, note, at)
    session.execute(insert(TransferRequest), [row])
    made = Requested(check=found, id=row["id"], expires_at=row["expires_at"])
    if not issue_code or sending is None:
        return made
    return _with_code(session, made, row, sending, wording, at)


def _receiving_account(session: Session, found: Check, at: datetime) -> str:
    """The account that receives; a household's is opened where this is the first to need it."""
    assert found.recipient is not None
    assert found.program is not None
    if found.recipient.account_id is not None:
        return found.recipient.account_id
    account = households.household_account(
        session, household_id=found.recipient.household_id or "", program=found.program, at=at
    )
    assert account is not None
    return account.id


def _row(
    found: Check, to_account_id: str, context: str, actor: str, note: str | None, at: datetime
) -> dict[str, Any]:
    assert found.program is not None
    return {
        "id": new_id("trq"),
        "program_id": found.program.id,
        "from_account_id": found.from_account,
        "to_account_id": to_account_id,
        "by_customer_id": found.by_customer_id,
        "points": found.points,
        "note": (note or "").strip() or None,
        "context": context,
        "actor": actor,
        "code_sent_to": None,
        "code_sent_at": None,
        "created_at": at,
        "expires_at": at + LIFETIME,
        "used_at": None,
        "cancelled_at": None,
    }


def _with_code(
    session: Session,
    made: Requested,
    row: Row,
    sending: CodeSending,
    wording: Wording,
    at: datetime,
) -> Requested:
    resend_at: datetime | None = None
    sent: Sent | None = None
    warnings: tuple[Warning, ...] = ()
    try:
        with session.begin_nested():
            sent = send_code(session, row, sending=sending, wording=wording, at=at)
        resend_at = sent.resend_at
    except CodeNotSent:
        warnings = (
            Warning(
                code="code_not_sent",
                legacy_code=876,
                detail="It can be sent, but the code could not: no phone or e-mail is known.",
            ),
        )
    except TooMany as refusal:
        seconds = int(refusal.facts["retry_after_seconds"])
        resend_at = at + timedelta(seconds=seconds)
        warnings = (
            Warning(
                code="code_not_sent",
                legacy_code=860,
                detail="It can be sent, but the code could not yet: ask for it in a moment.",
                retry_after_seconds=seconds,
            ),
        )
    return replace(
        made,
        destination=sent.destination if sent else None,
        resend_at=resend_at,
        warnings=warnings,
    )


def open_request(
    session: Session, *, by_customer_id: str, context: str, at: datetime
) -> RequestView | None:
    """The newest request of a session that still waits for its code; None where there is none."""
    asked = {"by_customer_id": by_customer_id, "context": context, "at": at}
    row = session.connection().execute(_OPEN, asked).mappings().first()
    return None if row is None else queries.request_views(session, [row], at=at)[0]


def find_row(session: Session, request_id: str, context: str, *, locked: bool = False) -> Row:
    """A request's row.

    Args:
        context: the session or integration that made it.
        locked: until the transaction ends.

    Raises:
        TransferRequestNotFound: there is none of this context.
    """
    statement = _LOCK if locked else _FIND
    row = session.connection().execute(statement, {"id": request_id}).mappings().first()
    # Of another session's request, not even its existence is told.
    if row is None or row["context"] != context:
        raise TransferRequestNotFound(field="transfer_request")
    return row


def require_open(row: Row, at: datetime) -> None:
    """Refuse a request that can no longer be confirmed.

    Raises:
        TransferRequestCancelled, TransferRequestExpired.
    """
    if row["cancelled_at"] is not None:
        raise TransferRequestCancelled()
    if row["expires_at"] <= at:
        raise TransferRequestExpired(expired_at=row["expires_at"].isoformat())


def resend(
    session: Session,
    *,
    request_id: str,
    context: str,
    sending: CodeSending,
    at: datetime,
    wording: Wording = ENGLISH,
) -> Sent:
    """Send a new code, which ends the old one.

    Raises:
        TransferRequestNotFound, TransferRequestExpired, TransferRequestCancelled.
        TransferRequestUsed: the points were sent; ``transfer`` is the receipt's id.
        TooManyCodes: with ``retry_after_seconds``.
        CodeNotSent: no phone or e-mail is known.
    """
    row = find_row(session, request_id, context, locked=True)
    refuse_used(session, row)
    require_open(row, at)
    return send_code(session, row, sending=sending, wording=wording, at=at)


def refuse_used(session: Session, row: Row) -> None:
    """Refuse a request whose points were sent.

    Raises:
        TransferRequestUsed: ``transfer`` is the receipt's id.
    """
    if row["used_at"] is not None:
        raise TransferRequestUsed(transfer=queries.transfer_of(session, row["id"]))


def cancel(session: Session, *, request_id: str, context: str, at: datetime) -> RequestView:
    """Call a transfer off, until its code is used. Again, or after its time, it changes nothing.

    Raises:
        TransferRequestNotFound.
        TransferRequestUsed: the points were sent; ``transfer`` is the receipt's id.
    """
    row = find_row(session, request_id, context, locked=True)
    refuse_used(session, row)
    if row["cancelled_at"] is None:
        session.execute(
            update(TransferRequest)
            .where(TransferRequest.id == request_id)
            .values(cancelled_at=at, note=None)
            .execution_options(synchronize_session=False)
        )
    return find_request(session, request_id=request_id, context=context, at=at)


def find_request(session: Session, *, request_id: str, context: str, at: datetime) -> RequestView:
    """A request as it stands.

    Raises:
        TransferRequestNotFound: there is none of this session or client.
    """
    row = find_row(session, request_id, context)
    return queries.request_views(session, [row], at=at)[0]


def purge(session: Session, *, at: datetime) -> int:
    """Delete requests a day after their end; receipts stay. Returns how many."""
    gone = session.execute(delete(TransferRequest).where(TransferRequest.expires_at <= at - KEPT))
    return int(gone.rowcount)  # type: ignore[attr-defined]
