"""What the endpoint answers, as documented; :mod:`portal.web.api.answers` makes them."""

from typing import Any

from marshmallow import EXCLUDE, Schema, fields


def words(**kwargs: Any) -> fields.String:
    """Words."""
    return fields.String(required=True, **kwargs)


def whole(**kwargs: Any) -> fields.Integer:
    """A whole number."""
    return fields.Integer(required=True, strict=True, **kwargs)


def moment(**kwargs: Any) -> fields.String:
    """An instant, RFC 3339 in UTC."""
    metadata = {"format": "date-time"} | kwargs.pop("metadata", {})
    return fields.String(required=True, metadata=metadata, **kwargs)


class Shape(Schema):
    """An answer: more members may join later, and readers pass over what they do not know."""

    class Meta:
        """marshmallow's settings."""

        unknown = EXCLUDE


class WarningShape(Shape):
    """Something to know that stopped nothing."""

    code = words()
    legacy_code = fields.Integer(allow_none=True)
    detail = words()


class RefusalShape(Shape):
    """Why something could not be done, and what would help."""

    code = words()
    legacy_code = fields.Integer(allow_none=True)
    detail = words()


class Problem(Shape):
    """A refusal, after RFC 9457."""

    type = words()
    title = words()
    status = whole()
    detail = words()
    code = words(metadata={"description": "Its stable name."})
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

    amount = whole()
    currency = words()


class DeadlineShape(Shape):
    """Points that can be used until they are gone."""

    expires_at = moment(
        allow_none=True, metadata={"description": "The first instant without them; null: never."}
    )
    expires_on = fields.String(
        required=True,
        allow_none=True,
        metadata={"format": "date", "description": "The last day, in the program's time zone."},
    )
    points = whole()


class Account(Shape):
    """A member of a program: who, how much, since when."""

    id = words()
    external_id = words(allow_none=True)
    program = words()
    customer = words(allow_none=True)
    household = words(allow_none=True)
    status = words(metadata={"enum": ["active", "frozen", "closed", "merged"]})
    balance = whole(metadata={"description": "What can be spent now; below zero in debt."})
    promised = whole(metadata={"description": "Points that wait for a date or a trigger."})
    lifetime_points = whole()
    lifetime_purchases = whole()
    balance_value = fields.Nested(Money, required=True, allow_none=True)
    tier = words(allow_none=True)
    enrolled_at = moment(allow_none=True)
    created_at = moment()
    updated_at = moment()
    expiring_point_deadlines = fields.List(
        fields.Nested(DeadlineShape),
        metadata={
            "description": "Every coming date with its points, which sum up to the balance; "
            "absent where there is nothing to expire."
        },
    )
    unit = words()
    sequence = whole(metadata={"description": "Rises with each line of its history."})
    metadata = fields.Dict(required=True)
    merged_from = fields.String(
        metadata={"description": "The merged account that was asked for; this is its survivor."}
    )
    warnings = fields.List(fields.Nested(WarningShape))


class AccountList(Shape):
    """A page of accounts."""

    data = fields.List(fields.Nested(Account), required=True)
    next_cursor = words(allow_none=True)


class OrderShape(Shape):
    """The purchase behind an event."""

    id = words(metadata={"description": "ord_…, or its number where it is not recorded here."})
    number = words(metadata={"description": "The receipt number."})
    placed_at = moment()
    value = whole()
    currency = words()


class EventShape(Shape):
    """What happened."""

    id = words()
    name = words()
    occurred_at = moment()
    recorded_at = moment()
    store = words(allow_none=True)
    till = words(allow_none=True)
    order = fields.Nested(OrderShape, required=True, allow_none=True)
    actor = words()
    note = words(allow_none=True)


class Transaction(Shape):
    """One line of an account's history."""

    id = words()
    account = words()
    type = words()
    category = words()
    amount = whole()
    balance_after = whole(metadata={"description": "In its category."})
    reason = words(allow_none=True)
    metadata = fields.Dict(required=True)
    event = fields.Nested(EventShape, required=True)
    expires_at = moment(allow_none=True)
    expires_on = words(allow_none=True, metadata={"format": "date"})
    reverses = words(allow_none=True)
    reversed_by = fields.List(fields.String(), required=True)


class Pending(Shape):
    """What fell due and will be booked with the next movement; the balance has it already."""

    name = words()
    type = words()
    category = words()
    amount = whole()
    balance_after = whole()
    occurred_at = moment()


class TransactionList(Shape):
    """A page of history, newest first; what is due and not booked yet stands beside it."""

    data = fields.List(fields.Nested(Transaction), required=True)
    pending = fields.List(fields.Nested(Pending), required=True)
    next_cursor = words(allow_none=True)
    merged_from = fields.String()
    warnings = fields.List(fields.Nested(WarningShape))


class CategoryBalances(Shape):
    """Closing balances by category, zeros included."""

    regular = whole()
    promised = whole()
    trigger_based = whole()


class Balances(Shape):
    """What an account held at a time."""

    account = words()
    program = words()
    unit = words()
    at = moment()
    by = words()
    balances = fields.Nested(CategoryBalances, required=True)
    merged_from = fields.String()
    warnings = fields.List(fields.Nested(WarningShape))


class CustomerBalances(Shape):
    """What a customer held at a time, in every program."""

    customer = words()
    at = moment()
    by = words()
    data = fields.List(fields.Nested(Balances), required=True)
    merged_from = fields.String()
    warnings = fields.List(fields.Nested(WarningShape))


class KnownBy(Shape):
    """One thing a customer is known by."""

    type = words()
    value = words()
    source = words(allow_none=True)
    source_account = words(allow_none=True)
    verified_at = moment(allow_none=True)


class CustomerShape(Shape):
    """A person, and all their accounts."""

    id = words()
    first_name = words(allow_none=True)
    last_name = words(allow_none=True)
    birth_date = words(allow_none=True, metadata={"format": "date"})
    language = words(allow_none=True)
    fraud_status = words(metadata={"enum": ["none", "suspected", "confirmed"]})
    referred_by = words(allow_none=True)
    identifiers = fields.List(fields.Nested(KnownBy), required=True)
    metadata = fields.Dict(required=True)
    created_at = moment()
    updated_at = moment()
    accounts = fields.List(fields.Nested(Account), required=True)
    merged_from = fields.String()
    warnings = fields.List(fields.Nested(WarningShape))


class CustomerEventEntry(Shape):
    """What an event did in one program and category."""

    id = words()
    account = words()
    program = words()
    type = words()
    category = words()
    amount = whole()
    balance_after = whole()


class CustomerEventShape(Shape):
    """An event with its entries in all programs; ``net`` is credits less debits."""

    event = fields.Nested(EventShape, required=True)
    entries = fields.List(fields.Nested(CustomerEventEntry), required=True)
    net = whole()


class CustomerEventList(Shape):
    """A page of a customer's events, newest first."""

    data = fields.List(fields.Nested(CustomerEventShape), required=True)
    next_cursor = words(allow_none=True)
    merged_from = fields.String()
    warnings = fields.List(fields.Nested(WarningShape))


class ProgramShape(Shape):
    """A program as its file says it."""

    id = words()
    name = words()
    currency = words()
    decimals = whole()
    timezone = words()


class ProgramList(Shape):
    """Every program."""

    data = fields.List(fields.Nested(ProgramShape), required=True)
    next_cursor = words(allow_none=True)


class RedemptionShape(Shape):
    """A spend, from hold to reversal."""

    id = words()
    status = words(metadata={"enum": ["captured", "held", "voided", "reversed", "partly_reversed"]})
    account = words()
    points = whole()
    value = fields.Integer(required=True, allow_none=True, strict=True)
    currency = words(allow_none=True)
    points_reversed = whole()
    created_at = moment()
    expires_at = moment(allow_none=True, metadata={"description": "When a hold ends by itself."})
    warnings = fields.List(fields.Nested(WarningShape))


class RestoredShape(Shape):
    """Points that were given back."""

    points = whole()
    expires_at = moment(allow_none=True)


class ReversalShape(Shape):
    """What a reversal gave back."""

    id = words()
    redemption = words()
    points = whole()
    points_reversed = whole(metadata={"description": "In all, so far."})
    restored = fields.List(fields.Nested(RestoredShape), required=True)
