"""Which of a member's accounts a page is about, and the others they may turn to."""

from dataclasses import dataclass

from flask import request

from portal import programs
from portal.ledger import AccountStatus, AccountView
from portal.ledger.overview import holdings, lineage_in
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
