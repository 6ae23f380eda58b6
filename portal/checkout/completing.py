"""Orders on hold: captured, so that they are paid and earn, or voided."""

from datetime import datetime
from typing import Any

from sqlalchemy import null, update
from sqlalchemy.orm import Session

from portal import ledger, orders, programs
from portal.checkout import earnings
from portal.checkout.earnings import Occasion
from portal.checkout.errors import OrderNotHeld
from portal.checkout.finding import find_order, read_order, status_of, told
from portal.checkout.models import Placement
from portal.checkout.values import OrderState, OrderStatus, Warning
from portal.ledger import EventName, OrderFacts, RedemptionStatus
from portal.ledger.posting import lock


def capture_order(
    session: Session,
    *,
    order_id: str,
    actor: str,
    at: datetime,
    store: str | None = None,
    request_id: str | None = None,
) -> OrderState:
    """Make an order on hold final: its points are spent, and it earns.

    Args:
        store: the only store that the asker speaks for.

    Raises:
        OrderNotFound, OtherStore.
        OrderNotHeld: captured or voided before, or its time is over.
        RedemptionNotHeld: one of its redemptions was voided by itself.
    """
    row = _on_hold(session, order_id, store=store, at=at)
    occasion = _occasion(row, actor=actor, at=at, request_id=request_id)
    result, intent = row.result, row.intent
    rewards = earnings.kept_rewards(session, intent["rewards"])
    touched = {due.account.id for due in rewards}
    if row.account_id is not None:
        touched.add(ledger.lineage_end(session, row.account_id))
    _lock_all(session, result, also=touched)
    for redemption_id in result["redemptions"]:
        found = ledger.redemption(session, redemption_id)
        if found.status != RedemptionStatus.CAPTURED:
            ledger.capture(session, redemption_id=redemption_id, at=at)
    prepared = orders.resume(
        session,
        order_id=order_id,
        program=programs.find(session, intent["program"]),
        earn=intent["earn"],
        actor=actor,
        request_id=request_id,
        at=at,
    )
    happenings = list(prepared.happenings)
    happenings += earnings.reward_happening(rewards, _facts(row), occasion)
    if happenings:
        ledger.post(session, happenings, at=at)
    orders.conclude(session, prepared=prepared, actor=actor, at=at)
    warnings = [Warning(**warning) for warning in result["warnings"]]
    if intent["earn"] and "account_closed" in prepared.warnings:
        warnings.append(earnings.closed())
    _settle(
        session,
        order_id,
        OrderStatus.CAPTURED,
        at=at,
        result=told(
            redemptions=result["redemptions"],
            gains=earnings.all_gains(prepared, rewards),
            account_ids=[*result["accounts"], *sorted(touched)],
            warnings=warnings,
        ),
    )
    return find_order(session, order_id, at=at)


def void_order(
    session: Session,
    *,
    order_id: str,
    actor: str,
    at: datetime,
    store: str | None = None,
    request_id: str | None = None,
) -> OrderState:
    """Release an order on hold: its points return, and it earns nothing.

    Args:
        store: the only store that the asker speaks for.

    Raises:
        OrderNotFound, OtherStore.
        OrderNotHeld: captured or voided before, or its time is over.
        RedemptionNotHeld: one of its redemptions was captured by itself.
    """
    row = _on_hold(session, order_id, store=store, at=at)
    occasion = _occasion(row, actor=actor, at=at, request_id=request_id)
    _lock_all(session, row.result, also=set())
    for redemption_id in row.result["redemptions"]:
        found = ledger.redemption(session, redemption_id)
        if found.status == RedemptionStatus.VOIDED:
            continue
        program = programs.find(session, ledger.find_account(session, found.account_id).program_id)
        ledger.void(
            session,
            redemption_id=redemption_id,
            facts=occasion.facts(EventName.HOLD_RELEASED, origin="redemption", order=_facts(row)),
            grace_expires_at=program.grace_expires_at(at),
            at=at,
        )
    _settle(session, order_id, OrderStatus.VOIDED, at=at, result=row.result)
    return find_order(session, order_id, at=at)


def _on_hold(session: Session, order_id: str, *, store: str | None, at: datetime) -> Any:
    row = read_order(session, order_id, lock=True, store=store)
    status = status_of(row, at=at)
    if status is not OrderStatus.HELD:
        raise OrderNotHeld(status=status.value)
    return row


def _occasion(row: Any, *, actor: str, at: datetime, request_id: str | None) -> Occasion:
    return Occasion(
        actor=actor,
        at=at,
        placed_at=row.placed_at,
        store=row.store,
        till=row.till,
        request_id=request_id,
    )


def _facts(row: Any) -> OrderFacts:
    return OrderFacts(
        id=row.id,
        number=row.number,
        value=row.value,
        currency=row.currency,
        placed_at=row.placed_at,
    )


def _lock_all(session: Session, result: dict[str, Any], *, also: set[str]) -> None:
    """Every account that the order touches, at once, in id order."""
    ids = set(also)
    for redemption_id in result["redemptions"]:
        account_id = ledger.redemption(session, redemption_id).account_id
        ids |= {account_id, ledger.lineage_end(session, account_id)}
    if ids:
        lock(session, sorted(ids))


def _settle(
    session: Session,
    order_id: str,
    status: OrderStatus,
    *,
    at: datetime,
    result: dict[str, Any],
) -> None:
    session.connection().execute(
        update(Placement)
        .where(Placement.order_id == order_id)
        .values(status=status.value, held_until=None, result=result, intent=null(), updated_at=at)
    )
