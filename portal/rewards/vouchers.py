"""Issuing, using and cancelling vouchers.

Locks are taken in one order: the account, the reward, the voucher. Whoever
holds the account's lock decides about its vouchers, so a voucher cannot be
used and cancelled at once; whoever holds the reward's decides about its stock.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, insert, select, update
from sqlalchemy.orm import Session

from portal import ledger, programs
from portal.errors import Busy, PortalError
from portal.ledger import EventName, Facts, RedemptionPurpose
from portal.ledger.errors import AccountFrozen, AccountNotFound, InsufficientPoints
from portal.ledger.models import Account, AccountStatus
from portal.members.models import Customer
from portal.orm import new_id
from portal.outbox import Cipher
from portal.programs import Program
from portal.programs.calendar import add_days
from portal.rewards import codes, noticing, stock
from portal.rewards.errors import (
    RewardFraud,
    RewardPriceChanged,
    VoucherCancelled,
    VoucherLapsed,
    VoucherNeedsStore,
    VoucherNotFound,
    VoucherOrderCurrency,
    VoucherOtherStore,
    VoucherUsed,
)
from portal.rewards.models import Voucher
from portal.rewards.reading import ISSUED
from portal.rewards.rules import (
    FRAUD_CONFIRMED,
    Asker,
    asker_refusals,
    reward_refusals,
    too_few_points,
)
from portal.rewards.values import (
    Kind,
    OnLapse,
    OnOrder,
    Reward,
    Used,
    VoucherStatus,
    VoucherView,
    Wording,
)
from portal.rewards.wallet import voucher

ORIGIN = "voucher"
"""On the events of the book."""

_LOCK = (
    select(
        Account.id,
        Account.program_id,
        Account.customer_id,
        Account.status,
        Account.merged_into,
        Customer.fraud_status,
    )
    .outerjoin(Customer, Customer.id == Account.customer_id)
    .where(Account.id.in_(bindparam("ids", expanding=True)))
    .order_by(Account.id)
    .with_for_update(of=Account, key_share=True)
)
_INSERT = insert(Voucher.__table__)  # type: ignore[arg-type]
_STILL_OPEN = and_(Voucher.id == bindparam("of_id"), Voucher.status == ISSUED)
_USE = (
    update(Voucher)
    .where(_STILL_OPEN)
    .values(
        status=VoucherStatus.USED.value,
        used_at=bindparam("now"),
        used_by=bindparam("actor"),
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
        cancelled_by=bindparam("actor"),
    )
)


def issue(
    session: Session,
    *,
    account_id: str,
    reward_id: str,
    actor: str,
    at: datetime,
    price: int | None = None,
    tier: str | None = None,
    store: str | None = None,
    till: str | None = None,
    request_id: str | None = None,
    cipher: Cipher | None = None,
    wording: Wording | None = None,
) -> VoucherView:
    """Turn points into a voucher. Rule: RULES, "Redeeming", a reward.

    The points are set aside until the voucher is used or its time is over,
    and come back by themselves then; or they are gone at once, where the
    reward keeps them. A donation is given, and its voucher used, at once.

    Args:
        price: what the member agreed to pay, in points.
        tier: the member's tier.
        store: where they are, if they are anywhere.
        cipher: tells the holder through the outbox; nobody is told without it.
        wording: what the message says; :mod:`portal.rewards.wording` if omitted.

    Raises:
        RewardNotFound: there is no such reward.
        RewardPriceChanged: it costs something else by now.
        AccountNotFound, AccountMerged, AccountClosed, AccountFrozen, RewardFraud,
        RewardOtherProgram: this account cannot.
        RewardNotOffered, RewardNotYet, RewardOver, RewardNotInStore,
        RewardOutOfStock, RewardTierNeeded, RewardLimitReached: nobody can, or
            not this member.
        InsufficientPoints: with ``missing``, ``available`` and ``requested``.
        Busy: the reward was changed meanwhile; nothing was done.
    """
    holder = _lock(session, [account_id])[account_id]
    seen = stock.look(
        session,
        reward_id=reward_id,
        account_id=account_id,
        customer_id=holder.customer_id,
        at=at,
    )
    program, reward = seen.program, seen.reward
    asker = Asker(
        account_id=account_id,
        program_id=holder.program_id,
        status=holder.status,
        merged_into=holder.merged_into,
        fraud_status=holder.fraud_status,
        tier=tier,
        mine=seen.mine,
    )
    refusals: list[PortalError] = [
        *asker_refusals(reward, program, asker),
        *reward_refusals(reward, program, at=at, left=seen.left, store=store),
    ]
    if refusals:
        raise refusals[0]
    if price is not None and price != reward.price:
        raise RewardPriceChanged(price=reward.price)
    row = _pay(
        session,
        reward,
        program,
        holder,
        actor=actor,
        at=at,
        store=store,
        till=till,
        request_id=request_id,
    )
    # After the points: tills wait for the reward's row no longer than for this.
    stock.take(session, seen, at=at)
    session.connection().execute(_INSERT, row)
    issued = voucher(session, code=row["code"], at=at)
    if cipher is not None:
        noticing.tell_of_new(session, issued, program, at=at, cipher=cipher, wording=wording)
    return issued


def _lock(session: Session, ids: Collection[str]) -> dict[str, Any]:
    found = {row.id: row for row in session.connection().execute(_LOCK, {"ids": sorted(ids)})}
    for account_id in ids:
        if account_id not in found:
            raise AccountNotFound(account=account_id)
    return found


def _pay(
    session: Session,
    reward: Reward,
    program: Program,
    holder: Any,
    *,
    actor: str,
    at: datetime,
    store: str | None,
    till: str | None,
    request_id: str | None,
) -> dict[str, Any]:
    """Take the points; gives the row of the voucher."""
    voucher_id, given = new_id("vou"), reward.kind is Kind.DONATION
    last_day = add_days(program.local_date(at), reward.voucher_days)
    expires_at = None if given else program.expires_on(last_day)
    held = expires_at if reward.on_lapse is OnLapse.RETURN else None
    try:
        redemption = ledger.redeem(
            session,
            account_id=holder.id,
            points=reward.price,
            held_until=held,
            grace_expires_at=program.grace_expires_at(held) if held else None,
            idle_expires_at=program.idle_expires_at(at),
            program_version=program.version,
            facts=Facts(
                name=EventName.VOUCHER_ISSUED,
                actor=actor,
                origin=ORIGIN,
                store=store,
                till=till,
                metadata={"reward": reward.id, "reward_name": reward.name, "voucher": voucher_id},
                request_id=request_id,
            ),
            at=at,
        )
    except InsufficientPoints as error:
        raise too_few_points(
            program, balance=error.facts["available"], price=reward.price
        ) from error
    status = VoucherStatus.USED if given else VoucherStatus.ISSUED
    worth = reward.worth
    return {
        "id": voucher_id,
        "code": codes.new_code(),
        "reward_id": reward.id,
        "account_id": holder.id,
        "redemption_id": redemption.id,
        "entry_id": redemption.entry_id,
        "status": status.value,
        "name": reward.name,
        "kind": reward.kind.value,
        "value": worth.value.amount if worth.value else None,
        "currency": worth.value.currency if worth.value else None,
        "share": str(worth.share) if worth.share is not None else None,
        "points": reward.price,
        "on_lapse": reward.on_lapse.value,
        "stores": list(reward.stores),
        "actor": actor,
        "issued_at": at,
        "expires_at": expires_at,
        "used_at": at if given else None,
        "used_by": actor if given else None,
        "store": store if given else None,
        "till": till if given else None,
    }


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
        actor=actor,
        at_store=store,
        at_till=till,
        order=order.number if order is not None else None,
    )
    if found.on_lapse is OnLapse.RETURN:
        ledger.capture(
            session, redemption_id=found.redemption_id, at=at, purpose=RedemptionPurpose.VOUCHER
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
            "voucher": found.id,
        },
        request_id=request_id,
    )
    give_back = ledger.void if found.on_lapse is OnLapse.RETURN else ledger.reverse_redemption
    give_back(
        session,
        redemption_id=found.redemption_id,
        facts=facts,
        grace_expires_at=program.grace_expires_at(at),
        at=at,
        purpose=RedemptionPurpose.VOUCHER,
    )
    stock.give_back(session, found.reward_id)
    _change(session, _CANCEL, found, at=at, actor=actor)
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
    holder = _lock(session, {origin[0], found.account_id})[found.account_id]
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
    last = program.last_day(found.expires_at).isoformat()
    raise VoucherLapsed(
        f"This voucher could be used through {last}.", expires_at=found.expires_at.isoformat()
    )


def _change(
    session: Session, statement: Any, found: VoucherView, *, at: datetime, **more: Any
) -> None:
    changed = session.connection().execute(statement, {"of_id": found.id, "now": at, **more})
    if changed.rowcount != 1:
        # Someone whose clock runs ahead of ours saw it lapse just now.
        raise Busy()
