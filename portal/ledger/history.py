"""An account's history: pages by keyset, and the story behind each line."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import bindparam, exists, func, select, tuple_, union_all
from sqlalchemy.orm import Session

from portal.ledger.book import order_facts
from portal.ledger.errors import EntryNotFound, InvalidCursor
from portal.ledger.models import (
    NEVER,
    Allocation,
    Category,
    Entry,
    EntryType,
    Event,
    EventDetail,
    Lot,
)
from portal.ledger.queries import pending_lines, settled
from portal.ledger.reading import AnySelect, lineage
from portal.ledger.values import (
    EntryView,
    EventView,
    HistoryLine,
    HistoryPage,
    LotPart,
    Story,
    Use,
    entry_id,
    entry_key,
)

USES_MAX = 50
"""How many debits a story lists for a credit whose lots were used often."""

_event_columns: list[Any] = [
    column.label(f"told_{column.name}")
    for column in Event.__table__.columns
    if column.name not in ("digest", "detail_digest")
]
_LINES: AnySelect = (
    select(
        Entry.__table__,
        *_event_columns,
        EventDetail.note.label("told_note"),
        EventDetail.details.label("told_metadata"),
    )
    .join(Event, Event.id == Entry.event_id)
    .outerjoin(EventDetail, EventDetail.event_id == Entry.event_id)
)
_LINE = _LINES.where(
    Entry.account_id == bindparam("account_id"), Entry.sequence == bindparam("sequence")
)
_REVERSED_BY = (
    select(Entry.reverses, Entry.account_id, Entry.sequence)
    .where(Entry.reverses.in_(bindparam("ids", expanding=True)))
    .order_by(Entry.account_id, Entry.sequence)
)
_EXPIRIES = (
    select(Lot.account_id, Lot.entry_sequence, func.min(Lot.expires_at).label("expires_at"))
    .where(
        tuple_(Lot.account_id, Lot.entry_sequence).in_(bindparam("keys", expanding=True)),
    )
    .group_by(Lot.account_id, Lot.entry_sequence)
)
_lot_columns: list[Any] = [
    Lot.account_id,
    Lot.number,
    Lot.entry_sequence,
    Lot.earned_at,
    Lot.expires_at,
    Lot.origin_account_id,
    Lot.origin_number,
]
_TAKEN: AnySelect = (
    select(*_lot_columns, Allocation.points)
    .join(Lot, (Lot.account_id == Allocation.account_id) & (Lot.number == Allocation.lot_number))
    .where(
        Allocation.account_id == bindparam("account_id"),
        Allocation.entry_sequence == bindparam("sequence"),
    )
    .order_by(Lot.expires_at, Lot.earned_at, Lot.number)
)
_OPENED: AnySelect = (
    select(*_lot_columns, Lot.earned.label("points"))
    .where(Lot.account_id == bindparam("account_id"), Lot.entry_sequence == bindparam("sequence"))
    .order_by(Lot.expires_at, Lot.earned_at, Lot.number)
)
_LOTS: AnySelect = select(*_lot_columns).where(
    tuple_(Lot.account_id, Lot.number).in_(bindparam("keys", expanding=True))
)
_OPENERS: AnySelect = _LINES.where(
    tuple_(Entry.account_id, Entry.sequence).in_(bindparam("keys", expanding=True))
)
_USES = (
    select(Allocation.debit_sequence, func.sum(Allocation.points), func.min(Entry.occurred_at))
    .join(Lot, (Lot.account_id == Allocation.account_id) & (Lot.number == Allocation.lot_number))
    .join(
        Entry,
        (Entry.account_id == Allocation.account_id) & (Entry.sequence == Allocation.debit_sequence),
    )
    .where(Lot.account_id == bindparam("account_id"), Lot.entry_sequence == bindparam("sequence"))
    .group_by(Allocation.debit_sequence)
    .having(func.sum(Allocation.points) != 0)
    .order_by(Allocation.debit_sequence)
    .limit(USES_MAX)
)


def history(
    session: Session,
    *,
    account_id: str,
    at: datetime,
    types: Sequence[EntryType] = (),
    category: Category | None = None,
    kind: Literal["credit", "debit"] | None = None,
    store: str | None = None,
    till: str | None = None,
    occurred_from: datetime | None = None,
    occurred_to: datetime | None = None,
    expires_from: datetime | None = None,
    expires_to: datetime | None = None,
    limit: int = 20,
    cursor: str | None = None,
) -> HistoryPage:
    """A page of an account's entries, newest first, those of merged accounts among them.

    The first page of an unfiltered history also has what is due and not
    booked yet. A page costs the same however deep it lies.

    Args:
        occurred_from: at or after; ``occurred_to``: before.
        expires_from: of the lots a credit opened, likewise.
        cursor: the ``next_cursor`` of the page before.

    Raises:
        AccountNotFound: there is no such account.
        InvalidCursor: it was not given out here.
    """
    filters: list[Any] = []
    if types:
        filters.append(Entry.type.in_([str(type) for type in types]))
    if category is not None:
        filters.append(Entry.category == str(category))
    if kind is not None:
        filters.append(Entry.amount > 0 if kind == "credit" else Entry.amount < 0)
    if store is not None:
        filters.append(Event.store == store)
    if till is not None:
        filters.append(Event.till == till)
    if occurred_from is not None:
        filters.append(Entry.occurred_at >= occurred_from)
    if occurred_to is not None:
        filters.append(Entry.occurred_at < occurred_to)
    if expires_from is not None or expires_to is not None:
        lot = [Lot.account_id == Entry.account_id, Lot.entry_sequence == Entry.sequence]
        if expires_from is not None:
            lot.append(Lot.expires_at >= expires_from)
        if expires_to is not None:
            lot.append(Lot.expires_at < expires_to)
        filters.append(exists().where(*lot))
    book = settled(session, account_id, at=at)
    pending = pending_lines(book) if cursor is None and not filters else ()
    accounts = lineage(session, account_id)
    position = _read_cursor(cursor) if cursor is not None else None
    rows = _page(session, accounts, filters, position, limit + 1)
    more = len(rows) > limit
    rows = rows[:limit]
    return HistoryPage(
        lines=tuple(_lines(session, rows)),
        pending=pending,
        next_cursor=_write_cursor(rows[-1]) if more else None,
    )


def _page(
    session: Session,
    accounts: Sequence[str],
    filters: Sequence[Any],
    position: tuple[datetime, str, int] | None,
    limit: int,
) -> list[Mapping[Any, Any]]:
    pages: list[Any] = []
    for account_id in accounts:
        page = _LINES.where(Entry.account_id == account_id, *filters)
        if position is not None:
            when, of_account, sequence = position
            if account_id == of_account:
                page = page.where(
                    tuple_(Entry.occurred_at, Entry.sequence) < tuple_(when, sequence)
                )
            elif account_id < of_account:
                page = page.where(Entry.occurred_at <= when)
            else:
                page = page.where(Entry.occurred_at < when)
        pages.append(page.order_by(Entry.occurred_at.desc(), Entry.sequence.desc()).limit(limit))
    connection = session.connection()
    if len(pages) == 1:
        return list(connection.execute(pages[0]).mappings())
    together = union_all(*(page.subquery().select() for page in pages)).subquery()
    c = together.c
    merged = (
        select(together)
        .order_by(c.occurred_at.desc(), c.account_id.desc(), c.sequence.desc())
        .limit(limit)
    )
    return list(connection.execute(merged).mappings())


def _write_cursor(row: Mapping[Any, Any]) -> str:
    written = f"{row['occurred_at'].isoformat()}|{row['account_id']}|{row['sequence']}"
    return urlsafe_b64encode(written.encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[datetime, str, int]:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        when, account_id, sequence = urlsafe_b64decode(padded).decode("ascii").split("|")
        instant, number = datetime.fromisoformat(when), int(sequence)
        if instant.tzinfo is None or not 0 <= number < 2**63:
            raise ValueError(cursor)
        return instant.astimezone(UTC), account_id, number
    except (ValueError, binascii.Error, OverflowError) as error:
        raise InvalidCursor(field="cursor") from error


def _lines(session: Session, rows: Sequence[Mapping[Any, Any]]) -> Iterable[HistoryLine]:
    if not rows:
        return
    connection = session.connection()
    keys = [(row["account_id"], row["sequence"]) for row in rows]
    ids = [entry_id(*key) for key in keys]
    reversed_by: dict[str, list[str]] = {}
    for reverses, account_id, sequence in connection.execute(_REVERSED_BY, {"ids": ids}):
        reversed_by.setdefault(str(reverses), []).append(entry_id(account_id, sequence))
    expiries = {
        (row.account_id, row.entry_sequence): row.expires_at
        for row in connection.execute(_EXPIRIES, {"keys": keys})
    }
    for row, key, public_id in zip(rows, keys, ids, strict=True):
        yield HistoryLine(
            entry=entry_view(row, expires_at=expiries.get(key)),
            event=event_view(row),
            reversed_by=tuple(reversed_by.get(public_id, ())),
        )


def entry_view(row: Mapping[Any, Any], *, expires_at: datetime | None) -> EntryView:
    """An entry's row as a value."""
    return EntryView(
        id=entry_id(row["account_id"], row["sequence"]),
        account_id=row["account_id"],
        sequence=row["sequence"],
        event_id=row["event_id"],
        type=EntryType(row["type"]),
        category=Category(row["category"]),
        amount=row["amount"],
        balance_after=row["balance_after"],
        lifetime_delta=row["lifetime_delta"],
        reverses=row["reverses"],
        program_version=row["program_version"],
        late=row["late"],
        occurred_at=row["occurred_at"],
        recorded_at=row["recorded_at"],
        expires_at=None if expires_at == NEVER else expires_at,
    )


def event_view(row: Mapping[Any, Any]) -> EventView:
    """The event's part of a history row as a value."""
    event = {
        name.removeprefix("told_"): value for name, value in row.items() if name.startswith("told_")
    }
    return EventView(
        id=event["id"],
        name=event["name"],
        origin=event["origin"],
        reason=event["reason"],
        store=event["store"],
        till=event["till"],
        order=order_facts(event),
        actor=event["actor"],
        note=event["note"],
        metadata=event["metadata"] or {},
        occurred_at=event["occurred_at"],
        recorded_at=event["recorded_at"],
    )


def story(session: Session, *, entry_id: str) -> Story:
    """One line with the lots it took from or opened, to where the points first came from.

    Raises:
        EntryNotFound: there is no such entry.
    """
    key = entry_key(entry_id)
    connection = session.connection()
    parameters = {"account_id": key[0], "sequence": key[1]} if key else None
    row = connection.execute(_LINE, parameters).mappings().first() if parameters else None
    if row is None:
        raise EntryNotFound()
    (line,) = _lines(session, [row])
    credit = row["amount"] > 0
    parts: list[Mapping[Any, Any]] = list(connection.execute(_TAKEN, parameters).mappings())
    if credit:
        # What a reversal put back is told as a credit of those lots.
        parts = [{**part, "points": -part["points"]} for part in parts if part["points"] < 0]
        parts += list(connection.execute(_OPENED, parameters).mappings())
    roots = _roots(session, parts)
    openers = {
        (opener["account_id"], opener["sequence"]): opener
        for opener in _in(
            session, _OPENERS, {(r["account_id"], r["entry_sequence"]) for r in roots}
        )
    }
    lots = []
    for part, root in zip(parts, roots, strict=True):
        opener = openers.get((root["account_id"], root["entry_sequence"]))
        lots.append(
            LotPart(
                points=part["points"],
                earned_at=part["earned_at"],
                expires_at=None if part["expires_at"] == NEVER else part["expires_at"],
                opened_by=_entry_id(root["account_id"], root["entry_sequence"]),
                event=event_view(opener) if opener else None,
            )
        )
    uses = connection.execute(_USES, parameters).all() if credit else []
    return Story(
        line=line,
        lots=tuple(lots),
        used_by=tuple(
            Use(entry_id=_entry_id(row["account_id"], debit), points=int(points), occurred_at=when)
            for debit, points, when in uses
        ),
    )


_entry_id = entry_id


def _in(
    session: Session, statement: AnySelect, keys: set[tuple[str, int]]
) -> list[Mapping[Any, Any]]:
    if not keys:
        return []
    return list(session.connection().execute(statement, {"keys": sorted(keys)}).mappings())


def _roots(session: Session, parts: Sequence[Mapping[Any, Any]]) -> list[Mapping[Any, Any]]:
    """For each lot, the one its points were first opened in, followed all together."""
    roots: list[Mapping[Any, Any]] = list(parts)
    while True:
        origins = {
            (root["origin_account_id"], root["origin_number"])
            for root in roots
            if root["origin_account_id"] is not None
        }
        found = {(lot["account_id"], lot["number"]): lot for lot in _in(session, _LOTS, origins)}
        if not found:
            return roots
        roots = [
            found.get((root["origin_account_id"], root["origin_number"]), root) for root in roots
        ]
