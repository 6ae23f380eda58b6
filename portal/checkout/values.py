"""What a till says and is told: plain, frozen values. Amounts in the smallest unit."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from portal.checkout.approving import Approval
from portal.errors import PortalError
from portal.ledger import RedemptionView
from portal.members import HOUSEHOLD_CONTACTS, Reference
from portal.programs import Program
from portal.programs.earning import Line
from portal.rewards import Fitting

_CONTACTS = frozenset({"mobile", "email"}) | HOUSEHOLD_CONTACTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Whose points: an account, or a customer or household however they are named.

    A customer without a ``program`` is meant as a whole, with all the value
    they hold; they earn in the default program. A household's purse is that of
    the program, or of the default one.
    """

    reference: Reference
    program: str | None = None
    region: str = "PT"

    @property
    def by_contact(self) -> bool:
        """Whether they were named by phone or e-mail only, which anyone may know."""
        return self.reference.type in _CONTACTS

    @property
    def whole(self) -> bool:
        """Whether all the value of a customer is meant."""
        return self.reference.account is None and self.program is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Basket:
    """What a quote is asked for: an order to come."""

    value: int
    currency: str
    lines: Sequence[Line] = ()
    store: str | None = None
    till: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeem:
    """Points to pay with: either ``points`` or ``value``.

    Of the named account, of the holder's account in the named program, or of
    the holder.
    """

    points: int | None = None
    value: int | None = None
    account: str | None = None
    program: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reward:
    """A credit that a part of the payment brings (004); ``value`` in the program's unit.

    Usable through ``expiration_date``; by the program's own expiry if absent.
    """

    value: int
    expiration_date: date | None = None
    program: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A part of the payment."""

    value: int
    seller: str | None = None
    reward: Reward | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderWish:
    """An order as a till sends it. ``number`` is its receipt number, unique in its store.

    ``hold_minutes`` counts where ``capture`` is not set: points are held, and
    nothing is earned, until the order is captured.
    """

    number: str
    value: int
    currency: str
    placed_at: datetime | None = None
    store: str | None = None
    till: str | None = None
    lines: Sequence[Line] = ()
    holder: Holder | None = None
    quote: str | None = None
    redeem: Sequence[Redeem] = ()
    earn: bool = True
    splits: Sequence[Split] = ()
    capture: bool = True
    hold_minutes: int | None = None
    approval: Approval | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


class OrderStatus(StrEnum):
    """Where an order stands."""

    HELD = "held"
    CAPTURED = "captured"
    VOIDED = "voided"
    PARTLY_REFUNDED = "partly_refunded"
    REFUNDED = "refunded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Warning:
    """What did not stop it and should be known; the names and numbers are those of errors."""

    code: str
    detail: str
    legacy_code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """What an order earns in one program. ``account_id`` is None where it is only quoted.

    ``promised`` points count from ``available_at``, or when ``trigger`` arrives.
    """

    program_id: str
    points: int
    promised: bool
    explanation: str
    account_id: str | None = None
    available_at: datetime | None = None
    expires_at: datetime | None = None
    trigger: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What one account can pay of an order. Values in the order's currency, None without a rate.

    ``max_points`` is 0 where ``refusals`` say why nothing can be redeemed.
    """

    account_id: str
    program: Program
    spendable: int
    max_points: int
    min_points: int
    multiple_of: int
    max_value: int | None
    approval: str
    refusals: tuple[PortalError, ...] = ()
    fitting: Fitting | None = None
    """Rewards that the order can take, and vouchers for it that they hold."""
    told: frozenset[str] = frozenset()
    """Of which vouchers the till may be told the code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What an order may cost and bring. It binds until ``expires_at``, for one use.

    The figures in points are None where a customer as a whole is meant: they
    may hold several units. ``approval`` is ``none``, ``member_code`` or
    ``one_time_code``.
    """

    id: str
    spendable: int | None
    max_points: int | None
    min_points: int | None
    multiple_of: int | None
    max_value: int | None
    would_earn: Gain | None
    approval: str
    refusals: tuple[PortalError, ...]
    sources: tuple[Source, ...]
    expires_at: datetime
    warnings: tuple[Warning, ...] = ()
    code_sent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderState:
    """An order and what it did. ``amount_due`` is what points did not pay.

    ``account_ids`` are all accounts that it touched or named.
    """

    id: str
    number: str
    store: str
    till: str | None
    customer_id: str | None
    value: int
    currency: str
    placed_at: datetime
    created_at: datetime
    status: OrderStatus
    held_until: datetime | None
    amount_due: int
    redemptions: tuple[RedemptionView, ...]
    earned: tuple[Gain, ...]
    account_ids: tuple[str, ...]
    refunded: int
    warnings: tuple[Warning, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """An order as it was placed; ``again`` where this receipt had been placed before."""

    order: OrderState
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundWish:
    """What is returned of an order. ``lines``, where given, add up to ``value``."""

    value: int
    lines: Sequence[Line] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundPart:
    """What a refund did to one account."""

    account_id: str
    program_id: str
    points_taken_back: int
    points_given_back: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """A refund of an order. ``amount_returned`` is the money part of ``value``."""

    id: str
    order_id: str
    value: int
    currency: str
    points_taken_back: int
    points_given_back: int
    value_given_back: int
    amount_returned: int
    refunded: int
    parts: tuple[RefundPart, ...]
    created_at: datetime
