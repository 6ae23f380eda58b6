"""JSON as it travels: read strictly, written one way.

The standard library's reader takes ``NaN``, keeps the last of two members of
one name, and fails with errors that are not about JSON on numbers of 5,000
digits or a thousand brackets. Here all of these are refusals, never failures.
"""

import json
import math
from datetime import UTC, datetime
from typing import Any

from portal.web.api.errors import UnparsableBody

DIGITS_MAX = 30
"""A longer whole number is out of every range; it is read as infinity, which no field takes."""
DEPTH_MAX = 32


def read(body: bytes) -> Any:
    """Parse ``body``: UTF-8 JSON, and nothing that only some readers accept.

    Numbers that are too great are kept as infinity, so that the field they
    stand in can be named.

    Raises:
        UnparsableBody: it is not JSON, not UTF-8, names a member twice, or is
            nested too deeply.
    """
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_members,
            parse_int=_whole,
            parse_constant=_refuse_constant,
        )
        # Escaped halves of surrogate pairs parse, but are no characters.
        write(value)
    except UnicodeError as error:
        raise UnparsableBody("The body is not UTF-8.") from error
    except RecursionError as error:
        raise UnparsableBody("The body is nested too deeply.") from error
    except json.JSONDecodeError as error:
        raise UnparsableBody(
            f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from error
    if body.count(b"{") + body.count(b"[") > DEPTH_MAX and _depth(value) > DEPTH_MAX:
        raise UnparsableBody("The body is nested too deeply.")
    return value


def write(value: Any) -> bytes:
    """The bytes of ``value`` as they are sent and stored."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def canonical(value: Any) -> bytes:
    """The same bytes for the same content, whatever its spacing and order of members."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def instant(moment: datetime | None) -> str | None:
    """An instant as RFC 3339 in UTC; None stays None."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _depth(value: Any) -> int:
    deepest, inner = 0, [value]
    while inner := [
        part
        for whole in inner
        if isinstance(whole, dict | list)
        for part in (whole.values() if isinstance(whole, dict) else whole)
    ]:
        deepest += 1
    return deepest


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise UnparsableBody("The body names a member twice in one object.")
    return members


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) <= DIGITS_MAX else math.inf


def _refuse_constant(name: str) -> Any:
    raise UnparsableBody(f"The body is not JSON: {name} is not a JSON value.")
