"""What the endpoint answers about orders, as documented: quotes, orders, refunds, and events."""

from marshmallow import fields

from portal.web.api.reward_shapes import FittingRewardShape, UsedVoucher
from portal.web.api.shapes import (
    Account,
    RedemptionShape,
    RefusalShape,
    Shape,
    WarningShape,
    moment,
    whole,
    words,
)


class EarnedShape(Shape):
    """What is earned in one program, and why."""

    program = words()
    account = words(allow_none=True)
    points = whole()
    promised = fields.Boolean(
        required=True, metadata={"description": "Whether they count later, not yet."}
    )
    available_at = moment(allow_none=True, metadata={"description": "From when they count."})
    trigger = words(allow_none=True, metadata={"description": "What they wait for, if not a date."})
    expires_at = moment(allow_none=True, metadata={"description": "When they are gone."})
    explanation = words(metadata={"description": "How the points come about, for people."})


class SourceShape(Shape):
    """What one account can pay of an order."""

    account = words()
    program = words()
    spendable = whole()
    max_points = whole()
    min_points = whole()
    multiple_of = whole()
    max_value = fields.Integer(required=True, allow_none=True, strict=True)
    approval = words()
    refusals = fields.List(fields.Nested(RefusalShape), required=True)


def _figure(description: str) -> fields.Integer:
    return fields.Integer(
        required=True, allow_none=True, strict=True, metadata={"description": description}
    )


class QuoteShape(Shape):
    """What an order may cost and bring. It binds until `expires_at`, for one use."""

    id = words()
    spendable = _figure("Points; null where a customer's points are of several programs.")
    max_points = _figure("The most that can be redeemed for this order.")
    min_points = _figure("The least.")
    multiple_of = _figure("Points are redeemed in such steps.")
    max_value = _figure("What `max_points` pay, in the order's currency; null without a rate.")
    would_earn = whole(metadata={"description": "Points that the order would bring."})
    earning = fields.List(
        fields.Nested(EarnedShape),
        required=True,
        metadata={"description": "The same, with the reasons."},
    )
    approval = words(metadata={"enum": ["none", "member_code", "one_time_code"]})
    refusals = fields.List(
        fields.Nested(RefusalShape),
        required=True,
        metadata={"description": "Why no points can be redeemed; empty where they can."},
    )
    sources = fields.List(
        fields.Nested(SourceShape),
        required=True,
        metadata={"description": "What each account can pay."},
    )
    rewards = fields.List(
        fields.Nested(FittingRewardShape),
        required=True,
        metadata={"description": "Rewards that the order can take, and that points reach nearly."},
    )
    vouchers = fields.List(
        fields.Nested(UsedVoucher),
        required=True,
        metadata={"description": "Open vouchers of the member that the order can take."},
    )
    expires_at = moment()
    warnings = fields.List(fields.Nested(WarningShape), required=True)


class PlacedOrder(Shape):
    """An order, what it redeemed, and what it earned."""

    id = words(metadata={"description": "ord_…"})
    number = words(metadata={"description": "The receipt number."})
    store = words()
    till = words(allow_none=True)
    status = words(metadata={"enum": ["held", "captured", "voided", "partly_refunded", "refunded"]})
    customer = words(allow_none=True)
    value = whole()
    currency = words()
    amount_due = whole(metadata={"description": "What points did not pay."})
    refunded = whole(metadata={"description": "Of its value, so far."})
    redemptions = fields.List(fields.Nested(RedemptionShape), required=True)
    earned = fields.List(fields.Nested(EarnedShape), required=True)
    accounts = fields.List(
        fields.Nested(Account),
        required=True,
        metadata={"description": "Those it touched, as they stand now."},
    )
    placed_at = moment()
    created_at = moment()
    expires_at = moment(allow_none=True, metadata={"description": "When a hold ends by itself."})
    metadata = fields.Dict(required=True)
    warnings = fields.List(fields.Nested(WarningShape), required=True)


class RefundPartShape(Shape):
    """What a refund did to one account."""

    account = words()
    program = words()
    points_taken_back = whole()
    points_given_back = whole()


class RefundShape(Shape):
    """A refund of an order."""

    id = words()
    order = words()
    value = whole()
    currency = words()
    points_taken_back = whole(metadata={"description": "Of what the order had earned."})
    points_given_back = whole(metadata={"description": "Of what was paid with points."})
    value_given_back = whole(metadata={"description": "What those points were worth."})
    amount_returned = whole(metadata={"description": "What is to be paid back in money."})
    refunded = whole(metadata={"description": "Of the order's value, in all so far."})
    parts = fields.List(fields.Nested(RefundPartShape), required=True)
    created_at = moment()


class HappenedShape(Shape):
    """What an event brought."""

    id = words()
    name = words()
    account = words()
    earned = fields.List(fields.Nested(EarnedShape), required=True)
    released = whole(metadata={"description": "Points that waited for this and count now."})
    warnings = fields.List(fields.Nested(WarningShape), required=True)
