"""Who pays and who earns: from a name to accounts, and the locked look at them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Text, bindparam, cast, select
from sqlalchemy.orm import Session

from portal import ledger, members, programs
from portal.checkout.enrolling import live_customer
from portal.checkout.errors import OtherHolder, RedeemerFraud
from portal.checkout.values import Holder
from portal.ledger import AccountView
from portal.ledger.errors import AccountClosed, AccountFrozen, AccountMerged, AccountNotFound
from portal.ledger.models import Account, AccountStatus
from portal.members.errors import CustomerNotFound, InvalidIdentifier, NotEnrolled
from portal.members.models import Customer
from portal.programs import Program
from portal.programs.errors import NoDefaultProgram
from portal.programs.models import Program as ProgramRow

_LOOK = (
    # All that a posting needs too, so that a redemption locks and reads its account once.
    select(
        *ledger.POSTED,
        Customer.fraud_status,
        ProgramRow.version.label("program_version"),
        cast(ProgramRow.document, Text).label("program_document"),
    )
    .join(ProgramRow, ProgramRow.id == Account.program_id)
    .outerjoin(Customer, Customer.id == Account.customer_id)
    .where(Account.id.in_(bindparam("ids", expanding=True)))
    .order_by(Account.id)
)
_LOCKED_LOOK = _LOOK.with_for_update(of=Account, key_share=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A holder, found: a customer, or an account that is nobody's yet.

    ``account`` is theirs in ``program``, where they earn; ``program`` is None
    where a customer as a whole is meant and no program is the default.
    ``payer`` is the account that pays; None where they pay with all they hold,
    or have none.
    """

    customer_id: str | None
    program: Program | None
    account: AccountView | None
    payer: AccountView | None
    whole: bool
    by_contact: bool


def find_party(session: Session, holder: Holder, *, at: datetime, create: bool = False) -> Party:
    """The customer and the account that ``holder`` means.

    Args:
        create: someone unknown who is named by an external id becomes a
            customer, where their first purchase enrols them.

    Raises:
        AccountNotFound, AccountMerged, CustomerNotFound, CustomerMerged,
        ProgramNotFound, NotEnrolled, InvalidIdentifier.
    """
    reference = holder.reference
    named = [reference.account, reference.customer, reference.value]
    if sum(name is not None for name in named) != 1:
        raise InvalidIdentifier(
            "Name exactly one of account, customer and identifier.", field="account"
        )
    if reference.account is not None:
        return _by_account(session, holder, reference.account)
    program = _program(session, holder)
    customer_id = _customer(session, holder, program, at=at, create=create)
    account = None
    if program is not None:
        account = members.account_for(session, customer_id=customer_id, program=program)
    payer, whole = account, False
    if holder.whole:
        held = [
            held
            for held in ledger.accounts_of(session, customer_id=customer_id)
            if held.status in (AccountStatus.ACTIVE, AccountStatus.FROZEN)
        ]
        # Whoever holds one account only means that one.
        whole = len(held) > 1
        payer = None if whole else next(iter(held), account)
    return Party(
        customer_id=customer_id,
        program=program,
        account=account,
        payer=payer,
        whole=whole,
        by_contact=holder.by_contact,
    )


def _by_account(session: Session, holder: Holder, account_id: str) -> Party:
    account = ledger.find_account(session, account_id)
    if account.status == AccountStatus.MERGED:
        raise AccountMerged(account=ledger.lineage_end(session, account_id))
    if holder.program is not None and holder.program != account.program_id:
        raise NotEnrolled("This account belongs to another program.", field="program")
    return Party(
        customer_id=account.customer_id,
        program=programs.find(session, account.program_id),
        account=account,
        payer=account,
        whole=False,
        by_contact=False,
    )


def _program(session: Session, holder: Holder) -> Program | None:
    try:
        return programs.find(session, holder.program)
    except NoDefaultProgram:
        return None


def _customer(
    session: Session, holder: Holder, program: Program | None, *, at: datetime, create: bool
) -> str:
    reference = holder.reference
    if reference.customer is not None:
        return live_customer(session, reference.customer)
    found = members.find_customer_id(
        session,
        type=reference.type or "",
        value=reference.value or "",
        source_account=reference.source_account,
        region=holder.region,
    )
    if found is not None:
        return found
    external = reference.type == members.IdentifierType.EXTERNAL_ID
    if not (create and external and program is not None and program.auto_enrol):
        raise CustomerNotFound(field="identifier")
    created = members.create_customer(
        session,
        identifiers=[members.NewIdentifier(type=str(reference.type), value=str(reference.value))],
        region=holder.region,
        at=at,
    )
    return created.id


def account_in(session: Session, party: Party, program_id: str) -> AccountView | None:
    """The party's account in a program; None where they have none.

    Raises:
        ProgramNotFound.
    """
    for known in (party.account, party.payer):
        if known is not None and known.program_id == program_id:
            return known
    if party.customer_id is None:
        return None
    program = programs.find(session, program_id)
    return members.account_for(session, customer_id=party.customer_id, program=program)


def own_account(session: Session, party: Party, account_id: str) -> AccountView:
    """The account of this id, if it is the party's (RULES: only the holder's points).

    Raises:
        AccountNotFound, AccountMerged.
        OtherHolder: it is someone else's.
    """
    for known in (party.account, party.payer):
        if known is not None and known.id == account_id:
            return known
    found = ledger.find_account(session, account_id)
    if found.customer_id is None or found.customer_id != party.customer_id:
        raise OtherHolder()
    if found.status == AccountStatus.MERGED:
        raise AccountMerged(account=ledger.lineage_end(session, account_id))
    return found


def look_at(session: Session, ids: Collection[str], *, lock: bool) -> dict[str, Any]:
    """What limits must know of these accounts, all locked at once, in id order.

    Raises:
        AccountNotFound: one of them does not exist.
    """
    if not ids:
        return {}
    statement = _LOCKED_LOOK if lock else _LOOK
    rows = session.connection().execute(statement, {"ids": sorted(ids)}).all()
    found = {row.id: row for row in rows}
    for account_id in ids:
        if account_id not in found:
            raise AccountNotFound(account=account_id)
    return found


def program_of(look: Any) -> Program:
    """The program of an account that was looked at, as of that moment."""
    return programs.queries.from_row(look.program_version, look.program_document)


def require_spender(session: Session, look: Any) -> None:
    """Refuse to spend from an account whose state forbids it.

    Raises:
        AccountMerged, AccountClosed, AccountFrozen, RedeemerFraud.
    """
    if look.status == AccountStatus.MERGED:
        raise AccountMerged(account=ledger.lineage_end(session, look.id))
    if look.status == AccountStatus.CLOSED:
        raise AccountClosed(account=look.id)
    if look.status == AccountStatus.FROZEN:
        raise AccountFrozen(account=look.id)
    if look.fraud_status == "confirmed":
        raise RedeemerFraud()
