"""What the world is to be told, written with what it tells, sent after commit."""

from sqlalchemy import CheckConstraint, Index, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.orm import Base, Code, Id, Instant


class Message(Base):
    """A text or e-mail to one person.

    Whom it is for and what it says stand together, encrypted, in ``content``,
    and are blanked once it was sent or given up. A message to nobody (an
    unknown number costs the same work as a known one) looks like any other.
    """

    __tablename__ = "message"

    id: Mapped[Id] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(String(8))
    """sms or email."""
    content: Mapped[bytes | None]
    """Recipient, subject and body, encrypted with a key made from the secret."""
    purpose: Mapped[Code]
    status: Mapped[str] = mapped_column(String(8), default="waiting")
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    next_attempt_at: Mapped[Instant]
    give_up_at: Mapped[Instant]
    last_error: Mapped[str | None]
    sent_at: Mapped[Instant | None]
    created_at: Mapped[Instant]

    __table_args__ = (
        CheckConstraint("channel IN ('sms','email')", name="channel"),
        CheckConstraint("status IN ('waiting','sent','failed','nobody')", name="status"),
        # What is worth telling for five minutes goes before what can wait three days.
        Index(
            "ix_message__waiting",
            "give_up_at",
            sqlite_where=text("status = 'waiting'"),
            postgresql_where=text("status = 'waiting'"),
        ),
        Index("ix_message__created_at", "created_at"),
    )
