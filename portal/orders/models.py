"""What was bought: a purchase earns once, by store and receipt number."""

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
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
    value: Mapped[Points]
    currency: Mapped[str] = mapped_column(String(16))
    placed_at: Mapped[Instant]
    fingerprint: Mapped[Digest]
    """Of its content: the same receipt with other content is refused."""
    details: Mapped[Document] = mapped_column("metadata", default=dict)
    created_at: Mapped[Instant]

    __table_args__ = (
        UniqueConstraint("store", "number"),
        Index("ix_sales_order__customer_id", "customer_id", "placed_at"),
    )
