"""Reads of what a page needs of a person, without the whole person."""

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from portal.members.identifiers import IdentifierType
from portal.members.models import Identifier

_CARD_NUMBER = (
    select(Identifier.value)
    .where(
        Identifier.customer_id == bindparam("customer_id"),
        Identifier.type == IdentifierType.CARD_NUMBER.value,
    )
    .order_by(Identifier.created_at, Identifier.value)
    .limit(1)
)


def card_number(session: Session, *, customer_id: str) -> str | None:
    """The number of a customer's card, the oldest where there are several. One statement."""
    return session.execute(_CARD_NUMBER, {"customer_id": customer_id}).scalar_one_or_none()
