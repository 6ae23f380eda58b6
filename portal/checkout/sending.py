"""One-time codes on their way to the member whose points are to leave."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from portal import codes, outbox
from portal.checkout.wording import Text
from portal.errors import TooMany
from portal.members import customer


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSending:
    """With what one-time codes are made and sent."""

    pepper: bytes
    cipher: outbox.Cipher
    channels: frozenset[str]
    limits: codes.Limits = codes.LIMITS


def send(
    session: Session,
    *,
    customer_id: str,
    purpose: str,
    subject: str,
    context: Mapping[str, str],
    wording: Callable[[str], Text],
    sending: CodeSending,
    at: datetime,
) -> bool:
    """Whether a code is on its way: by SMS, or else by e-mail.

    Args:
        purpose, subject, context: what it is for and bound to, as
            :func:`portal.codes.issue` takes them.
        wording: makes the message of the code.
    """
    person = customer(session, customer_id)
    contacts = {"sms": person.mobile, "email": person.email}
    channel = next((c for c in contacts if c in sending.channels and contacts[c]), None)
    if channel is None:
        return False
    destination = contacts[channel] or ""
    try:
        with session.begin_nested():
            code = codes.issue(
                session,
                purpose=purpose,
                subject=subject,
                context=context,
                destination=destination,
                holder=customer_id,
                at=at,
                pepper=sending.pepper,
                limits=sending.limits,
            )
    except TooMany:
        return False
    text = wording(code)
    outbox.tell(
        session,
        channel=channel,
        recipient=destination,
        subject=text.subject if channel == "email" else None,
        body=text.body,
        purpose=purpose,
        at=at,
        cipher=sending.cipher,
        give_up_at=at + codes.LIFETIME,
    )
    return True
