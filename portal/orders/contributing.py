"""Who gave what: the points that each buyer's purchases earned in one account."""

from collections import Counter

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from portal.ledger.models import Account, Entry, EntryType, Event, EventName
from portal.members import bulk
from portal.members.models import Customer
from portal.orders.models import Order

_lineage = (
    select(Account.id).where(Account.id == bindparam("account_id")).cte("lineage", recursive=True)
)
_lineage = _lineage.union_all(
    select(Account.id).join(_lineage, Account.merged_into == _lineage.c.id)
)
_EARNED = (
    select(Order.customer_id, Customer.merged_into, func.sum(Entry.amount))
    .join(Event, Event.order_id == Order.id)
    .join(Entry, Entry.event_id == Event.id)
    .join(Customer, Customer.id == Order.customer_id)
    .where(
        Entry.account_id.in_(select(_lineage.c.id)),
        Entry.type.in_([EntryType.EARN.value, EntryType.REVERSE.value]),
        Event.name.in_([EventName.TRANSACTION_ADD.value, EventName.RETURN_BILL.value]),
    )
    .group_by(Order.customer_id, Customer.merged_into)
)


def contributions(session: Session, *, account_id: str) -> dict[str, int]:
    """What purchases earned in an account, by buyer, less what refunds took back.

    Promised points count from the purchase; a merged customer's are the
    survivor's. Buyers without any are left out,
    and so is what was bought in the household's name by nobody in particular.
    """
    rows = session.connection().execute(_EARNED, {"account_id": account_id}).all()
    merged = [str(customer_id) for customer_id, into, _ in rows if into is not None]
    survivors = bulk.survivors(session, merged) if merged else {}
    given: Counter[str] = Counter()
    for customer_id, _, points in rows:
        given[survivors.get(str(customer_id), str(customer_id))] += int(points)
    return {customer_id: points for customer_id, points in sorted(given.items()) if points}
