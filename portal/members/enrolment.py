"""Joining a program: by staff or checkout, by oneself, or by a first purchase."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy import case, insert, select
from sqlalchemy.orm import Session

from portal.ledger.accounts import find_account, open_account
from portal.ledger.models import Account, AccountStatus, EventName
from portal.ledger.posting import Happening, post
from portal.ledger.values import AccountView, Earn, Facts
from portal.members import models
from portal.members.customers import locked
from portal.members.errors import (
    AutoEnrolmentOff,
    SelfEnrolmentOff,
    TermsNotAccepted,
)

WELCOME = "account.created"
"""The event that welcome bonuses wait for."""


class Channel(StrEnum):
    """How someone joined."""

    SELF = "self"
    CHECKOUT = "checkout"
    STAFF = "staff"
    IMPORT = "import"
    AUTO = "auto"


class Bonus(Protocol):
    """What a program gives on an event."""

    @property
    def points(self) -> int:
        """How many."""

    @property
    def available_from(self) -> datetime | None:
        """When they can be spent; None: at once."""

    @property
    def expires_at(self) -> datetime | None:
        """The first instant at which they are gone."""


class Terms(Protocol):
    """What enrolling needs to know of a program."""

    @property
    def id(self) -> str:
        """The program's id."""

    @property
    def version(self) -> int:
        """Its version."""

    @property
    def auto_enrol(self) -> bool:
        """Whether a first purchase enrols."""

    @property
    def self_enrol(self) -> bool:
        """Whether people may join by themselves."""

    @property
    def terms_url(self) -> str | None:
        """Where its terms stand."""

    def bonuses(self, event: str, at: datetime) -> Sequence[Bonus]:
        """What it gives when the event happens."""

    def idle_expires_at(self, at: datetime) -> datetime | None:
        """When all points are gone if ``at`` was the last activity."""


def enrol(
    session: Session,
    *,
    program: Terms,
    channel: str,
    actor: str,
    at: datetime,
    customer_id: str | None = None,
    external_id: str | None = None,
    enrolled_at: datetime | None = None,
    terms_accepted: bool = False,
    metadata: dict[str, Any] | None = None,
    store: str | None = None,
    till: str | None = None,
    request_id: str | None = None,
) -> AccountView:
    """Open an account, note how it came to be, and give the welcome bonus.

    Joining by oneself sets ``enrolled_at``. Otherwise, where it is not given,
    the first earning or redemption fills it.

    Args:
        customer_id: whose it is; nobody's yet where absent.
        external_id: what another system calls the account.
        enrolled_at: "member since", when that is known; never in the future.
        terms_accepted: whether they accepted the program's terms just now.

    Raises:
        AccountAlreadyExists: ``account`` is the one they have.
        SelfEnrolmentOff, AutoEnrolmentOff: the program does not have that.
        TermsNotAccepted: joining by oneself where there are terms.
        EnrolledInTheFuture: ``enrolled_at`` is later than ``at``.
        CustomerNotFound, CustomerMerged: nobody by that id, or no longer.
    """
    way = Channel(channel)
    _allowed(program, way, terms_accepted=terms_accepted)
    if enrolled_at is None and way is Channel.SELF:
        enrolled_at = at
    if customer_id is not None:
        locked(session, customer_id)
    account = open_account(
        session,
        program_id=program.id,
        at=at,
        customer_id=customer_id,
        external_id=external_id,
        enrolled_at=enrolled_at,
        metadata=metadata,
    )
    session.execute(
        insert(models.Enrolment),
        [enrolment_row(program, account.id, way, terms_accepted=terms_accepted, at=at)],
    )
    happenings = welcome(
        program,
        account_id=account.id,
        actor=actor,
        at=at,
        store=store,
        till=till,
        request_id=request_id,
    )
    if not happenings:
        return account
    post(session, happenings, at=at)
    return find_account(session, account.id)


def welcome(
    program: Terms,
    *,
    account_id: str,
    actor: str,
    at: datetime,
    store: str | None = None,
    till: str | None = None,
    request_id: str | None = None,
) -> list[Happening]:
    """The welcome bonus as one event for the ledger; none where the program gives none.

    Args:
        at: when they joined; the bonus expires as if earned then.
    """
    movements = [
        Earn(
            account_id=account_id,
            points=bonus.points,
            expires_at=bonus.expires_at,
            available_from=bonus.available_from,
            idle_expires_at=program.idle_expires_at(at),
            program_version=program.version,
        )
        for bonus in program.bonuses(WELCOME, at)
    ]
    if not movements:
        return []
    facts = Facts(
        name=EventName.CUSTOMER_REGISTRATION,
        actor=actor,
        occurred_at=at,
        origin="enrolment",
        reason=WELCOME,
        store=store,
        till=till,
        request_id=request_id,
    )
    return [Happening(facts=facts, movements=movements)]


def enrolment_row(
    program: Terms, account_id: str, channel: Channel, *, terms_accepted: bool, at: datetime
) -> dict[str, Any]:
    """The row that notes how an account came to be."""
    return {
        "account_id": account_id,
        "channel": channel.value,
        "terms_url": program.terms_url,
        "terms_accepted_at": at if terms_accepted else None,
        "created_at": at,
    }


def account_for(session: Session, *, customer_id: str, program: Terms) -> AccountView | None:
    """The customer's account in the program: the active one, else the newest closed one.

    None where they have none. Never a merged one: its survivor is theirs too.
    """
    account_id = session.scalar(
        select(Account.id)
        .where(
            Account.customer_id == customer_id,
            Account.program_id == program.id,
            Account.status != AccountStatus.MERGED,
        )
        .order_by(
            case((Account.status == AccountStatus.CLOSED, 1), else_=0),
            Account.created_at.desc(),
            Account.id.desc(),
        )
        .limit(1)
    )
    return None if account_id is None else find_account(session, account_id)


def _allowed(program: Terms, channel: Channel, *, terms_accepted: bool) -> None:
    if channel is Channel.AUTO and not program.auto_enrol:
        raise AutoEnrolmentOff(program=program.id)
    if channel is not Channel.SELF:
        return
    if not program.self_enrol:
        raise SelfEnrolmentOff(program=program.id)
    if program.terms_url and not terms_accepted:
        raise TermsNotAccepted(field="terms")
