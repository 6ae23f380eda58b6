"""What the endpoint answers about orders: quotes, orders, refunds, and events."""

from collections.abc import Iterable, Mapping, Sequence

from marshmallow import fields

from portal.checkout import Gain, OrderState, Quote, Refund, Source, Warning
from portal.errors import PortalError
from portal.orders import Happened
from portal.web.api.answers import Content, redemption, warning
from portal.web.api.shapes import (
    Account,
    RedemptionShape,
    Shape,
    WarningShape,
    moment,
    whole,
    words,
)
from portal.web.api.wire import instant


class RefusalShape(Shape):
    """Why something could not be done, and what would help."""

    code = words()
    legacy_code = fields.Integer(allow_none=True)
    detail = words()


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
    rewards = fields.List(fields.Dict(), required=True)
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


def gain(shown: Gain) -> Content:
    """What is earned in one program."""
    return {
        "program": shown.program_id,
        "account": shown.account_id,
        "points": shown.points,
        "promised": shown.promised,
        "available_at": instant(shown.available_at),
        "trigger": shown.trigger,
        "expires_at": instant(shown.expires_at),
        "explanation": shown.explanation,
    }


def refusal(error: PortalError) -> Content:
    """A reason why not, with what helps."""
    told = {"code": error.code, "legacy_code": error.legacy_code, "detail": error.detail}
    return {**error.facts, **told}


def warnings(told: Iterable[Warning]) -> list[Content]:
    """What stopped nothing."""
    return [warning(one.code, one.detail, one.legacy_code) for one in told]


def quote(view: Quote) -> Content:
    """What an order may cost and bring."""
    return {
        "id": view.id,
        "spendable": view.spendable,
        "max_points": view.max_points,
        "min_points": view.min_points,
        "multiple_of": view.multiple_of,
        "max_value": view.max_value,
        "would_earn": view.would_earn.points if view.would_earn else 0,
        "earning": [gain(view.would_earn)] if view.would_earn else [],
        "approval": view.approval,
        "refusals": [refusal(error) for error in view.refusals],
        "sources": [_source(source) for source in view.sources],
        "rewards": [],
        "expires_at": instant(view.expires_at),
        "warnings": warnings(view.warnings),
    }


def _source(view: Source) -> Content:
    return {
        "account": view.account_id,
        "program": view.program_id,
        "spendable": view.spendable,
        "max_points": view.max_points,
        "min_points": view.min_points,
        "multiple_of": view.multiple_of,
        "max_value": view.max_value,
        "approval": view.approval,
        "refusals": [refusal(error) for error in view.refusals],
    }


def order(view: OrderState, accounts: Sequence[Content]) -> Content:
    """An order as it stands."""
    return {
        "id": view.id,
        "number": view.number,
        "store": view.store,
        "till": view.till,
        "status": view.status,
        "customer": view.customer_id,
        "value": view.value,
        "currency": view.currency,
        "amount_due": view.amount_due,
        "refunded": view.refunded,
        "redemptions": [redemption(one) for one in view.redemptions],
        "earned": [gain(one) for one in view.earned],
        "accounts": list(accounts),
        "placed_at": instant(view.placed_at),
        "created_at": instant(view.created_at),
        "expires_at": instant(view.held_until),
        "metadata": view.metadata,
        "warnings": warnings(view.warnings),
    }


def refund(view: Refund) -> Content:
    """What a refund took back and gave back."""
    return {
        "id": view.id,
        "order": view.order_id,
        "value": view.value,
        "currency": view.currency,
        "points_taken_back": view.points_taken_back,
        "points_given_back": view.points_given_back,
        "value_given_back": view.value_given_back,
        "amount_returned": view.amount_returned,
        "refunded": view.refunded,
        "parts": [
            {
                "account": part.account_id,
                "program": part.program_id,
                "points_taken_back": part.points_taken_back,
                "points_given_back": part.points_given_back,
            }
            for part in view.parts
        ],
        "created_at": instant(view.created_at),
    }


def happened(view: Happened, *, program: str, sentences: Mapping[str, str]) -> Content:
    """What an event brought; ``sentences`` say what each warning means."""
    return {
        "id": view.id,
        "name": view.name,
        "account": view.account_id,
        "earned": [
            {
                "program": program,
                "account": rewarded.account_id,
                "points": rewarded.points,
                "promised": rewarded.available_from is not None,
                "available_at": instant(rewarded.available_from),
                "trigger": None,
                "expires_at": instant(rewarded.expires_at),
                "explanation": rewarded.explanation,
            }
            for rewarded in view.rewarded
        ],
        "released": view.released,
        "warnings": [warning(code, sentences[code]) for code in view.warnings],
    }
