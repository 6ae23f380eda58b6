"""Whether points can be sent: everything is looked at, and every reason why not is told.

The same look is taken twice: when it is asked, and again, under the locks of
both accounts, when it happens (RULES, "Transferring").
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, case, func, select
from sqlalchemy.orm import Session

from portal import ledger, members, programs
from portal.errors import InvalidInput, NotFound, PortalError
from portal.ledger import AccountStatus, AccountView, Position
from portal.ledger.errors import AccountNotFound, ProgramsDiffer, SameAccount
from portal.ledger.reading import lineage
from portal.members import households
from portal.members.identifiers import DEFAULT_REGION
from portal.programs import Program
from portal.transfers import limits, people
from portal.transfers.errors import (
    NoteTooLong,
    RecipientClosed,
    RecipientFraud,
    RecipientMerged,
    RecipientNotEnrolled,
    RecipientNotFound,
    SenderClosed,
    SenderFraud,
    SenderFrozen,
    SenderMerged,
    SenderNotAllowed,
    SenderNotEnrolled,
    SenderNotFound,
    SenderUnknown,
)
from portal.transfers.limits import Used
from portal.transfers.models import Transfer
from portal.transfers.people import Group, Person
from portal.transfers.values import NOTE_LENGTH_MAX, Check, Part, Party, Side

_USED = select(
    func.coalesce(func.sum(Transfer.points), 0).label("this_month"),
    func.coalesce(
        func.sum(case((Transfer.created_at >= bindparam("day"), Transfer.points), else_=0)), 0
    ).label("today"),
).where(
    Transfer.from_account_id.in_(bindparam("ids", expanding=True)),
    Transfer.created_at >= bindparam("month"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Faults:
    """How the same faults are called of either end."""

    field: str
    not_found: Callable[..., PortalError]
    not_enrolled: Callable[..., PortalError]
    merged: Callable[..., PortalError]
    closed: Callable[..., PortalError]
    fraud: Callable[..., PortalError]


_SENDER = _Faults(
    field="sender",
    not_found=SenderNotFound,
    not_enrolled=SenderNotEnrolled,
    merged=SenderMerged,
    closed=SenderClosed,
    fraud=SenderFraud,
)
_RECIPIENT = _Faults(
    field="recipient",
    not_found=RecipientNotFound,
    not_enrolled=RecipientNotEnrolled,
    merged=RecipientMerged,
    closed=RecipientClosed,
    fraud=RecipientFraud,
)


@dataclass(slots=True, kw_only=True)
class _End:
    """One end, as far as it was found, and what stands against it."""

    account: AccountView | None = None
    person: Person | None = None
    group: Group | None = None
    faults: list[PortalError] = field(default_factory=list)

    @property
    def side(self) -> Side | None:
        account_id = self.account.id if self.account else None
        if self.person is not None:
            return people.person_side(self.person, account_id)
        if self.group is not None:
            return people.group_side(self.group, account_id)
        return people.nobody_side(account_id) if account_id else None


def check(
    session: Session,
    *,
    sender: Party,
    recipient: Party,
    points: int,
    program: str | None,
    at: datetime,
    note: str | None = None,
    by: Party | None = None,
    region: str = DEFAULT_REGION,
) -> Check:
    """Whether ``points`` can be sent, or every reason why not. It never raises a refusal.

    Args:
        points: in the program's smallest unit.
        program: None for that of a named account, else the default one.
        by: who does it; needed from a household, and for a customer only themselves.
        region: whose phone numbers need no prefix, where a party is named by one.
    """
    try:
        rules = _program(session, program, sender, recipient)
    except (NotFound, InvalidInput) as refusal:
        return Check(
            points=points,
            reasons=(refusal,),
            program=None,
            sender=None,
            recipient=None,
            by_customer_id=None,
            available=None,
            remaining=None,
            parts=(),
        )
    giver = _end(session, sender, rules, _SENDER, region)
    taker = _end(session, recipient, rules, _RECIPIENT, region)
    doer = _doer(session, giver, by, rules, at, region)
    reasons: list[PortalError] = []
    if not rules.transfers.enabled:
        reasons += limits.amount_refusals(rules, points=points, used=None)
    if _same(giver, taker):
        reasons.append(SameAccount(field="recipient"))
    reasons += giver.faults + doer.faults + taker.faults
    position = None
    if giver.account is not None and giver.account.status != AccountStatus.MERGED:
        position = ledger.position(session, account_id=giver.account.id, at=at)
    if rules.transfers.enabled:
        used = _used(session, rules, giver.account, at) if giver.account else None
        amount = limits.amount_refusals(rules, points=points, used=used)
        reasons += amount
        if position is not None and not any(
            isinstance(refusal, limits.InvalidPoints) for refusal in amount
        ):
            reasons += limits.balance_refusals(rules, points=points, available=position.balance)
    if note is not None and len(note) > NOTE_LENGTH_MAX:
        reasons.append(NoteTooLong(field="note", limit=NOTE_LENGTH_MAX))
    sendable = position is not None and not reasons
    return Check(
        points=points,
        reasons=tuple(reasons),
        program=rules,
        sender=giver.side,
        recipient=taker.side,
        by_customer_id=doer.person.id if doer.person else None,
        available=position.balance if position else None,
        remaining=position.balance - points if position and sendable else None,
        parts=_parts(rules, position, points) if position and sendable else (),
    )


def _program(session: Session, program_id: str | None, sender: Party, recipient: Party) -> Program:
    if program_id is None:
        for party in (sender, recipient):
            if party.account_id is not None:
                try:
                    program_id = ledger.find_account(session, party.account_id).program_id
                except AccountNotFound:
                    continue
                break
    return programs.find(session, program_id)


def _end(session: Session, party: Party, program: Program, faults: _Faults, region: str) -> _End:
    if party.account_id is not None:
        return _by_account(session, party.account_id, program, faults)
    try:
        customer_id, household_id = _named(session, party, region)
    except PortalError as refusal:
        return _End(faults=[faults.not_found(refusal.detail, field=faults.field)])
    if customer_id is not None:
        return _by_customer(session, customer_id, program, faults)
    if household_id is not None:
        return _by_household(session, household_id, program, faults)
    return _End(faults=[faults.not_found(field=faults.field)])


def _named(session: Session, party: Party, region: str) -> tuple[str | None, str | None]:
    """The customer or the household that a party means; neither for nobody."""
    if party.customer_id is not None or party.household_id is not None:
        return party.customer_id, party.household_id
    if party.type is None or party.value is None:
        return None, None
    if party.type in set(members.IdentifierType):
        customer_id = members.find_customer_id(
            session,
            type=party.type,
            value=party.value,
            source_account=party.source_account,
            region=region,
        )
        if customer_id is not None or party.type != members.IdentifierType.EXTERNAL_ID:
            return customer_id, None
    return None, households.find_household_id(
        session, type=party.type, value=party.value, region=region
    )


def _by_account(session: Session, account_id: str, program: Program, faults: _Faults) -> _End:
    try:
        account = ledger.find_account(session, account_id)
    except AccountNotFound:
        return _End(faults=[faults.not_found(field=faults.field)])
    end = _End(account=account)
    if account.status == AccountStatus.MERGED:
        survivor = ledger.lineage_end(session, account_id)
        return _End(faults=[faults.merged(field=faults.field, account=survivor)])
    if account.program_id != program.id:
        end.faults.append(ProgramsDiffer(field=faults.field, program=account.program_id))
    if account.customer_id is not None:
        _holder(session, end, account.customer_id, faults)
    elif account.household_id is not None:
        _house(session, end, account.household_id, faults)
    elif faults is _RECIPIENT:
        end.faults.append(
            faults.not_enrolled("This account belongs to nobody yet.", field=faults.field)
        )
    _standing(end, faults)
    return end


def _by_customer(session: Session, customer_id: str, program: Program, faults: _Faults) -> _End:
    end = _End()
    _holder(session, end, customer_id, faults)
    if end.person is None:
        return end
    end.account = members.account_for(session, customer_id=customer_id, program=program)
    if end.account is None:
        end.faults.append(
            faults.not_enrolled(field=faults.field, customer=customer_id, program=program.id)
        )
    _standing(end, faults)
    return end


def _by_household(session: Session, household_id: str, program: Program, faults: _Faults) -> _End:
    end = _End()
    _house(session, end, household_id, faults)
    if end.group is None:
        return end
    end.account = households.household_account(session, household_id=household_id, program=program)
    if end.account is None and faults is _SENDER:
        end.faults.append(
            faults.not_enrolled(field=faults.field, household=household_id, program=program.id)
        )
    _standing(end, faults)
    return end


def _holder(session: Session, end: _End, customer_id: str, faults: _Faults) -> None:
    person = people.people(session, [customer_id]).get(customer_id)
    if person is None or person.erased:
        end.faults.append(faults.not_found(field=faults.field))
    elif person.merged_into is not None:
        survivor = members.customer(session, customer_id).id
        end.faults.append(faults.merged(field=faults.field, customer=survivor))
    else:
        end.person = person
        if person.fraud:
            end.faults.append(faults.fraud(field=faults.field))


def _house(session: Session, end: _End, household_id: str, faults: _Faults) -> None:
    group = people.groups(session, [household_id]).get(household_id)
    if group is None:
        end.faults.append(faults.not_found(field=faults.field))
        return
    end.group = group
    if group.closed:
        end.faults.append(faults.closed(field=faults.field, household=household_id))
    if group.primary_id is not None:
        primary = people.people(session, [group.primary_id]).get(group.primary_id)
        if primary is not None and primary.fraud:
            end.faults.append(faults.fraud(field=faults.field))


def _standing(end: _End, faults: _Faults) -> None:
    """What the account's own state says. A frozen account may receive, as it may earn."""
    if end.account is None:
        return
    closed = end.account.status == AccountStatus.CLOSED
    if closed and not (end.group is not None and end.group.closed):
        end.faults.append(faults.closed(field=faults.field, account=end.account.id))
    if end.account.status == AccountStatus.FROZEN and faults is _SENDER:
        end.faults.append(SenderFrozen(field=faults.field, account=end.account.id))


def _doer(
    session: Session,
    giver: _End,
    by: Party | None,
    program: Program,
    at: datetime,
    region: str,
) -> _End:
    """Who does it: the customer themselves, or a member who may send for the household."""
    doer = _End()
    if giver.person is not None and by is None:
        doer.person = giver.person
    elif giver.account is None and giver.person is None and giver.group is None:
        return doer
    elif by is None or (giver.person is None and giver.group is None):
        sentence = None
        if giver.group is None:
            sentence = "This account belongs to nobody yet: give it its customer first."
        doer.faults.append(SenderUnknown(sentence, field="transferred_by"))
        return doer
    else:
        customer_id = _customer_of(session, by, region)
        if customer_id is not None:
            doer.person = people.people(session, [customer_id]).get(customer_id)
        if doer.person is None or doer.person.erased:
            doer.person = None
            doer.faults.append(SenderNotFound(field="transferred_by"))
            return doer
        _permission(session, giver, doer)
    if doer.person is not None and program.transfers.enabled:
        doer.faults += limits.pause_refusals(
            program, contact_changed_at=doer.person.contact_changed_at, at=at
        )
    return doer


def _customer_of(session: Session, by: Party, region: str) -> str | None:
    if by.account_id is not None:
        try:
            return ledger.find_account(session, by.account_id).customer_id
        except AccountNotFound:
            return None
    try:
        return _named(session, by, region)[0]
    except PortalError:
        return None


def _permission(session: Session, giver: _End, doer: _End) -> None:
    assert doer.person is not None
    if giver.group is None:
        if giver.person is not None and giver.person.id != doer.person.id:
            doer.faults.append(
                SenderNotAllowed("Only the sender can send their points.", field="transferred_by")
            )
        return
    if not households.may_send(session, household_id=giver.group.id, customer_id=doer.person.id):
        doer.faults.append(SenderNotAllowed(field="transferred_by"))
    if doer.person.fraud and doer.person.id != giver.group.primary_id:
        doer.faults.append(SenderFraud(field="transferred_by"))


def _same(giver: _End, taker: _End) -> bool:
    if giver.account is not None and taker.account is not None:
        return giver.account.id == taker.account.id
    if giver.person is not None and taker.person is not None:
        return giver.person.id == taker.person.id
    return giver.group is not None and taker.group is not None and giver.group.id == taker.group.id


def _used(session: Session, program: Program, account: AccountView, at: datetime) -> Used:
    """What the account, and all that became part of it, has sent in this day and month."""
    if program.transfers.per_day is None and program.transfers.per_month is None:
        return Used()
    asked: dict[str, Any] = {
        "ids": lineage(session, account.id),
        "day": program.day(at)[0],
        "month": limits.month_start(program, at),
    }
    row = session.connection().execute(_USED, asked).one()
    return Used(today=int(row.today), this_month=int(row.this_month))


def _parts(program: Program, position: Position, points: int) -> tuple[Part, ...]:
    """What would move: soonest to expire first, as the book spends."""
    left, found = points, []
    for deadline in position.deadlines:
        if left <= 0:
            break
        moved = min(left, deadline.points)
        left -= moved
        gone = deadline.expires_at
        found.append(
            Part(points=moved, expires_at=gone, expires_on=gone and program.last_day(gone))
        )
    return tuple(found)


def first(reasons: Sequence[PortalError]) -> None:
    """Refuse for the first of ``reasons``, if there is one."""
    if reasons:
        raise reasons[0]
