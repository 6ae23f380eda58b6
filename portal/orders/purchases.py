"""Purchases as they come in, checked one by one, and what became of them."""

import hashlib
import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from portal.errors import PortalError
from portal.members.identifiers import IdentifierType, normalise
from portal.orders.errors import InvalidOrder, TimeNotAllowed
from portal.programs.earning import Earned, Line
from portal.programs.fields import metadata_problem
from portal.programs.stores import code_of

WEB = "web"
"""The store of a purchase that names none."""

AHEAD_MAX = timedelta(minutes=5)
BACK_MAX = timedelta(days=90)
VALUE_MAX = 10**15
NUMBER_LENGTH_MAX = 64
CURRENCY_LENGTH_MAX = 16
LINES_MAX = 1_000
LINE_TEXT_LENGTH_MAX = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """One receipt. ``value`` and ``tax`` (part of it) in the currency's smallest unit.

    Who bought is named by at most one of ``customer_id`` and
    ``customer_external_id``; nobody is named in an anonymous purchase.
    ``lines`` add up to the value, and their taxes to the tax. Where
    ``placed_at`` was not told but is when it arrived, ``timed`` is False, and
    the same receipt may come again at another time. ``terms`` is whatever else
    must be the same then, such as how it was paid.
    """

    number: str
    value: int
    currency: str
    placed_at: datetime
    store: str | None = None
    till: str | None = None
    customer_id: str | None = None
    customer_external_id: str | None = None
    tax: int = 0
    lines: Sequence[Line] = ()
    points_paid_value: int = 0
    timed: bool = True
    terms: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)


class Outcome(StrEnum):
    """What became of a purchase."""

    RECORDED = "recorded"
    ALREADY = "already"
    """It was recorded before, with the same content: nothing happened now."""
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What became of one purchase of a batch.

    ``points`` were earned now (``promised`` if they count from later);
    ``earned`` explains them. ``warnings`` are codes: ``account_closed``,
    ``not_enrolled``.
    """

    purchase: Purchase
    outcome: Outcome
    order_id: str | None = None
    customer_id: str | None = None
    account_id: str | None = None
    points: int = 0
    promised: bool = False
    enrolled: bool = False
    earned: Earned | None = None
    event_id: str | None = None
    error: PortalError | None = None
    warnings: tuple[str, ...] = ()


def checked(purchase: Purchase, *, at: datetime, any_past: bool) -> Purchase:
    """The purchase with its texts in standard form.

    Raises:
        InvalidOrder, InvalidStore, InvalidIdentifier: ``field`` says what is wrong.
        TimeNotAllowed: placed too far ahead or back.
    """
    _whole(purchase.value, "value")
    _whole(purchase.tax, "tax")
    _whole(purchase.points_paid_value, "points_paid_value")
    if purchase.lines:
        purchase = replace(purchase, lines=_lines(purchase), tax=_tax(purchase))
    if not 0 <= purchase.points_paid_value <= max(purchase.value, 0):
        raise InvalidOrder("Points can pay at most the whole order.", field="points_paid_value")
    if not 0 <= purchase.tax <= max(purchase.value, 0):
        raise InvalidOrder("The tax must be part of the value.", field="tax")
    if purchase.customer_id is not None and purchase.customer_external_id is not None:
        raise InvalidOrder("Name the customer once.", field="customer_id")
    if purchase.placed_at.tzinfo is None:
        raise InvalidOrder("The time must have a zone.", field="placed_at")
    if purchase.placed_at > at + AHEAD_MAX:
        raise TimeNotAllowed("An order may be at most 5 minutes ahead.", field="placed_at")
    if not any_past and purchase.placed_at < at - BACK_MAX:
        raise TimeNotAllowed("An order may lie at most 90 days back.", field="placed_at")
    if purchase.metadata and (problem := metadata_problem(purchase.metadata)):
        raise InvalidOrder(problem, field="metadata")
    external_id = purchase.customer_external_id
    return Purchase(
        number=_text(purchase.number, NUMBER_LENGTH_MAX, "number"),
        value=purchase.value,
        currency=_text(purchase.currency, CURRENCY_LENGTH_MAX, "currency"),
        placed_at=purchase.placed_at,
        store=code_of(purchase.store) if purchase.store else WEB,
        till=code_of(purchase.till) if purchase.till else None,
        customer_id=purchase.customer_id,
        customer_external_id=(
            normalise(IdentifierType.EXTERNAL_ID, external_id) if external_id else None
        ),
        tax=purchase.tax,
        lines=purchase.lines,
        points_paid_value=purchase.points_paid_value,
        timed=purchase.timed,
        terms=purchase.terms,
        metadata=purchase.metadata,
    )


def _lines(purchase: Purchase) -> tuple[Line, ...]:
    if len(purchase.lines) > LINES_MAX:
        raise InvalidOrder(f"At most {LINES_MAX} lines.", field="lines")
    found = []
    for number, line in enumerate(purchase.lines):
        where = f"lines.{number}"
        for name in ("value", "quantity", "tax"):
            _whole(getattr(line, name), f"{where}.{name}")
        if line.quantity < 0:
            raise InvalidOrder("Must not be below zero.", field=f"{where}.quantity")
        # The tax of a discount or a returned item is given back with it.
        if not min(line.value, 0) <= line.tax <= max(line.value, 0):
            raise InvalidOrder("The tax must be part of the value.", field=f"{where}.tax")
        found.append(
            replace(
                line,
                sku=_name(line.sku, f"{where}.sku"),
                category=_name(line.category, f"{where}.category"),
            )
        )
    if sum(line.value for line in found) != purchase.value:
        raise InvalidOrder("The lines must add up to the order's value.", field="lines")
    return tuple(found)


def _name(text: str | None, name: str) -> str | None:
    return None if text is None else _text(text, LINE_TEXT_LENGTH_MAX, name)


def _tax(purchase: Purchase) -> int:
    """The order's tax; where only its lines say one, theirs."""
    taxes = sum(line.tax for line in purchase.lines)
    if not any(line.tax for line in purchase.lines) or purchase.tax == taxes:
        return purchase.tax
    if purchase.tax:
        raise InvalidOrder("The lines' taxes must add up to the order's.", field="tax")
    return taxes


def fingerprint(purchase: Purchase) -> bytes:
    """A digest of what makes a receipt the same: who, what it cost, and when.

    Where it was rung up and what else was noted may be told differently the
    second time. Who bought counts as it was told, because the customer behind
    an external id may be found, created or merged in between.
    """
    content: list[Any] = [
        purchase.store,
        purchase.number,
        purchase.customer_id,
        purchase.customer_external_id,
        purchase.value,
        purchase.tax,
        purchase.currency,
        int(purchase.placed_at.timestamp() * 1_000_000) if purchase.timed else None,
    ]
    # Receipts of before knew neither, and must still be recognised.
    if purchase.lines or purchase.terms:
        content.append(
            [
                [line.sku, line.category, line.quantity, line.value, line.tax]
                for line in purchase.lines
            ]
        )
        content.append(purchase.terms)
    return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).digest()


def _whole(number: Any, name: str) -> None:
    if type(number) is not int:
        raise InvalidOrder("Must be a whole number of the smallest unit.", field=name)
    if abs(number) > VALUE_MAX:
        raise InvalidOrder(f"Must be at most {VALUE_MAX}.", field=name)


def _text(text: str, longest: int, name: str) -> str:
    # Most are plain; only what is not needs a closer look.
    found = text.strip()
    if not found.isascii():
        found = unicodedata.normalize("NFC", found)
    if not found or len(found) > longest:
        raise InvalidOrder(f"Must have 1 to {longest} characters.", field=name)
    if not found.isprintable():
        raise InvalidOrder("Must not contain control characters.", field=name)
    return found
