"""Keys of checkout: ``ptl_`` and 256 random bits, shown once, kept as a digest.

The prefix lets secret scanners recognise a key that was published by mistake;
the checksum at its end lets a mistyped one be refused without asking the
database. Two of a client may be valid at a time, so that one can be replaced
while tills are running.
"""

import re
import secrets
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import LargeBinary, bindparam, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from portal import programs
from portal.access import tokens
from portal.access.errors import BadKey, InvalidKey, KeyNotFound, TooManyKeys
from portal.access.models import ApiKey, Client
from portal.orm import new_id

PREFIX = "ptl_"
SHOWN_LENGTH = 12
"""How much of a key may be shown afterwards, to tell keys apart."""
VALID_MAX = 2
TOUCH_EVERY = timedelta(minutes=1)
NAME_LENGTH_MAX = 120

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_LENGTH, _CHECKSUM_LENGTH = 43, 6
_SHAPE = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{_RANDOM_LENGTH + _CHECKSUM_LENGTH}}}")


class Scope(StrEnum):
    """What a key may do (API, "The JSON endpoint")."""

    READ = "read"
    ENROL = "enrol"
    REDEEM = "redeem"
    EARN = "earn"
    REVERSE = "reverse"
    ADJUST = "adjust"
    TRANSFER = "transfer"
    VOUCHER = "voucher"
    MANAGE = "manage"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key just made. ``key`` is shown now or never."""

    key: str = field(repr=False)
    key_id: str
    client_id: str
    shown: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyIdentity:
    """Who calls.

    Attributes:
        client_id: the integration; request keys are unique within it.
        store: the only store it speaks for; None for any.
        touch_due: whether :func:`touch` would write anything.
    """

    key_id: str
    client_id: str
    client_name: str
    scopes: frozenset[Scope]
    store: str | None
    touch_due: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyView:
    """A key as those who run the portal see it."""

    id: str
    client_name: str
    shown: str
    scopes: frozenset[Scope]
    store: str | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    created_at: datetime


_FIND = (
    select(
        ApiKey.id,
        ApiKey.client_id,
        Client.name,
        ApiKey.scopes,
        ApiKey.store,
        ApiKey.last_used_at,
    )
    .join(Client, Client.id == ApiKey.client_id)
    .where(
        ApiKey.digest == bindparam("digest", type_=LargeBinary()),
        ApiKey.revoked_at.is_(None),
    )
)


def create(
    session: Session,
    *,
    name: str,
    scopes: Iterable[str],
    actor: str,
    at: datetime,
    store: str | None = None,
) -> NewKey:
    """Make a key for the client called ``name``, and the client if it is new.

    Args:
        scopes: names of :class:`Scope`.
        actor: who makes it, kept with it.
        store: the store it is bound to, created if this is its first mention.

    Raises:
        InvalidKey: ``field`` says whether the name or the scopes are wrong.
        TooManyKeys: the client has two valid keys.
    """
    wanted = _checked_scopes(scopes)
    client_id = _client(session, _checked_name(name), at)
    valid = session.scalar(
        select(func.count())
        .select_from(ApiKey)
        .where(ApiKey.client_id == client_id, ApiKey.revoked_at.is_(None))
    )
    if valid is not None and valid >= VALID_MAX:
        raise TooManyKeys(limit=VALID_MAX)
    key = _new_key()
    key_id = new_id("key")
    session.execute(
        insert(ApiKey).values(
            id=key_id,
            client_id=client_id,
            prefix=key[:SHOWN_LENGTH],
            digest=tokens.digest(key),
            scopes=sorted(wanted),
            store=None if store is None else programs.stores.ensure(session, code=store, at=at),
            created_by=actor,
            created_at=at,
        )
    )
    return NewKey(key=key, key_id=key_id, client_id=client_id, shown=key[:SHOWN_LENGTH])


def authenticate(session: Session, *, presented: str, at: datetime) -> KeyIdentity:
    """Who presents this key: one statement, and none for what cannot be a key.

    Raises:
        BadKey: malformed, unknown or revoked.
    """
    if not well_formed(presented):
        raise BadKey()
    found = session.connection().execute(_FIND, {"digest": tokens.digest(presented)})
    row = found.one_or_none()
    if row is None:
        raise BadKey()
    return KeyIdentity(
        key_id=row.id,
        client_id=row.client_id,
        client_name=row.name,
        scopes=frozenset(Scope(scope) for scope in row.scopes),
        store=row.store,
        touch_due=row.last_used_at is None or at - row.last_used_at >= TOUCH_EVERY,
    )


def touch(session: Session, *, key_id: str, at: datetime) -> None:
    """Note that a key was used, at most once a minute."""
    session.execute(
        update(ApiKey)
        .where(
            ApiKey.id == key_id,
            or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at <= at - TOUCH_EVERY),
        )
        .values(last_used_at=at)
        .execution_options(synchronize_session=False)
    )


def revoke(session: Session, *, key_id: str, at: datetime) -> None:
    """End a key, from the next request on. Revoking it again changes nothing.

    Raises:
        KeyNotFound: there is no such key.
    """
    revoked = session.execute(
        update(ApiKey)
        .where(ApiKey.id == key_id)
        .values(revoked_at=func.coalesce(ApiKey.revoked_at, at))
        .execution_options(synchronize_session=False)
    )
    if revoked.rowcount != 1:  # type: ignore[attr-defined]
        raise KeyNotFound(key=key_id)


def list(session: Session, *, client: str | None = None) -> tuple[KeyView, ...]:
    """All keys, or those of one client by name; the newest first."""
    wanted = (
        select(
            ApiKey.id,
            Client.name.label("client_name"),
            ApiKey.prefix.label("shown"),
            ApiKey.scopes,
            ApiKey.store,
            ApiKey.last_used_at,
            ApiKey.revoked_at,
            ApiKey.created_at,
        )
        .join(Client, Client.id == ApiKey.client_id)
        .order_by(ApiKey.created_at.desc(), ApiKey.id.desc())
    )
    if client is not None:
        wanted = wanted.where(Client.name == client)
    return tuple(
        KeyView(**{**row._mapping, "scopes": frozenset(Scope(scope) for scope in row.scopes)})
        for row in session.execute(wanted)
    )


def well_formed(presented: str) -> bool:
    """Whether it has a key's shape and its checksum is right."""
    if _SHAPE.fullmatch(presented) is None:
        return False
    body, checksum = presented[:-_CHECKSUM_LENGTH], presented[-_CHECKSUM_LENGTH:]
    return checksum == _checksum(body)


def _new_key() -> str:
    body = PREFIX + _in_base62(secrets.randbits(256), _RANDOM_LENGTH)
    return body + _checksum(body)


def _checksum(body: str) -> str:
    # CRC-32 finds slips of the hand; it is no secret and protects nothing.
    return _in_base62(zlib.crc32(body.encode()), _CHECKSUM_LENGTH)


def _in_base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def _checked_scopes(scopes: Iterable[str]) -> frozenset[Scope]:
    given = frozenset(scopes)
    unknown = sorted(given - frozenset(Scope))
    if unknown:
        known = ", ".join(Scope)
        raise InvalidKey(f"There is no scope {', '.join(unknown)}: use {known}.", field="scopes")
    if not given:
        raise InvalidKey("A key needs at least one scope.", field="scopes")
    return frozenset(Scope(scope) for scope in given)


def _checked_name(name: str) -> str:
    trimmed = name.strip()
    if not trimmed or len(trimmed) > NAME_LENGTH_MAX or not trimmed.isprintable():
        raise InvalidKey(f"Give a name of 1 to {NAME_LENGTH_MAX} characters.", field="name")
    return trimmed


def _client(session: Session, name: str, at: datetime) -> str:
    """The client's id, its row locked: two keys made at once must see each other."""
    new = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    session.execute(
        new(Client)
        .values(id=new_id("cli"), name=name, created_at=at)
        .on_conflict_do_nothing(index_elements=["name"])
    )
    return session.execute(
        select(Client.id).where(Client.name == name).with_for_update()
    ).scalar_one()
