"""Who may come in: members' sessions and sign-ins, and the keys of checkout."""

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.orm import Base, Code, Digest, Document, Id, Instant


class SignIn(Base):
    """Someone on the way in: the phone or e-mail they typed, until a code proves it.

    There is one for every address that was typed, known or not, so that nobody
    can tell members from strangers. ``join`` holds what a new member gave.
    """

    __tablename__ = "sign_in"

    id: Mapped[Id] = mapped_column(primary_key=True)
    token_digest: Mapped[Digest] = mapped_column(unique=True)
    identifier_type: Mapped[str] = mapped_column(String(8))
    identifier_value: Mapped[str] = mapped_column(String(255))
    customer_id: Mapped[Id | None] = mapped_column(ForeignKey("customer.id"))
    purpose: Mapped[str] = mapped_column(String(8))
    """sign_in or join."""
    join: Mapped[Document | None]
    finished_at: Mapped[Instant | None]
    expires_at: Mapped[Instant]
    created_at: Mapped[Instant]

    __table_args__ = (CheckConstraint("purpose IN ('sign_in','join')", name="purpose"),)


class MemberSession(Base):
    """A member's signed-in browser; its owner sees it and can end it."""

    __tablename__ = "member_session"

    id: Mapped[Id] = mapped_column(primary_key=True)
    token_digest: Mapped[Digest] = mapped_column(unique=True)
    customer_id: Mapped[Id] = mapped_column(ForeignKey("customer.id"), index=True)
    program_id: Mapped[Id | None] = mapped_column(ForeignKey("program.id"))
    """The program whose pages it shows."""
    user_agent: Mapped[str | None] = mapped_column(String(200))
    address: Mapped[str | None] = mapped_column(String(45))
    proved_at: Mapped[Instant]
    """When its owner last proved who they are with a code."""
    fresh_until: Mapped[Instant]
    """Until when spending needs no new code; moved on by activity, never revived by it."""
    last_seen_at: Mapped[Instant]
    expires_at: Mapped[Instant]
    ended_at: Mapped[Instant | None]
    created_at: Mapped[Instant]


class MemberCodeKey(Base):
    """What a member's rotating codes are made from, with the pepper, and the last that was used."""

    __tablename__ = "member_code_key"

    customer_id: Mapped[Id] = mapped_column(ForeignKey("customer.id"), primary_key=True)
    handle: Mapped[str] = mapped_column(String(8), unique=True)
    """The digits that all their codes begin with: whose a code claims to be."""
    salt: Mapped[Digest]
    last_step: Mapped[int | None]
    """No code of this step, nor of an earlier one, is accepted any more."""
    created_at: Mapped[Instant]
    renewed_at: Mapped[Instant | None]


class Client(Base):
    """An integration: the web shop, the tills of a store. Keys come and go, it stays."""

    __tablename__ = "client"

    id: Mapped[Id] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(120), unique=True)
    created_at: Mapped[Instant]


class ApiKey(Base):
    """A key of a client. Only its digest is kept; two may be valid at a time."""

    __tablename__ = "api_key"

    id: Mapped[Id] = mapped_column(primary_key=True)
    client_id: Mapped[Id] = mapped_column(ForeignKey("client.id"), index=True)
    prefix: Mapped[str] = mapped_column(String(16))
    """The part that may be shown, to tell keys apart."""
    digest: Mapped[Digest] = mapped_column(unique=True)
    scopes: Mapped[list[str]]
    store: Mapped[Code | None] = mapped_column(ForeignKey("store.code"))
    created_by: Mapped[Code]
    """Who made it."""
    last_used_at: Mapped[Instant | None]
    revoked_at: Mapped[Instant | None]
    created_at: Mapped[Instant]
