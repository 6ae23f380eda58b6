"""Things that earning rules wait for: a birthday, a referral, a trigger that releases points.

Each is told once by its id; told again it answers what it did the first time.
"""

import hashlib
import json
import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from portal import ledger, members
from portal.errors import Busy
from portal.ledger.errors import NothingToRelease
from portal.ledger.models import AccountStatus, EventName
from portal.ledger.posting import Happening, post
from portal.ledger.values import AccountView, Earn, Facts
from portal.members import bulk
from portal.orders import tiers
from portal.orders.errors import EventAlreadyHappened, InvalidEvent, TimeNotAllowed
from portal.orders.models import Told
from portal.orders.purchases import AHEAD_MAX, BACK_MAX
from portal.programs.earning import ACCOUNT_CREATED, Bonus
from portal.programs.program import Program

ID_LENGTH_MAX = 64
REFERRAL = "referral"
"""Happens to who was referred; rules say whether they, who referred them, or both gain."""

_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*", re.ASCII)
_FOUND = select(Told.fingerprint, Told.result).where(
    Told.program_id == bindparam("program_id"), Told.id == bindparam("id")
)
_COUNTED = {"preserve_rowcount": True}
_INSERT: dict[str, Any] = {
    "sqlite": sqlite.insert(Told).on_conflict_do_nothing().execution_options(**_COUNTED),
    "postgresql": postgresql.insert(Told).on_conflict_do_nothing().execution_options(**_COUNTED),
}
_RESULT = (
    update(Told)
    .where(Told.program_id == bindparam("of_program"), Told.id == bindparam("of_id"))
    .values(result=bindparam("result"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewarded:
    """What one rule gave to one account."""

    account_id: str
    rule_id: str
    points: int
    available_from: datetime | None
    expires_at: datetime | None
    explanation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """What came of something that was told.

    ``released`` points had waited for it. ``warnings`` are codes:
    ``account_closed`` (the one it happened to, or who referred them),
    ``not_enrolled`` (nobody to reward for the referral), ``nothing_earned``.
    """

    id: str
    name: str
    account_id: str
    already: bool
    rewarded: tuple[Rewarded, ...]
    released: int
    warnings: tuple[str, ...]


def happen(
    session: Session,
    *,
    account: AccountView,
    name: str,
    id: str,
    program: Program,
    actor: str,
    at: datetime,
    occurred_at: datetime | None = None,
    request_id: str | None = None,
) -> Happened:
    """Something happened to a member: give what the program's rules say, once.

    Rules of the event of this name give their bonus, to the member or to who
    referred them; points that wait for the trigger of this name become
    spendable. What is told again with the same id does nothing.

    Args:
        name: as the rules have it, such as ``birthday``.
        id: chosen by whoever tells; unique in the program.
        occurred_at: when; ``at`` where it is not told.

    Raises:
        EventAlreadyHappened: the id was used for something else.
        InvalidEvent: ``field`` says what is wrong.
        TimeNotAllowed: more than 5 minutes ahead or 90 days back.
        Busy: someone tells the same just now.
    """
    _check(name, id, occurred_at, at)
    digest = _fingerprint(account.id, name, occurred_at)
    known = session.execute(_FOUND, {"program_id": program.id, "id": id}).first()
    if known is not None:
        if known.fingerprint != digest:
            raise EventAlreadyHappened(field="id")
        return _told(id, name, account.id, known.result, already=True)
    when = min(occurred_at or at, at)
    _insert(session, account, program, name=name, id=id, digest=digest, when=when, at=at)
    facts = Facts(
        name=EventName.TRANSACTION_ADD,
        actor=actor,
        occurred_at=when,
        origin="event",
        reason=name,
        request_id=request_id,
    )
    maturing = replace(facts, name=EventName.DELAYED_ACCRUAL)
    released = _release(session, account, name, facts=maturing, at=at)
    given, warnings = _given(session, account, program, name, when)
    if given:
        post(
            session,
            [_happening(facts, account_id, bonus, program) for account_id, bonus in given],
            at=at,
        )
    if given or released:
        tiers.note(
            session,
            program=program,
            account_ids={account.id, *(account_id for account_id, _ in given)},
            actor=actor,
            at=at,
        )
    if not given and not released and not warnings:
        warnings = ["nothing_earned"]
    result = _result(given, released, warnings)
    session.execute(_RESULT, {"of_program": program.id, "of_id": id, "result": result})
    return _told(id, name, account.id, result, already=False)


def _check(name: str, id: str, occurred_at: datetime | None, at: datetime) -> None:
    if len(name) > 64 or not _NAME.fullmatch(name):
        raise InvalidEvent("Must be the name of an event, such as birthday.", field="name")
    if name == ACCOUNT_CREATED:
        raise InvalidEvent("Joining tells this by itself.", field="name")
    if not id.strip() or len(id) > ID_LENGTH_MAX or not id.isprintable():
        raise InvalidEvent(f"Must have 1 to {ID_LENGTH_MAX} characters.", field="id")
    if occurred_at is None:
        return
    if occurred_at.tzinfo is None:
        raise InvalidEvent("The time must have a zone.", field="occurred_at")
    if not at - BACK_MAX <= occurred_at <= at + AHEAD_MAX:
        raise TimeNotAllowed(
            "An event may lie at most 90 days back, and 5 minutes ahead.", field="occurred_at"
        )


def _fingerprint(account_id: str, name: str, occurred_at: datetime | None) -> bytes:
    when = int(occurred_at.timestamp() * 1_000_000) if occurred_at else None
    return hashlib.sha256(json.dumps([account_id, name, when]).encode()).digest()


def _insert(
    session: Session,
    account: AccountView,
    program: Program,
    *,
    name: str,
    id: str,
    digest: bytes,
    when: datetime,
    at: datetime,
) -> None:
    connection = session.connection()
    written = connection.execute(
        _INSERT[connection.dialect.name],
        {
            "program_id": program.id,
            "id": id,
            "account_id": account.id,
            "name": name,
            "fingerprint": digest,
            "result": {},
            "occurred_at": when,
            "created_at": at,
        },
    )
    if written.rowcount != 1:
        # Someone else told it since we looked.
        raise Busy()


def _release(
    session: Session, account: AccountView, name: str, *, facts: Facts, at: datetime
) -> int:
    if not account.trigger_based:
        return 0
    try:
        posted = ledger.release(session, account_id=account.id, trigger=name, facts=facts, at=at)
    except NothingToRelease:
        return 0
    return sum(entry.amount for entry in posted.entries if entry.amount > 0)


def _given(
    session: Session, account: AccountView, program: Program, name: str, when: datetime
) -> tuple[list[tuple[str, Bonus]], list[str]]:
    """Which bonus goes to which account, and why some do not."""
    given: list[tuple[str, Bonus]] = []
    warnings: list[str] = []
    referrer: AccountView | None = None
    bonuses = program.bonuses(name, when)
    if any(bonus.rewards == "referrer" for bonus in bonuses):
        referrer = _referrer(session, account, program)
        if referrer is None:
            warnings.append("not_enrolled")
    for bonus in bonuses:
        rewarded = referrer if bonus.rewards == "referrer" else account
        if rewarded is None:
            continue
        if rewarded.status == AccountStatus.CLOSED:
            warnings.append("account_closed")
            continue
        given.append((rewarded.id, bonus))
    return given, list(dict.fromkeys(warnings))


def _referrer(session: Session, account: AccountView, program: Program) -> AccountView | None:
    if account.customer_id is None:
        return None
    referred_by = members.customer(session, account.customer_id).referred_by
    if referred_by is None:
        return None
    survivor = bulk.survivors(session, [referred_by]).get(referred_by)
    if survivor is None or survivor == account.customer_id:
        return None
    return members.account_for(session, customer_id=survivor, program=program)


def _happening(facts: Facts, account_id: str, bonus: Bonus, program: Program) -> Happening:
    return Happening(
        facts=facts,
        movements=[
            Earn(
                account_id=account_id,
                points=bonus.points,
                expires_at=bonus.expires_at,
                available_from=bonus.available_from,
                idle_expires_at=program.idle_expires_at(facts.occurred_at)
                if facts.occurred_at
                else None,
                program_version=program.version,
            )
        ],
    )


def _result(given: list[tuple[str, Bonus]], released: int, warnings: list[str]) -> dict[str, Any]:
    return {
        "rewarded": [
            {
                "account": account_id,
                "rule": bonus.rule_id,
                "points": bonus.points,
                "why": bonus.explanation,
                "available_from": _text(bonus.available_from),
                "expires_at": _text(bonus.expires_at),
            }
            for account_id, bonus in given
        ],
        "released": released,
        "warnings": warnings,
    }


def _told(
    id: str, name: str, account_id: str, result: dict[str, Any], *, already: bool
) -> Happened:
    return Happened(
        id=id,
        name=name,
        account_id=account_id,
        already=already,
        rewarded=tuple(
            Rewarded(
                account_id=one["account"],
                rule_id=one["rule"],
                points=one["points"],
                available_from=_instant(one["available_from"]),
                expires_at=_instant(one["expires_at"]),
                explanation=one["why"],
            )
            for one in result.get("rewarded", ())
        ),
        released=result.get("released", 0),
        warnings=tuple(result.get("warnings", ())),
    )


def _text(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
