"""Placing an order: priced, paid with points, and earning, whole or not at all."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import insert, null, update
from sqlalchemy.orm import Session

from portal import ledger, orders, programs
from portal.checkout import approving, binding, drawing, earnings, quotes
from portal.checkout.binding import Bound
from portal.checkout.earnings import Occasion, RewardDue
from portal.checkout.errors import (
    AboveOrderValue,
    ByValueOnly,
    HolderNeeded,
    InvalidRedemption,
)
from portal.checkout.finding import find_order, told
from portal.checkout.holders import (
    Party,
    account_in,
    find_party,
    look_at,
    own_account,
    program_of,
    require_spender,
)
from portal.checkout.models import Placement
from portal.checkout.pricing import (
    Price,
    held_until,
    in_currency,
    paid_before,
    price,
    require_allowed,
)
from portal.checkout.recognising import known_order, purchase_of
from portal.checkout.values import Gain, OrderStatus, OrderWish, Placed, Redeem, Warning
from portal.ledger import (
    AccountView,
    EventName,
    Happening,
    NewRedemption,
    OrderFacts,
    Spend,
)
from portal.ledger.errors import InvalidPoints
from portal.members.errors import NotEnrolled
from portal.orders import Prepared, Purchase
from portal.orders.models import Order
from portal.orders.purchases import checked
from portal.orm import new_id
from portal.programs import Money, Program
from portal.programs.errors import NoDefaultProgram, NoRate
from portal.programs.program import Approval as Kind


def place(
    session: Session,
    *,
    wish: OrderWish,
    actor: str,
    at: datetime,
    request_id: str | None = None,
) -> Placed:
    """Take an order: points pay, points are earned, all in the caller's one transaction.

    An order is known by its store and receipt number: told again with the
    same content it answers the first result, with other content it is
    refused. The redemption uses the balance before; what is earned comes
    after it and does not touch it. Rule: RULES, "Redeeming" and "Earning".

    Raises:
        OrderAlreadyExists: the receipt number stands for another order.
        HolderNeeded, InvalidRedemption, ByValueOnly, OtherHolder, MayNotSend, NotEnrolled,
        WrongOrderCurrency, AboveOrderValue, WorthNothing, NoRate,
        InsufficientPoints, InsufficientValue: it cannot be paid so.
        RedeemerFraud, AccountClosed, AccountFrozen, AccountMerged: not by them.
        ApprovalNeeded, WrongApproval, CodeRefused, MemberCodeRefused: not
            without their consent.
        QuoteNotFound, QuoteExpired, QuoteUsed, QuoteDiffers, AboveQuote.
        InvalidLines, InvalidSplits, RewardAbovePart, RewardDatePast.
        InvalidOrder, InvalidStore, TimeNotAllowed: ``field`` says what is wrong.
        PortalError: a limit of the program, each by its own name.
    """
    purchase = checked(purchase_of(wish, at), at=at, any_past=False)
    known = known_order(session, purchase)
    if known is not None:
        return Placed(order=find_order(session, known, at=at), again=True)
    if wish.approval is not None and wish.approval.named_by is not None:
        wish.approval.named_by.require()
    party = None
    if wish.holder is not None:
        party = find_party(session, wish.holder, at=at, create=wish.earn and wish.value > 0)
    elif wish.redeem:
        raise HolderNeeded(field="redeem")
    placing = _Placing(
        session=session,
        wish=wish,
        purchase=purchase,
        money=Money(purchase.value, purchase.currency),
        party=party,
        occasion=Occasion(
            actor=actor,
            at=at,
            placed_at=purchase.placed_at,
            store=purchase.store,
            till=purchase.till,
            request_id=request_id,
        ),
    )
    order_id = placing.do()
    return Placed(order=find_order(session, order_id, at=at))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Payment:
    """Points that are to leave one account."""

    account_id: str
    program: Program
    price: Price


@dataclass(slots=True, kw_only=True)
class _Placing:
    """An order on its way: what it takes, what it brings, and what is to be said of it."""

    session: Session
    wish: OrderWish
    purchase: Purchase
    money: Money
    party: Party | None
    occasion: Occasion
    payments: list[_Payment] = field(default_factory=list)
    redemptions: list[str] = field(default_factory=list)
    warnings: list[Warning] = field(default_factory=list)
    held_until: datetime | None = None

    def do(self) -> str:
        """Everything, in one transaction and one posting; gives the order's id."""
        wish, party, at = self.wish, self.party, self.occasion.at
        bound = self._bind()
        targets = self._targets(party) if party is not None and wish.redeem else []
        rewards = self._rewards()
        earner = self._earner()
        self._pay_all(targets, bound, also={due.account.id for due in rewards}, earner=earner)
        if not wish.capture:
            paying = {payment.program.id: payment.program for payment in self.payments}
            self.held_until = held_until(paying, hold_minutes=wish.hold_minutes, at=at)
        prepared = self._record(earner)
        order_id = prepared.order.id
        facts = OrderFacts(
            id=order_id,
            number=self.purchase.number,
            value=self.purchase.value,
            currency=self.purchase.currency,
            placed_at=self.purchase.placed_at,
        )
        happenings = self._spending(facts) + list(prepared.happenings)
        gains: list[Gain] = []
        if self.held_until is None:
            happenings += earnings.reward_happening(rewards, facts, self.occasion)
            gains = earnings.all_gains(prepared, rewards)
        if happenings:
            ledger.post(self.session, happenings, at=at)
        orders.conclude(self.session, prepared=prepared, actor=self.occasion.actor, at=at)
        if bound is not None:
            binding.use(self.session, bound.id, used_for=order_id, at=at)
        self._write(order_id, gains, rewards, earner)
        return order_id

    @property
    def paid(self) -> int:
        """What points pay of the order."""
        return sum(p.price.worth.amount for p in self.payments if p.price.worth is not None)

    # -- paying

    def _pay_all(
        self,
        targets: list[tuple[str | None, Redeem]],
        bound: Bound | None,
        *,
        also: set[str],
        earner: AccountView | None,
    ) -> None:
        """Find the points that pay, under one lock of all accounts, and check every limit."""
        paying = {account_id for account_id, _ in targets if account_id is not None}
        if any(account_id is None for account_id, _ in targets):
            assert self.party is not None
            paying |= set(quotes.spending_accounts(self.session, self.party))
        touched = paying | also | ({earner.id} if earner is not None else set())
        looks = look_at(self.session, touched, lock=True)
        for account_id, block in targets:
            if account_id is None:
                self._draw(block, {paid: looks[paid] for paid in paying}, bound)
            else:
                self._pay(account_id, block, looks[account_id], bound)
        present = approving.present(
            self.session,
            self.wish.approval,
            customer_id=self.party.customer_id if self.party else None,
            household_id=self.party.household_id if self.party else None,
        ) or bool(bound and bound.present)
        kinds = self._require_all(looks, bound, present=present) if self.payments else set()
        approving.settle(
            self.session,
            kinds,
            self.wish.approval,
            quote_id=bound.id if bound else None,
            at=self.occasion.at,
        )

    def _bind(self) -> Bound | None:
        wish, party = self.wish, self.party
        if wish.quote is None:
            return None
        if party is None:
            raise HolderNeeded(field="quote")
        return binding.bind(
            self.session,
            wish.quote,
            customer_id=party.customer_id,
            account_id=party.payer.id if party.payer is not None else None,
            order=self.money,
            at=self.occasion.at,
        )

    def _targets(self, party: Party) -> list[tuple[str | None, Redeem]]:
        """Each block with its account; None where all that the customer holds is meant."""
        targets: list[tuple[str | None, Redeem]] = []
        for number, block in enumerate(self.wish.redeem):
            place = f"redeem.{number}" if len(self.wish.redeem) > 1 else "redeem"
            if (block.points is None) == (block.value is None):
                raise InvalidRedemption(field=place)
            targets.append((self._target(party, block, place), block))
        named = [account_id for account_id, _ in targets]
        if len(set(named)) < len(named) or (None in named and len(named) > 1):
            raise InvalidRedemption(field="redeem")
        return targets

    def _target(self, party: Party, block: Redeem, place: str) -> str | None:
        if block.account is not None:
            account = own_account(self.session, party, block.account)
            if block.program is not None and block.program != account.program_id:
                raise NotEnrolled(
                    "This account belongs to another program.", field=f"{place}.program"
                )
            return account.id
        if block.program is not None:
            found = account_in(self.session, party, block.program)
            if found is None:
                raise NotEnrolled(field=f"{place}.program", program=block.program)
            return found.id
        if party.whole:
            if block.points is not None:
                raise ByValueOnly(field=f"{place}.points")
            return None
        if party.payer is None:
            raise NotEnrolled(field="redeem")
        return party.payer.id

    def _pay(self, account_id: str, block: Redeem, look: Any, bound: Bound | None) -> None:
        require_spender(self.session, look)
        program = self._program(account_id, look, bound)
        self._add(
            account_id,
            program,
            price(program, points=block.points, value=block.value, order=self.money),
        )

    def _program(self, account_id: str, look: Any, bound: Bound | None) -> Program:
        """The rules that hold: those of the quote, else the present ones."""
        if bound is not None:
            return bound.of(account_id).program
        return in_currency(program_of(look), self.money.currency)

    def _add(self, account_id: str, program: Program, price: Price) -> None:
        self.payments.append(_Payment(account_id=account_id, program=program, price=price))

    def _draw(self, block: Redeem, looks: Mapping[str, Any], bound: Bound | None) -> None:
        """Take the value from all that the customer holds, soonest to expire first."""
        assert block.value is not None
        if block.value <= 0:
            raise InvalidPoints("Say a value above zero.", field="redeem.value")
        if block.value > self.money.amount:
            raise AboveOrderValue(limit=self.money.amount, currency=self.money.currency)
        offers = quotes.offers_of(
            self.session,
            sorted(looks if bound is None else looks.keys() & bound.terms.keys()),
            self.money,
            at=self.occasion.at,
            looks=looks,
            terms=bound.terms if bound else None,
        )
        by_id = {offer.look.id: offer for offer in offers}
        purses = [purse for purse in (offer.purse() for offer in offers) if purse is not None]
        for drawn in drawing.draw(purses, block.value):
            program = by_id[drawn.account_id].program
            assert program.rate is not None
            self._add(
                drawn.account_id,
                program,
                Price(
                    asked=drawn.asked,
                    points=program.rate.points_for(drawn.value),
                    worth=Money(drawn.value, self.money.currency),
                ),
            )

    def _require_all(
        self, looks: Mapping[str, Any], bound: Bound | None, *, present: bool
    ) -> set[Kind]:
        """All redemptions of the order together: the order's value and limits.

        Gives the consent that they ask for.
        """
        if self.paid > self.money.amount:
            raise AboveOrderValue(limit=self.money.amount, currency=self.money.currency)
        kinds: set[Kind] = set()
        party, at = self.party, self.occasion.at
        by_contact = bool(party and party.by_contact) or bool(bound and bound.by_contact)
        before = 0
        for payment in self.payments:
            paid = paid_before(
                self.session,
                account_id=payment.account_id,
                number=self.purchase.number,
                store=self.purchase.store,
                at=at,
            )
            before += paid
            require_allowed(
                self.session,
                look=looks[payment.account_id],
                program=in_currency(
                    programs.find(self.session, payment.program.id), self.money.currency
                ),
                price=payment.price,
                order=self.money,
                at=at,
                terms=bound.of(payment.account_id) if bound else None,
                paid=paid,
            )
            kinds.add(
                approving.needed(
                    payment.program,
                    points=payment.price.points,
                    by_contact=by_contact,
                    present=present,
                )
            )
            if payment.price.worth is None:
                self.warnings.append(
                    Warning(
                        code=NoRate.code, detail=NoRate.sentence, legacy_code=NoRate.legacy_code
                    )
                )
        if self.paid + before > self.money.amount:
            raise AboveOrderValue(limit=self.money.amount, currency=self.money.currency)
        return kinds

    def _spending(self, facts: OrderFacts) -> list[Happening]:
        """All redemptions as one event; none where there are none."""
        at = self.occasion.at
        movements = []
        for payment in self.payments:
            redemption_id = new_id("red")
            worth, program = payment.price.worth, payment.program
            self.redemptions.append(redemption_id)
            movements.append(
                Spend(
                    account_id=payment.account_id,
                    points=payment.price.points,
                    idle_expires_at=program.idle_expires_at(at),
                    program_version=program.version,
                    redemption=NewRedemption(
                        id=redemption_id,
                        value=worth.amount if worth else None,
                        currency=worth.currency if worth else None,
                        held_until=self.held_until,
                        grace_expires_at=program.grace_expires_at(self.held_until)
                        if self.held_until
                        else None,
                    ),
                )
            )
        if not movements:
            return []
        event = self.occasion.facts(EventName.POINTS_REDEMPTION, origin="redemption", order=facts)
        return [Happening(facts=event, movements=movements)]

    # -- earning

    def _rewards(self) -> list[RewardDue]:
        rewards, warnings = earnings.rewards_of(
            self.session, self.wish.splits, self.party, self.money, self.occasion
        )
        self.warnings += warnings
        return rewards

    def _earner(self) -> AccountView | None:
        """Whose purchase it is; whoever qualifies joins by it, where the program says so."""
        party = self.party
        if party is None or party.program is None or self.purchase.value <= 0:
            return None
        # Looked for again: a reward of this order may have made them a member.
        account = earnings.earner(
            self.session, party, party.program, self.occasion, joins=self.wish.earn
        )
        if account is None and self.wish.earn:
            self.warnings.append(earnings.not_enrolled())
        return account

    def _record(self, earner: AccountView | None) -> Prepared:
        """Write the purchase, and find what it earns by the rules."""
        prepared = orders.prepare(
            self.session,
            purchase=replace(self.purchase, points_paid_value=self.paid),
            program=self._earning_program(),
            account=earner,
            earn=self.wish.earn,
            hold=self.held_until is not None,
            actor=self.occasion.actor,
            request_id=self.occasion.request_id,
            at=self.occasion.at,
        )
        if self.wish.earn and "account_closed" in prepared.warnings:
            self.warnings.append(earnings.closed())
        customer_id = self.party.customer_id if self.party is not None else None
        if customer_id is not None and prepared.order.customer_id is None:
            self.session.connection().execute(
                update(Order).where(Order.id == prepared.order.id).values(customer_id=customer_id)
            )
        return prepared

    def _earning_program(self) -> Program:
        if self.party is not None and self.party.program is not None:
            return self.party.program
        # Nobody earns by this order, so that any program will do.
        known = programs.find_all(self.session)
        if not known:
            raise NoDefaultProgram()
        return known[0]

    # -- what is kept

    def _write(
        self,
        order_id: str,
        gains: list[Gain],
        rewards: list[RewardDue],
        earner: AccountView | None,
    ) -> None:
        held = self.held_until is not None
        account_ids = [payment.account_id for payment in self.payments]
        account_ids += [due.account.id for due in rewards]
        if earner is not None:
            account_ids.append(earner.id)
        row = {
            "order_id": order_id,
            "status": (OrderStatus.HELD if held else OrderStatus.CAPTURED).value,
            "held_until": self.held_until,
            "amount_due": self.money.amount - self.paid,
            "result": told(
                redemptions=self.redemptions,
                gains=gains,
                account_ids=account_ids,
                warnings=self.warnings,
            ),
            "intent": self._intent(rewards) if held else null(),
            "created_at": self.occasion.at,
            "updated_at": self.occasion.at,
        }
        self.session.connection().execute(insert(Placement), [row])

    def _intent(self, rewards: list[RewardDue]) -> dict[str, Any]:
        return {
            "earn": self.wish.earn,
            "program": self._earning_program().id,
            "rewards": [due.kept() for due in rewards],
        }
