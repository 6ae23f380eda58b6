"""Issue a code, look at an answer, accept it once.

An answer is checked in two units of the edge, because a try must be counted
even when everything after it is rolled back, and because nothing may be
compared before it was counted for good::

    with recording(session):
        look = codes.look(session, purpose=…, subject=…, context=…, code=…, at=…, pepper=…)
    with writing(session):
        codes.accept(session, look, at=…)
        …  # what the code confirms
"""

import hmac
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import and_, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from portal.codes import budget
from portal.codes.digests import code_digest, keyed
from portal.codes.errors import (
    CodeExpired,
    CodeMalformed,
    CodeRefused,
    CodeUsed,
    TooManyCodes,
    TriesUsedUp,
    WrongCode,
)
from portal.codes.models import OneTimeCode
from portal.errors import Misuse
from portal.orm import new_id

DIGITS = 6
TRIES = 5
LIFETIME = timedelta(minutes=5)
TYPED_LENGTH_MAX = 64
RESEND_AFTER = timedelta(seconds=30)
"""How long after a code the next one of the same purpose may go to the same place."""
KEPT = timedelta(days=1)
"""How long a code's row outlives it, so that its end can be explained."""

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many codes are sent. With five tries each, these bound the guesses, too.

    Twenty codes a day are a hundred guesses at a million: whoever attacks one
    number succeeds once in 27 years.
    """

    destination_per_hour: int = 5
    destination_per_day: int = 20
    holder_per_hour: int = 10
    site_per_hour: int = 3_000


LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One counted try. What it found is compared only when asked, after the commit.

    Attributes:
        tries_left: how often more the same code may be tried.
        refusal: why there was nothing to compare; None where there was.
    """

    code_id: str | None
    tries_left: int = 0
    refusal: type[CodeRefused] | None = None
    _stored: bytes = field(default=b"", repr=False)
    _given: bytes = field(default=b"", repr=False)

    @property
    def matches(self) -> bool:
        """Whether the answer is right."""
        return self.refusal is None and hmac.compare_digest(self._stored, self._given)

    def require(self) -> None:
        """Refuse a wrong answer.

        Raises:
            WrongCode: with ``tries_left``.
            TriesUsedUp: wrong, or not compared, because that was the fifth try.
            CodeExpired: its five minutes are over, or there was none.
            CodeUsed: it was accepted before.
        """
        if self.refusal is not None:
            raise self.refusal()
        if not self.matches:
            raise WrongCode(tries_left=self.tries_left) if self.tries_left else TriesUsedUp()


def issue(
    session: Session,
    *,
    purpose: str,
    subject: str,
    context: Mapping[str, str],
    destination: str,
    at: datetime,
    pepper: bytes,
    holder: str | None = None,
    limits: Limits = LIMITS,
) -> str:
    """Make a code, in place of any that was live for the same thing or the same place.

    The code is returned once, to be put into a message, and is stored nowhere
    but as a keyed digest. The caller owns the transaction.

    Args:
        purpose: what it is for: ``sign_in``, ``transfer``, …
        subject: what it confirms, e.g. the id of a pending sign-in.
        context: all that it is bound to (amount, recipient, session); the
            answer is accepted only with the very same.
        destination: the number or address, in its standard form.
        holder: whose account it is, for the limit per account; None where the
            caller counts that itself.
        at: now; the code is good for :data:`LIFETIME` from then.

    Raises:
        TooManyCodes: a limit is reached, or the last one was sent less than
            :data:`RESEND_AFTER` ago; with ``retry_after_seconds``.
    """
    place = keyed(pepper, destination)
    # Always in this order, so that two of these never wait for each other. That
    # of the destination also makes codes for one place go one after the other.
    counted = [
        ("code:destination", place, limits.destination_per_hour, _HOUR),
        ("code:destination:day", place, limits.destination_per_day, _DAY),
        ("code:site", "site", limits.site_per_hour, _HOUR),
    ]
    if holder is not None:
        counted.insert(0, ("code:holder", holder, limits.holder_per_hour, _HOUR))
    for name, whose, limit, window in counted:
        budget.spend(
            session,
            name=name,
            subject=whose,
            limit=limit,
            window=window,
            at=at,
            error=TooManyCodes,
        )
    _require_pause(session, purpose=purpose, place=place, at=at)
    code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}"
    session.execute(
        update(OneTimeCode)
        .where(
            OneTimeCode.purpose == purpose,
            OneTimeCode.replaced_at.is_(None),
            or_(OneTimeCode.subject == subject, OneTimeCode.destination == place),
        )
        .values(replaced_at=at)
        .execution_options(synchronize_session=False)
    )
    session.execute(
        insert(OneTimeCode).values(
            id=new_id("otc"),
            purpose=purpose,
            subject=subject,
            destination=place,
            digest=code_digest(
                pepper, purpose=purpose, subject=subject, context=context, code=code
            ),
            tries=0,
            expires_at=at + LIFETIME,
            created_at=at,
        )
    )
    return code


def _require_pause(session: Session, *, purpose: str, place: str, at: datetime) -> None:
    last = session.execute(
        select(func.max(OneTimeCode.created_at)).where(
            OneTimeCode.destination == place, OneTimeCode.purpose == purpose
        )
    ).scalar_one()
    if last is not None and (left := last + RESEND_AFTER - at) > timedelta():
        seconds = -(-left // timedelta(seconds=1))
        raise TooManyCodes(limit=1, retry_after_seconds=seconds)


def look(
    session: Session,
    *,
    purpose: str,
    subject: str,
    context: Mapping[str, str],
    code: str,
    at: datetime,
    pepper: bytes,
) -> Look:
    """Count a try of the live code, and take what is needed to compare it.

    Run it in :func:`portal.orm.recording`, and use the result after that has
    committed. It does not raise for a wrong answer, which would hand the try
    back; :meth:`Look.require` and :func:`accept` do.

    Raises:
        CodeMalformed: it is not six digits, and counts as no try.
    """
    typed = normalise(code)
    live = session.execute(
        update(OneTimeCode)
        .where(
            OneTimeCode.purpose == purpose,
            OneTimeCode.subject == subject,
            OneTimeCode.replaced_at.is_(None),
            OneTimeCode.used_at.is_(None),
            OneTimeCode.expires_at > at,
            OneTimeCode.tries < TRIES,
        )
        .values(tries=OneTimeCode.tries + 1)
        .returning(OneTimeCode.id, OneTimeCode.digest, OneTimeCode.tries)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if live is None:
        return Look(code_id=None, refusal=_why_none(session, purpose, subject, at))
    return Look(
        code_id=live.id,
        tries_left=TRIES - live.tries,
        _stored=live.digest,
        _given=code_digest(pepper, purpose=purpose, subject=subject, context=context, code=typed),
    )


def _why_none(session: Session, purpose: str, subject: str, at: datetime) -> type[CodeRefused]:
    last = session.execute(
        select(OneTimeCode.used_at, OneTimeCode.expires_at, OneTimeCode.tries).where(
            OneTimeCode.purpose == purpose,
            OneTimeCode.subject == subject,
            OneTimeCode.replaced_at.is_(None),
        )
    ).one_or_none()
    if last is None or last.expires_at <= at:
        return CodeExpired
    return CodeUsed if last.used_at is not None else TriesUsedUp


def accept(session: Session, look: Look, *, at: datetime) -> None:
    """Use a code, once, in the transaction of what it confirms.

    Raises:
        CodeRefused: the answer was wrong, or the code was used, replaced or
            has expired since the look.
    """
    look.require()
    if look.code_id is None:
        raise Misuse("a look without a code cannot match")
    used = session.execute(
        update(OneTimeCode)
        .where(
            OneTimeCode.id == look.code_id,
            and_(OneTimeCode.used_at.is_(None), OneTimeCode.replaced_at.is_(None)),
            OneTimeCode.expires_at > at,
        )
        .values(used_at=at)
        .execution_options(synchronize_session=False)
    )
    if used.rowcount != 1:  # type: ignore[attr-defined]
        raise CodeUsed()


def normalise(typed: str) -> str:
    """Six ASCII digits from what was typed or pasted: “123 456”, “123-456”, “１２３４５６”.

    Raises:
        CodeMalformed: anything else is in it, or it is not six digits.
    """
    digits = digits_of(typed)
    if digits is None or len(digits) != DIGITS:
        raise CodeMalformed(field="code")
    return digits


def digits_of(typed: str) -> str | None:
    """ASCII digits from what was typed, pasted or scanned; None where something else is in it.

    Digits of any script count; spaces, dashes and invisible marks that come
    along with copying are dropped.
    """
    if len(typed) > TYPED_LENGTH_MAX:
        return None
    digits = []
    for character in typed:
        if (digit := unicodedata.decimal(character, None)) is not None:
            digits.append(str(digit))
        elif unicodedata.category(character) not in {"Zs", "Pd", "Cf", "Cc"}:
            return None
    return "".join(digits)


def resend_at(session: Session, *, purpose: str, subject: str) -> datetime | None:
    """From when a new code for this may be asked for; None where none was sent."""
    last = session.execute(
        select(func.max(OneTimeCode.created_at)).where(
            OneTimeCode.purpose == purpose,
            OneTimeCode.subject == subject,
            OneTimeCode.replaced_at.is_(None),
        )
    ).scalar_one()
    return None if last is None else last + RESEND_AFTER


def purge(session: Session, *, at: datetime) -> int:
    """Delete codes a day after they expired; returns how many."""
    gone = session.execute(delete(OneTimeCode).where(OneTimeCode.expires_at <= at - KEPT))
    return int(gone.rowcount)  # type: ignore[attr-defined]
