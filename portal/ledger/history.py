"""An account's history: pages by keyset, and the story behind each line."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import (
    bindparam,
    cast,
    exists,
    func,
    literal_column,
    null,
    select,
    tuple_,
    union_all,
)
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
    Redemption,
    RedemptionPurpose,
    RedemptionStatus,
)
from portal.ledger.queries import pending_lines, settled
from portal.ledger.reading import AnySelect, lineage
from portal.ledger.values import (
    EntryView,
    EventView,
    HistoryLine,
    HistoryPage,
    LotPart,
    Spending,
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
_spending_columns: list[Any] = [
    column.label(f"spent_{column.name}")
    for column in Redemption.__table__.columns
    if column.name
    in ("id", "purpose", "status", "points_reversed", "value", "currency", "held_until")
]
_LINES: AnySelect = (
    select(
        Entry.__table__,
        *_event_columns,
        *_spending_columns,
        EventDetail.note.label("told_note"),
        EventDetail.details.label("told_metadata"),
    )
    .join(Event, Event.id == Entry.event_id)
    .outerjoin(EventDetail, EventDetail.event_id == Entry.event_id)
    # By the moment too, which is the same for both: that is what the index knows.
    .outerjoin(
        Redemption,
        (Redemption.account_id == Entry.account_id)
        & (Redemption.created_at == Entry.recorded_at)
        & (Redemption.entry_sequence == Entry.sequence),
    )
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
_part_columns: list[Any] = [
    Lot.account_id,
    Lot.number,
    Lot.entry_sequence,
    Lot.earned_at,
    Lot.expires_at,
    Lot.origin_account_id,
    Lot.origin_number,
]
_of_entry: tuple[Any, Any] = (bindparam("account_id"), bindparam("sequence"))
_parts = union_all(
    select(literal_column("0").label("opened"), *_part_columns, Allocation.points)
    .join(Lot, (Lot.account_id == Allocation.account_id) & (Lot.number == Allocation.lot_number))
    .where(Allocation.account_id == _of_entry[0], Allocation.entry_sequence == _of_entry[1]),
    select(literal_column("1"), *_part_columns, Lot.earned).where(
        Lot.account_id == _of_entry[0], Lot.entry_sequence == _of_entry[1]
    ),
).cte("part")
_line_back = select(
    _parts.c.account_id.label("of_account_id"),
    _parts.c.number.label("of_number"),
    _parts.c.account_id,
    _parts.c.entry_sequence,
    _parts.c.origin_account_id,
    _parts.c.origin_number,
).cte("line_back", recursive=True)
# Moved points are followed to the lot in which they were first opened.
_line_back = _line_back.union(
    select(
        _line_back.c.of_account_id,
        _line_back.c.of_number,
        Lot.account_id,
        Lot.entry_sequence,
        Lot.origin_account_id,
        Lot.origin_number,
    ).join(
        Lot,
        (Lot.account_id == _line_back.c.origin_account_id)
        & (Lot.number == _line_back.c.origin_number),
    )
)
_PARTS: AnySelect = (
    _LINES.add_columns(
        *(column.label(f"part_{column.name}") for column in _parts.c),
    )
    .join(
        _line_back,
        (_line_back.c.account_id == Entry.account_id)
        & (_line_back.c.entry_sequence == Entry.sequence)
        & _line_back.c.origin_account_id.is_(None),
    )
    .join(
        _parts,
        (_parts.c.account_id == _line_back.c.of_account_id)
        & (_parts.c.number == _line_back.c.of_number),
    )
    .order_by(_parts.c.opened, _parts.c.expires_at, _parts.c.earned_at, _parts.c.number)
)
_uses = (
    select(
        literal_column("NULL").label("reversal_of"),
        Allocation.account_id,
        Allocation.debit_sequence.label("sequence"),
        func.sum(Allocation.points).label("points"),
        func.min(Entry.occurred_at).label("occurred_at"),
    )
    .join(Lot, (Lot.account_id == Allocation.account_id) & (Lot.number == Allocation.lot_number))
    .join(
        Entry,
        (Entry.account_id == Allocation.account_id) & (Entry.sequence == Allocation.debit_sequence),
    )
    .where(Lot.account_id == _of_entry[0], Lot.entry_sequence == _of_entry[1])
    .group_by(Allocation.account_id, Allocation.debit_sequence)
    .having(func.sum(Allocation.points) != 0)
    .order_by(Allocation.debit_sequence)
    .limit(USES_MAX)
    .subquery()
)
_AFTERWARDS = union_all(
    select(_uses),
    select(
        Entry.reverses,
        Entry.account_id,
        Entry.sequence,
        cast(null(), Entry.amount.type),
        Entry.occurred_at,
    ).where(Entry.reverses == bindparam("entry_id")),
).order_by("account_id", "sequence")


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
    merged: Sequence[str] | None = None,
) -> HistoryPage:
    """A page of an account's entries, newest first, those of merged accounts among them.

    The first page of an unfiltered history also has what is due and not
    booked yet. A page costs the same however deep it lies.

    Args:
        occurred_from: at or after; ``occurred_to``: before.
        expires_from: of the lots a credit opened, likewise.
        cursor: the ``next_cursor`` of the page before.
        merged: the account and all that were merged into it, where the caller has read that in
            this very transaction.

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
    accounts = merged or lineage(session, account_id)
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
            spending=spending(row),
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


def spending(row: Mapping[Any, Any]) -> Spending | None:
    """The redemption's part of a history row as a value."""
    if row["spent_id"] is None:
        return None
    return Spending(
        id=row["spent_id"],
        purpose=RedemptionPurpose(row["spent_purpose"]),
        status=RedemptionStatus(row["spent_status"]),
        points_reversed=row["spent_points_reversed"],
        value=row["spent_value"],
        currency=row["spent_currency"],
        held_until=row["spent_held_until"],
    )


def story(session: Session, *, entry_id: str) -> Story:
    """One line with the lots it took from or opened, to where the points first came from.

    Three statements, however far the points have travelled.

    Raises:
        EntryNotFound: there is no such entry.
    """
    key = entry_key(entry_id)
    if key is None:
        raise EntryNotFound()
    connection = session.connection()
    parameters = {"account_id": key[0], "sequence": key[1]}
    row = connection.execute(_LINE, parameters).mappings().first()
    if row is None:
        raise EntryNotFound()
    credit = row["amount"] > 0
    parts = [
        part
        for part in connection.execute(_PARTS, parameters).mappings()
        # What a reversal put back is told as a credit of those lots.
        if part["part_opened"] or not credit or part["part_points"] < 0
    ]
    uses: list[Use] = []
    reversed_by: list[str] = []
    later = connection.execute(_AFTERWARDS, {**parameters, "entry_id": entry_id})
    for reversal_of, account_id, sequence, points, when in later:
        public_id = _entry_id(account_id, sequence)
        if reversal_of is not None:
            reversed_by.append(public_id)
        elif credit:
            uses.append(Use(entry_id=public_id, points=int(points), occurred_at=when))
    opened = [part["part_expires_at"] for part in parts if part["part_opened"]]
    return Story(
        line=HistoryLine(
            entry=entry_view(row, expires_at=min(opened, default=None)),
            event=event_view(row),
            reversed_by=tuple(reversed_by),
            spending=spending(row),
        ),
        lots=tuple(_lot_part(part, credit=credit) for part in parts),
        used_by=tuple(uses),
    )


_entry_id = entry_id


def _lot_part(part: Mapping[Any, Any], *, credit: bool) -> LotPart:
    points, expires_at = part["part_points"], part["part_expires_at"]
    return LotPart(
        points=-points if credit and not part["part_opened"] else points,
        earned_at=part["part_earned_at"],
        expires_at=None if expires_at == NEVER else expires_at,
        opened_by=_entry_id(part["account_id"], part["sequence"]),
        event=event_view(part),
    )
