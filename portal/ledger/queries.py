"""Reads of what an account has and had. They never write, and settle in memory."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import bindparam, case, exists, func, literal, null, or_, select, union_all
from sqlalchemy.orm import Session

from portal.ledger.book import AccountBook
from portal.ledger.errors import AccountNotFound
from portal.ledger.models import (
    NEVER,
    Account,
    AccountStatus,
    Category,
    Entry,
    EntryType,
    Lot,
    Redemption,
    RedemptionPurpose,
    RedemptionStatus,
)
from portal.ledger.reading import ACCOUNT, ACCOUNTS, AnySelect, Shelf, view
from portal.ledger.values import (
    AccountView,
    Deadline,
    Maturing,
    PendingLine,
    Position,
)

_ACCOUNTS_OF = ACCOUNTS.where(Account.customer_id == bindparam("customer_id")).order_by(
    Account.created_at, Account.id
)
_OPEN_BY_DEADLINE: AnySelect = (
    select(
        Lot.category,
        Lot.expires_at,
        case((Lot.category == Category.REGULAR.value, null()), else_=Lot.available_from).label(
            "available_from"
        ),
        Lot.trigger,
        func.sum(Lot.remaining).label("points"),
    )
    .where(Lot.account_id == bindparam("account_id"), Lot.remaining > 0)
    .group_by(Lot.category, Lot.expires_at, "available_from", Lot.trigger)
)
_LATE = select(Entry.occurred_at, Entry.sequence, Entry.amount).where(
    Entry.account_id == bindparam("account_id"),
    Entry.category == bindparam("category"),
    Entry.late,
)
_BY_RECORD = (
    select(Entry.balance_after)
    .where(
        Entry.account_id == bindparam("account_id"),
        Entry.category == bindparam("category"),
        Entry.recorded_at <= bindparam("at"),
    )
    .order_by(Entry.sequence.desc())
    .limit(1)
)
_REDEEMED = select(
    func.coalesce(func.sum(Redemption.points - Redemption.points_reversed), 0)
).where(
    Redemption.account_id == bindparam("account_id"),
    Redemption.created_at >= bindparam("since"),
    Redemption.purpose == RedemptionPurpose.PAYMENT.value,
    Redemption.status != RedemptionStatus.VOIDED.value,
)

_HELD = select(func.coalesce(func.sum(Redemption.points), 0)).where(
    or_(
        Redemption.held_for == bindparam("account_id"),
        Redemption.held_for.is_(None) & (Redemption.account_id == bindparam("account_id")),
    ),
    Redemption.status == RedemptionStatus.HELD.value,
    Redemption.held_until > bindparam("at"),
)
_HAS_FROZEN = select(
    exists().where(
        Account.customer_id == bindparam("customer_id"),
        Account.status == AccountStatus.FROZEN.value,
    )
)


def points_held(session: Session, *, account_id: str, at: datetime) -> int:
    """Points that come back to the account if nothing is done: open payments and vouchers."""
    return int(
        session.connection().execute(_HELD, {"account_id": account_id, "at": at}).scalar_one()
    )


def has_frozen(session: Session, *, customer_id: str) -> bool:
    """Whether any account of the customer is frozen, by themselves or by staff."""
    return bool(session.connection().execute(_HAS_FROZEN, {"customer_id": customer_id}).scalar())


def accounts_of(session: Session, *, customer_id: str) -> list[AccountView]:
    """All accounts of a customer, closed and merged ones too, oldest first."""
    rows = session.connection().execute(_ACCOUNTS_OF, {"customer_id": customer_id}).mappings()
    return [view(row) for row in rows]


def settled(session: Session, account_id: str, *, at: datetime) -> AccountBook:
    """The account as it would be if all that is due by ``at`` were booked.

    Raises:
        AccountNotFound: there is none by that id.
    """
    row = session.connection().execute(ACCOUNT, {"id": account_id}).mappings().first()
    if row is None:
        raise AccountNotFound(account=account_id)
    book = AccountBook(dict(row), Shelf(session))
    book.settle(at)
    return book


def pending_lines(book: AccountBook) -> tuple[PendingLine, ...]:
    """What settling would book, newest first."""
    return tuple(
        PendingLine(
            name=event.row["name"],
            type=EntryType(entry.row["type"]),
            category=Category(entry.row["category"]),
            amount=entry.row["amount"],
            balance_after=entry.row["balance_after"],
            occurred_at=entry.row["occurred_at"],
        )
        for event in reversed(book.events)
        for entry in reversed(event.entries)
    )


def position(session: Session, *, account_id: str, at: datetime) -> Position:
    """What an account has at ``at``: balance, deadlines, promises, and what is due unbooked.

    The deadlines add up to the balance; there are none when it is not
    positive. Two statements, and a few more only when something is due.

    Raises:
        AccountNotFound: there is none by that id.
    """
    book = settled(session, account_id, at=at)
    account = view({**book.row, "details": book.row["details"]})
    if not book.events:
        return _position(account, _open_parts(session, account_id), ())
    parts = [
        (lot.category, lot.expires_at, lot.available_from, lot.trigger, lot.remaining)
        for category in Category
        for lot in book.open_lots(category)
    ]
    return _position(account, parts, pending_lines(book))


def position_of(session: Session, *, account: AccountView, at: datetime) -> Position:
    """What :func:`position` gives, of an account that this very transaction has read already.

    One statement; as many as there, and one more, when something is due.
    """
    if account.next_due_at <= at:
        return position(session, account_id=account.id, at=at)
    return _position(account, _open_parts(session, account.id), ())


_Parts = Sequence[tuple[Any, datetime, datetime, str | None, int]]
"""Of lots: category, expires_at, available_from, trigger, points."""


def _open_parts(session: Session, account_id: str) -> _Parts:
    found = session.connection().execute(_OPEN_BY_DEADLINE, {"account_id": account_id})
    return [(r.category, r.expires_at, r.available_from, r.trigger, r.points) for r in found]


def _position(account: AccountView, parts: _Parts, pending: tuple[PendingLine, ...]) -> Position:
    deadlines: dict[datetime, int] = {}
    waiting: dict[tuple[datetime, str | None, datetime], int] = {}
    for category, expires_at, available_from, trigger, points in parts:
        if category == Category.REGULAR:
            gone = min(expires_at, account.idle_expires_at)
            deadlines[gone] = deadlines.get(gone, 0) + int(points)
        else:
            key = (available_from, trigger, expires_at)
            waiting[key] = waiting.get(key, 0) + int(points)
    return Position(
        account=account,
        balance=account.balance,
        promised=account.promised,
        lifetime=account.lifetime,
        debt=max(0, -account.balance),
        deadlines=tuple(
            Deadline(expires_at=_unless_never(gone), points=points)
            for gone, points in sorted(deadlines.items())
        )
        if account.balance > 0
        else (),
        maturing=tuple(
            Maturing(
                available_from=_unless_never(available_from),
                points=points,
                trigger=trigger,
                expires_at=_unless_never(expires_at),
            )
            for (available_from, trigger, expires_at), points in sorted(
                waiting.items(), key=lambda item: (item[0][0], item[0][1] or "", item[0][2])
            )
        ),
        pending=pending,
    )


def _unless_never(instant: datetime) -> datetime | None:
    return None if instant == NEVER else instant


def balances(
    session: Session,
    *,
    account_id: str,
    at: datetime,
    by: Literal["occurred_at", "recorded_at"] = "occurred_at",
) -> dict[Category, int]:
    """The closing balance of each category at ``at``, zero ones included.

    Args:
        by: go by when things happened (statements), or by when they were
            learned (audit), which leaves out what was booked later.

    Raises:
        AccountNotFound: there is none by that id.
    """
    if by == "recorded_at":
        connection = session.connection()
        if connection.execute(ACCOUNT, {"id": account_id}).first() is None:
            raise AccountNotFound(account=account_id)
        closing = {}
        for category in Category:
            parameters = {"account_id": account_id, "category": category.value, "at": at}
            closing[category] = connection.execute(_BY_RECORD, parameters).scalar() or 0
        return closing
    book = settled(session, account_id, at=at)
    return {
        category: _series(session, book, category=category, instants=[at])[0]
        for category in Category
    }


def balance_series(session: Session, *, account_id: str, instants: Sequence[datetime]) -> list[int]:
    """The regular balance at each of ``instants``, by when things happened.

    The cost does not grow with the history: each instant is one look into an
    index, and only what was booked late is added up.

    Raises:
        AccountNotFound: there is none by that id.
    """
    if not instants:
        return []
    book = settled(session, account_id, at=max(instants))
    return _series(session, book, category=Category.REGULAR, instants=instants)


def _series(
    session: Session, book: AccountBook, *, category: Category, instants: Sequence[datetime]
) -> list[int]:
    # Entries that came in time are ordered alike by sequence and by date. So
    # the last of them at an instant has a balance that lacks only what was
    # booked after it with an earlier date: the late ones.
    connection = session.connection()
    looks: list[Any] = [
        select(literal(index).label("place"), Entry.sequence, Entry.balance_after)
        .where(
            Entry.account_id == book.id,
            Entry.category == category.value,
            Entry.late.is_(False),
            Entry.occurred_at <= instant,
        )
        .order_by(Entry.occurred_at.desc(), Entry.sequence.desc())
        .limit(1)
        .subquery()
        .select()
        for index, instant in enumerate(instants)
    ]
    found = {row.place: row for row in connection.execute(union_all(*looks))}
    parameters = {"account_id": book.id, "category": category.value}
    late = connection.execute(_LATE, parameters).all()
    pending = [
        (entry.row["occurred_at"], entry.row["amount"])
        for event in book.events
        for entry in event.entries
        if entry.row["category"] == category
    ]
    series = []
    for index, instant in enumerate(instants):
        row = found.get(index)
        sequence, balance = (row.sequence, row.balance_after) if row else (0, 0)
        balance += sum(
            amount for when, number, amount in late if when <= instant and number > sequence
        )
        balance += sum(amount for when, amount in pending if when <= instant)
        series.append(balance)
    return series


def redeemed_since(session: Session, *, account_id: str, since: datetime) -> int:
    """Points redeemed (or held) as payments since an instant, less what was given back."""
    parameters = {"account_id": account_id, "since": since}
    return int(session.connection().execute(_REDEEMED, parameters).scalar_one())
