"""Issuing vouchers: points are taken, one of the stock is, and the member is told."""

from datetime import datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from portal import ledger
from portal.errors import PortalError
from portal.ledger import EventName, Facts
from portal.ledger.errors import InsufficientPoints
from portal.orm import new_id
from portal.outbox import Cipher
from portal.programs import Program
from portal.programs.calendar import add_days
from portal.rewards import codes, noticing, stock
from portal.rewards.errors import RewardPriceChanged
from portal.rewards.locking import lock_accounts
from portal.rewards.models import Voucher
from portal.rewards.rules import Asker, asker_refusals, reward_refusals, too_few_points
from portal.rewards.values import Kind, OnLapse, Reward, VoucherStatus, VoucherView, Wording
from portal.rewards.wallet import voucher

ORIGIN = "voucher"
"""On the events of the book."""

_INSERT = insert(Voucher.__table__)  # type: ignore[arg-type]


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
    holder = lock_accounts(session, [account_id])[account_id]
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
                metadata={
                    "reward": reward.id,
                    "reward_name": reward.name,
                    "kind": reward.kind.value,
                    "voucher": voucher_id,
                },
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
