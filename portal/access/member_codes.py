"""Rotating member codes: sixteen digits, new each thirty seconds, that prove presence.

A code is eight digits that say whose it claims to be (the handle), seven that
only the portal and the member's own page know, and a Luhn digit that catches
slips of the tongue. None begins as our cards do, so that what was scanned says
by itself which it is. The seven are an HMAC of the step of time under the
pepper and a salt of the member's own: nothing is stored for each code, neither
the database nor the pepper alone makes one, and :func:`renew` ends all there
are. The page gets the coming ones ahead, with the server's times, and needs
neither a network nor a right clock to show the present one; whoever copies the
page has what it holds, until it runs out or is renewed.

**Good for**: the present step, the one before, the one before that (a code is
read aloud in the time it changes) and the one after: a minute to a minute and
a half after it began to show. Used once: a step that was used, and every
earlier one, is refused from then on.

**Guessing**: a guess at one member is right four times in ten million. Five
misses an hour and twenty a day are compared for a handle, so that whoever
attacks one member succeeds once in 340 years. A guess at anyone must hit a
handle as well, which one in ninety-nine does where a million members have one:
with the hundred misses an hour that a client has, once in 280 years; with the
thousand of the whole site, by ten clients or more, once in 28. Typing slips
that the check digit finds, and codes that were right some minutes ago, are no
guesses and are not counted.

A code is checked in two units of the edge, as a one-time code is, because a
miss must be counted even when everything after it is rolled back::

    with recording(session):
        look = member_codes.look(session, code=…, client=…, at=…, pepper=…)
    with writing(session):
        look.require()  # whose it is: look.customer_id
        …  # what it is shown for
        member_codes.accept(session, look)
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from portal import codes
from portal.access.errors import (
    MemberCodeExpired,
    MemberCodeMalformed,
    MemberCodeUsed,
    TooManyWrongMemberCodes,
    WrongMemberCode,
)
from portal.access.models import MemberCodeKey
from portal.codes import budget
from portal.errors import Misuse, PortalError
from portal.members import cards
from portal.members.models import Customer

STEP = timedelta(seconds=30)
"""How long a code shows."""
STEPS_AHEAD = 40
"""How many a page gets at once: twenty minutes of them."""
STEPS_BACK, STEPS_EARLY = 2, 1
"""Codes that ended so many steps ago still count, and those that begin in so many."""
EXPLAINED = 40
"""Of so many steps before and after now a code is told from a guess."""

HANDLE_DIGITS = 8
PROOF_DIGITS = 7
DIGITS = HANDLE_DIGITS + PROOF_DIGITS + 1
GROUP = 4
"""How many digits are printed, and said, together."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_COLLISIONS_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many codes that are nobody's are compared, of a handle, a client and everyone."""

    handle_per_hour: int = 5
    handle_per_day: int = 20
    client_per_hour: int = 100
    site_per_hour: int = 1_000


LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberCode:
    """A code with the instants, on the portal's clock, between which it shows."""

    code: str
    shown_from: datetime
    shown_until: datetime

    @property
    def spoken(self) -> str:
        """In groups, as it is printed and read aloud."""
        return " ".join(self.code[at : at + GROUP] for at in range(0, DIGITS, GROUP))


@dataclass(frozen=True, slots=True, kw_only=True)
class Upcoming:
    """A member's codes from now on, without a gap; ``at`` is now, on the portal's clock.

    The first is the one to show now, and may begin a little later where the
    present ones were used up.
    """

    at: datetime
    codes: tuple[MemberCode, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberLook:
    """A counted look at a code."""

    customer_id: str | None = None
    """Whose it is, or was when it was good: ask :meth:`require`. None where it is nobody's."""
    refusal: PortalError | None = None
    key: str | None = None
    """Whose code it was before they were merged."""
    handle: str = ""
    step: int = 0

    def require(self) -> str:
        """Whose code it is.

        Raises:
            WrongMemberCode, MemberCodeExpired, MemberCodeUsed, TooManyWrongMemberCodes.
        """
        if self.refusal is not None:
            raise self.refusal
        if self.customer_id is None:
            raise Misuse("a look that found nobody says why")
        return self.customer_id


_KEY = select(MemberCodeKey.__table__).where(MemberCodeKey.customer_id == bindparam("customer_id"))
# Locked: guesses at one member come one after the other, each behind the count of the last.
_LOCKED = (
    select(MemberCodeKey.__table__)
    .where(MemberCodeKey.handle == bindparam("handle"))
    .with_for_update()
)
_family = (
    select(Customer.id).where(Customer.id == bindparam("customer_id")).cte("family", recursive=True)
)
_family = _family.union(select(Customer.id).where(Customer.merged_into == _family.c.id))
# In one order for all, so that two who renew never wait for each other.
_KEYS = (
    select(MemberCodeKey.customer_id)
    .where(MemberCodeKey.customer_id.in_(select(_family.c.id)))
    .order_by(MemberCodeKey.customer_id)
)
_PERSON = select(Customer.merged_into, Customer.erased_at).where(Customer.id == bindparam("id"))


def upcoming(
    session: Session,
    *,
    customer_id: str,
    at: datetime,
    pepper: bytes,
    steps: int = STEPS_AHEAD,
) -> Upcoming | None:
    """The codes to show from now on: one statement, which reads.

    Returns:
        None for someone who never had one: :func:`begin` first.
    """
    row = session.connection().execute(_KEY, {"customer_id": customer_id}).first()
    if row is None:
        return None
    first = max(_step(at), -1 if row.last_step is None else row.last_step + 1)
    return Upcoming(
        at=at,
        codes=tuple(
            MemberCode(
                code=_code(pepper, row, step),
                shown_from=_EPOCH + step * STEP,
                shown_until=_EPOCH + (step + 1) * STEP,
            )
            for step in range(first, first + steps)
        ),
    )


def begin(session: Session, *, customer_id: str, at: datetime) -> None:
    """Give a member what their codes are made from; nothing happens where they have it."""
    for _ in range(_COLLISIONS_MAX):
        row = {
            "customer_id": customer_id,
            "handle": _new_handle(),
            "salt": secrets.token_bytes(32),
            "last_step": None,
            "created_at": at,
            "renewed_at": None,
        }
        connection = session.connection()
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        made = connection.execute(
            dialect.insert(MemberCodeKey).values(row).on_conflict_do_nothing()
        )
        if made.rowcount or connection.execute(_KEY, {"customer_id": customer_id}).first():
            return
    raise Misuse("no handle is free")


def renew(session: Session, *, customer_id: str, at: datetime) -> None:
    """End every code there is of a member: a phone was lost, or a code was photographed.

    Codes that pages got before their record was merged into the member's name
    the member too, and end with the others. Pages that are open show codes
    that are nobody's from then on, until they are loaded again.
    """
    begin(session, customer_id=customer_id, at=at)
    for key in session.connection().execute(_KEYS, {"customer_id": customer_id}).scalars().all():
        _renew(session, key, at=at)


def _renew(session: Session, customer_id: str, *, at: datetime) -> None:
    for _ in range(_COLLISIONS_MAX):
        handle = _new_handle()
        taken = select(MemberCodeKey.customer_id).where(MemberCodeKey.handle == handle)
        if session.connection().execute(taken).first() is None:
            break
    session.execute(
        update(MemberCodeKey)
        .where(MemberCodeKey.customer_id == customer_id)
        .values(handle=handle, salt=secrets.token_bytes(32), last_step=None, renewed_at=at)
        .execution_options(synchronize_session=False)
    )


def look(
    session: Session,
    *,
    code: str,
    client: str,
    at: datetime,
    pepper: bytes,
    limits: Limits = LIMITS,
) -> MemberLook:
    """Whose code it is, and a count of it where it is nobody's.

    Run it in :func:`portal.orm.recording`. It raises for no code that was
    compared, which would hand the miss back; :meth:`MemberLook.require` and
    :func:`accept` do. It uses nothing up.

    Args:
        client: who asks, for the limit on misses.

    Raises:
        MemberCodeMalformed: it is no member code at all; nothing was counted.
    """
    digits = _normalise(code)
    handle, proof = digits[:HANDLE_DIGITS], digits[HANDLE_DIGITS:-1]
    row = session.connection().execute(_LOCKED, {"handle": handle}).first()
    misses = [
        ("member_code:client", client, limits.client_per_hour, _HOUR),
        ("member_code:site", "site", limits.site_per_hour, _HOUR),
    ]
    if row is not None:
        misses[:0] = [
            ("member_code:handle", handle, limits.handle_per_hour, _HOUR),
            ("member_code:handle:day", handle, limits.handle_per_day, _DAY),
        ]
    for name, whose, limit, window in misses:
        if not budget.has_room(
            session, name=name, subject=whose, limit=limit, window=window, at=at
        ):
            wait = budget.wait_seconds(
                session, name=name, subject=whose, limit=limit, window=window, at=at
            )
            return MemberLook(refusal=TooManyWrongMemberCodes(retry_after_seconds=wait))
    now = _step(at)
    step = None if row is None else _matching(pepper, row, proof, now)
    customer_id = None if row is None else _survivor(session, row.customer_id)
    if row is None or step is None or customer_id is None:
        for name, whose, limit, window in misses:
            budget.take(session, name=name, subject=whose, limit=limit, window=window, at=at)
        return MemberLook(refusal=WrongMemberCode())
    if row.last_step is not None and step <= row.last_step:
        return MemberLook(customer_id=customer_id, refusal=_used(row.last_step))
    if not now - STEPS_BACK <= step <= now + STEPS_EARLY:
        return MemberLook(customer_id=customer_id, refusal=MemberCodeExpired())
    return MemberLook(customer_id=customer_id, key=row.customer_id, handle=handle, step=step)


def accept(session: Session, look: MemberLook) -> None:
    """Use a code up, and every earlier one, in the transaction of what it was shown for.

    Raises:
        WrongMemberCode, MemberCodeExpired, MemberCodeUsed, TooManyWrongMemberCodes.
    """
    look.require()
    used = session.execute(
        update(MemberCodeKey)
        .where(
            MemberCodeKey.customer_id == look.key,
            MemberCodeKey.handle == look.handle,
            or_(MemberCodeKey.last_step.is_(None), MemberCodeKey.last_step < look.step),
        )
        .values(last_step=look.step)
        .execution_options(synchronize_session=False)
    )
    if used.rowcount != 1:  # type: ignore[attr-defined]
        raise _used(look.step)


def _used(last_step: int) -> MemberCodeUsed:
    next_at = _EPOCH + (last_step + 1) * STEP
    return MemberCodeUsed(next_at=next_at.isoformat().replace("+00:00", "Z"))


def _step(at: datetime) -> int:
    return (at - _EPOCH) // STEP


def _normalise(typed: str) -> str:
    digits = codes.digits_of(typed)
    if digits is None or len(digits) != DIGITS or cards.check_digit(digits[:-1]) != digits[-1]:
        raise MemberCodeMalformed()
    return digits


def _new_handle() -> str:
    while (handle := f"{secrets.randbelow(10**HANDLE_DIGITS):0{HANDLE_DIGITS}}").startswith(
        cards.PREFIX
    ):
        continue
    return handle


def _proof(pepper: bytes, row: Any, step: int) -> str:
    number = codes.keyed_number(
        pepper,
        bytes(row.salt) + step.to_bytes(8, "big"),
        use="member_code",
        below=10**PROOF_DIGITS,
    )
    return f"{number:0{PROOF_DIGITS}}"


def _code(pepper: bytes, row: Any, step: int) -> str:
    digits: str = row.handle + _proof(pepper, row, step)
    return digits + cards.check_digit(digits)


def _matching(pepper: bytes, row: Any, proof: str, now: int) -> int | None:
    """The step that the proof is of, nearest to now; None where it is of none."""
    steps = sorted(range(now - EXPLAINED, now + EXPLAINED + 1), key=lambda step: abs(step - now))
    for step in steps:
        if secrets.compare_digest(_proof(pepper, row, step), proof):
            return step
    return None


def _survivor(session: Session, customer_id: str) -> str | None:
    """Who a member is by now; None for someone who was erased."""
    while True:
        person = session.connection().execute(_PERSON, {"id": customer_id}).one()
        if person.merged_into is None:
            return None if person.erased_at is not None else customer_id
        customer_id = person.merged_into
