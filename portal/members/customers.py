"""Customers: created, found, amended. Everything personal stands in these rows."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import insert, select, tuple_, update
from sqlalchemy.orm import Session

from portal import orm
from portal.errors import InvalidInput
from portal.members import cards, models
from portal.members.errors import (
    AmbiguousIdentifier,
    CustomerMerged,
    CustomerNotFound,
    IdentifierTaken,
    InvalidCustomer,
)
from portal.members.identifiers import DEFAULT_REGION, IdentifierType, normalise

NAME_LENGTH_MAX = 120
OLDEST_BIRTH_YEAR = 1900
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*", re.ASCII)
_CONTACTS = (IdentifierType.MOBILE, IdentifierType.EMAIL)
FRAUD_STATUSES = ("none", "suspected", "confirmed")
"""From none to the gravest."""


class Unchanged:
    """What an amendment does not mention."""

    def __repr__(self) -> str:
        return "UNCHANGED"


UNCHANGED: Final = Unchanged()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewIdentifier:
    """An identifier as it was typed, to be kept in its standard form."""

    type: str
    value: str
    source: str | None = None
    source_account: str = ""
    verified_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentifierView:
    """An identifier in its standard form."""

    type: IdentifierType
    value: str
    source: str | None
    source_account: str
    verified_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerView:
    """A person. ``found_as`` is the merged id they were asked for by, if it was one."""

    id: str
    first_name: str | None
    last_name: str | None
    birth_date: date | None
    language: str | None
    fraud_status: str
    merged_into: str | None
    referred_by: str | None
    contact_changed_at: datetime | None
    erased_at: datetime | None
    created_at: datetime
    updated_at: datetime
    findable: bool = True
    metadata: dict[str, Any] = field(default_factory=dict)
    identifiers: tuple[IdentifierView, ...] = ()
    found_as: str | None = None

    def first(self, type: str) -> str | None:
        """Their identifier of this kind, the oldest where there are several."""
        return next((known.value for known in self.identifiers if known.type == type), None)

    @property
    def mobile(self) -> str | None:
        """Their phone number in E.164."""
        return self.first(IdentifierType.MOBILE)

    @property
    def email(self) -> str | None:
        """Their e-mail address."""
        return self.first(IdentifierType.EMAIL)

    @property
    def external_id(self) -> str | None:
        """What another system calls them."""
        return self.first(IdentifierType.EXTERNAL_ID)

    @property
    def card_number(self) -> str | None:
        """What their card says."""
        return self.first(IdentifierType.CARD_NUMBER)

    @property
    def name(self) -> str:
        """Their whole name; empty if it is not known."""
        return " ".join(part for part in (self.first_name, self.last_name) if part)


def customer(session: Session, customer_id: str) -> CustomerView:
    """The customer of this id; for a merged one the survivor, with ``found_as`` set.

    Raises:
        CustomerNotFound: there is none.
    """
    row = session.get(models.Customer, customer_id)
    while row is not None and row.merged_into is not None:
        row = session.get(models.Customer, row.merged_into)
    if row is None:
        raise CustomerNotFound(customer=customer_id)
    found = _view(session, row)
    return found if row.id == customer_id else replace(found, found_as=customer_id)


def customers(session: Session, customer_ids: Sequence[str]) -> dict[str, CustomerView]:
    """Several at once, by id; unknown ids are left out. Two statements."""
    rows = session.scalars(
        select(models.Customer).where(models.Customer.id.in_(set(customer_ids)))
    ).all()
    known: dict[str, list[models.Identifier]] = {}
    for identifier in session.scalars(
        select(models.Identifier)
        .where(models.Identifier.customer_id.in_({row.id for row in rows}))
        .order_by(*_OLDEST_FIRST)
    ):
        known.setdefault(identifier.customer_id, []).append(identifier)
    return {row.id: _from_rows(row, known.get(row.id, [])) for row in rows}


def find_customer(
    session: Session,
    *,
    type: str,
    value: str,
    source_account: str | None = None,
    region: str = DEFAULT_REGION,
) -> CustomerView | None:
    """Who is known by this identifier, however it was typed; None for nobody.

    Raises:
        InvalidIdentifier: it cannot be one.
        AmbiguousIdentifier: no source account was named, and several people have it.
    """
    customer_id = find_customer_id(
        session, type=type, value=value, source_account=source_account, region=region
    )
    return None if customer_id is None else customer(session, customer_id)


def find_customer_id(
    session: Session,
    *,
    type: str,
    value: str,
    source_account: str | None = None,
    region: str = DEFAULT_REGION,
) -> str | None:
    """The same, with one statement and no person read."""
    wanted = select(models.Identifier.source_account, models.Identifier.customer_id).where(
        models.Identifier.type == type,
        models.Identifier.value == normalise(type, value, region=region),
    )
    if source_account is not None:
        wanted = wanted.where(models.Identifier.source_account == source_account)
    found = dict(session.execute(wanted.limit(100)).all())
    if len(set(found.values())) > 1 and "" not in found:
        raise AmbiguousIdentifier(field="source_account")
    return found.get("") or next(iter(found.values()), None)


def create_customer(
    session: Session,
    *,
    at: datetime,
    identifiers: Sequence[NewIdentifier] = (),
    first_name: str | None = None,
    last_name: str | None = None,
    birth_date: date | None = None,
    language: str | None = None,
    referred_by: str | None = None,
    metadata: dict[str, Any] | None = None,
    region: str = DEFAULT_REGION,
) -> CustomerView:
    """A new customer, with a card number made for them where none is given.

    Args:
        birth_date: not in the future, nor before 1900.
        referred_by: the id of the customer who sent them.

    Raises:
        InvalidIdentifier, InvalidCustomer: ``field`` says what is wrong.
        IdentifierTaken: one of the identifiers belongs to someone else.
        CustomerNotFound: there is no such referrer.
    """
    wanted = _standard(identifiers, region)
    if not any(known.type == IdentifierType.CARD_NUMBER for known in wanted):
        wanted.append(NewIdentifier(type=IdentifierType.CARD_NUMBER, value=cards.new_card_number()))
    _not_taken(session, wanted, customer_id=None)
    referrer = customer(session, referred_by).id if referred_by else None
    row = models.Customer(
        id=orm.new_id("cus"),
        first_name=checked_name(first_name, field="first_name"),
        last_name=checked_name(last_name, field="last_name"),
        birth_date=checked_birth_date(birth_date, at=at),
        language=checked_language(language),
        fraud_status="none",
        referred_by=referrer,
        details=metadata or {},
        created_at=at,
        updated_at=at,
    )
    session.add(row)
    session.flush()
    _keep(session, row.id, wanted, at=at)
    return _view(session, row)


def amend_customer(
    session: Session,
    *,
    customer_id: str,
    at: datetime,
    first_name: str | Unchanged | None = UNCHANGED,
    last_name: str | Unchanged | None = UNCHANGED,
    birth_date: date | Unchanged | None = UNCHANGED,
    language: str | Unchanged | None = UNCHANGED,
    metadata: dict[str, Any] | Unchanged = UNCHANGED,
    identifiers: Sequence[NewIdentifier] = (),
    region: str = DEFAULT_REGION,
) -> CustomerView:
    """Change what is said about a customer; what is not mentioned stays.

    An identifier replaces those of its kind from the same source account. A
    changed phone or e-mail is remembered (``contact_changed_at``), because
    transfers pause after it.

    Raises:
        CustomerNotFound, CustomerMerged: there is none by this id, or no longer.
        InvalidIdentifier, InvalidCustomer: ``field`` says what is wrong.
        IdentifierTaken: one of the identifiers belongs to someone else.
    """
    row = locked(session, customer_id)
    if not isinstance(first_name, Unchanged):
        row.first_name = checked_name(first_name, field="first_name")
    if not isinstance(last_name, Unchanged):
        row.last_name = checked_name(last_name, field="last_name")
    if not isinstance(birth_date, Unchanged):
        row.birth_date = checked_birth_date(birth_date, at=at)
    if not isinstance(language, Unchanged):
        row.language = checked_language(language)
    if not isinstance(metadata, Unchanged):
        row.details = metadata
    _replace_identifiers(session, row, _standard(identifiers, region), at=at)
    row.updated_at = at
    session.flush()
    return _view(session, row)


def set_findable(session: Session, *, customer_id: str, findable: bool, at: datetime) -> None:
    """Let other members find this one, or not.

    Raises:
        CustomerNotFound, CustomerMerged: there is none by this id, or no longer.
    """
    row = locked(session, customer_id)
    row.findable, row.updated_at = findable, at
    session.flush()


def set_fraud_status(session: Session, *, customer_id: str, status: str, at: datetime) -> None:
    """Say whether someone is suspected of fraud, or it is confirmed, or neither.

    Confirmed blocks spending and sending, as sender and as recipient.

    Args:
        status: one of :data:`FRAUD_STATUSES`.

    Raises:
        InvalidCustomer: there is no such status.
        CustomerNotFound, CustomerMerged: there is none by this id, or no longer.
    """
    if status not in FRAUD_STATUSES:
        raise InvalidCustomer(f"Must be one of: {', '.join(FRAUD_STATUSES)}.", field="fraud_status")
    row = locked(session, customer_id)
    row.fraud_status, row.updated_at = status, at
    session.flush()


def mark_verified(
    session: Session, *, customer_id: str, type: str, value: str, at: datetime
) -> None:
    """Remember that the customer proved, with a code, that this phone or e-mail is theirs."""
    session.execute(
        update(models.Identifier)
        .where(
            models.Identifier.type == type,
            models.Identifier.value == value,
            models.Identifier.customer_id == customer_id,
        )
        .values(verified_at=at)
    )


def locked(session: Session, customer_id: str) -> models.Customer:
    """The row, locked for writing.

    Rows that only name the customer are written meanwhile: their foreign keys
    would else wait for this lock, and so turn the order of locks around.

    Raises:
        CustomerNotFound, CustomerMerged: there is none by this id, or no longer.
    """
    row = session.get(models.Customer, customer_id, with_for_update={"key_share": True})
    if row is None:
        raise CustomerNotFound(customer=customer_id)
    if row.merged_into is not None:
        raise CustomerMerged(customer=customer(session, customer_id).id)
    return row


def checked_name(
    name: str | None, *, field: str, refusal: type[InvalidInput] = InvalidCustomer
) -> str | None:
    """A name, trimmed; None where nothing is left.

    Raises:
        InvalidCustomer: longer than 120 characters, or with control characters;
            ``refusal`` where another is wanted.
    """
    text = unicodedata.normalize("NFC", name or "").strip()
    if not text:
        return None
    if len(text) > NAME_LENGTH_MAX:
        raise refusal(f"Must have at most {NAME_LENGTH_MAX} characters.", field=field)
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in text):
        raise refusal("Must not contain control characters.", field=field)
    return text


def checked_birth_date(birth_date: date | None, *, at: datetime) -> date | None:
    """A birth date that someone alive can have.

    Raises:
        InvalidCustomer: in the future, or before 1900.
    """
    if birth_date is None:
        return None
    # A day of slack: it may be tomorrow already where they were born.
    if birth_date.year < OLDEST_BIRTH_YEAR or (birth_date - at.date()).days > 1:
        raise InvalidCustomer("Must be from 1900 on, and not in the future.", field="birth_date")
    return birth_date


def checked_language(language: str | None) -> str | None:
    """A language tag such as ``pt`` or ``pt-BR``.

    Raises:
        InvalidCustomer: not of that form, or longer than 16 characters.
    """
    text = (language or "").strip()
    if not text:
        return None
    if len(text) > 16 or not _LANGUAGE.fullmatch(text):
        raise InvalidCustomer("Must be a language such as pt or pt-BR.", field="language")
    return text.replace("_", "-")


_OLDEST_FIRST = (models.Identifier.created_at, models.Identifier.type, models.Identifier.value)


def _standard(identifiers: Sequence[NewIdentifier], region: str) -> list[NewIdentifier]:
    standard = [
        replace(known, value=normalise(known.type, known.value, region=region))
        for known in identifiers
    ]
    return list(
        {(known.type, known.value, known.source_account): known for known in standard}.values()
    )


def _not_taken(
    session: Session, identifiers: Sequence[NewIdentifier], *, customer_id: str | None
) -> None:
    keys = [(known.type, known.value, known.source_account) for known in identifiers]
    if not keys:
        return
    taken = session.execute(
        select(models.Identifier.type, models.Identifier.customer_id)
        .where(
            tuple_(
                models.Identifier.type,
                models.Identifier.value,
                models.Identifier.source_account,
            ).in_(keys)
        )
        .order_by(models.Identifier.type)
    )
    for type, owner in taken:
        if owner != customer_id:
            raise IdentifierTaken(field=type, customer=owner)


def _keep(
    session: Session, customer_id: str, identifiers: Sequence[NewIdentifier], *, at: datetime
) -> None:
    if not identifiers:
        return
    session.execute(
        insert(models.Identifier),
        [
            {
                "type": str(known.type),
                "value": known.value,
                "source_account": known.source_account,
                "source": known.source,
                "customer_id": customer_id,
                "verified_at": known.verified_at,
                "created_at": at,
            }
            for known in identifiers
        ],
    )


def _replace_identifiers(
    session: Session, row: models.Customer, wanted: Sequence[NewIdentifier], *, at: datetime
) -> None:
    if not wanted:
        return
    _not_taken(session, wanted, customer_id=row.id)
    kept = session.scalars(
        select(models.Identifier).where(models.Identifier.customer_id == row.id)
    ).all()
    stays = {(known.type, known.value, known.source_account) for known in wanted}
    replaced = {(known.type, known.source_account) for known in wanted}
    changed: set[str] = set()
    for known in kept:
        if (known.type, known.value, known.source_account) in stays:
            stays.discard((known.type, known.value, known.source_account))
        elif (known.type, known.source_account) in replaced:
            changed.add(known.type)
            session.delete(known)
    session.flush()
    fresh = [known for known in wanted if (known.type, known.value, known.source_account) in stays]
    changed |= {known.type for known in fresh}
    _keep(session, row.id, fresh, at=at)
    if changed.intersection(_CONTACTS):
        row.contact_changed_at = at


def _view(session: Session, row: models.Customer) -> CustomerView:
    return _from_rows(
        row,
        session.scalars(
            select(models.Identifier)
            .where(models.Identifier.customer_id == row.id)
            .order_by(*_OLDEST_FIRST)
        ).all(),
    )


def _from_rows(row: models.Customer, known: Sequence[models.Identifier]) -> CustomerView:
    return CustomerView(
        id=row.id,
        first_name=row.first_name,
        last_name=row.last_name,
        birth_date=row.birth_date,
        language=row.language,
        fraud_status=row.fraud_status,
        merged_into=row.merged_into,
        referred_by=row.referred_by,
        contact_changed_at=row.contact_changed_at,
        findable=row.findable,
        erased_at=row.erased_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
        metadata=row.details,
        identifiers=tuple(
            IdentifierView(
                type=IdentifierType(identifier.type),
                value=identifier.value,
                source=identifier.source,
                source_account=identifier.source_account,
                verified_at=identifier.verified_at,
            )
            for identifier in known
        ),
    )
