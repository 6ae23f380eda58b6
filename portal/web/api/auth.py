"""Who calls: the bearer key of the request, and nothing else. No cookie is ever read."""

from collections.abc import Sequence
from datetime import datetime

import structlog
from flask import request
from sqlalchemy.orm import Session

from portal import orm
from portal.access import keys
from portal.access.keys import KeyIdentity
from portal.checkout.errors import OtherStore
from portal.errors import Busy
from portal.web.api.errors import ScopeMissing

log = structlog.get_logger(__name__)


def authenticate(session: Session, *, at: datetime) -> KeyIdentity:
    """Whose key came with this request.

    Raises:
        BadKey: none, or not a valid one.
    """
    scheme, _, presented = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        presented = ""
    return keys.authenticate(session, presented=presented.strip(), at=at)


def require_scope(caller: KeyIdentity, scopes: Sequence[str]) -> None:
    """Refuse a key that has none of ``scopes``.

    Raises:
        ScopeMissing: ``scope`` among its facts is what it would need.
    """
    if caller.scopes.isdisjoint(scopes):
        named = " or ".join(scopes)
        raise ScopeMissing(f"This key lacks the scope {named}.", scope=scopes[0])


def note_use(session: Session, caller: KeyIdentity, *, at: datetime) -> None:
    """Remember that the key was used, once a minute, after its work is done."""
    if not caller.touch_due:
        return
    try:
        with orm.recording(session):
            keys.touch(session, key_id=caller.key_id, at=at)
    except Busy:
        # The answer is worth more than the note; the next call makes it.
        log.info("key use not noted", key=caller.key_id)


def store_of(caller: KeyIdentity, named: str | None) -> str | None:
    """The store that this call is about: the one named, else the key's own.

    Raises:
        OtherStore: the key is bound to another one.
    """
    if caller.store is None or named is None or named == caller.store:
        return named or caller.store
    raise OtherStore(store=caller.store)
