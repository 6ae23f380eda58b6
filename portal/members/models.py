"""Who holds points: customers, what they are known by, and how they joined."""

from datetime import date

from sqlalchemy import CheckConstraint, Date, ForeignKey, ForeignKeyConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.ledger.models import Account
from portal.orm import Base, Code, Document, Id, Instant


class Customer(Base):
    """A person. Everything personal stands here and in :class:`Identifier`."""

    __tablename__ = "customer"

    id: Mapped[Id] = mapped_column(primary_key=True)
    first_name: Mapped[str | None] = mapped_column(String(120))
    last_name: Mapped[str | None] = mapped_column(String(120))
    birth_date: Mapped[date | None] = mapped_column(Date)
    language: Mapped[str | None] = mapped_column(String(16))
    fraud_status: Mapped[str] = mapped_column(String(9), default="none")
    merged_into: Mapped[Id | None] = mapped_column(ForeignKey("customer.id"))
    referred_by: Mapped[Id | None] = mapped_column(ForeignKey("customer.id"))
    contact_changed_at: Mapped[Instant | None]
    erased_at: Mapped[Instant | None]
    details: Mapped[Document] = mapped_column("metadata", default=dict)
    created_at: Mapped[Instant]
    updated_at: Mapped[Instant]

    __table_args__ = (
        CheckConstraint("fraud_status IN ('none','suspected','confirmed')", name="fraud_status"),
        Index("ix_customer__last_name", "last_name"),
    )


class Identifier(Base):
    """One thing a customer is known by; it belongs to one customer only.

    ``value`` is in its standard form: E.164 for mobiles, lower case for
    e-mail. ``source_account`` is empty where the source has one account.
    """

    __tablename__ = "identifier"

    type: Mapped[str] = mapped_column(String(16), primary_key=True)
    value: Mapped[str] = mapped_column(String(255), primary_key=True)
    source_account: Mapped[Code] = mapped_column(primary_key=True, default="")
    source: Mapped[str | None] = mapped_column(String(16))
    customer_id: Mapped[Id] = mapped_column(ForeignKey("customer.id"), index=True)
    verified_at: Mapped[Instant | None]
    created_at: Mapped[Instant]

    __table_args__ = (
        CheckConstraint(
            "type IN ('mobile','email','external_id','card_number','card_external_id',"
            "'wechat','facebook','martjack')",
            name="type",
        ),
    )


class Enrolment(Base):
    """How an account came to be, and which terms its holder accepted."""

    __tablename__ = "enrolment"

    account_id: Mapped[Id] = mapped_column(ForeignKey("account.id"), primary_key=True)
    channel: Mapped[str] = mapped_column(String(16))
    """self, checkout, staff, import, auto."""
    terms_url: Mapped[str | None]
    terms_accepted_at: Mapped[Instant | None]
    created_at: Mapped[Instant]


Account.__table__.append_constraint(  # type: ignore[attr-defined]
    ForeignKeyConstraint(["customer_id"], ["customer.id"])
)
