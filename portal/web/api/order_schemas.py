"""What the endpoint takes about orders: quotes, orders, refunds, and what happened besides."""

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from portal.programs.fields import Metadata, WholeNumber, Words, YesNo
from portal.web.api.fields import Day, Moment, OneOrMore
from portal.web.api.schemas import (
    HOLD_RULE,
    NAMINGS,
    ApprovalGiven,
    Naming,
    Strict,
    check_hold,
    currency_field,
    identifier_field,
    program_field,
    reference_field,
)

LINES_MAX = 500
PARTS_MAX = 50
"""Of one order: splits, and sources that pay it."""

MINUTES_MAX = 525_600


class OrderLine(Strict):
    """A line of the receipt. `value` is that of the whole quantity."""

    sku = Words(longest=64, required=True, metadata={"examples": ["coffee-250"]})
    category = Words(longest=64, metadata={"examples": ["coffee"]})
    quantity = WholeNumber(low=1, required=True)
    value = WholeNumber(low=0, required=True)
    tax = WholeNumber(low=0, metadata={"description": "Part of the value."})

    @validates_schema(skip_on_field_errors=True)
    def _part(self, loaded: dict[str, Any], **_: Any) -> None:
        if loaded.get("tax", 0) > loaded["value"]:
            raise ValidationError("The tax is part of the value, and cannot be more.", "tax")


def _lines(adding_up_to: str) -> fields.List[Any]:
    return fields.List(
        fields.Nested(OrderLine),
        validate=validate.Length(
            1, LINES_MAX, error="Must have from {min} to {max} lines, or be left out."
        ),
        metadata={"description": f"Adding up to the value {adding_up_to}."},
    )


class QuotedOrder(Strict):
    """The order to come."""

    value = WholeNumber(low=0, required=True, metadata={"description": "Before any points."})
    currency = currency_field(required=True)
    lines = _lines("of the order")


class NewQuote(Naming):
    """Whose points, and for which order."""

    order = fields.Nested(QuotedOrder, required=True)
    store = Words(longest=64)
    till = Words(longest=64)
    issue_code = YesNo(
        load_default=False,
        metadata={"description": "Send the member a one-time code, where the program asks for it."},
    )


class RedeemPart(Strict):
    """Points to pay with: either `points` or `value`, from one account."""

    points = WholeNumber(low=1, metadata={"description": "In the program's smallest unit."})
    value = WholeNumber(low=1, metadata={"description": "In the order's currency."})
    account = reference_field("loy")
    program = program_field()

    rules = {
        "oneOf": [{"required": ["points"]}, {"required": ["value"]}],
        "not": {"required": ["account", "program"]},
    }

    @validates_schema(skip_on_field_errors=True)
    def _one_amount(self, loaded: dict[str, Any], **_: Any) -> None:
        if ("points" in loaded) == ("value" in loaded):
            raise ValidationError("Give either points or value.", "points")
        if "account" in loaded and "program" in loaded:
            raise ValidationError("Name the account or the program, not both.", "program")


class RewardPart(Strict):
    """A credit that a part of the payment brings."""

    value = WholeNumber(low=1, required=True, metadata={"description": "In the program's unit."})
    expiration_date = Day(metadata={"description": "The last day on which it can be used."})
    program = program_field()


class SplitPart(Strict):
    """A part of the payment."""

    value = WholeNumber(low=1, required=True)
    seller = Words(longest=64)
    reward = fields.Nested(RewardPart)


class NewOrder(Strict):
    """A purchase: what it cost, who bought it, what is paid with points."""

    id = Words(
        longest=64,
        required=True,
        metadata={"description": "The receipt number, unique in its store."},
    )
    value = WholeNumber(low=0, required=True, metadata={"description": "Before any points."})
    currency = currency_field(required=True)
    placed_at = Moment(
        metadata={"description": "Now, where it is left out; 5 minutes ahead to 90 days back."}
    )
    store = Words(longest=64, metadata={"description": "The key's own, else `web`."})
    till = Words(longest=64)
    lines = _lines("of the order")
    account = reference_field("loy")
    customer = reference_field("cus")
    household = reference_field("hh")
    identifier = identifier_field()
    program = program_field()
    quote = reference_field("quo")
    redeem = OneOrMore(
        RedeemPart(), most=PARTS_MAX, metadata={"description": "Points to pay with."}
    )
    earn = YesNo(load_default=True, metadata={"description": "Whether it earns."})
    splits = fields.List(
        fields.Nested(SplitPart),
        validate=validate.Length(
            1, PARTS_MAX, error="Must have from {min} to {max} parts, or be left out."
        ),
        metadata={"description": "Parts of the payment, of no more than the order together."},
    )
    capture = YesNo(
        load_default=True,
        metadata={"description": "False holds the points; nothing is earned until it is captured."},
    )
    hold_minutes = WholeNumber(low=1, high=MINUTES_MAX)
    approval = fields.Nested(ApprovalGiven)
    metadata = Metadata()

    rules = {
        "not": {
            "anyOf": [
                {"required": [one, other]}
                for number, one in enumerate(NAMINGS)
                for other in NAMINGS[number + 1 :]
            ]
        },
        "allOf": [HOLD_RULE],
    }

    @validates_schema(skip_on_field_errors=True)
    def _one_name(self, loaded: dict[str, Any], **_: Any) -> None:
        named = [name for name in NAMINGS if name in loaded]
        if len(named) > 1:
            raise ValidationError("Name the account in one way only.", named[1])
        check_hold(loaded)


class NewRefund(Strict):
    """What is returned of an order."""

    value = WholeNumber(
        low=1, required=True, metadata={"description": "Of the order's value, points included."}
    )
    lines = _lines("of the refund")


class NewEvent(Naming):
    """Something that earning rules wait for."""

    name = Words(
        longest=64,
        pattern=r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*",
        says="Must be the name of an event, such as birthday.",
        required=True,
        metadata={"examples": ["birthday", "referral"]},
    )
    id = Words(
        longest=64,
        required=True,
        metadata={"description": "Your own; what it brings is brought once for each id."},
    )
    occurred_at = Moment(metadata={"description": "Now, where it is left out."})
