"""Who is in a household: invited, joined, gone, in charge, allowed to send."""

from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.orm import Session

from portal.members import customers
from portal.members.errors import AlreadyInHousehold, HouseholdFull, PrimaryCannotLeave
from portal.members.household_queries import (
    PRESENT,
    HouseholdView,
    default_household_id,
    household,
)
from portal.members.household_rows import (
    ACTIVE,
    INVITED,
    LOCK,
    change,
    gone,
    lock_people,
    locked,
    membership,
    place,
    require_active,
    require_invited,
    require_member,
    require_no_fraud,
    require_primary,
    require_settled_contact,
    touch,
)
from portal.members.models import HouseholdMember, MembershipStatus

MEMBERS_MAX = 20
"""In a household, open invitations included."""


_PRESENT = select(func.count()).where(
    HouseholdMember.household_id == bindparam("household_id"), HouseholdMember.status.in_(PRESENT)
)
_HAND_ON = (
    update(HouseholdMember)
    .where(
        HouseholdMember.household_id == bindparam("of_household"),
        HouseholdMember.customer_id == bindparam("of_customer"),
    )
    .values(customer_id=bindparam("survivor"), is_default=bindparam("default"))
    .execution_options(synchronize_session=False)
)
_PLACES = (
    select(HouseholdMember.household_id)
    .where(HouseholdMember.customer_id == bindparam("customer_id"))
    .order_by(HouseholdMember.household_id)
)


def invite(
    session: Session, *, household_id: str, customer_id: str, by: str | None, at: datetime
) -> HouseholdView:
    """Ask someone to join. They are in it once they accept.

    Raises:
        HouseholdNotFound, HouseholdClosed, NotInHousehold, NotHouseholdPrimary.
        CustomerNotFound, CustomerMerged: nobody by that id, or no longer.
        AlreadyInHousehold: they are in it, or invited.
        HouseholdFull: ``limit`` says how many there can be.
    """
    # Both, as the row will name both: whoever of them waits for the household has one of them.
    for one in sorted({customer_id, by or customer_id}):
        customers.locked(session, one)
    locked(session, household_id)
    require_primary(session, household_id, by)
    known = membership(session, household_id, customer_id)
    if known is not None and known.status in PRESENT:
        raise AlreadyInHousehold(status=known.status)
    present = session.execute(_PRESENT, {"household_id": household_id}).scalar_one()
    if present >= MEMBERS_MAX:
        raise HouseholdFull(limit=MEMBERS_MAX)
    values = {
        "status": INVITED,
        "invited_by": by,
        "invited_at": at,
        "joined_at": None,
        "left_at": None,
    }
    if known is None:
        key = {"household_id": household_id, "customer_id": customer_id}
        session.execute(insert(HouseholdMember), [key | values])
        return household(session, household_id)
    return change(session, household_id, customer_id, **values)


def accept(session: Session, *, household_id: str, by: str, at: datetime) -> HouseholdView:
    """Join a household that one was invited to.

    It becomes their default one, unless they have a default already.

    Raises:
        HouseholdNotFound, HouseholdClosed, CustomerNotFound, CustomerMerged.
        AlreadyInHousehold: they are in it.
        InvitationNotFound: they were not invited, or no longer are.
    """
    customers.locked(session, by)
    locked(session, household_id)
    require_invited(session, household_id, by)
    return change(
        session,
        household_id,
        by,
        status=ACTIVE,
        joined_at=at,
        is_default=default_household_id(session, customer_id=by) is None,
    )


def decline(session: Session, *, household_id: str, by: str, at: datetime) -> HouseholdView:
    """Turn an invitation down.

    Raises:
        HouseholdNotFound, HouseholdClosed, AlreadyInHousehold, InvitationNotFound.
    """
    locked(session, household_id)
    require_invited(session, household_id, by)
    return change(session, household_id, by, **gone(MembershipStatus.DECLINED, at))


def withdraw(
    session: Session, *, household_id: str, customer_id: str, by: str | None, at: datetime
) -> HouseholdView:
    """Take an invitation back.

    Raises:
        HouseholdNotFound, HouseholdClosed, NotInHousehold, NotHouseholdPrimary.
        AlreadyInHousehold: they accepted it meanwhile.
        InvitationNotFound: they were not invited, or no longer are.
    """
    locked(session, household_id)
    require_primary(session, household_id, by)
    require_invited(session, household_id, customer_id)
    return change(session, household_id, customer_id, **gone(MembershipStatus.REMOVED, at))


def remove(
    session: Session, *, household_id: str, customer_id: str, by: str | None, at: datetime
) -> HouseholdView:
    """Let a member be no longer in the household. What they earned for it stays.

    Raises:
        HouseholdNotFound, HouseholdClosed, NotInHousehold, NotHouseholdPrimary.
        MemberNotActive: they are not in it.
        PrimaryCannotLeave: they are its primary member.
    """
    locked(session, household_id)
    require_primary(session, household_id, by)
    member = require_active(session, household_id, customer_id)
    return _part(session, household_id, member, MembershipStatus.REMOVED, at)


def leave(session: Session, *, household_id: str, by: str, at: datetime) -> HouseholdView:
    """Be no longer in the household. What one earned for it stays.

    Raises:
        HouseholdNotFound, HouseholdClosed.
        NotInHousehold: they are not in it.
        PrimaryCannotLeave: they are its primary member.
    """
    locked(session, household_id)
    member = require_member(session, household_id, by)
    return _part(session, household_id, member, MembershipStatus.LEFT, at)


def make_primary(
    session: Session, *, household_id: str, customer_id: str, by: str | None, at: datetime
) -> HouseholdView:
    """Hand the household over to one of its members.

    Whoever was the primary member may send no longer, unless the new one allows it.

    Raises:
        HouseholdNotFound, HouseholdClosed, NotInHousehold, NotHouseholdPrimary.
        MemberNotActive: they are not in it, or have not accepted yet.
        HouseholdFraud, HouseholdContactChanged: not by a member themselves.
    """
    people = lock_people(session, by=by, about=customer_id)
    locked(session, household_id)
    require_primary(session, household_id, by)
    require_active(session, household_id, customer_id)
    require_no_fraud(people)
    require_settled_contact(people, by=by, at=at)
    session.execute(
        update(HouseholdMember)
        .where(HouseholdMember.household_id == household_id, HouseholdMember.is_primary)
        .values(is_primary=False)
        .execution_options(synchronize_session=False)
    )
    touch(session, household_id, updated_at=at)
    return change(session, household_id, customer_id, is_primary=True, may_send=False)


def set_default(session: Session, *, household_id: str | None, by: str, at: datetime) -> None:
    """Choose the household that one's own purchases earn for; None: for oneself.

    Raises:
        HouseholdNotFound, HouseholdClosed, CustomerNotFound, CustomerMerged.
        NotInHousehold: they are not in it.
    """
    customers.locked(session, by)
    if household_id is not None:
        locked(session, household_id)
        require_member(session, household_id, by)
    session.execute(
        update(HouseholdMember)
        .where(HouseholdMember.customer_id == by, HouseholdMember.is_default)
        .values(is_default=False)
        .execution_options(synchronize_session=False)
    )
    if household_id is not None:
        change(session, household_id, by, is_default=True)
        touch(session, household_id, updated_at=at)


def allow(
    session: Session,
    *,
    household_id: str,
    customer_id: str,
    may_send: bool,
    by: str | None,
    at: datetime,
) -> HouseholdView:
    """Let a member send and redeem what the household holds, or no longer.

    Raises:
        HouseholdNotFound, HouseholdClosed, NotInHousehold, NotHouseholdPrimary.
        MemberNotActive: they are not in it, or have not accepted yet.
        HouseholdFraud, HouseholdContactChanged: not by a member themselves.
    """
    people = lock_people(session, by=by, about=customer_id) if may_send else []
    locked(session, household_id)
    require_primary(session, household_id, by)
    member = require_active(session, household_id, customer_id)
    require_no_fraud(people)
    require_settled_contact(people, by=by, at=at)
    touch(session, household_id, updated_at=at)
    # The primary member always may.
    return change(session, household_id, customer_id, may_send=may_send and not member.is_primary)


def take_over(session: Session, *, source_id: str, target_id: str, at: datetime) -> None:
    """Give a merged customer's place in each household to the survivor.

    For whoever merges customers, who has locked both of them. Of two places in
    one household the survivor keeps what each gave; their own default stays.
    """
    for household_id in session.scalars(_PLACES, {"customer_id": source_id}).all():
        session.execute(LOCK, {"household_id": household_id})
        held = membership(session, household_id, source_id)
        if held is None or held.status not in PRESENT:
            continue
        free = default_household_id(session, customer_id=target_id) in (None, household_id)
        known = membership(session, household_id, target_id)
        if known is None:
            session.execute(
                _HAND_ON,
                {
                    "of_household": household_id,
                    "of_customer": source_id,
                    "survivor": target_id,
                    "default": held.is_default and free,
                },
            )
            continue
        place(session, household_id, source_id, **gone(MembershipStatus.REMOVED, at))
        both = [one for one in (known, held) if one.status in PRESENT]
        active = [one for one in both if one.status == ACTIVE]
        place(
            session,
            household_id,
            target_id,
            status=ACTIVE if active else INVITED,
            is_primary=any(one.is_primary for one in active),
            may_send=any(one.may_send for one in active),
            is_default=free and any(one.is_default for one in active),
            joined_at=min((one.joined_at for one in active), default=None),
            left_at=None,
        )


def _part(
    session: Session, household_id: str, member: Any, status: MembershipStatus, at: datetime
) -> HouseholdView:
    if member.is_primary:
        raise PrimaryCannotLeave(household=household_id)
    return change(session, household_id, member.customer_id, **gone(status, at))
