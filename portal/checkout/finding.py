"""Orders as they stand: what was placed, and what became of it since. Nothing here writes."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from portal import ledger
from portal.checkout.errors import OtherStore
from portal.checkout.models import OrderRefund, Placement
from portal.checkout.values import Gain, OrderState, OrderStatus, Refund, RefundPart, Warning
from portal.orders.errors import OrderNotFound
from portal.orders.models import Order

_ORDER: Any = (
    select(
        Order.id,
        Order.store,
        Order.number,
        Order.till,
        Order.customer_id,
        Order.account_id,
        Order.value,
        Order.currency,
        Order.counted,
        Order.refunded,
        Order.placed_at,
        Order.created_at,
        Order.details.label("details"),
        Placement.status,
        Placement.held_until,
        Placement.amount_due,
        Placement.result,
        Placement.intent,
    )
    .outerjoin(Placement, Placement.order_id == Order.id)
    .where(Order.id == bindparam("id"))
)
_LOCK = select(Order.id).where(Order.id == bindparam("id")).with_for_update()
_REFUNDS = (
    select(OrderRefund.__table__, Order.currency)
    .join(Order, Order.id == OrderRefund.order_id)
    .where(OrderRefund.order_id == bindparam("id"))
    .order_by(OrderRefund.number)
)


def read_order(session: Session, order_id: str, *, lock: bool = False, store: str | None) -> Any:
    """An order's row with how it was paid; locked for what changes it.

    Args:
        store: the only store that the asker speaks for.

    Raises:
        OrderNotFound: there is none. OtherStore: it is of another store.
    """
    connection = session.connection()
    if lock:
        # Locked first and read after: a join would read the other table as it was.
        connection.execute(_LOCK, {"id": order_id})
    row = connection.execute(_ORDER, {"id": order_id}).first()
    if row is None:
        raise OrderNotFound(order=order_id)
    if store is not None and row.store != store:
        raise OtherStore(store=store)
    return row


def status_of(row: Any, *, at: datetime) -> OrderStatus:
    """Where an order stands; a hold that is over was released by itself."""
    status = row.status or OrderStatus.CAPTURED.value
    if status == OrderStatus.HELD and row.held_until is not None and row.held_until <= at:
        return OrderStatus.VOIDED
    if status == OrderStatus.CAPTURED and row.refunded:
        whole = row.refunded >= row.value
        return OrderStatus.REFUNDED if whole else OrderStatus.PARTLY_REFUNDED
    return OrderStatus(status)


def find_order(
    session: Session, order_id: str, *, at: datetime, store: str | None = None
) -> OrderState:
    """An order with its redemptions and what it earned.

    Args:
        store: the only store that the asker speaks for.

    Raises:
        OrderNotFound: there is none. OtherStore: it is of another store.
    """
    row = read_order(session, order_id, store=store)
    result: Mapping[str, Any] = row.result or {}
    status = status_of(row, at=at)
    return OrderState(
        id=row.id,
        number=row.number,
        store=row.store,
        till=row.till,
        customer_id=row.customer_id,
        value=row.value,
        currency=row.currency,
        placed_at=row.placed_at,
        created_at=row.created_at,
        status=status,
        held_until=row.held_until if status is OrderStatus.HELD else None,
        amount_due=row.value if row.amount_due is None else row.amount_due,
        redemptions=tuple(
            ledger.redemption(session, redemption_id)
            for redemption_id in result.get("redemptions", ())
        ),
        earned=tuple(_gain(told) for told in result.get("earned", ())),
        account_ids=tuple(result.get("accounts", ())),
        refunded=row.refunded,
        warnings=tuple(Warning(**told) for told in result.get("warnings", ())),
        metadata=row.details,
    )


def told(
    *,
    redemptions: Sequence[str],
    gains: Sequence[Gain],
    account_ids: Sequence[str],
    warnings: Sequence[Warning],
) -> dict[str, Any]:
    """What an order did, as it is kept beside it."""
    return {
        "redemptions": list(redemptions),
        "earned": [_told_gain(gain) for gain in gains],
        "accounts": list(dict.fromkeys(account_ids)),
        "warnings": [asdict(warning) for warning in dict.fromkeys(warnings)],
    }


_INSTANTS = ("available_at", "expires_at")


def _told_gain(gain: Gain) -> dict[str, Any]:
    kept = asdict(gain)
    for name in _INSTANTS:
        kept[name] = kept[name] and kept[name].isoformat()
    return kept


def _gain(kept: Mapping[str, Any]) -> Gain:
    instants = {
        name: datetime.fromisoformat(kept[name]) for name in _INSTANTS if kept[name] is not None
    }
    return Gain(**{**kept, **instants})


def refunds_of(session: Session, order_id: str) -> tuple[Refund, ...]:
    """The refunds of an order, the first one first."""
    rows = session.connection().execute(_REFUNDS, {"id": order_id}).mappings()
    return tuple(refund_view(row) for row in rows)


def refund_view(row: Mapping[Any, Any]) -> Refund:
    """A refund's row as a value."""
    return Refund(
        id=row["id"],
        order_id=row["order_id"],
        value=row["value"],
        currency=row["currency"],
        points_taken_back=row["points_taken_back"],
        points_given_back=row["points_given_back"],
        value_given_back=row["value_given_back"],
        amount_returned=row["value"] - row["value_given_back"],
        refunded=row["total"],
        parts=tuple(RefundPart(**part) for part in row["details"]["parts"]),
        created_at=row["created_at"],
    )
