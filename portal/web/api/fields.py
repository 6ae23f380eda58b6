"""Fields that only a request has: times, days, and what stands in a query.

Whole numbers, words and flags are those of the program files
(:mod:`portal.programs.fields`): ``"100"`` and ``true`` are no numbers there
either. Each field here tells the OpenAPI document exactly what it takes.
"""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from marshmallow import Schema, ValidationError, fields

from portal.programs.fields import Choice, Metadata, Strictly, WholeNumber, Words, YesNo

CONTROL = r"\u0000-\u001f\u007f-\u009f\u2028\u2029\ufffe\uffff"
WORDS_PATTERN = rf"^[^{CONTROL}]*[^\s{CONTROL}][^{CONTROL}]*$"
"""What :class:`Words` without a pattern of their own take: not blank, no control characters."""

_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_COUNT = re.compile(r"[0-9]{1,18}", re.ASCII)


class Count(WholeNumber):
    """A whole number in a query, where everything is text: ``20``; not ``+20`` or ``2e1``."""

    def _read(self, value: Any) -> int:
        if not isinstance(value, str) or not _COUNT.fullmatch(value):
            raise ValidationError("Must be a whole number.")
        return super()._read(int(value))


class Choices(Strictly[tuple[str, ...]]):
    """Some of a few words, in a query: repeated, or with commas between."""

    def __init__(self, choices: Sequence[str], **kwargs: Any):
        self.choice = Choice(tuple(choices))
        super().__init__(**kwargs)

    def _read(self, value: Any) -> tuple[str, ...]:
        given = [value] if isinstance(value, str) else value
        return tuple(self.choice.deserialize(word) for words in given for word in words.split(","))


class Moment(Strictly[datetime]):
    """An instant: RFC 3339 with its zone."""

    def _read(self, value: Any) -> datetime:
        wrong = ValidationError(
            "Must be a time as RFC 3339 with its zone, such as 2026-03-01T12:00:00Z."
        )
        if not isinstance(value, str):
            raise wrong
        # A plus sign in a query means a space, and few callers escape it.
        if len(value) > 6 and value[-6] == " ":
            value = f"{value[:-6]}+{value[-5:]}"
        if not _INSTANT.fullmatch(value):
            raise wrong
        try:
            moment = datetime.fromisoformat(value.upper())
        except ValueError as error:
            raise wrong from error
        try:
            return moment.astimezone(UTC)
        except OverflowError:
            # A zone can push the first and the last day beyond the calendar.
            return moment.replace(tzinfo=UTC)


class Day(Strictly[date]):
    """A day of the calendar: ``2026-12-31``."""

    def _read(self, value: Any) -> date:
        wrong = ValidationError("Must be a day, such as 2026-12-31.")
        if not isinstance(value, str) or not _DAY.fullmatch(value):
            raise wrong
        try:
            return date.fromisoformat(value)
        except ValueError as error:
            raise wrong from error


class Either(fields.Field[Any]):
    """An object of its own schema, or the id of one."""

    default_error_messages = {"null": "Must not be null."}

    def __init__(self, *, by_id: Words, described: Any, **kwargs: Any):
        self.by_id, self.described = by_id, described
        super().__init__(**kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, dict):
            return self.described.load(value)
        return self.by_id.deserialize(value, attr, data, **kwargs)


class OneOrMore(Strictly[list[Any]]):
    """An object of one schema, or a list of them; always read as a list."""

    def __init__(self, described: Schema, *, most: int, **kwargs: Any):
        self.described, self.most = described, most
        super().__init__(**kwargs)

    def _read(self, value: Any) -> list[Any]:
        if not isinstance(value, list):
            return [self.described.load(value)]
        if not 1 <= len(value) <= self.most:
            raise ValidationError(f"Must have from 1 to {self.most} parts.")
        loaded, wrong = [], {}
        for number, part in enumerate(value):
            try:
                loaded.append(self.described.load(part))
            except ValidationError as error:
                wrong[number] = error.messages
        if wrong:
            raise ValidationError(wrong)
        return loaded


def properties(_converter: Any, field: fields.Field[Any], **_: Any) -> dict[str, Any]:
    """What ``field`` takes, in JSON Schema; an attribute function of apispec."""
    match field:
        case Choice():
            return {"type": "string", "enum": list(field.choices)}
        case Words():
            pattern = f"^{field.pattern.pattern}$" if field.pattern else WORDS_PATTERN
            return {
                "type": "string",
                "minLength": 1,
                "maxLength": field.longest,
                "pattern": pattern,
            }
        case WholeNumber():
            return {"type": "integer", "minimum": field.low, "maximum": field.high}
        case Choices():
            return {
                "type": "array",
                "items": {"type": "string", "enum": list(field.choice.choices)},
            }
        case YesNo():
            return {"type": "boolean"}
        case Metadata():
            return {"type": "object", "description": "Your own JSON object, at most 8 kB."}
        case Moment():
            return {"type": "string", "format": "date-time"}
        case Day():
            return {"type": "string", "format": "date"}
        case _:
            return {}
