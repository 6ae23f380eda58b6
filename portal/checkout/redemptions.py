"""Redeeming at the till: the program's rules around the ledger's verbs.

The account's row is locked before its limits are looked at, so that two tills
cannot both use up the day.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import String, Text, bindparam, cast, select
from sqlalchemy.orm import Session

from portal import ledger, members, programs
from portal.checkout.errors import (
    AboveOrderValue,
    ApprovalNeeded,
    HoldTooLong,
    OtherCustomers,
    OtherStore,
    QuoteNotFound,
    RedeemerFraud,
    ReversalOff,
    WorthNothing,
    WrongApproval,
    WrongOrderCurrency,
    WrongUnit,
)
from portal.checkout.naming import Naming
from portal.ledger import EventName, Facts, OrderFacts, RedemptionView, Reversal
from portal.ledger.errors import AccountClosed, AccountMerged, AccountNotFound
from portal.ledger.models import Account, AccountStatus, Event
from portal.members.models import Customer
from portal.programs import Money, Program, Rate
from portal.programs.errors import NoRate
from portal.programs.limits import Standing, redemption_refusals
from portal.programs.models import Program as ProgramRow
from portal.programs.models import Store, Till
from portal.programs.program import Approval
from portal.programs.queries import from_row

_STORE = bindparam("store", type_=String)
_LOOK = (
    select(
        Account.status,
        Account.balance,
        Account.lifetime,
        Account.taken_back,
        Account.lifetime_purchases,
        Account.next_due_at,
        Customer.fraud_status,
        ProgramRow.version,
        cast(ProgramRow.document, Text).label("document"),
        select(Store.code).where(Store.code == _STORE).scalar_subquery().label("store"),
        select(Till.code)
        .where(Till.store == _STORE, Till.code == bindparam("till", type_=String))
        .scalar_subquery()
        .label("till"),
    )
    .join(ProgramRow, ProgramRow.id == Account.program_id)
    .outerjoin(Customer, Customer.id == Account.customer_id)
    .where(Account.id == bindparam("id"))
    .with_for_update(of=Account, key_share=True)
)
"""All that a redemption must know beforehand, in one statement; it takes the account's lock."""
_STORE_OF = select(Event.store).where(Event.id == bindparam("id"))


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderInHand:
    """The order that is being paid. ``value`` is in the smallest unit of ``currency``."""

    number: str
    value: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the till asks for: either ``points`` or ``value``, smallest unit.

    ``by_contact`` says that the member was named by phone or e-mail only.
    ``hold_minutes`` counts where ``capture`` is not set.
    """

    points: int | None = None
    value: int | None = None
    unit: str | None = None
    order: OrderInHand | None = None
    store: str | None = None
    till: str | None = None
    capture: bool = True
    hold_minutes: int | None = None
    by_contact: bool = False
    approval: str | None = None
    quote: str | None = None
    metadata: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeemed:
    """A redemption, and whether its points have a value in money."""

    redemption: RedemptionView
    has_value: bool


def redeem(
    session: Session,
    *,
    account_id: str,
    wish: Wish,
    actor: str,
    at: datetime,
    request_id: str | None = None,
) -> Redeemed:
    """Spend points at a till, as the account's program allows. Rule: RULES, "Redeeming".

    Raises:
        AccountNotFound, AccountClosed, AccountFrozen, AccountMerged: as the ledger.
        InsufficientPoints: the spendable balance is smaller.
        WrongUnit, WrongOrderCurrency, AboveOrderValue, WorthNothing, NoRate:
            points, value and order do not fit each other.
        RedeemerFraud, ApprovalNeeded, WrongApproval: this member cannot, or not so.
        PortalError: a limit of the program, each by its own name.
    """
    asked_for = {"id": account_id, "store": wish.store, "till": wish.till}
    look = session.connection().execute(_LOOK, asked_for).first()
    if look is None:
        raise AccountNotFound(account=account_id)
    if look.status == AccountStatus.MERGED:
        raise AccountMerged(account=ledger.lineage_end(session, account_id))
    if look.status == AccountStatus.CLOSED:
        raise AccountClosed(account=account_id)
    program = from_row(look.version, look.document)
    if look.fraud_status == "confirmed":
        raise RedeemerFraud()
    require_unit(program, wish.unit)
    if wish.quote is not None:
        raise QuoteNotFound(field="quote")
    asked, points, worth = amounts(program, wish)
    refusals = redemption_refusals(
        program,
        points=asked,
        standing=_standing(session, account_id, look, program, at),
        order=Money(wish.order.value, wish.order.currency) if wish.order else None,
    )
    if refusals:
        raise refusals[0]
    _approved(program, wish, points)
    held_until = _held_until(program, wish, at)
    if wish.store is not None and (look.store, look.till) != (wish.store, wish.till):
        programs.stores.ensure(session, code=wish.store, till=wish.till, at=at)
    redemption = ledger.redeem(
        session,
        account_id=account_id,
        points=points,
        value=worth.amount if worth else None,
        currency=worth.currency if worth else None,
        held_until=held_until,
        grace_expires_at=program.grace_expires_at(held_until) if held_until else None,
        idle_expires_at=program.idle_expires_at(at),
        program_version=program.version,
        facts=Facts(
            name=EventName.POINTS_REDEMPTION,
            actor=actor,
            origin="redemption",
            store=wish.store,
            till=wish.till,
            order=_order_facts(wish.order, at),
            metadata=wish.metadata,
            request_id=request_id,
        ),
        at=at,
    )
    return Redeemed(redemption=redemption, has_value=worth is not None)


def require_unit(program: Program, unit: str | None) -> None:
    """Refuse a movement in another unit than the account's.

    Raises:
        WrongUnit: ``unit`` among its facts is the right one.
    """
    if unit is not None and unit != program.currency:
        raise WrongUnit(field="unit", unit=program.currency)


def amounts(program: Program, wish: Wish) -> tuple[int, int, Money | None]:
    """The points asked for, the points to take, and what they pay.

    By value, points round up. By points, the value rounds down, and only the
    points that this value needs are taken.

    Raises:
        NoRate: asked by value, where points have none.
        WorthNothing, WrongOrderCurrency, AboveOrderValue: they do not fit.
    """
    rate = _rate(program, wish.order)
    if wish.order is not None and rate is not None and rate.currency != wish.order.currency:
        raise WrongOrderCurrency(field="order.currency", currency=rate.currency)
    worth: Money | None = None
    if wish.value is not None:
        if rate is None:
            raise NoRate(field="value")
        points = asked = rate.points_for(wish.value)
        worth = Money(wish.value, rate.currency)
    else:
        assert wish.points is not None
        points = asked = wish.points
        if rate is not None:
            worth = rate.value_of(asked)
            if worth.amount == 0:
                raise WorthNothing(field="points", limit=rate.points_for(1))
            points = rate.needed(asked)
    if worth is not None and wish.order is not None and worth.amount > wish.order.value:
        raise AboveOrderValue(limit=wish.order.value, currency=wish.order.currency)
    return asked, points, worth


def _rate(program: Program, order: OrderInHand | None) -> Rate | None:
    if program.rate is None and order is not None and order.currency == program.currency:
        # The unit is the order's own money: it pays for itself (000).
        return Rate(points=1, value=1, currency=program.currency)
    return program.rate


def _standing(
    session: Session, account_id: str, look: Any, program: Program, at: datetime
) -> Standing:
    rules = program.redemption
    balance, lifetime = look.balance, look.lifetime
    if look.next_due_at <= at and (
        rules.min_points is not None or rules.min_lifetime_points is not None
    ):
        position = ledger.position(session, account_id=account_id, at=at)
        balance, lifetime = position.balance, position.lifetime
    redeemed_today = 0
    if rules.per_day is not None:
        redeemed_today = ledger.redeemed_since(
            session, account_id=account_id, since=program.day(at)[0]
        )
    return Standing(
        balance=balance,
        lifetime_points=lifetime - look.taken_back,
        lifetime_purchases=look.lifetime_purchases,
        redeemed_today=redeemed_today,
    )


def _approved(program: Program, wish: Wish, points: int) -> None:
    rules = program.redemption
    kind = rules.approval
    if kind is Approval.AUTO:
        # Anyone may know a phone number; a card was at least in someone's hand.
        kind = Approval.ONE_TIME_CODE if wish.by_contact else Approval.NONE
    if kind is Approval.NONE or points <= rules.approval_above:
        return
    if wish.approval is None:
        raise ApprovalNeeded(approval=kind.value)
    # No code was ever given out for a redemption that is not quoted first.
    raise WrongApproval(approval=kind.value)


def _held_until(program: Program, wish: Wish, at: datetime) -> datetime | None:
    if wish.capture:
        return None
    rules = program.redemption
    minutes = rules.hold_minutes if wish.hold_minutes is None else wish.hold_minutes
    if minutes > rules.hold_minutes_max:
        raise HoldTooLong(field="hold_minutes", limit=rules.hold_minutes_max)
    return at + timedelta(minutes=minutes)


def _order_facts(order: OrderInHand | None, at: datetime) -> OrderFacts | None:
    if order is None:
        return None
    return OrderFacts(
        id=None, number=order.number, value=order.value, currency=order.currency, placed_at=at
    )


def capture(
    session: Session, *, redemption_id: str, at: datetime, store: str | None = None
) -> RedemptionView:
    """Make a hold final.

    Args:
        store: the only store that the asker speaks for.

    Raises:
        RedemptionNotFound, RedemptionNotHeld: as the ledger.
        OtherStore: it was made in another store.
    """
    _own_store(session, redemption_id, store)
    return ledger.capture(session, redemption_id=redemption_id, at=at)


def void(
    session: Session,
    *,
    redemption_id: str,
    actor: str,
    at: datetime,
    store: str | None = None,
    request_id: str | None = None,
) -> RedemptionView:
    """Release a hold: its points return.

    Args:
        store: the only store that the asker speaks for.

    Raises:
        RedemptionNotFound, RedemptionNotHeld: as the ledger.
        OtherStore: it was made in another store.
    """
    found = _own_store(session, redemption_id, store)
    program = _program_of(session, found.account_id)
    return ledger.void(
        session,
        redemption_id=redemption_id,
        facts=Facts(
            name=EventName.HOLD_RELEASED,
            actor=actor,
            origin="redemption",
            store=store,
            request_id=request_id,
        ),
        grace_expires_at=program.grace_expires_at(at),
        at=at,
    )


def reverse(
    session: Session,
    *,
    redemption_id: str,
    actor: str,
    at: datetime,
    points: int | None = None,
    identifier: Naming | None = None,
    store: str | None = None,
    region: str = members.identifiers.DEFAULT_REGION,
    request_id: str | None = None,
) -> Reversal:
    """Give redeemed points back. Rule: RULES, "Redeeming", reversal.

    Args:
        points: how many; all that remain when omitted.
        identifier: if given, it must be the redemption's customer.
        store: the only store that the asker speaks for.

    Raises:
        RedemptionNotFound, RedemptionHeld, AlreadyReversed, MoreThanRedeemed: as the ledger.
        ReversalOff: the program takes none back.
        OtherCustomers: the identifier is someone else's.
        OtherStore: it was made in another store.
    """
    found = _own_store(session, redemption_id, store)
    program = _program_of(session, found.account_id)
    if not program.redemption.reversal:
        raise ReversalOff(program=program.id)
    if identifier is not None:
        _require_theirs(session, found, identifier, region)
    return ledger.reverse_redemption(
        session,
        redemption_id=redemption_id,
        points=points,
        facts=Facts(
            name=EventName.REDEMPTION_REVERSAL,
            actor=actor,
            origin="redemption",
            store=store,
            request_id=request_id,
        ),
        grace_expires_at=program.grace_expires_at(at),
        at=at,
    )


def _require_theirs(
    session: Session, found: RedemptionView, identifier: Naming, region: str
) -> None:
    customer_id = None
    if identifier.type in set(members.IdentifierType):
        customer_id = members.find_customer_id(
            session,
            type=identifier.type or "",
            value=identifier.value or "",
            source_account=identifier.source_account,
            region=region,
        )
    if customer_id is None or customer_id != _holder(session, found.account_id):
        raise OtherCustomers()


def _holder(session: Session, account_id: str) -> str | None:
    survivor = ledger.lineage_end(session, account_id)
    return ledger.find_account(session, survivor).customer_id


def _program_of(session: Session, account_id: str) -> Program:
    return programs.find(session, ledger.find_account(session, account_id).program_id)


def _own_store(session: Session, redemption_id: str, store: str | None) -> RedemptionView:
    found = ledger.redemption(session, redemption_id)
    if store is not None:
        made_in = session.connection().execute(_STORE_OF, {"id": found.event_id}).scalar_one()
        if made_in != store:
            raise OtherStore(store=store)
    return found
