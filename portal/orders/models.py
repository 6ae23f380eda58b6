"""What was bought: a purchase earns once, by store and receipt number."""

from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.orm import Base, Code, Digest, Document, Id, Instant, Points


class Order(Base):
    """One purchase. ``value`` is in the smallest unit of ``currency``."""

    __tablename__ = "sales_order"

    id: Mapped[Id] = mapped_column(primary_key=True)
    store: Mapped[Code] = mapped_column(ForeignKey("store.code"))
    number: Mapped[Code]
    """The receipt number, unique in its store."""
    till: Mapped[Code | None]
    customer_id: Mapped[Id | None] = mapped_column(ForeignKey("customer.id"))
    account_id: Mapped[Id | None] = mapped_column(ForeignKey("account.id"))
    """Whose lifetime purchases it raised; nobody's where it counted for none."""
    value: Mapped[Points]
    currency: Mapped[str] = mapped_column(String(16))
    counted: Mapped[Points] = mapped_column(default=0, server_default="0")
    """What it added to the lifetime purchases of ``account_id``."""
    refunded: Mapped[Points] = mapped_column(default=0, server_default="0")
    """What of ``value`` was refunded since."""
    placed_at: Mapped[Instant]
    fingerprint: Mapped[Digest]
    """Of its content: the same receipt with other content is refused."""
    contents: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """Its lines and what was paid with points, where told; what it earned and why."""
    details: Mapped[Document] = mapped_column("metadata", default=dict)
    created_at: Mapped[Instant]

    __table_args__ = (
        UniqueConstraint("store", "number"),
        Index("ix_sales_order__customer_id", "customer_id", "placed_at"),
        Index("ix_sales_order__account_id", "account_id", "placed_at"),
    )


class EarningUse(Base):
    """How often a rule with a limit applied: in all, for a member, on a member's day."""

    __tablename__ = "earning_use"

    program_id: Mapped[Id] = mapped_column(ForeignKey("program.id"), primary_key=True)
    rule_id: Mapped[Id] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(String(64), primary_key=True)
    """``all``, an account's id, or an account's id and a day."""
    used: Mapped[Points]

    __table_args__ = (CheckConstraint("used >= 0", name="used"),)


class Told(Base):
    """Something that earning rules wait for, told once by its id."""

    __tablename__ = "told_event"

    program_id: Mapped[Id] = mapped_column(ForeignKey("program.id"), primary_key=True)
    id: Mapped[Code] = mapped_column(primary_key=True)
    account_id: Mapped[Id] = mapped_column(ForeignKey("account.id"), index=True)
    name: Mapped[Code]
    fingerprint: Mapped[Digest]
    result: Mapped[Document]
    """What it earned, and why: the answer, should it be told again."""
    occurred_at: Mapped[Instant]
    created_at: Mapped[Instant]


class TierChange(Base):
    """An account reached a tier, or lost it. The one with the highest number is in force."""

    __tablename__ = "tier_change"

    account_id: Mapped[Id] = mapped_column(ForeignKey("account.id"), primary_key=True)
    number: Mapped[Points] = mapped_column(primary_key=True)
    event_id: Mapped[Id] = mapped_column(ForeignKey("event.id"))
    previous: Mapped[Id | None]
    tier: Mapped[Id | None]
    """None where it fell below the lowest."""
    threshold: Mapped[Points]
    """What ``tier`` took when it was reached; 0 where there is none."""
    points: Mapped[Points]
    """What the account had."""
    changed_at: Mapped[Instant]
