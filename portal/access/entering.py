"""What signing in and joining have in common: someone types an address and proves it.

Nobody can tell from here who is a member. Whatever was typed, the same
statements run and the same rows are written; a code is always made. Only
where it is sent differs, and that stands encrypted in the outbox and is
acted on later, by someone else.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, null, select, update
from sqlalchemy.orm import Session

from portal import codes, members, outbox
from portal.access import tokens
from portal.access.errors import SignInExpired
from portal.access.models import SignIn
from portal.access.wording import Wording
from portal.codes import LIMITS, Limits, Look, budget
from portal.errors import InvalidInput
from portal.members.models import Customer, Identifier
from portal.orm import new_id
from portal.outbox import Cipher

LIFETIME = timedelta(minutes=30)
"""How long someone may take, asking for new codes meanwhile."""

CHANNELS = {"mobile": "sms", "email": "email"}
"""Where a code for each kind of address goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A sign-in under way. The token is for the browser's cookie, and is not kept here."""

    token: str = field(repr=False)
    sign_in_id: str
    expires_at: datetime
    resend_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A sign-in that waits for its code, as its page shows it.

    Attributes:
        purpose: ``sign_in`` or ``join``.
        destination: what was typed, masked: ``…89``.
        resend_at: from when a new code may be asked for.
    """

    id: str
    purpose: str
    identifier_type: str
    identifier_value: str = field(repr=False)
    customer_id: str | None = field(repr=False)
    join: dict[str, Any] | None = field(repr=False)
    destination: str
    expires_at: datetime
    resend_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One counted try to finish a sign-in."""

    pending: Pending
    look: Look

    @property
    def purpose(self) -> str:
        """``sign_in`` or ``join``."""
        return self.pending.purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """Someone came in.

    Attributes:
        token: of the new session, for the browser's cookie.
        joined: whether they joined a program just now; ``account_id`` is their account in it.
    """

    token: str = field(repr=False)
    session_id: str
    customer_id: str
    expires_at: datetime
    joined: bool = False
    account_id: str | None = None


def standard(identifier_type: str, value: str, *, region: str) -> str:
    """A phone number or e-mail in its standard form.

    Raises:
        InvalidInput: neither; ``field`` is the type.
    """
    if identifier_type not in CHANNELS:
        raise InvalidInput("Sign in with a phone number or an e-mail.", field="identifier_type")
    return members.identifiers.normalise(identifier_type, value, region=region)


def owner(session: Session, *, identifier_type: str, value: str) -> str | None:
    """Whose phone or e-mail this is, with one statement; None for nobody, or for several.

    The erased are nobody. A merged customer's identifiers belong to the survivor.
    """
    rows = session.execute(
        select(Identifier.source_account, Identifier.customer_id)
        .join(Customer, Customer.id == Identifier.customer_id)
        .where(
            Identifier.type == identifier_type,
            Identifier.value == value,
            Customer.erased_at.is_(None),
        )
        .limit(10)
    ).all()
    by_source = {row.source_account: row.customer_id for row in rows}
    if "" in by_source:
        return str(by_source[""])
    owners = set(by_source.values())
    return str(owners.pop()) if len(owners) == 1 else None


def begin(
    session: Session,
    *,
    purpose: str,
    identifier_type: str,
    value: str,
    join: dict[str, Any] | None,
    at: datetime,
    pepper: bytes,
    cipher: Cipher,
    wording: Wording,
    limits: Limits = LIMITS,
) -> Begun:
    """Write a sign-in down and send its code; the same work whoever it is.

    Raises:
        TooManyCodes: with ``retry_after_seconds``; the same for everyone.
    """
    customer_id = owner(session, identifier_type=identifier_type, value=value)
    token, sign_in_id = tokens.new_token(), new_id("sig")
    session.execute(
        insert(SignIn).values(
            id=sign_in_id,
            token_digest=tokens.digest(token),
            identifier_type=identifier_type,
            identifier_value=value,
            customer_id=customer_id,
            purpose=purpose,
            join=null() if join is None else join,
            expires_at=at + LIFETIME,
            created_at=at,
        )
    )
    send_code(
        session,
        sign_in_id=sign_in_id,
        purpose=purpose,
        identifier_type=identifier_type,
        value=value,
        customer_id=customer_id,
        at=at,
        pepper=pepper,
        cipher=cipher,
        wording=wording,
        limits=limits,
    )
    return Begun(
        token=token,
        sign_in_id=sign_in_id,
        expires_at=at + LIFETIME,
        resend_at=at + codes.RESEND_AFTER,
    )


def send_code(
    session: Session,
    *,
    sign_in_id: str,
    purpose: str,
    identifier_type: str,
    value: str,
    customer_id: str | None,
    at: datetime,
    pepper: bytes,
    cipher: Cipher,
    wording: Wording,
    limits: Limits = LIMITS,
) -> None:
    """Make a code and tell it to whoever may have it, which may be nobody.

    Raises:
        TooManyCodes: with ``retry_after_seconds``.
    """
    # Counted without a refusal: that two addresses share one limit would tell
    # a stranger that they belong to one member. And counted
    # first, as codes.issue does, so that two of these never wait for each other.
    within = budget.take(
        session,
        name="code:holder",
        subject=customer_id or codes.keyed(pepper, value),
        limit=limits.holder_per_hour,
        window=timedelta(hours=1),
        at=at,
    )
    code = codes.issue(
        session,
        purpose=purpose,
        subject=sign_in_id,
        context=_context(identifier_type, value),
        destination=value,
        at=at,
        pepper=pepper,
        limits=limits,
    )
    # Whoever joins need not be known; whoever signs in must be.
    told = within and (customer_id is not None or purpose == "join")
    text = wording(code)
    channel = CHANNELS[identifier_type]
    outbox.tell(
        session,
        channel=channel,
        recipient=value if told else None,
        subject=text.subject if channel == "email" else None,
        body=text.body,
        purpose=purpose,
        at=at,
        cipher=cipher,
        give_up_at=at + codes.LIFETIME,
    )


def pending(session: Session, *, token: str, at: datetime) -> Pending:
    """The sign-in that this browser has under way.

    Raises:
        SignInExpired: there is none, it took too long, or it is finished.
    """
    found = read(session, token=token, at=at)
    return replace(
        found, resend_at=codes.resend_at(session, purpose=found.purpose, subject=found.id)
    )


def read(session: Session, *, token: str, at: datetime) -> Pending:
    """The same, with one statement and without ``resend_at``."""
    row = (
        session.execute(
            select(
                SignIn.id,
                SignIn.purpose,
                SignIn.identifier_type,
                SignIn.identifier_value,
                SignIn.customer_id,
                SignIn.join,
                SignIn.expires_at,
            ).where(
                SignIn.token_digest == tokens.digest(token),
                SignIn.expires_at > at,
                SignIn.finished_at.is_(None),
            )
        ).one_or_none()
        if 0 < len(token) <= tokens.TOKEN_LENGTH_MAX
        else None
    )
    if row is None:
        raise SignInExpired()
    contact = {row.identifier_type: row.identifier_value}
    return Pending(**row._mapping, destination=members.display.masked_contact(**contact))


def look(session: Session, *, token: str, code: str, at: datetime, pepper: bytes) -> Attempt:
    """Count a try. Run it in ``recording``, and accept the result in ``writing`` after it.

    Raises:
        SignInExpired: there is no sign-in to finish; nothing was counted.
        CodeMalformed: it is not six digits; nothing was counted.
    """
    found = read(session, token=token, at=at)
    return Attempt(
        pending=found,
        look=codes.look(
            session,
            purpose=found.purpose,
            subject=found.id,
            context=_context(found.identifier_type, found.identifier_value),
            code=code,
            at=at,
            pepper=pepper,
        ),
    )


def finish(session: Session, attempt: Attempt, *, at: datetime) -> None:
    """Use the code, and the sign-in with it, once.

    Raises:
        CodeRefused: wrong, used, replaced or expired.
    """
    codes.accept(session, attempt.look, at=at)
    session.execute(
        update(SignIn)
        .where(SignIn.id == attempt.pending.id)
        .values(finished_at=at)
        .execution_options(synchronize_session=False)
    )


def purge(session: Session, *, before: datetime) -> int:
    """Delete sign-ins that ran out before then, with the names and addresses in them."""
    gone = session.execute(delete(SignIn).where(SignIn.expires_at < before))
    return int(gone.rowcount)  # type: ignore[attr-defined]


def _context(identifier_type: str, value: str) -> dict[str, str]:
    return {"identifier_type": identifier_type, "identifier_value": value}
