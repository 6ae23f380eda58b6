"""Issuing, using and cancelling vouchers."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy.orm import Session

from portal.outbox import Cipher
from portal.rewards.values import OnOrder, Used, VoucherView, Wording


def issue(
    session: Session,
    *,
    account_id: str,
    reward_id: str,
    actor: str,
    at: datetime,
    tier: str | None = None,
    store: str | None = None,
    till: str | None = None,
    request_id: str | None = None,
    cipher: Cipher | None = None,
    wording: Wording | None = None,
) -> VoucherView:
    """Turn points into a voucher."""
    raise NotImplementedError


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
    """Honour a voucher, once."""
    raise NotImplementedError


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
    """Take an unused voucher back: the same points return to their own lots."""
    raise NotImplementedError
