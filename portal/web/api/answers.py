"""How answers are made from the values of the floors below.

They are made by hand, which costs a tenth of dumping them through a schema;
the tests hold every answer against its shape in :mod:`portal.web.api.shapes`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from portal.checkout.queries import CustomerEvent
from portal.errors import PortalError
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
from portal.web.api.wire import instant

Content = dict[str, Any]


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


def refusal(error: PortalError) -> Content:
    """A reason why not, with what helps."""
    told = {"code": error.code, "legacy_code": error.legacy_code, "detail": error.detail}
    return {**error.facts, **told}


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
