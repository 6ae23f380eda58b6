"""Looking up, creating and enrolling thousands of customers in a few statements.

For imports and batches of purchases. Each function costs a fixed number of
statements for each :data:`CHUNK` of its input, never one for each row.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import BindParameter, bindparam, case, delete, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal import orm
from portal.errors import Busy
from portal.ledger.accounts import insert_accounts, new_row
from portal.ledger.models import Account, AccountStatus
from portal.members import cards
from portal.members.enrolment import Channel, Terms, enrolment_row
from portal.members.identifiers import IdentifierType
from portal.members.models import Customer, Enrolment, Identifier

CHUNK = 5_000
"""Values in one statement: SQLite takes 32,766 parameters, PostgreSQL 65,535."""

_VALUES: BindParameter[Any] = bindparam("values", expanding=True)
_OWNERS = select(Identifier.value, Identifier.customer_id).where(
    Identifier.type == bindparam("type"),
    Identifier.source_account == bindparam("source_account"),
    Identifier.value.in_(_VALUES),
)
_ACCOUNTS = (
    select(Account.customer_id, Account.id, Account.status)
    .where(
        Account.program_id == bindparam("program_id"),
        Account.status != AccountStatus.MERGED.value,
        Account.customer_id.in_(_VALUES),
    )
    .order_by(
        Account.customer_id,
        case((Account.status == AccountStatus.CLOSED.value, 1), else_=0),
        Account.created_at.desc(),
        Account.id.desc(),
    )
)
_KNOWN_CUSTOMERS = select(Customer.id, Customer.merged_into).where(Customer.id.in_(_VALUES))
_INSERT_CUSTOMER = insert(Customer.__table__)  # type: ignore[arg-type]
_INSERT_ENROLMENT = insert(Enrolment.__table__)  # type: ignore[arg-type]
_FORGET = delete(Customer).where(Customer.id.in_(_VALUES))
_INSERT_IDENTIFIER = {
    "sqlite": sqlite.insert(Identifier).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(Identifier).on_conflict_do_nothing(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCustomer:
    """A customer to create. ``identifiers`` are ``(type, value)`` in their standard form."""

    identifiers: Sequence[tuple[str, str]] = ()
    first_name: str | None = None
    last_name: str | None = None
    birth_date: date | None = None
    language: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A customer's account in one program, as batches need it."""

    account_id: str
    status: str


def owners(
    session: Session, *, type: str, values: Collection[str], source_account: str = ""
) -> dict[str, str]:
    """Whose these identifiers are: customer ids by value. Unknown ones are left out."""
    found: dict[str, str] = {}
    for chunk in _chunks(values):
        rows = session.execute(
            _OWNERS, {"type": type, "source_account": source_account, "values": chunk}
        )
        found.update((value, customer_id) for value, customer_id in rows)
    return found


def survivors(session: Session, customer_ids: Collection[str]) -> dict[str, str]:
    """Each known id with the customer it now stands for: itself, or who it was merged into."""
    found: dict[str, str] = {}
    pending = set(customer_ids)
    while pending:
        known: dict[str, str | None] = {}
        for chunk in _chunks(pending):
            rows = session.execute(_KNOWN_CUSTOMERS, {"values": chunk})
            known.update((customer_id, merged_into) for customer_id, merged_into in rows)
        found.update((customer_id, into or customer_id) for customer_id, into in known.items())
        pending = {into for into in known.values() if into is not None} - found.keys()
    return {asked: _last(found, asked) for asked in customer_ids if asked in found}


def holdings(
    session: Session, *, program_id: str, customer_ids: Collection[str]
) -> dict[str, Holding]:
    """Their accounts in the program by customer: the active one, else the newest closed one."""
    found: dict[str, Holding] = {}
    for chunk in _chunks(customer_ids):
        rows = session.execute(_ACCOUNTS, {"program_id": program_id, "values": chunk})
        for customer_id, account_id, status in rows:
            # The best comes first.
            found.setdefault(
                str(customer_id),
                Holding(account_id=account_id, status=status),
            )
    return found


def create_customers(
    session: Session, customers: Sequence[NewCustomer], *, at: datetime
) -> list[str]:
    """Create them all; gives their ids in order. Who has no card number gets one.

    The identifiers must be in their standard form and be nobody's (look with
    :func:`owners` first). Someone else may take one in that very moment: whoever
    does not own their first identifier afterwards is not created, and the id
    of its owner stands in their place.
    """
    ids = [orm.new_id("cus") for _ in customers]
    people = []
    names: list[dict[str, Any]] = []
    for customer_id, customer in zip(ids, customers, strict=True):
        people.append(
            {
                "id": customer_id,
                "first_name": customer.first_name,
                "last_name": customer.last_name,
                "birth_date": customer.birth_date,
                "language": customer.language,
                "fraud_status": "none",
                "metadata": customer.metadata,
                "created_at": at,
                "updated_at": at,
            }
        )
        kinds = {type for type, _ in customer.identifiers}
        given = list(customer.identifiers)
        if IdentifierType.CARD_NUMBER not in kinds:
            given.append((IdentifierType.CARD_NUMBER, cards.new_card_number()))
        names += [
            {
                "type": str(type),
                "value": value,
                "source_account": "",
                "customer_id": customer_id,
                "created_at": at,
            }
            for type, value in given
        ]
    if not people:
        return []
    connection = session.connection()
    connection.execute(_INSERT_CUSTOMER, people)
    connection.execute(_INSERT_IDENTIFIER[connection.dialect.name], names)
    return _settle_races(session, ids, customers)


def enrol_customers(
    session: Session,
    *,
    program: Terms,
    customer_ids: Sequence[str],
    channel: Channel,
    at: datetime,
    enrolled_at: Sequence[datetime | None] | None = None,
) -> dict[str, str]:
    """Open an account for each of them; gives account ids by customer.

    They must have none in the program (look with :func:`holdings` first). The
    welcome bonus is the caller's to post (:func:`portal.members.enrolment.welcome`),
    together with what else happened.

    Raises:
        Busy: someone else is enrolling one of them just now.
    """
    if not customer_ids:
        return {}
    since = enrolled_at or [None] * len(customer_ids)
    rows = [
        new_row(program_id=program.id, at=at, customer_id=customer_id, enrolled_at=member)
        for customer_id, member in zip(customer_ids, since, strict=True)
    ]
    try:
        with session.begin_nested():
            insert_accounts(session, rows)
    except IntegrityError as error:
        raise Busy() from error
    opened = [str(row["id"]) for row in rows]
    session.connection().execute(
        _INSERT_ENROLMENT,
        [
            enrolment_row(program, account_id, channel, terms_accepted=False, at=at)
            for account_id in opened
        ],
    )
    return dict(zip(customer_ids, opened, strict=True))


def _settle_races(
    session: Session, ids: Sequence[str], customers: Sequence[NewCustomer]
) -> list[str]:
    by_type: dict[str, dict[str, int]] = {}
    for place, customer in enumerate(customers):
        if customer.identifiers:
            type, value = customer.identifiers[0]
            by_type.setdefault(str(type), {})[value] = place
    settled = list(ids)
    for type, places in by_type.items():
        for value, owner in owners(session, type=type, values=list(places)).items():
            settled[places[value]] = owner
    lost = sorted(set(ids) - set(settled))
    for chunk in _chunks(lost):
        session.execute(delete(Identifier).where(Identifier.customer_id.in_(chunk)))
        session.execute(_FORGET, {"values": chunk})
    return settled


def _last(links: dict[str, str], start: str) -> str:
    while links.get(start, start) != start:
        start = links[start]
    return start


def _chunks(values: Collection[str]) -> Iterator[list[str]]:
    ordered = sorted(values)
    return (ordered[start : start + CHUNK] for start in range(0, len(ordered), CHUNK))
