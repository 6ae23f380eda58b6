"""Fields of program files that are as strict as the files must be.

marshmallow's own integers take ``true``, its booleans take ``"yes"``. These
take what the JSON says and nothing else.
"""

import json
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

from marshmallow import RAISE, Schema, ValidationError, fields

AMOUNT_MAX = 10**15
"""No amount in a file is larger, so that every sum fits the database."""

METADATA_BYTES_MAX = 8_192
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
_DECIMAL = re.compile(r"\d{1,6}(\.\d{1,6})?", re.ASCII)


Value = TypeVar("Value")


class Strictly(fields.Field[Value]):
    """A field that reads one JSON value, knowing nothing of those around it."""

    default_error_messages = {
        "required": "This field is required.",
        "null": "Must not be null.",
    }

    def _deserialize(
        self,
        value: Any,
        attr: str | None,  # noqa: ARG002 - the interface's
        data: Mapping[str, Any] | None,  # noqa: ARG002
        **kwargs: Any,  # noqa: ARG002
    ) -> Value:
        return self._read(value)

    def _read(self, value: Any) -> Value:
        """The value as it is kept, or a ValidationError."""
        raise NotImplementedError


class WholeNumber(Strictly[int]):
    """A JSON whole number within bounds; ``1.0``, ``"1"`` and ``true`` are refused."""

    def __init__(self, *, low: int = 0, high: int = AMOUNT_MAX, **kwargs: Any):
        self.low, self.high = low, high
        super().__init__(**kwargs)

    def _read(self, value: Any) -> int:
        if type(value) is not int:
            raise ValidationError("Must be a whole number.")
        if value < self.low:
            raise ValidationError(f"Must be at least {self.low}.")
        if value > self.high:
            raise ValidationError(f"Must be at most {self.high}.")
        return value


class YesNo(Strictly[bool]):
    """``true`` or ``false``, and nothing that looks like them."""

    def _read(self, value: Any) -> bool:
        if type(value) is not bool:
            raise ValidationError("Must be true or false.")
        return value


class Words(Strictly[str]):
    """A trimmed text that people can read: not empty, no control characters."""

    def __init__(self, *, longest: int, pattern: str | None = None, says: str = "", **kwargs: Any):
        self.longest, self.says = longest, says
        self.pattern = re.compile(pattern, re.ASCII) if pattern else None
        super().__init__(**kwargs)

    def _read(self, value: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("Must be text.")
        if _UNPRINTABLE.search(value):
            raise ValidationError("Must not contain control characters.")
        words: str = value.strip()
        if not words:
            raise ValidationError("Must not be empty.")
        if len(words) > self.longest:
            raise ValidationError(f"Must have at most {self.longest} characters.")
        if self.pattern and not self.pattern.fullmatch(words):
            raise ValidationError(self.says)
        return words


class Choice(Words):
    """One of a few words."""

    def __init__(self, choices: tuple[str, ...], **kwargs: Any):
        self.choices = choices
        super().__init__(longest=64, **kwargs)

    def _read(self, value: Any) -> str:
        if not isinstance(value, str) or value not in self.choices:
            raise ValidationError(f"Must be one of: {', '.join(self.choices)}.")
        return value


class DecimalText(Strictly[str]):
    """A number written as text, such as ``"1.5"``, so that no float ever touches it."""

    def __init__(self, *, low: str, high: str, **kwargs: Any):
        self.low, self.high = low, high
        super().__init__(**kwargs)

    def _read(self, value: Any) -> str:
        if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
            raise ValidationError('Must be a number written as text, such as "1.5".')
        if not Decimal(self.low) <= Decimal(value) <= Decimal(self.high):
            raise ValidationError(f"Must be from {self.low} to {self.high}.")
        return value


class Day(Strictly[str]):
    """A day of the calendar, such as ``"2026-12-01"``."""

    def _read(self, value: Any) -> str:
        if not isinstance(value, str) or not _DAY.fullmatch(value) or not _is_day(value):
            raise ValidationError('Must be a day such as "2026-12-01".')
        return value


class Clock(Strictly[str]):
    """A time on the clock, such as ``"22:00"``."""

    def _read(self, value: Any) -> str:
        if not isinstance(value, str) or not _CLOCK.fullmatch(value):
            raise ValidationError('Must be a time from "00:00" to "23:59".')
        return value


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


class Several(fields.List[Any]):
    """A list that is not empty, names nothing twice, and has an end."""

    def __init__(self, inner: fields.Field[Any], *, most: int = 1_000, **kwargs: Any):
        self.most = most
        super().__init__(inner, **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> list[Any]:
        found: list[Any] = super()._deserialize(value, *args, **kwargs)
        if not found:
            raise ValidationError("Must not be empty.")
        if len(found) > self.most:
            raise ValidationError(f"At most {self.most}.")
        if len(set(found)) < len(found):
            raise ValidationError("Must not name anything twice.")
        return found


class Metadata(Strictly[dict[str, Any]]):
    """A JSON object of at most 8 kB that the portal keeps and does not read."""

    def _read(self, value: Any) -> dict[str, Any]:
        problem = metadata_problem(value)
        if problem:
            raise ValidationError(problem)
        kept: dict[str, Any] = value
        return kept


def metadata_problem(value: Any) -> str | None:
    """What is wrong with ``value`` as metadata; None where nothing is."""
    if not isinstance(value, dict):
        return "Must be an object."
    try:
        size = len(json.dumps(value, ensure_ascii=False, allow_nan=False).encode())
    except (ValueError, TypeError, RecursionError):
        return "Must be plain JSON."
    return None if size <= METADATA_BYTES_MAX else "Must be at most 8 kB."


class ByKind(Strictly[dict[str, Any]]):
    """An object whose ``kind`` says which schema it follows."""

    def __init__(self, kinds: Mapping[str, type[Schema]], **kwargs: Any):
        self.kinds = kinds
        super().__init__(**kwargs)

    def _read(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise ValidationError("Must be an object.")
        kind = value.get("kind")
        if not isinstance(kind, str) or kind not in self.kinds:
            raise ValidationError({"kind": [f"Must be one of: {', '.join(self.kinds)}."]})
        loaded: dict[str, Any] = self.kinds[kind]().load(value)
        return loaded


def by_path(messages: Any, path: str = "") -> dict[str, list[str]]:
    """marshmallow's nested messages as one line each: ``earning[0].per``."""
    if isinstance(messages, list):
        return {path: [str(message) for message in messages]}
    found: dict[str, list[str]] = {}
    for key, inner in messages.items():
        if key == "_schema":
            where = path
        elif isinstance(key, int):
            where = f"{path}[{key}]"
        else:
            where = f"{path}.{key}" if path else str(key)
        for at, sentences in by_path(inner, where).items():
            found.setdefault(at, []).extend(sentences)
    return found


class Strict(Schema):
    """Unknown fields are errors, said in our words."""

    error_messages = {
        "unknown": "There is no such field.",
        "type": "Must be an object.",
    }

    class Meta:
        """marshmallow's settings."""

        unknown = RAISE


def id_field(**kwargs: Any) -> Words:
    """What something in a file is known by."""
    return Words(
        longest=36,
        pattern=r"[A-Za-z0-9][A-Za-z0-9._-]*",
        says="Must be letters, digits, dots, dashes and underscores.",
        **kwargs,
    )


def currency_field(**kwargs: Any) -> Words:
    """A unit of money or of points."""
    return Words(
        longest=16,
        pattern=r"[A-Za-z][A-Za-z0-9_-]*",
        says="Must be a currency code or a word of letters, digits and dashes.",
        **kwargs,
    )
