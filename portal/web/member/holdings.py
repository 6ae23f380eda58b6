"""Which of a member's accounts a page is about, and the others they may turn to."""

from dataclasses import dataclass

from flask import request
from sqlalchemy.orm import Session

from portal import ledger, programs
from portal.ledger import AccountStatus, AccountView
from portal.ledger.overview import holdings, lineage_in
from portal.members import households
from portal.members.errors import HouseholdNotFound
from portal.members.households import Purse
from portal.programs import Program
from portal.web.auth import give_cookie, member, read_cookie
from portal.web.extensions import db


@dataclass(frozen=True, slots=True)
class Place:
    """One of the programs a member is in, as a tab."""

    id: str
    name: str
    current: bool


@dataclass(frozen=True, slots=True)
class Chosen:
    """The account a page shows. ``lineage``: its id and those that were merged into it."""

    account: AccountView
    program: Program
    lineage: list[str]
    places: list[Place]
    own_ids: frozenset[str]
    """All accounts that are the member's own, merged ones among them."""


def choose(*, of: str | None = None) -> Chosen | None:
    """The account to show: of the program asked for, else chosen before, else the default's.

    Two statements. None: the member is in no program yet.

    Args:
        of: the program that the page is about, whatever they looked at before; None where they
            are not in it.
    """
    session = db.session()
    found = holdings(session, customer_id=member().customer_id)
    known = {program.id: program for program in programs.find_all(session)}
    # One account a program: an open one, else the closed one that came last.
    shown: dict[str, AccountView] = {}
    for account in found:
        if account.status == AccountStatus.MERGED:
            continue
        before = shown.get(account.program_id)
        if before is None or before.status == AccountStatus.CLOSED:
            shown[account.program_id] = account
    if not shown:
        return None
    ordered = sorted(
        shown, key=lambda program_id: (not known[program_id].default, known[program_id].name)
    )
    if of is not None and of not in shown:
        return None
    asked = of or request.args.get("program")
    wanted = (asked, read_cookie("program"), member().program_id, ordered[0])
    chosen = next(program_id for program_id in wanted if program_id in shown)
    if asked == chosen and len(shown) > 1:
        give_cookie("program", chosen)
    return Chosen(
        account=shown[chosen],
        program=known[chosen],
        lineage=lineage_in(found, shown[chosen].id),
        places=[
            Place(id=program_id, name=known[program_id].name, current=program_id == chosen)
            for program_id in ordered
        ],
        own_ids=frozenset(account.id for account in found),
    )


def choose_purse(household_id: str) -> Chosen:
    """A household's account to show, chosen as a member's own is. Two statements.

    Raises:
        HouseholdNotFound: the member is not in it.
    """
    session = db.session()
    found = [purse.account for purse in purses(session) if purse.household_id == household_id]
    known = {program.id: program for program in programs.find_all(session)}
    shown: dict[str, AccountView] = {}
    for account in found:
        if account.program_id not in shown or account.status != AccountStatus.CLOSED:
            shown[account.program_id] = account
    if not shown:
        raise HouseholdNotFound()
    ordered = sorted(shown, key=lambda id: (not known[id].default, known[id].name))
    wanted = (request.args.get("program"), read_cookie("program"), member().program_id, ordered[0])
    chosen = next(id for id in wanted if id in shown)
    return Chosen(
        account=shown[chosen],
        program=known[chosen],
        lineage=[shown[chosen].id],
        places=[Place(id=id, name=known[id].name, current=id == chosen) for id in ordered],
        own_ids=frozenset(account.id for account in found),
    )


def purses(session: Session, *, closed: bool = False) -> list[Purse]:
    """The accounts of the households that the member is in. One statement."""
    return households.purses(session, customer_id=member().customer_id, closed=closed)


def readable(session: Session) -> dict[str, str | None]:
    """The accounts that a member may read: theirs, and with its id each household's.

    Two statements.
    """
    who = member().customer_id
    own: dict[str, str | None] = {
        account.id: None for account in ledger.accounts_of(session, customer_id=who)
    }
    for purse in purses(session, closed=True):
        own[purse.account.id] = purse.household_id
    return own
