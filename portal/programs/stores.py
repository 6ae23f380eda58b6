"""Stores and tills: created when first named (API, "The JSON endpoint")."""

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from portal.programs.errors import InvalidStore
from portal.programs.models import Store, Till

CODE_LENGTH_MAX = 64
_CHUNK = 5_000


def code_of(text: str) -> str:
    """A store or till code as it is kept: trimmed.

    Raises:
        InvalidStore: empty, longer than 64 characters, or with control characters.
    """
    code = text.strip()
    if not code or len(code) > CODE_LENGTH_MAX or not code.isprintable():
        raise InvalidStore(field="store")
    return code


def ensure(session: Session, *, code: str, at: datetime, till: str | None = None) -> str:
    """Make sure that the store, and its till if named, exist. Gives the store's code.

    Raises:
        InvalidStore: a code that cannot be kept.
    """
    store = code_of(code)
    ensure_all(session, stores=[store], tills=[(store, code_of(till))] if till else [], at=at)
    return store


def ensure_all(
    session: Session,
    *,
    stores: Collection[str],
    at: datetime,
    tills: Collection[tuple[str, str]] = (),
) -> None:
    """The same for many, in a few statements. Codes must be as :func:`code_of` gives them."""
    missing = set(stores) - _known_stores(session, set(stores))
    if missing:
        _insert(
            session,
            Store,
            [
                {"code": code, "name": code, "program_id": None, "created_at": at}
                for code in sorted(missing)
            ],
        )
    if tills:
        wanted = set(tills)
        known = _known_tills(session, {store for store, _ in wanted})
        _insert(
            session,
            Till,
            [
                {"store": store, "code": code, "created_at": at}
                for store, code in sorted(wanted - known)
            ],
        )


def _known_stores(session: Session, codes: set[str]) -> set[str]:
    found: set[str] = set()
    for chunk in _chunks(sorted(codes)):
        found.update(session.scalars(select(Store.code).where(Store.code.in_(chunk))))
    return found


def _known_tills(session: Session, stores: set[str]) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for chunk in _chunks(sorted(stores)):
        rows = session.execute(select(Till.store, Till.code).where(Till.store.in_(chunk)))
        found.update((store, code) for store, code in rows)
    return found


def _chunks(codes: list[str]) -> Iterable[list[str]]:
    return (codes[start : start + _CHUNK] for start in range(0, len(codes), _CHUNK))


def _insert(session: Session, table: type[Store | Till], rows: list[dict[str, object]]) -> None:
    """Insert what is not there; another session may be naming the same store just now."""
    if not rows:
        return
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    session.connection().execute(insert(table).on_conflict_do_nothing(), rows)
