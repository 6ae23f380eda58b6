"""Creating and changing programs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal.ledger.models import Account
from portal.programs import models, schema
from portal.programs.errors import UnitInUse
from portal.programs.program import Program, from_document


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What applying a file did. ``changes``: ``{path: [old, new]}``, empty if nothing."""

    program: Program
    created: bool
    changes: dict[str, list[Any]]


def apply(session: Session, *, document: Any, actor: str, at: datetime) -> Applied:
    """Create or change the program that ``document``, a program file, describes.

    Applied again it changes nothing and writes nothing. Each change is a new
    version; the old ones stay, so that old entries can be explained. Making
    one program the default unmakes the other.

    Raises:
        InvalidProgram: ``fields`` names each wrong field by its path.
        UnitInUse: currency or decimals would change under existing accounts.
    """
    checked = schema.check(document)
    _one_at_a_time(session)
    row = session.get(models.Program, checked["id"], with_for_update=True)
    changes = _changes({} if row is None else row.document, checked)
    if row is not None:
        if not changes:
            program = from_document(checked, version=row.version)
            return Applied(program=program, created=False, changes={})
        _keep_the_unit(session, row, checked)
    if checked["default"] and not (row and row.is_default):
        _unmake_default(session, actor=actor, at=at)
    created = row is None
    if row is None:
        row = models.Program(id=checked["id"], version=0, created_at=at)
    _write_version(session, row, checked, actor=actor, at=at)
    return Applied(
        program=from_document(checked, version=row.version), created=created, changes=changes
    )


def _one_at_a_time(session: Session) -> None:
    # Two at once could both create, or both become the default. SQLite has
    # one writer anyway; readers and enrolments go on meanwhile.
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("LOCK TABLE program IN SHARE ROW EXCLUSIVE MODE"))


def _keep_the_unit(session: Session, row: models.Program, checked: dict[str, Any]) -> None:
    kept = [field for field in ("currency", "decimals") if checked[field] != row.document[field]]
    if not kept:
        return
    if session.scalar(select(Account.id).where(Account.program_id == row.id).limit(1)):
        raise UnitInUse(field=kept[0], program=row.id)


def _unmake_default(session: Session, *, actor: str, at: datetime) -> None:
    for other in session.scalars(
        select(models.Program).where(models.Program.is_default).with_for_update()
    ):
        _write_version(session, other, other.document | {"default": False}, actor=actor, at=at)
    # Before the new default is written: the database allows only one.
    session.flush()


def _write_version(
    session: Session, row: models.Program, checked: dict[str, Any], *, actor: str, at: datetime
) -> None:
    row.name = checked["name"]
    row.currency = checked["currency"]
    row.is_default = checked["default"]
    row.version += 1
    row.document = checked
    row.updated_at = at
    session.add(row)
    session.flush()
    session.add(
        models.ProgramVersion(
            program_id=row.id, version=row.version, document=checked, actor=actor, applied_at=at
        )
    )
    session.flush()


def _changes(old: Any, new: Any, path: str = "") -> dict[str, list[Any]]:
    """Each leaf that differs, as ``{path: [old, new]}``; None where there is none."""
    if isinstance(old, dict) and isinstance(new, dict):
        found: dict[str, list[Any]] = {}
        for key in [*old, *(key for key in new if key not in old)]:
            where = f"{path}.{key}" if path else key
            found |= _changes(old.get(key), new.get(key), where)
        return found
    if _named(old) and _named(new):
        before = {item["id"]: item for item in old}
        after = {item["id"]: item for item in new}
        found = {}
        for key in [*before, *(key for key in after if key not in before)]:
            found |= _changes(before.get(key), after.get(key), f"{path}[{key}]")
        if not found and list(before) != list(after):
            return {path: [list(before), list(after)]}
        return found
    return {} if old == new and type(old) is type(new) else {path: [old, new]}


def _named(items: Any) -> bool:
    return isinstance(items, list) and all(
        isinstance(item, dict) and "id" in item for item in items
    )
