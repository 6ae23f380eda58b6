"""The reward file: what may stand in it, and what is meant where it is silent.

Loading gives the same document with every default filled in, JSON-ready.
"""

import re
from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from portal.programs.fields import (
    Choice,
    Day,
    DecimalText,
    Strict,
    Strictly,
    WholeNumber,
    Words,
    YesNo,
    by_path,
    id_field,
)
from portal.rewards.errors import InvalidReward
from portal.rewards.values import Kind, OnLapse

NAMES_MAX = 200
_UNPRINTABLE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
_AMOUNT = WholeNumber(low=1)
_SHARE = DecimalText(low="0.000001", high="1")


class Prose(Strictly[str]):
    """A text of some lines, which may be empty."""

    def __init__(self, *, longest: int, **kwargs: Any):
        self.longest = longest
        super().__init__(**kwargs)

    def _read(self, value: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("Must be text.")
        prose: str = value.replace("\r\n", "\n").strip()
        if _UNPRINTABLE.search(prose):
            raise ValidationError("Must not contain control characters.")
        if len(prose) > self.longest:
            raise ValidationError(f"Must have at most {self.longest} characters.")
        return prose


class Names(fields.List[Any]):
    """A list of names, none of them twice; empty does not limit."""

    def __init__(self, **kwargs: Any):
        super().__init__(Words(longest=64), load_default=list, **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> list[Any]:
        found: list[Any] = super()._deserialize(value, *args, **kwargs)
        if len(found) > NAMES_MAX:
            raise ValidationError(f"At most {NAMES_MAX}.")
        if len(set(found)) < len(found):
            raise ValidationError("Must not name anything twice.")
        return found


class _AsItComes(Strictly[Any]):
    """A value that another field says how to read."""

    def _read(self, value: Any) -> Any:
        return value


def _limit(low: int) -> WholeNumber:
    return WholeNumber(low=low, load_default=None, allow_none=True)


class RewardSchema(Strict):
    """The whole file."""

    id = id_field(required=True)
    program = id_field(required=True)
    name = Words(longest=120, required=True)
    description = Prose(longest=2_000, load_default="")
    price = WholeNumber(low=1, required=True)
    kind = Choice(tuple(Kind), required=True)
    value = _AsItComes(load_default=None, allow_none=True)
    stock = _limit(0)
    per_member = _limit(1)
    valid_from = Day(load_default=None, allow_none=True)
    valid_to = Day(load_default=None, allow_none=True)
    tiers = Names()
    stores = Names()
    categories = Names()
    position = WholeNumber(high=1_000_000, load_default=0)
    voucher_days = WholeNumber(low=1, high=3_650, load_default=30)
    on_lapse = Choice(tuple(OnLapse), load_default=OnLapse.RETURN.value)
    picture = Words(longest=255, load_default=None, allow_none=True)
    active = YesNo(load_default=True)

    @validates_schema(skip_on_field_errors=False)
    def _worth(self, data: dict[str, Any], **_: Any) -> None:
        kind, value = data.get("kind"), data.get("value")
        try:
            if kind == Kind.AMOUNT_OFF:
                _AMOUNT.deserialize(value)
            elif kind == Kind.SHARE_OFF:
                _SHARE.deserialize(value)
            elif kind is not None and value is not None:
                raise ValidationError("Must be null for this kind.")
        except ValidationError as error:
            raise ValidationError(error.messages, "value") from error

    @validates_schema(skip_on_field_errors=False)
    def _days(self, data: dict[str, Any], **_: Any) -> None:
        first, last = data.get("valid_from"), data.get("valid_to")
        if first and last and first > last:
            raise ValidationError("Must not be before valid_from.", "valid_to")


def check(document: Any) -> dict[str, Any]:
    """The document with its defaults filled in.

    Raises:
        InvalidReward: ``fields`` says what is wrong with each field, by its path.
    """
    try:
        checked: dict[str, Any] = RewardSchema().load(document)
    except ValidationError as error:
        raise invalid(by_path(error.messages)) from error
    return checked


def invalid(found: dict[str, list[str]]) -> InvalidReward:
    """The refusal that names these fields."""
    first, sentences = next(iter(found.items()))
    return InvalidReward(f"{first}: {sentences[0]}" if first else sentences[0], fields=found)
