"""From what was named to who is meant, and all that stands against either end."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from portal import ledger, members
from portal.errors import PortalError
from portal.ledger import AccountStatus, AccountView
from portal.members import households
from portal.members.errors import HouseholdSenderFrozen
from portal.programs import Program
from portal.transfers import limits, people
from portal.transfers.errors import (
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
from portal.transfers.people import Group, Holding, Person
from portal.transfers.values import Party, Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """How the same faults are called of either end."""

    field: str
    not_found: Callable[..., PortalError]
    not_enrolled: Callable[..., PortalError]
    merged: Callable[..., PortalError]
    closed: Callable[..., PortalError]
    fraud: Callable[..., PortalError]


SENDER = Faults(
    field="sender",
    not_found=SenderNotFound,
    not_enrolled=SenderNotEnrolled,
    merged=SenderMerged,
    closed=SenderClosed,
    fraud=SenderFraud,
)
RECIPIENT = Faults(
    field="recipient",
    not_found=RecipientNotFound,
    not_enrolled=RecipientNotEnrolled,
    merged=RecipientMerged,
    closed=RecipientClosed,
    fraud=RecipientFraud,
)


@dataclass(slots=True, kw_only=True)
class End:
    """One end, as far as it was found, and what stands against it."""

    account: AccountView | None = None
    person: Person | None = None
    group: Group | None = None
    faults: list[PortalError] = field(default_factory=list)

    @property
    def entitled(self) -> bool:
        """Whether this may be who does it, and so may know what the sender has."""
        return not any(isinstance(fault, SenderNotAllowed) for fault in self.faults)

    @property
    def side(self) -> Side | None:
        """As it is told to others; None where nobody was found."""
        account_id = self.account.id if self.account else None
        if self.person is not None:
            return people.person_side(self.person, account_id)
        if self.group is not None:
            return people.group_side(self.group, account_id)
        return people.nobody_side(account_id) if account_id else None


def find_end(
    session: Session,
    party: Party,
    program: Program,
    faults: Faults,
    *,
    known: Mapping[str, Holding],
    region: str,
) -> End:
    """Who a party is, their account in the program, and what stands against them there.

    Args:
        faults: :data:`SENDER` or :data:`RECIPIENT`: which end it is.
        known: the accounts that were named by their id, already read.
        region: whose phone numbers need no prefix.
    """
    end = End()
    if party.account_id is not None:
        _by_account(session, end, known.get(party.account_id), program, faults)
    else:
        try:
            customer_id, household_id = _named(session, party, region)
        except PortalError as refusal:
            end.faults.append(faults.not_found(refusal.detail, field=faults.field))
            return end
        if customer_id is not None:
            _by_customer(session, end, customer_id, program, faults)
        elif household_id is not None:
            _by_household(session, end, household_id, program, faults)
        else:
            end.faults.append(faults.not_found(field=faults.field))
    _standing(end, faults)
    return end


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


def _by_account(
    session: Session, end: End, holding: Holding | None, program: Program, faults: Faults
) -> None:
    if holding is None:
        end.faults.append(faults.not_found(field=faults.field))
        return
    if holding.account.status == AccountStatus.MERGED:
        survivor = ledger.lineage_end(session, holding.account.id)
        end.faults.append(faults.merged(field=faults.field, account=survivor))
        return
    end.account = holding.account
    if end.account.program_id != program.id:
        end.faults.append(
            faults.not_enrolled("This account belongs to another program.", field=faults.field)
        )
    if holding.person is not None:
        _person(session, end, holding.person, faults)
    elif holding.group is not None:
        _group(end, holding.group, faults)
    elif faults is RECIPIENT:
        end.faults.append(
            faults.not_enrolled("This account belongs to nobody yet.", field=faults.field)
        )


def _by_customer(
    session: Session, end: End, customer_id: str, program: Program, faults: Faults
) -> None:
    person = people.people(session, [customer_id]).get(customer_id)
    if person is None:
        end.faults.append(faults.not_found(field=faults.field))
        return
    _person(session, end, person, faults)
    if end.person is None:
        return
    end.account = members.account_for(session, customer_id=customer_id, program=program)
    if end.account is None:
        end.faults.append(
            faults.not_enrolled(field=faults.field, customer=customer_id, program=program.id)
        )


def _by_household(
    session: Session, end: End, household_id: str, program: Program, faults: Faults
) -> None:
    group = people.groups(session, [household_id]).get(household_id)
    if group is None:
        end.faults.append(faults.not_found(field=faults.field))
        return
    _group(end, group, faults)
    end.account = households.household_account(session, household_id=household_id, program=program)
    if end.account is None and faults is SENDER:
        end.faults.append(
            faults.not_enrolled(field=faults.field, household=household_id, program=program.id)
        )


def _person(session: Session, end: End, person: Person, faults: Faults) -> None:
    if person.merged_into is not None:
        survivor = members.customer(session, person.id).id
        end.faults.append(faults.merged(field=faults.field, customer=survivor))
    elif person.erased:
        end.faults.append(faults.not_found(field=faults.field))
    else:
        end.person = person
        if person.fraud:
            end.faults.append(faults.fraud(field=faults.field))


def _group(end: End, group: Group, faults: Faults) -> None:
    end.group = group
    if group.closed:
        end.faults.append(faults.closed(field=faults.field, household=group.id))
    if group.fraud:
        end.faults.append(faults.fraud(field=faults.field))


def _standing(end: End, faults: Faults) -> None:
    """What the account's own state says. A frozen account may receive, as it may earn."""
    if end.account is None:
        return
    closed = end.account.status == AccountStatus.CLOSED
    if closed and not (end.group is not None and end.group.closed):
        end.faults.append(faults.closed(field=faults.field, account=end.account.id))
    if end.account.status == AccountStatus.FROZEN and faults is SENDER:
        end.faults.append(SenderFrozen(field=faults.field, account=end.account.id))


def find_doer(
    session: Session, giver: End, by: Party | None, program: Program, *, at: datetime, region: str
) -> End:
    """Who does it: the customer themselves, or a member who may send for the household."""
    doer = End()
    if giver.side is None:
        return doer
    if giver.person is None and giver.group is None:
        sentence = "This account belongs to nobody yet: give it its customer first."
        doer.faults.append(SenderUnknown(sentence, field="transferred_by"))
        return doer
    customer_id = giver.person.id if giver.person is not None else None
    if by is not None:
        customer_id = _customer_of(session, by, region)
    elif customer_id is None:
        doer.faults.append(SenderUnknown(field="transferred_by"))
        return doer
    doer.person = giver.person
    if giver.person is None or customer_id != giver.person.id:
        _other(session, doer, customer_id)
        if doer.person is not None:
            _permission(session, giver, doer)
    if doer.person is not None and program.transfers.enabled:
        doer.faults += limits.pause_refusals(
            program, contact_changed_at=doer.person.contact_changed_at, at=at
        )
    return doer


def _customer_of(session: Session, by: Party, region: str) -> str | None:
    if by.account_id is not None:
        holding = people.ends(session, [by.account_id]).get(by.account_id)
        return holding.account.customer_id if holding else None
    try:
        return _named(session, by, region)[0]
    except PortalError:
        return None


def _other(session: Session, doer: End, customer_id: str | None) -> None:
    """Find whoever does it for someone else: a household."""
    doer.person = None
    person = people.people(session, [customer_id]).get(customer_id) if customer_id else None
    if person is None or (person.erased and person.merged_into is None):
        doer.faults.append(SenderNotFound(field="transferred_by"))
    elif person.merged_into is not None:
        survivor = members.customer(session, person.id).id
        doer.faults.append(SenderMerged(field="transferred_by", customer=survivor))
    else:
        doer.person = person


def _permission(session: Session, giver: End, doer: End) -> None:
    assert doer.person is not None
    if giver.group is None:
        sentence = "Only the sender can send their points."
        doer.faults.append(SenderNotAllowed(sentence, field="transferred_by"))
        return
    allowed = households.may_send(session, household_id=giver.group.id, customer_id=doer.person.id)
    if not allowed:
        doer.faults.append(SenderNotAllowed(field="transferred_by"))
    if doer.person.fraud and doer.person.id != giver.group.primary_id:
        doer.faults.append(SenderFraud(field="transferred_by"))
    if ledger.has_frozen(session, customer_id=doer.person.id):
        doer.faults.append(HouseholdSenderFrozen(field="transferred_by"))


def same(giver: End, taker: End) -> bool:
    """Whether both ends are one. A member and their household are two."""
    if giver.account is not None and taker.account is not None:
        return giver.account.id == taker.account.id
    if giver.person is not None and taker.person is not None:
        return giver.person.id == taker.person.id
    return giver.group is not None and taker.group is not None and giver.group.id == taker.group.id
