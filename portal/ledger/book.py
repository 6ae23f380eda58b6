"""One account while it is being posted to: pure arithmetic over lots, debts and entries.

No SQL here. A book is handed an account's row, asks its :class:`Source` for
lots only when it must know them, and collects the rows to be written. The
same code settles accounts on the books (:mod:`portal.ledger.posting`) and in
memory for reads (:mod:`portal.ledger.queries`), so that both always agree.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any, Protocol

from portal.ledger import chain
from portal.ledger.errors import InsufficientPoints, InvalidPoints
from portal.ledger.models import (
    NEVER,
    Category,
    EntryType,
    EventName,
    RedemptionPurpose,
    RedemptionStatus,
)
from portal.ledger.values import Facts, OrderFacts, entry_id
from portal.orm import new_id

Row = dict[str, Any]
LotKey = tuple[datetime, datetime, int]

CHUNK = 16
"""Lots fetched at first; each further fetch asks for four times as many."""
CHUNK_MAX = 4096
POINTS_MAX = 2**53 - 1
"""The largest amount of one movement: what every JSON reader still holds exactly."""


@dataclass(slots=True)
class LotState:
    """A lot as the posting sees it; ``dirty`` when its row must be updated."""

    account_id: str
    number: int
    entry_sequence: int
    category: str
    earned: int
    remaining: int
    earned_at: datetime
    available_from: datetime
    expires_at: datetime
    trigger: str | None
    origin_account_id: str | None
    origin_number: int | None
    new: bool = False
    dirty: bool = False
    returned_at: datetime | None = None
    """When points were given back to it after it had died."""

    @property
    def key(self) -> LotKey:
        """The order of spending: soonest to expire, then the oldest."""
        return (self.expires_at, self.earned_at, self.number)

    @property
    def due_at(self) -> datetime:
        """When something happens to it by itself."""
        if self.category == Category.PROMISED:
            return min(self.available_from, self.expires_at)
        return self.returned_at or self.expires_at


@dataclass(slots=True)
class DebtState:
    """What is still owed for a debit."""

    entry_sequence: int
    owed: int
    cancelled: int
    remaining: int
    new: bool = False
    dirty: bool = False


@dataclass(slots=True)
class DebitPart:
    """What a debit took from one lot and has not been given back since."""

    lot: LotState
    points: int


@dataclass(slots=True)
class DebitState:
    """A debit that is to be taken back, wherever it was booked."""

    account_id: str
    sequence: int
    points: int
    reversed: int
    parts: list[DebitPart]
    """In the order in which they were taken."""


@dataclass(slots=True)
class HoldState:
    """A held redemption whose time is over."""

    redemption_id: str
    purpose: str
    held_until: datetime
    grace_expires_at: datetime | None
    debit: DebitState


@dataclass(slots=True)
class Due:
    """What a settlement must know: the lots and holds that are due, and what comes after."""

    lots: list[LotState]
    holds: list[HoldState]
    after: datetime


class Source(Protocol):
    """Where a book reads what it was not handed."""

    def open_lots(
        self, account_id: str, *, category: str, after: LotKey | None, limit: int
    ) -> list[LotState]:
        """The next open lots in the order of spending."""

    def debts(self, account_id: str) -> list[DebtState]:
        """Open debts, oldest first."""

    def due(self, account_id: str, at: datetime) -> Due:
        """What is due at ``at``."""


@dataclass(slots=True)
class EventDraft:
    """An event being written, with the entries it made so far."""

    row: Row
    detail: Row | None
    entries: list["EntryDraft"] = field(default_factory=list)

    @property
    def occurred_at(self) -> datetime:
        """When it happened."""
        at: datetime = self.row["occurred_at"]
        return at


@dataclass(slots=True)
class EntryDraft:
    """An entry being written: its row, and what its hash covers beside it."""

    row: Row
    event_digest: bytes
    lots: list[LotState] = field(default_factory=list)
    allocations: dict[tuple[int, int], int] = field(default_factory=dict)

    @property
    def sequence(self) -> int:
        """Its place in the account's chain."""
        sequence: int = self.row["sequence"]
        return sequence


def draft_event(facts: Facts, *, at: datetime, salt: bytes | None = None) -> EventDraft:
    """The row of an event, with its digest; ``salt`` is needed where people wrote something."""
    order = facts.order
    row: Row = {
        "id": new_id("evt"),
        "name": facts.name.value,
        "origin": facts.origin,
        "reason": facts.reason,
        "store": facts.store,
        "till": facts.till,
        "order_id": order.id if order else None,
        "order_number": order.number if order else None,
        "order_value": order.value if order else None,
        "order_currency": order.currency if order else None,
        "order_placed_at": order.placed_at if order else None,
        "actor": facts.actor,
        "request_id": facts.request_id,
        "detail_digest": None,
        "occurred_at": facts.occurred_at or at,
        "recorded_at": at,
    }
    detail: Row | None = None
    if facts.note is not None or facts.metadata:
        assert salt is not None
        row["detail_digest"] = chain.detail_digest(
            salt=salt, note=facts.note, metadata=facts.metadata
        )
        detail = {
            "event_id": row["id"],
            "salt": salt,
            "note": facts.note,
            "metadata": facts.metadata,
            "erased_at": None,
        }
    row["digest"] = chain.event_digest(row)
    return EventDraft(row=row, detail=detail)


def order_facts(event: Mapping[Any, Any]) -> OrderFacts | None:
    """The purchase that an event's row tells of."""
    if event["order_number"] is None:
        return None
    return OrderFacts(
        id=event["order_id"],
        number=event["order_number"],
        value=event["order_value"],
        currency=event["order_currency"],
        placed_at=event["order_placed_at"],
    )


# What the end of a hold is called.
_ENDS: dict[str, tuple[EventName, str]] = {
    RedemptionPurpose.PAYMENT: (EventName.HOLD_RELEASED, "redemption"),
    RedemptionPurpose.VOUCHER: (EventName.VOUCHER_LAPSED, "voucher"),
}
# What falls due at one instant happens in this order.
_RELEASE, _MATURE, _EXPIRE, _IDLE = range(4)


class AccountBook:
    """An account's figures, lots and debts, and the rows that a posting adds to them."""

    def __init__(self, row: Mapping[str, Any], source: Source):
        self.found = row
        """As it was read; ``row`` is as it will be written."""
        self.row: Row = dict(row)
        self.id: str = row["id"]
        self.source = source
        self.lots: dict[int, LotState] = {}
        self.entries: list[EntryDraft] = []
        self.events: list[EventDraft] = []
        self.redemption_updates: list[Row] = []
        self._debts: list[DebtState] | None = None
        self._fetched: dict[str, LotKey | None] = {}
        self._fetched_all: set[str] = set()
        self._chunk = CHUNK
        self._due_read = False
        # When something not in ``lots`` is due next; first as the row has it.
        self._due_elsewhere: datetime = self.row["next_due_at"]

    # -- what it knows

    @property
    def balance(self) -> int:
        """What is spendable now, below zero when in debt."""
        balance: int = self.row["balance"]
        return balance

    @property
    def spendable(self) -> int:
        """What a redemption may take."""
        return max(0, self.balance)

    @property
    def debts(self) -> list[DebtState]:
        """Open debts, oldest first. Only an account below zero has any."""
        if self._debts is None:
            self._debts = self.source.debts(self.id) if self.balance < 0 else []
        return self._debts

    def debts_known(self) -> list[DebtState]:
        """The debts that this posting had to look at."""
        return self._debts or []

    def know(self, lots: Iterable[LotState]) -> list[LotState]:
        """Remember ``lots``; those it knows already keep their present state."""
        return [self.lots.setdefault(lot.number, lot) for lot in lots]

    def open_lots(self, category: str) -> list[LotState]:
        """All open lots of a category, in the order of spending."""
        while self._fetch(category):
            pass
        return self._known_open(category)

    def _known_open(self, category: str) -> list[LotState]:
        known = [
            lot for lot in self.lots.values() if lot.remaining > 0 and lot.category == category
        ]
        known.sort(key=lambda lot: lot.key)
        return known

    def _fetch(self, category: str) -> bool:
        if category in self._fetched_all:
            return False
        lots = self.source.open_lots(
            self.id, category=category, after=self._fetched.get(category), limit=self._chunk
        )
        if len(lots) < self._chunk:
            self._fetched_all.add(category)
        else:
            self._fetched[category] = lots[-1].key
        self._chunk = min(self._chunk * 4, CHUNK_MAX)
        self.know(lots)
        return True

    # -- entries

    def add_entry(
        self,
        event: EventDraft,
        *,
        type: EntryType,
        category: str,
        amount: int,
        lifetime_delta: int = 0,
        taken_back_delta: int = 0,
        reverses: str | None = None,
        program_version: int | None = None,
    ) -> EntryDraft:
        """Write a line and move the figures by it; its lots and allocations follow."""
        if self.balance < 0:
            _ = self.debts  # known before the figures move
        row = self.row
        row["sequence"] += 1
        if category == Category.REGULAR:
            row["balance"] += amount
            balance_after = row["balance"]
        else:
            row["promised"] += amount
            if category == Category.TRIGGER_BASED:
                row["trigger_based"] += amount
                balance_after = row["trigger_based"]
            else:
                balance_after = row["promised"] - row["trigger_based"]
        row["lifetime"] += lifetime_delta
        row["taken_back"] += taken_back_delta
        if max(abs(row["balance"]), row["promised"], row["lifetime"]) > POINTS_MAX:
            raise InvalidPoints("The account cannot hold that many points.", limit=POINTS_MAX)
        occurred_at = event.occurred_at
        last = row["last_occurred_at"]
        late = last is not None and occurred_at < last
        if not late:
            row["last_occurred_at"] = occurred_at
        entry = EntryDraft(
            row={
                "account_id": self.id,
                "sequence": row["sequence"],
                "event_id": event.row["id"],
                "type": type.value,
                "category": str(category),
                "amount": amount,
                "balance_after": balance_after,
                "lifetime_delta": lifetime_delta,
                "taken_back_delta": taken_back_delta,
                "reverses": reverses,
                "program_version": program_version,
                "late": late,
                "occurred_at": occurred_at,
                "recorded_at": event.row["recorded_at"],
                "hash_version": chain.VERSION,
            },
            event_digest=event.row["digest"],
        )
        self.entries.append(entry)
        event.entries.append(entry)
        return entry

    def seal(self) -> None:
        """Chain the new entries, once all that their hashes cover is known."""
        previous = bytes(self.row["head_hash"])
        for entry in self.entries:
            previous = chain.entry_hash(
                previous,
                entry=entry.row,
                event_digest=entry.event_digest,
                lots=[lot_facts(lot) for lot in entry.lots],
                allocations=[
                    {"lot_number": lot, "debit_sequence": debit, "points": points}
                    for (lot, debit), points in sorted(entry.allocations.items())
                ],
            )
            entry.row["hash"] = previous
        self.row["head_hash"] = previous

    # -- lots and debts

    def open_lot(
        self,
        entry: EntryDraft,
        points: int,
        *,
        earned_at: datetime,
        expires_at: datetime,
        available_from: datetime | None = None,
        trigger: str | None = None,
        origin: tuple[str, int] | None = None,
    ) -> LotState:
        """The points that ``entry`` brought. Regular ones pay debts first."""
        self.row["lots"] += 1
        lot = LotState(
            account_id=self.id,
            number=self.row["lots"],
            entry_sequence=entry.sequence,
            category=entry.row["category"],
            earned=points,
            remaining=points,
            earned_at=earned_at,
            available_from=available_from or earned_at,
            expires_at=expires_at,
            trigger=trigger,
            origin_account_id=origin[0] if origin else None,
            origin_number=origin[1] if origin else None,
            new=True,
        )
        self.lots[lot.number] = lot
        entry.lots.append(lot)
        self.note_due(lot.due_at)
        if lot.category == Category.REGULAR:
            self._pay_debts(entry, lot)
        return lot

    def note_due(self, when: datetime) -> None:
        """Something will be due at ``when``."""
        self.row["next_due_at"] = min(self.row["next_due_at"], when)

    def note_hold(self, held_until: datetime) -> None:
        """A hold that this posting begins will end at ``held_until``."""
        self._due_elsewhere = min(self._due_elsewhere, held_until)
        self.note_due(held_until)

    def allocate(self, entry: EntryDraft, lot: LotState, debit: int, points: int) -> None:
        """Take ``points`` of ``lot`` for ``debit``; give them back when below zero."""
        lot.remaining -= points
        lot.dirty = True
        key = (lot.number, debit)
        entry.allocations[key] = entry.allocations.get(key, 0) + points

    def _pay_debts(self, entry: EntryDraft, lot: LotState) -> None:
        for debt in self.debts:
            points = min(lot.remaining, debt.remaining)
            if points:
                self.allocate(entry, lot, debt.entry_sequence, points)
                debt.remaining -= points
                debt.dirty = True

    def take(
        self, entry: EntryDraft, points: int, *, first: Sequence[LotState] = ()
    ) -> list[tuple[LotState, int]]:
        """Cover a regular debit: from ``first``, then soonest to expire; the rest is debt."""
        taken: list[tuple[LotState, int]] = []
        for lot in first:
            points -= self._take_from(entry, lot, points, taken)
        category = Category.REGULAR
        while points:
            fetched_to = self._fetched.get(category)
            everything = category in self._fetched_all
            for lot in self._known_open(category):
                if not everything and (fetched_to is None or lot.key > fetched_to):
                    break
                points -= self._take_from(entry, lot, points, taken)
                if not points:
                    return taken
            if not self._fetch(category):
                self._owe(entry, points)
                return taken
        return taken

    def _take_from(
        self,
        entry: EntryDraft,
        lot: LotState,
        points: int,
        taken: list[tuple[LotState, int]],
    ) -> int:
        part = min(lot.remaining, points)
        if part:
            self.allocate(entry, lot, entry.sequence, part)
            taken.append((lot, part))
        return part

    def _owe(self, entry: EntryDraft, points: int) -> None:
        self.debts.append(
            DebtState(
                entry_sequence=entry.sequence, owed=points, cancelled=0, remaining=points, new=True
            )
        )

    def give_back(
        self,
        entry: EntryDraft,
        debit: DebitState,
        points: int,
        *,
        grace_expires_at: datetime | None,
    ) -> list[LotState]:
        """Return ``points`` of ``debit`` to their own lots, the last taken first.

        What no lot paid yet comes first: its debt is cancelled, or, where a
        merge moved it here, it is a credit that pays debts as any other.
        Points whose lot has died meanwhile live on until ``grace_expires_at``,
        and those of another account (merged into this one) open a lot here.

        Returns:
            the lots that hold the points now.
        """
        when = entry.row["occurred_at"]
        restored = []
        paid = sum(part.points for part in debit.parts)
        unpaid = min(points, debit.points - debit.reversed - paid)
        points -= unpaid
        if unpaid and debit.account_id == self.id:
            self._cancel_debt(debit.sequence, unpaid)
        elif unpaid:
            expires_at = grace_expires_at or NEVER
            restored.append(self.open_lot(entry, unpaid, earned_at=when, expires_at=expires_at))
        for part in reversed(debit.parts):
            back = min(part.points, points)
            if not back:
                continue
            part.points -= back
            points -= back
            lot = part.lot
            dead = lot.expires_at <= when
            if lot.account_id == self.id and not (dead and grace_expires_at):
                lot = self.lots.setdefault(lot.number, lot)
                lot.returned_at = when if dead else None
                self.allocate(entry, lot, debit.sequence, -back)
                self.note_due(lot.due_at)
                self._pay_debts(entry, lot)
            else:
                lot = self.open_lot(
                    entry,
                    back,
                    earned_at=lot.earned_at,
                    expires_at=grace_expires_at if dead and grace_expires_at else lot.expires_at,
                    origin=(lot.account_id, lot.number),
                )
            restored.append(lot)
        assert points == 0, "a debit cannot give back more than it took"
        return restored

    def _cancel_debt(self, sequence: int, points: int) -> None:
        debt = next(debt for debt in self.debts if debt.entry_sequence == sequence)
        debt.remaining -= points
        debt.cancelled += points
        debt.dirty = True

    def cancel_all_debts(self) -> None:
        """Owe nothing more: the debt moves to the account this one merges into."""
        for debt in self.debts:
            debt.cancelled += debt.remaining
            debt.remaining = 0
            debt.dirty = True

    # -- verbs that need this account alone

    def require(self, points: int) -> None:
        """Refuse to spend ``points`` that are not there.

        Raises:
            InsufficientPoints: with ``available`` and ``requested``.
        """
        if points > self.spendable:
            raise InsufficientPoints(available=self.spendable, requested=points)

    def mature(self, event: EventDraft, lots: Sequence[LotState]) -> None:
        """Waiting points become regular: one entry each way, lots keep their expiry."""
        points = sum(lot.remaining for lot in lots)
        waiting = self.add_entry(
            event, type=EntryType.EARN, category=lots[0].category, amount=-points
        )
        moved = []
        for lot in lots:
            moved.append((lot, lot.remaining))
            self.allocate(waiting, lot, waiting.sequence, lot.remaining)
        regular = self.add_entry(
            event,
            type=EntryType.EARN,
            category=Category.REGULAR,
            amount=points,
            lifetime_delta=points,
        )
        for lot, part in moved:
            self.open_lot(
                regular,
                part,
                earned_at=lot.earned_at,
                expires_at=lot.expires_at,
                origin=(self.id, lot.number),
            )

    def expire(self, event: EventDraft, lots: Sequence[LotState]) -> None:
        """The rest of these lots of one category is gone."""
        points = sum(lot.remaining for lot in lots)
        entry = self.add_entry(
            event, type=EntryType.EXPIRE, category=lots[0].category, amount=-points
        )
        for lot in lots:
            self.allocate(entry, lot, entry.sequence, lot.remaining)

    def release_hold(self, event: EventDraft, hold: HoldState, *, at: datetime) -> None:
        """A hold ends: its points return."""
        debit = hold.debit
        points = debit.points - debit.reversed
        entry = self.add_entry(
            event,
            type=EntryType.REVERSE,
            category=Category.REGULAR,
            amount=points,
            reverses=entry_id(debit.account_id, debit.sequence),
        )
        self.give_back(entry, debit, points, grace_expires_at=hold.grace_expires_at)
        self.redemption_updates.append(
            {
                "of_id": hold.redemption_id,
                "status": RedemptionStatus.VOIDED.value,
                "points_reversed": debit.points,
                "updated_at": at,
            }
        )

    # -- settle first

    def settle(self, at: datetime) -> None:
        """Book all that fell due by ``at``, in order, each dated when it fell due.

        A posting settles before it begins and again before it writes. What the
        database has that is due is read once: asked again, it would name holds
        that were released in memory, and their points would return twice.
        """
        if self.row["next_due_at"] > at:
            return
        holds: list[HoldState] = []
        if self._due_elsewhere <= at and not self._due_read:
            due = self.source.due(self.id, at)
            self._due_read, self._due_elsewhere = True, due.after
            self.know(due.lots)
            holds = due.holds
        self.row["next_due_at"] = self._due_elsewhere
        order = count()
        heap: list[tuple[datetime, int, int, LotState | HoldState | None]] = [
            (hold.held_until, _RELEASE, next(order), hold) for hold in holds
        ]
        if self.row["idle_expires_at"] <= at:
            heap.append((self.row["idle_expires_at"], _IDLE, next(order), None))

        def push_due() -> None:
            for lot in self.lots.values():
                if lot.remaining and lot.due_at <= at and lot.number not in queued:
                    queued.add(lot.number)
                    heappush(heap, (lot.due_at, self._due_kind(lot), next(order), lot))

        queued: set[int] = set()
        heapify(heap)
        push_due()
        while heap:
            when, kind, _, first = heappop(heap)
            together = [first]
            while kind != _RELEASE and heap and heap[0][:2] == (when, kind):
                together.append(heappop(heap)[3])
            queued.difference_update(lot.number for lot in together if isinstance(lot, LotState))
            self._fall_due(when, kind, together, at)
            if kind in (_RELEASE, _MATURE):
                push_due()
        self.note_due(self.row["idle_expires_at"])
        for lot in self.lots.values():
            if lot.remaining:
                self.note_due(lot.due_at)

    @staticmethod
    def _due_kind(lot: LotState) -> int:
        matures = lot.category == Category.PROMISED and lot.available_from < lot.expires_at
        return _MATURE if matures else _EXPIRE

    def _fall_due(
        self, when: datetime, kind: int, items: Sequence[LotState | HoldState | None], at: datetime
    ) -> None:
        if kind == _RELEASE:
            for hold in items:
                assert isinstance(hold, HoldState)
                name, origin = _ENDS[hold.purpose]
                self.release_hold(self._own_event(name, origin, when, at), hold, at=at)
            return
        if kind == _IDLE:
            self.row["idle_expires_at"] = NEVER
            idle = self.open_lots(Category.REGULAR)
            if idle:
                self.expire(self._own_event(EventName.POINTS_EXPIRY, "inactivity", when, at), idle)
            return
        for category in Category:
            lots = [
                lot
                for lot in items
                if isinstance(lot, LotState) and lot.remaining and lot.category == category
            ]
            if not lots:
                continue
            if kind == _MATURE:
                self.mature(self._own_event(EventName.DELAYED_ACCRUAL, "maturing", when, at), lots)
            else:
                self.expire(self._own_event(EventName.POINTS_EXPIRY, "expiry", when, at), lots)

    def _own_event(self, name: EventName, origin: str, when: datetime, at: datetime) -> EventDraft:
        event = draft_event(
            Facts(name=name, actor="system", origin=origin, occurred_at=when), at=at
        )
        self.events.append(event)
        return event


def lot_facts(lot: LotState) -> Row:
    """What the hash of the entry that opened a lot says of it."""
    return {
        "number": lot.number,
        "category": lot.category,
        "earned": lot.earned,
        "earned_at": lot.earned_at,
        "available_from": lot.available_from,
        "expires_at": lot.expires_at,
        "trigger": lot.trigger,
        "origin_account_id": lot.origin_account_id,
        "origin_number": lot.origin_number,
    }
