"""What points pay and whether they may: one way for redemptions, orders and quotes.

By value, points round up. By points, the value rounds down, and only the
points that this value needs are taken (RULES, "Redeeming").
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from portal import ledger
from portal.checkout.errors import (
    AboveOrderValue,
    AboveQuote,
    HoldTooLong,
    WorthNothing,
    WrongOrderCurrency,
)
from portal.errors import PortalError
from portal.ledger.errors import InsufficientPoints
from portal.ledger.models import Event, Redemption, RedemptionStatus
from portal.orders.purchases import BACK_MAX, WEB
from portal.programs import Money, Program, Rate
from portal.programs.errors import NoRate, RedemptionAboveShare
from portal.programs.limits import Standing, redemption_refusals

_OF_THIS_RECEIPT = (
    select(Redemption.value, Redemption.points, Redemption.points_reversed)
    .join(Event, Event.id == Redemption.event_id)
    .where(
        Redemption.account_id == bindparam("account_id"),
        Redemption.created_at >= bindparam("since"),
        Redemption.value.is_not(None),
        Redemption.status != RedemptionStatus.VOIDED.value,
        (Redemption.held_until.is_(None)) | (Redemption.held_until > bindparam("at")),
        Event.order_number == bindparam("number"),
        func.coalesce(Event.store, WEB) == bindparam("store"),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """The points asked for, the points to take, and what they pay."""

    asked: int
    points: int
    worth: Money | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a quote promised of one account: the rules and the standing of that moment.

    ``limit`` is the most points it lets one take.
    """

    program: Program
    standing: Standing
    quoted_at: datetime
    limit: int


def in_currency(program: Program, currency: str | None) -> Program:
    """The program with the rate that holds for an order in ``currency``.

    Where its unit is the order's own money, it pays for itself (000).
    """
    if program.rate is None and currency is not None and currency == program.currency:
        return replace(program, rate=Rate(points=1, value=1, currency=currency))
    return program


def price(program: Program, *, points: int | None, value: int | None, order: Money | None) -> Price:
    """What is asked for, as points to take and what they pay.

    Args:
        program: as :func:`in_currency` gives it.
        points: how many; or
        value: how much of the order they are to pay.

    Raises:
        NoRate: asked by value, where points have none.
        WorthNothing, WrongOrderCurrency, AboveOrderValue: they do not fit.
    """
    rate = program.rate
    if order is not None and rate is not None and rate.currency != order.currency:
        raise WrongOrderCurrency(field="order.currency", currency=rate.currency)
    worth: Money | None = None
    if value is not None:
        if rate is None:
            raise NoRate(field="value")
        taken = asked = rate.points_for(value)
        worth = Money(value, rate.currency)
    else:
        assert points is not None
        taken = asked = points
        if rate is not None:
            worth = rate.value_of(asked)
            if worth.amount == 0:
                raise WorthNothing(field="points", limit=rate.points_for(1))
            taken = rate.needed(asked)
    if worth is not None and order is not None and worth.amount > order.amount:
        raise AboveOrderValue(limit=order.amount, currency=order.currency)
    return Price(asked=asked, points=taken, worth=worth)


def require_allowed(
    session: Session,
    *,
    look: Any,
    program: Program,
    price: Price,
    order: Money | None,
    at: datetime,
    terms: Terms | None = None,
    paid: int = 0,
) -> None:
    """Refuse what the program's limits forbid.

    A quote was measured on its own clock, and is judged by that too: what it
    allowed stays allowed until it expires, whatever day it is by then. That
    there are enough points is the ledger's to say.

    Args:
        look: the account's row, locked.
        paid: what the account paid of this order before, in the order's money.

    Raises:
        PortalError: the limit, by its own name.
    """
    found = _refusals(program, price, order, standing(session, look, program, at=at), paid)
    if found and terms is not None:
        found = _refusals(terms.program, price, order, then(session, look, terms), paid)
    if found:
        raise found[0]
    if terms is not None and price.points > terms.limit:
        raise AboveQuote(limit=terms.limit)


def _refusals(
    program: Program, price: Price, order: Money | None, standing: Standing, paid: int
) -> list[PortalError]:
    found = redemption_refusals(
        program, points=price.asked, standing=standing, order=None if paid else order
    )
    if paid and order is not None and price.worth is not None:
        together = paid + price.worth.amount
        if together > order.amount:
            found.append(AboveOrderValue(limit=order.amount, currency=order.currency))
        share = program.redemption.max_share_of_order
        if share is not None and together > int(order.amount * Fraction(share)):
            most = int(order.amount * Fraction(share))
            found.append(RedemptionAboveShare(limit=most, currency=order.currency))
    return found


def then(session: Session, look: Any, terms: Terms) -> Standing:
    """What the account had when it was quoted, with all that was redeemed since its day began."""
    return replace(
        terms.standing,
        redeemed_today=_redeemed_today(session, look, terms.program, at=terms.quoted_at),
    )


def standing(session: Session, look: Any, program: Program, *, at: datetime) -> Standing:
    """What the account has now, with all that fell due by then."""
    rules = program.redemption
    balance, lifetime = look.balance, look.lifetime
    if look.next_due_at <= at and (
        rules.min_points is not None or rules.min_lifetime_points is not None
    ):
        position = ledger.position(session, account_id=look.id, at=at)
        balance, lifetime = position.balance, position.lifetime
    return Standing(
        balance=balance,
        lifetime_points=lifetime - look.taken_back,
        lifetime_purchases=look.lifetime_purchases,
        redeemed_today=_redeemed_today(session, look, program, at=at),
    )


def _redeemed_today(session: Session, look: Any, program: Program, *, at: datetime) -> int:
    if program.redemption.per_day is None:
        return 0
    return ledger.redeemed_since(session, account_id=look.id, since=program.day(at)[0])


def paid_before(
    session: Session, *, account_id: str, number: str, store: str | None, at: datetime
) -> int:
    """What an account paid of a receipt already, less what was given back."""
    rows = session.connection().execute(
        _OF_THIS_RECEIPT,
        {
            "account_id": account_id,
            "since": at - BACK_MAX,
            "at": at,
            "number": number,
            "store": store or WEB,
        },
    )
    return sum(row.value - row.value * row.points_reversed // row.points for row in rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How much of an order an account may pay; nothing where ``refusals`` say why.

    ``max_points`` is what may be asked for by points. By value, up to
    ``max_value`` may be; ``limit`` is the most points that either takes.
    """

    max_points: int
    min_points: int
    max_value: int | None
    limit: int
    refusals: tuple[PortalError, ...]


def room(
    program: Program, *, balance: int, standing: Standing, order: Money, spender: bool = True
) -> Room:
    """The most and the least of ``order`` that the points of an account may pay.

    Args:
        program: as :func:`in_currency` gives it.
        balance: what is spendable now.
        spender: whether the account's state lets it spend at all.
    """
    rules, rate, step = program.redemption, program.rate, program.redemption.multiple_of
    least = max(rules.min or 1, rate.points_for(1) if rate else 1)
    least = -(-least // step) * step
    refusals: list[PortalError] = []
    if rate is not None and rate.currency != order.currency:
        refusals.append(WrongOrderCurrency(currency=rate.currency))
        rate = None
    refusals += redemption_refusals(program, points=least, standing=standing, order=order)
    spendable = max(balance, 0)
    if least > spendable:
        refusals.append(InsufficientPoints(available=spendable, requested=least))
    if rate is not None and rate.value_of(least).amount > order.amount:
        refusals.append(AboveOrderValue(limit=order.amount, currency=order.currency))
    if refusals or not spender:
        return Room(
            max_points=0,
            min_points=least,
            max_value=None if rate is None else 0,
            limit=0,
            refusals=tuple(refusals),
        )
    caps = [spendable]
    if rules.max is not None:
        caps.append(rules.max)
    if rules.per_day is not None:
        caps.append(rules.per_day - standing.redeemed_today)
    most = min(caps)
    if rate is None:
        most -= most % step
        return Room(max_points=most, min_points=least, max_value=None, limit=most, refusals=())
    payable = order.amount
    if rules.max_share_of_order is not None:
        payable = int(payable * Fraction(rules.max_share_of_order))
    # The most points whose value, rounded down, is still payable.
    by_points = min(most, ((payable + 1) * rate.points - 1) // rate.value)
    by_points -= by_points % step
    max_value = rate.value_of(by_points).amount
    if step == 1:
        by_points = rate.needed(by_points)
        max_value = min(payable, rate.value_of(most).amount)
    return Room(
        max_points=by_points,
        min_points=least,
        max_value=max_value,
        limit=max(by_points, rate.points_for(max_value)),
        refusals=(),
    )


def held_until(
    programs: Mapping[str, Program], *, hold_minutes: int | None, at: datetime
) -> datetime:
    """Until when points of all these programs are held.

    Raises:
        HoldTooLong: longer than one of them allows.
    """
    shortest = min(
        (program.redemption.hold_minutes_max for program in programs.values()),
        default=_HOLD_MINUTES_MAX,
    )
    if hold_minutes is None:
        usual = (program.redemption.hold_minutes for program in programs.values())
        hold_minutes = min(min(usual, default=_HOLD_MINUTES), shortest)
    if hold_minutes > shortest:
        raise HoldTooLong(field="hold_minutes", limit=shortest)
    return at + timedelta(minutes=hold_minutes)


_HOLD_MINUTES, _HOLD_MINUTES_MAX = 15, 1440
