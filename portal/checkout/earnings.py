"""What an order brings: by the program's rules, and as rewards on parts of the payment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from portal import ledger, members, orders, programs
from portal.checkout.errors import (
    HolderNeeded,
    InvalidSplits,
    RewardAbovePart,
    RewardDatePast,
)
from portal.checkout.holders import Party, account_in, common_account_in
from portal.checkout.pricing import in_currency
from portal.checkout.values import Basket, Gain, Split, Warning
from portal.ledger import AccountView, Earn, EventName, Facts, Happening, OrderFacts
from portal.ledger.errors import AccountAlreadyExists, AccountClosed, InvalidPoints
from portal.ledger.models import AccountStatus
from portal.members import Channel
from portal.members.errors import NotEnrolled
from portal.orders import Prepared, Purchase
from portal.orders.purchases import checked
from portal.programs import Money, Program, earning
from portal.programs.earning import Earned
from portal.programs.errors import NoRate


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """Who tells of an order, where and when it was placed, and when we learn of it."""

    actor: str
    at: datetime
    placed_at: datetime
    store: str | None = None
    till: str | None = None
    request_id: str | None = None

    def facts(self, name: EventName, **more: Any) -> Facts:
        """An event of this occasion."""
        return Facts(
            name=name,
            actor=self.actor,
            store=self.store,
            till=self.till,
            request_id=self.request_id,
            **more,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardDue:
    """A credit that a part of the payment brings, with the account it goes to."""

    account: AccountView
    program: Program
    points: int
    expires_at: datetime | None
    seller: str | None

    def kept(self) -> dict[str, Any]:
        """As it is kept while the order is on hold."""
        return {
            "account": self.account.id,
            "points": self.points,
            "expires_at": self.expires_at and self.expires_at.isoformat(),
            "seller": self.seller,
        }


def kept_rewards(session: Session, kept: Sequence[dict[str, Any]]) -> list[RewardDue]:
    """The rewards of an order that was on hold; those of accounts closed since are gone."""
    found = []
    for due in kept:
        account = ledger.find_account(session, ledger.lineage_end(session, due["account"]))
        if account.status == AccountStatus.CLOSED:
            continue
        expires_at = due["expires_at"]
        found.append(
            RewardDue(
                account=account,
                program=programs.find(session, account.program_id),
                points=due["points"],
                expires_at=datetime.fromisoformat(expires_at) if expires_at else None,
                seller=due["seller"],
            )
        )
    return found


def rewards_of(
    session: Session,
    splits: Sequence[Split],
    party: Party | None,
    order: Money,
    occasion: Occasion,
) -> tuple[list[RewardDue], list[Warning]]:
    """The credits of ``splits``, checked. Rule: RULES, "Earning", parts of a payment (004).

    Raises:
        InvalidSplits: the parts are more than the order.
        RewardAbovePart: a credit is worth more than its part.
        RewardDatePast: it could not be used even today.
        HolderNeeded: nobody is there to be credited.
        NoRate: its unit has no value in the order's money.
        NotEnrolled, ProgramNotFound: it cannot be credited there.
    """
    if any(split.value < 0 for split in splits):
        raise InvalidSplits("A part of the payment is zero or more.", field="splits")
    if sum(split.value for split in splits) > max(order.amount, 0):
        raise InvalidSplits(field="splits", limit=order.amount)
    found: list[RewardDue] = []
    warnings: list[Warning] = []
    for number, split in enumerate(splits):
        reward = split.reward
        if reward is None:
            continue
        place = f"splits.{number}.reward"
        if reward.value <= 0:
            raise InvalidPoints(field=f"{place}.value")
        if party is None:
            raise HolderNeeded(field=place)
        program = programs.find(session, reward.program or _named(party))
        rate = in_currency(program, order.currency).rate
        if rate is None or rate.currency != order.currency:
            raise NoRate(field=f"{place}.value")
        if reward.value * rate.value > split.value * rate.points:
            raise RewardAbovePart(
                field=f"{place}.value", limit=split.value * rate.points // rate.value
            )
        expires_at = program.expires_at(occasion.placed_at)
        if reward.expiration_date is not None:
            expires_at = program.expires_on(reward.expiration_date)
            if expires_at <= occasion.at:
                raise RewardDatePast(field=f"{place}.expiration_date")
        account = earner(session, party, program, occasion, joins=True)
        if account is None:
            raise NotEnrolled(field=place, program=program.id)
        if account.status == AccountStatus.CLOSED:
            warnings.append(closed())
            continue
        found.append(
            RewardDue(
                account=account,
                program=program,
                points=reward.value,
                expires_at=expires_at,
                seller=split.seller,
            )
        )
    return found, warnings


def _named(party: Party) -> str | None:
    return party.program.id if party.program is not None else None


def closed() -> Warning:
    """The account is closed, so nothing was earned."""
    return Warning(
        code=AccountClosed.code, detail="The account is closed: this order earned nothing."
    )


def not_enrolled() -> Warning:
    """They are no member of the program, and it enrols nobody by itself."""
    return Warning(
        code=NotEnrolled.code,
        detail="This customer has not joined the program: this order earned nothing.",
        legacy_code=NotEnrolled.legacy_code,
    )


def earner(
    session: Session, party: Party, program: Program, occasion: Occasion, *, joins: bool
) -> AccountView | None:
    """The account that a purchase earns in; None where it earns in none.

    The buyer's own, or that of the household they earn for. A household's is
    opened by the first purchase of who is, or so becomes, a member of the
    program. Where it was closed the buyer earns for themselves.

    Args:
        joins: whoever qualifies joins the program by it, where it says so.
    """
    own = account_in(session, party, program.id)
    if own is None and joins:
        own = enrol_by_order(session, party, program, occasion)
    common = common_account_in(session, party, program)
    if common is None and party.earns_for is not None and joins:
        if own is None and party.household_id is None:
            return None
        common = members.household_account(
            session, household_id=party.earns_for, program=program, at=occasion.at
        )
    return _which(common, own)


def _which(common: AccountView | None, own: AccountView | None) -> AccountView | None:
    """Of a household's account and the buyer's own, the one that earns."""
    if common is None or (common.status == AccountStatus.CLOSED and own is not None):
        return own
    return common


def enrol_by_order(
    session: Session, party: Party, program: Program, occasion: Occasion
) -> AccountView | None:
    """A first qualifying order makes its customer a member, where the program says so."""
    if party.customer_id is None or not program.auto_enrol:
        return None
    try:
        return members.enrol(
            session,
            program=program,
            channel=Channel.AUTO,
            customer_id=party.customer_id,
            enrolled_at=min(occasion.placed_at, occasion.at),
            actor=occasion.actor,
            store=occasion.store,
            till=occasion.till,
            request_id=occasion.request_id,
            at=occasion.at,
        )
    except AccountAlreadyExists as exists:
        # Another till was first, since we looked.
        return ledger.find_account(session, exists.facts["account"])


def to_come(basket: Basket, *, at: datetime) -> Purchase:
    """A basket as the purchase that it may become.

    Raises:
        InvalidOrder, InvalidStore: ``field`` says what is wrong.
    """
    purchase = Purchase(
        number="quote",
        value=basket.value,
        currency=basket.currency,
        placed_at=at,
        store=basket.store,
        till=basket.till,
        lines=tuple(basket.lines),
    )
    return checked(purchase, at=at, any_past=False)


def would_earn(session: Session, party: Party, purchase: Purchase, *, at: datetime) -> Gain | None:
    """What the order would earn by the program's rules if nothing were paid with points."""
    program, account = party.program, _which(party.common, party.account)
    if program is None:
        return None
    if account is None and party.household_id is None and not program.auto_enrol:
        return None
    if account is not None and account.status == AccountStatus.CLOSED:
        return None
    if party.earns_for is not None and party.common is None:
        # It will be opened by this very order, and knows no tier and no limits yet.
        account = None
    tier, used = None, dict[str, int]()
    if account is not None:
        tier = orders.tiers.of(session, account_id=account.id, program=program, at=at).tier
        used = orders.used(session, program=program, purchase=purchase, account_id=account.id)
    found = earning.earned(program, purchase, tier=tier, used=used)
    return Gain(
        program_id=program.id,
        points=found.points,
        promised=bool(found.points) and found.promised == found.points,
        explanation=found.explanation,
        account_id=account.id if account else None,
        available_at=found.available_from,
        expires_at=found.expires_at,
    )


def all_gains(prepared: Prepared, rewards: Sequence[RewardDue]) -> list[Gain]:
    """All that an order brought: by the rules, and on its parts."""
    earned, account_id = prepared.earned, prepared.account_id
    found: list[Gain] = []
    if earned is not None and account_id is not None:
        found = _by_rules(prepared.program.id, account_id, earned)
    return found + [reward_gain(due) for due in rewards]


def _by_rules(program_id: str, account_id: str, earned: Earned) -> list[Gain]:
    """What was earned by the rules, one for each date from which points count."""
    credits = earned.credits()
    return [
        Gain(
            program_id=program_id,
            account_id=account_id,
            points=credit.points,
            promised=bool(credit.available_from or credit.trigger),
            explanation=earned.explanation
            if len(credits) == 1
            else "; ".join(
                part.explanation
                for part in earned.parts
                if (part.available_from, part.trigger) == credit[1:]
            ),
            available_at=credit.available_from,
            trigger=credit.trigger,
            expires_at=earned.expires_at,
        )
        for credit in credits
        if credit.points
    ]


def reward_gain(due: RewardDue) -> Gain:
    """A reward on a part of the payment, as it is told."""
    whose = f" from {due.seller}" if due.seller else ""
    return Gain(
        program_id=due.program.id,
        account_id=due.account.id,
        points=due.points,
        promised=False,
        explanation=f"{due.program.spoken_points(due.points)}{whose} on a part of the payment",
        expires_at=due.expires_at,
    )


def reward_happening(
    dues: Sequence[RewardDue], order: OrderFacts, occasion: Occasion
) -> list[Happening]:
    """All credits of the parts as one event; none where there are none."""
    if not dues:
        return []
    facts = occasion.facts(
        EventName.TRANSACTION_ADD,
        origin="payment",
        reason="split_reward",
        occurred_at=min(occasion.placed_at, occasion.at),
        order=order,
    )
    movements = [
        Earn(
            account_id=due.account.id,
            points=due.points,
            expires_at=due.expires_at,
            idle_expires_at=due.program.idle_expires_at(occasion.placed_at),
            program_version=due.program.version,
        )
        for due in dues
    ]
    return [Happening(facts=facts, movements=movements)]
