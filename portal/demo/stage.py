"""Plays the demonstration: two years of days, each through the services that real ones use."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from portal import checkout, ledger, members, orders, programs
from portal.checkout import Line, Split
from portal.demo import cast
from portal.demo.cast import Habit, Person
from portal.ledger import EventName, Facts, OrderFacts
from portal.members import NewIdentifier, Reference
from portal.orders import Purchase
from portal.programs import Program

ZONE = ZoneInfo("Europe/Lisbon")
SETTLE_LIMIT = 500


@dataclass(order=True, slots=True)
class _Act:
    """Something that happens at its time; those of one moment in the order they were planned."""

    when: datetime
    number: int
    play: Callable[[datetime], None] = field(compare=False)


class Stage:
    """What the acts share. Everything is planned first, then played in the order of time."""

    def __init__(self, session: Session, *, at: datetime, actor: str, seed: int):
        self._session, self._at, self._actor = session, at, actor
        self._chance = random.Random(seed)  # noqa: S311 - to look alive, not to be secret
        self.today: date = at.astimezone(ZONE).date()
        self._acts: list[_Act] = []
        self._basket: list[tuple[str, Purchase]] = []
        self._accounts: dict[tuple[str, str], str] = {}
        self._customers: dict[str, str] = {}
        self._redemptions: dict[str, str] = {}
        self._receipts: dict[str, int] = {}
        self._orders: dict[str, str] = {}

    # -- planning ---------------------------------------------------------

    def plan(self, days_ago: int, play: Callable[[datetime], None], *, hour: int = 12) -> None:
        """Let something happen so many days ago, at that hour in Lisbon or a little later."""
        minutes = self._chance.randrange(50)
        moment = datetime.combine(self.today - timedelta(days=days_ago), time(hour, minutes), ZONE)
        self._plan_at(min(moment, self._at), play)

    def _plan_at(self, moment: datetime, play: Callable[[datetime], None]) -> None:
        self._acts.append(_Act(moment, len(self._acts), play))

    def plan_habit(self, person: Person, habit: Habit) -> None:
        """Plan the purchases of a habit, at changing intervals and amounts."""
        days = float(habit.since_days)
        while days > max(habit.until_days, 1):
            store = self._chance.choice(habit.stores)
            # Most baskets are small.
            cents = int(self._chance.triangular(*habit.cents, habit.cents[0] * 1.6))
            self.plan_purchase(person, int(days), cents=cents, store=store, program=habit.program)
            days -= habit.days * self._chance.uniform(0.4, 1.6)

    def plan_purchase(
        self,
        person: Person,
        days_ago: int,
        *,
        cents: int,
        store: str,
        program: str = "corner",
        number: str | None = None,
    ) -> None:
        """Plan one purchase."""

        def buy(when: datetime) -> None:
            self._basket.append(
                (
                    program,
                    Purchase(
                        number=number or self._receipt(store),
                        store=store,
                        till=None if store == "Web shop" else f"{store} {len(store) % 3 + 1}",
                        value=cents,
                        currency="EUR",
                        placed_at=when,
                        customer_external_id=person.external_id,
                    ),
                )
            )

        self.plan(days_ago, buy, hour=self._chance.choice((9, 10, 12, 13, 15, 17, 18, 19)))

    def _receipt(self, store: str) -> str:
        last = self._receipts.get(store, 10_000 + 700 * len(store))
        self._receipts[store] = last + self._chance.randrange(3, 60)
        return f"{store[:2].upper()}-{self._receipts[store]}"

    # -- playing ----------------------------------------------------------

    def play(self) -> None:
        """Play all that was planned; what is bought on one day is recorded together."""
        day: date | None = None
        settled = self.today - timedelta(days=731)
        for act in sorted(self._acts):
            local = act.when.astimezone(ZONE).date()
            if local != day:
                self.record()
                if (local - settled).days >= 30:
                    self._settle(datetime.combine(local, time(3, 15), ZONE))
                    settled = local
                day = local
            act.play(act.when)
        self.record()

    def record(self) -> None:
        """Record what was bought and waits to be recorded together."""
        for program_id in sorted({program for program, _ in self._basket}):
            bought = [purchase for program, purchase in self._basket if program == program_id]
            recorded = orders.record(
                self._session,
                purchases=bought,
                program=self.program(program_id),
                actor=self._actor,
                at=max(purchase.placed_at for purchase in bought),
                any_past=True,
            )
            self._orders |= {one.purchase.number: one.order_id for one in recorded if one.order_id}
        self._basket.clear()

    def _settle(self, when: datetime) -> None:
        while ledger.settle(self._session, at=when, limit=SETTLE_LIMIT) == SETTLE_LIMIT:
            pass

    def program(self, program_id: str) -> Program:
        """A program as it stands."""
        return programs.find(self._session, program_id)

    def account(self, person: Person, program_id: str = "corner") -> str:
        """The account of someone who has joined."""
        return self._accounts[person.external_id, program_id]

    def customer(self, person: Person) -> str:
        """Somebody who has joined."""
        return self._customers[person.external_id]

    @property
    def session(self) -> Session:
        """Where all of it is written."""
        return self._session

    # -- what can happen --------------------------------------------------

    def plan_joining(
        self, person: Person, days_ago: int, *, program: str = "corner", channel: str = "self"
    ) -> None:
        """Somebody joins a program."""

        def join(when: datetime) -> None:
            customer_id = self._customers.get(person.external_id) or self._create(person, when)
            account = members.enrol(
                self._session,
                program=self.program(program),
                channel=channel,
                actor=self._actor,
                at=when,
                customer_id=customer_id,
                enrolled_at=when,
                terms_accepted=True,
                metadata={cast.MARK: True},
            )
            self._accounts[person.external_id, program] = account.id

        self.plan(days_ago, join, hour=8)

    def _create(self, person: Person, when: datetime) -> str:
        created = members.create_customer(
            self._session,
            at=when,
            identifiers=[
                NewIdentifier(type="mobile", value=person.mobile, verified_at=when),
                NewIdentifier(type="email", value=person.email, verified_at=when),
                NewIdentifier(type="external_id", value=person.external_id),
                NewIdentifier(type="card_number", value=person.card_number),
            ],
            first_name=person.first_name,
            last_name=person.last_name,
            language=person.language,
            metadata={cast.MARK: True},
        )
        self._customers[person.external_id] = created.id
        return created.id

    def plan_redemption(
        self,
        person: Person,
        days_ago: int,
        *,
        store: str,
        points: int | None = None,
        share: float = 1.0,
        program: str = "corner",
        called: str | None = None,
    ) -> None:
        """Somebody pays with points: so many, or that share of what they have."""

        def redeem(when: datetime) -> None:
            self.record()
            terms = self.program(program)
            account_id = self.account(person, program)
            has = ledger.position(self._session, account_id=account_id, at=when).balance
            spent = min(points or int(has * share), has)
            if spent < (terms.redemption.min or 1):
                return
            worth = terms.value_of(spent)
            assert worth is not None
            made = ledger.redeem(
                self._session,
                account_id=account_id,
                points=spent,
                value=worth.amount,
                currency=worth.currency,
                grace_expires_at=terms.grace_expires_at(when),
                idle_expires_at=terms.idle_expires_at(when),
                program_version=terms.version,
                facts=Facts(
                    name=EventName.POINTS_REDEMPTION,
                    actor=self._actor,
                    origin="redemption",
                    store=store,
                    order=OrderFacts(
                        id=None,
                        number=self._receipt(store),
                        value=worth.amount + self._chance.randrange(300, 4000),
                        currency=worth.currency,
                        placed_at=when,
                    ),
                ),
                at=when,
            )
            if called:
                self._redemptions[called] = made.id

        self.plan(days_ago, redeem, hour=20)

    def plan_reversal(self, called: str, days_ago: int, *, points: int) -> None:
        """A redemption is taken back, in part."""

        def give_back(when: datetime) -> None:
            ledger.reverse_redemption(
                self._session,
                redemption_id=self._redemptions[called],
                points=points,
                facts=Facts(
                    name=EventName.REDEMPTION_REVERSAL,
                    actor=self._actor,
                    origin="redemption",
                    note="One item came back",
                ),
                grace_expires_at=self.program("corner").grace_expires_at(when),
                at=when,
            )

        self.plan(days_ago, give_back, hour=14)

    def plan_order(
        self,
        person: Person,
        days_ago: int,
        *,
        store: str,
        lines: Sequence[Line],
        number: str | None = None,
        redeem: int | None = None,
        splits: Sequence[Split] = (),
        hold_minutes: int | None = None,
    ) -> None:
        """An order as a till sends it, with its lines; on hold where ``hold_minutes`` says so."""

        def place(when: datetime) -> None:
            self.record()
            placed = checkout.place(
                self._session,
                wish=checkout.OrderWish(
                    number=number or self._receipt(store),
                    value=sum(line.value for line in lines),
                    currency="EUR",
                    placed_at=when,
                    store=store,
                    lines=lines,
                    holder=checkout.Holder(
                        reference=Reference(type="card_number", value=person.card_number),
                        program="corner",
                    ),
                    redeem=[checkout.Redeem(points=redeem)] if redeem else (),
                    splits=splits,
                    capture=hold_minutes is None,
                    hold_minutes=hold_minutes,
                ),
                actor=self._actor,
                at=when,
            )
            self._orders[placed.order.number] = placed.order.id

        self.plan(days_ago, place, hour=11)

    def plan_order_refund(self, days_ago: int, *, number: str, cents: int) -> None:
        """Part of an order, or all of it, is returned; into debt if need be."""

        def refund(when: datetime) -> None:
            self.record()
            checkout.refund(
                self._session,
                order_id=self._orders[number],
                wish=checkout.RefundWish(value=cents),
                actor=self._actor,
                at=when,
            )

        self.plan(days_ago, refund, hour=16)

    def plan_bonus(
        self,
        person: Person,
        days_ago: int,
        *,
        points: int,
        note: str,
        in_days: int | None = None,
        trigger: str | None = None,
    ) -> None:
        """Points that are promised: for a day to come, or until a trigger arrives."""

        def promise(when: datetime) -> None:
            terms = self.program("corner")
            ledger.earn(
                self._session,
                account_id=self.account(person),
                points=points,
                expires_at=terms.expires_at(when),
                available_from=self._at + timedelta(days=in_days) if in_days else None,
                trigger=trigger,
                program_version=terms.version,
                facts=Facts(
                    name=EventName.TRANSACTION_ADD,
                    actor=self._actor,
                    origin="campaign",
                    note=note,
                ),
                at=when,
            )

        self.plan(days_ago, promise, hour=10)

    def plan_adjustment(
        self, account: Callable[[], str], days_ago: int, *, points: int, reason: str, note: str
    ) -> None:
        """Staff add or take points by hand."""

        def adjust(when: datetime) -> None:
            terms = self.program("corner")
            ledger.adjust(
                self._session,
                account_id=account(),
                points=points,
                expires_at=terms.expires_at(when),
                program_version=terms.version,
                facts=Facts(
                    name=EventName.MANUAL_ADJUSTMENT,
                    actor=self._actor,
                    origin="adjustment",
                    reason=reason,
                    note=note,
                ),
                at=when,
            )

        self.plan(days_ago, adjust, hour=11)

    def plan_closing(self, person: Person, days_ago: int) -> None:
        """Somebody's account is closed."""

        def close(when: datetime) -> None:
            self.record()
            ledger.close(self._session, account_id=self.account(person), at=when)

        self.plan(days_ago, close, hour=21)

    def plan_nobodys_account(self, days_ago: int, *, points: int) -> None:
        """An account that belongs to nobody yet, such as a gift card in a drawer."""
        opened: list[str] = []

        def open_it(when: datetime) -> None:
            account = members.enrol(
                self._session,
                program=self.program("corner"),
                channel="staff",
                actor=self._actor,
                at=when,
                external_id=cast.NOBODY,
                metadata={cast.MARK: True},
            )
            opened.append(account.id)

        self.plan(days_ago, open_it, hour=9)
        self.plan_adjustment(
            lambda: opened[0],
            days_ago,
            points=points,
            reason="gift_card",
            note="Loaded at the counter",
        )
