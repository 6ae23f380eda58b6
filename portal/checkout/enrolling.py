"""Enrolling at a till or in a web shop: a person, an account, and what they bring along."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from portal import ledger, members, programs
from portal.ledger import AccountView, EventName, Facts
from portal.members.errors import CustomerMerged, IdentifierTaken


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Someone as a till describes them."""

    identifiers: Sequence[members.NewIdentifier]
    first_name: str | None = None
    last_name: str | None = None
    birth_date: date | None = None
    language: str | None = None
    referred_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """A new account. ``known`` says that its customer was there before, and was not changed."""

    account: AccountView
    program: programs.Program
    known: bool


def enrol(
    session: Session,
    *,
    program_id: str | None,
    customer: Person | str | None,
    actor: str,
    at: datetime,
    external_id: str | None = None,
    value: int = 0,
    enrolled_at: datetime | None = None,
    metadata: dict[str, Any] | None = None,
    store: str | None = None,
    region: str = members.identifiers.DEFAULT_REGION,
    request_id: str | None = None,
) -> Enrolled:
    """Open an account, for someone known or new, with a first balance.

    A person who is found by one of their identifiers is enrolled as they are:
    a till must not be able to give a stranger's account another phone number.

    Args:
        customer: a person, or the id of one; nobody yet where absent.
        value: a first balance brought from elsewhere, smallest unit; it counts
            as earned, and expires as if earned now.

    Raises:
        ProgramNotFound, NoDefaultProgram, CustomerNotFound, CustomerMerged.
        AccountAlreadyExists: ``account`` is the one they have.
        IdentifierTaken: the identifiers are those of several people.
        InvalidIdentifier, InvalidCustomer, InvalidEnrolment: ``field`` says what is wrong.
    """
    program = programs.find(session, program_id)
    customer_id, known = _customer(session, customer, at=at, region=region)
    if store is not None:
        programs.stores.ensure(session, code=store, at=at)
    account = members.enrol(
        session,
        program=program,
        channel=members.Channel.CHECKOUT,
        customer_id=customer_id,
        external_id=external_id,
        enrolled_at=enrolled_at,
        metadata=metadata,
        store=store,
        actor=actor,
        request_id=request_id,
        at=at,
    )
    if value:
        ledger.earn(
            session,
            account_id=account.id,
            points=value,
            expires_at=program.expires_at(at),
            idle_expires_at=program.idle_expires_at(at),
            program_version=program.version,
            facts=Facts(
                name=EventName.DATA_IMPORT,
                actor=actor,
                origin="import",
                reason="first_balance",
                store=store,
                request_id=request_id,
            ),
            at=at,
        )
    return Enrolled(account=account, program=program, known=known)


def _customer(
    session: Session, customer: Person | str | None, *, at: datetime, region: str
) -> tuple[str | None, bool]:
    if customer is None:
        return None, False
    if isinstance(customer, str):
        return live_customer(session, customer), False
    known: dict[str, str] = {}
    for identifier in customer.identifiers:
        customer_id = members.find_customer_id(
            session, type=identifier.type, value=identifier.value, region=region
        )
        if customer_id is not None:
            known[customer_id] = identifier.type
    if len(known) > 1:
        raise IdentifierTaken(
            "These belong to different customers.", field=f"customer.{list(known.values())[-1]}"
        )
    if known:
        return next(iter(known)), True
    created = members.create_customer(
        session,
        identifiers=customer.identifiers,
        first_name=customer.first_name,
        last_name=customer.last_name,
        birth_date=customer.birth_date,
        language=customer.language,
        referred_by=customer.referred_by,
        region=region,
        at=at,
    )
    return created.id, False


def live_customer(session: Session, customer_id: str) -> str:
    """The id, if a write may name it.

    Raises:
        CustomerNotFound: nobody has it. CustomerMerged: no longer.
    """
    found = members.customer(session, customer_id)
    if found.found_as:
        raise CustomerMerged(customer=found.id)
    return found.id
