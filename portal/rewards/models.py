"""Rewards as their files say them, their pictures, and the vouchers that members got."""

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.orm import Base, Code, Digest, Document, Id, Instant, Points

_ISSUED = text("status = 'issued'")
_OPEN_UNTOLD = text("status = 'issued' AND reminded_at IS NULL")


class Reward(Base):
    """A reward in force. ``document`` is the reward file, defaults filled in."""

    __tablename__ = "reward"

    id: Mapped[Id] = mapped_column(primary_key=True)
    program_id: Mapped[Id] = mapped_column(ForeignKey("program.id"))
    name: Mapped[str] = mapped_column(String(120))
    kind: Mapped[str] = mapped_column(String(10))
    price: Mapped[Points]
    active: Mapped[bool]
    position: Mapped[int]
    stock: Mapped[Points | None]
    """How many there are in all; None for no end."""
    taken: Mapped[Points] = mapped_column(default=0)
    """How many of the stock are with members or used. Counted only where there is a stock:
    a row that all members share must not be written for each voucher without need."""
    picture: Mapped[Digest | None]
    """SHA-256 of the file that was given; its renditions are in :class:`Picture`."""
    document: Mapped[Document]
    version: Mapped[int]
    applied_by: Mapped[Code]
    created_at: Mapped[Instant]
    updated_at: Mapped[Instant]

    __table_args__ = (
        CheckConstraint(
            "kind IN ('amount_off','share_off','free_item','gift','donation')", name="kind"
        ),
        CheckConstraint("price > 0", name="price"),
        CheckConstraint("taken >= 0 AND stock >= 0", name="stock"),
        Index("ix_reward__program_id", "program_id", "position", "id"),
    )


class Picture(Base):
    """One size of a picture, made anew from what was given: nothing else of that is kept."""

    __tablename__ = "picture"

    digest: Mapped[Digest] = mapped_column(primary_key=True)
    """Of the file it was made from."""
    size: Mapped[str] = mapped_column(String(8), primary_key=True)
    content_type: Mapped[str] = mapped_column(String(32))
    width: Mapped[int]
    height: Mapped[int]
    content: Mapped[bytes]
    created_at: Mapped[Instant]


class Voucher(Base):
    """What a member got for points, with what it promised when it was issued.

    ``account_id`` is where it was issued and never changes: who holds it now is
    the survivor of that account's merges. A voucher whose time is over may
    still read ``issued`` here; whoever reads it compares ``expires_at``.
    """

    __tablename__ = "voucher"

    id: Mapped[Id] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(16), unique=True)
    reward_id: Mapped[Id] = mapped_column(ForeignKey("reward.id"))
    account_id: Mapped[Id] = mapped_column(ForeignKey("account.id"))
    redemption_id: Mapped[Id] = mapped_column(ForeignKey("redemption.id"), unique=True)
    entry_id: Mapped[str] = mapped_column(String(48), unique=True)
    """The ``ptx_…`` that took the points."""
    status: Mapped[str] = mapped_column(String(9))
    name: Mapped[str] = mapped_column(String(120))
    kind: Mapped[str] = mapped_column(String(10))
    value: Mapped[Points | None]
    """Of an amount off, in the smallest unit of ``currency``."""
    currency: Mapped[str | None] = mapped_column(String(16))
    share: Mapped[str | None] = mapped_column(String(16))
    points: Mapped[Points]
    on_lapse: Mapped[str] = mapped_column(String(6))
    stores: Mapped[list[str]]
    actor: Mapped[Code]
    issued_at: Mapped[Instant]
    expires_at: Mapped[Instant | None]
    """The first instant at which it is gone; None where it was given away at once."""
    reminded_at: Mapped[Instant | None]
    used_at: Mapped[Instant | None]
    used_by: Mapped[Code | None]
    store: Mapped[Code | None]
    till: Mapped[Code | None]
    order_number: Mapped[Code | None]
    cancelled_at: Mapped[Instant | None]
    cancelled_by: Mapped[Code | None]

    __table_args__ = (
        CheckConstraint("status IN ('issued','used','cancelled','lapsed')", name="status"),
        CheckConstraint("(status = 'used') = (used_at IS NOT NULL)", name="used_at"),
        CheckConstraint("(status = 'cancelled') = (cancelled_at IS NOT NULL)", name="cancelled_at"),
        CheckConstraint("points > 0", name="points"),
        Index("ix_voucher__account_id", "account_id", "issued_at", "id"),
        Index("ix_voucher__reward_id", "reward_id", "account_id"),
        Index(
            "ix_voucher__lapsing",
            "reward_id",
            "expires_at",
            sqlite_where=_ISSUED,
            postgresql_where=_ISSUED,
        ),
        Index(
            "ix_voucher__untold",
            "expires_at",
            sqlite_where=_OPEN_UNTOLD,
            postgresql_where=_OPEN_UNTOLD,
        ),
    )
