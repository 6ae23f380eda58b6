"""The tables of the book.

``event``, ``entry`` and ``allocation`` are append-only, and the database
itself refuses anything else (migrations hold the triggers). ``account``,
``lot``, ``debt`` and ``redemption`` carry running figures that only
:mod:`portal.ledger.posting` changes, and that ``portal ledger verify``
recomputes from the append-only rows.

Keys of entries, lots and allocations begin with the account, so that these
three, which grow most, can be partitioned by it.
"""

from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    SmallInteger,
    String,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from portal.orm import Base, Code, Digest, Document, Id, Instant, Points

NEVER = datetime(9999, 12, 31, tzinfo=UTC)
"""Stored where a lot does not expire, so that it sorts last on both engines."""


class AccountStatus(StrEnum):
    """What an account may do. Frozen: earns, nothing leaves. Merged is for good."""

    ACTIVE = "active"
    FROZEN = "frozen"
    CLOSED = "closed"
    MERGED = "merged"


class EntryType(StrEnum):
    """What an entry did (001, and ours: transfer and merge)."""

    EARN = "earn"
    REDEEM = "redeem"
    EXPIRE = "expire"
    ADJUST = "adjust"
    REVERSE = "reverse"
    TRANSFER = "transfer"
    MERGE = "merge"


class Category(StrEnum):
    """Which points: spendable, waiting for a date, or waiting for a trigger (003)."""

    REGULAR = "regular"
    PROMISED = "promised"
    TRIGGER_BASED = "trigger_based"


class EventName(StrEnum):
    """Names of what happened (003, and ours from PointsTransfer on)."""

    TRANSACTION_ADD = "TransactionAdd"
    POINTS_REDEMPTION = "PointsRedemption"
    DELAYED_ACCRUAL = "DelayedAccrual"
    POINTS_EXPIRY = "PointsExpiry"
    CUSTOMER_REGISTRATION = "CustomerRegistration"
    RETURN_BILL = "ReturnBill"
    POINTS_TRANSFER = "PointsTransfer"
    MANUAL_ADJUSTMENT = "ManualAdjustment"
    REDEMPTION_REVERSAL = "RedemptionReversal"
    HOLD_RELEASED = "HoldReleased"
    VOUCHER_ISSUED = "VoucherIssued"
    VOUCHER_CANCELLED = "VoucherCancelled"
    VOUCHER_LAPSED = "VoucherLapsed"
    ACCOUNT_MERGE = "AccountMerge"
    DATA_IMPORT = "DataImport"
    TIER_CHANGED = "TierChanged"


class RedemptionStatus(StrEnum):
    """Where a redemption stands."""

    HELD = "held"
    CAPTURED = "captured"
    VOIDED = "voided"
    PARTLY_REVERSED = "partly_reversed"
    REVERSED = "reversed"


class RedemptionPurpose(StrEnum):
    """What the points went for: a payment at a till, or a voucher.

    An event named ``VoucherIssued`` makes the latter. Its hold may last for
    weeks, so it is not in the way of closing and merging.
    """

    PAYMENT = "payment"
    VOUCHER = "voucher"


class Account(Base):
    """One holder (a customer, a household, or nobody yet) in one program.

    ``balance`` is what is spendable, negative when in debt; ``promised`` are
    points that wait for a date or a trigger; ``lifetime`` only rises;
    ``taken_back`` is the part of lifetime that refunds took back. The figures
    are what was booked: what is due by now and not yet booked is added by
    :func:`portal.ledger.queries.position`.
    """

    __tablename__ = "account"

    id: Mapped[Id] = mapped_column(primary_key=True)
    external_id: Mapped[Code | None] = mapped_column(unique=True)
    program_id: Mapped[Id]
    customer_id: Mapped[Id | None]
    household_id: Mapped[Id | None]
    status: Mapped[str] = mapped_column(String(8), default=AccountStatus.ACTIVE)
    merged_into: Mapped[Id | None] = mapped_column(ForeignKey("account.id"), index=True)
    frozen_by: Mapped[str | None] = mapped_column(String(8))
    """``member`` or ``staff`` while it is frozen: who may let it go."""

    balance: Mapped[Points] = mapped_column(default=0)
    promised: Mapped[Points] = mapped_column(default=0)
    trigger_based: Mapped[Points] = mapped_column(default=0)
    """The part of ``promised`` that waits for a trigger rather than a date."""
    lifetime: Mapped[Points] = mapped_column(default=0)
    taken_back: Mapped[Points] = mapped_column(default=0)
    lifetime_purchases: Mapped[Points] = mapped_column(default=0)
    """Order values less refunds, in the smallest unit of the program's money."""

    sequence: Mapped[Points] = mapped_column(default=0)
    lots: Mapped[Points] = mapped_column(default=0)
    head_hash: Mapped[Digest]
    next_due_at: Mapped[Instant] = mapped_column(default=NEVER)
    """No lot matures or dies and no hold ends before this; ``NEVER`` when none will."""
    idle_expires_at: Mapped[Instant] = mapped_column(default=NEVER)
    """When the regular points die of inactivity, in programs that have that rule."""
    last_occurred_at: Mapped[Instant | None]
    """The latest ``occurred_at`` of its entries; an entry before it is late."""

    enrolled_at: Mapped[Instant | None]
    created_at: Mapped[Instant]
    updated_at: Mapped[Instant]
    details: Mapped[Document] = mapped_column("metadata", default=dict)

    __table_args__ = (
        CheckConstraint("status IN ('active','frozen','closed','merged')", name="status"),
        CheckConstraint("(status = 'merged') = (merged_into IS NOT NULL)", name="merged_into"),
        CheckConstraint("customer_id IS NULL OR household_id IS NULL", name="one_holder"),
        CheckConstraint("lifetime >= 0 AND promised >= trigger_based", name="lifetime_promised"),
        CheckConstraint("trigger_based >= 0", name="trigger_based"),
        Index(
            "uq_account__program_customer_active",
            "program_id",
            "customer_id",
            unique=True,
            sqlite_where=text("status IN ('active','frozen')"),
            postgresql_where=text("status IN ('active','frozen')"),
        ),
        Index(
            "uq_account__program_household_active",
            "program_id",
            "household_id",
            unique=True,
            sqlite_where=text("status IN ('active','frozen')"),
            postgresql_where=text("status IN ('active','frozen')"),
        ),
        Index("ix_account__customer_id", "customer_id"),
        Index("ix_account__household_id", "household_id"),
        Index("ix_account__next_due_at", "next_due_at"),
    )


class Event(Base):
    """One thing that happened, whatever it did to however many accounts.

    ``digest`` covers every column and, through ``detail_digest``, the
    erasable :class:`EventDetail`; the hash of each entry covers ``digest``.
    """

    __tablename__ = "event"

    id: Mapped[Id] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(32))
    origin: Mapped[str | None] = mapped_column(String(16))
    """payment, redemption, transfer, adjustment, import, expiry, maturing, …"""
    reason: Mapped[Code | None]
    store: Mapped[Code | None]
    till: Mapped[Code | None]
    order_id: Mapped[Id | None]
    order_number: Mapped[Code | None]
    order_value: Mapped[Points | None]
    order_currency: Mapped[str | None] = mapped_column(String(16))
    order_placed_at: Mapped[Instant | None]
    actor: Mapped[Code]
    """Who did it: ``member:cus_…``, ``key:…``, ``staff:…``, ``system``, ``command``."""
    request_id: Mapped[Id | None]
    detail_digest: Mapped[Digest | None]
    digest: Mapped[Digest]
    occurred_at: Mapped[Instant]
    recorded_at: Mapped[Instant]

    __table_args__ = (
        Index(
            "ix_event__order_id",
            "order_id",
            sqlite_where=text("order_id IS NOT NULL"),
            postgresql_where=text("order_id IS NOT NULL"),
        ),
    )


class EventDetail(Base):
    """What people wrote about an event: erasable, while the chain stays whole."""

    __tablename__ = "event_detail"

    event_id: Mapped[Id] = mapped_column(ForeignKey("event.id"), primary_key=True)
    salt: Mapped[bytes]
    note: Mapped[str | None]
    details: Mapped[Document | None] = mapped_column("metadata")
    erased_at: Mapped[Instant | None]


class Entry(Base):
    """What one event did to one account in one category. Never changed, never removed."""

    __tablename__ = "entry"

    account_id: Mapped[Id] = mapped_column(ForeignKey("account.id"), primary_key=True)
    sequence: Mapped[Points] = mapped_column(primary_key=True)
    event_id: Mapped[Id] = mapped_column(ForeignKey("event.id"), index=True)
    type: Mapped[str] = mapped_column(String(8))
    category: Mapped[str] = mapped_column(String(13))
    amount: Mapped[Points]
    balance_after: Mapped[Points]
    """In this entry's category."""
    lifetime_delta: Mapped[Points]
    taken_back_delta: Mapped[Points]
    reverses: Mapped[str | None] = mapped_column(String(48))
    """The ``ptx_…`` it takes back, whole or in part."""
    program_version: Mapped[int | None]
    """Of the account's program, when its rules decided this."""
    late: Mapped[bool]
    """It happened before something that had been booked already."""
    occurred_at: Mapped[Instant]
    recorded_at: Mapped[Instant]
    hash_version: Mapped[int] = mapped_column(SmallInteger)
    hash: Mapped[Digest]

    __table_args__ = (
        CheckConstraint("amount <> 0 OR type = 'merge'", name="amount"),
        Index("ix_entry__account_id_occurred_at", "account_id", "occurred_at", "sequence"),
        Index("ix_entry__account_id_type", "account_id", "type", "occurred_at", "sequence"),
        Index(
            "ix_entry__waiting",
            "account_id",
            "category",
            "occurred_at",
            "sequence",
            sqlite_where=text("category <> 'regular'"),
            postgresql_where=text("category <> 'regular'"),
        ),
        Index(
            "ix_entry__late",
            "account_id",
            "occurred_at",
            sqlite_where=text("late = 1"),
            postgresql_where=text("late"),
        ),
        Index(
            "ix_entry__reverses",
            "reverses",
            sqlite_where=text("reverses IS NOT NULL"),
            postgresql_where=text("reverses IS NOT NULL"),
        ),
    )


class Lot(Base):
    """The points that one credit brought, and how many of them are left.

    A lot never changes account or category: moving or maturing closes it and
    opens a new one that names its origin.
    """

    __tablename__ = "lot"

    account_id: Mapped[Id] = mapped_column(primary_key=True)
    number: Mapped[Points] = mapped_column(primary_key=True)
    entry_sequence: Mapped[Points]
    """The entry that opened it."""
    category: Mapped[str] = mapped_column(String(13))
    earned: Mapped[Points]
    remaining: Mapped[Points]
    earned_at: Mapped[Instant]
    """When the points were first earned, however often they moved since."""
    available_from: Mapped[Instant]
    """When promised points become regular; ``NEVER`` for those that wait for a trigger."""
    expires_at: Mapped[Instant]
    """The first instant at which they are gone; ``NEVER`` where they stay."""
    trigger: Mapped[Code | None]
    origin_account_id: Mapped[Id | None]
    origin_number: Mapped[Points | None]

    __table_args__ = (
        ForeignKeyConstraint(
            ["account_id", "entry_sequence"], ["entry.account_id", "entry.sequence"]
        ),
        CheckConstraint("remaining >= 0 AND remaining <= earned", name="remaining"),
        Index("ix_lot__entry", "account_id", "entry_sequence"),
        Index(
            "ix_lot__open",
            "account_id",
            "category",
            "expires_at",
            "earned_at",
            "number",
            sqlite_where=text("remaining > 0"),
            postgresql_where=text("remaining > 0"),
        ),
        Index(
            "ix_lot__maturing",
            "account_id",
            "available_from",
            sqlite_where=text("remaining > 0 AND category <> 'regular'"),
            postgresql_where=text("remaining > 0 AND category <> 'regular'"),
        ),
        Index(
            "ix_lot__origin",
            "origin_account_id",
            "origin_number",
            sqlite_where=text("origin_account_id IS NOT NULL"),
            postgresql_where=text("origin_account_id IS NOT NULL"),
        ),
    )


class Debt(Base):
    """The part of a debit that no lot could cover, and how much of it is still owed."""

    __tablename__ = "debt"

    account_id: Mapped[Id] = mapped_column(primary_key=True)
    entry_sequence: Mapped[Points] = mapped_column(primary_key=True)
    """The debit."""
    owed: Mapped[Points]
    cancelled: Mapped[Points] = mapped_column(default=0)
    """Owed no more, because the debit was taken back or moved in a merge."""
    remaining: Mapped[Points]

    __table_args__ = (
        ForeignKeyConstraint(
            ["account_id", "entry_sequence"], ["entry.account_id", "entry.sequence"]
        ),
        CheckConstraint("remaining >= 0 AND remaining <= owed", name="remaining"),
        Index(
            "ix_debt__open",
            "account_id",
            "entry_sequence",
            sqlite_where=text("remaining > 0"),
            postgresql_where=text("remaining > 0"),
        ),
    )


class Allocation(Base):
    """Which debit took how much of which lot; negative where a reversal gave it back."""

    __tablename__ = "allocation"

    account_id: Mapped[Id] = mapped_column(primary_key=True)
    entry_sequence: Mapped[Points] = mapped_column(primary_key=True)
    """The entry in whose posting this was decided."""
    lot_number: Mapped[Points] = mapped_column(primary_key=True)
    debit_sequence: Mapped[Points] = mapped_column(primary_key=True)
    """The debit that is paid: the same entry, or an older one whose debt this pays."""
    points: Mapped[Points]

    __table_args__ = (
        ForeignKeyConstraint(
            ["account_id", "entry_sequence"], ["entry.account_id", "entry.sequence"]
        ),
        ForeignKeyConstraint(["account_id", "lot_number"], ["lot.account_id", "lot.number"]),
        CheckConstraint("points <> 0", name="points"),
        Index("ix_allocation__debit", "account_id", "debit_sequence"),
        Index("ix_allocation__lot", "account_id", "lot_number"),
    )


class Redemption(Base):
    """A spend, from hold to reversal: the face of one redeem entry."""

    __tablename__ = "redemption"

    id: Mapped[Id] = mapped_column(primary_key=True)
    account_id: Mapped[Id]
    entry_sequence: Mapped[Points]
    event_id: Mapped[Id] = mapped_column(ForeignKey("event.id"))
    purpose: Mapped[str] = mapped_column(String(8), server_default=RedemptionPurpose.PAYMENT.value)
    status: Mapped[str] = mapped_column(String(16))
    points: Mapped[Points]
    points_reversed: Mapped[Points] = mapped_column(default=0)
    value: Mapped[Points | None]
    """What the points paid, in the smallest unit of ``currency``."""
    currency: Mapped[str | None] = mapped_column(String(16))
    held_until: Mapped[Instant | None]
    held_for: Mapped[Id | None]
    """Who gets the points if the hold ends by itself: the account, or its merges' survivor."""
    grace_expires_at: Mapped[Instant | None]
    """If the hold ends by itself: until when points that died meanwhile live on."""
    created_at: Mapped[Instant]
    updated_at: Mapped[Instant]

    __table_args__ = (
        ForeignKeyConstraint(
            ["account_id", "entry_sequence"], ["entry.account_id", "entry.sequence"]
        ),
        CheckConstraint("points > 0", name="points"),
        CheckConstraint("points_reversed BETWEEN 0 AND points", name="points_reversed"),
        Index("ix_redemption__account_id", "account_id", "created_at"),
        Index("uq_redemption__entry", "account_id", "entry_sequence", unique=True),
        Index(
            "ix_redemption__held_for",
            "held_for",
            "held_until",
            sqlite_where=text("status = 'held'"),
            postgresql_where=text("status = 'held'"),
        ),
    )


class Request(Base):
    """A write from outside, by the key its caller chose: same key, same answer."""

    __tablename__ = "request"

    client: Mapped[Code] = mapped_column(primary_key=True)
    """The integration (not its rotating key), the member, the command."""
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    id: Mapped[Id] = mapped_column(unique=True)
    fingerprint: Mapped[Digest]
    status: Mapped[int | None] = mapped_column(SmallInteger)
    content_type: Mapped[Code | None]
    body: Mapped[bytes | None]
    effect: Mapped[str | None] = mapped_column(String(64))
    """The id of what it made, kept after the stored answer has gone."""
    created_at: Mapped[Instant] = mapped_column(index=True)
