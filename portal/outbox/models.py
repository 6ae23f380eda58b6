"""What the world is to be told, written with what it tells, sent after commit."""

from sqlalchemy import CheckConstraint, Index, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.orm import Base, Code, Id, Instant


class Message(Base):
    """A text or e-mail to one person. Secret parts are encrypted and blanked once sent."""

    __tablename__ = "message"

    id: Mapped[Id] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(String(8))
    """sms or email."""
    recipient: Mapped[str | None] = mapped_column(String(255))
    """E.164 or an address; None where nobody is to be told (an unknown number
    costs the same work as a known one). Blanked with the body."""
    subject: Mapped[str | None]
    body: Mapped[bytes | None]
    """Encrypted with a key made from the secret."""
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
        Index("ix_message__waiting", "status", "next_attempt_at"),
        Index("ix_message__created_at", "created_at"),
    )
