"""Finding orders. Nothing here writes."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.orders.errors import OrderNotFound
from portal.orders.models import Order


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderView:
    """A purchase as it was recorded. ``value`` in the smallest unit of ``currency``."""

    id: str
    store: str
    number: str
    till: str | None
    customer_id: str | None
    value: int
    currency: str
    placed_at: datetime
    created_at: datetime
    metadata: dict[str, Any] = field(default_factory=dict)


def find(session: Session, order_id: str) -> OrderView:
    """The order of this id.

    Raises:
        OrderNotFound: there is none.
    """
    row = session.scalar(select(Order).where(Order.id == order_id))
    if row is None:
        raise OrderNotFound(order=order_id)
    return OrderView(
        id=row.id,
        store=row.store,
        number=row.number,
        till=row.till,
        customer_id=row.customer_id,
        value=row.value,
        currency=row.currency,
        placed_at=row.placed_at,
        created_at=row.created_at,
        metadata=row.details,
    )
