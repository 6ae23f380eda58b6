"""Rows of households and of who is in them: locked, looked at under the lock, changed."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from portal.members import customers
from portal.members.errors import (
    AlreadyInHousehold,
    HouseholdClosed,
    HouseholdContactChanged,
    HouseholdFraud,
    HouseholdNotFound,
    InvitationNotFound,
    MemberNotActive,
    NotHouseholdPrimary,
    NotInHousehold,
)
from portal.members.household_queries import HouseholdView, household
from portal.members.models import (
    Customer,
    Household,
    HouseholdMember,
    HouseholdStatus,
    MembershipStatus,
)

ACTIVE, INVITED = MembershipStatus.ACTIVE.value, MembershipStatus.INVITED.value
CONTACT_PAUSE = timedelta(hours=24)
"""After a changed phone or e-mail, until its owner lets others send. A household is in no program,
so no program says how long."""

LOCK = (
    select(Household.status)
    .where(Household.id == bindparam("household_id"))
    .with_for_update(key_share=True)
)
_MEMBERSHIP: Any = select(HouseholdMember.__table__).where(
    HouseholdMember.household_id == bindparam("household_id"),
    HouseholdMember.customer_id == bindparam("customer_id"),
)


def locked(session: Session, household_id: str) -> None:
    """Lock a household: nobody else changes it, or who is in it, until the transaction ends.

    Raises:
        HouseholdNotFound, HouseholdClosed.
    """
    status = session.execute(LOCK, {"household_id": household_id}).scalar()
    if status is None:
        raise HouseholdNotFound(household=household_id)
    if status == HouseholdStatus.CLOSED:
        raise HouseholdClosed(household=household_id)


def membership(session: Session, household_id: str, customer_id: str) -> Any:
    """Where someone stands in a household, or stood; None for a stranger."""
    asked = {"household_id": household_id, "customer_id": customer_id}
    return session.execute(_MEMBERSHIP, asked).first()


def require_member(session: Session, household_id: str, customer_id: str) -> Any:
    """Refuse who is no active member.

    Raises:
        NotInHousehold.
    """
    member = membership(session, household_id, customer_id)
    if member is None or member.status != ACTIVE:
        raise NotInHousehold(household=household_id)
    return member


def require_primary(session: Session, household_id: str, by: str | None) -> None:
    """Refuse who is not the primary member; None may do anything.

    Raises:
        NotInHousehold, NotHouseholdPrimary.
    """
    if by is not None and not require_member(session, household_id, by).is_primary:
        raise NotHouseholdPrimary(household=household_id)


def lock_people(session: Session, *, by: str | None, about: str | None = None) -> list[Customer]:
    """Lock who does it, and whom it is about, before the household; nobody where staff does it.

    Raises:
        CustomerNotFound, CustomerMerged: one of them is no longer.
    """
    if by is None:
        return []
    return [customers.locked(session, one) for one in sorted({by, about or by})]


def require_no_fraud(people: Iterable[Customer]) -> None:
    """Refuse members of whom fraud was confirmed: they give nobody the say, nor get it.

    Raises:
        HouseholdFraud.
    """
    if any(one.fraud_status == "confirmed" for one in people):
        raise HouseholdFraud()


def require_settled_contact(people: Iterable[Customer], *, by: str | None, at: datetime) -> None:
    """Refuse whoever's phone or e-mail was changed lately: it may be somebody else by now.

    Raises:
        HouseholdContactChanged: ``until`` says how long.
    """
    changed_at = next((one.contact_changed_at for one in people if one.id == by), None)
    if changed_at is not None and at < changed_at + CONTACT_PAUSE:
        raise HouseholdContactChanged(until=(changed_at + CONTACT_PAUSE).isoformat())


def require_active(session: Session, household_id: str, customer_id: str) -> Any:
    """The same as :func:`require_member`, said of someone else.

    Raises:
        MemberNotActive.
    """
    member = membership(session, household_id, customer_id)
    if member is None or member.status != ACTIVE:
        raise MemberNotActive(customer=customer_id)
    return member


def require_invited(session: Session, household_id: str, customer_id: str) -> None:
    """Refuse who has no open invitation.

    Raises:
        AlreadyInHousehold, InvitationNotFound.
    """
    member = membership(session, household_id, customer_id)
    if member is not None and member.status == ACTIVE:
        raise AlreadyInHousehold(status=member.status)
    if member is None or member.status != INVITED:
        raise InvitationNotFound(household=household_id)


def gone(status: MembershipStatus, at: datetime) -> dict[str, Any]:
    """Where someone stands who is in the household no longer."""
    return {
        "status": status.value,
        "is_primary": False,
        "is_default": False,
        "may_send": False,
        "left_at": at,
    }


def place(session: Session, household_id: str, customer_id: str, **values: Any) -> None:
    """Change where someone stands."""
    session.execute(
        update(HouseholdMember)
        .where(
            HouseholdMember.household_id == household_id,
            HouseholdMember.customer_id == customer_id,
        )
        .values(values)
        .execution_options(synchronize_session=False)
    )


def change(session: Session, household_id: str, customer_id: str, **values: Any) -> HouseholdView:
    """Change where someone stands; gives the household as it is then."""
    place(session, household_id, customer_id, **values)
    return household(session, household_id)


def touch(session: Session, household_id: str, **values: Any) -> None:
    """Change the household's own row."""
    session.execute(
        update(Household)
        .where(Household.id == household_id)
        .values(values)
        .execution_options(synchronize_session=False)
    )
