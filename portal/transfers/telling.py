"""Codes on their way, and news to both sides, through the outbox."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from portal import codes, outbox, programs
from portal.transfers import people
from portal.transfers.errors import CodeNotSent
from portal.transfers.models import TransferRequest
from portal.transfers.people import Contact
from portal.transfers.values import Check, CodeSending, Sent, Side
from portal.transfers.wording import Text, Wording

PURPOSE = "transfer"


def bound(row: Mapping[Any, Any]) -> dict[str, str]:
    """All that a code is bound to: change one, and it is void (QUALITY, B.2)."""
    return {
        "program": row["program_id"],
        "from": row["from_account_id"],
        "to": row["to_account_id"],
        "points": str(row["points"]),
        "by": row["by_customer_id"],
        "context": row["context"],
    }


def send_code(
    session: Session,
    row: Mapping[Any, Any],
    *,
    sending: CodeSending,
    wording: Wording,
    at: datetime,
) -> Sent:
    """Send a code that is bound to the request, to whoever does it.

    Raises:
        CodeNotSent: no phone or e-mail is known on these channels.
        TooManyCodes: with ``retry_after_seconds``.
    """
    contact = _best(session, [row["by_customer_id"]], sending).get(row["by_customer_id"])
    if contact is None:
        raise CodeNotSent()
    code = codes.issue(
        session,
        purpose=PURPOSE,
        subject=row["id"],
        context=bound(row),
        destination=contact.value,
        holder=row["by_customer_id"],
        at=at,
        pepper=sending.pepper,
        limits=sending.limits,
    )
    sides = people.sides(session, [row["from_account_id"], row["to_account_id"]])
    sender, recipient = sides[row["from_account_id"]], sides[row["to_account_id"]]
    spoken = wording.speak(programs.find(session, row["program_id"]), row["points"])
    household = sender.name if sender.household_id is not None else None
    text = wording.code(code, spoken, recipient.display, household)
    _tell(session, contact, text, sending, at=at, give_up_at=at + codes.LIFETIME)
    session.execute(
        update(TransferRequest)
        .where(TransferRequest.id == row["id"])
        .values(code_sent_to=contact.masked, code_sent_at=at)
        .execution_options(synchronize_session=False)
    )
    return Sent(destination=contact.masked, resend_at=at + codes.RESEND_AFTER)


def _best(
    session: Session, customer_ids: Iterable[str], sending: CodeSending
) -> dict[str, Contact]:
    """The best contact of each that can be reached at all."""
    found: dict[str, Contact] = {}
    for customer_id, contacts in people.contacts(session, customer_ids).items():
        for contact in contacts:
            if contact.channel in sending.channels:
                found.setdefault(customer_id, contact)
    return found


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


def tell_both(
    session: Session, found: Check, sending: CodeSending, wording: Wording, at: datetime
) -> None:
    """Tell whoever did it, whose points they were, and who has them now; nobody twice."""
    assert found.program is not None
    assert found.sender is not None
    assert found.recipient is not None
    spoken = wording.speak(found.program, found.points)
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
    for customer_id, contact in _best(session, texts, sending).items():
        _tell(session, contact, texts[customer_id], sending, at=at)
