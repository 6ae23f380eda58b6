"""Who stands at the ends of transfers: names, contacts and standing, read in sets.

Columns rather than objects: what a check under a lock rests on must be read
anew, and not be remembered by the session from before it waited.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session, aliased

from portal.ledger import AccountStatus, AccountView
from portal.ledger.models import Account
from portal.ledger.reading import ACCOUNTS, view
from portal.members import display
from portal.members.models import Customer, Household, HouseholdMember, Identifier
from portal.transfers.values import Side

CHANNELS = {"mobile": "sms", "email": "email"}
"""Where a message to each kind of contact goes; the first that there is."""


def _oldest(type: str) -> Any:
    """Their oldest phone or e-mail: the one that they are shown by."""
    return (
        select(Identifier.value)
        .where(Identifier.customer_id == Customer.id, Identifier.type == type)
        .order_by(Identifier.created_at, Identifier.value)
        .limit(1)
        .correlate(Customer)
        .scalar_subquery()
        .label(type)
    )


_PERSON: list[Any] = [
    Customer.id.label("person_id"),
    Customer.first_name,
    Customer.last_name,
    Customer.fraud_status,
    Customer.contact_changed_at,
    Customer.merged_into.label("person_merged_into"),
    Customer.erased_at,
    _oldest("mobile"),
    _oldest("email"),
]
_Primary = aliased(Customer)
_GROUP: list[Any] = [
    Household.id.label("group_id"),
    Household.name.label("group_name"),
    Household.status.label("group_status"),
    HouseholdMember.customer_id.label("primary_id"),
    _Primary.fraud_status.label("primary_fraud_status"),
]


def _with_primary(statement: Any) -> Any:
    return statement.outerjoin(
        HouseholdMember,
        (HouseholdMember.household_id == Household.id) & HouseholdMember.is_primary,
    ).outerjoin(_Primary, _Primary.id == HouseholdMember.customer_id)


def _with_holders(statement: Any) -> Any:
    return _with_primary(
        statement.outerjoin(Customer, Customer.id == Account.customer_id).outerjoin(
            Household, Household.id == Account.household_id
        )
    )


_ids: Any = bindparam("ids", expanding=True)
_PEOPLE: Any = select(*_PERSON).where(Customer.id.in_(_ids))
_GROUPS: Any = _with_primary(select(*_GROUP)).where(Household.id.in_(_ids))
_ENDS: Any = _with_holders(ACCOUNTS.add_columns(*_PERSON, *_GROUP)).where(Account.id.in_(_ids))
# From each account to the one that holds now what it held, however often it was merged.
_upwards = (
    select(Account.id.label("origin"), Account.id.label("id"), Account.merged_into)
    .where(Account.id.in_(_ids))
    .cte("upwards", recursive=True)
)
_upwards = _upwards.union_all(
    select(_upwards.c.origin, Account.id, Account.merged_into).join(
        _upwards, Account.id == _upwards.c.merged_into
    )
)
_SURVIVORS: Any = _with_holders(
    select(_upwards.c.origin, Account.id, Account.status, *_PERSON, *_GROUP)
    .select_from(_upwards)
    .join(Account, Account.id == _upwards.c.id)
).where(_upwards.c.merged_into.is_(None))
_CONTACTS = (
    select(Identifier.customer_id, Identifier.type, Identifier.value, Identifier.verified_at)
    .where(Identifier.customer_id.in_(_ids), Identifier.type.in_(list(CHANNELS)))
    .order_by(Identifier.created_at, Identifier.value)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A household, as far as transfers must know it. ``fraud`` is its primary member's."""

    id: str
    name: str
    closed: bool
    primary_id: str | None
    fraud: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """An account and whoever holds it: a person, a household, or nobody yet."""

    account: AccountView
    person: Person | None
    group: Group | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where an account's points are now, and whether anybody could send there."""

    side: Side
    receives: bool


def people(session: Session, customer_ids: Iterable[str]) -> dict[str, Person]:
    """Customers by id; unknown ids are left out. One statement."""
    rows = session.connection().execute(_PEOPLE, {"ids": sorted(set(customer_ids))}).mappings()
    return {row["person_id"]: _person(row) for row in rows}


def groups(session: Session, household_ids: Iterable[str]) -> dict[str, Group]:
    """Households by id; unknown ids are left out. One statement."""
    rows = session.connection().execute(_GROUPS, {"ids": sorted(set(household_ids))}).mappings()
    return {row["group_id"]: _group(row) for row in rows}


def ends(session: Session, account_ids: Iterable[str]) -> dict[str, Holding]:
    """Accounts by id, with whoever holds them; unknown ids are left out. One statement."""
    rows = session.connection().execute(_ENDS, {"ids": sorted(set(account_ids))}).mappings()
    return {
        row["id"]: Holding(
            account=view(row),
            person=_person(row) if row["person_id"] is not None else None,
            group=_group(row) if row["group_id"] is not None else None,
        )
        for row in rows
    }


def standings(session: Session, account_ids: Iterable[str]) -> dict[str, Standing]:
    """Who holds now what these accounts held, by the ids that were asked for. One statement."""
    rows = session.connection().execute(_SURVIVORS, {"ids": sorted(set(account_ids))}).mappings()
    found = {}
    for row in rows:
        open_ = row["status"] in (AccountStatus.ACTIVE, AccountStatus.FROZEN)
        if row["person_id"] is not None:
            person = _person(row)
            side = person_side(person, row["id"])
            well = not (person.fraud or person.erased or person.merged_into)
        elif row["group_id"] is not None:
            group = _group(row)
            side = group_side(group, row["id"])
            well = not (group.fraud or group.closed)
        else:
            side, well = nobody_side(row["id"]), False
        found[row["origin"]] = Standing(side=side, receives=open_ and well)
    return found


def sides(session: Session, account_ids: Iterable[str]) -> dict[str, Side]:
    """The same, without whether they could receive."""
    return {origin: known.side for origin, known in standings(session, account_ids).items()}


def contacts(session: Session, customer_ids: Iterable[str]) -> dict[str, tuple[Contact, ...]]:
    """Where people can be told something, the best first. One statement.

    Phone before e-mail; of each kind the proved before the known, then the oldest.
    """
    known: dict[str, list[tuple[int, bool, Contact]]] = {}
    order = list(CHANNELS)
    rows = session.connection().execute(_CONTACTS, {"ids": sorted(set(customer_ids))})
    for owner, type, value, verified_at in rows:
        contact = Contact(channel=CHANNELS[type], value=value)
        known.setdefault(owner, []).append((order.index(type), verified_at is None, contact))
    return {
        owner: tuple(item[2] for item in sorted(theirs, key=lambda item: item[:2]))
        for owner, theirs in known.items()
    }


def _person(row: Mapping[Any, Any]) -> Person:
    masked = display.masked_name(row["first_name"], row["last_name"])
    contact = display.masked_contact(mobile=row["mobile"], email=row["email"])
    return Person(
        id=row["person_id"],
        name=" ".join(part for part in (row["first_name"], row["last_name"]) if part),
        display=f"{masked} ({contact})"
        if masked and contact
        else masked or contact or display.NOBODY,
        fraud=row["fraud_status"] == "confirmed",
        contact_changed_at=row["contact_changed_at"],
        merged_into=row["person_merged_into"],
        erased=row["erased_at"] is not None,
    )


def _group(row: Mapping[Any, Any]) -> Group:
    return Group(
        id=row["group_id"],
        name=row["group_name"],
        closed=row["group_status"] == "closed",
        primary_id=row["primary_id"],
        fraud=row["primary_fraud_status"] == "confirmed",
    )


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
    """A household as one end of a transfer; its name is masked as a person's is."""
    first, _, rest = group.name.partition(" ")
    last = rest.rpartition(" ")[2]
    return Side(
        account_id=account_id,
        customer_id=None,
        household_id=group.id,
        name=group.name,
        display=display.masked_name(first, last or None),
    )


def nobody_side(account_id: str) -> Side:
    """An account of nobody as one end of a transfer."""
    return Side(
        account_id=account_id, customer_id=None, household_id=None, name="", display=display.NOBODY
    )
