"""The vouchers that members hold. Nothing here writes.

Who holds a voucher is whoever survived the merges of the account it was
issued to: no row is rewritten, and none can be lost.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, or_, tuple_
from sqlalchemy.orm import Session

from portal.ledger import AccountView
from portal.ledger.errors import InvalidCursor
from portal.programs import Money, Program
from portal.rewards import codes
from portal.rewards.errors import VoucherNotFound
from portal.rewards.models import Voucher
from portal.rewards.queries import catalogue
from portal.rewards.reading import LAPSED, OPEN, OVER, held_by, vouchers_where
from portal.rewards.rows import voucher_from
from portal.rewards.values import (
    Fitting,
    FittingReward,
    FittingVoucher,
    VoucherPage,
    VoucherStatus,
    VoucherView,
)

PAGE_MAX = 100
_ORDERS_MAX = 100
"""How many open vouchers an order is offered at most, the soonest to lapse first."""

_HELD = held_by(bindparam("account_ids", expanding=True))
_BY_CODE = vouchers_where(Voucher.code == bindparam("code"))
_BY_ID = vouchers_where(Voucher.id == bindparam("voucher_id"))
_BY_ENTRIES = vouchers_where(Voucher.entry_id.in_(bindparam("entry_ids", expanding=True)))
_OPEN_OF = _HELD.where(OPEN).order_by(Voucher.expires_at, Voucher.id).limit(bindparam("limit"))
_NEWEST = _HELD.order_by(Voucher.issued_at.desc(), Voucher.id.desc()).limit(bindparam("limit"))
_KEY = tuple_(Voucher.issued_at, Voucher.id)
_STANDS: dict[VoucherStatus, Any] = {
    VoucherStatus.ISSUED: OPEN,
    VoucherStatus.USED: Voucher.status == VoucherStatus.USED.value,
    VoucherStatus.CANCELLED: Voucher.status == VoucherStatus.CANCELLED.value,
    VoucherStatus.LAPSED: or_(Voucher.status == LAPSED, OVER),
}


def voucher(session: Session, *, code: str, at: datetime) -> VoucherView:
    """The voucher of this code, however it was typed, as it stands at ``at``.

    Raises:
        VoucherCodeMalformed: no code is written like this; the database was not asked.
        VoucherNotFound: there is none.
    """
    parameters = {"code": codes.normalise(code)}
    row = session.connection().execute(_BY_CODE, parameters).mappings().first()
    if row is None:
        raise VoucherNotFound()
    return voucher_from(row, at=at)


def voucher_by_id(
    session: Session, *, voucher_id: str, at: datetime, account_ids: Collection[str] | None = None
) -> VoucherView:
    """The voucher of this id.

    Args:
        account_ids: it must be held by one of these.

    Raises:
        VoucherNotFound: there is none, or someone else holds it.
    """
    row = session.connection().execute(_BY_ID, {"voucher_id": voucher_id}).mappings().first()
    if row is None or (account_ids is not None and row["holder_id"] not in account_ids):
        raise VoucherNotFound()
    return voucher_from(row, at=at)


def of_entries(
    session: Session, *, entry_ids: Collection[str], at: datetime
) -> dict[str, VoucherView]:
    """The vouchers that these entries of the book paid for, by ``ptx_…``; others are left out."""
    if not entry_ids:
        return {}
    rows = session.connection().execute(_BY_ENTRIES, {"entry_ids": list(entry_ids)}).mappings()
    return {row["entry_id"]: voucher_from(row, at=at) for row in rows}


def vouchers_of(
    session: Session,
    *,
    account_ids: Collection[str],
    at: datetime,
    statuses: Collection[VoucherStatus] | None = None,
    limit: int = 20,
    cursor: str | None = None,
) -> VoucherPage:
    """The vouchers that these accounts hold, newest first, those of merged accounts too.

    One statement.

    Args:
        statuses: only those that stand like this at ``at``.
        limit: how many, 100 at most.

    Raises:
        InvalidCursor: the cursor was not given out here.
    """
    limit = max(1, min(limit, PAGE_MAX))
    statement: Any = _NEWEST
    parameters: dict[str, Any] = {"account_ids": list(account_ids), "limit": limit + 1}
    if statuses is not None:
        statement = statement.where(or_(False, *(_STANDS[status] for status in statuses)))
        parameters["at"] = at
    if cursor is not None:
        statement = statement.where(
            tuple_(bindparam("issued_at", type_=Voucher.issued_at.type), bindparam("id")) > _KEY
        )
        parameters["issued_at"], parameters["id"] = _opened(cursor)
    rows = session.connection().execute(statement, parameters).mappings().all()
    vouchers = tuple(voucher_from(row, at=at) for row in rows[:limit])
    more = len(rows) > limit
    return VoucherPage(vouchers=vouchers, next_cursor=_cursor(vouchers[-1]) if more else None)


def _cursor(last: VoucherView) -> str:
    key = f"{last.issued_at.astimezone(UTC).isoformat()}|{last.id}"
    return urlsafe_b64encode(key.encode()).decode().rstrip("=")


def _opened(cursor: str) -> tuple[datetime, str]:
    try:
        text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        instant, _, voucher_id = text.partition("|")
        return datetime.fromisoformat(instant).astimezone(UTC), voucher_id
    except (ValueError, binascii.Error, OverflowError) as error:
        raise InvalidCursor(field="cursor") from error


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
    """The open vouchers, and the rewards to be had now or nearly, that an order can take.

    An amount off fits an order in its own money; a donation fits none. Two
    statements, and those of the ledger where ``balance`` is not given.

    Args:
        store: where the order is; None is taken for any.
    """
    parameters = {"account_ids": [account.id], "at": at, "limit": _ORDERS_MAX}
    rows = session.connection().execute(_OPEN_OF, parameters).mappings()
    held = [voucher_from(row, at=at) for row in rows]
    offers = catalogue(
        session,
        program=program,
        account=account,
        at=at,
        balance=balance,
        tier=tier,
        store=store,
    )
    return Fitting(
        vouchers=tuple(
            FittingVoucher(voucher=each, off=each.worth.off(order))
            for each in held
            if each.worth.fits(order) and (store is None or store in (each.stores or (store,)))
        ),
        rewards=tuple(
            FittingReward(offer=each, off=each.reward.worth.off(order))
            for each in offers
            if (each.available or each.nearly) and each.reward.worth.fits(order)
        ),
    )
