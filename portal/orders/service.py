"""Recording purchases: each once, earning once, however often it is told.

A thousand purchases cost the same number of statements as one: everything is
looked up, created and posted for the whole batch together.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from portal import orm
from portal.errors import Busy, Misuse, PortalError
from portal.ledger.accounts import find_account
from portal.ledger.posting import Happening, post
from portal.ledger.service import lineage_end
from portal.ledger.values import AccountView
from portal.orders import booking, queries, tiers
from portal.orders.booking import Prepared, contents_of, order_row, purchase_of
from portal.orders.errors import OrderNotFound
from portal.orders.finding import find_accounts, find_customers, recognise
from portal.orders.models import Order
from portal.orders.purchases import WEB, Purchase, Recorded, checked, fingerprint
from portal.orders.rows import Row, by_date
from portal.orders.weighing import weigh
from portal.programs import stores
from portal.programs.program import Program

BATCH_MAX = 5_000
"""Purchases in one call; a file of more is recorded in several batches."""

_COUNTED = {"preserve_rowcount": True}
_INSERT_ORDER = {
    "sqlite": sqlite.insert(Order).on_conflict_do_nothing().execution_options(**_COUNTED),
    "postgresql": postgresql.insert(Order).on_conflict_do_nothing().execution_options(**_COUNTED),
}
_LOCKED_ORDER = (
    select(Order)
    .where(Order.id == bindparam("id"))
    .with_for_update()
    .execution_options(populate_existing=True)
)
_RESUME = (
    update(Order)
    .where(Order.id == bindparam("of_id"))
    .values(
        account_id=bindparam("account_id"),
        counted=bindparam("counted"),
        contents=bindparam("contents"),
    )
)


def record(
    session: Session,
    *,
    purchases: Sequence[Purchase],
    program: Program,
    actor: str,
    at: datetime,
    any_past: bool = False,
    origin: str = "payment",
) -> list[Recorded]:
    """Record purchases, enrol their buyers where the program says so, and let them earn.

    A purchase is known by store and receipt number: told again with the same
    content nothing happens, with other content it is refused. Unknown external
    ids are enrolled by their first purchase above zero, where the program
    enrols by itself. A purchase of zero or less is recorded; it enrols nobody
    and earns nothing. An anonymous purchase never earns. What one customer
    bought is booked by date, whatever the order it comes in.

    A refused purchase stops no other. The caller owns the transaction.

    Args:
        purchases: at most :data:`BATCH_MAX`.
        any_past: for imports: purchases may lie more than 90 days back.
        origin: ``payment``, or ``import``.

    Returns:
        what became of each, in the order given.

    Raises:
        Busy: another session was recording the same at the same moment;
            nothing was written, and it may be tried again.
    """
    if len(purchases) > BATCH_MAX:
        raise Misuse(f"at most {BATCH_MAX} purchases in one batch, not {len(purchases)}")
    batch = [_check(purchase, at=at, any_past=any_past) for purchase in purchases]
    recognise(session, batch)
    find_customers(session, batch)
    fresh = [row for row in batch if row.fresh]
    if fresh:
        find_accounts(session, fresh, program, at=at)
        weigh(session, fresh, program, at=at)
        _write_orders(session, fresh, program, at=at)
        _book(session, fresh, program, actor=actor, origin=origin, at=at)
    return [row.told() for row in batch]


def prepare(
    session: Session,
    *,
    purchase: Purchase,
    program: Program,
    actor: str,
    at: datetime,
    account: AccountView | None = None,
    earn: bool = True,
    hold: bool = False,
    any_past: bool = False,
    origin: str = "payment",
    request_id: str | None = None,
) -> Prepared:
    """Record one purchase, and say what the ledger is to book for it.

    The caller posts ``happenings`` with what else happens (a redemption before
    them) in one :func:`portal.ledger.post`, then calls :func:`conclude`.
    Everything as in :func:`record`, which is made of the same pieces.

    Args:
        account: whose purchase it is, where that is known; otherwise who is
            named in the purchase is looked for, and enrolled where the
            program enrols by itself.
        earn: False: it raises lifetime purchases and earns nothing.
        hold: only record it; :func:`resume` says later what to book.

    Raises:
        OrderAlreadyExists: the receipt came before with other content.
        InvalidOrder, InvalidStore, InvalidIdentifier, TimeNotAllowed.
        CustomerNotFound: nobody has the id that the purchase names.
        Busy: another session was recording the same receipt just now.
    """
    row = Row(checked(purchase, at=at, any_past=any_past), earns=earn and not hold, held=hold)
    row.fingerprint = fingerprint(row.purchase)
    recognise(session, [row])
    if row.error is not None:
        raise row.error
    if row.already:
        order = queries.find(session, row.order_id or "")
        return Prepared(order=order, program=program, already=True, account_id=order.account_id)
    if account is not None:
        row.of(account)
    else:
        find_customers(session, [row])
        if row.error is not None:
            raise row.error
        find_accounts(session, [row], program, at=at)
    weigh(session, [row], program, at=at)
    _write_orders(session, [row], program, at=at)
    return booking.prepared(row, program, actor=actor, origin=origin, request_id=request_id, at=at)


def resume(
    session: Session,
    *,
    order_id: str,
    program: Program,
    actor: str,
    at: datetime,
    earn: bool = True,
    points_paid_value: int | None = None,
    origin: str = "payment",
    request_id: str | None = None,
) -> Prepared:
    """What the ledger is to book for an order that :func:`prepare` only held.

    It earns as it would have when it was placed, at the tier and within the
    usage limits of now.

    Args:
        points_paid_value: what of it was paid with points in the end, where
            that differs from what was said when it was placed.

    Raises:
        OrderNotFound: there is none by that id.
        Misuse: it is not on hold.
    """
    stored = session.execute(_LOCKED_ORDER, {"id": order_id}).scalar_one_or_none()
    if stored is None:
        raise OrderNotFound(order=order_id)
    contents = stored.contents or {}
    if not contents.get("held"):
        raise Misuse(f"order {order_id} is not on hold")
    row = Row(purchase_of(stored, points_paid_value), earns=earn)
    row.fingerprint, row.order_id = stored.fingerprint, stored.id
    row.customer_id = stored.customer_id
    if stored.account_id is not None:
        row.of(find_account(session, lineage_end(session, stored.account_id)))
    weigh(session, [row], program, at=at)
    row.contents = contents_of(row, program)
    session.execute(
        _RESUME,
        {
            "of_id": order_id,
            "account_id": row.account_id,
            "counted": row.counted(program),
            "contents": row.contents,
        },
    )
    return booking.prepared(row, program, actor=actor, origin=origin, request_id=request_id, at=at)


def conclude(
    session: Session, *, prepared: Prepared, actor: str, at: datetime
) -> list[tiers.Change]:
    """After the ledger posted what was prepared: record that a tier was reached by it."""
    if prepared.account_id is None:
        return []
    return tiers.note(
        session,
        program=prepared.program,
        account_ids=[prepared.account_id],
        actor=actor,
        at=at,
    )


def _check(purchase: Purchase, *, at: datetime, any_past: bool) -> Row:
    try:
        standard = checked(purchase, at=at, any_past=any_past)
    except PortalError as error:
        return Row(purchase, error=error)
    return Row(standard, fingerprint=fingerprint(standard))


def _write_orders(
    session: Session, fresh: Sequence[Row], program: Program, *, at: datetime
) -> None:
    stores.ensure_all(
        session,
        stores={row.purchase.store or WEB for row in fresh},
        tills={
            (row.purchase.store or WEB, row.purchase.till) for row in fresh if row.purchase.till
        },
        at=at,
    )
    for row in fresh:
        row.order_id = orm.new_id("ord")
    rows = [order_row(row, program, at=at) for row in fresh]
    connection = session.connection()
    written = connection.execute(_INSERT_ORDER[connection.dialect.name], rows)
    if written.rowcount != len(rows):
        # Another session recorded one of these receipts since we looked.
        raise Busy()


def _book(
    session: Session,
    fresh: Sequence[Row],
    program: Program,
    *,
    actor: str,
    origin: str,
    at: datetime,
) -> None:
    happenings: list[Happening] = []
    booked: list[Row | None] = []
    for row in by_date(fresh):
        found = booking.happenings(row, program, actor=actor, origin=origin, at=at)
        happenings += found
        # The purchase itself comes last, after the welcome.
        booked += [None] * (len(found) - 1) + [row] if found else []
    if not happenings:
        return
    for row_booked, posted in zip(booked, post(session, happenings, at=at), strict=True):
        if row_booked is not None and posted.entries:
            row_booked.event_id = posted.event_id
    accounts = {row.account_id for row in booked if row is not None and row.account_id}
    tiers.note(session, program=program, account_ids=accounts, actor=actor, at=at)
