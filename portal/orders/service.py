"""Recording purchases: each once, earning once, however often it is told.

A thousand purchases cost the same number of statements as one: everything is
looked up, created and posted for the whole batch together.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from portal import orm
from portal.errors import Busy, Misuse, PortalError
from portal.ledger.models import AccountStatus, EventName
from portal.ledger.posting import Happening, post
from portal.ledger.values import Bought, Earn, Facts, OrderFacts
from portal.members import bulk
from portal.members.enrolment import Channel, welcome
from portal.members.errors import CustomerNotFound
from portal.members.identifiers import IdentifierType
from portal.orders.errors import OrderAlreadyExists
from portal.orders.models import Order
from portal.orders.purchases import WEB, Outcome, Purchase, Recorded, checked, fingerprint
from portal.programs import stores
from portal.programs.earning import Earned, earned
from portal.programs.program import Program

BATCH_MAX = 5_000
"""Purchases in one call; a file of more is recorded in several batches."""

_COUNTED = {"preserve_rowcount": True}
_INSERT_ORDER = {
    "sqlite": sqlite.insert(Order).on_conflict_do_nothing().execution_options(**_COUNTED),
    "postgresql": postgresql.insert(Order).on_conflict_do_nothing().execution_options(**_COUNTED),
}
_BY_RECEIPT = select(
    Order.store, Order.number, Order.id, Order.fingerprint, Order.customer_id
).where(tuple_(Order.store, Order.number).in_(bindparam("receipts", expanding=True)))


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
    _recognise(session, batch)
    _find_customers(session, batch)
    fresh = [row for row in batch if row.fresh]
    if fresh:
        joined = _find_accounts(session, fresh, program, at=at)
        _write_orders(session, fresh, at=at)
        _book(session, fresh, joined, program, actor=actor, origin=origin, at=at)
    return [row.told() for row in batch]


@dataclass(slots=True)
class _Row:
    """A purchase on its way through the batch."""

    purchase: Purchase
    fingerprint: bytes = b""
    error: PortalError | None = None
    order_id: str | None = None
    already: bool = False
    twin: "_Row | None" = None
    """An earlier one of this batch with the same receipt."""
    customer_id: str | None = None
    account_id: str | None = None
    enrolled: bool = False
    closed: bool = False
    earned: Earned | None = None
    event_id: str | None = None

    @property
    def fresh(self) -> bool:
        return self.error is None and not self.already and self.twin is None

    @property
    def receipt(self) -> tuple[str | None, str]:
        return self.purchase.store, self.purchase.number

    @property
    def named(self) -> bool:
        return bool(self.purchase.customer_id or self.purchase.customer_external_id)

    @property
    def qualifies(self) -> bool:
        """Whether it may enrol its buyer, and earn."""
        return self.named and self.purchase.value > 0

    def warnings(self) -> tuple[str, ...]:
        if not self.fresh or not self.qualifies:
            return ()
        if self.closed:
            return ("account_closed",)
        return () if self.account_id else ("not_enrolled",)

    def told(self) -> Recorded:
        if self.twin is not None:
            self.error = self.twin.error
            self.order_id, self.customer_id = self.twin.order_id, self.twin.customer_id
            self.already = True
        if self.error is not None:
            return Recorded(purchase=self.purchase, outcome=Outcome.REFUSED, error=self.error)
        points = self.earned.points if self.earned else 0
        return Recorded(
            purchase=self.purchase,
            outcome=Outcome.ALREADY if self.already else Outcome.RECORDED,
            order_id=self.order_id,
            customer_id=self.customer_id,
            account_id=self.account_id,
            points=points,
            promised=bool(points and self.earned and self.earned.available_from),
            enrolled=self.enrolled,
            earned=self.earned,
            event_id=self.event_id,
            warnings=self.warnings(),
        )


def _check(purchase: Purchase, *, at: datetime, any_past: bool) -> _Row:
    try:
        standard = checked(purchase, at=at, any_past=any_past)
    except PortalError as error:
        return _Row(purchase, error=error)
    return _Row(standard, fingerprint=fingerprint(standard))


def _recognise(session: Session, batch: Sequence[_Row]) -> None:
    """Mark what was recorded before, here or in an earlier call."""
    first: dict[tuple[str | None, str], _Row] = {}
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


def _find_customers(session: Session, batch: Sequence[_Row]) -> None:
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


def _find_accounts(
    session: Session, fresh: Sequence[_Row], program: Program, *, at: datetime
) -> list[_Row]:
    """Give each purchase that may earn its account; the first one of each who joined by it."""
    buyers = [row for row in _by_date(fresh) if row.qualifies]
    if program.auto_enrol:
        _create_customers(session, buyers, at=at)
    known = {row.customer_id for row in buyers if row.customer_id}
    holdings = bulk.holdings(session, program_id=program.id, customer_ids=known)
    joining: dict[str, _Row] = {}
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
        row.enrolled = True
    return list(joining.values())


def _create_customers(session: Session, buyers: Iterable[_Row], *, at: datetime) -> None:
    unknown: dict[str, list[_Row]] = {}
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


def _write_orders(session: Session, fresh: Sequence[_Row], *, at: datetime) -> None:
    stores.ensure_all(
        session,
        stores={row.purchase.store or WEB for row in fresh},
        tills={
            (row.purchase.store or WEB, row.purchase.till) for row in fresh if row.purchase.till
        },
        at=at,
    )
    rows: list[dict[str, Any]] = []
    for row in fresh:
        row.order_id = orm.new_id("ord")
        purchase = row.purchase
        rows.append(
            {
                "id": row.order_id,
                "store": purchase.store,
                "number": purchase.number,
                "till": purchase.till,
                "customer_id": row.customer_id,
                "value": purchase.value,
                "currency": purchase.currency,
                "placed_at": purchase.placed_at,
                "fingerprint": row.fingerprint,
                "metadata": purchase.metadata,
                "created_at": at,
            }
        )
    connection = session.connection()
    written = connection.execute(_INSERT_ORDER[connection.dialect.name], rows)
    if written.rowcount != len(rows):
        # Another session recorded one of these receipts since we looked.
        raise Busy()


def _book(
    session: Session,
    fresh: Sequence[_Row],
    joined: Iterable[_Row],
    program: Program,
    *,
    actor: str,
    origin: str,
    at: datetime,
) -> None:
    welcomed = {id(row) for row in joined}
    happenings: list[Happening] = []
    booked: list[_Row | None] = []
    for row in _by_date(fresh):
        if row.account_id is None or row.closed:
            continue
        purchase = row.purchase
        if id(row) in welcomed:
            welcomes = welcome(
                program,
                account_id=row.account_id,
                actor=actor,
                at=min(purchase.placed_at, at),
                store=purchase.store,
                till=purchase.till,
            )
            happenings += welcomes
            booked += [None] * len(welcomes)
        row.earned = earned(program, purchase)
        happenings.append(_happening(row, row.earned, program, actor=actor, origin=origin, at=at))
        booked.append(row)
    if not happenings:
        return
    for row_booked, posted in zip(booked, post(session, happenings, at=at), strict=True):
        if row_booked is not None and posted.entries:
            row_booked.event_id = posted.event_id


def _happening(
    row: _Row, gain: Earned, program: Program, *, actor: str, origin: str, at: datetime
) -> Happening:
    purchase = row.purchase
    account_id = row.account_id or ""
    counted = purchase.value if purchase.currency == program.money else 0
    facts = Facts(
        name=EventName.TRANSACTION_ADD,
        actor=actor,
        occurred_at=min(purchase.placed_at, at),
        origin=origin,
        reason=gain.rule_id,
        store=purchase.store,
        till=purchase.till,
        order=OrderFacts(
            id=row.order_id,
            number=purchase.number,
            value=purchase.value,
            currency=purchase.currency,
            placed_at=purchase.placed_at,
        ),
    )
    if gain.points <= 0:
        return Happening(
            facts=facts, movements=[Bought(account_id=account_id, purchase_value=counted)]
        )
    return Happening(
        facts=facts,
        movements=[
            Earn(
                account_id=account_id,
                points=gain.points,
                expires_at=gain.expires_at,
                available_from=gain.available_from,
                idle_expires_at=program.idle_expires_at(purchase.placed_at),
                purchase_value=counted,
                program_version=program.version,
            )
        ],
    )


def _by_date(rows: Iterable[_Row]) -> list[_Row]:
    return sorted(rows, key=lambda row: row.purchase.placed_at)
