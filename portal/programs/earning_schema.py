"""What each kind of earning rule in a program file may say.

What is optional has no default written into the stored document, so that
files of before stay as they are.
"""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from portal.programs.fields import (
    Choice,
    Clock,
    Day,
    DecimalText,
    Several,
    Strict,
    WholeNumber,
    Words,
    YesNo,
    currency_field,
    id_field,
)
from portal.programs.rules import WEEKDAYS

WAIT_DAYS_MAX = 3_650
_TAX = ("included", "excluded")
_STORE_LENGTH_MAX = 64
_ITEM_LENGTH_MAX = 128


def _event(**kwargs: Any) -> Words:
    return Words(
        longest=64,
        pattern=r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*",
        says="Must be the name of an event, such as account.created.",
        **kwargs,
    )


def _name() -> Words:
    return Words(longest=60)


class SpendSchema(Strict):
    """Points per amount spent."""

    id = id_field(required=True)
    kind = Choice(("spend",), required=True)
    currency = currency_field(required=True)
    per = WholeNumber(low=1, required=True)
    points = WholeNumber(low=1, required=True)
    tax = Choice(_TAX, load_default="included")
    wait_days = WholeNumber(high=WAIT_DAYS_MAX, load_default=0)
    whole = YesNo()


class ItemSchema(Strict):
    """Points for some items, by how many of them or by what they cost."""

    id = id_field(required=True)
    kind = Choice(("item",), required=True)
    name = _name()
    skus = Several(Words(longest=_ITEM_LENGTH_MAX))
    categories = Several(Words(longest=_ITEM_LENGTH_MAX))
    points = WholeNumber(low=1, required=True)
    each = WholeNumber(low=1)
    currency = currency_field()
    per = WholeNumber(low=1)
    tax = Choice(_TAX)
    whole = YesNo()
    wait_days = WholeNumber(high=WAIT_DAYS_MAX)

    @validates_schema
    def _agree(self, data: dict[str, Any], **_: Any) -> None:
        if "skus" not in data and "categories" not in data:
            raise ValidationError("Say which: skus, categories, or both.", "skus")
        if "each" in data and "per" in data:
            raise ValidationError("Count items (each) or money (per), not both.", "per")
        _by_money(data)


class VisitSchema(Strict):
    """Points for an order, whatever it costs."""

    id = id_field(required=True)
    kind = Choice(("visit",), required=True)
    name = _name()
    points = WholeNumber(low=1, required=True)
    once_a_day = YesNo()
    wait_days = WholeNumber(high=WAIT_DAYS_MAX)


# Not classes, because "from" is a word of Python.
HoursSchema = Strict.from_dict(
    {"from": Clock(required=True), "to": Clock(required=True)}, name="HoursSchema"
)
_PromotionFields = Strict.from_dict(
    {
        "id": id_field(required=True),
        "kind": Choice(("promotion",), required=True),
        "name": _name(),
        "multiplier": DecimalText(low="1", high="100"),
        "bonus": WholeNumber(low=1),
        "from": Day(),
        "to": Day(),
        "weekdays": Several(Choice(WEEKDAYS)),
        "hours": fields.Nested(HoursSchema),
        "stores": Several(Words(longest=_STORE_LENGTH_MAX)),
        "currency": currency_field(),
        "min_value": WholeNumber(low=1),
        "per_member": WholeNumber(low=1),
        "total": WholeNumber(low=1),
        "wait_days": WholeNumber(high=WAIT_DAYS_MAX),
    },
    name="PromotionFields",
)


class PromotionSchema(_PromotionFields):  # type: ignore[misc, valid-type]
    """A multiplier or a bonus, for a while, in some places, so many times."""

    @validates_schema
    def _agree(self, data: dict[str, Any], **_: Any) -> None:
        if ("multiplier" in data) == ("bonus" in data):
            raise ValidationError("Say either multiplier or bonus.", "multiplier")
        if "multiplier" in data and data.get("wait_days"):
            raise ValidationError("A multiplier waits as what it multiplies does.", "wait_days")
        if "from" in data and "to" in data and data["from"] > data["to"]:
            raise ValidationError("Must not be before from.", "to")
        if "hours" in data and data["hours"]["from"] == data["hours"]["to"]:
            raise ValidationError({"hours": {"to": ["Must not be the same as from."]}})
        if "min_value" in data and "currency" not in data:
            raise ValidationError("Say in which currency min_value is.", "currency")


class TriggerSchema(Strict):
    """Points of an order that wait for a named trigger."""

    id = id_field(required=True)
    kind = Choice(("trigger",), required=True)
    name = _name()
    trigger = _event(required=True)
    points = WholeNumber(low=1, required=True)
    currency = currency_field()
    per = WholeNumber(low=1)
    tax = Choice(_TAX)
    whole = YesNo()

    @validates_schema
    def _agree(self, data: dict[str, Any], **_: Any) -> None:
        _by_money(data)


class EventSchema(Strict):
    """Points on an event."""

    id = id_field(required=True)
    kind = Choice(("event",), required=True)
    name = _name()
    event = _event(required=True)
    points = WholeNumber(low=1, required=True)
    rewards = Choice(("member", "referrer"))
    wait_days = WholeNumber(high=WAIT_DAYS_MAX)

    @validates_schema
    def _agree(self, data: dict[str, Any], **_: Any) -> None:
        if data["event"] == "account.created" and data.get("rewards") == "referrer":
            raise ValidationError("Joining rewards who joins; use the event referral.", "rewards")


def _by_money(data: dict[str, Any]) -> None:
    """What counts money says in which currency; what does not, nothing about money."""
    if "per" in data and "currency" not in data:
        raise ValidationError("Say in which currency per is.", "currency")
    if "per" not in data:
        for name in ("tax", "whole"):
            if name in data:
                raise ValidationError("Only where per says an amount.", name)


EARNINGS: dict[str, type[Schema]] = {
    "spend": SpendSchema,
    "item": ItemSchema,
    "visit": VisitSchema,
    "promotion": PromotionSchema,
    "trigger": TriggerSchema,
    "event": EventSchema,
}
"""What each kind of earning rule may say; beside ``rules.KINDS``."""
