"""Redeeming at the till: the program's rules around the ledger's verbs.

The account's row is locked before its limits are looked at, so that two tills
cannot both use up the day.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from portal import ledger, members, programs
from portal.checkout import approving, binding
from portal.checkout.approving import Approval
from portal.checkout.binding import Bound
from portal.checkout.errors import OtherCustomers, OtherStore, ReversalOff, WrongUnit
from portal.checkout.holders import look_at, program_of, require_spender
from portal.checkout.naming import IDENTIFIER_TYPES, Naming
from portal.checkout.pricing import (
    held_until,
    in_currency,
    paid_before,
    price,
    require_allowed,
)
from portal.ledger import EventName, Facts, OrderFacts, RedemptionView, Reversal
from portal.ledger.models import Event
from portal.members.errors import HouseholdNotFound
from portal.programs import Money, Program

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
    approval: Approval | None = None
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
        RedeemerFraud, ApprovalNeeded, WrongApproval, CodeRefused,
            MemberCodeRefused: this member cannot, or not so.
        QuoteNotFound, QuoteExpired, QuoteUsed, QuoteDiffers, AboveQuote.
        PortalError: a limit of the program, each by its own name.
    """
    order = Money(wish.order.value, wish.order.currency) if wish.order else None
    bound = _bind(session, account_id, wish, order, at=at)
    look = look_at(session, [account_id], lock=True)[account_id]
    require_spender(session, look)
    program = program_of(look)
    require_unit(program, wish.unit)
    rules = in_currency(program, order.currency if order else None)
    terms = bound.of(account_id) if bound is not None else None
    priced_by = terms.program if terms is not None else rules
    found = price(priced_by, points=wish.points, value=wish.value, order=order)
    require_allowed(
        session,
        look=look,
        program=rules,
        price=found,
        order=order,
        at=at,
        terms=terms,
        paid=_paid_before(session, account_id, wish, at=at),
    )
    kind = approving.needed(
        program,
        points=found.points,
        by_contact=wish.by_contact or bool(bound and bound.by_contact),
        present=approving.present(
            session,
            wish.approval,
            customer_id=look.customer_id,
            household_id=look.household_id,
        )
        or bool(bound and bound.present),
    )
    approving.settle(session, [kind], wish.approval, quote_id=bound.id if bound else None, at=at)
    points, worth = found.points, found.worth
    until = None
    if not wish.capture:
        until = held_until({program.id: program}, hold_minutes=wish.hold_minutes, at=at)
    if wish.store is not None:
        programs.stores.ensure(session, code=wish.store, till=wish.till, at=at)
    redemption = ledger.redeem(
        session,
        account_id=account_id,
        points=points,
        value=worth.amount if worth else None,
        currency=worth.currency if worth else None,
        held_until=until,
        grace_expires_at=program.grace_expires_at(until) if until else None,
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
        locked=look._mapping,
    )
    if bound is not None:
        binding.use(session, bound.id, used_for=redemption.id, at=at)
    return Redeemed(redemption=redemption, has_value=worth is not None)


def _bind(
    session: Session, account_id: str, wish: Wish, order: Money | None, *, at: datetime
) -> Bound | None:
    if wish.quote is None:
        return None
    return binding.bind(
        session,
        wish.quote,
        customer_id=ledger.find_account(session, account_id).customer_id,
        account_id=account_id,
        order=order,
        at=at,
    )


def _paid_before(session: Session, account_id: str, wish: Wish, *, at: datetime) -> int:
    if wish.order is None:
        return 0
    return paid_before(
        session, account_id=account_id, number=wish.order.number, store=wish.store, at=at
    )


def require_unit(program: Program, unit: str | None) -> None:
    """Refuse a movement in another unit than the account's.

    Raises:
        WrongUnit: ``unit`` among its facts is the right one.
    """
    if unit is not None and unit != program.currency:
        raise WrongUnit(field="unit", unit=program.currency)


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
    named = members.Named(customer_id=identifier.customer)
    if identifier.household is not None or identifier.type in IDENTIFIER_TYPES:
        with suppress(HouseholdNotFound):
            named = members.find_holder(
                session,
                members.Reference(
                    household=identifier.household,
                    type=identifier.type,
                    value=identifier.value,
                    source_account=identifier.source_account,
                ),
                region=region,
            )
    account = ledger.find_account(session, ledger.lineage_end(session, found.account_id))
    if account.household_id is not None and named.customer_id is not None:
        # Those who may spend it speak for a household.
        theirs = members.may_send(
            session, household_id=account.household_id, customer_id=named.customer_id
        )
    else:
        holder = members.Named(customer_id=account.customer_id, household_id=account.household_id)
        theirs = named == holder and named != members.Named()
    if not theirs:
        raise OtherCustomers()


def _program_of(session: Session, account_id: str) -> Program:
    return programs.find(session, ledger.find_account(session, account_id).program_id)


def _own_store(session: Session, redemption_id: str, store: str | None) -> RedemptionView:
    found = ledger.redemption(session, redemption_id)
    if store is not None:
        made_in = session.connection().execute(_STORE_OF, {"id": found.event_id}).scalar_one()
        if made_in != store:
            raise OtherStore(store=store)
    return found
