"""Whether a receipt was placed before: the same content is the same order."""

import json
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from portal.checkout.values import Holder, OrderWish
from portal.orders import Purchase
from portal.orders.errors import OrderAlreadyExists
from portal.orders.models import Order
from portal.orders.purchases import fingerprint

_KNOWN = select(Order.id, Order.fingerprint).where(
    Order.store == bindparam("store"), Order.number == bindparam("number")
)
# Held until the transaction ends: a second till with the same receipt waits here.
_ONE_RECEIPT = select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("receipt"), 0)))


def purchase_of(wish: OrderWish, at: datetime) -> Purchase:
    """An order as the purchase that is recorded, with all that must be the same in a repeat."""
    return Purchase(
        number=wish.number,
        value=wish.value,
        currency=wish.currency,
        placed_at=wish.placed_at or at,
        store=wish.store,
        till=wish.till,
        lines=tuple(wish.lines),
        metadata=wish.metadata,
        timed=wish.placed_at is not None,
        terms=_terms(wish),
    )


def _terms(wish: OrderWish) -> str:
    """How it is paid and what it brings: all but how it was confirmed and noted."""
    holder = wish.holder
    content = [
        None if holder is None else [_named(holder), holder.program],
        [asdict(block) for block in wish.redeem],
        wish.earn,
        [asdict(split) for split in wish.splits],
        wish.capture,
    ]
    return json.dumps(content, separators=(",", ":"), sort_keys=True, default=str)


def _named(holder: Holder) -> dict[str, str | None]:
    """As it was named. Receipts of before knew no households, and must still be recognised."""
    named = asdict(holder.reference)
    if named["household"] is None:
        del named["household"]
    return named


def known_order(session: Session, purchase: Purchase) -> str | None:
    """The order of this receipt, if there is one with the same content.

    Raises:
        OrderAlreadyExists: there is one, and it says something else.
    """
    connection = session.connection()
    receipt = {"store": purchase.store, "number": purchase.number}
    if connection.dialect.name == "postgresql":
        connection.execute(_ONE_RECEIPT, {"receipt": json.dumps(receipt, sort_keys=True)})
    found = connection.execute(_KNOWN, receipt).first()
    if found is None:
        return None
    if bytes(found.fingerprint) != fingerprint(purchase):
        raise OrderAlreadyExists(field="id", order=found.id)
    return str(found.id)
