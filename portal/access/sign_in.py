"""Sign-in by phone or e-mail and a one-time code, for members and for those joining.

The edge goes through it like this; ``confirm`` is two units, because a try
must stay counted whatever comes after::

    with writing(session):
        begun = sign_in.begin(session, identifier_type="mobile", identifier_value=…, …)
    …
    with recording(session):
        attempt = sign_in.look(session, token=…, code=…, at=…, pepper=…)
    with writing(session):
        welcome = sign_in.accept(session, attempt, at=…)
"""

from datetime import datetime

from sqlalchemy.orm import Session

from portal import members
from portal.access import entering, join, sessions, wording
from portal.access.entering import Attempt, Begun, Pending, Welcome, look, pending
from portal.access.wording import Wording
from portal.codes import LIMITS, Limits, WrongCode
from portal.outbox import Cipher

__all__ = [
    "Attempt",
    "Begun",
    "Pending",
    "Welcome",
    "accept",
    "begin",
    "look",
    "pending",
    "resend",
]


def begin(
    session: Session,
    *,
    identifier_type: str,
    identifier_value: str,
    at: datetime,
    pepper: bytes,
    cipher: Cipher,
    region: str = members.identifiers.DEFAULT_REGION,
    wording: Wording = wording.sign_in,
    limits: Limits = LIMITS,
) -> Begun:
    """Begin to sign in. Nothing tells whether anyone is known by what was typed.

    Someone whose accounts are closed can still sign in: their history is theirs.

    Args:
        identifier_type: ``mobile`` or ``email``.
        identifier_value: as it was typed.
        region: whose phone numbers need no international prefix.
        wording: makes the message's words.

    Raises:
        InvalidInput: it cannot be a phone number or an e-mail.
        TooManyCodes: with ``retry_after_seconds``; the same for everyone.
    """
    return entering.begin(
        session,
        purpose="sign_in",
        identifier_type=identifier_type,
        value=entering.standard(identifier_type, identifier_value, region=region),
        join=None,
        at=at,
        pepper=pepper,
        cipher=cipher,
        wording=wording,
        limits=limits,
    )


def resend(
    session: Session,
    *,
    token: str,
    at: datetime,
    pepper: bytes,
    cipher: Cipher,
    wording: Wording = wording.sign_in,
    limits: Limits = LIMITS,
) -> Pending:
    """Send a new code, in place of the one before, for a sign-in or a joining under way.

    Raises:
        SignInExpired: there is none; start again.
        TooManyCodes: with ``retry_after_seconds``.
    """
    found = entering.read(session, token=token, at=at)
    entering.send_code(
        session,
        sign_in_id=found.id,
        purpose=found.purpose,
        identifier_type=found.identifier_type,
        value=found.identifier_value,
        customer_id=found.customer_id,
        at=at,
        pepper=pepper,
        cipher=cipher,
        wording=wording,
        limits=limits,
    )
    return entering.pending(session, token=token, at=at)


def accept(
    session: Session,
    attempt: Attempt,
    *,
    at: datetime,
    user_agent: str | None = None,
    address: str | None = None,
) -> Welcome:
    """Let in whoever gave the right code; someone joining joins with it.

    The token of the session is a new one, whatever the browser held before.

    Raises:
        CodeRefused: wrong (with ``tries_left``), used, replaced or expired.
        SelfEnrolmentOff: the program has stopped taking people meanwhile.
    """
    entering.finish(session, attempt, at=at)
    if attempt.purpose == "join":
        return join.complete(session, attempt, at=at, user_agent=user_agent, address=address)
    found = attempt.pending
    known = entering.owner(
        session, identifier_type=found.identifier_type, value=found.identifier_value
    )
    if found.customer_id is None or known is None:
        # Right by luck: no code was sent to anyone. It reads like any wrong one.
        raise WrongCode(tries_left=attempt.look.tries_left)
    customer = members.customer(session, known)
    if customer.erased_at is not None:
        raise WrongCode(tries_left=attempt.look.tries_left)
    members.mark_verified(
        session,
        customer_id=known,
        type=found.identifier_type,
        value=found.identifier_value,
        at=at,
    )
    opened = sessions.open(
        session, customer_id=customer.id, at=at, user_agent=user_agent, address=address
    )
    return Welcome(
        token=opened.token,
        session_id=opened.session_id,
        customer_id=customer.id,
        expires_at=opened.expires_at,
    )
