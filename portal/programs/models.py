"""Programs as their files say them, each version kept, and the stores they run in."""

from typing import Any

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.ledger.models import Account
from portal.orm import Base, Code, Document, Id, Instant


class Program(Base):
    """A program in force. ``document`` is the program file, defaults filled in.

    A process may keep the parsed file, but only by ``(id, version)``, with the
    version read from here each time: programs change while workers run.
    """

    __tablename__ = "program"

    id: Mapped[Id] = mapped_column(primary_key=True)
    name: Mapped[str]
    currency: Mapped[str] = mapped_column(String(16))
    is_default: Mapped[bool] = mapped_column(default=False)
    version: Mapped[int]
    document: Mapped[Document]
    created_at: Mapped[Instant]
    updated_at: Mapped[Instant]

    __table_args__ = (
        Index(
            "uq_program__default",
            "is_default",
            unique=True,
            sqlite_where=text("is_default"),
            postgresql_where=text("is_default"),
        ),
    )


class ProgramVersion(Base):
    """Every version there was, so that an old entry can be explained by its rules."""

    __tablename__ = "program_version"

    program_id: Mapped[Id] = mapped_column(ForeignKey("program.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    document: Mapped[dict[str, Any]]
    actor: Mapped[Code]
    applied_at: Mapped[Instant]


class Store(Base):
    """A shop, created when first named. It may belong to a program."""

    __tablename__ = "store"

    code: Mapped[Code] = mapped_column(primary_key=True)
    name: Mapped[str]
    program_id: Mapped[Id | None] = mapped_column(ForeignKey("program.id"))
    created_at: Mapped[Instant]


class Till(Base):
    """A till of a store, created when first named."""

    __tablename__ = "till"

    store: Mapped[Code] = mapped_column(ForeignKey("store.code"), primary_key=True)
    code: Mapped[Code] = mapped_column(primary_key=True)
    created_at: Mapped[Instant]


# The ledger knows no programs, so the arrow is drawn from this side.
Account.__table__.append_constraint(  # type: ignore[attr-defined]
    ForeignKeyConstraint(["program_id"], ["program.id"])
)
