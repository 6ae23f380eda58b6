"""Transfers, and the requests that wait for their code."""

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    bindparam,
    select,
)
from sqlalchemy.orm import Mapped, mapped_column

from portal.ledger.models import Account
from portal.orm import Base, Code, Id, Instant, Points


class TransferRequest(Base):
    """A transfer as it was asked for; its code is bound to all of it."""

    __tablename__ = "transfer_request"

    id: Mapped[Id] = mapped_column(primary_key=True)
    program_id: Mapped[Id] = mapped_column(ForeignKey("program.id"))
    from_account_id: Mapped[Id] = mapped_column(ForeignKey("account.id"), index=True)
    to_account_id: Mapped[Id] = mapped_column(ForeignKey("account.id"), index=True)
    by_customer_id: Mapped[Id] = mapped_column(ForeignKey("customer.id"))
    """Who does it, and is sent the code."""
    points: Mapped[Points]
    note: Mapped[str | None]
    """Blanked when it is used or called off: then the book has it, or nobody needs it."""
    context: Mapped[Code]
    """The member's session, or the integration, that may confirm it."""
    actor: Mapped[Code]
    code_sent_to: Mapped[str | None] = mapped_column(String(255))
    """Where its last code went, masked."""
    code_sent_at: Mapped[Instant | None]
    created_at: Mapped[Instant]
    expires_at: Mapped[Instant] = mapped_column(index=True)
    used_at: Mapped[Instant | None]
    cancelled_at: Mapped[Instant | None]

    __table_args__ = (
        CheckConstraint("points > 0", name="points"),
        CheckConstraint("from_account_id <> to_account_id", name="two_accounts"),
        CheckConstraint("used_at IS NULL OR cancelled_at IS NULL", name="one_end"),
        Index("ix_transfer_request__context", "context", "created_at"),
    )


class Transfer(Base):
    """A transfer that was made: the face of one event with two entries."""

    __tablename__ = "transfer"

    id: Mapped[Id] = mapped_column(primary_key=True)
    request_id: Mapped[Id] = mapped_column(unique=True)
    """The database itself keeps the rule that a request is used once."""
    event_id: Mapped[Id] = mapped_column(ForeignKey("event.id"), unique=True)
    program_id: Mapped[Id] = mapped_column(ForeignKey("program.id"))
    from_account_id: Mapped[Id] = mapped_column(ForeignKey("account.id"))
    to_account_id: Mapped[Id] = mapped_column(ForeignKey("account.id"))
    by_customer_id: Mapped[Id] = mapped_column(ForeignKey("customer.id"))
    points: Mapped[Points]
    from_sequence: Mapped[Points]
    """The sender's entry of the event."""
    to_sequence: Mapped[Points]
    """The recipient's."""
    from_left: Mapped[Points]
    """The sender's balance afterwards."""
    to_left: Mapped[Points]
    created_at: Mapped[Instant]

    __table_args__ = (
        CheckConstraint("points > 0", name="points"),
        CheckConstraint("from_account_id <> to_account_id", name="two_accounts"),
        *(
            ForeignKeyConstraint(
                [f"{end}_account_id", f"{end}_sequence"], ["entry.account_id", "entry.sequence"]
            )
            for end in ("from", "to")
        ),
        Index("ix_transfer__sent", "from_account_id", "created_at", "id"),
        Index("ix_transfer__received", "to_account_id", "created_at", "id"),
    )


_down = (
    select(Account.id)
    .where(Account.id.in_(bindparam("ids", expanding=True)))
    .cte("lineage", recursive=True)
)
LINEAGE = select(
    _down.union(select(Account.id).join(_down, Account.merged_into == _down.c.id)).c.id
)
"""The accounts named by ``ids``, and all that were merged into them, however long ago."""
