"""Opening, closing, freezing and amending accounts. No point moves here."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.errors import InvalidInput
from portal.ledger import chain
from portal.ledger.errors import (
    AccountAlreadyExists,
    AccountMerged,
    AccountNotFound,
    AccountStatusConflict,
)
from portal.ledger.models import NEVER, Account, AccountStatus
from portal.ledger.posting import Posting, refuse_holds
from portal.ledger.reading import ACCOUNT, view
from portal.ledger.values import AccountView
from portal.orm import new_id

Freezer = Literal["member", "staff"]
"""Who freezes an account, or lets it go."""

_INSERT = insert(Account.__table__)  # type: ignore[arg-type]
_OPEN = (AccountStatus.ACTIVE.value, AccountStatus.FROZEN.value)
_ACTIVE_OF = select(Account.id).where(
    Account.program_id == bindparam("program_id"),
    Account.customer_id == bindparam("customer_id"),
    Account.status.in_(_OPEN),
)
_ACTIVE_OF_HOUSEHOLD = select(Account.id).where(
    Account.program_id == bindparam("program_id"),
    Account.household_id == bindparam("household_id"),
    Account.status.in_(_OPEN),
)
_BY_EXTERNAL_ID = select(Account.id).where(Account.external_id == bindparam("external_id"))


class EnrolledInTheFuture(InvalidInput):
    """Nobody joined later than now."""

    code = "enrolled_in_the_future"
    sentence = "The day of joining cannot be in the future."


def new_row(
    *,
    program_id: str,
    at: datetime,
    customer_id: str | None = None,
    household_id: str | None = None,
    external_id: str | None = None,
    enrolled_at: datetime | None = None,
    metadata: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The row of a fresh account, for those that open many at once."""
    account_id = new_id("loy")
    return {
        "id": account_id,
        "external_id": external_id,
        "program_id": program_id,
        "customer_id": customer_id,
        "household_id": household_id,
        "status": AccountStatus.ACTIVE.value,
        "merged_into": None,
        "frozen_by": None,
        "balance": 0,
        "promised": 0,
        "trigger_based": 0,
        "lifetime": 0,
        "taken_back": 0,
        "lifetime_purchases": 0,
        "sequence": 0,
        "lots": 0,
        "head_hash": chain.genesis(account_id),
        "next_due_at": NEVER,
        "idle_expires_at": NEVER,
        "last_occurred_at": None,
        "enrolled_at": enrolled_at,
        "created_at": at,
        "updated_at": at,
        "metadata": metadata or {},
    }


def insert_accounts(session: Session, rows: list[dict[str, Any]]) -> None:
    """Open many accounts at once, from :func:`new_row`; the caller knows that none exists."""
    if rows:
        session.connection().execute(_INSERT, rows)


def open_account(
    session: Session,
    *,
    program_id: str,
    at: datetime,
    customer_id: str | None = None,
    household_id: str | None = None,
    external_id: str | None = None,
    enrolled_at: datetime | None = None,
    metadata: dict[str, Any] | None = None,
) -> AccountView:
    """Open an account of a customer, of a household, or of nobody yet.

    Raises:
        AccountAlreadyExists: the holder has an active one in the program, or
            the external id is taken; ``account`` is its id.
        EnrolledInTheFuture: ``enrolled_at`` is later than ``at``.
    """
    if enrolled_at is not None and enrolled_at > at:
        raise EnrolledInTheFuture(field="enrolled_at")
    _refuse_second(session, program_id, customer_id, household_id, external_id)
    row = new_row(
        program_id=program_id,
        at=at,
        customer_id=customer_id,
        household_id=household_id,
        external_id=external_id,
        enrolled_at=enrolled_at,
        metadata=metadata,
    )
    with _one_at_most(session, program_id, customer_id, household_id, external_id):
        insert_accounts(session, [row])
    return find_account(session, row["id"])


def _refuse_taken(session: Session, statement: Any, **parameters: str) -> None:
    taken = session.connection().execute(statement, parameters).scalar()
    if taken is not None:
        raise AccountAlreadyExists(account=taken)


def _refuse_second(
    session: Session,
    program_id: str,
    customer_id: str | None,
    household_id: str | None,
    external_id: str | None = None,
) -> None:
    if external_id is not None:
        _refuse_taken(session, _BY_EXTERNAL_ID, external_id=external_id)
    if customer_id is not None:
        _refuse_taken(session, _ACTIVE_OF, program_id=program_id, customer_id=customer_id)
    if household_id is not None:
        _refuse_taken(
            session, _ACTIVE_OF_HOUSEHOLD, program_id=program_id, household_id=household_id
        )


@contextmanager
def _one_at_most(
    session: Session,
    program_id: str,
    customer_id: str | None,
    household_id: str | None,
    external_id: str | None = None,
) -> Iterator[None]:
    """Name the account that someone else opened between our look and our write."""
    try:
        with session.begin_nested():
            yield
    except IntegrityError:
        _refuse_second(session, program_id, customer_id, household_id, external_id)
        raise


def find_account(session: Session, account_id: str) -> AccountView:
    """An account as it stands in its row.

    Raises:
        AccountNotFound: there is none by that id.
    """
    row = session.connection().execute(ACCOUNT, {"id": account_id}).mappings().first()
    if row is None:
        raise AccountNotFound(account=account_id)
    return view(row)


def close(session: Session, *, account_id: str, at: datetime) -> AccountView:
    """Close an account: history stays, and it can be reopened.

    Raises:
        HoldsOpen: in-flight payments must be settled first; vouchers go on.
        AccountNotFound, AccountMerged; AccountStatusConflict: closed already.
    """
    return _change(
        session, account_id, at, {AccountStatus.ACTIVE, AccountStatus.FROZEN}, AccountStatus.CLOSED
    )


def reopen(session: Session, *, account_id: str, at: datetime) -> AccountView:
    """Open a closed account again.

    Raises:
        AccountAlreadyExists: its holder has another active one by now.
        AccountNotFound, AccountMerged; AccountStatusConflict: it is not closed.
    """
    account = find_account(session, account_id)
    if account.status == AccountStatus.CLOSED:
        _refuse_second(session, account.program_id, account.customer_id, account.household_id)
    return _change(session, account_id, at, {AccountStatus.CLOSED}, AccountStatus.ACTIVE)


def freeze(
    session: Session, *, account_id: str, at: datetime, by: Freezer = "staff"
) -> AccountView:
    """Freeze an account: it earns, and nothing leaves.

    Args:
        by: who does it. What staff froze, or froze anew, only staff lets go.

    Raises:
        AccountNotFound, AccountMerged; AccountStatusConflict: it is not
            active, nor frozen by the member only.
    """
    return _change(
        session, account_id, at, {AccountStatus.ACTIVE}, AccountStatus.FROZEN, frozen_by=by
    )


def unfreeze(
    session: Session, *, account_id: str, at: datetime, by: Freezer = "staff"
) -> AccountView:
    """Let points leave again.

    Raises:
        AccountNotFound, AccountMerged; AccountStatusConflict: it is not
            frozen, or a member undoes what staff did.
    """
    return _change(
        session, account_id, at, {AccountStatus.FROZEN}, AccountStatus.ACTIVE, unfrozen_by=by
    )


def _change(
    session: Session,
    account_id: str,
    at: datetime,
    allowed: set[AccountStatus],
    status: AccountStatus,
    *,
    frozen_by: Freezer | None = None,
    unfrozen_by: Freezer | None = None,
) -> AccountView:
    posting = Posting(session, [account_id], at=at)
    row = posting.books[account_id].row
    _refuse_merged(row["status"], row["merged_into"])
    taken_over = frozen_by == "staff" and row["frozen_by"] == "member"
    if row["status"] not in allowed and not taken_over:
        raise AccountStatusConflict(status=row["status"])
    if unfrozen_by == "member" and row["frozen_by"] != "member":
        raise AccountStatusConflict(status=row["status"])
    if status == AccountStatus.CLOSED:
        refuse_holds(session, account_id, at=at)
    row["status"], row["frozen_by"] = status.value, frozen_by
    with _one_at_most(session, row["program_id"], row["customer_id"], row["household_id"]):
        posting.write()
    return find_account(session, account_id)


def _refuse_merged(status: str, merged_into: str | None) -> None:
    if status == AccountStatus.MERGED:
        raise AccountMerged(account=merged_into)


def attach_customer(
    session: Session, *, account_id: str, customer_id: str, at: datetime
) -> AccountView:
    """Give an account that belongs to nobody yet its customer.

    Raises:
        AccountAlreadyExists: the customer has an active one in the program.
        AccountStatusConflict: it belongs to someone.
        AccountNotFound, AccountMerged.
    """
    account = find_account(session, account_id)
    _refuse_merged(account.status, account.merged_into)
    if account.customer_id == customer_id:
        return account
    if account.customer_id is not None or account.household_id is not None:
        raise AccountStatusConflict("The account belongs to someone already.")
    if account.status in _OPEN:
        _refuse_second(session, account.program_id, customer_id, None)
    statement = (
        update(Account)
        .where(Account.id == account_id, Account.customer_id.is_(None))
        .values(customer_id=customer_id, updated_at=at)
    )
    with _one_at_most(session, account.program_id, customer_id, None):
        changed = session.connection().execute(statement)
    if changed.rowcount != 1:
        raise AccountStatusConflict("The account belongs to someone already.")
    return find_account(session, account_id)


def amend(
    session: Session,
    *,
    account_id: str,
    at: datetime,
    enrolled_at: datetime | None = None,
    metadata: dict[str, Any] | None = None,
) -> AccountView:
    """Change what is only told of an account: the day of joining, its metadata.

    Raises:
        EnrolledInTheFuture: ``enrolled_at`` is later than ``at``.
        AccountNotFound, AccountMerged.
    """
    account = find_account(session, account_id)
    _refuse_merged(account.status, account.merged_into)
    if enrolled_at is not None and enrolled_at > at:
        raise EnrolledInTheFuture(field="enrolled_at")
    values: dict[str, Any] = {"updated_at": at}
    if enrolled_at is not None:
        values["enrolled_at"] = enrolled_at
    if metadata is not None:
        values["metadata"] = metadata
    session.connection().execute(
        update(Account.__table__).where(Account.id == account_id).values(values)  # type: ignore[arg-type]
    )
    return find_account(session, account_id)
