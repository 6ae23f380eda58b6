"""Who holds points: customers, what they are known by, and how they joined."""

from datetime import date
from enum import StrEnum

from sqlalchemy import (
    CheckConstraint,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    text,
    true,
)
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
    findable: Mapped[bool] = mapped_column(default=True, server_default=true())
    """Whether other members find them, to send points or to invite."""
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


class HouseholdStatus(StrEnum):
    """Whether a household keeps a purse."""

    ACTIVE = "active"
    CLOSED = "closed"


class MembershipStatus(StrEnum):
    """Where someone stands in a household."""

    INVITED = "invited"
    ACTIVE = "active"
    LEFT = "left"
    DECLINED = "declined"
    REMOVED = "removed"


class Household(Base):
    """A family or a company with a common purse: one account in each program.

    Its row is locked by whatever changes it or its members.
    """

    __tablename__ = "household"

    id: Mapped[Id] = mapped_column(primary_key=True)
    external_id: Mapped[Code | None] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(String(120))
    status: Mapped[str] = mapped_column(String(8), default=HouseholdStatus.ACTIVE)
    created_at: Mapped[Instant]
    closed_at: Mapped[Instant | None]
    updated_at: Mapped[Instant]

    __table_args__ = (
        CheckConstraint("status IN ('active','closed')", name="status"),
        CheckConstraint("(status = 'closed') = (closed_at IS NOT NULL)", name="closed_at"),
    )


class HouseholdMember(Base):
    """Someone in a household, invited to it, or once in it."""

    __tablename__ = "household_member"

    household_id: Mapped[Id] = mapped_column(ForeignKey("household.id"), primary_key=True)
    customer_id: Mapped[Id] = mapped_column(ForeignKey("customer.id"), primary_key=True)
    status: Mapped[str] = mapped_column(String(8))
    is_primary: Mapped[bool] = mapped_column(default=False)
    is_default: Mapped[bool] = mapped_column(default=False)
    """Their purchases earn into this household's account."""
    may_send: Mapped[bool] = mapped_column(default=False)
    """Whether they may send and redeem what it holds; the primary member always may."""
    invited_by: Mapped[Id | None] = mapped_column(ForeignKey("customer.id"))
    invited_at: Mapped[Instant | None]
    joined_at: Mapped[Instant | None]
    left_at: Mapped[Instant | None]
    """When they left, declined or were removed."""

    __table_args__ = (
        CheckConstraint(
            "status IN ('invited','active','left','declined','removed')", name="status"
        ),
        CheckConstraint(
            "status = 'active' OR NOT (is_primary OR is_default OR may_send)", name="active"
        ),
        Index("ix_household_member__customer_id", "customer_id"),
        Index(
            "uq_household_member__primary",
            "household_id",
            unique=True,
            sqlite_where=text("is_primary"),
            postgresql_where=text("is_primary"),
        ),
        Index(
            "uq_household_member__default",
            "customer_id",
            unique=True,
            sqlite_where=text("is_default"),
            postgresql_where=text("is_default"),
        ),
    )


Account.__table__.append_constraint(  # type: ignore[attr-defined]
    ForeignKeyConstraint(["customer_id"], ["customer.id"])
)
