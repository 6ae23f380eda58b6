"""What checkout keeps beside the book: quotes, how orders were paid, refunds."""

from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.orm import Base, Code, Document, Id, Instant, Points


class Quote(Base):
    """What was offered for an order to come. It binds until ``expires_at``, for one use."""

    __tablename__ = "quote"

    id: Mapped[Id] = mapped_column(primary_key=True)
    customer_id: Mapped[Id | None] = mapped_column(ForeignKey("customer.id"))
    account_id: Mapped[Id | None] = mapped_column(ForeignKey("account.id"))
    """The account that was named; None where the customer as a whole is meant."""
    by_contact: Mapped[bool]
    present: Mapped[bool] = mapped_column(server_default=false())
    """Whether it was made with the member's rotating code."""
    value: Mapped[Points]
    currency: Mapped[str] = mapped_column(String(16))
    max_points: Mapped[Points | None]
    """What the one-time code sent with it approves; None for a customer as a whole."""
    terms: Mapped[Document]
    """By account: program, its version, and the standing that its limits were measured on."""
    actor: Mapped[Code]
    created_at: Mapped[Instant]
    expires_at: Mapped[Instant] = mapped_column(index=True)
    used_at: Mapped[Instant | None]
    used_for: Mapped[Id | None]


class Placement(Base):
    """How an order was paid and what it brought, beside the purchase itself."""

    __tablename__ = "placement"

    order_id: Mapped[Id] = mapped_column(ForeignKey("sales_order.id"), primary_key=True)
    status: Mapped[str] = mapped_column(String(8))
    held_until: Mapped[Instant | None]
    amount_due: Mapped[Points]
    result: Mapped[Document]
    """The redemptions by id, what was earned and why, accounts, and warnings."""
    intent: Mapped[dict[str, Any] | None]
    """What is to be earned once an order on hold is captured."""
    created_at: Mapped[Instant]
    updated_at: Mapped[Instant]

    __table_args__ = (
        CheckConstraint("status IN ('held','captured','voided')", name="status"),
        Index(
            "ix_placement__held",
            "held_until",
            sqlite_where=text("status = 'held'"),
            postgresql_where=text("status = 'held'"),
        ),
    )


class OrderRefund(Base):
    """One refund of an order; ``total`` is what was refunded with it, in all."""

    __tablename__ = "order_refund"

    id: Mapped[Id] = mapped_column(primary_key=True)
    order_id: Mapped[Id] = mapped_column(ForeignKey("sales_order.id"))
    number: Mapped[int]
    """The first of an order is 1."""
    value: Mapped[Points]
    total: Mapped[Points]
    points_taken_back: Mapped[Points]
    points_given_back: Mapped[Points]
    value_given_back: Mapped[Points]
    details: Mapped[Document]
    """By account what was taken and given back, and the lines that were returned."""
    actor: Mapped[Code]
    created_at: Mapped[Instant]

    __table_args__ = (
        UniqueConstraint("order_id", "number"),
        CheckConstraint("value > 0 AND total >= value", name="total"),
    )
