"""Finding orders. Nothing here writes."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.orders.errors import OrderNotFound
from portal.orders.models import Order
from portal.programs.earning import Line


@dataclass(frozen=True, slots=True, kw_only=True)
class EarningPart:
    """What one rule gave. It waits for ``available_from``, or for ``trigger``, where set."""

    rule_id: str
    points: int
    explanation: str
    available_from: datetime | None
    trigger: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Earning:
    """What a purchase earned when it was recorded, and why, in words.

    ``promised`` of the ``points`` wait; ``available_from`` is the first date
    they wait for. ``version`` is the program's, ``enrolled`` says that the
    buyer joined by it.
    """

    program_id: str
    version: int
    account_id: str
    points: int
    promised: int
    explanation: str
    expires_at: datetime | None
    available_from: datetime | None
    parts: tuple[EarningPart, ...]
    enrolled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderView:
    """A purchase as it was recorded. Amounts in the smallest unit of ``currency``.

    ``counted`` is what it added to the lifetime purchases of ``account_id``,
    ``refunded`` what of its value was refunded since. ``held``: recorded, and
    neither counted nor earning until it is resumed.
    """

    id: str
    store: str
    number: str
    till: str | None
    customer_id: str | None
    value: int
    currency: str
    placed_at: datetime
    created_at: datetime
    account_id: str | None = None
    counted: int = 0
    refunded: int = 0
    held: bool = False
    tax: int = 0
    lines: tuple[Line, ...] = ()
    points_paid_value: int = 0
    earning: Earning | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


def find(session: Session, order_id: str) -> OrderView:
    """The order of this id.

    Raises:
        OrderNotFound: there is none.
    """
    row = session.scalar(
        select(Order).where(Order.id == order_id).execution_options(populate_existing=True)
    )
    if row is None:
        raise OrderNotFound(order=order_id)
    return view(row)


def view(row: Order) -> OrderView:
    """An order's row as a value."""
    contents = row.contents or {}
    return OrderView(
        id=row.id,
        store=row.store,
        number=row.number,
        till=row.till,
        customer_id=row.customer_id,
        account_id=row.account_id,
        value=row.value,
        currency=row.currency,
        placed_at=row.placed_at,
        created_at=row.created_at,
        counted=row.counted,
        refunded=row.refunded,
        held=bool(contents.get("held")),
        tax=contents.get("tax", 0),
        lines=lines_of(contents),
        points_paid_value=contents.get("points_paid_value", 0),
        earning=earning_of(contents.get("earning")),
        metadata=row.details,
    )


def lines_of(contents: dict[str, Any]) -> tuple[Line, ...]:
    """The lines that an order's row keeps."""
    return tuple(
        Line(sku=sku, category=category, quantity=quantity, value=value, tax=tax)
        for sku, category, quantity, value, tax in contents.get("lines", ())
    )


def earning_of(kept: dict[str, Any] | None) -> Earning | None:
    """What an order's row keeps of its earning, as a value."""
    if kept is None:
        return None
    parts = tuple(
        EarningPart(
            rule_id=part["rule"],
            points=part["points"],
            explanation=part["why"] or kept["why"],
            available_from=_instant(part["available_from"]),
            trigger=part["trigger"],
        )
        for part in kept["parts"]
    )
    return Earning(
        program_id=kept["program"],
        version=kept["version"],
        account_id=kept["account"],
        points=kept["points"],
        promised=sum(part.points for part in parts if part.available_from or part.trigger),
        explanation=kept["why"],
        expires_at=_instant(kept.get("expires_at")),
        available_from=min(
            (part.available_from for part in parts if part.available_from), default=None
        ),
        parts=parts,
        enrolled=kept.get("enrolled", False),
    )


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
