"""The code that confirms a transfer, and the transfer itself.

Confirming takes two units of the edge, because a try must be counted even
when everything after it is rolled back::

    with recording(session):
        look = transfers.look(session, request_id=…, context=…, code=…, at=…, pepper=…)
    with writing(session):
        receipt = transfers.confirm(session, request_id=…, look=look, context=…, …)

Locks are taken in one order, so that nobody waits in a circle: the request,
the sending household, the accounts by id, the code.
"""

from contextlib import suppress
from datetime import datetime

from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from portal import codes, ledger, programs
from portal.errors import Misuse, PortalError
from portal.ledger import EventName, Facts
from portal.ledger.posting import lock
from portal.members import households
from portal.orm import new_id
from portal.transfers import queries
from portal.transfers.checking import check
from portal.transfers.models import Transfer, TransferRequest
from portal.transfers.requests import Row, find_row, require_open
from portal.transfers.telling import PURPOSE, bound, tell_both
from portal.transfers.values import Check, CodeLook, CodeSending, Party, Receipt
from portal.transfers.wording import ENGLISH, Wording


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
    row = find_row(session, request_id, context)
    if row["used_at"] is not None:
        return CodeLook(request_id=request_id, look=None)
    require_open(row, at)
    found = codes.look(
        session,
        purpose=PURPOSE,
        subject=request_id,
        context=bound(row),
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
    row = find_row(session, request_id, context, locked=True)
    if row["used_at"] is not None:
        return queries.receipt_of_request(session, request_id)
    require_open(row, at)
    if look.request_id != request_id or look.look is None:
        raise Misuse("the look at a code belongs to another request")
    look.look.require()
    found = _checked_again(session, row, at)
    codes.accept(session, look.look, at=at)
    _move(session, row, actor=actor, store=store, request_key=request_key, at=at)
    if sending is not None:
        tell_both(session, found, sending, wording, at)
    return queries.receipt_of_request(session, request_id)


def _checked_again(session: Session, row: Row, at: datetime) -> Check:
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
    if found.reasons:
        raise found.reasons[0]
    return found


def _move(
    session: Session,
    row: Row,
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
    entries = {entry.account_id: entry for entry in posted.entries}
    sent, received = entries[row["from_account_id"]], entries[row["to_account_id"]]
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
                "from_sequence": sent.sequence,
                "to_sequence": received.sequence,
                "from_left": sent.balance_after,
                "to_left": received.balance_after,
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
