"""One-time codes, and the limits that are counted in the database."""

from portal.codes import budget
from portal.codes.digests import keyed, keyed_number
from portal.codes.errors import (
    CodeExpired,
    CodeMalformed,
    CodeRefused,
    CodeUsed,
    LimitReached,
    TooManyCodes,
    TriesUsedUp,
    WrongCode,
)
from portal.codes.service import (
    LIFETIME,
    LIMITS,
    RESEND_AFTER,
    TRIES,
    Limits,
    Look,
    accept,
    digits_of,
    issue,
    look,
    normalise,
    purge,
    resend_at,
)

__all__ = [
    "LIFETIME",
    "LIMITS",
    "RESEND_AFTER",
    "TRIES",
    "CodeExpired",
    "CodeMalformed",
    "CodeRefused",
    "CodeUsed",
    "LimitReached",
    "Limits",
    "Look",
    "TooManyCodes",
    "TriesUsedUp",
    "WrongCode",
    "accept",
    "budget",
    "digits_of",
    "issue",
    "keyed",
    "keyed_number",
    "look",
    "normalise",
    "purge",
    "resend_at",
]
