"""What goes into the book and what comes out of it: plain, frozen values."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from portal.ledger.models import (
    Category,
    EntryType,
    EventName,
    RedemptionPurpose,
    RedemptionStatus,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFacts:
    """The purchase behind an event. ``value`` is in the smallest unit of ``currency``."""

    id: str | None
    number: str
    value: int
    currency: str
    placed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What happened, told once for all the accounts it touched.

    ``reason`` is a short code (``goodwill_credit``) and part of the chain for
    ever; ``note`` and ``metadata`` are what people wrote, and can be erased.
    """

    name: EventName
    actor: str
    occurred_at: datetime | None = None
    origin: str | None = None
    reason: str | None = None
    store: str | None = None
    till: str | None = None
    order: OrderFacts | None = None
    note: str | None = None
    metadata: dict[str, Any] | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Earn:
    """A credit. ``available_from`` makes it promised, ``trigger`` trigger-based.

    ``expires_at`` is the first instant at which the points are gone, None if
    never. ``purchase_value`` raises the account's lifetime purchases.
    """

    account_id: str
    points: int
    expires_at: datetime | None
    available_from: datetime | None = None
    trigger: str | None = None
    earned_at: datetime | None = None
    idle_expires_at: datetime | None = None
    purchase_value: int = 0
    program_version: int | None = None
    type: EntryType = EntryType.EARN
    counts_as_earned: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """A purchase that earned nothing (or a refund, below zero): only lifetime purchases move."""

    account_id: str
    purchase_value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """A debit, soonest to expire first. Without ``allow_negative`` it cannot make a debt."""

    account_id: str
    points: int
    type: EntryType = EntryType.REDEEM
    allow_negative: bool = False
    idle_expires_at: datetime | None = None
    program_version: int | None = None
    redemption: "NewRedemption | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRedemption:
    """The face that a spend gets: its id, what it paid, and until when it is only held."""

    id: str
    value: int | None = None
    currency: str | None = None
    held_until: datetime | None = None
    grace_expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Points from one account to another of the same program, keeping their expiry."""

    from_account_id: str
    to_account_id: str
    points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryView:
    """One line of the book. ``expires_at`` is that of the lot it opened, None if never or none."""

    id: str
    account_id: str
    sequence: int
    event_id: str
    type: EntryType
    category: Category
    amount: int
    balance_after: int
    lifetime_delta: int
    reverses: str | None
    program_version: int | None
    late: bool
    occurred_at: datetime
    recorded_at: datetime
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """One event as it was booked."""

    event_id: str
    entries: tuple[EntryView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountView:
    """An account's row: the figures as booked. :class:`Position` has the present ones."""

    id: str
    external_id: str | None
    program_id: str
    customer_id: str | None
    household_id: str | None
    status: str
    merged_into: str | None
    frozen_by: str | None
    balance: int
    promised: int
    trigger_based: int
    lifetime: int
    taken_back: int
    lifetime_purchases: int
    sequence: int
    next_due_at: datetime
    idle_expires_at: datetime
    enrolled_at: datetime | None
    created_at: datetime
    updated_at: datetime
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedemptionView:
    """A redemption, from hold to reversal. ``value`` is in the smallest unit of ``currency``.

    ``held_for`` is who gets the points if a hold ends by itself: the account,
    or the survivor of its merges.
    """

    id: str
    account_id: str
    entry_id: str
    event_id: str
    purpose: str
    status: str
    points: int
    points_reversed: int
    value: int | None
    currency: str | None
    held_until: datetime | None
    held_for: str | None
    created_at: datetime
    updated_at: datetime
    customer_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    """What happened, as it was told."""

    id: str
    name: str
    origin: str | None
    reason: str | None
    store: str | None
    till: str | None
    order: OrderFacts | None
    actor: str
    note: str | None
    metadata: dict[str, Any]
    occurred_at: datetime
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What became of a redemption: the part of it that a line of the history shows.

    ``value`` is what the points paid, in the smallest unit of ``currency``.
    """

    id: str
    purpose: RedemptionPurpose
    status: RedemptionStatus
    points_reversed: int
    value: int | None
    currency: str | None
    held_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryLine:
    """An entry with its event, the entries that took it back, and its redemption if it is one."""

    entry: EntryView
    event: EventView
    reversed_by: tuple[str, ...] = ()
    spending: Spending | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingLine:
    """A movement that is due and not booked yet; it has no id."""

    name: str
    type: EntryType
    category: Category
    amount: int
    balance_after: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPage:
    """Lines newest first; ``pending`` stands on the first page only."""

    lines: tuple[HistoryLine, ...]
    pending: tuple[PendingLine, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LotPart:
    """Points of one lot within a story.

    ``opened_by`` is the entry that first brought the points, however often
    they moved since, and ``event`` what happened then.
    """

    points: int
    earned_at: datetime
    expires_at: datetime | None
    opened_by: str
    event: EventView | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A debit that took points of a credit's lots (negative where it gave them back)."""

    entry_id: str
    points: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One line explained to its lots."""

    line: HistoryLine
    lots: tuple[LotPart, ...]
    used_by: tuple[Use, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """Points that are gone at ``expires_at``; None for those that stay."""

    expires_at: datetime | None
    points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Maturing:
    """Points that wait: for a date, or for the named trigger."""

    available_from: datetime | None
    points: int
    trigger: str | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What an account has at an instant, with all that fell due by then."""

    account: AccountView
    balance: int
    promised: int
    lifetime: int
    debt: int
    deadlines: tuple[Deadline, ...]
    maturing: tuple[Maturing, ...]
    pending: tuple[PendingLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """Points that a reversal gave back, and until when they can be spent."""

    points: int
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversal:
    """What one reversal gave back; ``id`` is its own entry."""

    id: str
    redemption: RedemptionView
    points: int
    restored: tuple[Restored, ...]


def entry_id(account_id: str, sequence: int) -> str:
    """The public id of an entry, made of its key: ``ptx_<account>-<sequence>``."""
    return f"ptx_{account_id.removeprefix('loy_')}-{sequence}"


def entry_key(public_id: str) -> tuple[str, int] | None:
    """The key behind a public id; None where it is not one."""
    body, dash, sequence = public_id.removeprefix("ptx_").partition("-")
    if not public_id.startswith("ptx_") or not dash or not body.isalnum() or len(public_id) > 48:
        return None
    if not sequence.isascii() or not sequence.isdigit() or len(sequence) > 18:
        return None
    return f"loy_{body}", int(sequence)
