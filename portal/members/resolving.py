"""From what someone names (an account, a customer, an identifier) to the account that is meant."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from portal.ledger.accounts import find_account
from portal.ledger.errors import AccountMerged
from portal.ledger.models import AccountStatus
from portal.ledger.values import AccountView
from portal.members.customers import customer, find_customer_id
from portal.members.enrolment import Terms, account_for
from portal.members.errors import CustomerMerged, CustomerNotFound, InvalidIdentifier, NotEnrolled
from portal.members.identifiers import DEFAULT_REGION


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """How an account is named: exactly one of account, customer, or type and value."""

    account: str | None = None
    customer: str | None = None
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
        NotEnrolled: the customer has no account in the program.
        AccountMerged, CustomerMerged: ``to_write`` and the id was merged.
        InvalidIdentifier: it cannot be one, or nothing was named, or too much.
    """
    named = [reference.account, reference.customer, reference.value]
    if sum(name is not None for name in named) != 1:
        raise InvalidIdentifier(
            "Name exactly one of account, customer and identifier.", field="account"
        )
    if reference.account is not None:
        resolved = _account(session, reference.account, to_write=to_write)
        if program is not None and resolved.account.program_id != program.id:
            raise NotEnrolled("This account belongs to another program.", field="program")
        return resolved
    if program is None:
        raise InvalidIdentifier("Name the program as well.", field="program")
    if reference.customer is not None:
        return _customer(session, reference.customer, program, to_write=to_write)
    customer_id = find_customer_id(
        session,
        type=reference.type or "",
        value=reference.value or "",
        source_account=reference.source_account,
        region=region,
    )
    if customer_id is None:
        raise CustomerNotFound(field="identifier")
    return _customer(session, customer_id, program, to_write=to_write)


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
