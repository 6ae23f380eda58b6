"""Members' sessions: opened at sign-in, found on every request, ended by their owner.

A session lasts thirty days in all. Looking is allowed as long as it lasts;
spending only while it is *fresh*: after thirty minutes without activity a
code is asked for again (:mod:`portal.access.proof`).
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import LargeBinary, bindparam, case, delete, insert, select, update
from sqlalchemy.orm import Session, aliased

from portal import members
from portal.access import tokens
from portal.access.errors import SessionNotFound
from portal.access.models import MemberSession
from portal.members.models import Customer
from portal.orm import UtcDateTime, new_id

LIFETIME = timedelta(days=30)
FRESH_FOR = timedelta(minutes=30)
"""How long without activity until spending needs a code again."""
TOUCH_EVERY = timedelta(minutes=1)
"""Activity is written down at most this often, so that reading a page stays a read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A new session. The token is for the browser's cookie, and is not kept here."""

    token: str = field(repr=False)
    session_id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberIdentity:
    """Who is signed in.

    Attributes:
        customer_id: the person; for a merged one, the survivor.
        proved_at: when a code last proved it.
        fresh: whether they may spend without a new code.
        touch_due: whether :func:`touch` would write anything.
    """

    session_id: str
    customer_id: str
    first_name: str | None
    language: str | None
    program_id: str | None
    proved_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    fresh: bool
    touch_due: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """One of a member's open sessions, as its owner sees it."""

    id: str
    user_agent: str | None
    address: str | None
    last_seen_at: datetime
    created_at: datetime
    expires_at: datetime


_survivor = aliased(Customer)
_FIND = (
    select(
        MemberSession.id,
        MemberSession.program_id,
        MemberSession.proved_at,
        MemberSession.fresh_until,
        MemberSession.last_seen_at,
        MemberSession.expires_at,
        Customer.id.label("customer_id"),
        Customer.first_name,
        Customer.language,
        Customer.merged_into,
        _survivor.first_name.label("survivor_first_name"),
        _survivor.language.label("survivor_language"),
        _survivor.merged_into.label("survivor_merged_into"),
        _survivor.erased_at.label("survivor_erased_at"),
    )
    .join(Customer, Customer.id == MemberSession.customer_id)
    .outerjoin(_survivor, _survivor.id == Customer.merged_into)
    .where(
        MemberSession.token_digest == bindparam("digest", type_=LargeBinary()),
        MemberSession.ended_at.is_(None),
        MemberSession.expires_at > bindparam("at", type_=UtcDateTime()),
        Customer.erased_at.is_(None),
    )
)


def open(
    session: Session,
    *,
    customer_id: str,
    at: datetime,
    program_id: str | None = None,
    user_agent: str | None = None,
    address: str | None = None,
) -> Opened:
    """A new session for someone who has just proved who they are.

    Args:
        program_id: whose pages it shows first.
        user_agent, address: where from, shown to its owner.
    """
    opened = Opened(token=tokens.new_token(), session_id=new_id("ses"), expires_at=at + LIFETIME)
    session.execute(
        insert(MemberSession).values(
            id=opened.session_id,
            token_digest=tokens.digest(opened.token),
            customer_id=customer_id,
            program_id=program_id,
            user_agent=user_agent[:200] if user_agent else None,
            address=address[:45] if address else None,
            proved_at=at,
            fresh_until=at + FRESH_FOR,
            last_seen_at=at,
            expires_at=opened.expires_at,
            created_at=at,
        )
    )
    return opened


def find(session: Session, *, token: str, at: datetime) -> MemberIdentity | None:
    """Who holds this token, with one statement; None where it opens nothing (any more)."""
    if not 0 < len(token) <= tokens.TOKEN_LENGTH_MAX or not token.isascii():
        return None
    row = session.execute(_FIND, {"digest": tokens.digest(token), "at": at}).one_or_none()
    if row is None or row.survivor_erased_at is not None:
        return None
    customer_id, first_name, language = row.customer_id, row.first_name, row.language
    if row.merged_into is not None:
        customer_id = row.merged_into
        first_name, language = row.survivor_first_name, row.survivor_language
    if row.survivor_merged_into is not None:
        # Merged more than once since: rare enough for a statement of its own.
        survivor = members.customer(session, row.survivor_merged_into)
        if survivor.erased_at is not None:
            return None
        customer_id, first_name, language = survivor.id, survivor.first_name, survivor.language
    return MemberIdentity(
        session_id=row.id,
        customer_id=customer_id,
        first_name=first_name,
        language=language,
        program_id=row.program_id,
        proved_at=row.proved_at,
        last_seen_at=row.last_seen_at,
        expires_at=row.expires_at,
        fresh=at <= row.fresh_until,
        touch_due=at - row.last_seen_at >= TOUCH_EVERY,
    )


def touch(session: Session, *, session_id: str, at: datetime) -> None:
    """Note activity, at most once a minute. A session that is no longer fresh stays so."""
    session.execute(
        update(MemberSession)
        .where(
            MemberSession.id == session_id,
            MemberSession.ended_at.is_(None),
            MemberSession.last_seen_at <= at - TOUCH_EVERY,
        )
        .values(
            last_seen_at=at,
            fresh_until=case(
                (MemberSession.fresh_until >= at, at + FRESH_FOR),
                else_=MemberSession.fresh_until,
            ),
        )
        .execution_options(synchronize_session=False)
    )


def prove(session: Session, *, session_id: str, at: datetime) -> None:
    """Make a session fresh again, because a code has just proved its owner."""
    session.execute(
        update(MemberSession)
        .where(MemberSession.id == session_id, MemberSession.ended_at.is_(None))
        .values(proved_at=at, last_seen_at=at, fresh_until=at + FRESH_FOR)
        .execution_options(synchronize_session=False)
    )


def choose_program(session: Session, *, session_id: str, program_id: str) -> None:
    """Remember which program's pages this session shows."""
    session.execute(
        update(MemberSession)
        .where(MemberSession.id == session_id, MemberSession.ended_at.is_(None))
        .values(program_id=program_id)
        .execution_options(synchronize_session=False)
    )


def list(session: Session, *, customer_id: str, at: datetime) -> tuple[SessionView, ...]:
    """A member's open sessions, the latest used first."""
    rows = session.execute(
        select(
            MemberSession.id,
            MemberSession.user_agent,
            MemberSession.address,
            MemberSession.last_seen_at,
            MemberSession.created_at,
            MemberSession.expires_at,
        )
        .where(
            MemberSession.customer_id == customer_id,
            MemberSession.ended_at.is_(None),
            MemberSession.expires_at > at,
        )
        .order_by(MemberSession.last_seen_at.desc(), MemberSession.id.desc())
    )
    return tuple(SessionView(**row._mapping) for row in rows)


def end(session: Session, *, session_id: str, customer_id: str, at: datetime) -> None:
    """End one session; only its owner can.

    Raises:
        SessionNotFound: it is not an open session of this customer.
    """
    if _end(session, at, MemberSession.id == session_id, MemberSession.customer_id == customer_id):
        return
    raise SessionNotFound()


def end_all(
    session: Session, *, customer_id: str, at: datetime, except_session_id: str | None = None
) -> int:
    """End all of a member's sessions, or all but the one they are using; returns how many."""
    conditions = [MemberSession.customer_id == customer_id]
    if except_session_id is not None:
        conditions.append(MemberSession.id != except_session_id)
    return _end(session, at, *conditions)


def _end(session: Session, at: datetime, *conditions: object) -> int:
    ended = session.execute(
        update(MemberSession)
        .where(*conditions, MemberSession.ended_at.is_(None))  # type: ignore[arg-type]
        .values(ended_at=at)
        .execution_options(synchronize_session=False)
    )
    return int(ended.rowcount)  # type: ignore[attr-defined]


def purge(session: Session, *, before: datetime) -> int:
    """Delete sessions that ended or ran out before then; returns how many."""
    gone = session.execute(
        delete(MemberSession).where(
            (MemberSession.expires_at < before) | (MemberSession.ended_at < before)
        )
    )
    return int(gone.rowcount)  # type: ignore[attr-defined]
