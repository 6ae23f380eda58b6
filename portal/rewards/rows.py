"""From rows to values."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from portal.programs import Money, Program
from portal.rewards.models import Reward as RewardRow
from portal.rewards.values import Kind, OnLapse, Reward, VoucherStatus, VoucherView, Worth


def reward_from(row: RewardRow | Any, program: Program) -> Reward:
    """The reward that a row describes; money is its program's."""
    document: dict[str, Any] = row.document
    kind, value = Kind(document["kind"]), document["value"]
    return Reward(
        id=row.id,
        program_id=row.program_id,
        name=document["name"],
        description=document["description"],
        price=document["price"],
        worth=Worth(
            kind=kind,
            value=Money(value, program.money or "") if kind is Kind.AMOUNT_OFF else None,
            share=Decimal(value) if kind is Kind.SHARE_OFF else None,
        ),
        stock=document["stock"],
        per_member=document["per_member"],
        valid_from=_day(document["valid_from"]),
        valid_to=_day(document["valid_to"]),
        tiers=tuple(document["tiers"]),
        stores=tuple(document["stores"]),
        categories=tuple(document["categories"]),
        position=document["position"],
        voucher_days=document["voucher_days"],
        on_lapse=OnLapse(document["on_lapse"]),
        picture=None if row.picture is None else bytes(row.picture).hex(),
        active=document["active"],
        version=row.version,
    )


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def status_at(status: str, expires_at: datetime | None, at: datetime) -> VoucherStatus:
    """Where a voucher stands at ``at``: its time may be over before anybody writes that down."""
    if status == VoucherStatus.ISSUED and expires_at is not None and expires_at <= at:
        return VoucherStatus.LAPSED
    return VoucherStatus(status)


def voucher_from(row: Mapping[Any, Any], *, at: datetime) -> VoucherView:
    """The voucher that a row describes, as it stands at ``at``.

    Besides the voucher's columns the row has ``program_id`` and ``picture`` of
    its reward, and ``holder_id`` and ``customer_id`` of who holds it now.
    """
    kind = Kind(row["kind"])
    return VoucherView(
        id=row["id"],
        code=row["code"],
        reward_id=row["reward_id"],
        reward_name=row["name"],
        worth=Worth(
            kind=kind,
            value=Money(row["value"], row["currency"]) if row["value"] is not None else None,
            share=Decimal(row["share"]) if row["share"] is not None else None,
        ),
        program_id=row["program_id"],
        account_id=row["holder_id"],
        customer_id=row["customer_id"],
        redemption_id=row["redemption_id"],
        entry_id=row["entry_id"],
        points=row["points"],
        on_lapse=OnLapse(row["on_lapse"]),
        status=status_at(row["status"], row["expires_at"], at),
        stores=tuple(row["stores"]),
        picture=None if row["picture"] is None else bytes(row["picture"]).hex(),
        issued_at=row["issued_at"],
        expires_at=row["expires_at"],
        used_at=row["used_at"],
        store=row["store"],
        till=row["till"],
        order=row["order_number"],
        cancelled_at=row["cancelled_at"],
    )
