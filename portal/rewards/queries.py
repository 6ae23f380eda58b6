"""The catalogue, vouchers and pictures. Nothing here writes."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from portal.ledger import AccountView
from portal.programs import Money, Program
from portal.rewards.values import (
    Fitting,
    Kind,
    Offer,
    PictureView,
    Reward,
    VoucherPage,
    VoucherStatus,
    VoucherView,
)


def reward(session: Session, reward_id: str) -> Reward:
    """The reward of this id."""
    raise NotImplementedError


def rewards(session: Session, *, program_id: str | None = None) -> list[Reward]:
    """Every reward, those that are not offered too."""
    raise NotImplementedError


def document(session: Session, reward_id: str) -> dict[str, Any]:
    """The reward as its file says it, defaults filled in."""
    raise NotImplementedError


def picture(session: Session, *, digest: str, size: str = "large") -> PictureView:
    """A picture by the digest that a reward names, ``small`` or ``large``."""
    raise NotImplementedError


def catalogue(
    session: Session,
    *,
    program: Program,
    at: datetime,
    account: AccountView | None = None,
    balance: int | None = None,
    tier: str | None = None,
    store: str | None = None,
    category: str | None = None,
    kind: Kind | None = None,
) -> tuple[Offer, ...]:
    """What there is: first what can be had now, then what is nearly theirs, then the rest."""
    raise NotImplementedError


def offer(
    session: Session,
    *,
    reward_id: str,
    program: Program,
    at: datetime,
    account: AccountView | None = None,
    balance: int | None = None,
    tier: str | None = None,
    store: str | None = None,
) -> Offer:
    """One reward as a member sees it now."""
    raise NotImplementedError


def fitting(
    session: Session,
    *,
    program: Program,
    account: AccountView,
    order: Money,
    at: datetime,
    balance: int | None = None,
    tier: str | None = None,
    store: str | None = None,
) -> Fitting:
    """The open vouchers and the rewards to be had now that an order can take."""
    raise NotImplementedError


def voucher(session: Session, *, code: str, at: datetime) -> VoucherView:
    """The voucher of this code, however it was typed."""
    raise NotImplementedError


def voucher_by_id(
    session: Session, *, voucher_id: str, at: datetime, account_ids: Collection[str] | None = None
) -> VoucherView:
    """The voucher of this id, if one of these accounts holds it."""
    raise NotImplementedError


def vouchers_of(
    session: Session,
    *,
    account_ids: Collection[str],
    at: datetime,
    statuses: Collection[VoucherStatus] | None = None,
    limit: int = 20,
    cursor: str | None = None,
) -> VoucherPage:
    """The vouchers that these accounts hold, newest first, those of merged accounts too."""
    raise NotImplementedError
