"""From what someone names (account, customer, household, identifier) to the account it means."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from portal.ledger.accounts import find_account
from portal.ledger.errors import AccountMerged
from portal.ledger.models import AccountStatus
from portal.ledger.values import AccountView
from portal.members.customers import customer, find_customer_id
from portal.members.enrolment import Terms, account_for
from portal.members.errors import (
    CustomerMerged,
    CustomerNotFound,
    HouseholdNotFound,
    InvalidIdentifier,
    NotEnrolled,
)
from portal.members.household_queries import (
    HOUSEHOLD_TYPES,
    HouseholdIdentifierType,
    find_household_id,
    household,
    known_account,
)
from portal.members.identifiers import DEFAULT_REGION


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """How an account is named: exactly one of account, customer, household, or type and value.

    The types are those of customers and those of households. An external id
    is the customer's who has it, else the household's.
    """

    account: str | None = None
    customer: str | None = None
    household: str | None = None
    type: str | None = None
    value: str | None = None
    source_account: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """The account that is meant. ``merged_from`` is the merged id it was asked for by."""

    account: AccountView
    merged_from: str | None = None


def resolve(
    session: Session,
    *,
    reference: Reference,
    program: Terms | None = None,
    to_write: bool = False,
    region: str = DEFAULT_REGION,
) -> Resolved:
    """The account that ``reference`` means.

    Args:
        program: in which program to look; needed unless an account is named.
        to_write: refuse a merged id instead of leading to its survivor.

    Raises:
        AccountNotFound, CustomerNotFound: there is none such.
        HouseholdNotFound, AmbiguousHousehold: there is none such, or several.
        NotEnrolled: the customer or the household has no account in the program.
        AccountMerged, CustomerMerged: ``to_write`` and the id was merged.
        InvalidIdentifier: it cannot be one, or nothing was named, or too much.
    """
    require_one(reference)
    if reference.account is not None:
        resolved = _account(session, reference.account, to_write=to_write)
        if program is not None and resolved.account.program_id != program.id:
            raise NotEnrolled("This account belongs to another program.", field="program")
        return resolved
    if program is None:
        raise InvalidIdentifier("Name the program as well.", field="program")
    if reference.customer is not None:
        return _customer(session, reference.customer, program, to_write=to_write)
    found = find_holder(session, reference, region=region)
    if found.household_id is not None:
        return _household(session, found.household_id, program)
    if found.customer_id is None:
        raise CustomerNotFound(field="identifier")
    return _customer(session, found.customer_id, program, to_write=to_write)


def require_one(reference: Reference) -> None:
    """Refuse what names nobody, or more than one.

    Raises:
        InvalidIdentifier.
    """
    named = [reference.account, reference.customer, reference.household, reference.value]
    if sum(name is not None for name in named) != 1:
        raise InvalidIdentifier(
            "Name exactly one of account, customer, household and identifier.", field="account"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The customer or the household that is known by an identifier; neither where nobody is."""

    customer_id: str | None = None
    household_id: str | None = None


def find_holder(session: Session, reference: Reference, *, region: str = DEFAULT_REGION) -> Named:
    """Who is meant by a household's id, or is known by an identifier.

    Raises:
        HouseholdNotFound: nobody heads a household by that.
        InvalidIdentifier: it cannot be one.
        AmbiguousIdentifier, AmbiguousHousehold: several have it.
    """
    if reference.household is not None:
        return Named(household_id=reference.household)
    type, value = reference.type or "", reference.value or ""
    ours = type in HOUSEHOLD_TYPES
    shared = type == HouseholdIdentifierType.EXTERNAL_ID
    if not ours or shared:
        customer_id = find_customer_id(
            session,
            type=type,
            value=value,
            source_account=reference.source_account,
            region=region,
        )
        if customer_id is not None or not ours:
            return Named(customer_id=customer_id)
    household_id = find_household_id(session, type=type, value=value, region=region)
    if household_id is None and not shared:
        raise HouseholdNotFound(field="identifier")
    return Named(household_id=household_id)


def _account(session: Session, account_id: str, *, to_write: bool) -> Resolved:
    asked = account = find_account(session, account_id)
    while account.status == AccountStatus.MERGED and account.merged_into:
        account = find_account(session, account.merged_into)
    if account.id == asked.id:
        return Resolved(account=account)
    if to_write:
        raise AccountMerged(account=account.id)
    return Resolved(account=account, merged_from=asked.id)


def _customer(session: Session, customer_id: str, program: Terms, *, to_write: bool) -> Resolved:
    found = customer(session, customer_id)
    if found.found_as and to_write:
        raise CustomerMerged(customer=found.id)
    account = account_for(session, customer_id=found.id, program=program)
    if account is None:
        raise NotEnrolled(customer=found.id, program=program.id)
    return Resolved(account=account, merged_from=found.found_as)


def _household(session: Session, household_id: str, program: Terms) -> Resolved:
    account = known_account(session, household_id=household_id, program_id=program.id)
    if account is None:
        # Says so where there is no such household at all.
        household(session, household_id)
        raise NotEnrolled(household=household_id, program=program.id)
    return Resolved(account=account)
