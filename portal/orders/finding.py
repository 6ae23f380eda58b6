"""Who bought, for a batch of purchases: what was recorded before, customers, accounts."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import bindparam, select, tuple_
from sqlalchemy.orm import Session

from portal import members
from portal.ledger.models import AccountStatus
from portal.members import bulk
from portal.members.enrolment import Channel
from portal.members.errors import CustomerNotFound
from portal.members.identifiers import IdentifierType
from portal.orders.errors import OrderAlreadyExists
from portal.orders.models import Order
from portal.orders.rows import Row, by_date
from portal.programs.program import Program

_BY_RECEIPT = select(
    Order.store, Order.number, Order.id, Order.fingerprint, Order.customer_id
).where(tuple_(Order.store, Order.number).in_(bindparam("receipts", expanding=True)))


def recognise(session: Session, batch: Sequence[Row]) -> None:
    """Mark what was recorded before, here or in an earlier call."""
    first: dict[tuple[str | None, str], Row] = {}
    for row in batch:
        if row.error is not None:
            continue
        twin = first.setdefault(row.receipt, row)
        if twin is row:
            continue
        if twin.fingerprint == row.fingerprint:
            row.twin = twin
        else:
            row.error = OrderAlreadyExists(field="number")
    if not first:
        return
    found = session.execute(_BY_RECEIPT, {"receipts": sorted(first)})
    for store, number, order_id, known, customer_id in found:
        row = first[store, number]
        if known == row.fingerprint:
            row.already, row.order_id, row.customer_id = True, order_id, customer_id
        else:
            row.error = OrderAlreadyExists(field="number", order=order_id)


def find_customers(session: Session, batch: Sequence[Row]) -> None:
    """Give each purchase the customer it names, where there is one."""
    fresh = [row for row in batch if row.fresh]
    external = {
        row.purchase.customer_external_id for row in fresh if row.purchase.customer_external_id
    }
    if external:
        owners = bulk.owners(session, type=IdentifierType.EXTERNAL_ID, values=external)
        for row in fresh:
            if row.purchase.customer_external_id:
                row.customer_id = owners.get(row.purchase.customer_external_id)
    own = {row.purchase.customer_id for row in fresh if row.purchase.customer_id}
    if own:
        known = bulk.survivors(session, own)
        for row in fresh:
            if row.purchase.customer_id:
                row.customer_id = known.get(row.purchase.customer_id)
                if row.customer_id is None:
                    row.error = CustomerNotFound(field="customer_id")


def find_accounts(
    session: Session, fresh: Sequence[Row], program: Program, *, at: datetime
) -> None:
    """Give each purchase that may earn its account; new ones are marked as enrolling."""
    buyers = [row for row in by_date(fresh) if row.qualifies]
    if program.auto_enrol:
        _create_customers(session, buyers, at=at)
    known = {row.customer_id for row in buyers if row.customer_id}
    holdings = bulk.holdings(session, program_id=program.id, customer_ids=known)
    joining: dict[str, Row] = {}
    for row in buyers:
        if row.customer_id is None:
            continue
        holding = holdings.get(row.customer_id)
        if holding is not None:
            row.account_id = holding.account_id
            row.closed = holding.status == AccountStatus.CLOSED
        elif program.auto_enrol:
            joining.setdefault(row.customer_id, row)
    opened = bulk.enrol_customers(
        session,
        program=program,
        customer_ids=list(joining),
        channel=Channel.AUTO,
        at=at,
        enrolled_at=[min(row.purchase.placed_at, at) for row in joining.values()],
    )
    for row in buyers:
        if row.customer_id in opened:
            row.account_id = opened[row.customer_id]
    for row in joining.values():
        row.joined_as = row.account_id
    _earn_in_common(session, buyers, program, at=at)


def _earn_in_common(
    session: Session, buyers: Sequence[Row], program: Program, *, at: datetime
) -> None:
    """Let those who buy for a household earn in its account, opened where it has none.

    Where it was closed they earn for themselves. Rule: RULES, "Transferring", households.
    """
    bought = {row.customer_id for row in buyers if row.customer_id is not None}
    common = members.common_purses(session, program_id=program.id, customer_ids=bought)
    if not common:
        return
    opening = {
        purse.household_id
        for row in buyers
        if row.account_id is not None and (purse := common.get(row.customer_id or "")) is not None
        if purse.account_id is None
    }
    opened = members.households.open_accounts(
        session, household_ids=opening, program_id=program.id, at=at
    )
    for row in buyers:
        purse = common.get(row.customer_id or "")
        if purse is None:
            continue
        account_id = purse.account_id or opened.get(purse.household_id)
        if account_id is None or (purse.status == AccountStatus.CLOSED and row.account_id):
            continue
        row.account_id, row.closed = account_id, purse.status == AccountStatus.CLOSED


def _create_customers(session: Session, buyers: Iterable[Row], *, at: datetime) -> None:
    unknown: dict[str, list[Row]] = {}
    for row in buyers:
        if row.customer_id is None and row.purchase.customer_external_id:
            unknown.setdefault(row.purchase.customer_external_id, []).append(row)
    created = bulk.create_customers(
        session,
        [
            bulk.NewCustomer(identifiers=[(IdentifierType.EXTERNAL_ID, external_id)])
            for external_id in unknown
        ],
        at=at,
    )
    for rows, customer_id in zip(unknown.values(), created, strict=True):
        for row in rows:
            row.customer_id = customer_id
