"""Households as they stand: who is in them, how they are found. Nothing here writes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import bindparam, case, select
from sqlalchemy.orm import Session

from portal.ledger.models import Account, AccountStatus
from portal.ledger.queries import has_frozen
from portal.ledger.reading import ACCOUNTS
from portal.ledger.reading import view as account_view
from portal.ledger.values import AccountView
from portal.members.customers import customer, find_customer_id
from portal.members.errors import (
    AmbiguousHousehold,
    CustomerNotFound,
    HouseholdNotFound,
    HouseholdSenderFrozen,
    InvalidIdentifier,
    MayNotSend,
    NotInHousehold,
)
from portal.members.identifiers import DEFAULT_REGION, IdentifierType, normalise
from portal.members.models import (
    Customer,
    Household,
    HouseholdMember,
    HouseholdStatus,
    MembershipStatus,
)


class HouseholdIdentifierType(StrEnum):
    """The kinds of identifier that a household has (003)."""

    EXTERNAL_ID = "external_id"
    PRIMARY_ID = "primary_id"
    PRIMARY_CARD_NUMBER = "primary_card_number"
    PRIMARY_MOBILE = "primary_mobile"
    PRIMARY_EMAIL = "primary_email"


HOUSEHOLD_TYPES = frozenset(HouseholdIdentifierType)
HOUSEHOLD_CONTACTS = frozenset(
    {HouseholdIdentifierType.PRIMARY_MOBILE, HouseholdIdentifierType.PRIMARY_EMAIL}
)
"""Those that anyone may know."""
_OF_PRIMARY = {
    HouseholdIdentifierType.PRIMARY_CARD_NUMBER: IdentifierType.CARD_NUMBER,
    HouseholdIdentifierType.PRIMARY_MOBILE: IdentifierType.MOBILE,
    HouseholdIdentifierType.PRIMARY_EMAIL: IdentifierType.EMAIL,
}
PRESENT = (MembershipStatus.ACTIVE.value, MembershipStatus.INVITED.value)

_member: Any = HouseholdMember.__table__
_MEMBERS: Any = (
    select(
        *[column.label(f"household_{column.name}") for column in Household.__table__.columns],
        *[column for column in _member.columns if column.name != "household_id"],
        Customer.first_name,
        Customer.last_name,
    )
    .join(_member, _member.c.household_id == Household.id)
    .join(Customer, Customer.id == _member.c.customer_id)
    .where(_member.c.status.in_(PRESENT))
    .order_by(
        Household.created_at,
        Household.id,
        _member.c.is_primary.desc(),
        _member.c.joined_at.is_(None),
        _member.c.joined_at,
        _member.c.invited_at,
        _member.c.customer_id,
    )
)
_HOUSEHOLD = _MEMBERS.where(Household.id == bindparam("household_id"))
_HOUSEHOLDS_OF = _MEMBERS.where(
    Household.status == HouseholdStatus.ACTIVE.value,
    Household.id.in_(
        select(HouseholdMember.household_id).where(
            HouseholdMember.customer_id == bindparam("customer_id"),
            HouseholdMember.status.in_(bindparam("statuses", expanding=True)),
        )
    ),
)
_BY_EXTERNAL_ID = select(Household.id).where(Household.external_id == bindparam("external_id"))
_HEADED = (
    select(Household.id, HouseholdMember.is_default)
    .join(HouseholdMember, HouseholdMember.household_id == Household.id)
    .where(
        HouseholdMember.customer_id == bindparam("customer_id"),
        HouseholdMember.is_primary,
        Household.status == HouseholdStatus.ACTIVE.value,
    )
    .order_by(HouseholdMember.is_default.desc())
    .limit(2)
)
_DEFAULT = select(HouseholdMember.household_id).where(
    HouseholdMember.customer_id == bindparam("customer_id"), HouseholdMember.is_default
)
_PRIMARY = select(HouseholdMember.customer_id).where(
    HouseholdMember.household_id == bindparam("household_id"), HouseholdMember.is_primary
)
_FRAUD = (
    select(Customer.fraud_status)
    .join(HouseholdMember, HouseholdMember.customer_id == Customer.id)
    .where(HouseholdMember.household_id == bindparam("household_id"), HouseholdMember.is_primary)
)
_SENDER = select(HouseholdMember.is_primary, HouseholdMember.may_send).where(
    HouseholdMember.household_id == bindparam("household_id"),
    HouseholdMember.customer_id == bindparam("customer_id"),
    HouseholdMember.status == MembershipStatus.ACTIVE.value,
)
_SHARED = (
    select(Household.status)
    .where(Household.id == bindparam("household_id"))
    .with_for_update(read=True)
)
_closed_last = case((Account.status == AccountStatus.CLOSED.value, 1), else_=0)
_ACCOUNT = (
    ACCOUNTS.where(
        Account.household_id == bindparam("household_id"),
        Account.program_id == bindparam("program_id"),
        Account.status != AccountStatus.MERGED.value,
    )
    .order_by(_closed_last, Account.created_at.desc(), Account.id.desc())
    .limit(1)
)
_ALL_ACCOUNTS = ACCOUNTS.where(
    Account.household_id == bindparam("household_id"),
    Account.status != AccountStatus.MERGED.value,
).order_by(Account.created_at, Account.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseholdMemberView:
    """Someone who is in a household (``active``) or invited to it (``invited``)."""

    customer_id: str
    first_name: str | None
    last_name: str | None
    status: str
    is_primary: bool
    is_default: bool
    may_send: bool
    invited_by: str | None
    invited_at: datetime | None
    joined_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseholdView:
    """A household with who is in it and who is invited, the primary member first."""

    id: str
    external_id: str | None
    name: str
    status: str
    created_at: datetime
    closed_at: datetime | None
    updated_at: datetime
    members: tuple[HouseholdMemberView, ...]

    @property
    def primary_id(self) -> str | None:
        """The primary member; None where it was closed."""
        return next((one.customer_id for one in self.members if one.is_primary), None)

    def member(self, customer_id: str) -> HouseholdMemberView | None:
        """One of them; None where they are neither in it nor invited."""
        return next((one for one in self.members if one.customer_id == customer_id), None)


def household(session: Session, household_id: str) -> HouseholdView:
    """The household of this id, open or closed.

    Raises:
        HouseholdNotFound: there is none.
    """
    rows = session.connection().execute(_HOUSEHOLD, {"household_id": household_id}).mappings()
    found = _views(rows)
    if not found:
        raise HouseholdNotFound(household=household_id)
    return found[0]


def households_of(
    session: Session, *, customer_id: str, status: Sequence[str] = PRESENT
) -> list[HouseholdView]:
    """The open households that a customer is in or invited to, oldest first.

    Args:
        customer_id: of a merged customer, those of the survivor are meant.
        status: which memberships count: ``active``, ``invited``.
    """
    connection = session.connection()
    asked = {"customer_id": customer_id, "statuses": list(status)}
    found = _views(connection.execute(_HOUSEHOLDS_OF, asked).mappings())
    if found:
        return found
    survivor = _survivor(session, customer_id)
    if survivor in (None, customer_id):
        return []
    asked["customer_id"] = str(survivor)
    return _views(connection.execute(_HOUSEHOLDS_OF, asked).mappings())


def find_household_id(
    session: Session, *, type: str, value: str, region: str = DEFAULT_REGION
) -> str | None:
    """The household known by this, however it was typed; None for none.

    By its primary member, open households are found: their default one where
    they head several.

    Args:
        type: one of :class:`HouseholdIdentifierType`.

    Raises:
        InvalidIdentifier: it cannot be one.
        AmbiguousHousehold: its primary member heads several.
        AmbiguousIdentifier: several people have it.
    """
    if type == HouseholdIdentifierType.EXTERNAL_ID:
        external_id = normalise(IdentifierType.EXTERNAL_ID, value)
        return session.connection().execute(_BY_EXTERNAL_ID, {"external_id": external_id}).scalar()
    if type == HouseholdIdentifierType.PRIMARY_ID:
        primary = _survivor(session, value.strip())
    elif type in HOUSEHOLD_TYPES:
        kind = _OF_PRIMARY[HouseholdIdentifierType(type)]
        primary = find_customer_id(session, type=kind, value=value, region=region)
    else:
        kinds = ", ".join(HouseholdIdentifierType)
        raise InvalidIdentifier(f"Must be one of: {kinds}.", field="type")
    if primary is None:
        return None
    headed = session.connection().execute(_HEADED, {"customer_id": primary}).all()
    if len(headed) > 1 and not headed[0].is_default:
        raise AmbiguousHousehold(field="identifier")
    return str(headed[0].id) if headed else None


def default_household_id(session: Session, *, customer_id: str) -> str | None:
    """The household that a customer's purchases earn for; None where there is none."""
    return session.connection().execute(_DEFAULT, {"customer_id": customer_id}).scalar()


def primary_of(session: Session, *, household_id: str) -> str | None:
    """The primary member of a household; None where there is no such household."""
    return session.connection().execute(_PRIMARY, {"household_id": household_id}).scalar()


def fraud_status_of(session: Session, *, household_id: str) -> str:
    """A household's is its primary member's: ``none``, ``suspected`` or ``confirmed``."""
    found = session.connection().execute(_FRAUD, {"household_id": household_id}).scalar()
    return "none" if found is None else str(found)


def may_send(session: Session, *, household_id: str, customer_id: str) -> bool:
    """Whether a customer may send and redeem what the household holds."""
    row = session.connection().execute(_SENDER, _both(household_id, customer_id)).first()
    return row is not None and bool(row.is_primary or row.may_send)


def require_sender(session: Session, *, household_id: str, customer_id: str) -> None:
    """Refuse a customer who may not send and redeem what the household holds.

    Nobody can take the permission away before the transaction ends. To be
    asked before accounts are locked.

    Raises:
        HouseholdNotFound: there is none.
        NotInHousehold: they are no active member.
        MayNotSend: the primary member has not allowed it.
        HouseholdSenderFrozen: an account of their own is frozen.
    """
    connection = session.connection()
    if connection.execute(_SHARED, {"household_id": household_id}).scalar() is None:
        raise HouseholdNotFound(household=household_id)
    row = connection.execute(_SENDER, _both(household_id, customer_id)).first()
    if row is None:
        raise NotInHousehold(household=household_id)
    if not (row.is_primary or row.may_send):
        raise MayNotSend(household=household_id)
    if has_frozen(session, customer_id=customer_id):
        raise HouseholdSenderFrozen()


def known_account(session: Session, *, household_id: str, program_id: str) -> AccountView | None:
    """The household's account in the program: the open one, else the newest closed one."""
    asked = {"household_id": household_id, "program_id": program_id}
    row = session.connection().execute(_ACCOUNT, asked).mappings().first()
    return None if row is None else account_view(row)


def accounts_of(session: Session, *, household_id: str) -> list[AccountView]:
    """All accounts of a household, closed ones too, merged ones left out, oldest first."""
    rows = session.connection().execute(_ALL_ACCOUNTS, {"household_id": household_id}).mappings()
    return [account_view(row) for row in rows]


def _both(household_id: str, customer_id: str) -> dict[str, str]:
    return {"household_id": household_id, "customer_id": customer_id}


def _survivor(session: Session, customer_id: str) -> str | None:
    try:
        return customer(session, customer_id).id
    except CustomerNotFound:
        return None


def _views(rows: Iterable[Any]) -> list[HouseholdView]:
    by_id: dict[str, list[Any]] = {}
    for row in rows:
        by_id.setdefault(row["household_id"], []).append(row)
    return [
        HouseholdView(
            id=found[0]["household_id"],
            external_id=found[0]["household_external_id"],
            name=found[0]["household_name"],
            status=found[0]["household_status"],
            created_at=found[0]["household_created_at"],
            closed_at=found[0]["household_closed_at"],
            updated_at=found[0]["household_updated_at"],
            members=tuple(
                HouseholdMemberView(
                    customer_id=row["customer_id"],
                    first_name=row["first_name"],
                    last_name=row["last_name"],
                    status=row["status"],
                    is_primary=row["is_primary"],
                    is_default=row["is_default"],
                    may_send=row["is_primary"] or row["may_send"],
                    invited_by=row["invited_by"],
                    invited_at=row["invited_at"],
                    joined_at=row["joined_at"],
                )
                for row in found
            ),
        )
        for found in by_id.values()
    ]
