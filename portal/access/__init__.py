"""Who may come in: sign-in and joining, members' sessions, and the keys of checkout."""

from portal.access import join, keys, member_codes, proof, sessions, sign_in, wording
from portal.access.errors import (
    BadKey,
    InvalidKey,
    KeyNotFound,
    MemberCodeExpired,
    MemberCodeMalformed,
    MemberCodeRefused,
    MemberCodeUsed,
    NoDestination,
    SessionNotFound,
    SignInExpired,
    TooManyKeys,
    TooManyWrongMemberCodes,
    WrongMemberCode,
)
from portal.access.keys import KeyIdentity, Scope
from portal.access.service import purge
from portal.access.sessions import MemberIdentity

__all__ = [
    "BadKey",
    "InvalidKey",
    "KeyIdentity",
    "KeyNotFound",
    "MemberCodeExpired",
    "MemberCodeMalformed",
    "MemberCodeRefused",
    "MemberCodeUsed",
    "MemberIdentity",
    "NoDestination",
    "Scope",
    "SessionNotFound",
    "SignInExpired",
    "TooManyKeys",
    "TooManyWrongMemberCodes",
    "WrongMemberCode",
    "join",
    "keys",
    "member_codes",
    "proof",
    "purge",
    "sessions",
    "sign_in",
    "wording",
]
