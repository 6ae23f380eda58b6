"""Refunds: what an order earned is taken back, and what points paid is given back.

In proportion, and rounded on the running total of the order's refunds: what
stays earned is rounded down, as earning is; the last refund takes and gives
the rest. So several refunds do together what one would, never more than was
earned or spent. Rule: RULES, "Earning", refunds.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, insert, select
from sqlalchemy.orm import Session

from portal import ledger, orders, programs
from portal.checkout.earnings import Occasion
from portal.checkout.errors import OrderHeld, OrderVoided
from portal.checkout.finding import read_order, refund_view, status_of
from portal.checkout.models import OrderRefund
from portal.checkout.values import OrderStatus, Refund, RefundPart, RefundWish
from portal.ledger import (
    Bought,
    EntryType,
    EventName,
    Happening,
    OrderFacts,
    RedemptionStatus,
    RedemptionView,
    entry_id,
)
from portal.ledger.models import Account, Entry, Event
from portal.ledger.posting import lock
from portal.ledger.reading import Shelf
from portal.orders.errors import InvalidOrder
from portal.orm import new_id
from portal.programs import Program
from portal.programs.sharing import shared

_EARNED = (
    select(Entry.account_id, Entry.sequence, Entry.amount, Account.program_id)
    .join(Event, Event.id == Entry.event_id)
    .join(Account, Account.id == Entry.account_id)
    .where(
        Event.order_id == bindparam("order_id"),
        Event.name == EventName.TRANSACTION_ADD.value,
        Entry.type == EntryType.EARN.value,
        Entry.amount > 0,
    )
    .order_by(Entry.account_id, Entry.sequence)
)
_COUNT = select(func.count()).where(OrderRefund.order_id == bindparam("order_id"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Progress:
    """How much of an order was refunded before and is with this refund."""

    value: int
    before: int
    after: int

    def taken_back(self, points: int) -> int:
        """How many of ``points`` this refund takes: what stays earned is rounded down."""
        left, leaves = self.value - self.before, self.value - self.after
        return points * left // self.value - points * leaves // self.value

    def given_back(self, amount: int) -> int:
        """How much of ``amount`` this refund gives; what was given is rounded down."""
        return amount * self.after // self.value - amount * self.before // self.value


def refund(
    session: Session,
    *,
    order_id: str,
    wish: RefundWish,
    actor: str,
    at: datetime,
    store: str | None = None,
    request_id: str | None = None,
) -> Refund:
    """Refund a part of an order, or all of it.

    Accounts that were closed, frozen or merged since are no obstacle. What was
    paid with points is given back even where the program takes no redemption
    back; points that expired meanwhile live on for its grace.

    Args:
        store: the only store that the asker speaks for.

    Raises:
        OrderNotFound, OtherStore.
        OrderHeld, OrderVoided: there is nothing to refund.
        MoreThanBought: ``available`` is what remains of the order.
        InvalidOrder: the value is not one, or the lines do not add up to it.
        Busy: an account is being merged just now.
    """
    _require_whole(wish)
    row = read_order(session, order_id, lock=True, store=store)
    match status_of(row, at=at):
        case OrderStatus.HELD:
            raise OrderHeld()
        case OrderStatus.VOIDED:
            raise OrderVoided()
    less = orders.refund(session, order_id=order_id, value=wish.value)
    refunding = _Refunding(
        session,
        row,
        _Progress(value=row.value, before=row.refunded, after=row.refunded + wish.value),
        Occasion(
            actor=actor,
            at=at,
            placed_at=row.placed_at,
            store=row.store,
            till=None,
            request_id=request_id,
        ),
    )
    refunding.do(less)
    written = refunding.row(wish)
    session.connection().execute(insert(OrderRefund), [written])
    return refund_view({**written, "currency": row.currency})


def _require_whole(wish: RefundWish) -> None:
    if type(wish.value) is not int or wish.value <= 0:
        raise InvalidOrder("A refund is a whole number above zero.", field="value")
    if wish.lines and sum(line.value for line in wish.lines) != wish.value:
        raise InvalidOrder("The lines must add up to the refund's value.", field="lines")


class _Refunding:
    """One refund on its way: the accounts it touches, locked, and what it does to each."""

    def __init__(self, session: Session, row: Any, progress: _Progress, occasion: Occasion):
        self.session, self.order, self.progress, self.occasion = session, row, progress, occasion
        self.parts: dict[str, RefundPart] = {}
        self.value_given_back = 0

    def do(self, less: int) -> None:
        """Take back, give back, and lower what counts as bought, under one lock."""
        earned = self.session.connection().execute(_EARNED, {"order_id": self.order.id}).all()
        paid = (self.order.result or {}).get("redemptions", ())
        redemptions = [ledger.redemption(self.session, redemption_id) for redemption_id in paid]
        touched = {entry.account_id for entry in earned}
        touched |= {redemption.account_id for redemption in redemptions}
        if self.order.account_id is not None:
            touched.add(self.order.account_id)
        ends = {account_id: ledger.lineage_end(self.session, account_id) for account_id in touched}
        if not ends:
            return
        lock(self.session, sorted({*ends, *ends.values()}))
        # Points given back pay the debt that taking back would make.
        for redemption in redemptions:
            self._give_back(redemption, ends)
        for account_id in sorted({entry.account_id for entry in earned}):
            self._take_back([entry for entry in earned if entry.account_id == account_id], ends)
        self._count_less(ends, less)
        self._note_tiers(set(ends.values()))

    @property
    def facts(self) -> OrderFacts:
        return OrderFacts(
            id=self.order.id,
            number=self.order.number,
            value=self.order.value,
            currency=self.order.currency,
            placed_at=self.order.placed_at,
        )

    def _add(self, account_id: str, program: Program, *, taken: int = 0, given: int = 0) -> None:
        known = self.parts.get(account_id)
        self.parts[account_id] = RefundPart(
            account_id=account_id,
            program_id=program.id,
            points_taken_back=taken + (known.points_taken_back if known else 0),
            points_given_back=given + (known.points_given_back if known else 0),
        )

    def _give_back(self, found: RedemptionView, ends: dict[str, str]) -> None:
        # Read again under the lock: it may have been reversed meanwhile.
        found = ledger.redemption(self.session, found.id)
        self.value_given_back += self.progress.given_back(found.value or 0)
        remaining = found.points - found.points_reversed
        if found.status in (RedemptionStatus.VOIDED, RedemptionStatus.HELD):
            remaining = 0
        points = min(self.progress.given_back(found.points), remaining)
        if points <= 0:
            return
        program = self._program(found.account_id)
        ledger.reverse_redemption(
            self.session,
            redemption_id=found.id,
            points=points,
            facts=self.occasion.facts(
                EventName.REDEMPTION_REVERSAL,
                origin="refund",
                order=self.facts,
            ),
            grace_expires_at=program.grace_expires_at(self.occasion.at),
            at=self.occasion.at,
        )
        self._add(ends[found.account_id], program, given=points)

    def _take_back(self, entries: Sequence[Any], ends: dict[str, str]) -> None:
        """What one account earned by the order, over all its credits together."""
        account_id = entries[0].account_id
        program = self._program(account_id)
        shelf = Shelf(self.session)
        remaining = [
            entry.amount - shelf.reversed(entry_id(account_id, entry.sequence)) for entry in entries
        ]
        wanted = self.progress.taken_back(sum(entry.amount for entry in entries))
        wanted = min(wanted, sum(remaining))
        taken = 0
        for entry, points in zip(entries, shared(wanted, remaining), strict=True):
            if not points:
                continue
            posted = ledger.reverse(
                self.session,
                entry_id=entry_id(account_id, entry.sequence),
                points=points,
                policy=program.refund.value,
                facts=self.occasion.facts(EventName.RETURN_BILL, origin="refund", order=self.facts),
                at=self.occasion.at,
            )
            taken -= sum(back.amount for back in posted.entries)
        self._add(ends[account_id], program, taken=taken)

    def _count_less(self, ends: dict[str, str], less: int) -> None:
        if self.order.account_id is None or not less:
            return
        happening = Happening(
            facts=self.occasion.facts(EventName.RETURN_BILL, origin="refund", order=self.facts),
            movements=[Bought(account_id=ends[self.order.account_id], purchase_value=-less)],
        )
        ledger.post(self.session, [happening], at=self.occasion.at)

    def _note_tiers(self, account_ids: set[str]) -> None:
        by_program: dict[str, list[str]] = {}
        for account_id in sorted(account_ids):
            program_id = ledger.find_account(self.session, account_id).program_id
            by_program.setdefault(program_id, []).append(account_id)
        for program_id, ids in sorted(by_program.items()):
            orders.tiers.note(
                self.session,
                program=programs.find(self.session, program_id),
                account_ids=ids,
                actor=self.occasion.actor,
                at=self.occasion.at,
            )

    def _program(self, account_id: str) -> Program:
        return programs.find(self.session, ledger.find_account(self.session, account_id).program_id)

    def row(self, wish: RefundWish) -> dict[str, Any]:
        """The refund as it is kept."""
        parts = list(self.parts.values())
        before = self.session.connection().execute(_COUNT, {"order_id": self.order.id}).scalar_one()
        return {
            "id": new_id("rfd"),
            "order_id": self.order.id,
            "number": before + 1,
            "value": wish.value,
            "total": self.progress.after,
            "points_taken_back": sum(part.points_taken_back for part in parts),
            "points_given_back": sum(part.points_given_back for part in parts),
            "value_given_back": self.value_given_back,
            "details": {
                "parts": [asdict(part) for part in parts],
                "lines": [asdict(line) for line in wish.lines],
            },
            "actor": self.occasion.actor,
            "created_at": self.occasion.at,
        }
