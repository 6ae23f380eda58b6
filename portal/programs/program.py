"""A program as an object: what its file says, with the sums that follow from it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from portal.programs import calendar, expiry
from portal.programs.earning import Bonus, available_from
from portal.programs.errors import NoRate
from portal.programs.expiry import AfterInactivity, ExpiryPolicy
from portal.programs.money import Money, Rate, plain
from portal.programs.rules import ItemRule, Rule, SpendRule, TriggerRule, rules_from
from portal.programs.ruleset import Ruleset, ruleset


class RefundPolicy(StrEnum):
    """What a refund may take back: even into debt, what is there, or what is promised."""

    DEBT = "debt"
    AVAILABLE = "available"
    PROMISED = "promised"


class TierBasis(StrEnum):
    """What tiers are computed on."""

    LIFETIME = "lifetime"
    ROLLING_YEAR = "rolling_year"


class Approval(StrEnum):
    """What a till must show that the member agrees."""

    AUTO = "auto"
    NONE = "none"
    MEMBER_CODE = "member_code"
    ONE_TIME_CODE = "one_time_code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What the points are called."""

    one: str
    other: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """How the program's pages look. ``accent`` is ``#rrggbb``; ``logo`` a path or data image."""

    accent: str
    logo: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """A rung of the ladder, reached at ``threshold`` points (smallest unit).

    ``benefits`` are what it gives besides, in the program's own words.
    """

    id: str
    name: str
    threshold: int
    multiplier: Decimal
    benefits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RedemptionRules:
    """Limits of redeeming, in points; None does not limit.

    ``min_lifetime_purchases`` and ``approval_above`` are in the smallest unit
    of the program's money and of its points.
    """

    enabled: bool
    min: int | None
    max: int | None
    per_day: int | None
    multiple_of: int
    max_share_of_order: Decimal | None
    min_points: int | None
    min_lifetime_points: int | None
    min_lifetime_purchases: int | None
    reversal: bool
    grace_days: int
    hold_minutes: int
    hold_minutes_max: int
    approval: Approval
    approval_above: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferRules:
    """Limits of transferring, in points; None does not limit."""

    enabled: bool
    min: int | None
    max: int | None
    multiple_of: int
    per_day: int | None
    per_month: int | None
    contact_pause_hours: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One version of a program. Immutable: a change makes another version."""

    id: str
    name: str
    currency: str
    decimals: int
    unit: Unit
    timezone: ZoneInfo
    tags: tuple[str, ...]
    metadata: dict[str, Any]
    default: bool
    auto_enrol: bool
    self_enrol: bool
    terms_url: str | None
    theme: Theme
    expiry: ExpiryPolicy
    rate: Rate | None
    earning: tuple[Rule, ...]
    earn_on_points_paid: bool
    refund: RefundPolicy
    tier_basis: TierBasis
    tiers: tuple[Tier, ...]
    redemption: RedemptionRules
    transfers: TransferRules
    version: int
    ruleset: Ruleset = field(init=False, repr=False, compare=False)
    """The earning rules, sorted for use."""

    def __post_init__(self) -> None:
        """Sort the rules once."""
        object.__setattr__(self, "ruleset", ruleset(self.earning))

    @property
    def money(self) -> str | None:
        """The currency of this program's money: of its rate, else of what it earns on."""
        if self.rate:
            return self.rate.currency
        spend = next((rule.currency for rule in self.earning if isinstance(rule, SpendRule)), None)
        return spend or next(
            (
                rule.currency
                for rule in self.earning
                if isinstance(rule, ItemRule | TriggerRule) and rule.currency
            ),
            None,
        )

    def expires_at(self, earned_at: datetime) -> datetime | None:
        """The first instant at which points earned at ``earned_at`` are gone; None: never."""
        day = self.expiry.last_day(calendar.local_date(earned_at, self.timezone))
        return None if day is None else calendar.end_of_day(day, self.timezone)

    def expires_on(self, day: date) -> datetime:
        """The first instant at which points that can be used through ``day`` are gone."""
        return calendar.end_of_day(day, self.timezone)

    def idle_expires_at(self, at: datetime) -> datetime | None:
        """When all points are gone if ``at`` was the last activity; None: no such rule."""
        if not isinstance(self.expiry, AfterInactivity):
            return None
        day = self.expiry.last_idle_day(calendar.local_date(at, self.timezone))
        return calendar.end_of_day(day, self.timezone)

    def grace_expires_at(self, at: datetime) -> datetime:
        """Until when points live on that are given back at ``at``, having expired meanwhile."""
        today = calendar.local_date(at, self.timezone)
        return calendar.end_of_day(
            calendar.add_days(today, self.redemption.grace_days), self.timezone
        )

    def last_day(self, expires_at: datetime) -> date:
        """The last day on which points that are gone at ``expires_at`` can be used."""
        return calendar.day_before(expires_at, self.timezone)

    def local_date(self, at: datetime) -> date:
        """The day that ``at`` falls on in the program's time zone."""
        return calendar.local_date(at, self.timezone)

    def day(self, at: datetime) -> tuple[datetime, datetime]:
        """The local day around ``at``: its first instant, and the next day's."""
        today = calendar.local_date(at, self.timezone)
        return (
            calendar.start_of_day(today, self.timezone),
            calendar.end_of_day(today, self.timezone),
        )

    def value_of(self, points: int) -> Money | None:
        """What ``points`` are worth, rounded down; None where there is no rate."""
        return self.rate.value_of(points) if self.rate else None

    def points_for(self, value: int) -> int:
        """How many points pay ``value``, rounded up.

        Raises:
            NoRate: the program's points have no value in money.
        """
        if self.rate is None:
            raise NoRate()
        return self.rate.points_for(value)

    def bonuses(self, event: str, at: datetime) -> Sequence[Bonus]:
        """What the program gives when the named event happens to a member."""
        return [
            Bonus(
                rule_id=rule.id,
                points=rule.points,
                explanation=f"{self.spoken_points(rule.points)} for {rule.name or rule.event}",
                expires_at=self.expires_at(at),
                available_from=available_from(self, rule.wait_days, at),
                rewards=rule.rewards,
            )
            for rule in self.ruleset.events.get(event, ())
        ]

    def tier_of(self, points: int) -> Tier | None:
        """The highest tier that ``points`` (lifetime less what refunds took back) reach."""
        return next((tier for tier in reversed(self.tiers) if points >= tier.threshold), None)

    def next_tier(self, points: int) -> Tier | None:
        """The tier that comes next after ``points``; None at the top."""
        return next((tier for tier in self.tiers if points < tier.threshold), None)

    def spoken_points(self, points: int) -> str:
        """Points in an English sentence: ``1 point``, ``2.50 credits``."""
        amount = self.plain(points)
        return f"{amount} {self.unit.one if amount == '1' else self.unit.other}"

    def plain(self, points: int) -> str:
        """Points as a plain number in whole units: ``42``, ``2.50``."""
        return plain(points, self.decimals)


def from_document(document: dict[str, Any], *, version: int) -> Program:
    """The program that a checked file, with its defaults filled in, describes."""
    redemption, transfers, share = (
        document["redemption"],
        document["transfers"],
        document["redemption"]["max_share_of_order"],
    )
    return Program(
        id=document["id"],
        name=document["name"],
        currency=document["currency"],
        decimals=document["decimals"],
        unit=Unit(**document["unit"]),
        timezone=ZoneInfo(document["timezone"]),
        tags=tuple(document["tags"]),
        metadata=document["metadata"],
        default=document["default"],
        auto_enrol=document["auto_enrol"],
        self_enrol=document["self_enrol"],
        terms_url=document["terms_url"],
        theme=Theme(**document["theme"]),
        expiry=expiry.from_document(document["expiry"]),
        rate=Rate(**document["rate"]) if document["rate"] else None,
        earning=rules_from(document["earning"]),
        earn_on_points_paid=document["earn_on_points_paid"],
        refund=RefundPolicy(document["refund"]),
        tier_basis=TierBasis(document["tier_basis"]),
        tiers=tuple(
            Tier(
                id=tier["id"],
                name=tier["name"],
                threshold=tier["from"],
                multiplier=Decimal(tier["multiplier"]),
                benefits=tuple(tier.get("benefits", ())),
            )
            for tier in document["tiers"]
        ),
        redemption=RedemptionRules(
            **redemption
            | {
                "max_share_of_order": None if share is None else Decimal(share),
                "approval": Approval(redemption["approval"]),
            }
        ),
        transfers=TransferRules(**transfers),
        version=version,
    )
