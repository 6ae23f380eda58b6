"""What the ledger is to book for a purchase, and what its order's row keeps."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from portal.ledger.models import EventName
from portal.ledger.posting import Happening, Movement
from portal.ledger.values import Bought, Earn, Facts, OrderFacts
from portal.members.enrolment import welcome
from portal.orders.models import Order
from portal.orders.purchases import Purchase
from portal.orders.queries import OrderView, earning_of, lines_of
from portal.orders.rows import Row
from portal.programs.earning import Earned
from portal.programs.program import Program


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A purchase that is recorded, and what the ledger is still to book for it.

    ``already``: it came before with the same content. Then there is nothing
    to book, and ``order.earning`` says what it earned then. ``warnings`` are
    codes: ``account_closed``, ``not_enrolled``.
    """

    order: OrderView
    program: Program
    already: bool = False
    account_id: str | None = None
    enrolled: bool = False
    earned: Earned | None = None
    happenings: tuple[Happening, ...] = ()
    warnings: tuple[str, ...] = ()


def prepared(
    row: Row,
    program: Program,
    *,
    actor: str,
    at: datetime,
    origin: str,
    request_id: str | None = None,
) -> Prepared:
    """A recorded row as its caller gets it."""
    purchase = row.purchase
    return Prepared(
        order=OrderView(
            id=row.order_id or "",
            store=purchase.store or "",
            number=purchase.number,
            till=purchase.till,
            customer_id=row.customer_id,
            account_id=row.account_id,
            value=purchase.value,
            currency=purchase.currency,
            placed_at=purchase.placed_at,
            created_at=at,
            counted=row.counted(program),
            tax=purchase.tax,
            lines=tuple(purchase.lines),
            held=row.held,
            points_paid_value=purchase.points_paid_value,
            earning=earning_of((row.contents or {}).get("earning")),
            metadata=purchase.metadata,
        ),
        program=program,
        account_id=row.account_id,
        enrolled=row.enrolled,
        earned=row.earned,
        happenings=tuple(
            happenings(row, program, actor=actor, origin=origin, request_id=request_id, at=at)
        ),
        warnings=row.warnings(),
    )


def happenings(
    row: Row,
    program: Program,
    *,
    actor: str,
    origin: str,
    at: datetime,
    request_id: str | None = None,
) -> list[Happening]:
    """The welcome of who joined by it, then the purchase; nothing for who does not earn."""
    account_id = row.account_id
    if account_id is None:
        return []
    purchase = row.purchase
    happened_at = min(purchase.placed_at, at)
    found: list[Happening] = []
    if row.joined_as is not None:
        found += welcome(
            program,
            account_id=row.joined_as,
            actor=actor,
            at=happened_at,
            store=purchase.store,
            till=purchase.till,
            request_id=request_id,
        )
    if not row.booked:
        return found
    facts = Facts(
        name=EventName.TRANSACTION_ADD,
        actor=actor,
        occurred_at=happened_at,
        origin=origin,
        reason=row.earned.rule_id if row.earned else None,
        store=purchase.store,
        till=purchase.till,
        order=OrderFacts(
            id=row.order_id,
            number=purchase.number,
            value=purchase.value,
            currency=purchase.currency,
            placed_at=purchase.placed_at,
        ),
        request_id=request_id,
    )
    found.append(Happening(facts=facts, movements=_movements(row, account_id, program)))
    return found


def _movements(row: Row, account_id: str, program: Program) -> list[Movement]:
    counted = row.counted(program)
    gain = row.earned
    if gain is None or gain.points <= 0:
        return [Bought(account_id=account_id, purchase_value=counted)]
    idle_expires_at = program.idle_expires_at(row.purchase.placed_at)
    return [
        Earn(
            account_id=account_id,
            points=credit.points,
            expires_at=gain.expires_at,
            available_from=credit.available_from,
            trigger=credit.trigger,
            idle_expires_at=idle_expires_at,
            purchase_value=0 if number else counted,
            program_version=program.version,
        )
        for number, credit in enumerate(gain.credits())
    ]


def order_row(row: Row, program: Program, *, at: datetime) -> dict[str, Any]:
    """The order's row."""
    purchase = row.purchase
    row.contents = contents_of(row, program)
    return {
        "id": row.order_id,
        "store": purchase.store,
        "number": purchase.number,
        "till": purchase.till,
        "customer_id": row.customer_id,
        "account_id": row.account_id,
        "value": purchase.value,
        "currency": purchase.currency,
        "counted": row.counted(program),
        "refunded": 0,
        "placed_at": purchase.placed_at,
        "fingerprint": row.fingerprint,
        "contents": row.contents,
        "metadata": purchase.metadata,
        "created_at": at,
    }


def contents_of(row: Row, program: Program) -> dict[str, Any] | None:
    """What an order's row keeps of its lines, and of what it earned and why."""
    purchase, kept = row.purchase, dict[str, Any]()
    if purchase.lines:
        kept["lines"] = [
            [line.sku, line.category, line.quantity, line.value, line.tax]
            for line in purchase.lines
        ]
    if purchase.tax:
        kept["tax"] = purchase.tax
    if purchase.points_paid_value:
        kept["points_paid_value"] = purchase.points_paid_value
    if row.held:
        kept["held"] = True
    if row.earned is not None:
        kept["earning"] = _earning(row, row.earned, program)
    return kept or None


def _earning(row: Row, gain: Earned, program: Program) -> dict[str, Any]:
    told: dict[str, Any] = {
        "program": program.id,
        "version": program.version,
        "account": row.account_id,
        "points": gain.points,
        "why": gain.explanation,
    }
    if gain.points and gain.expires_at:
        told["expires_at"] = gain.expires_at.isoformat()
    if row.enrolled:
        told["enrolled"] = True
    told["parts"] = [
        {
            "rule": part.rule_id,
            "points": part.points,
            # The order's own sentence stands for its only part.
            "why": part.explanation if len(gain.parts) > 1 else None,
            "available_from": part.available_from.isoformat() if part.available_from else None,
            "trigger": part.trigger,
        }
        for part in gain.parts
    ]
    return told


def purchase_of(order: Order, points_paid_value: int | None) -> Purchase:
    """The purchase that an order's row tells of."""
    contents = order.contents or {}
    purchase = Purchase(
        number=order.number,
        value=order.value,
        currency=order.currency,
        placed_at=order.placed_at,
        store=order.store,
        till=order.till,
        customer_id=order.customer_id,
        tax=contents.get("tax", 0),
        lines=lines_of(contents),
        points_paid_value=contents.get("points_paid_value", 0),
        metadata=order.details,
    )
    if points_paid_value is None:
        return purchase
    return replace(purchase, points_paid_value=points_paid_value)
