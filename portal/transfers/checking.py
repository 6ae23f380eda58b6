"""Whether points can be sent: everything is looked at, and every reason why not is told.

The same look is taken twice: when it is asked, and again, under the locks of
both accounts, when it happens (RULES, "Transferring").
"""

from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, case, func, select
from sqlalchemy.orm import Session

from portal import ledger, programs
from portal.errors import InvalidInput, NotFound, PortalError
from portal.ledger import Position
from portal.ledger.errors import InvalidPoints, SameAccount
from portal.members.identifiers import DEFAULT_REGION
from portal.programs import Program
from portal.transfers import limits, people
from portal.transfers.errors import NoteTooLong
from portal.transfers.limits import Used
from portal.transfers.models import LINEAGE, Transfer
from portal.transfers.parties import RECIPIENT, SENDER, find_doer, find_end, same
from portal.transfers.values import NOTE_LENGTH_MAX, Check, Left, Part, Party

_USED = select(
    func.coalesce(func.sum(Transfer.points), 0).label("this_month"),
    func.coalesce(
        func.sum(case((Transfer.created_at >= bindparam("day"), Transfer.points), else_=0)), 0
    ).label("today"),
).where(
    Transfer.from_account_id.in_(LINEAGE),
    Transfer.created_at >= bindparam("month"),
)


_SAME = "Sender and recipient are the same. Choose someone else."


def check(
    session: Session,
    *,
    sender: Party,
    recipient: Party,
    points: int,
    program: str | None,
    at: datetime,
    note: str | None = None,
    by: Party | None = None,
    region: str = DEFAULT_REGION,
) -> Check:
    """Whether ``points`` can be sent, or every reason why not. It never raises a refusal.

    Args:
        points: in the program's smallest unit.
        program: None for that of a named account, else the default one.
        by: who does it; needed from a household, and for a customer only themselves.
        region: whose phone numbers need no prefix, where a party is named by one.
    """
    named = [party.account_id for party in (sender, recipient) if party.account_id is not None]
    known = people.ends(session, named) if named else {}
    try:
        if program is None:
            program = next(
                (known[name].account.program_id for name in named if name in known), None
            )
        rules = programs.find(session, program)
    except (NotFound, InvalidInput) as refusal:
        return Check(
            points=points,
            reasons=(refusal,),
            program=None,
            sender=None,
            recipient=None,
            by_customer_id=None,
            available=None,
            remaining=None,
            parts=(),
        )
    giver = find_end(session, sender, rules, SENDER, known=known, region=region)
    taker = find_end(session, recipient, rules, RECIPIENT, known=known, region=region)
    doer = find_doer(session, giver, by, rules, at=at, region=region)
    reasons: list[PortalError] = []
    if not rules.transfers.enabled:
        reasons += limits.amount_refusals(rules, points=points, used=None)
    if same(giver, taker):
        reasons.append(SameAccount(_SAME, field="recipient"))
    reasons += giver.faults + doer.faults + taker.faults
    # What an account holds and has sent is told to those alone who may send it.
    open_to = giver.account if doer.person is not None and doer.entitled else None
    position = ledger.position(session, account_id=open_to.id, at=at) if open_to else None
    if rules.transfers.enabled:
        sent = used(session, rules, open_to.id, at) if open_to else None
        amount = limits.amount_refusals(rules, points=points, used=sent)
        reasons += amount
        if position is not None and not any(
            isinstance(refusal, InvalidPoints) for refusal in amount
        ):
            reasons += limits.balance_refusals(rules, points=points, available=position.balance)
    if note is not None and len(note) > NOTE_LENGTH_MAX:
        reasons.append(NoteTooLong(field="note", limit=NOTE_LENGTH_MAX))
    sendable = position is not None and not reasons
    return Check(
        points=points,
        reasons=tuple(reasons),
        program=rules,
        sender=giver.side,
        recipient=taker.side,
        by_customer_id=doer.person.id if doer.person else None,
        available=position.balance if position else None,
        remaining=position.balance - points if position and sendable else None,
        parts=_parts(rules, position, points) if position and sendable else (),
    )


def used(session: Session, program: Program, account_id: str, at: datetime) -> Used:
    """What the account, and all that became part of it, has sent in this day and month."""
    if program.transfers.per_day is None and program.transfers.per_month is None:
        return Used()
    asked: dict[str, Any] = {
        "ids": [account_id],
        "day": program.day(at)[0],
        "month": limits.month_start(program, at),
    }
    row = session.connection().execute(_USED, asked).one()
    return Used(today=int(row.today), this_month=int(row.this_month))


def left(session: Session, *, account_id: str, program: Program, at: datetime) -> Left:
    """What an account may still send in this day and month, as far as limits go."""
    sent, rules = used(session, program, account_id, at), program.transfers
    return Left(
        today=None if rules.per_day is None else max(rules.per_day - sent.today, 0),
        this_month=None if rules.per_month is None else max(rules.per_month - sent.this_month, 0),
    )


def _parts(program: Program, position: Position, points: int) -> tuple[Part, ...]:
    """What would move: soonest to expire first, as the book spends."""
    left, found = points, []
    for deadline in position.deadlines:
        if left <= 0:
            break
        moved = min(left, deadline.points)
        left -= moved
        gone = deadline.expires_at
        found.append(
            Part(points=moved, expires_at=gone, expires_on=gone and program.last_day(gone))
        )
    return tuple(found)
