"""The one door: everything that moves a point comes through :func:`post`.

It locks the accounts in id order, settles them, applies the movements to
:class:`~portal.ledger.book.AccountBook` objects, and writes the rows of all
of them together: a redemption and an import of a thousand purchases cost the
same number of statements.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import Session

from portal.errors import Misuse
from portal.ledger.book import (
    POINTS_MAX,
    AccountBook,
    DebitPart,
    DebitState,
    EventDraft,
    LotState,
    Row,
    draft_event,
    lot_facts,
)
from portal.ledger.errors import (
    AccountClosed,
    AccountFrozen,
    AccountMerged,
    AccountNotFound,
    HoldsOpen,
    InvalidPoints,
    ProgramsDiffer,
)
from portal.ledger.models import (
    NEVER,
    Account,
    AccountStatus,
    Allocation,
    Category,
    Debt,
    Entry,
    EntryType,
    Event,
    EventDetail,
    EventName,
    Lot,
    Redemption,
    RedemptionPurpose,
    RedemptionStatus,
)
from portal.ledger.reading import ACCOUNT, ACCOUNTS, Shelf
from portal.ledger.values import (
    Bought,
    Earn,
    EntryView,
    Facts,
    Posted,
    Spend,
    Transfer,
    entry_id,
)
from portal.orm import later

Movement = Earn | Bought | Spend | Transfer


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One event to be booked, with what it does to accounts."""

    facts: Facts
    movements: Sequence[Movement]


# Built once: building statements for each call costs more than running them.
_LOCK_ONE = ACCOUNT.with_for_update(key_share=True)
_LOCK_MANY = (
    ACCOUNTS.where(Account.id.in_(bindparam("ids", expanding=True)))
    .order_by(Account.id)
    .with_for_update(key_share=True)
)
_INSERT_EVENT = insert(Event.__table__)  # type: ignore[arg-type]
_INSERT_DETAIL = insert(EventDetail.__table__)  # type: ignore[arg-type]
_INSERT_ENTRY = insert(Entry.__table__)  # type: ignore[arg-type]
_INSERT_LOT = insert(Lot.__table__)  # type: ignore[arg-type]
_INSERT_DEBT = insert(Debt.__table__)  # type: ignore[arg-type]
_INSERT_ALLOCATION = insert(Allocation.__table__)  # type: ignore[arg-type]
_INSERT_REDEMPTION = insert(Redemption.__table__)  # type: ignore[arg-type]
_UPDATE_LOT = (
    update(Lot)
    .where(Lot.account_id == bindparam("of_account"), Lot.number == bindparam("of_number"))
    .values(remaining=bindparam("remaining"))
)
_UPDATE_DEBT = (
    update(Debt)
    .where(
        Debt.account_id == bindparam("of_account"),
        Debt.entry_sequence == bindparam("of_sequence"),
    )
    .values(remaining=bindparam("remaining"), cancelled=bindparam("cancelled"))
)
_FIGURES = (
    "status",
    "merged_into",
    "frozen_by",
    "balance",
    "promised",
    "trigger_based",
    "lifetime",
    "taken_back",
    "lifetime_purchases",
    "sequence",
    "lots",
    "head_hash",
    "next_due_at",
    "idle_expires_at",
    "last_occurred_at",
    "enrolled_at",
    "updated_at",
)
POSTED: tuple[Any, ...] = (
    Account.id,
    Account.program_id,
    Account.customer_id,
    Account.household_id,
    *(getattr(Account, name) for name in _FIGURES),
)
"""What a posting must know of an account. Whoever has locked it with these spares a second lock."""


@lru_cache(maxsize=512)
def _update_account(names: tuple[str, ...]) -> Any:
    """The statement that writes these figures: most postings change a third of them."""
    return (
        update(Account)
        .where(Account.id == bindparam("of_id"))
        .values({name: bindparam(name) for name in names})
    )


_HOLDS = select(Redemption.id).where(
    Redemption.held_for == bindparam("account_id"),
    Redemption.status == RedemptionStatus.HELD.value,
    Redemption.held_until > bindparam("at"),
    Redemption.purpose == RedemptionPurpose.PAYMENT.value,
)
_UPDATE_REDEMPTION = (
    update(Redemption)
    .where(Redemption.id == bindparam("of_id"))
    .values(
        status=bindparam("status"),
        points_reversed=bindparam("points_reversed"),
        held_until=None,
        held_for=None,
        updated_at=bindparam("updated_at"),
    )
)


class Posting:
    """Locked, settled accounts, and the events being booked on them."""

    def __init__(
        self,
        session: Session,
        account_ids: Iterable[str],
        *,
        at: datetime,
        locked: Sequence[Mapping[Any, Any]] | None = None,
    ):
        """Lock the accounts, unless their rows come ``locked`` with all of :data:`POSTED`."""
        self.session = session
        self.at = at
        self.shelf = Shelf(session)
        self.events: list[EventDraft] = []
        self.redemptions: list[Row] = []
        rows = lock(session, sorted(set(account_ids))) if locked is None else locked
        self.shelf.prepare(rows, at=at)
        self.books = {row["id"]: AccountBook(row, self.shelf) for row in rows}
        for book in self.books.values():
            book.settle(at)

    def begin(self, facts: Facts) -> EventDraft:
        """Start an event; the entries that follow belong to it."""
        written = facts.note is not None or facts.metadata
        event = draft_event(facts, at=self.at, salt=secrets.token_bytes(16) if written else None)
        self.events.append(event)
        return event

    def apply(self, event: EventDraft, movement: Movement) -> None:
        """Do one movement in memory."""
        match movement:
            case Spend():
                self._spend(event, movement)
            case Earn():
                self._earn(event, movement)
            case Bought():
                book = self.books[movement.account_id]
                if movement.purchase_value > 0 or book.row["status"] != AccountStatus.CLOSED:
                    # Refunds go on where an account is closed (RULES, "Members and accounts").
                    require_open(book)
                book.row["lifetime_purchases"] += movement.purchase_value
            case _:
                self._transfer(event, movement)

    def _earn(self, event: EventDraft, earn: Earn) -> None:
        book = self.books[earn.account_id]
        require_open(book)
        require_points(earn.points)
        category = Category.REGULAR
        available_from = None
        if earn.trigger is not None:
            category, available_from = Category.TRIGGER_BASED, NEVER
        elif earn.available_from is not None and earn.available_from > event.occurred_at:
            category, available_from = Category.PROMISED, earn.available_from
        counts = earn.counts_as_earned and category == Category.REGULAR
        entry = book.add_entry(
            event,
            type=earn.type,
            category=category,
            amount=earn.points,
            lifetime_delta=earn.points if counts else 0,
            program_version=earn.program_version,
        )
        book.open_lot(
            entry,
            earn.points,
            earned_at=earn.earned_at or event.occurred_at,
            expires_at=earn.expires_at or NEVER,
            available_from=available_from,
            trigger=earn.trigger,
        )
        book.row["lifetime_purchases"] += earn.purchase_value
        be_active(book, event, earn.idle_expires_at)

    def _spend(self, event: EventDraft, spend: Spend) -> None:
        book = self.books[spend.account_id]
        require_open(book)
        require_points(spend.points)
        if spend.type == EntryType.REDEEM:
            require_unfrozen(book)
        if not spend.allow_negative:
            book.require(spend.points)
        entry = book.add_entry(
            event,
            type=spend.type,
            category=Category.REGULAR,
            amount=-spend.points,
            program_version=spend.program_version,
        )
        book.take(entry, spend.points)
        if spend.type == EntryType.REDEEM:
            be_active(book, event, spend.idle_expires_at)
        new = spend.redemption
        if spend.type == EntryType.REDEEM and new is None:
            raise Misuse("a redemption without the row that tells of it")
        if new is not None:
            if new.held_until is not None:
                if new.held_until <= self.at:
                    raise Misuse(f"a hold that ends before it begins: {new.held_until}")
                book.note_hold(new.held_until)
            self.redemptions.append(
                {
                    "id": new.id,
                    "account_id": book.id,
                    "entry_sequence": entry.sequence,
                    "event_id": event.row["id"],
                    "purpose": purpose_of(event).value,
                    "status": (
                        RedemptionStatus.HELD if new.held_until else RedemptionStatus.CAPTURED
                    ).value,
                    "points": spend.points,
                    "points_reversed": 0,
                    "value": new.value,
                    "currency": new.currency,
                    "held_until": new.held_until,
                    "held_for": book.id if new.held_until else None,
                    "grace_expires_at": new.grace_expires_at,
                    "created_at": self.at,
                    "updated_at": self.at,
                }
            )

    def _transfer(self, event: EventDraft, transfer: Transfer) -> None:
        sender = self.books[transfer.from_account_id]
        recipient = self.books[transfer.to_account_id]
        for book in (sender, recipient):
            require_open(book)
        if sender.row["program_id"] != recipient.row["program_id"]:
            raise ProgramsDiffer()
        require_unfrozen(sender)
        require_points(transfer.points)
        sender.require(transfer.points)
        debit = sender.add_entry(
            event, type=EntryType.TRANSFER, category=Category.REGULAR, amount=-transfer.points
        )
        taken = sender.take(debit, transfer.points)
        credit = recipient.add_entry(
            event, type=EntryType.TRANSFER, category=Category.REGULAR, amount=transfer.points
        )
        idle = sender.row["idle_expires_at"]
        for lot, points in taken:
            # What is received never outlives the date it had with its sender.
            recipient.open_lot(
                credit,
                points,
                earned_at=lot.earned_at,
                expires_at=min(lot.expires_at, idle),
                origin=(sender.id, lot.number),
            )

    def debit(self, account_id: str, sequence: int, points: int) -> DebitState:
        """What a debit took, less what was given back, by what settling did to it too."""
        debit = self.shelf.debit(account_id, sequence, points)
        book = self.books[account_id]
        for entry in book.entries:
            for (number, of_debit), paid in entry.allocations.items():
                if of_debit == sequence:
                    known = [part for part in debit.parts if part.lot.number == number]
                    if not known:
                        known = [DebitPart(book.lots[number], 0)]
                        debit.parts += known
                    known[0].points += paid
        return debit

    def give_back(
        self,
        event: EventDraft,
        book: AccountBook,
        debit: DebitState,
        points: int,
        *,
        grace_expires_at: datetime | None,
        type: EntryType = EntryType.REVERSE,
    ) -> tuple[str, list[LotState]]:
        """Take back (part of) a debit; returns the entry's id and where the points are now."""
        entry = book.add_entry(
            event,
            type=type,
            category=Category.REGULAR,
            amount=points,
            reverses=entry_id(debit.account_id, debit.sequence),
        )
        lots = book.give_back(entry, debit, points, grace_expires_at=grace_expires_at)
        return entry_id(book.id, entry.sequence), lots

    def write(self) -> list[Posted]:
        """Settle what has become due, and write it all."""
        events = list(self.events)
        books = list(self.books.values())
        for book in books:
            book.settle(self.at)
            book.row["updated_at"] = self.at
            self.events.extend(book.events)
            book.seal()
        self._write(books)
        return [_posted(event) for event in events]

    def _write(self, books: Sequence[AccountBook]) -> None:
        session = self.session
        entries = [entry for book in books for entry in book.entries]
        lots = [lot for book in books for lot in book.lots.values()]
        debts = [(book.id, debt) for book in books for debt in book.debts_known()]
        later(session, _INSERT_EVENT, [e.row for e in self.events if e.entries or e.detail])
        later(session, _INSERT_DETAIL, [e.detail for e in self.events if e.detail])
        later(session, _INSERT_ENTRY, [entry.row for entry in entries])
        later(
            session,
            _INSERT_LOT,
            [
                {
                    "account_id": lot.account_id,
                    "entry_sequence": lot.entry_sequence,
                    "remaining": lot.remaining,
                    **lot_facts(lot),
                }
                for lot in lots
                if lot.new
            ],
        )
        later(
            session,
            _INSERT_DEBT,
            [
                {
                    "account_id": account_id,
                    "entry_sequence": debt.entry_sequence,
                    "owed": debt.owed,
                    "cancelled": debt.cancelled,
                    "remaining": debt.remaining,
                }
                for account_id, debt in debts
                if debt.new
            ],
        )
        later(
            session,
            _INSERT_ALLOCATION,
            [
                {
                    "account_id": entry.row["account_id"],
                    "entry_sequence": entry.sequence,
                    "lot_number": lot,
                    "debit_sequence": debit,
                    "points": points,
                }
                for entry in entries
                for (lot, debit), points in entry.allocations.items()
            ],
        )
        later(
            session,
            _UPDATE_LOT,
            [
                {
                    "of_account": lot.account_id,
                    "of_number": lot.number,
                    "remaining": lot.remaining,
                }
                for lot in lots
                if lot.dirty and not lot.new
            ],
        )
        later(
            session,
            _UPDATE_DEBT,
            [
                {
                    "of_account": account_id,
                    "of_sequence": debt.entry_sequence,
                    "remaining": debt.remaining,
                    "cancelled": debt.cancelled,
                }
                for account_id, debt in debts
                if debt.dirty and not debt.new
            ],
        )
        changed = tuple(
            name
            for name in _FIGURES
            if name == "updated_at" or any(book.row[name] != book.found[name] for book in books)
        )
        later(
            session,
            _update_account(changed),
            [{"of_id": book.id, **{name: book.row[name] for name in changed}} for book in books],
        )
        later(session, _INSERT_REDEMPTION, self.redemptions)
        later(
            session,
            _UPDATE_REDEMPTION,
            [row for book in books for row in book.redemption_updates],
        )


def post(session: Session, happenings: Sequence[Happening], *, at: datetime) -> list[Posted]:
    """Book events with their movements, all or nothing.

    The caller owns the transaction (:func:`portal.orm.writing`); this flushes
    and never commits. Movements are applied in the order given, each account
    settled first.

    Args:
        at: when it is recorded; events may have happened before.

    Returns:
        one :class:`Posted` for each happening, in order. What settling booked
        besides is in the history, not in the answer.

    Raises:
        AccountNotFound, AccountClosed, AccountFrozen, AccountMerged,
        InsufficientPoints, InvalidPoints: nothing was written.
    """
    posting = Posting(session, accounts_named(happenings), at=at)
    for happening in happenings:
        event = posting.begin(happening.facts)
        for movement in happening.movements:
            posting.apply(event, movement)
    return posting.write()


def accounts_named(happenings: Iterable[Happening]) -> set[str]:
    """Every account that the movements touch."""
    named: set[str] = set()
    for happening in happenings:
        for movement in happening.movements:
            if isinstance(movement, Transfer):
                named |= {movement.from_account_id, movement.to_account_id}
            else:
                named.add(movement.account_id)
    return named


def lock(session: Session, ids: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of these accounts, locked until the transaction ends.

    Raises:
        AccountNotFound: one of them does not exist.
    """
    connection = session.connection()
    if len(ids) == 1:
        found = connection.execute(_LOCK_ONE, {"id": ids[0]})
    else:
        found = connection.execute(_LOCK_MANY, {"ids": ids})
    rows = [dict(row) for row in found.mappings()]
    if len(rows) < len(ids):
        known = {row["id"] for row in rows}
        raise AccountNotFound(account=next(i for i in ids if i not in known))
    return rows


def _posted(event: EventDraft) -> Posted:
    return Posted(
        event_id=event.row["id"],
        entries=tuple(
            EntryView(
                id=entry_id(entry.row["account_id"], entry.sequence),
                account_id=entry.row["account_id"],
                sequence=entry.sequence,
                event_id=entry.row["event_id"],
                type=EntryType(entry.row["type"]),
                category=Category(entry.row["category"]),
                amount=entry.row["amount"],
                balance_after=entry.row["balance_after"],
                lifetime_delta=entry.row["lifetime_delta"],
                reverses=entry.row["reverses"],
                program_version=entry.row["program_version"],
                late=entry.row["late"],
                occurred_at=entry.row["occurred_at"],
                recorded_at=entry.row["recorded_at"],
                expires_at=soonest(lot.expires_at for lot in entry.lots),
            )
            for entry in event.entries
        ),
    )


def soonest(expiries: Iterable[datetime]) -> datetime | None:
    """The first of these instants; None where there is none, or only never."""
    first = min(expiries, default=NEVER)
    return None if first == NEVER else first


def require_points(points: int) -> None:
    """Refuse an amount that is no amount.

    Raises:
        InvalidPoints: not a whole number above zero, or beyond what can be counted.
    """
    if isinstance(points, bool) or not isinstance(points, int) or points <= 0:
        raise InvalidPoints(field="points")
    if points > POINTS_MAX:
        raise InvalidPoints(field="points", limit=POINTS_MAX)


def require_open(book: AccountBook) -> None:
    """Refuse movements on an account that takes none.

    Raises:
        AccountClosed, AccountMerged: with what to use instead.
    """
    if book.row["status"] == AccountStatus.CLOSED:
        raise AccountClosed(account=book.id)
    if book.row["status"] == AccountStatus.MERGED:
        raise AccountMerged(account=book.row["merged_into"])


def require_unfrozen(book: AccountBook) -> None:
    """Refuse to let points leave a frozen account.

    Raises:
        AccountFrozen: frozen by its member or by staff.
    """
    if book.row["status"] == AccountStatus.FROZEN:
        raise AccountFrozen(account=book.id)


def refuse_holds(session: Session, account_id: str, *, at: datetime) -> None:
    """Refuse what must not happen while payments of a locked account are on hold.

    Vouchers are not in the way: their points come back to whoever survives.

    Raises:
        HoldsOpen: with their ids.
    """
    found = session.connection().execute(_HOLDS, {"account_id": account_id, "at": at})
    if in_flight := list(found.scalars()):
        raise HoldsOpen(redemptions=in_flight)


def purpose_of(event: EventDraft) -> RedemptionPurpose:
    """What the points of a redemption that is part of this event went for."""
    voucher = event.row["name"] == EventName.VOUCHER_ISSUED
    return RedemptionPurpose.VOUCHER if voucher else RedemptionPurpose.PAYMENT


def be_active(book: AccountBook, event: EventDraft, idle_expires_at: datetime | None) -> None:
    """Earning and redeeming is activity: it puts off expiry, and makes someone a member."""
    if idle_expires_at is not None:
        known = book.row["idle_expires_at"]
        latest = idle_expires_at if known == NEVER else max(known, idle_expires_at)
        book.row["idle_expires_at"] = latest
        book.note_due(latest)
    if book.row["enrolled_at"] is None:
        book.row["enrolled_at"] = event.occurred_at
