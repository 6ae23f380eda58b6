"""What the endpoint answers, as documented; :mod:`portal.web.api.answers` makes them."""

from typing import Any

from marshmallow import EXCLUDE, Schema, fields


def _text(**kwargs: Any) -> fields.String:
    return fields.String(required=True, **kwargs)


def _number(**kwargs: Any) -> fields.Integer:
    return fields.Integer(required=True, strict=True, **kwargs)


def _time(**kwargs: Any) -> fields.String:
    metadata = {"format": "date-time"} | kwargs.pop("metadata", {})
    return fields.String(required=True, metadata=metadata, **kwargs)


class Shape(Schema):
    """An answer: more members may join later, and readers pass over what they do not know."""

    class Meta:
        """marshmallow's settings."""

        unknown = EXCLUDE


class WarningShape(Shape):
    """Something to know that stopped nothing."""

    code = _text()
    legacy_code = fields.Integer(allow_none=True)
    detail = _text()


class Problem(Shape):
    """A refusal, after RFC 9457."""

    type = _text()
    title = _text()
    status = _number()
    detail = _text()
    code = _text(metadata={"description": "Its stable name."})
    legacy_code = fields.Integer(
        allow_none=True, metadata={"description": "Its number in the system of document 003."}
    )
    errors = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata={"description": "What is wrong, by field."},
    )


class Money(Shape):
    """An amount in the smallest unit of its currency."""

    amount = _number()
    currency = _text()


class DeadlineShape(Shape):
    """Points that can be used until they are gone."""

    expires_at = _time(
        allow_none=True, metadata={"description": "The first instant without them; null: never."}
    )
    expires_on = fields.String(
        required=True,
        allow_none=True,
        metadata={"format": "date", "description": "The last day, in the program's time zone."},
    )
    points = _number()


class Account(Shape):
    """A member of a program: who, how much, since when."""

    id = _text()
    external_id = _text(allow_none=True)
    program = _text()
    customer = _text(allow_none=True)
    household = _text(allow_none=True)
    status = _text(metadata={"enum": ["active", "frozen", "closed", "merged"]})
    balance = _number(metadata={"description": "What can be spent now; below zero in debt."})
    promised = _number(metadata={"description": "Points that wait for a date or a trigger."})
    lifetime_points = _number()
    lifetime_purchases = _number()
    balance_value = fields.Nested(Money, required=True, allow_none=True)
    tier = _text(allow_none=True)
    enrolled_at = _time(allow_none=True)
    created_at = _time()
    updated_at = _time()
    expiring_point_deadlines = fields.List(
        fields.Nested(DeadlineShape),
        metadata={
            "description": "Every coming date with its points, which sum up to the balance; "
            "absent where there is nothing to expire."
        },
    )
    unit = _text()
    sequence = _number(metadata={"description": "Rises with each line of its history."})
    metadata = fields.Dict(required=True)
    merged_from = fields.String(
        metadata={"description": "The merged account that was asked for; this is its survivor."}
    )
    warnings = fields.List(fields.Nested(WarningShape))


class AccountList(Shape):
    """A page of accounts."""

    data = fields.List(fields.Nested(Account), required=True)
    next_cursor = _text(allow_none=True)


class OrderShape(Shape):
    """The purchase behind an event."""

    id = _text(metadata={"description": "ord_…, or its number where it is not recorded here."})
    number = _text(metadata={"description": "The receipt number."})
    placed_at = _time()
    value = _number()
    currency = _text()


class EventShape(Shape):
    """What happened."""

    id = _text()
    name = _text()
    occurred_at = _time()
    recorded_at = _time()
    store = _text(allow_none=True)
    till = _text(allow_none=True)
    order = fields.Nested(OrderShape, required=True, allow_none=True)
    actor = _text()
    note = _text(allow_none=True)


class Transaction(Shape):
    """One line of an account's history."""

    id = _text()
    account = _text()
    type = _text()
    category = _text()
    amount = _number()
    balance_after = _number(metadata={"description": "In its category."})
    reason = _text(allow_none=True)
    metadata = fields.Dict(required=True)
    event = fields.Nested(EventShape, required=True)
    expires_at = _time(allow_none=True)
    expires_on = _text(allow_none=True, metadata={"format": "date"})
    reverses = _text(allow_none=True)
    reversed_by = fields.List(fields.String(), required=True)


class Pending(Shape):
    """What fell due and will be booked with the next movement; the balance has it already."""

    name = _text()
    type = _text()
    category = _text()
    amount = _number()
    balance_after = _number()
    occurred_at = _time()


class TransactionList(Shape):
    """A page of history, newest first; what is due and not booked yet stands beside it."""

    data = fields.List(fields.Nested(Transaction), required=True)
    pending = fields.List(fields.Nested(Pending), required=True)
    next_cursor = _text(allow_none=True)
    merged_from = fields.String()
    warnings = fields.List(fields.Nested(WarningShape))


class CategoryBalances(Shape):
    """Closing balances by category, zeros included."""

    regular = _number()
    promised = _number()
    trigger_based = _number()


class Balances(Shape):
    """What an account held at a time."""

    account = _text()
    program = _text()
    unit = _text()
    at = _time()
    by = _text()
    balances = fields.Nested(CategoryBalances, required=True)
    merged_from = fields.String()
    warnings = fields.List(fields.Nested(WarningShape))


class CustomerBalances(Shape):
    """What a customer held at a time, in every program."""

    customer = _text()
    at = _time()
    by = _text()
    data = fields.List(fields.Nested(Balances), required=True)
    merged_from = fields.String()
    warnings = fields.List(fields.Nested(WarningShape))


class KnownBy(Shape):
    """One thing a customer is known by."""

    type = _text()
    value = _text()
    source = _text(allow_none=True)
    source_account = _text(allow_none=True)
    verified_at = _time(allow_none=True)


class CustomerShape(Shape):
    """A person, and all their accounts."""

    id = _text()
    first_name = _text(allow_none=True)
    last_name = _text(allow_none=True)
    birth_date = _text(allow_none=True, metadata={"format": "date"})
    language = _text(allow_none=True)
    fraud_status = _text(metadata={"enum": ["none", "suspected", "confirmed"]})
    referred_by = _text(allow_none=True)
    identifiers = fields.List(fields.Nested(KnownBy), required=True)
    metadata = fields.Dict(required=True)
    created_at = _time()
    updated_at = _time()
    accounts = fields.List(fields.Nested(Account), required=True)
    merged_from = fields.String()
    warnings = fields.List(fields.Nested(WarningShape))


class CustomerEventEntry(Shape):
    """What an event did in one program and category."""

    id = _text()
    account = _text()
    program = _text()
    type = _text()
    category = _text()
    amount = _number()
    balance_after = _number()


class CustomerEventShape(Shape):
    """An event with its entries in all programs; ``net`` is credits less debits."""

    event = fields.Nested(EventShape, required=True)
    entries = fields.List(fields.Nested(CustomerEventEntry), required=True)
    net = _number()


class CustomerEventList(Shape):
    """A page of a customer's events, newest first."""

    data = fields.List(fields.Nested(CustomerEventShape), required=True)
    next_cursor = _text(allow_none=True)
    merged_from = fields.String()
    warnings = fields.List(fields.Nested(WarningShape))


class ProgramShape(Shape):
    """A program as its file says it."""

    id = _text()
    name = _text()
    currency = _text()
    decimals = _number()
    timezone = _text()


class ProgramList(Shape):
    """Every program."""

    data = fields.List(fields.Nested(ProgramShape), required=True)
    next_cursor = _text(allow_none=True)


class RedemptionShape(Shape):
    """A spend, from hold to reversal."""

    id = _text()
    status = _text(metadata={"enum": ["captured", "held", "voided", "reversed", "partly_reversed"]})
    account = _text()
    points = _number()
    value = fields.Integer(required=True, allow_none=True, strict=True)
    currency = _text(allow_none=True)
    points_reversed = _number()
    created_at = _time()
    expires_at = _time(allow_none=True, metadata={"description": "When a hold ends by itself."})
    warnings = fields.List(fields.Nested(WarningShape))


class RestoredShape(Shape):
    """Points that were given back."""

    points = _number()
    expires_at = _time(allow_none=True)


class ReversalShape(Shape):
    """What a reversal gave back."""

    id = _text()
    redemption = _text()
    points = _number()
    points_reversed = _number(metadata={"description": "In all, so far."})
    restored = fields.List(fields.Nested(RestoredShape), required=True)
