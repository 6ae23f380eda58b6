"""Who gave what: the points that each buyer's purchases earned in one account."""

from collections import Counter

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from portal.ledger.models import Entry, EntryType, Event, EventName
from portal.ledger.reading import lineage
from portal.members import bulk
from portal.orders.models import Order

_EARNED = (
    select(Order.customer_id, func.sum(Entry.amount))
    .join(Event, Event.order_id == Order.id)
    .join(Entry, Entry.event_id == Event.id)
    .where(
        Entry.account_id.in_(bindparam("ids", expanding=True)),
        Entry.type.in_([EntryType.EARN.value, EntryType.REVERSE.value]),
        Event.name.in_([EventName.TRANSACTION_ADD.value, EventName.RETURN_BILL.value]),
        Order.customer_id.is_not(None),
    )
    .group_by(Order.customer_id)
    .order_by(Order.customer_id)
)


def contributions(session: Session, *, account_id: str) -> dict[str, int]:
    """What purchases earned in an account, by buyer, less what refunds took back.

    Promised points count from the purchase; a merged customer's are the
    survivor's. Buyers without any are left out,
    and so is what was bought in the household's name by nobody in particular.
    """
    ids = lineage(session, account_id)
    rows = session.connection().execute(_EARNED, {"ids": ids}).all()
    survivors = bulk.survivors(session, [str(customer_id) for customer_id, _ in rows])
    given: Counter[str] = Counter()
    for customer_id, points in rows:
        given[survivors[str(customer_id)]] += int(points)
    return {customer_id: points for customer_id, points in sorted(given.items()) if points}
