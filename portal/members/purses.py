"""Where a customer holds points and where they earn them: in their own account, or a household's.

Purchases earn for the buyer's default household where there is one (RULES,
"Transferring"); what is spent comes from the account that was named.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import bindparam, case, or_, select
from sqlalchemy.orm import Session

from portal.ledger.errors import AccountNotFound
from portal.ledger.models import Account, AccountStatus
from portal.ledger.reading import ACCOUNTS
from portal.ledger.reading import view as account_view
from portal.ledger.values import AccountView
from portal.members.enrolment import Terms
from portal.members.household_queries import default_household_id, known_account
from portal.members.models import Household, HouseholdMember, MembershipStatus

_CHUNK = 5_000

_household_id = (
    select(HouseholdMember.household_id)
    .where(HouseholdMember.customer_id == bindparam("customer_id"), HouseholdMember.is_default)
    .scalar_subquery()
)
_closed_last = case((Account.status == AccountStatus.CLOSED.value, 1), else_=0)
_PURSES = (
    ACCOUNTS.add_columns(_household_id.label("default_household_id"))
    .where(
        Account.program_id == bindparam("program_id"),
        Account.status != AccountStatus.MERGED.value,
        or_(Account.customer_id == bindparam("customer_id"), Account.household_id == _household_id),
    )
    .order_by(_closed_last, Account.created_at.desc(), Account.id.desc())
)
_ONE = ACCOUNTS.add_columns(
    select(HouseholdMember.household_id)
    .where(HouseholdMember.customer_id == Account.customer_id, HouseholdMember.is_default)
    .correlate(Account)
    .scalar_subquery()
    .label("default_household_id")
).where(Account.id == bindparam("account_id"))
_COMMON = (
    select(
        HouseholdMember.customer_id,
        HouseholdMember.household_id,
        Account.id.label("account_id"),
        Account.status,
    )
    .outerjoin(
        Account,
        (Account.household_id == HouseholdMember.household_id)
        & (Account.program_id == bindparam("program_id"))
        & (Account.status != AccountStatus.MERGED.value),
    )
    .where(
        HouseholdMember.is_default,
        HouseholdMember.customer_id.in_(bindparam("values", expanding=True)),
    )
    .order_by(_closed_last, Account.created_at.desc(), Account.id.desc())
)

_SHARED = (
    ACCOUNTS.add_columns(
        Household.name.label("household_name"),
        HouseholdMember.is_primary,
        HouseholdMember.is_default,
        HouseholdMember.may_send,
    )
    .join(Household, Household.id == Account.household_id)
    .join(HouseholdMember, HouseholdMember.household_id == Household.id)
    .where(
        HouseholdMember.customer_id == bindparam("customer_id"),
        HouseholdMember.status == MembershipStatus.ACTIVE.value,
        Account.status.in_(bindparam("statuses", expanding=True)),
    )
    .order_by(Household.created_at, Household.id, Account.created_at, Account.id)
)
_SHARED_IN = _SHARED.where(Account.program_id == bindparam("program_id"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Purses:
    """A customer's accounts in one program: the open one, else the newest closed one.

    ``own`` is theirs, ``common`` their default household's; ``household_id``
    is that household, whether it has an account in the program or not.
    """

    own: AccountView | None = None
    household_id: str | None = None
    common: AccountView | None = None


def purses_of(session: Session, *, customer_id: str, program: Terms) -> Purses:
    """What a customer has in a program: one statement where that is anything."""
    asked = {"customer_id": customer_id, "program_id": program.id}
    rows = session.connection().execute(_PURSES, asked).mappings().all()
    if not rows:
        return Purses(household_id=default_household_id(session, customer_id=customer_id))
    found = [account_view(row) for row in rows]
    return Purses(
        own=next((account for account in found if account.customer_id is not None), None),
        household_id=rows[0]["default_household_id"],
        common=next((account for account in found if account.household_id is not None), None),
    )


def purses_of_account(session: Session, account_id: str) -> Purses:
    """The account of this id as ``own``, and what its customer's default household has there.

    Raises:
        AccountNotFound: there is none by that id.
    """
    row = session.connection().execute(_ONE, {"account_id": account_id}).mappings().first()
    if row is None:
        raise AccountNotFound(account=account_id)
    own, household_id = account_view(row), row["default_household_id"]
    if household_id is None:
        return Purses(own=own)
    common = known_account(session, household_id=household_id, program_id=own.program_id)
    return Purses(own=own, household_id=household_id, common=common)


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """A household's account in a program, as batches need it; no ``account_id``: none yet."""

    household_id: str
    account_id: str | None
    status: str | None


def common_purses(
    session: Session, *, program_id: str, customer_ids: Collection[str]
) -> dict[str, Common]:
    """By customer what their default household has in the program; only those who have one."""
    found: dict[str, Common] = {}
    ordered = sorted(customer_ids)
    for start in range(0, len(ordered), _CHUNK):
        asked = {"program_id": program_id, "values": ordered[start : start + _CHUNK]}
        for row in session.execute(_COMMON, asked):
            # The best comes first.
            found.setdefault(
                row.customer_id,
                Common(household_id=row.household_id, account_id=row.account_id, status=row.status),
            )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """An account of a household, and what one of its members may do with it."""

    household_id: str
    name: str
    is_primary: bool
    is_default: bool
    may_send: bool
    account: AccountView


def purses(
    session: Session, *, customer_id: str, program_id: str | None = None, closed: bool = False
) -> list[Purse]:
    """The accounts of all households that a customer is in, those of the oldest first.

    Args:
        program_id: of this program only.
        closed: with those that were closed, whose history stays theirs to read.
    """
    statuses = [AccountStatus.ACTIVE.value, AccountStatus.FROZEN.value]
    asked = {
        "customer_id": customer_id,
        "statuses": [*statuses, AccountStatus.CLOSED.value] if closed else statuses,
    }
    statement = _SHARED
    if program_id is not None:
        statement, asked = _SHARED_IN, asked | {"program_id": program_id}
    return [
        Purse(
            household_id=row["household_id"],
            name=row["household_name"],
            is_primary=row["is_primary"],
            is_default=row["is_default"],
            may_send=row["is_primary"] or row["may_send"],
            account=account_view(row),
        )
        for row in session.connection().execute(statement, asked).mappings()
    ]
