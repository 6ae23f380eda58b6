"""Who may come in: sign-in and joining, members' sessions, and the keys of checkout."""

from portal.access import join, keys, proof, sessions, sign_in, wording
from portal.access.errors import (
    BadKey,
    InvalidKey,
    KeyNotFound,
    NoDestination,
    SessionNotFound,
    SignInExpired,
    TooManyKeys,
)
from portal.access.keys import KeyIdentity, Scope
from portal.access.service import purge
from portal.access.sessions import MemberIdentity

__all__ = [
    "BadKey",
    "InvalidKey",
    "KeyIdentity",
    "KeyNotFound",
    "MemberIdentity",
    "NoDestination",
    "Scope",
    "SessionNotFound",
    "SignInExpired",
    "TooManyKeys",
    "join",
    "keys",
    "proof",
    "purge",
    "sessions",
    "sign_in",
    "wording",
]
