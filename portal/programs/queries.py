"""Finding programs. Nothing here writes."""

import json
from functools import lru_cache
from typing import Any

from sqlalchemy import Text, bindparam, cast, select
from sqlalchemy.orm import Session

from portal.programs import models
from portal.programs.errors import NoDefaultProgram, ProgramNotFound
from portal.programs.program import Program, from_document

_ROWS = select(models.Program.version, cast(models.Program.document, Text))
_BY_ID = _ROWS.where(models.Program.id == bindparam("program_id"))
_DEFAULT_FIRST = _ROWS.order_by(models.Program.is_default.desc(), models.Program.id)
_BY_NAME = _ROWS.order_by(models.Program.name, models.Program.id)
_DOCUMENT = select(models.Program.document).where(models.Program.id == bindparam("program_id"))


@lru_cache(maxsize=256)
def _parsed(version: int, text: str) -> Program:
    # Kept by its whole text, which is read anew each time: nothing is ever stale.
    return from_document(json.loads(text), version=version)


def from_row(version: int, text: str) -> Program:
    """The program that a row read elsewhere (its version, its document as text) describes."""
    return _parsed(version, text)


def find(session: Session, program_id: str | None = None) -> Program:
    """The program of this id; without one, the default, or else the only one there is.

    Raises:
        ProgramNotFound: there is none of this id.
        NoDefaultProgram: none was named, and which is meant cannot be told.
    """
    if program_id is None:
        rows = session.execute(_DEFAULT_FIRST.limit(2)).all()
        if rows and (len(rows) == 1 or _parsed(*rows[0]).default):
            return _parsed(*rows[0])
        raise NoDefaultProgram()
    row = session.execute(_BY_ID, {"program_id": program_id}).first()
    if row is None:
        raise ProgramNotFound(program=program_id)
    return _parsed(*row)


def find_all(session: Session) -> list[Program]:
    """Every program, by name."""
    return [_parsed(*row) for row in session.execute(_BY_NAME)]


def document(session: Session, program_id: str) -> dict[str, Any]:
    """The program as its file says it, defaults filled in.

    Raises:
        ProgramNotFound: there is none of this id.
    """
    found = session.execute(_DOCUMENT, {"program_id": program_id}).scalar_one_or_none()
    if found is None:
        raise ProgramNotFound(program=program_id)
    return found
