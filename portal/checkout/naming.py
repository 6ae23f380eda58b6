"""From what a till names (account, customer, household, identifier) to the account it means."""

from dataclasses import dataclass

from sqlalchemy import String, bindparam, or_, select
from sqlalchemy.orm import Session

from portal import members, programs
from portal.ledger.models import Account, AccountStatus
from portal.members.errors import CustomerNotFound
from portal.members.models import Customer, Household
from portal.members.models import Identifier as IdentifierRow
from portal.programs.models import Program

_PROGRAM = bindparam("program", type_=String)
_OPEN_ACCOUNT = (
    select(Account.id)
    .join(Program, Program.id == Account.program_id)
    .join(Customer, Customer.id == Account.customer_id)
    .where(
        or_(Program.id == _PROGRAM, _PROGRAM.is_(None) & Program.is_default),
        Account.status.in_([AccountStatus.ACTIVE.value, AccountStatus.FROZEN.value]),
        Customer.merged_into.is_(None),
    )
    .limit(2)
)
_BY_HOUSEHOLD = (
    select(Account.id)
    .join(Program, Program.id == Account.program_id)
    .join(Household, Household.id == Account.household_id)
    .where(
        or_(Program.id == _PROGRAM, _PROGRAM.is_(None) & Program.is_default),
        Account.status.in_([AccountStatus.ACTIVE.value, AccountStatus.FROZEN.value]),
        Household.id == bindparam("household"),
    )
    .limit(2)
)
_BY_CUSTOMER = _OPEN_ACCOUNT.where(Customer.id == bindparam("customer"))
_BY_IDENTIFIER = _OPEN_ACCOUNT.join(IdentifierRow, IdentifierRow.customer_id == Customer.id).where(
    IdentifierRow.type == bindparam("type"),
    IdentifierRow.value == bindparam("value"),
)
IDENTIFIER_TYPES = members.HOUSEHOLD_TYPES | set(members.IdentifierType)
"""What customers and households are known by."""
_IN_HAND = {members.IdentifierType.CARD_NUMBER.value, "primary_card_number"}
_CONTACTS = members.HOUSEHOLD_CONTACTS | {
    members.IdentifierType.MOBILE,
    members.IdentifierType.EMAIL,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """One of account, customer, household, or type and value; with a program, or the default."""

    account: str | None = None
    customer: str | None = None
    household: str | None = None
    type: str | None = None
    value: str | None = None
    source_account: str | None = None
    program: str | None = None

    @property
    def by_contact(self) -> bool:
        """Whether anyone who knows a phone number or an address could have said it."""
        return self.type in _CONTACTS

    @property
    def in_hand(self) -> bool:
        """Whether it was read off a card, and not off a screen that answers a phone number."""
        return self.type in _IN_HAND

    @property
    def reference(self) -> members.Reference:
        """The same, without the program."""
        return members.Reference(
            account=self.account,
            customer=self.customer,
            household=self.household,
            type=self.type,
            value=self.value,
            source_account=self.source_account,
        )


def account_id(session: Session, naming: Naming, *, region: str) -> str:
    """The account that is meant, for a write: one statement where it is open.

    The id of an account that is named by itself is given as it is; whether it
    exists, the ledger says under its lock.

    Raises:
        AccountNotFound, CustomerNotFound, HouseholdNotFound, NotEnrolled,
        ProgramNotFound: there is none such.
        AccountMerged, CustomerMerged: the id was merged; a write must name the survivor.
        InvalidIdentifier, AmbiguousIdentifier, AmbiguousHousehold: it cannot be
        one, or several have it.
    """
    if naming.account is not None and naming.program is None:
        return naming.account
    if naming.type is not None and naming.type not in IDENTIFIER_TYPES:
        # Nobody has a rotating code to be known by.
        raise CustomerNotFound(field="identifier")
    if naming.account is None and naming.source_account is None:
        found = _open_account(session, naming, region)
        if found is not None:
            return found
    # Closed, merged, ambiguous or unknown: say which.
    return members.resolve(
        session,
        reference=naming.reference,
        program=programs.find(session, naming.program),
        to_write=True,
        region=region,
    ).account.id


def _open_account(session: Session, naming: Naming, region: str) -> str | None:
    asked = {"program": naming.program}
    household = naming.household
    if naming.type in members.HOUSEHOLD_TYPES and naming.type not in set(members.IdentifierType):
        household = members.find_holder(session, naming.reference, region=region).household_id
    if naming.customer is not None:
        statement, more = _BY_CUSTOMER, {"customer": naming.customer}
    elif household is not None:
        statement, more = _BY_HOUSEHOLD, {"household": household}
    else:
        type, value = naming.type or "", naming.value or ""
        standard = members.identifiers.normalise(type, value, region=region)
        statement, more = _BY_IDENTIFIER, {"type": type, "value": standard}
    found = session.connection().execute(statement, asked | more).scalars().all()
    return found[0] if len(found) == 1 else None
