"""The order behind a movement: what was bought, what it earned and why, how it was paid."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from portal.checkout.models import Placement
from portal.ledger import Category, EntryType, EventName
from portal.ledger.models import Entry, Event
from portal.orders.models import Order
from portal.orders.queries import OrderView, view
from portal.programs.models import Store

SIBLINGS_MAX = 40
"""How many movements of one order a page lists."""

_RECEIPT: Any = (
    select(Order, Placement.result, Store.name.label("store_name"))
    .join(Store, Store.code == Order.store)
    .outerjoin(Placement, Placement.order_id == Order.id)
    .where(Order.id == bindparam("order_id"))
    .execution_options(populate_existing=True)
)
_SIBLINGS: Any = (
    select(
        Entry.account_id,
        Entry.sequence,
        Entry.type,
        Entry.category,
        Entry.amount,
        Entry.occurred_at,
        Event.name,
    )
    .join(Event, Event.id == Entry.event_id)
    .where(
        Event.order_id == bindparam("order_id"),
        Entry.account_id.in_(bindparam("account_ids", expanding=True)),
    )
    .order_by(Entry.recorded_at, Entry.account_id, Entry.sequence)
    .limit(SIBLINGS_MAX)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """What one rule gave, in the words that were kept then."""

    points: int
    explanation: str
    available_from: datetime | None = None
    trigger: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sibling:
    """Another movement of the same order on one of the member's accounts."""

    account_id: str
    sequence: int
    type: EntryType
    category: Category
    amount: int
    occurred_at: datetime
    event_name: EventName


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """An order as its buyer sees it."""

    order: OrderView
    store_name: str
    earned: tuple[Why, ...]
    """On the account that was asked about, by the program's rules."""
    rewards: tuple[Why, ...]
    """On that account, on parts of the payment."""
    siblings: tuple[Sibling, ...]


def find(
    session: Session, *, order_id: str, account_id: str, own: Collection[str]
) -> Receipt | None:
    """The order, in two statements; None where it is not kept.

    Args:
        account_id: whose earning is meant.
        own: the accounts whose movements may be shown.
    """
    row = session.execute(_RECEIPT, {"order_id": order_id}).first()
    if row is None:
        return None
    order = view(row[0])
    rows = session.execute(_SIBLINGS, {"order_id": order_id, "account_ids": sorted(own)})
    return Receipt(
        order=order,
        store_name=row.store_name,
        earned=_earned(order, account_id),
        rewards=_rewards(order, row.result or {}, account_id),
        siblings=tuple(
            Sibling(
                account_id=sibling.account_id,
                sequence=sibling.sequence,
                type=EntryType(sibling.type),
                category=Category(sibling.category),
                amount=sibling.amount,
                occurred_at=sibling.occurred_at,
                event_name=EventName(sibling.name),
            )
            for sibling in rows
        ),
    )


def _earned(order: OrderView, account_id: str) -> tuple[Why, ...]:
    earning = order.earning
    if earning is None or earning.account_id != account_id:
        return ()
    return tuple(
        Why(
            points=part.points,
            explanation=part.explanation,
            available_from=part.available_from,
            trigger=part.trigger,
        )
        for part in earning.parts
    )


def _rewards(order: OrderView, result: dict[str, Any], account_id: str) -> tuple[Why, ...]:
    # Kept behind what the rules gave, of which there is one for each date and trigger.
    parts = order.earning.parts if order.earning is not None else ()
    by_rules = len({(part.available_from, part.trigger) for part in parts})
    return tuple(
        Why(points=gain["points"], explanation=gain["explanation"])
        for gain in result.get("earned", ())[by_rules:]
        if gain["account_id"] == account_id
    )
