"""Rewards and vouchers as the rest of the house sees them: plain, frozen values."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from portal.errors import PortalError
from portal.programs import Money
from portal.rewards import codes


class Kind(StrEnum):
    """What a member gets."""

    AMOUNT_OFF = "amount_off"
    SHARE_OFF = "share_off"
    FREE_ITEM = "free_item"
    GIFT = "gift"
    DONATION = "donation"


class OnLapse(StrEnum):
    """What becomes of the points of a voucher that nobody used in time."""

    RETURN = "return"
    KEEP = "keep"


class VoucherStatus(StrEnum):
    """Where a voucher stands. The last three are final."""

    ISSUED = "issued"
    USED = "used"
    CANCELLED = "cancelled"
    LAPSED = "lapsed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What a voucher is good for.

    ``value`` of an amount off, ``share`` of a share off (``Decimal("0.10")`` is
    a tenth); both None for a thing or a donation.
    """

    kind: Kind
    value: Money | None = None
    share: Decimal | None = None

    def fits(self, order: Money) -> bool:
        """Whether an order in this money can take it; a donation goes with none."""
        if self.value is not None:
            return self.value.currency == order.currency
        return self.kind is not Kind.DONATION

    def off(self, order: Money | None) -> Money | None:
        """What it takes off an order, never more than the order; None where it takes no money.

        A share needs to know the order, and rounds down.
        """
        if self.kind is Kind.AMOUNT_OFF and self.value is not None:
            if order is None:
                return self.value
            if order.currency != self.value.currency:
                return None
            return Money(max(min(self.value.amount, order.amount), 0), order.currency)
        if self.kind is Kind.SHARE_OFF and self.share is not None and order is not None:
            numerator, denominator = self.share.as_integer_ratio()
            return Money(max(order.amount, 0) * numerator // denominator, order.currency)
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reward:
    """A reward as its file says it. ``price`` is in points, the program's smallest unit.

    ``stock`` is how many there are in all, None for no end; empty ``tiers``
    and ``stores`` do not limit; the days of validity are both included.
    ``picture`` is the digest by which :func:`portal.rewards.picture` finds it.
    """

    id: str
    program_id: str
    name: str
    description: str
    price: int
    worth: Worth
    stock: int | None
    per_member: int | None
    valid_from: date | None
    valid_to: date | None
    tiers: tuple[str, ...]
    stores: tuple[str, ...]
    categories: tuple[str, ...]
    position: int
    voucher_days: int
    on_lapse: OnLapse
    picture: str | None
    active: bool
    version: int

    @property
    def kind(self) -> Kind:
        """What a member gets."""
        return self.worth.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A reward as one member sees it now: before they ask, not after.

    Attributes:
        left: how many of it can still be had; None for no end.
        mine: how many this member has had, as the limit counts.
        affordable: whether the spendable balance reaches the price.
        missing_points: how many points more that takes; 0 where it is affordable.
        refusals: every reason why it cannot be had now, too few points among
            them. Without an account, only those that hold for everyone.
    """

    reward: Reward
    left: int | None
    mine: int
    affordable: bool
    missing_points: int
    refusals: tuple[PortalError, ...]

    @property
    def available(self) -> bool:
        """Whether it can be had now."""
        return not self.refusals

    @property
    def nearly(self) -> bool:
        """Whether nothing but points is missing."""
        return not self.affordable and len(self.refusals) == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherView:
    """A voucher, with what it promised when it was issued.

    Attributes:
        id: ``vou_…``, for addresses: unlike the code it is no secret.
        code: 16 characters; ``spoken_code`` is for people.
        account_id: who holds it now: the account, or the survivor of its merges.
        entry_id: the ``ptx_…`` that took the points.
        points: what it cost.
        status: as it is at the moment that was asked for.
        expires_at: the first instant at which it is gone; None once given away at once.
        stores: where it can be used; empty for everywhere.
        order: the receipt it was used on.
    """

    id: str
    code: str
    reward_id: str
    reward_name: str
    worth: Worth
    program_id: str
    account_id: str
    customer_id: str | None
    redemption_id: str
    entry_id: str
    points: int
    on_lapse: OnLapse
    status: VoucherStatus
    stores: tuple[str, ...]
    picture: str | None
    issued_at: datetime
    expires_at: datetime | None
    used_at: datetime | None
    store: str | None
    till: str | None
    order: str | None
    cancelled_at: datetime | None

    @property
    def kind(self) -> Kind:
        """What a member gets."""
        return self.worth.kind

    @property
    def spoken_code(self) -> str:
        """The code in groups of four, as it is shown and read aloud."""
        return codes.grouped(self.code)


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherPage:
    """Vouchers, newest first; ``next_cursor`` leads to older ones, None at the end."""

    vouchers: tuple[VoucherView, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnOrder:
    """The order that a voucher is used on; ``value`` is needed to say what a share takes off."""

    number: str
    value: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """A voucher that was just used. ``off`` is what it takes off the order, where it is money."""

    voucher: VoucherView
    off: Money | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FittingVoucher:
    """An open voucher that an order can take, with what it takes off."""

    voucher: VoucherView
    off: Money | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FittingReward:
    """A reward that an order can take, to be had now or nearly, with what it takes off."""

    offer: Offer
    off: Money | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """What fits an order: vouchers the member holds, and rewards they can have."""

    vouchers: tuple[FittingVoucher, ...]
    rewards: tuple[FittingReward, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureView:
    """A picture as it is served. ``digest`` and ``size`` name it for ever."""

    digest: str
    size: str
    content_type: str
    width: int
    height: int
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A message's words; the subject is for e-mail."""

    subject: str
    body: str


Wording = Callable[[VoucherView, str], Text]
"""Makes the message about a voucher; the second argument is its last day, as ``2026-04-01``."""
