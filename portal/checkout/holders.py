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
from portal.members.errors import CustomerNotFound, NotEnrolled, NotInHousehold
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
    """A holder, found: a customer, a household, or an account that is nobody's yet.

    ``account`` is theirs in ``program``; ``program`` is None where a customer
    as a whole is meant and no program is the default. ``payer`` is the account
    that pays; None where they pay with all they hold, or have none.
    ``household_id`` is the household that they are; ``earns_for`` is that one,
    or else the customer's default one, and ``common`` its account in
    ``program``.
    """

    customer_id: str | None
    program: Program | None
    account: AccountView | None
    payer: AccountView | None
    whole: bool
    by_contact: bool
    household_id: str | None = None
    earns_for: str | None = None
    common: AccountView | None = None


def find_party(session: Session, holder: Holder, *, at: datetime, create: bool = False) -> Party:
    """The customer or household, and the account, that ``holder`` means.

    Args:
        create: someone unknown who is named by an external id becomes a
            customer, where their first purchase enrols them.

    Raises:
        AccountNotFound, AccountMerged, CustomerNotFound, CustomerMerged,
        HouseholdNotFound, AmbiguousHousehold, ProgramNotFound, NotEnrolled,
        InvalidIdentifier.
    """
    reference = holder.reference
    members.require_one(reference)
    if reference.account is not None:
        return _by_account(session, holder, reference.account)
    program = _program(session, holder)
    named = _named(session, holder, program, at=at, create=create)
    if named.household_id is not None:
        return _by_household(session, holder, named.household_id)
    customer_id = named.customer_id
    assert customer_id is not None
    purses = members.Purses()
    if program is not None:
        purses = members.purses_of(session, customer_id=customer_id, program=program)
    account = purses.own
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
        earns_for=purses.household_id,
        common=purses.common,
    )


def _by_household(session: Session, holder: Holder, household_id: str) -> Party:
    program = programs.find(session, holder.program)
    account = members.household_account(session, household_id=household_id, program=program)
    if account is None:
        # Says so where there is no such household at all.
        members.household(session, household_id)
    return Party(
        customer_id=None,
        program=program,
        account=account,
        payer=account,
        whole=False,
        by_contact=holder.by_contact,
        household_id=household_id,
        earns_for=household_id,
        common=account,
    )


def _by_account(session: Session, holder: Holder, account_id: str) -> Party:
    purses = members.purses_of_account(session, account_id)
    account = purses.own
    assert account is not None
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
        household_id=account.household_id,
        earns_for=account.household_id or purses.household_id,
        common=purses.common if account.household_id is None else account,
    )


def _program(session: Session, holder: Holder) -> Program | None:
    try:
        return programs.find(session, holder.program)
    except NoDefaultProgram:
        return None


def _named(
    session: Session, holder: Holder, program: Program | None, *, at: datetime, create: bool
) -> members.Named:
    """The customer or the household; someone unknown may become a customer."""
    reference = holder.reference
    if reference.customer is not None:
        return members.Named(customer_id=live_customer(session, reference.customer))
    found = members.find_holder(session, reference, region=holder.region)
    if found.customer_id is not None or found.household_id is not None:
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
    return members.Named(customer_id=created.id)


def account_in(session: Session, party: Party, program_id: str) -> AccountView | None:
    """The party's account in a program; None where they have none.

    Raises:
        ProgramNotFound.
    """
    for known in (party.account, party.payer):
        if known is not None and known.program_id == program_id:
            return known
    if party.customer_id is None and party.household_id is None:
        return None
    program = programs.find(session, program_id)
    if party.household_id is not None:
        return members.household_account(session, household_id=party.household_id, program=program)
    assert party.customer_id is not None
    return members.account_for(session, customer_id=party.customer_id, program=program)


def common_account_in(session: Session, party: Party, program: Program) -> AccountView | None:
    """The account that the party's purchases earn in, where they earn for a household.

    None where they do not, or where it has none yet.
    """
    if party.earns_for is None:
        return None
    if party.common is not None and party.common.program_id == program.id:
        return party.common
    return members.household_account(session, household_id=party.earns_for, program=program)


def own_account(session: Session, party: Party, account_id: str) -> AccountView:
    """The account of this id, if it is the party's (RULES: only the holder's points).

    A household's is its primary member's too, and of those whom they allow it.

    Raises:
        AccountNotFound, AccountMerged.
        OtherHolder: it is someone else's.
        MayNotSend: they are in the household, and not allowed to redeem.
        RedeemerFraud: fraud of them was confirmed.
    """
    for known in (party.account, party.payer):
        if known is not None and known.id == account_id:
            return known
    found = ledger.find_account(session, account_id)
    if found.household_id is not None:
        _require_theirs(session, party, found.household_id)
    elif found.customer_id is None or found.customer_id != party.customer_id:
        raise OtherHolder()
    if found.status == AccountStatus.MERGED:
        raise AccountMerged(account=ledger.lineage_end(session, account_id))
    return found


def _require_theirs(session: Session, party: Party, household_id: str) -> None:
    if party.household_id == household_id:
        return
    if party.customer_id is None:
        raise OtherHolder()
    try:
        members.require_sender(session, household_id=household_id, customer_id=party.customer_id)
    except NotInHousehold:
        raise OtherHolder() from None
    if members.customer(session, party.customer_id).fraud_status == "confirmed":
        raise RedeemerFraud()


def approver_of(session: Session, party: Party) -> str | None:
    """Who is asked whether points may leave: the customer, a household's primary member."""
    if party.household_id is None:
        return party.customer_id
    return members.households.primary_of(session, household_id=party.household_id)


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
    """Refuse to spend from an account whose state, or whose holder's, forbids it.

    Raises:
        AccountMerged, AccountClosed, AccountFrozen, RedeemerFraud.
    """
    if look.status == AccountStatus.MERGED:
        raise AccountMerged(account=ledger.lineage_end(session, look.id))
    if look.status == AccountStatus.CLOSED:
        raise AccountClosed(account=look.id)
    if look.status == AccountStatus.FROZEN:
        raise AccountFrozen(account=look.id)
    fraud_status = look.fraud_status
    if look.household_id is not None:
        fraud_status = members.households.fraud_status_of(session, household_id=look.household_id)
    if fraud_status == "confirmed":
        raise RedeemerFraud()
