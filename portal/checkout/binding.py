"""Using a quote: locked, checked to be for this, and used once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from portal import programs
from portal.checkout.errors import QuoteDiffers, QuoteExpired, QuoteNotFound, QuoteUsed
from portal.checkout.models import Quote
from portal.checkout.pricing import Terms, in_currency
from portal.programs import Money, Program
from portal.programs.limits import Standing
from portal.programs.models import ProgramVersion
from portal.programs.program import from_document

_LOCK = select(Quote.__table__).where(Quote.id == bindparam("id")).with_for_update()
_VERSION = select(ProgramVersion.document).where(
    ProgramVersion.program_id == bindparam("program_id"),
    ProgramVersion.version == bindparam("version"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A quote that is being used: its terms by account, and how its holder was named.

    ``present`` says that they showed their rotating code when it was made.
    """

    id: str
    terms: Mapping[str, Terms]
    by_contact: bool
    present: bool

    def of(self, account_id: str) -> Terms:
        """What it promised of this account.

        Raises:
            QuoteDiffers: nothing, so that neither it nor its code is for this.
        """
        if account_id not in self.terms:
            raise QuoteDiffers(field="quote")
        return self.terms[account_id]


def bind(
    session: Session,
    quote_id: str,
    *,
    customer_id: str | None,
    account_id: str | None,
    order: Money | None,
    at: datetime,
) -> Bound:
    """Lock a quote and check that it is for this.

    Args:
        account_id: the account that is named; None for a customer as a whole.
        order: what is to be paid, where the till says so again.

    Raises:
        QuoteNotFound, QuoteExpired, QuoteUsed.
        QuoteDiffers: it is for another holder, value or currency.
    """
    row = session.connection().execute(_LOCK, {"id": quote_id}).mappings().first()
    if row is None or not _same_holder(row, customer_id, account_id):
        # Of another holder's quote, not even its existence is told.
        raise QuoteNotFound(field="quote")
    if row["used_at"] is not None:
        raise QuoteUsed(field="quote", used_for=row["used_for"])
    if row["expires_at"] <= at:
        raise QuoteExpired(field="quote", expired_at=row["expires_at"].isoformat())
    if order is not None and order != Money(row["value"], row["currency"]):
        raise QuoteDiffers(field="quote", value=row["value"], currency=row["currency"])
    return Bound(
        id=quote_id,
        by_contact=row["by_contact"],
        present=row["present"],
        terms={
            quoted: Terms(
                program=_version(session, terms["program"], terms["version"], row["currency"]),
                standing=Standing(
                    balance=terms["balance"],
                    lifetime_points=terms["lifetime_points"],
                    lifetime_purchases=terms["lifetime_purchases"],
                ),
                quoted_at=row["created_at"],
                limit=terms["limit"],
            )
            for quoted, terms in row["terms"].items()
        },
    )


def _same_holder(row: Mapping[Any, Any], customer_id: str | None, account_id: str | None) -> bool:
    if row["customer_id"] is None:
        return bool(row["account_id"] == account_id)
    if row["customer_id"] != customer_id:
        return False
    return row["account_id"] is None or account_id is None or row["account_id"] == account_id


def _version(session: Session, program_id: str, version: int, currency: str) -> Program:
    current = programs.find(session, program_id)
    if current.version != version:
        document = session.execute(
            _VERSION, {"program_id": program_id, "version": version}
        ).scalar_one()
        current = from_document(document, version=version)
    return in_currency(current, currency)


def use(session: Session, quote_id: str, *, used_for: str, at: datetime) -> None:
    """A quote serves once; it was locked by :func:`bind`."""
    session.execute(
        update(Quote)
        .where(Quote.id == quote_id)
        .values(used_at=at, used_for=used_for)
        .execution_options(synchronize_session=False)
    )
