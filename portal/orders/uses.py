"""How often earning rules with a limit applied, counted in the database.

A total is one row that all tills share: it is locked after the accounts, in
one order, so that two orders neither both get the last use nor wait for each
other in a circle.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import bindparam, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from portal.orders.models import EarningUse
from portal.programs.earning import Bought
from portal.programs.program import Program
from portal.programs.rules import PromotionRule, VisitRule

Key = tuple[str, str]
"""A rule's id, and whose uses: ``all``, an account's, or an account's on a day."""

ALL = "all"
_CHUNK = 5_000

_KNOWN = (
    select(EarningUse.rule_id, EarningUse.subject, EarningUse.used)
    .where(
        EarningUse.program_id == bindparam("program_id"),
        tuple_(EarningUse.rule_id, EarningUse.subject).in_(bindparam("keys", expanding=True)),
    )
    .order_by(EarningUse.rule_id, EarningUse.subject)
)
_LOCKED = _KNOWN.with_for_update()
_INSERT = {
    "sqlite": sqlite.insert(EarningUse).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(EarningUse).on_conflict_do_nothing(),
}
_COUNT = (
    update(EarningUse)
    .where(
        EarningUse.program_id == bindparam("of_program"),
        EarningUse.rule_id == bindparam("of_rule"),
        EarningUse.subject == bindparam("of_subject"),
    )
    .values(used=EarningUse.used + bindparam("more"))
)


def keys(program: Program, purchase: Bought, account_id: str) -> dict[str, Key]:
    """The counters that decide on ``purchase``, by the names that earning knows them by."""
    found: dict[str, Key] = {}
    for rule in program.ruleset.counted:
        if isinstance(rule, VisitRule):
            day = program.local_date(purchase.placed_at).isoformat()
            found[f"{rule.id}:day"] = (rule.id, f"{account_id}:{day}")
        elif rule.when.meets(purchase.placed_at, program.timezone, purchase.store):
            found |= _of_promotion(rule, account_id)
    return found


def _of_promotion(rule: PromotionRule, account_id: str) -> dict[str, Key]:
    found: dict[str, Key] = {}
    if rule.total is not None:
        found[rule.id] = (rule.id, ALL)
    if rule.per_member is not None:
        found[f"{rule.id}:member"] = (rule.id, account_id)
    return found


def used(
    session: Session, *, program: Program, purchase: Bought, account_id: str
) -> dict[str, int]:
    """How often rules applied that have a limit, as :func:`earned` wants it told. For quotes."""
    wanted = keys(program, purchase, account_id)
    if not wanted:
        return {}
    known = _read(session, _KNOWN, program.id, wanted.values())
    return {name: known.get(key, 0) for name, key in wanted.items()}


def locked(session: Session, program: Program, wanted: Collection[Key]) -> dict[Key, int]:
    """The counters, which nobody else can change until the transaction ends."""
    known = _read(session, _LOCKED, program.id, wanted)
    missing = sorted(set(wanted) - known.keys())
    if missing:
        connection = session.connection()
        connection.execute(
            _INSERT[connection.dialect.name],
            [
                {"program_id": program.id, "rule_id": rule_id, "subject": subject, "used": 0}
                for rule_id, subject in missing
            ],
        )
        # Someone else may have begun one in that moment.
        known |= _read(session, _LOCKED, program.id, missing)
    return known


def count(session: Session, program: Program, more: Mapping[Key, int]) -> None:
    """Add to locked counters."""
    rows = [
        {"of_program": program.id, "of_rule": rule_id, "of_subject": subject, "more": times}
        for (rule_id, subject), times in sorted(more.items())
        if times
    ]
    if rows:
        session.connection().execute(_COUNT, rows)


def _read(session: Session, statement: Any, program_id: str, keys: Iterable[Key]) -> dict[Key, int]:
    found: dict[Key, int] = {}
    ordered = sorted(set(keys))
    for start in range(0, len(ordered), _CHUNK):
        rows = session.execute(
            statement, {"program_id": program_id, "keys": ordered[start : start + _CHUNK]}
        )
        found.update(((rule_id, subject), times) for rule_id, subject, times in rows)
    return found
