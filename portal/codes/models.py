"""One-time codes, kept as a keyed digest, and what was asked for how often."""

from sqlalchemy import CheckConstraint, Index, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.orm import Base, Code, Digest, Id, Instant


class OneTimeCode(Base):
    """A code that was sent: for one purpose, one subject and one context, once."""

    __tablename__ = "one_time_code"

    id: Mapped[Id] = mapped_column(primary_key=True)
    purpose: Mapped[str] = mapped_column(String(24))
    """sign_in, join, prove, contact, transfer, redeem, …"""
    subject: Mapped[str] = mapped_column(String(128))
    """What it confirms: the pending sign-in, the session, the transfer request."""
    destination: Mapped[str] = mapped_column(String(64))
    """A keyed digest of the number or address that it was meant for."""
    digest: Mapped[Digest]
    """HMAC over purpose, subject, context and code, with the pepper."""
    tries: Mapped[int] = mapped_column(SmallInteger, default=0)
    expires_at: Mapped[Instant]
    used_at: Mapped[Instant | None]
    replaced_at: Mapped[Instant | None]
    created_at: Mapped[Instant]

    __table_args__ = (
        CheckConstraint("tries BETWEEN 0 AND 5", name="tries"),
        # The database itself keeps the rule that a new code ends the old one.
        Index(
            "uq_one_time_code__live",
            "purpose",
            "subject",
            unique=True,
            sqlite_where=text("replaced_at IS NULL"),
            postgresql_where=text("replaced_at IS NULL"),
        ),
        Index("ix_one_time_code__destination", "destination", "purpose", "created_at"),
        Index("ix_one_time_code__expires_at", "expires_at"),
    )


class Budget(Base):
    """How much of a limit was used in a window: codes sent, look-ups made."""

    __tablename__ = "budget"

    name: Mapped[Code] = mapped_column(primary_key=True)
    """Which limit, e.g. ``code:destination``."""
    subject: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Whose: a keyed digest of the destination or address, an id, or ``site``."""
    window_started_at: Mapped[Instant] = mapped_column(primary_key=True)
    used: Mapped[int]
    ends_at: Mapped[Instant] = mapped_column(index=True)
    """When nothing asks for it any more, and it can be deleted."""
