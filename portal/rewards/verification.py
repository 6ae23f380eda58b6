"""Whether vouchers, rewards and the book agree."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from portal.ledger import Difference, RedemptionPurpose, RedemptionStatus, entry_id
from portal.ledger.models import Redemption
from portal.rewards.models import Reward, Voucher
from portal.rewards.values import OnLapse, VoucherStatus

_FETCH = 2_000
_BOTH = (
    select(
        Voucher.id,
        Voucher.status,
        Voucher.on_lapse,
        Voucher.points,
        Voucher.account_id,
        Voucher.entry_id,
        Voucher.expires_at,
        Redemption.id.label("redemption_id"),
        Redemption.account_id.label("paid_by"),
        Redemption.entry_sequence,
        Redemption.status.label("redemption_status"),
        Redemption.points.label("paid"),
        Redemption.held_until,
    )
    .outerjoin_from(Redemption, Voucher, Voucher.redemption_id == Redemption.id)
    .where(or_(Redemption.purpose == RedemptionPurpose.VOUCHER.value, Voucher.id.is_not(None)))
    .order_by(Redemption.id)
)
_STOCK = (
    select(Reward.id, Reward.taken, func.count(Voucher.id).label("out"))
    .outerjoin(
        Voucher,
        (Voucher.reward_id == Reward.id)
        & Voucher.status.in_([VoucherStatus.ISSUED.value, VoucherStatus.USED.value]),
    )
    .where(Reward.stock.is_not(None))
    .group_by(Reward.id, Reward.taken)
    .order_by(Reward.id)
)
_HELD, _CAPTURED = RedemptionStatus.HELD.value, RedemptionStatus.CAPTURED.value
_VOIDED, _REVERSED = RedemptionStatus.VOIDED.value, RedemptionStatus.REVERSED.value
_FITS: dict[tuple[OnLapse, VoucherStatus], set[str]] = {
    # What lapsed is booked when its account is settled, and written down when
    # someone looks for stock: either may come first.
    (OnLapse.RETURN, VoucherStatus.ISSUED): {_HELD, _VOIDED},
    (OnLapse.RETURN, VoucherStatus.USED): {_CAPTURED},
    (OnLapse.RETURN, VoucherStatus.CANCELLED): {_VOIDED},
    (OnLapse.RETURN, VoucherStatus.LAPSED): {_HELD, _VOIDED},
    (OnLapse.KEEP, VoucherStatus.ISSUED): {_CAPTURED},
    (OnLapse.KEEP, VoucherStatus.USED): {_CAPTURED},
    (OnLapse.KEEP, VoucherStatus.CANCELLED): {_REVERSED},
    (OnLapse.KEEP, VoucherStatus.LAPSED): {_CAPTURED},
}


def verify(session: Session) -> list[Difference]:
    """Compare each voucher with its redemption, and each reward's stock with its vouchers.

    Returns:
        every difference found; empty when all agree.
    """
    rows = session.connection().execute(
        _BOTH, execution_options={"yield_per": _FETCH, "stream_results": True}
    )
    found = [difference for row in rows for difference in _compare(row)]
    found += [
        _difference(row.id, "taken", row.taken, row.out)
        for row in session.connection().execute(_STOCK)
        if row.taken != row.out
    ]
    return found


def _compare(row: Any) -> Iterator[Difference]:
    if row.id is None:
        yield _difference(row.redemption_id, "the voucher", "missing", "one for these points")
        return
    expected = {
        "points": (row.points, row.paid),
        "account": (row.account_id, row.paid_by),
        "entry": (row.entry_id, entry_id(row.paid_by, row.entry_sequence)),
    }
    if row.redemption_status == _HELD:
        expected["expires_at"] = (row.expires_at, row.held_until)
    for where, (told, booked) in expected.items():
        if told != booked:
            yield _difference(row.id, where, told, booked)
    fits = _FITS[OnLapse(row.on_lapse), VoucherStatus(row.status)]
    if row.redemption_status not in fits:
        yield _difference(
            row.id, "status", row.status, f"one that fits points {row.redemption_status}"
        )


def _difference(name: str, where: str, found: object, expected: object) -> Difference:
    return Difference(account_id=name, where=where, found=str(found), expected=str(expected))
