"""Limits that matter, counted in the database: so much per window, whoever asks where.

A window slides: what was used in the one before still counts, in proportion
to how much of it lies within the last ``window``. So nobody gets twice the
limit by asking at the turn of an hour.

The count goes up in the caller's transaction. Where it must survive a refusal
that comes after it (a look-up that finds nobody), the edge runs it in
:func:`portal.orm.recording`.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from math import ceil
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    String,
    Table,
    bindparam,
    delete,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from portal.codes.errors import LimitReached
from portal.codes.models import Budget
from portal.errors import Misuse, TooMany
from portal.orm import UtcDateTime

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STEP = timedelta(milliseconds=1)
_KEY = ("name", "subject", "window_started_at")


@dataclass(frozen=True, slots=True)
class _Window:
    """The window that ``at`` lies in, and the one before it."""

    started_at: datetime
    length: timedelta
    remaining: timedelta

    @classmethod
    def around(cls, at: datetime, length: timedelta) -> "_Window":
        if length < _STEP:
            raise Misuse(f"a window must be a millisecond or longer, not {length}")
        passed = (at - _EPOCH) % length
        return cls(at - passed, length, length - passed)

    @property
    def previous(self) -> datetime:
        return self.started_at - self.length


def take(
    session: Session,
    *,
    name: str,
    subject: str,
    limit: int,
    window: timedelta,
    at: datetime,
    cost: int = 1,
) -> bool:
    """Use ``cost`` of a limit, if that much is left; one statement, safe at any concurrency.

    Args:
        name: which limit, e.g. ``code:destination``.
        subject: whose: an id, ``site``, or a keyed digest of what must not be readable.
        limit: how much may be used in any ``window``.
        window: how far back use counts.
        cost: how much this takes, above zero.

    Returns:
        Whether there was enough left; if not, nothing was used.
    """
    if cost < 1:
        raise Misuse(f"a cost must be above zero, not {cost}")
    around = _Window.around(at, window)
    used = session.execute(
        _statement(session.get_bind().dialect.name),
        {
            "b_name": name,
            "b_subject": subject,
            "b_started": around.started_at,
            "b_before": around.previous,
            "b_ends": around.started_at + 2 * window,
            "b_cost": cost,
            "b_room": limit - cost,
            "b_window": window // _STEP,
            "b_remaining": around.remaining // _STEP,
        },
    ).scalar_one_or_none()
    return used is not None


def spend(
    session: Session,
    *,
    name: str,
    subject: str,
    limit: int,
    window: timedelta,
    at: datetime,
    cost: int = 1,
    error: type[TooMany] = LimitReached,
) -> None:
    """Use ``cost`` of a limit, or refuse; arguments as for :func:`take`.

    Raises:
        TooMany: ``error``, with ``limit`` and ``retry_after_seconds``; nothing was used.
    """
    if not take(session, name=name, subject=subject, limit=limit, window=window, at=at, cost=cost):
        seconds = wait_seconds(
            session, name=name, subject=subject, limit=limit, window=window, at=at, cost=cost
        )
        raise error(limit=limit, retry_after_seconds=seconds)


def wait_seconds(
    session: Session,
    *,
    name: str,
    subject: str,
    limit: int,
    window: timedelta,
    at: datetime,
    cost: int = 1,
) -> int:
    """How long until ``cost`` of the limit is free again, in whole seconds, rounded up."""
    around = _Window.around(at, window)
    used = _used(session, name, subject, around)
    now, before = used.get(around.started_at, 0), used.get(around.previous, 0)
    # Within this window, or else in the next, when what counts now begins to slide out.
    if now + cost <= limit:
        slid_out_at, weighing, free = around.started_at + window, before, limit - cost - now
    else:
        slid_out_at, weighing, free = around.started_at + 2 * window, now, max(limit - cost, 0)
    free_at = slid_out_at if weighing == 0 else slid_out_at - window * free / weighing
    return max(ceil((free_at - at).total_seconds()), 0)


def has_room(
    session: Session,
    *,
    name: str,
    subject: str,
    limit: int,
    window: timedelta,
    at: datetime,
    cost: int = 1,
) -> bool:
    """Whether ``cost`` of a limit is left; uses nothing. Arguments as for :func:`take`.

    For what costs only where it fails. Two that look at once both see the
    last room, unless the caller lets one wait for the other.
    """
    around = _Window.around(at, window)
    used = _used(session, name, subject, around)
    before = used.get(around.previous, 0)
    carried = -(-before * (around.remaining // _STEP) // (window // _STEP))
    return used.get(around.started_at, 0) + carried + cost <= limit


def _used(session: Session, name: str, subject: str, around: _Window) -> dict[datetime, int]:
    rows = session.execute(
        select(Budget.window_started_at, Budget.used).where(
            Budget.name == name,
            Budget.subject == subject,
            Budget.window_started_at.in_([around.started_at, around.previous]),
        )
    )
    return {row.window_started_at: row.used for row in rows}


def purge(session: Session, *, at: datetime) -> int:
    """Delete counts that no limit asks for any more; returns how many."""
    gone = session.execute(delete(Budget).where(Budget.ends_at <= at))
    return int(gone.rowcount)  # type: ignore[attr-defined]


def _whole(name: str) -> BindParameter[int]:
    return bindparam(name, type_=BigInteger())


@cache
def _statement(dialect: str) -> Any:
    """Insert or raise the count, only where the limit leaves room; built once an engine."""
    budget = cast(Table, Budget.__table__)
    previous = budget.alias("previous")
    window, room = _whole("b_window"), _whole("b_room")
    weighed = (previous.c.used * _whole("b_remaining") + window - 1) // window
    carried: ColumnElement[int] = func.coalesce(
        select(weighed)
        .where(
            previous.c.name == bindparam("b_name", type_=String()),
            previous.c.subject == bindparam("b_subject", type_=String()),
            previous.c.window_started_at == bindparam("b_before", type_=UtcDateTime()),
        )
        .scalar_subquery(),
        0,
    )
    row = select(
        bindparam("b_name", type_=String()),
        bindparam("b_subject", type_=String()),
        bindparam("b_started", type_=UtcDateTime()),
        _whole("b_cost"),
        bindparam("b_ends", type_=UtcDateTime()),
    ).where(carried <= room)
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement = insert(budget).from_select([*_KEY, "used", "ends_at"], row)
    return statement.on_conflict_do_update(
        index_elements=list(_KEY),
        set_={"used": budget.c.used + statement.excluded.used},
        where=budget.c.used + carried <= room,
    ).returning(budget.c.used)
