"""Who stands at the ends of transfers: names, contacts and standing, read in sets.

Columns rather than objects: what a check under a lock rests on must be read
anew, and not be remembered by the session from before it waited.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from portal.ledger.models import Account
from portal.members import display
from portal.members.models import Customer, Household, HouseholdMember, Identifier
from portal.transfers.values import Side

CHANNELS = {"mobile": "sms", "email": "email"}
"""Where a message to each kind of contact goes; the first that there is."""

_PEOPLE = select(
    Customer.id,
    Customer.first_name,
    Customer.last_name,
    Customer.fraud_status,
    Customer.contact_changed_at,
    Customer.merged_into,
    Customer.erased_at,
).where(Customer.id.in_(bindparam("ids", expanding=True)))
_CONTACTS = (
    select(Identifier.customer_id, Identifier.type, Identifier.value, Identifier.verified_at)
    .where(
        Identifier.customer_id.in_(bindparam("ids", expanding=True)),
        Identifier.type.in_(list(CHANNELS)),
    )
    .order_by(Identifier.created_at, Identifier.value)
)
_HOUSEHOLDS = (
    select(Household.id, Household.name, Household.status, HouseholdMember.customer_id)
    .outerjoin(
        HouseholdMember,
        (HouseholdMember.household_id == Household.id) & HouseholdMember.is_primary,
    )
    .where(Household.id.in_(bindparam("ids", expanding=True)))
)
# From each account to the one that holds now what it held, however often it was merged.
_upwards = (
    select(Account.id.label("origin"), Account.id.label("id"), Account.merged_into)
    .where(Account.id.in_(bindparam("ids", expanding=True)))
    .cte("upwards", recursive=True)
)
_upwards = _upwards.union_all(
    select(_upwards.c.origin, Account.id, Account.merged_into).join(
        _upwards, Account.id == _upwards.c.merged_into
    )
)
_SURVIVORS = (
    select(_upwards.c.origin, Account.id, Account.customer_id, Account.household_id)
    .join(Account, Account.id == _upwards.c.id)
    .where(_upwards.c.merged_into.is_(None))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Where someone can be told something."""

    channel: str
    value: str = field(repr=False)

    @property
    def masked(self) -> str:
        """As it may be shown."""
        named = "mobile" if self.channel == "sms" else "email"
        return display.masked_contact(**{named: self.value})


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A customer, as far as transfers must know them."""

    id: str
    name: str = field(repr=False)
    display: str
    fraud: bool
    contact_changed_at: datetime | None
    merged_into: str | None
    erased: bool
    contacts: tuple[Contact, ...] = field(default=(), repr=False)
    """The ones to try in order: phone before e-mail, of each kind the proved before the known."""

    def contact(self, channels: Iterable[str]) -> Contact | None:
        """The best contact on these channels."""
        usable = set(channels)
        return next((known for known in self.contacts if known.channel in usable), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A household, as far as transfers must know it."""

    id: str
    name: str
    closed: bool
    primary_id: str | None


def people(session: Session, customer_ids: Iterable[str]) -> dict[str, Person]:
    """Customers by id; unknown ids are left out. Two statements."""
    ids = sorted(set(customer_ids))
    if not ids:
        return {}
    connection = session.connection()
    known: dict[str, list[tuple[str, str, bool]]] = {}
    for row in connection.execute(_CONTACTS, {"ids": ids}):
        known.setdefault(row.customer_id, []).append(
            (row.type, row.value, row.verified_at is not None)
        )
    found = {}
    for row in connection.execute(_PEOPLE, {"ids": ids}):
        theirs = known.get(row.id, [])
        first = {type: value for type, value, _ in reversed(theirs)}
        masked = display.masked_name(row.first_name, row.last_name)
        contact = display.masked_contact(mobile=first.get("mobile"), email=first.get("email"))
        found[row.id] = Person(
            id=row.id,
            name=" ".join(part for part in (row.first_name, row.last_name) if part),
            display=(f"{masked} ({contact})" if masked and contact else masked or contact)
            or display.NOBODY,
            fraud=row.fraud_status == "confirmed",
            contact_changed_at=row.contact_changed_at,
            merged_into=row.merged_into,
            erased=row.erased_at is not None,
            contacts=tuple(
                Contact(channel=channel, value=value)
                for kind, channel in CHANNELS.items()
                for _, value in sorted(
                    ((not proved, value) for type, value, proved in theirs if type == kind),
                    key=lambda item: item[0],
                )
            ),
        )
    return found


def groups(session: Session, household_ids: Iterable[str]) -> dict[str, Group]:
    """Households by id; unknown ids are left out. One statement."""
    ids = sorted(set(household_ids))
    if not ids:
        return {}
    return {
        row.id: Group(
            id=row.id, name=row.name, closed=row.status == "closed", primary_id=row.customer_id
        )
        for row in session.connection().execute(_HOUSEHOLDS, {"ids": ids})
    }


def person_side(person: Person, account_id: str | None) -> Side:
    """A customer as one end of a transfer."""
    return Side(
        account_id=account_id,
        customer_id=person.id,
        household_id=None,
        name=person.name,
        display=person.display,
    )


def group_side(group: Group, account_id: str | None) -> Side:
    """A household as one end of a transfer."""
    return Side(
        account_id=account_id,
        customer_id=None,
        household_id=group.id,
        name=group.name,
        display=display.masked_name(group.name, None) or display.NOBODY,
    )


def nobody_side(account_id: str) -> Side:
    """An account of nobody as one end of a transfer."""
    return Side(
        account_id=account_id, customer_id=None, household_id=None, name="", display=display.NOBODY
    )


def sides(session: Session, account_ids: Iterable[str]) -> dict[str, Side]:
    """Who holds these accounts now, or what became of them. Four statements at most."""
    ids = sorted(set(account_ids))
    if not ids:
        return {}
    rows = session.connection().execute(_SURVIVORS, {"ids": ids}).all()
    persons = people(session, (row.customer_id for row in rows if row.customer_id))
    households = groups(session, (row.household_id for row in rows if row.household_id))
    found = {}
    for row in rows:
        if row.customer_id in persons:
            found[row.origin] = person_side(persons[row.customer_id], row.id)
        elif row.household_id in households:
            found[row.origin] = group_side(households[row.household_id], row.id)
        else:
            found[row.origin] = nobody_side(row.id)
    return found
