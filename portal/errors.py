"""The one error tree. It knows nothing of HTTP.

Every refusal is a class with a stable ``code``, a ``kind`` that a face maps to
its own language (a status, a page, an exit code), the number it carried in the
system it came from (``legacy_code``, document 003), and one sentence that says
what to do.
"""

from enum import StrEnum
from typing import Any, ClassVar


class Kind(StrEnum):
    """What sort of refusal it is; each face has one table from these to its answers."""

    INVALID = "invalid"
    REFUSED = "refused"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    TOO_MANY = "too_many"
    BUSY = "busy"


class PortalError(Exception):
    """A refusal with a name. Subclasses set the class attributes.

    Args:
        detail: the sentence for whoever asked; the class's own when omitted.
        field: the input that is at fault, where there is one.
        facts: what helps to mend it (``limit``, ``available``, ``account``),
            shown as members of the answer. Values are JSON-ready.
    """

    code: ClassVar[str] = "error"
    kind: ClassVar[Kind] = Kind.REFUSED
    legacy_code: ClassVar[int | None] = None
    sentence: ClassVar[str] = "This cannot be done."

    def __init__(self, detail: str | None = None, *, field: str | None = None, **facts: Any):
        self.detail = detail or self.sentence
        self.field = field
        self.facts = facts
        super().__init__(self.detail)


class InvalidInput(PortalError):
    """A field is wrong; ``fields`` names each one with what is wrong about it."""

    code = "invalid_input"
    kind = Kind.INVALID
    sentence = "Some of what was sent is not right."

    def __init__(
        self,
        detail: str | None = None,
        *,
        field: str | None = None,
        fields: dict[str, list[str]] | None = None,
        **facts: Any,
    ):
        super().__init__(detail, field=field, **facts)
        self.fields = fields or ({field: [self.detail]} if field else {})


class NotFound(PortalError):
    """What was named does not exist, or is not the asker's to see."""

    code = "not_found"
    kind = Kind.NOT_FOUND
    sentence = "There is nothing by that name."


class Conflict(PortalError):
    """It cannot be done because of something that exists already."""

    code = "conflict"
    kind = Kind.CONFLICT
    sentence = "This contradicts something that exists already."


class Unauthenticated(PortalError):
    """Nobody has shown who they are."""

    code = "unauthenticated"
    kind = Kind.UNAUTHENTICATED
    sentence = "Sign in first."


class Forbidden(PortalError):
    """Whoever asks may not do this."""

    code = "forbidden"
    kind = Kind.FORBIDDEN
    sentence = "You are not allowed to do this."


class TooMany(PortalError):
    """Asked too often; ``retry_after_seconds`` among the facts says how long to wait."""

    code = "too_many_requests"
    kind = Kind.TOO_MANY
    sentence = "That was too often. Wait a moment and try again."


class Busy(PortalError):
    """The database could not do it in time; nothing was changed and it may be tried again."""

    code = "try_again"
    kind = Kind.BUSY
    legacy_code = 815
    sentence = "This could not be done just now. Nothing was changed; please try again."


class Misuse(RuntimeError):
    """The program itself is wrong (not its input): a bug, never shown to a user."""
