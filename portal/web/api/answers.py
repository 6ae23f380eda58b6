"""What the endpoint answers: the shapes, as documented, and how each is made.

Answers are made by hand from the values of the floors below, which costs a
tenth of dumping them through a schema; the tests hold every answer against
its schema here.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from marshmallow import fields

from portal.checkout.queries import CustomerEvent
from portal.ledger import (
    AccountView,
    Category,
    Deadline,
    EntryView,
    EventView,
    HistoryLine,
    PendingLine,
    Position,
    RedemptionView,
    Reversal,
)
from portal.members import CustomerView
from portal.programs import Program
from portal.web.api.shapes import Shape, moment, whole, words
from portal.web.api.wire import instant

Content = dict[str, Any]


class WarningShape(Shape):
    """Something to know that stopped nothing."""

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


def account(position: Position, program: Program, *, merged_from: str | None = None) -> Content:
    """An account as it stands."""
    view = position.account
    worth = program.value_of(position.balance)
    tier = program.tier_of(position.lifetime - view.taken_back)
    content: Content = {
        "id": view.id,
        "external_id": view.external_id,
        "program": view.program_id,
        "customer": view.customer_id,
        "household": view.household_id,
        "status": view.status,
        "balance": position.balance,
        "promised": position.promised,
        "lifetime_points": position.lifetime,
        "lifetime_purchases": view.lifetime_purchases,
        "balance_value": None
        if worth is None
        else {"amount": worth.amount, "currency": worth.currency},
        "tier": tier.id if tier else None,
        "enrolled_at": instant(view.enrolled_at),
        "created_at": instant(view.created_at),
        "updated_at": instant(view.updated_at),
    }
    if position.deadlines:
        content["expiring_point_deadlines"] = deadlines(position.deadlines, program)
    content |= {
        "unit": program.currency,
        "sequence": view.sequence,
        "metadata": view.metadata,
    }
    return content | hint(merged_from)


def hint(merged_from: str | None) -> Content:
    """What an answer adds when it was asked about a merged record: this is its survivor."""
    if merged_from is None:
        return {}
    told = warning("merged", f"{merged_from} was merged; this is its survivor.", 419)
    return {"merged_from": merged_from, "warnings": [told]}


def deadlines(coming: Iterable[Deadline], program: Program) -> list[Content]:
    """Coming dates with their points."""
    return [
        {
            "expires_at": instant(deadline.expires_at),
            "expires_on": None
            if deadline.expires_at is None
            else program.last_day(deadline.expires_at).isoformat(),
            "points": deadline.points,
        }
        for deadline in coming
    ]


def event(view: EventView) -> Content:
    """What happened."""
    order = view.order
    return {
        "id": view.id,
        "name": view.name,
        "occurred_at": instant(view.occurred_at),
        "recorded_at": instant(view.recorded_at),
        "store": view.store,
        "till": view.till,
        "order": None
        if order is None
        else {
            "id": order.id or order.number,
            "number": order.number,
            "placed_at": instant(order.placed_at),
            "value": order.value,
            "currency": order.currency,
        },
        "actor": view.actor,
        "note": view.note,
    }


def transaction(
    entry: EntryView,
    happened: EventView,
    program: Program,
    *,
    reversed_by: Sequence[str] = (),
) -> Content:
    """One line of history."""
    return {
        "id": entry.id,
        "account": entry.account_id,
        "type": entry.type,
        "category": entry.category,
        "amount": entry.amount,
        "balance_after": entry.balance_after,
        "reason": happened.reason,
        "metadata": happened.metadata or {},
        "event": event(happened),
        "expires_at": instant(entry.expires_at),
        "expires_on": None
        if entry.expires_at is None
        else program.last_day(entry.expires_at).isoformat(),
        "reverses": entry.reverses,
        "reversed_by": list(reversed_by),
    }


def line(shown: HistoryLine, program: Program) -> Content:
    """One booked line of a page of history."""
    return transaction(shown.entry, shown.event, program, reversed_by=shown.reversed_by)


def pending(lines: Iterable[PendingLine]) -> list[Content]:
    """What is due and not booked."""
    return [
        {
            "name": due.name,
            "type": due.type,
            "category": due.category,
            "amount": due.amount,
            "balance_after": due.balance_after,
            "occurred_at": instant(due.occurred_at),
        }
        for due in lines
    ]


def redemption(view: RedemptionView) -> Content:
    """A redemption as it stands."""
    return {
        "id": view.id,
        "status": view.status,
        "account": view.account_id,
        "points": view.points,
        "value": view.value,
        "currency": view.currency,
        "points_reversed": view.points_reversed,
        "created_at": instant(view.created_at),
        "expires_at": instant(view.held_until),
    }


def reversal(view: Reversal) -> Content:
    """What a reversal gave back."""
    return {
        "id": view.id,
        "redemption": view.redemption.id,
        "points": view.points,
        "points_reversed": view.redemption.points_reversed,
        "restored": [
            {"points": part.points, "expires_at": instant(part.expires_at)}
            for part in view.restored
        ],
    }


def warning(code: str, detail: str, legacy_code: int | None = None) -> Content:
    """Something to know that stopped nothing."""
    return {"code": code, "legacy_code": legacy_code, "detail": detail}


def balances(
    view: AccountView,
    program: Program,
    held: Mapping[Category, int],
    *,
    at: datetime,
    by: str,
) -> Content:
    """Closing balances of one account."""
    return {
        "account": view.id,
        "program": view.program_id,
        "unit": program.currency,
        "at": instant(at),
        "by": by,
        "balances": {category.value: held.get(category, 0) for category in Category},
    }


def customer(view: CustomerView, accounts: list[Content]) -> Content:
    """A person, and all their accounts."""
    return {
        "id": view.id,
        "first_name": view.first_name,
        "last_name": view.last_name,
        "birth_date": view.birth_date.isoformat() if view.birth_date else None,
        "language": view.language,
        "fraud_status": view.fraud_status,
        "referred_by": view.referred_by,
        "identifiers": [
            {
                "type": known.type,
                "value": known.value,
                "source": known.source,
                "source_account": known.source_account or None,
                "verified_at": instant(known.verified_at),
            }
            for known in view.identifiers
        ],
        "metadata": view.metadata,
        "created_at": instant(view.created_at),
        "updated_at": instant(view.updated_at),
        "accounts": accounts,
    } | hint(view.found_as)


def customer_event(shown: CustomerEvent) -> Content:
    """An event with what it did in every program."""
    return {
        "event": event(shown.event),
        "entries": [
            {
                "id": part.entry.id,
                "account": part.entry.account_id,
                "program": part.program_id,
                "type": part.entry.type,
                "category": part.entry.category,
                "amount": part.entry.amount,
                "balance_after": part.entry.balance_after,
            }
            for part in shown.entries
        ],
        "net": shown.net,
    }
