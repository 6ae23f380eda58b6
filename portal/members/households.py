"""Households: families and companies that keep a common purse.

Whatever changes a household or who is in it locks in one order: the customer
it is about, then the household's row, then accounts. Who may do what is
checked under these locks. ``by`` is the customer who does it; None stands for
a key or a person of staff who may do anything, where a verb takes that.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal import orm
from portal.errors import Busy
from portal.ledger.accounts import close as close_account
from portal.ledger.accounts import find_account, insert_accounts, new_row, open_account
from portal.ledger.accounts import reopen as ledger_reopen
from portal.ledger.models import AccountStatus
from portal.ledger.posting import lock as lock_accounts
from portal.ledger.queries import points_held, position
from portal.ledger.values import AccountView
from portal.members import customers
from portal.members.customers import checked_name
from portal.members.enrolment import Terms
from portal.members.errors import (
    HouseholdAlreadyExists,
    HouseholdNotClosed,
    HouseholdNotEmpty,
    HouseholdNotFound,
    InvalidHousehold,
)
from portal.members.household_membership import (
    MEMBERS_MAX,
    accept,
    allow,
    decline,
    invite,
    leave,
    make_primary,
    remove,
    set_default,
    take_over,
    withdraw,
)
from portal.members.household_queries import (
    HOUSEHOLD_CONTACTS,
    HOUSEHOLD_TYPES,
    HouseholdIdentifierType,
    HouseholdMemberView,
    HouseholdView,
    accounts_of,
    default_household_id,
    find_household_id,
    fraud_status_of,
    household,
    households_of,
    known_account,
    may_send,
    primary_of,
    require_sender,
)
from portal.members.household_rows import (
    ACTIVE,
    INVITED,
    LOCK,
    gone,
    lock_people,
    locked,
    require_no_fraud,
    require_primary,
    touch,
)
from portal.members.identifiers import IdentifierType, normalise
from portal.members.models import Household, HouseholdMember, HouseholdStatus, MembershipStatus
from portal.members.purses import Purse, purses

__all__ = [
    "HOUSEHOLD_CONTACTS",
    "HOUSEHOLD_TYPES",
    "MEMBERS_MAX",
    "HouseholdIdentifierType",
    "HouseholdMemberView",
    "HouseholdView",
    "Purse",
    "accept",
    "accounts_of",
    "allow",
    "close",
    "create_household",
    "decline",
    "default_household_id",
    "find_household_id",
    "fraud_status_of",
    "household",
    "household_account",
    "households_of",
    "invite",
    "leave",
    "make_primary",
    "may_send",
    "open_accounts",
    "primary_of",
    "purses",
    "remove",
    "rename",
    "reopen",
    "reopen_account",
    "require_sender",
    "set_default",
    "take_over",
    "withdraw",
]

_OPEN_ONES = (
    select(Household.id)
    .where(
        Household.id.in_(bindparam("ids", expanding=True)),
        Household.status == HouseholdStatus.ACTIVE.value,
    )
    .order_by(Household.id)
    .with_for_update(key_share=True)
)
_TAKEN = select(Household.id).where(Household.external_id == bindparam("external_id"))


def create_household(
    session: Session,
    *,
    name: str,
    primary_id: str,
    program: Terms,
    at: datetime,
    external_id: str | None = None,
) -> HouseholdView:
    """A new household with its primary member, and its account in ``program``.

    It becomes their default one, unless they have a default already.

    Raises:
        InvalidHousehold, InvalidIdentifier: ``field`` says what is wrong.
        HouseholdAlreadyExists: another one has the external id.
        CustomerNotFound, CustomerMerged: nobody by that id, or no longer.
    """
    title = _checked(name)
    if external_id is not None:
        external_id = normalise(IdentifierType.EXTERNAL_ID, external_id)
        _not_taken(session, external_id)
    customers.locked(session, primary_id)
    household_id = orm.new_id("hh")
    row = {
        "id": household_id,
        "external_id": external_id,
        "name": title,
        "status": HouseholdStatus.ACTIVE.value,
        "created_at": at,
        "updated_at": at,
    }
    try:
        with session.begin_nested():
            session.execute(insert(Household), [row])
    except IntegrityError:
        # Someone else took the external id since we looked.
        _not_taken(session, external_id)
        raise
    member = {
        "household_id": household_id,
        "customer_id": primary_id,
        "status": ACTIVE,
        "is_primary": True,
        "is_default": default_household_id(session, customer_id=primary_id) is None,
        "joined_at": at,
    }
    session.execute(insert(HouseholdMember), [member])
    open_account(session, program_id=program.id, household_id=household_id, at=at)
    return household(session, household_id)


def rename(
    session: Session, *, household_id: str, name: str, by: str | None, at: datetime
) -> HouseholdView:
    """Give the household another name.

    Raises:
        HouseholdNotFound, HouseholdClosed, NotInHousehold, NotHouseholdPrimary.
        InvalidHousehold: it cannot be a name.
    """
    title = _checked(name)
    locked(session, household_id)
    require_primary(session, household_id, by)
    touch(session, household_id, name=title, updated_at=at)
    return household(session, household_id)


def close(session: Session, *, household_id: str, by: str | None, at: datetime) -> HouseholdView:
    """Close a household that holds nothing any more, with its accounts.

    Its history stays, and so does who was in it; invitations end.

    Raises:
        HouseholdNotFound, HouseholdClosed, NotInHousehold, NotHouseholdPrimary.
        HouseholdNotEmpty: an ``account`` has a ``balance``, or promised points,
            or points ``held`` by open vouchers.
        HoldsOpen: in-flight holds must be settled first.
        HouseholdFraud: it is confirmed of them.
    """
    people = lock_people(session, by=by)
    locked(session, household_id)
    require_primary(session, household_id, by)
    require_no_fraud(people)
    held = [
        account
        for account in accounts_of(session, household_id=household_id)
        if account.status != AccountStatus.CLOSED
    ]
    if held:
        lock_accounts(session, sorted(account.id for account in held))
    for account in held:
        stands = position(session, account_id=account.id, at=at)
        if stands.balance or stands.promised:
            raise HouseholdNotEmpty(
                account=account.id, balance=stands.balance, promised=stands.promised
            )
    for account in held:
        close_account(session, account_id=account.id, at=at)
        # Payments were refused by that; a voucher's points would come back to a closed account.
        if on_hold := points_held(session, account_id=account.id, at=at):
            raise HouseholdNotEmpty(
                "The household has an open voucher. Use or cancel it first.",
                account=account.id,
                balance=0,
                promised=0,
                held=on_hold,
            )
    of_it = update(HouseholdMember).where(HouseholdMember.household_id == household_id)
    for statement in (
        of_it.where(HouseholdMember.status == INVITED).values(**gone(MembershipStatus.REMOVED, at)),
        of_it.where(HouseholdMember.is_default).values(is_default=False),
    ):
        session.execute(statement.execution_options(synchronize_session=False))
    touch(session, household_id, status=HouseholdStatus.CLOSED.value, closed_at=at, updated_at=at)
    return household(session, household_id)


def reopen(session: Session, *, household_id: str, at: datetime) -> HouseholdView:
    """Open a closed household again, with its newest account in each program.

    For staff: a refund may bring points after it was closed. Whoever was in it
    is in it again, and its primary member is who it was; invitations and
    whom purchases earn for stay as closing left them.

    Raises:
        HouseholdNotFound; HouseholdNotClosed: it is open.
    """
    status = session.execute(LOCK, {"household_id": household_id}).scalar()
    if status is None:
        raise HouseholdNotFound(household=household_id)
    if status != HouseholdStatus.CLOSED:
        raise HouseholdNotClosed(household=household_id)
    touch(session, household_id, status=HouseholdStatus.ACTIVE.value, closed_at=None, updated_at=at)
    newest = {one.program_id: one for one in accounts_of(session, household_id=household_id)}
    for account in sorted(newest.values(), key=lambda one: one.id):
        ledger_reopen(session, account_id=account.id, at=at)
    return household(session, household_id)


def reopen_account(session: Session, *, account_id: str, at: datetime) -> AccountView:
    """Open a closed account again, of a person or of a household that is not closed.

    Raises:
        HouseholdClosed: it is a closed household's.
        AccountAlreadyExists: its holder has another active one by now.
        AccountNotFound, AccountMerged; AccountStatusConflict: it is not closed.
    """
    household_id = find_account(session, account_id).household_id
    if household_id is not None:
        locked(session, household_id)
    return ledger_reopen(session, account_id=account_id, at=at)


def household_account(
    session: Session, *, household_id: str, program: Terms, at: datetime | None = None
) -> AccountView | None:
    """The household's account in the program.

    The open one, else the newest closed one, else None.

    Args:
        at: open one where there is none (for writes).

    Raises:
        HouseholdNotFound, HouseholdClosed: there is none to open one for.
    """
    found = known_account(session, household_id=household_id, program_id=program.id)
    if found is not None or at is None:
        return found
    locked(session, household_id)
    # Someone else may have opened it while we waited for the lock.
    found = known_account(session, household_id=household_id, program_id=program.id)
    if found is not None:
        return found
    return open_account(session, program_id=program.id, household_id=household_id, at=at)


def _checked(name: str) -> str:
    title = checked_name(name, field="name", refusal=InvalidHousehold)
    if title is None:
        raise InvalidHousehold("Must not be empty.", field="name")
    return title


def _not_taken(session: Session, external_id: str | None) -> None:
    taken = session.execute(_TAKEN, {"external_id": external_id}).scalar()
    if taken is not None:
        raise HouseholdAlreadyExists(field="external_id", household=taken)


def open_accounts(
    session: Session, *, household_ids: Collection[str], program_id: str, at: datetime
) -> dict[str, str]:
    """Open an account in the program for each household; gives account ids by household.

    They must have none there. For batches: two statements for all of them.

    Raises:
        Busy: someone else is opening, or closing, one of them just now.
    """
    if not household_ids:
        return {}
    open_ones = session.scalars(_OPEN_ONES, {"ids": sorted(household_ids)}).all()
    if len(open_ones) < len(household_ids):
        raise Busy()
    rows = [
        new_row(program_id=program_id, household_id=household_id, at=at)
        for household_id in open_ones
    ]
    try:
        with session.begin_nested():
            insert_accounts(session, rows)
    except IntegrityError as error:
        raise Busy() from error
    return {str(row["household_id"]): str(row["id"]) for row in rows}
