"""A new code for someone who is signed in, before they spend after a long pause.

Begun, looked at and accepted in units of the edge, like a sign-in.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, select
from sqlalchemy.orm import Session

from portal import codes, members, outbox
from portal.access import entering, sessions, wording
from portal.access.errors import NoDestination
from portal.access.sessions import MemberIdentity
from portal.access.wording import Wording
from portal.codes import LIMITS, Limits, Look
from portal.members.models import Identifier
from portal.outbox import Cipher

PURPOSE = "prove"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A code is on its way. ``destination`` is masked."""

    destination: str
    resend_at: datetime


def begin(
    session: Session,
    *,
    identity: MemberIdentity,
    at: datetime,
    pepper: bytes,
    cipher: Cipher,
    wording: Wording = wording.prove,
    limits: Limits = LIMITS,
) -> Asked:
    """Send a code to the member's own phone, or else their e-mail, that they have proved before.

    Raises:
        NoDestination: they have neither.
        TooManyCodes: with ``retry_after_seconds``.
    """
    contact = session.execute(
        select(Identifier.type, Identifier.value)
        .where(
            Identifier.customer_id == identity.customer_id,
            Identifier.type.in_(list(entering.CHANNELS)),
            Identifier.verified_at.is_not(None),
        )
        .order_by(case((Identifier.type == "mobile", 0), else_=1), Identifier.verified_at.desc())
        .limit(1)
    ).one_or_none()
    if contact is None:
        raise NoDestination()
    code = codes.issue(
        session,
        purpose=PURPOSE,
        subject=identity.session_id,
        context={"customer": identity.customer_id},
        destination=contact.value,
        holder=identity.customer_id,
        at=at,
        pepper=pepper,
        limits=limits,
    )
    text, channel = wording(code), entering.CHANNELS[contact.type]
    outbox.tell(
        session,
        channel=channel,
        recipient=contact.value,
        subject=text.subject if channel == "email" else None,
        body=text.body,
        purpose=PURPOSE,
        at=at,
        cipher=cipher,
        give_up_at=at + codes.LIFETIME,
    )
    masked = members.display.masked_contact(**{contact.type: contact.value})
    return Asked(destination=masked, resend_at=at + codes.RESEND_AFTER)


def look(
    session: Session, *, identity: MemberIdentity, code: str, at: datetime, pepper: bytes
) -> Look:
    """Count a try. Run it in ``recording``.

    Raises:
        CodeMalformed: it is not six digits; nothing was counted.
    """
    return codes.look(
        session,
        purpose=PURPOSE,
        subject=identity.session_id,
        context={"customer": identity.customer_id},
        code=code,
        at=at,
        pepper=pepper,
    )


def accept(session: Session, look: Look, *, identity: MemberIdentity, at: datetime) -> None:
    """Make the session fresh again.

    Raises:
        CodeRefused: wrong (with ``tries_left``), used, replaced or expired.
    """
    codes.accept(session, look, at=at)
    sessions.prove(session, session_id=identity.session_id, at=at)
