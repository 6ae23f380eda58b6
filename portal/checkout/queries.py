"""Reads across accounts: lists of them, and a person's events in every program."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, select, tuple_
from sqlalchemy.orm import Session

from portal import ledger
from portal.ledger import EntryView, EventView
from portal.ledger.errors import InvalidCursor
from portal.ledger.history import entry_view, event_view
from portal.ledger.models import Account, AccountStatus, Entry, Event, EventDetail
from portal.ledger.reading import lineage

# Named as ledger.history.event_view reads them.
_event_columns: list[Any] = [
    column.label(f"told_{column.name}")
    for column in Event.__table__.columns
    if column.name not in ("digest", "detail_digest")
]
_CLOSED_LAST = case((Account.status == AccountStatus.CLOSED.value, 1), else_=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPage:
    """Ids of accounts."""

    ids: tuple[str, ...]
    next_cursor: str | None


def accounts(
    session: Session,
    *,
    customer_id: str | None = None,
    household_id: str | None = None,
    program_id: str | None = None,
    limit: int,
    cursor: str | None = None,
) -> AccountPage:
    """A page of accounts, merged ones left out; of a holder, closed ones come last.

    Args:
        customer_id: the holder, where only theirs are meant; or ``household_id``.

    Raises:
        InvalidCursor: it was not given out here.
    """
    wanted = select(_CLOSED_LAST, Account.id).where(Account.status != AccountStatus.MERGED.value)
    if program_id is not None:
        wanted = wanted.where(Account.program_id == program_id)
    # All accounts are listed by id alone, which an index has in order.
    order: list[Any] = [Account.id]
    held = customer_id is not None or household_id is not None
    if held:
        order = [_CLOSED_LAST, Account.id]
    if customer_id is not None:
        wanted = wanted.where(Account.customer_id == customer_id)
    if household_id is not None:
        wanted = wanted.where(Account.household_id == household_id)
    if cursor is not None:
        rank, after = _read_cursor(cursor)
        if rank not in ("0", "1"):
            raise InvalidCursor(field="cursor")
        place: list[Any] = [int(rank), after] if held else [after]
        wanted = wanted.where(tuple_(*order) > tuple_(*place))
    rows = session.connection().execute(wanted.order_by(*order).limit(limit + 1)).all()
    shown = rows[:limit]
    return AccountPage(
        ids=tuple(row.id for row in shown),
        next_cursor=_write_cursor(*shown[-1]) if len(rows) > limit else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerEntry:
    """What an event did to one of a person's accounts."""

    entry: EntryView
    program_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerEvent:
    """One event with all that it did to a person's accounts. ``net``: credits less debits."""

    event: EventView
    entries: tuple[CustomerEntry, ...]
    net: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerEventPage:
    """A page of events, newest first."""

    events: tuple[CustomerEvent, ...]
    next_cursor: str | None


def customer_events(
    session: Session,
    *,
    customer_id: str,
    limit: int,
    cursor: str | None = None,
    program: str | None = None,
    store: str | None = None,
    till: str | None = None,
    category: str | None = None,
    kind: str | None = None,
    occurred_from: datetime | None = None,
    occurred_to: datetime | None = None,
) -> CustomerEventPage:
    """What happened to a person's points in every program, newest first (003).

    Events are shown whole: with ``category`` or ``kind``, those that have
    such an entry.

    Raises:
        InvalidCursor: it was not given out here.
    """
    held = {
        account_id: account.program_id
        for account in ledger.accounts_of(session, customer_id=customer_id)
        if account.status != AccountStatus.MERGED and program in (None, account.program_id)
        for account_id in lineage(session, account.id)
    }
    mine = Entry.account_id.in_(list(held))
    wanted = select(Entry.occurred_at, Entry.event_id).where(mine).distinct()
    if store is not None or till is not None:
        wanted = wanted.join(Event, Event.id == Entry.event_id)
    conditions: list[Any] = []
    if store is not None:
        conditions.append(Event.store == store)
    if till is not None:
        conditions.append(Event.till == till)
    if category is not None:
        conditions.append(Entry.category == category)
    if kind is not None:
        conditions.append(Entry.amount > 0 if kind == "credit" else Entry.amount < 0)
    if occurred_from is not None:
        conditions.append(Entry.occurred_at >= occurred_from)
    if occurred_to is not None:
        conditions.append(Entry.occurred_at < occurred_to)
    if cursor is not None:
        conditions.append(tuple_(Entry.occurred_at, Entry.event_id) < _event_place(cursor))
    rows = (
        session.connection()
        .execute(
            wanted.where(*conditions)
            .order_by(Entry.occurred_at.desc(), Entry.event_id.desc())
            .limit(limit + 1)
        )
        .all()
    )
    shown = rows[:limit]
    return CustomerEventPage(
        events=tuple(_events(session, [row.event_id for row in shown], mine, held)),
        next_cursor=_write_cursor(shown[-1].occurred_at.isoformat(), shown[-1].event_id)
        if len(rows) > limit
        else None,
    )


def _events(
    session: Session, ids: Sequence[str], mine: Any, held: dict[str, str]
) -> list[CustomerEvent]:
    if not ids:
        return []
    statement: Any = (
        select(
            Entry.__table__,
            *_event_columns,
            EventDetail.note.label("told_note"),
            EventDetail.details.label("told_metadata"),
        )
        .join(Event, Event.id == Entry.event_id)
        .outerjoin(EventDetail, EventDetail.event_id == Entry.event_id)
        .where(mine, Entry.event_id.in_(ids))
        .order_by(Entry.account_id, Entry.sequence)
    )
    by_event: dict[str, list[Any]] = {event_id: [] for event_id in ids}
    for row in session.connection().execute(statement).mappings():
        by_event[row["event_id"]].append(row)
    return [
        CustomerEvent(
            event=event_view(rows[0]),
            entries=tuple(
                CustomerEntry(
                    entry=entry_view(row, expires_at=None), program_id=held[row["account_id"]]
                )
                for row in rows
            ),
            net=sum(row["amount"] for row in rows),
        )
        for rows in by_event.values()
    ]


def _event_place(cursor: str) -> Any:
    when, event_id = _read_cursor(cursor)
    try:
        moment = datetime.fromisoformat(when)
    except ValueError as error:
        raise InvalidCursor(field="cursor") from error
    if moment.tzinfo is None:
        raise InvalidCursor(field="cursor")
    return tuple_(moment, event_id)


def _write_cursor(*parts: Any) -> str:
    written = "|".join(str(part) for part in parts)
    return urlsafe_b64encode(written.encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[str, str]:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        first, last = urlsafe_b64decode(padded).decode("ascii").split("|")
    except (ValueError, binascii.Error) as error:
        raise InvalidCursor(field="cursor") from error
    if not last.isprintable():
        raise InvalidCursor(field="cursor")
    return first, last
