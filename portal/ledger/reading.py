"""Reads of the book's rows, shared by postings and queries. Nothing here writes."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, bindparam, func, select, tuple_, union_all
from sqlalchemy.orm import Session

from portal.ledger.book import (
    DebitPart,
    DebitState,
    DebtState,
    Due,
    HoldState,
    LotKey,
    LotState,
)
from portal.ledger.models import (
    NEVER,
    Account,
    Allocation,
    Category,
    Debt,
    Entry,
    EntryType,
    Lot,
    Redemption,
    RedemptionStatus,
)
from portal.ledger.values import AccountView, entry_id

AnyRow = Row[*tuple[Any, ...]]
AnySelect = Select[*tuple[Any, ...]]

_account_columns: list[Any] = [
    column.label("details") if column.name == "metadata" else column
    for column in Account.__table__.columns
]
ACCOUNTS: AnySelect = select(*_account_columns)
"""All columns of accounts; ``metadata`` is labelled ``details``."""

ACCOUNT = ACCOUNTS.where(Account.id == bindparam("id"))
_LOT_COLUMNS: list[Any] = [
    Lot.account_id,
    Lot.number,
    Lot.entry_sequence,
    Lot.category,
    Lot.earned,
    Lot.remaining,
    Lot.earned_at,
    Lot.available_from,
    Lot.expires_at,
    Lot.trigger,
    Lot.origin_account_id,
    Lot.origin_number,
]
_OPEN_LOTS: AnySelect = (
    select(*_LOT_COLUMNS)
    .where(
        Lot.account_id == bindparam("account_id"),
        Lot.category == bindparam("category"),
        Lot.remaining > 0,
    )
    .order_by(Lot.expires_at, Lot.earned_at, Lot.number)
    .limit(bindparam("limit"))
)
_OPEN_LOTS_AFTER = _OPEN_LOTS.where(
    tuple_(Lot.expires_at, Lot.earned_at, Lot.number)
    > tuple_(bindparam("expires_at"), bindparam("earned_at"), bindparam("number"))
)
_DEBTS = (
    select(Debt.account_id, Debt.entry_sequence, Debt.owed, Debt.cancelled, Debt.remaining)
    .where(Debt.account_id.in_(bindparam("ids", expanding=True)), Debt.remaining > 0)
    .order_by(Debt.account_id, Debt.entry_sequence)
)
_ids = Lot.account_id.in_(bindparam("ids", expanding=True))
_DUE_LOTS = union_all(
    select(*_LOT_COLUMNS).where(_ids, Lot.remaining > 0, Lot.expires_at <= bindparam("at")),
    select(*_LOT_COLUMNS).where(
        _ids,
        Lot.remaining > 0,
        Lot.category == Category.PROMISED.value,
        Lot.available_from <= bindparam("at"),
        Lot.expires_at > bindparam("at"),
    ),
)
_held = (
    Redemption.held_for.in_(bindparam("ids", expanding=True)),
    Redemption.status == RedemptionStatus.HELD.value,
)
_DUE_HOLDS = select(Redemption.__table__).where(*_held, Redemption.held_until <= bindparam("at"))
_next = union_all(
    *(
        select(Lot.account_id.label("account_id"), func.min(Lot.expires_at).label("due"))
        .where(
            _ids,
            Lot.category == category.value,
            Lot.remaining > 0,
            Lot.expires_at > bindparam("at"),
        )
        .group_by(Lot.account_id)
        for category in Category
    ),
    select(Lot.account_id, func.min(Lot.available_from))
    .where(
        _ids,
        Lot.category == Category.PROMISED.value,
        Lot.remaining > 0,
        Lot.available_from > bindparam("at"),
    )
    .group_by(Lot.account_id),
    select(Redemption.held_for, func.min(Redemption.held_until))
    .where(*_held, Redemption.held_until > bindparam("at"))
    .group_by(Redemption.held_for),
).subquery()
_NEXT_DUE = select(_next.c.account_id, func.min(_next.c.due)).group_by(_next.c.account_id)
_ENTRY: AnySelect = select(Entry.__table__).where(
    Entry.account_id == bindparam("account_id"), Entry.sequence == bindparam("sequence")
)
_REVERSED = select(func.coalesce(func.sum(Entry.amount), 0)).where(
    Entry.reverses == bindparam("reverses")
)
_DEBIT_ALLOCATIONS: AnySelect = (
    select(*_LOT_COLUMNS, Allocation.entry_sequence.label("decided"), Allocation.points)
    .join(Lot, (Lot.account_id == Allocation.account_id) & (Lot.number == Allocation.lot_number))
    .where(
        Allocation.account_id == bindparam("account_id"),
        Allocation.debit_sequence == bindparam("sequence"),
    )
    .order_by(Allocation.entry_sequence, Lot.expires_at, Lot.earned_at, Lot.number)
)
_MOVED_BACK: AnySelect = (
    select(Lot.origin_number, func.sum(Lot.earned))
    .join(Entry, (Entry.account_id == Lot.account_id) & (Entry.sequence == Lot.entry_sequence))
    .where(
        Entry.reverses == bindparam("reverses"),
        Lot.origin_account_id == bindparam("account_id"),
    )
    .group_by(Lot.origin_number)
)
_LOTS_OF_ENTRY: AnySelect = select(*_LOT_COLUMNS).where(
    Lot.account_id == bindparam("account_id"), Lot.entry_sequence == bindparam("sequence")
)
_LOTS_FROM: AnySelect = select(*_LOT_COLUMNS).where(
    Lot.origin_account_id == bindparam("account_id"),
    Lot.origin_number.in_(bindparam("numbers", expanding=True)),
)
_MERGED = select(Account.id).where(Account.merged_into.in_(bindparam("ids", expanding=True)))


def view(row: Mapping[Any, Any]) -> AccountView:
    """An account's row as a value."""
    return AccountView(
        id=row["id"],
        external_id=row["external_id"],
        program_id=row["program_id"],
        customer_id=row["customer_id"],
        household_id=row["household_id"],
        status=row["status"],
        merged_into=row["merged_into"],
        frozen_by=row["frozen_by"],
        balance=row["balance"],
        promised=row["promised"],
        trigger_based=row["trigger_based"],
        lifetime=row["lifetime"],
        taken_back=row["taken_back"],
        lifetime_purchases=row["lifetime_purchases"],
        sequence=row["sequence"],
        next_due_at=row["next_due_at"],
        idle_expires_at=row["idle_expires_at"],
        enrolled_at=row["enrolled_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        metadata=row["details"],
    )


def lot_state(row: AnyRow) -> LotState:
    """A lot's row as the book sees it."""
    return LotState(
        account_id=row.account_id,
        number=row.number,
        entry_sequence=row.entry_sequence,
        category=row.category,
        earned=row.earned,
        remaining=row.remaining,
        earned_at=row.earned_at,
        available_from=row.available_from,
        expires_at=row.expires_at,
        trigger=row.trigger,
        origin_account_id=row.origin_account_id,
        origin_number=row.origin_number,
    )


def lineage(session: Session, account_id: str) -> list[str]:
    """The account and all that were merged into it, however long ago."""
    connection = session.connection()
    known, newest = [account_id], [account_id]
    while newest:
        newest = list(connection.execute(_MERGED, {"ids": newest}).scalars())
        known.extend(newest)
    return known


class Shelf:
    """Where books of one posting, or of one read, find what they were not handed.

    What many accounts need at once (what is due, debts) is read for all of
    them together, the first time one of them asks.
    """

    def __init__(self, session: Session):
        self._session = session
        self._due: dict[str, Due] = {}
        self._debts: dict[str, list[DebtState]] = {}

    def prepare(self, rows: Iterable[Mapping[str, Any]], *, at: datetime) -> None:
        """Read for all of ``rows`` together what they will ask for one by one."""
        rows = list(rows)
        in_debt = [row["id"] for row in rows if row["balance"] < 0]
        if in_debt:
            self._read_debts(in_debt)
        due = [row["id"] for row in rows if row["next_due_at"] <= at]
        if due:
            self._read_due(due, at)

    def open_lots(
        self, account_id: str, *, category: str, after: LotKey | None, limit: int
    ) -> list[LotState]:
        """The next open lots in the order of spending."""
        parameters: dict[str, Any] = {
            "account_id": account_id,
            "category": category,
            "limit": limit,
        }
        statement = _OPEN_LOTS
        if after is not None:
            statement = _OPEN_LOTS_AFTER
            parameters["expires_at"], parameters["earned_at"], parameters["number"] = after
        return [lot_state(r) for r in self._session.connection().execute(statement, parameters)]

    def debts(self, account_id: str) -> list[DebtState]:
        """Open debts, oldest first."""
        if account_id not in self._debts:
            self._read_debts([account_id])
        return self._debts[account_id]

    def due(self, account_id: str, at: datetime) -> Due:
        """What is due at ``at``."""
        if account_id not in self._due:
            self._read_due([account_id], at)
        return self._due.pop(account_id)

    def _read_debts(self, ids: Sequence[str]) -> None:
        self._debts.update({account_id: [] for account_id in ids})
        for row in self._session.connection().execute(_DEBTS, {"ids": ids}):
            self._debts[row.account_id].append(
                DebtState(row.entry_sequence, row.owed, row.cancelled, row.remaining)
            )

    def _read_due(self, ids: Sequence[str], at: datetime) -> None:
        connection = self._session.connection()
        parameters = {"ids": ids, "at": at}
        self._due.update({i: Due(lots=[], holds=[], after=NEVER) for i in ids})
        for row in connection.execute(_DUE_LOTS, parameters):
            self._due[row.account_id].lots.append(lot_state(row))
        for row in connection.execute(_DUE_HOLDS, parameters):
            # The debit may stand in an account that was merged into this one.
            self._due[row.held_for].holds.append(
                HoldState(
                    redemption_id=row.id,
                    purpose=row.purpose,
                    held_until=row.held_until,
                    grace_expires_at=row.grace_expires_at,
                    debit=self.debit(row.account_id, row.entry_sequence, row.points),
                )
            )
        for account_id, when in connection.execute(_NEXT_DUE, parameters):
            self._due[account_id].after = when

    # -- what a reversal must know

    def entry(self, account_id: str, sequence: int) -> AnyRow | None:
        """One entry's row."""
        return (
            self._session.connection()
            .execute(_ENTRY, {"account_id": account_id, "sequence": sequence})
            .first()
        )

    def reversed(self, public_id: str) -> int:
        """How much of an entry was taken back so far, unsigned."""
        total = self._session.connection().execute(_REVERSED, {"reverses": public_id}).scalar_one()
        return abs(int(total))

    def debit(self, account_id: str, sequence: int, points: int) -> DebitState:
        """What a debit took, less what was given back."""
        public_id = entry_id(account_id, sequence)
        connection = self._session.connection()
        parameters = {"account_id": account_id, "sequence": sequence, "reverses": public_id}
        parts: dict[int, DebitPart] = {}
        for row in connection.execute(_DEBIT_ALLOCATIONS, parameters):
            part = parts.setdefault(row.number, DebitPart(lot_state(row), 0))
            part.points += row.points
        for number, moved in connection.execute(_MOVED_BACK, parameters):
            parts[number].points -= int(moved)
        return DebitState(
            account_id=account_id,
            sequence=sequence,
            points=points,
            reversed=self.reversed(public_id),
            parts=list(parts.values()),
        )

    def lots_of(self, account_id: str, sequence: int, *, holders: Sequence[str]) -> list[LotState]:
        """The lots that a credit opened, and those its points moved on to within ``holders``.

        Matured and merged points are followed to the account that holds them
        now; points sent to another member are not.
        """
        connection = self._session.connection()
        found = [
            lot_state(row)
            for row in connection.execute(
                _LOTS_OF_ENTRY, {"account_id": account_id, "sequence": sequence}
            )
        ]
        newest = found
        while newest:
            by_account: dict[str, list[int]] = {}
            for lot in newest:
                by_account.setdefault(lot.account_id, []).append(lot.number)
            newest = [
                lot
                for holder, numbers in by_account.items()
                for lot in map(
                    lot_state,
                    connection.execute(_LOTS_FROM, {"account_id": holder, "numbers": numbers}),
                )
                if lot.account_id in holders
            ]
            found = found + newest
        return found


REVERSIBLE_DEBITS = frozenset({EntryType.REDEEM, EntryType.ADJUST})
"""Debits that can be taken back; expiries, moves and reversals are final."""
REVERSIBLE_CREDITS = frozenset({EntryType.EARN, EntryType.ADJUST})
"""Credits that can be taken back."""
