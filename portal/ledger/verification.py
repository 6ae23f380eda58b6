"""Recomputing the whole book from its append-only rows: one edited row is found.

The book is read as one stream per table, all in the order of accounts, so
that its size does not matter to memory.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Table, exists, func, select
from sqlalchemy.orm import Session, aliased

from portal.ledger import chain
from portal.ledger.models import (
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
from portal.ledger.values import entry_id

FETCH = 2_000
"""Rows in memory at a time, of each table."""

Row = Mapping[Any, Any]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something in the book that is not as the rest of it says."""

    account_id: str
    where: str
    found: str
    expected: str

    def __str__(self) -> str:
        """One line for a person at night."""
        return f"{self.account_id}: {self.where} is {self.found}, but the book says {self.expected}"


def verify(session: Session, *, progress: Progress | None = None) -> list[Difference]:
    """Recompute chains, balances, lots, debts, allocations and redemptions of every account.

    Args:
        progress: called with accounts done and accounts in all, now and then.

    Returns:
        every difference found; empty when the book is whole.
    """
    connection = session.connection()
    total = connection.execute(select(func.count()).select_from(Account)).scalar_one()
    streams = {
        name: _Stream(rows)
        for name, rows in {
            "entry": _entries(session),
            "lot": _rows(session, Lot.__table__, "account_id", "number"),
            "debt": _rows(session, Debt.__table__, "account_id", "entry_sequence"),
            "allocation": _rows(
                session,
                Allocation.__table__,
                "account_id",
                "entry_sequence",
                "lot_number",
                "debit_sequence",
            ),
            "redemption": _rows(session, Redemption.__table__, "account_id", "id"),
            "hold": _holds(session),
        }.items()
    }
    differences: list[Difference] = []
    reversals, survivors = _reversals(session), _survivors(session)
    accounts = _rows(session, Account.__table__, "id")
    done = 0
    for account in accounts:
        audit = _AccountAudit(account, reversals, survivors)
        audit.run(**{name: stream.of(account["id"]) for name, stream in streams.items()})
        differences.extend(audit.differences)
        done += 1
        if progress is not None and done % 500 == 0:
            progress(done, total)
    differences.extend(_events(session))
    differences.extend(_moves(session))
    for name, stream in streams.items():
        differences.extend(
            Difference(account_id=lost, where=name, found="present", expected="no such account")
            for lost in stream.rest()
        )
    if progress is not None:
        progress(done, total)
    return differences


def _rows(session: Session, table: Any, *order: str) -> Iterator[Row]:
    assert isinstance(table, Table)
    statement = select(table).order_by(*(table.c[name] for name in order))
    result = session.connection().execute(
        statement, execution_options={"yield_per": FETCH, "stream_results": True}
    )
    yield from result.mappings()


def _entries(session: Session) -> Iterator[Row]:
    statement = (
        select(
            Entry.__table__,
            Event.digest.label("event_digest"),
            Event.name.label("event_name"),
        )
        .join(Event, Event.id == Entry.event_id)
        .order_by(Entry.account_id, Entry.sequence)
    )
    result = session.connection().execute(
        statement, execution_options={"yield_per": FETCH, "stream_results": True}
    )
    yield from result.mappings()


def _holds(session: Session) -> Iterator[Row]:
    """Redemptions on hold, by who gets their points if they end by themselves."""
    statement = (
        select(Redemption.held_for.label("account_id"), Redemption.held_until)
        .where(Redemption.status == RedemptionStatus.HELD.value, Redemption.held_for.is_not(None))
        .order_by(Redemption.held_for)
    )
    result = session.connection().execute(
        statement, execution_options={"yield_per": FETCH, "stream_results": True}
    )
    yield from result.mappings()


def _survivors(session: Session) -> dict[str, str]:
    """For each merged account, the one that holds now what it held."""
    merged = {
        str(source): str(target)
        for source, target in session.connection().execute(
            select(Account.id, Account.merged_into).where(Account.merged_into.is_not(None))
        )
    }
    survivors = {}
    for source, target in merged.items():
        seen = {source}
        while target in merged and target not in seen:
            seen.add(target)
            target = merged[target]
        survivors[source] = target
    return survivors


def _reversals(session: Session) -> dict[str, int]:
    statement = (
        select(Entry.reverses, func.sum(Entry.amount))
        .where(Entry.reverses.is_not(None))
        .group_by(Entry.reverses)
    )
    return {str(key): int(total) for key, total in session.connection().execute(statement)}


def _events(session: Session) -> Iterator[Difference]:
    statement = (
        select(
            Event.__table__,
            EventDetail.salt,
            EventDetail.note,
            EventDetail.details.label("event_metadata"),
            EventDetail.erased_at,
            EventDetail.event_id.label("detail_of"),
        )
        .outerjoin(EventDetail, EventDetail.event_id == Event.id)
        .order_by(Event.id)
    )
    result = session.connection().execute(
        statement, execution_options={"yield_per": FETCH, "stream_results": True}
    )
    for row in result.mappings():
        if chain.event_digest(row) != bytes(row["digest"]):
            yield Difference(
                account_id=row["id"], where="event", found="edited", expected="its own digest"
            )
        if row["detail_digest"] is None and row["detail_of"] is None:
            continue
        if row["erased_at"] is not None:
            whole = row["note"] is None and row["event_metadata"] is None
        else:
            told = row["detail_of"] is not None and chain.detail_digest(
                salt=bytes(row["salt"]), note=row["note"], metadata=row["event_metadata"]
            )
            whole = told == row["detail_digest"]
        if not whole:
            yield Difference(
                account_id=row["id"], where="note", found="edited", expected="its own digest"
            )


def _moves(session: Session) -> Iterator[Difference]:
    """Transfers and merges that do not sum to zero, and merges that name another survivor."""
    connection = session.connection()
    uneven = (
        select(Entry.event_id, Entry.category, func.sum(Entry.amount).label("total"))
        .where(Entry.type.in_([EntryType.TRANSFER.value, EntryType.MERGE.value]))
        .group_by(Entry.event_id, Entry.category)
        .having(func.sum(Entry.amount) != 0)
    )
    for row in connection.execute(uneven):
        yield Difference(
            account_id=row.event_id,
            where=f"the sum of a move, {row.category}",
            found=str(row.total),
            expected="0",
        )
    out, into = aliased(Entry), aliased(Entry)
    met = exists().where(
        out.account_id == Account.id,
        out.type == EntryType.MERGE.value,
        out.event_id == into.event_id,
        into.account_id == Account.merged_into,
    )
    for account_id in connection.execute(
        select(Account.id).where(Account.merged_into.is_not(None), ~met)
    ).scalars():
        yield Difference(
            account_id=account_id, where="merged_into", found="another", expected="the survivor"
        )


class _Stream:
    """Rows grouped by account, asked for account by account in order."""

    def __init__(self, rows: Iterator[Row]):
        self._groups = groupby(rows, key=lambda row: row["account_id"])
        self._next: tuple[str, list[Row]] | None = None
        self._lost: list[str] = []
        self._advance()

    def _advance(self) -> None:
        found = next(self._groups, None)
        self._next = (found[0], list(found[1])) if found else None

    def of(self, account_id: str) -> list[Row]:
        while self._next is not None and self._next[0] < account_id:
            self._lost.append(self._next[0])
            self._advance()
        if self._next is None or self._next[0] != account_id:
            return []
        rows = self._next[1]
        self._advance()
        return rows

    def rest(self) -> list[str]:
        while self._next is not None:
            self._lost.append(self._next[0])
            self._advance()
        return self._lost


class _AccountAudit:
    """One account, recomputed."""

    def __init__(self, account: Row, reversals: Mapping[str, int], survivors: Mapping[str, str]):
        self.account = account
        self.reversals = reversals
        self.survivors = survivors
        self.differences: list[Difference] = []

    def expect(self, where: str, found: object, expected: object) -> None:
        if found != expected:
            self.differences.append(
                Difference(
                    account_id=self.account["id"],
                    where=where,
                    found=str(found),
                    expected=str(expected),
                )
            )

    def run(
        self,
        *,
        entry: list[Row],
        lot: list[Row],
        debt: list[Row],
        allocation: list[Row],
        redemption: list[Row],
        hold: list[Row],
    ) -> None:
        self._chain(entry, lot, allocation)
        self._figures(entry)
        self._lots(lot, allocation)
        self._debits(entry, debt, allocation)
        self._credits(entry, lot, allocation, debt)
        self._account(lot, debt, hold)
        self._redemptions(entry, redemption)

    def _chain(self, entries: list[Row], lots: list[Row], allocations: list[Row]) -> None:
        opened: dict[int, list[Row]] = {}
        for lot in lots:
            opened.setdefault(lot["entry_sequence"], []).append(lot)
        made: dict[int, list[Row]] = {}
        for allocation in allocations:
            made.setdefault(allocation["entry_sequence"], []).append(allocation)
        previous = chain.genesis(self.account["id"])
        for number, entry in enumerate(entries, start=1):
            self.expect("sequence", entry["sequence"], number)
            self.expect(f"hash_version of entry {number}", entry["hash_version"], chain.VERSION)
            computed = chain.entry_hash(
                previous,
                entry=entry,
                event_digest=bytes(entry["event_digest"]),
                lots=opened.pop(entry["sequence"], []),
                allocations=made.pop(entry["sequence"], []),
            )
            previous = bytes(entry["hash"])
            if computed != previous:
                self.expect(f"entry {number}", "not what was hashed", "an unbroken chain")
        self.expect("sequence", self.account["sequence"], len(entries))
        if bytes(self.account["head_hash"]) != previous:
            self.expect("head_hash", "another", "the hash of the last entry")
        for sequence in opened | made:
            self.expect(f"entry {sequence}", "missing", "the opener of a lot or allocation")

    def _figures(self, entries: list[Row]) -> None:
        totals = dict.fromkeys(Category, 0)
        lifetime = taken_back = 0
        last: datetime | None = None
        for entry in entries:
            category = Category(entry["category"])
            totals[category] += entry["amount"]
            lifetime += entry["lifetime_delta"]
            taken_back += entry["taken_back_delta"]
            self.expect(
                f"balance_after of entry {entry['sequence']}",
                entry["balance_after"],
                totals[category],
            )
            late = last is not None and entry["occurred_at"] < last
            self.expect(f"late of entry {entry['sequence']}", bool(entry["late"]), late)
            if not late:
                last = entry["occurred_at"]
        account = self.account
        self.expect("balance", account["balance"], totals[Category.REGULAR])
        self.expect(
            "promised",
            account["promised"],
            totals[Category.PROMISED] + totals[Category.TRIGGER_BASED],
        )
        self.expect("trigger_based", account["trigger_based"], totals[Category.TRIGGER_BASED])
        self.expect("lifetime", account["lifetime"], lifetime)
        self.expect("taken_back", account["taken_back"], taken_back)
        self.expect("last_occurred_at", account["last_occurred_at"], last)

    def _lots(self, lots: list[Row], allocations: list[Row]) -> None:
        taken: dict[int, int] = {}
        for allocation in allocations:
            number = allocation["lot_number"]
            taken[number] = taken.get(number, 0) + allocation["points"]
        self.expect("lots", self.account["lots"], len(lots))
        for lot in lots:
            number = lot["number"]
            self.expect(
                f"remaining of lot {number}", lot["remaining"], lot["earned"] - taken.get(number, 0)
            )
        for category in Category:
            left = sum(lot["remaining"] for lot in lots if lot["category"] == category)
            if category == Category.REGULAR:
                continue
            booked = self.account["trigger_based"]
            if category == Category.PROMISED:
                booked = self.account["promised"] - booked
            self.expect(f"open lots, {category}", left, booked)

    def _debits(self, entries: list[Row], debts: list[Row], allocations: list[Row]) -> None:
        covered: dict[int, int] = {}
        later: dict[int, int] = {}
        for allocation in allocations:
            debit, points = allocation["debit_sequence"], allocation["points"]
            if allocation["entry_sequence"] == debit:
                covered[debit] = covered.get(debit, 0) + points
            elif points > 0:
                later[debit] = later.get(debit, 0) + points
        owed = {debt["entry_sequence"]: debt for debt in debts}
        for entry in entries:
            if entry["amount"] >= 0:
                continue
            sequence = entry["sequence"]
            debt = owed.pop(sequence, None)
            self.expect(
                f"allocations of entry {sequence}",
                covered.get(sequence, 0) + (debt["owed"] if debt else 0),
                -entry["amount"],
            )
            if debt is not None:
                if debt["owed"] < 1:
                    self.expect(f"owed of entry {sequence}", debt["owed"], "above zero")
                self.expect(
                    f"debt of entry {sequence}",
                    debt["remaining"],
                    debt["owed"] - debt["cancelled"] - later.get(sequence, 0),
                )
        for sequence in owed:
            self.expect(f"debt of entry {sequence}", "present", "no such debit")

    def _credits(
        self, entries: list[Row], lots: list[Row], allocations: list[Row], debts: list[Row]
    ) -> None:
        brought: dict[int, int] = {}
        for lot in lots:
            sequence = lot["entry_sequence"]
            brought[sequence] = brought.get(sequence, 0) + lot["earned"]
        for allocation in allocations:
            if allocation["points"] < 0:
                sequence = allocation["entry_sequence"]
                brought[sequence] = brought.get(sequence, 0) - allocation["points"]
        cancelled = 0
        for entry in entries:
            if entry["amount"] <= 0:
                continue
            short = entry["amount"] - brought.get(entry["sequence"], 0)
            if short and entry["type"] in (EntryType.REVERSE, EntryType.MERGE):
                # Part of it cancelled a debt instead of opening a lot.
                cancelled += short
                continue
            self.expect(
                f"lots of entry {entry['sequence']}", entry["amount"] - short, entry["amount"]
            )
        self.expect("cancelled debts", sum(debt["cancelled"] for debt in debts), cancelled)
        for entry in entries:
            taken_back = abs(
                self.reversals.get(entry_id(entry["account_id"], entry["sequence"]), 0)
            )
            if taken_back > abs(entry["amount"]):
                self.expect(
                    f"reversals of entry {entry['sequence']}",
                    taken_back,
                    f"at most {abs(entry['amount'])}",
                )

    def _account(self, lots: list[Row], debts: list[Row], holds: list[Row]) -> None:
        account = self.account
        regular = sum(
            lot["remaining"] for lot in lots if lot["category"] == Category.REGULAR
        ) - sum(debt["remaining"] for debt in debts)
        self.expect("open lots less debt", regular, account["balance"])
        due = [lot["expires_at"] for lot in lots if lot["remaining"]]
        due += [
            lot["available_from"]
            for lot in lots
            if lot["remaining"] and lot["category"] == Category.PROMISED
        ]
        due += [hold["held_until"] for hold in holds if hold["held_until"] is not None]
        due.append(account["idle_expires_at"])
        if account["next_due_at"] > min(due):
            self.expect("next_due_at", account["next_due_at"], min(due))
        merged = account["status"] == AccountStatus.MERGED
        self.expect("merged", merged, account["merged_into"] is not None)
        if merged:
            self.expect("balance of a merged account", account["balance"], 0)
            self.expect("promised of a merged account", account["promised"], 0)

    def _redemptions(self, entries: list[Row], redemptions: list[Row]) -> None:
        by_sequence = {entry["sequence"]: entry for entry in entries}
        redeemed = {entry["sequence"] for entry in entries if entry["type"] == EntryType.REDEEM}
        if len(redemptions) != len(redeemed):
            self.expect("redemptions", len(redemptions), len(redeemed))
        for redemption in redemptions:
            name = redemption["id"]
            entry = by_sequence.get(redemption["entry_sequence"])
            if entry is None:
                self.expect(f"entry of {name}", "missing", "a redeem entry")
                continue
            self.expect(f"type of {name}", entry["type"], EntryType.REDEEM)
            self.expect(f"points of {name}", redemption["points"], -entry["amount"])
            self.expect(f"event of {name}", redemption["event_id"], entry["event_id"])
            self.expect(f"created_at of {name}", redemption["created_at"], entry["recorded_at"])
            voucher = entry["event_name"] == EventName.VOUCHER_ISSUED
            purpose = RedemptionPurpose.VOUCHER if voucher else RedemptionPurpose.PAYMENT
            self.expect(f"purpose of {name}", redemption["purpose"], purpose)
            held = redemption["status"] == RedemptionStatus.HELD
            here = self.account["id"]
            holder = self.survivors.get(here, here) if held else None
            self.expect(f"held_for of {name}", redemption["held_for"], holder)
            self.expect(f"held_until of {name}", redemption["held_until"] is not None, held)
            public_id = entry_id(redemption["account_id"], redemption["entry_sequence"])
            returned = self.reversals.get(public_id, 0)
            self.expect(f"points_reversed of {name}", redemption["points_reversed"], returned)
            status = redemption["status"]
            if returned == 0:
                fits = status in (RedemptionStatus.HELD, RedemptionStatus.CAPTURED)
            elif returned < redemption["points"]:
                fits = status == RedemptionStatus.PARTLY_REVERSED
            else:
                fits = status in (RedemptionStatus.REVERSED, RedemptionStatus.VOIDED)
            if not fits:
                self.expect(f"status of {name}", status, f"one that fits {returned} reversed")
