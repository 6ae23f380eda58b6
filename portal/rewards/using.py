"""Using and cancelling vouchers: each ends once."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, bindparam, update
from sqlalchemy.orm import Session

from portal import ledger, programs
from portal.errors import Busy
from portal.ledger import EventName, Facts, RedemptionPurpose
from portal.ledger.errors import AccountFrozen, RedemptionNotHeld
from portal.ledger.models import AccountStatus
from portal.rewards import stock
from portal.rewards.errors import (
    RewardFraud,
    VoucherCancelled,
    VoucherLapsed,
    VoucherNeedsStore,
    VoucherNotFound,
    VoucherOrderCurrency,
    VoucherOtherStore,
    VoucherUsed,
)
from portal.rewards.issuing import ORIGIN
from portal.rewards.locking import lock_accounts
from portal.rewards.models import Voucher
from portal.rewards.reading import ISSUED
from portal.rewards.rules import FRAUD_CONFIRMED
from portal.rewards.values import OnLapse, OnOrder, Used, VoucherStatus, VoucherView
from portal.rewards.wallet import voucher

_STILL_OPEN = and_(Voucher.id == bindparam("of_id"), Voucher.status == ISSUED)
_USE = (
    update(Voucher)
    .where(_STILL_OPEN)
    .values(
        status=VoucherStatus.USED.value,
        used_at=bindparam("now"),
        used_by=bindparam("by"),
        store=bindparam("at_store"),
        till=bindparam("at_till"),
        order_number=bindparam("order"),
    )
)
_CANCEL = (
    update(Voucher)
    .where(_STILL_OPEN)
    .values(
        status=VoucherStatus.CANCELLED.value,
        cancelled_at=bindparam("now"),
        cancelled_by=bindparam("by"),
    )
)


def use(
    session: Session,
    *,
    code: str,
    actor: str,
    at: datetime,
    store: str | None = None,
    till: str | None = None,
    order: OnOrder | None = None,
) -> Used:
    """Honour a voucher, once. Its points are gone for good.

    A closed account's vouchers can be used; a frozen one's cannot, as nothing
    leaves it: its holder may have lost the phone that shows the code.

    Args:
        code: however it was typed.
        order: what it is used on.

    Raises:
        VoucherCodeMalformed, VoucherNotFound: there is no such voucher.
        VoucherUsed, VoucherCancelled, VoucherLapsed: too late, and since when.
        VoucherNeedsStore, VoucherOtherStore: only in some stores.
        VoucherOrderCurrency: the order is in another money than an amount off.
        AccountFrozen, RewardFraud: nothing leaves this account.
    """
    found = _locked(session, code, at=at)
    if found.stores and store is None:
        raise VoucherNeedsStore(field="store", stores=list(found.stores))
    if found.stores and store not in found.stores:
        raise VoucherOtherStore(stores=list(found.stores))
    value = order.value if order is not None else None
    if value is not None and not found.worth.fits(value):
        currency = found.worth.value.currency if found.worth.value else None
        raise VoucherOrderCurrency(field="order.currency", currency=currency)
    _change(
        session,
        _USE,
        found,
        at=at,
        by=actor,
        at_store=store,
        at_till=till,
        order=order.number if order is not None else None,
    )
    if found.on_lapse is OnLapse.RETURN:
        with _held(found):
            ledger.capture(
                session,
                redemption_id=found.redemption_id,
                at=at,
                purpose=RedemptionPurpose.VOUCHER,
            )
    used = replace(
        found,
        status=VoucherStatus.USED,
        used_at=at,
        store=store,
        till=till,
        order=order.number if order is not None else None,
    )
    return Used(voucher=used, off=used.worth.off(value))


def cancel(
    session: Session,
    *,
    code: str,
    actor: str,
    at: datetime,
    account_ids: Collection[str] | None = None,
    store: str | None = None,
    till: str | None = None,
    request_id: str | None = None,
) -> VoucherView:
    """Take an unused voucher back: the same points return to their own lots.

    Points whose lot has expired meanwhile live on for the program's grace.
    What was in stock is in stock again.

    Args:
        account_ids: only if one of these holds it.

    Raises:
        VoucherCodeMalformed, VoucherNotFound: there is no such voucher.
        VoucherUsed, VoucherCancelled, VoucherLapsed: too late, and since when.
    """
    found = _locked(session, code, at=at, account_ids=account_ids, spending=False)
    program = programs.find(session, found.program_id)
    facts = Facts(
        name=EventName.VOUCHER_CANCELLED,
        actor=actor,
        origin=ORIGIN,
        store=store,
        till=till,
        metadata={
            "reward": found.reward_id,
            "reward_name": found.reward_name,
            "kind": found.kind.value,
            "voucher": found.id,
        },
        request_id=request_id,
    )
    give_back = ledger.void if found.on_lapse is OnLapse.RETURN else ledger.reverse_redemption
    with _held(found):
        give_back(
            session,
            redemption_id=found.redemption_id,
            facts=facts,
            grace_expires_at=program.grace_expires_at(at),
            at=at,
            purpose=RedemptionPurpose.VOUCHER,
        )
    stock.give_back(session, found.reward_id)
    _change(session, _CANCEL, found, at=at, by=actor)
    return replace(found, status=VoucherStatus.CANCELLED, cancelled_at=at)


def _locked(
    session: Session,
    code: str,
    *,
    at: datetime,
    account_ids: Collection[str] | None = None,
    spending: bool = True,
) -> VoucherView:
    """An open voucher whose holder's account is locked."""
    found = voucher(session, code=code, at=at)
    if account_ids is not None and found.account_id not in account_ids:
        raise VoucherNotFound()
    # The ledger locks the account whose entry paid for it, too: both in one order.
    origin = ledger.entry_key(found.entry_id)
    assert origin is not None
    holder = lock_accounts(session, {origin[0], found.account_id})[found.account_id]
    if holder.merged_into is not None:
        # It was merged between the look and the lock.
        raise Busy()
    found = voucher(session, code=code, at=at)
    _require_open(session, found)
    if spending:
        if holder.fraud_status == FRAUD_CONFIRMED:
            raise RewardFraud()
        if holder.status == AccountStatus.FROZEN:
            raise AccountFrozen(account=holder.id)
    return found


@contextmanager
def _held(found: VoucherView) -> Iterator[None]:
    """Say that it lapsed where someone whose clock runs ahead of ours has booked that."""
    try:
        yield
    except RedemptionNotHeld as error:
        raise _lapsed(found) from error


def _lapsed(found: VoucherView, last_day: date | None = None) -> VoucherLapsed:
    assert found.expires_at is not None
    told = f"This voucher could be used through {last_day.isoformat()}." if last_day else None
    return VoucherLapsed(told, expires_at=found.expires_at.isoformat())


def _require_open(session: Session, found: VoucherView) -> None:
    if found.status is VoucherStatus.ISSUED:
        return
    program = programs.find(session, found.program_id)

    def when(instant: datetime | None) -> tuple[str, str]:
        assert instant is not None
        local = instant.astimezone(program.timezone)
        return f"{local:%Y-%m-%d at %H:%M}", instant.isoformat()

    if found.status is VoucherStatus.USED:
        told, instant = when(found.used_at)
        where = f" in {found.store}" if found.store else ""
        raise VoucherUsed(
            f"This voucher was used on {told}{where}.",
            used_at=instant,
            store=found.store,
            till=found.till,
        )
    if found.status is VoucherStatus.CANCELLED:
        told, instant = when(found.cancelled_at)
        raise VoucherCancelled(f"This voucher was cancelled on {told}.", cancelled_at=instant)
    assert found.expires_at is not None
    raise _lapsed(found, program.last_day(found.expires_at))


def _change(
    session: Session, statement: Any, found: VoucherView, *, at: datetime, **more: Any
) -> None:
    changed = session.connection().execute(statement, {"of_id": found.id, "now": at, **more})
    if changed.rowcount != 1:
        # Someone whose clock runs ahead of ours saw it lapse just now.
        raise Busy()
