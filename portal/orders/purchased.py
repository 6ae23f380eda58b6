"""Lifetime purchases: order values less refunds, and whether the accounts agree."""

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from portal.ledger.models import Account
from portal.ledger.verification import Difference
from portal.orders.errors import MoreThanBought, OrderNotFound
from portal.orders.models import Order

_LOCKED = (
    select(Order.value, Order.counted, Order.refunded)
    .where(Order.id == bindparam("id"))
    .with_for_update()
)
_REFUNDED = (
    update(Order)
    .where(Order.id == bindparam("of_id"))
    .values(refunded=Order.refunded + bindparam("more"))
)
_COUNTED = (
    select(Order.account_id, func.sum(Order.counted - Order.refunded))
    .where(Order.account_id.is_not(None), Order.counted != 0)
    .group_by(Order.account_id)
    .execution_options(yield_per=5_000)
)
_ACCOUNTS = (
    select(Account.id, Account.merged_into, Account.lifetime_purchases)
    .order_by(Account.id)
    .execution_options(yield_per=5_000)
)


def refund(session: Session, *, order_id: str, value: int) -> int:
    """Note that ``value`` of an order was refunded; the order stays locked until the end.

    Args:
        value: above zero, in the smallest unit of the order's currency.

    Returns:
        by how much the lifetime purchases of its account must fall: hand it to
        the ledger as ``purchase_value``.

    Raises:
        OrderNotFound: there is none by that id.
        MoreThanBought: less than ``value`` is left.
    """
    row = session.execute(_LOCKED, {"id": order_id}).first()
    if row is None:
        raise OrderNotFound(order=order_id)
    left = row.value - row.refunded
    if not 0 < value <= left:
        raise MoreThanBought(field="value", available=max(left, 0))
    session.execute(_REFUNDED, {"of_id": order_id, "more": value})
    return value if row.counted else 0


def verify(session: Session) -> list[Difference]:
    """Whether the lifetime purchases of every account are its orders less their refunds.

    An account that took in others by merging has theirs too.
    """
    expected = {str(account_id): int(total) for account_id, total in session.execute(_COUNTED)}
    into: dict[str, str] = {}
    found: dict[str, int] = {}
    for account_id, merged_into, purchases in session.execute(_ACCOUNTS):
        if merged_into is not None:
            into[account_id] = merged_into
        if purchases or account_id in expected or merged_into is not None:
            found[account_id] = purchases
    for account_id, total in list(expected.items()):
        holder = account_id
        while holder in into:
            holder = into[holder]
        if holder != account_id:
            expected[account_id] -= total
            expected[holder] = expected.get(holder, 0) + total
    return [
        Difference(
            account_id=account_id,
            where="lifetime_purchases",
            found=str(found.get(account_id, 0)),
            expected=str(expected.get(account_id, 0)),
        )
        for account_id in sorted(found.keys() | expected.keys())
        if found.get(account_id, 0) != expected.get(account_id, 0)
    ]
