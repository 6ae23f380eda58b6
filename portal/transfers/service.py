"""Asking for a transfer, its code, and the transfer itself.

Confirming takes two units of the edge, because a try must be counted even
when everything after it is rolled back::

    with recording(session):
        look = transfers.look(session, request_id=…, context=…, code=…, at=…, pepper=…)
    with writing(session):
        receipt = transfers.confirm(session, request_id=…, look=look, context=…, …)

Locks are taken in one order, so that nobody waits in a circle: the request,
the sending household, the accounts by id, the code.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from portal import codes, ledger, outbox, programs
from portal.codes import Look
from portal.errors import Misuse, PortalError, TooMany
from portal.ledger import EventName, Facts
from portal.ledger.posting import lock
from portal.members import households
from portal.members.identifiers import DEFAULT_REGION
from portal.orm import new_id
from portal.programs import Program
from portal.transfers import checking, people, queries
from portal.transfers.checking import check
from portal.transfers.errors import (
    CodeNotSent,
    TransferRequestCancelled,
    TransferRequestExpired,
    TransferRequestNotFound,
    TransferRequestUsed,
)
from portal.transfers.models import Transfer, TransferRequest
from portal.transfers.people import Contact
from portal.transfers.values import (
    Check,
    CodeLook,
    CodeSending,
    Party,
    Receipt,
    Requested,
    RequestView,
    Sent,
    Side,
    Warning,
)
from portal.transfers.wording import ENGLISH, Text, Wording

PURPOSE = "transfer"
LIFETIME = timedelta(minutes=15)
"""How long a request may wait for its code; new codes may be asked for meanwhile."""
KEPT = timedelta(days=1)
"""How long its row outlives it, so that its end can be explained."""

_FIND = select(TransferRequest.__table__).where(TransferRequest.id == bindparam("id"))
_LOCK = _FIND.with_for_update()
_Row = Mapping[Any, Any]


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
        cancel(session, request_id=replaces, context=context, at=at)
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
    row = _row(found, _receiving_account(session, found, at), context, actor, note, at)
    session.execute(insert(TransferRequest), [row])
    made = Requested(check=found, id=row["id"], expires_at=row["expires_at"])
    if not issue_code or sending is None:
        return made
    return _with_code(session, made, row, found, sending, wording, at)


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
        "created_at": at,
        "expires_at": at + LIFETIME,
        "used_at": None,
        "cancelled_at": None,
    }


def _with_code(
    session: Session,
    made: Requested,
    row: _Row,
    found: Check,
    sending: CodeSending,
    wording: Wording,
    at: datetime,
) -> Requested:
    assert found.program is not None
    assert found.recipient is not None
    resend_at, sent, warnings = None, None, ()
    try:
        with session.begin_nested():
            sent = _send(session, row, found.program, found.recipient, sending, wording, at)
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
    return Requested(
        check=found,
        id=made.id,
        expires_at=made.expires_at,
        destination=sent.destination if sent else None,
        resend_at=resend_at,
        warnings=warnings,
    )


def _send(
    session: Session,
    row: _Row,
    program: Program,
    recipient: Side,
    sending: CodeSending,
    wording: Wording,
    at: datetime,
) -> Sent:
    person = people.people(session, [row["by_customer_id"]])[row["by_customer_id"]]
    contact = person.contact(sending.channels)
    if contact is None:
        raise CodeNotSent()
    code = codes.issue(
        session,
        purpose=PURPOSE,
        subject=row["id"],
        context=_bound(row),
        destination=contact.value,
        holder=person.id,
        at=at,
        pepper=sending.pepper,
        limits=sending.limits,
    )
    text = wording.code(code, program.spoken_points(row["points"]), recipient.display)
    _tell(session, contact, text, sending, at=at, give_up_at=at + codes.LIFETIME)
    return Sent(destination=contact.masked, resend_at=at + codes.RESEND_AFTER)


def _tell(
    session: Session,
    contact: Contact,
    text: Text,
    sending: CodeSending,
    *,
    at: datetime,
    give_up_at: datetime | None = None,
) -> None:
    outbox.tell(
        session,
        channel=contact.channel,
        recipient=contact.value,
        subject=text.subject if contact.channel == "email" else None,
        body=text.body,
        purpose=PURPOSE,
        at=at,
        cipher=sending.cipher,
        give_up_at=give_up_at,
    )


def _bound(row: _Row) -> dict[str, str]:
    """All that a code is bound to: change one, and it is void (QUALITY, B.2)."""
    return {
        "program": row["program_id"],
        "from": row["from_account_id"],
        "to": row["to_account_id"],
        "points": str(row["points"]),
        "by": row["by_customer_id"],
        "context": row["context"],
    }


def _find(session: Session, request_id: str, context: str, *, locked: bool = False) -> _Row:
    statement = _LOCK if locked else _FIND
    row = session.connection().execute(statement, {"id": request_id}).mappings().first()
    # Of another session's request, not even its existence is told.
    if row is None or row["context"] != context:
        raise TransferRequestNotFound(field="transfer_request")
    return row


def _require_open(row: _Row, at: datetime) -> None:
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
    row = _find(session, request_id, context, locked=True)
    _refuse_used(session, row)
    _require_open(row, at)
    recipient = people.sides(session, [row["to_account_id"]])[row["to_account_id"]]
    program = programs.find(session, row["program_id"])
    return _send(session, row, program, recipient, sending, wording, at)


def _refuse_used(session: Session, row: _Row) -> None:
    if row["used_at"] is not None:
        raise TransferRequestUsed(transfer=queries.transfer_of(session, row["id"]))


def cancel(session: Session, *, request_id: str, context: str, at: datetime) -> RequestView:
    """Call a transfer off, until its code is used. Again, or after its time, it changes nothing.

    Raises:
        TransferRequestNotFound.
        TransferRequestUsed: the points were sent; ``transfer`` is the receipt's id.
    """
    row = _find(session, request_id, context, locked=True)
    _refuse_used(session, row)
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
    row = _find(session, request_id, context)
    return queries.request_views(session, [row], at=at, purpose=PURPOSE)[0]


def look(
    session: Session, *, request_id: str, context: str, code: str, at: datetime, pepper: bytes
) -> CodeLook:
    """Count a try of the code. Run it in :func:`portal.orm.recording`.

    Of a request that was used nothing is counted: confirming it again gives
    its receipt again.

    Raises:
        TransferRequestNotFound, TransferRequestExpired, TransferRequestCancelled:
            nothing was counted.
        CodeMalformed: it is not six digits; nothing was counted.
    """
    row = _find(session, request_id, context)
    if row["used_at"] is not None:
        return CodeLook(request_id=request_id, look=None)
    _require_open(row, at)
    found = codes.look(
        session,
        purpose=PURPOSE,
        subject=request_id,
        context=_bound(row),
        code=code,
        at=at,
        pepper=pepper,
    )
    return CodeLook(request_id=request_id, look=found)


def confirm(
    session: Session,
    *,
    request_id: str,
    look: CodeLook,
    context: str,
    actor: str,
    at: datetime,
    sending: CodeSending | None = None,
    store: str | None = None,
    request_key: str | None = None,
    wording: Wording = ENGLISH,
) -> Receipt:
    """Send the points. Run it in :func:`portal.orm.writing`, after :func:`look` has committed.

    Everything is checked again under the locks of both accounts. Done before,
    it gives the same receipt again and sends nothing.

    Args:
        look: what :func:`look` found of the code of this request.
        sending: with what both sides are told; None tells nobody.
        store: where it was done, if in one.
        request_key: the id of the request from outside that did it.

    Raises:
        TransferRequestNotFound, TransferRequestExpired, TransferRequestCancelled.
        CodeRefused: wrong (with ``tries_left``), used, replaced or expired.
        PortalError: the first reason why it cannot be done now, as :func:`check` tells them.
    """
    row = _find(session, request_id, context, locked=True)
    if row["used_at"] is not None:
        return queries.receipt_of_request(session, request_id)
    _require_open(row, at)
    if look.request_id != request_id or look.look is None:
        raise Misuse("the look at a code belongs to another request")
    look.look.require()
    found = _checked_again(session, row, at)
    codes.accept(session, look.look, at=at)
    _move(session, row, actor=actor, store=store, request_key=request_key, at=at)
    if sending is not None:
        _tell_both(session, found, sending, wording, at)
    return queries.receipt_of_request(session, request_id)


def _checked_again(session: Session, row: _Row, at: datetime) -> Check:
    """The same check, of accounts that nobody can change meanwhile."""
    ends = sorted([row["from_account_id"], row["to_account_id"]])
    household_id = ledger.find_account(session, row["from_account_id"]).household_id
    if household_id is not None:
        # It holds the permission until the end; what it would refuse, the check names.
        with suppress(PortalError):
            households.require_sender(
                session, household_id=household_id, customer_id=row["by_customer_id"]
            )
    lock(session, ends)
    found = check(
        session,
        sender=Party(account_id=row["from_account_id"]),
        recipient=Party(account_id=row["to_account_id"]),
        points=row["points"],
        program=row["program_id"],
        note=row["note"],
        by=Party(customer_id=row["by_customer_id"]),
        at=at,
    )
    checking.first(found.reasons)
    return found


def _move(
    session: Session,
    row: _Row,
    *,
    actor: str,
    store: str | None,
    request_key: str | None,
    at: datetime,
) -> None:
    if store is not None:
        programs.stores.ensure(session, code=store, at=at)
    posted = ledger.transfer(
        session,
        from_account_id=row["from_account_id"],
        to_account_id=row["to_account_id"],
        points=row["points"],
        facts=Facts(
            name=EventName.POINTS_TRANSFER,
            actor=actor,
            origin="transfer",
            store=store,
            note=row["note"],
            request_id=request_key,
        ),
        at=at,
    )
    left = {entry.account_id: entry.balance_after for entry in posted.entries}
    session.execute(
        insert(Transfer),
        [
            {
                "id": new_id("trf"),
                "request_id": row["id"],
                "event_id": posted.event_id,
                "program_id": row["program_id"],
                "from_account_id": row["from_account_id"],
                "to_account_id": row["to_account_id"],
                "by_customer_id": row["by_customer_id"],
                "points": row["points"],
                "from_left": left[row["from_account_id"]],
                "to_left": left[row["to_account_id"]],
                "created_at": at,
            }
        ],
    )
    session.execute(
        update(TransferRequest)
        .where(TransferRequest.id == row["id"])
        .values(used_at=at, note=None)
        .execution_options(synchronize_session=False)
    )


def _tell_both(
    session: Session, found: Check, sending: CodeSending, wording: Wording, at: datetime
) -> None:
    """Tell whoever did it, whose points they were, and who has them now; nobody twice."""
    assert found.program is not None
    assert found.sender is not None
    assert found.recipient is not None
    spoken = found.program.spoken_points(found.points)
    sent = wording.sent(spoken, found.recipient.display)
    received = wording.received(spoken, found.sender.display)
    primaries = people.groups(
        session, filter(None, (found.sender.household_id, found.recipient.household_id))
    )

    def holder(side: Side) -> str | None:
        group = primaries.get(side.household_id or "")
        return side.customer_id or (group.primary_id if group else None)

    texts: dict[str, Text] = {}
    for customer_id, text in (
        (found.by_customer_id, sent),
        (holder(found.sender), sent),
        (holder(found.recipient), received),
    ):
        if customer_id is not None:
            texts.setdefault(customer_id, text)
    known = people.people(session, texts)
    for customer_id, text in texts.items():
        contact = known[customer_id].contact(sending.channels)
        if contact is not None:
            _tell(session, contact, text, sending, at=at)


def purge(session: Session, *, at: datetime) -> int:
    """Delete requests a day after their end; receipts stay. Returns how many."""
    gone = session.execute(delete(TransferRequest).where(TransferRequest.expires_at <= at - KEPT))
    return int(gone.rowcount)  # type: ignore[attr-defined]


__all__ = [
    "Look",
    "cancel",
    "check",
    "confirm",
    "find_request",
    "look",
    "purge",
    "request",
    "resend",
]
