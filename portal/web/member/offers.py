"""Rewards in words: what they give, what they cost, and why one cannot be had now."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from babel.numbers import format_percent
from flask import url_for

from portal.errors import PortalError
from portal.ledger.errors import (
    AccountClosed,
    AccountFrozen,
    AccountMerged,
    InsufficientPoints,
)
from portal.programs import Program
from portal.rewards import Kind, Offer, OnLapse, Worth
from portal.rewards.errors import (
    RewardFraud,
    RewardLimitReached,
    RewardNotOffered,
    RewardNotYet,
    RewardOutOfStock,
    RewardOver,
    RewardTierNeeded,
)
from portal.web.formatting import day, money, points
from portal.web.member import wording
from portal.web.member.wording import gettext as _
from portal.web.member.wording import ngettext

NEARLY_PERCENT = 50
"""From which part of its price a reward is nearly there."""
FEW_LEFT = 10
"""From how many the stock is worth a word before anybody asks."""

_ICONS = {
    Kind.AMOUNT_OFF: "coins",
    Kind.SHARE_OFF: "percent",
    Kind.FREE_ITEM: "bag",
    Kind.GIFT: "gift",
    Kind.DONATION: "heart",
}
_ACCOUNT = (AccountClosed, AccountFrozen, AccountMerged, RewardFraud)


@dataclass(frozen=True, slots=True)
class Face:
    """What a reward looks like: its picture, or a mark of its kind in its place."""

    small: str | None
    large: str | None
    icon: str
    mark: str | None
    kind: str


@dataclass(frozen=True, slots=True)
class Tile:
    """A reward in the catalogue. ``share``: how much of its price is there, in percent."""

    name: str
    href: str
    face: Face
    price: str
    gives: str
    note: str | None
    share: int | None
    badge: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Tiles under a heading."""

    id: str
    title: str
    tiles: list[Tile]


@dataclass(frozen=True, slots=True)
class Fact:
    """A thing to know about a reward."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Told:
    """A reward at length."""

    id: str
    name: str
    description: list[str]
    face: Face
    price: str
    gives: str
    how: str
    facts: list[Fact]
    refusals: list[str] = field(default_factory=list)
    share: int | None = None
    available: bool = False


@dataclass(frozen=True, slots=True)
class Next:
    """The reward that is nearest, and how much of its price is there in percent."""

    text: str
    href: str
    share: int | None = None
    badge: str | None = None
    """How many can be had already."""


def face(kind: Kind, worth: Worth, picture: str | None) -> Face:
    """The picture of a reward or of its voucher."""
    return Face(
        small=url_for("member.picture", size="small", digest=picture) if picture else None,
        large=url_for("member.picture", size="large", digest=picture) if picture else None,
        icon=_ICONS[kind],
        mark=_amount(worth),
        kind=kind_name(kind),
    )


def kind_name(kind: Kind) -> str:
    """Such as "Free item"."""
    return {
        Kind.AMOUNT_OFF: _("Money off"),
        Kind.SHARE_OFF: _("Part off"),
        Kind.FREE_ITEM: _("On the house"),
        Kind.GIFT: _("Gift"),
        Kind.DONATION: _("Donation"),
    }[kind]


def gives(worth: Worth) -> str:
    """What it is good for, in a few words: ``€5.00 off``."""
    amount = _amount(worth)
    return _("%(amount)s off", amount=amount) if amount else kind_name(worth.kind)


def _amount(worth: Worth) -> str | None:
    if worth.value is not None:
        said = money(worth.value.amount, worth.value.currency)
        return said.removesuffix(".00").removesuffix(",00")
    if worth.share is not None:
        exact = worth.share * 100 % 1 == 0
        return str(
            format_percent(
                Decimal(worth.share),
                format="#,##0%" if exact else "#,##0.##%",
                locale=wording.language(),
            )
        )
    return None


def how_to_use(worth: Worth) -> str:
    """What to do with its voucher."""
    match worth.kind:
        case Kind.AMOUNT_OFF | Kind.SHARE_OFF:
            return _(
                "Show the code when you pay: the till takes %(gives)s your bill.",
                gives=gives(worth),
            )
        case Kind.FREE_ITEM:
            return _("Show the code at the till together with the item: you pay nothing for it.")
        case Kind.GIFT:
            return _("Show the code at the till, and they hand it to you.")
        case _:
            return _("There is nothing to do: your points are passed on at once.")


def where(stores: Sequence[str]) -> str:
    """Where it can be used."""
    return ", ".join(stores) if stores else _("In every store")


def groups(program: Program, offers: Sequence[Offer], *, balance: int) -> list[Group]:
    """What can be had now, what is nearly there, nearest first, and the rest."""
    now, nearly, rest = [], [], []
    for offer in offers:
        if offer.available:
            now.append(offer)
        elif offer.nearly and _share(offer, balance) >= NEARLY_PERCENT:
            nearly.append(offer)
        else:
            rest.append(offer)
    nearly.sort(key=lambda offer: offer.missing_points)
    titled = [
        ("now", _("You can have now"), now),
        ("nearly", _("Nearly yours"), nearly),
        ("rest", _("More to look forward to") if now or nearly else _("All rewards"), rest),
    ]
    return [
        Group(name, title, [_tile(program, offer, balance) for offer in found])
        for name, title, found in titled
        if found
    ]


def _tile(program: Program, offer: Offer, balance: int) -> Tile:
    reward = offer.reward
    blocked = [one for one in offer.refusals if not isinstance(one, InsufficientPoints)]
    note = None
    if blocked:
        note = why_not(program, offer, blocked[0])
    elif offer.missing_points:
        note = to_go(program, offer)
    few = offer.left is not None and 0 < offer.left <= FEW_LEFT
    return Tile(
        name=reward.name,
        href=url_for("member.reward", reward_id=reward.id),
        face=face(reward.kind, reward.worth, reward.picture),
        price=points(reward.price, program),
        gives=gives(reward.worth),
        note=note,
        share=None if blocked or offer.affordable else _share(offer, balance),
        badge=left(offer.left or 0) if few and not blocked else None,
    )


def left(count: int) -> str:
    """The stock, honestly."""
    return ngettext("%(num)d left", "%(num)d left", count)


def _share(offer: Offer, balance: int) -> int:
    return 100 * max(balance, 0) // max(offer.reward.price, 1)


def to_go(program: Program, offer: Offer) -> str:
    """Such as "240 points to go"."""
    return _("%(points)s to go", points=points(offer.missing_points, program))


def tell(program: Program, offer: Offer, *, balance: int) -> Told:
    """All that its page says."""
    reward = offer.reward
    return Told(
        id=reward.id,
        name=reward.name,
        description=[part for part in reward.description.splitlines() if part.strip()],
        face=face(reward.kind, reward.worth, reward.picture),
        price=points(reward.price, program),
        gives=gives(reward.worth),
        how=how_to_use(reward.worth),
        facts=_facts(program, offer),
        refusals=[why_not(program, offer, one) for one in offer.refusals],
        share=None if offer.affordable else _share(offer, balance),
        available=offer.available,
    )


def _facts(program: Program, offer: Offer) -> list[Fact]:
    reward = offer.reward
    facts = []
    if reward.kind is not Kind.DONATION:
        facts.append(Fact(_("Where"), where(reward.stores)))
        use = ngettext(
            "Within %(num)d day of getting it",
            "Within %(num)d days of getting it",
            reward.voucher_days,
        )
        facts.append(Fact(_("When"), use))
    if offer.left is not None:
        facts.append(Fact(_("In stock"), left(offer.left) if offer.left else _("None left")))
    if reward.per_member is not None:
        limit = ngettext("%(num)d for each member", "%(num)d for each member", reward.per_member)
        if offer.mine:
            limit += " · " + ngettext("you have had %(num)d", "you have had %(num)d", offer.mine)
        facts.append(Fact(_("How many"), limit))
    if reward.tiers:
        facts.append(Fact(_("For"), _tiers(program, reward.tiers)))
    if reward.valid_from is not None and any(
        isinstance(one, RewardNotYet) for one in offer.refusals
    ):
        facts.append(Fact(_("Offered from"), day(reward.valid_from)))
    if reward.valid_to is not None:
        facts.append(Fact(_("Offered through"), day(reward.valid_to)))
    if reward.kind is not Kind.DONATION:
        facts.append(Fact(_("Not used in time"), lapse(reward.on_lapse)))
    return facts


def lapse(on_lapse: OnLapse) -> str:
    """What becomes of the points of a voucher that is not used in time."""
    if on_lapse is OnLapse.RETURN:
        return _("The points come back to you")
    return _("The points are gone")


def _tiers(program: Program, tiers: Sequence[str]) -> str:
    names = [tier.name for tier in program.tiers if tier.id in tiers] or list(tiers)
    return _("%(tiers)s members", tiers=_(" and ").join(names))


def why_not(program: Program, offer: Offer, refusal: PortalError) -> str:
    """Why it cannot be had, as its page and the catalogue say it before anybody asks."""
    reward = offer.reward
    match refusal:
        case InsufficientPoints():
            return to_go(program, offer)
        case RewardOutOfStock():
            return _("Out of stock")
        case RewardLimitReached():
            return ngettext(
                "You have had yours: %(num)d for each member",
                "You have had yours: %(num)d for each member",
                int(refusal.facts.get("limit", reward.per_member or 1)),
            )
        case RewardTierNeeded():
            return _("For %(whom)s", whom=_tiers(program, reward.tiers))
        case RewardNotYet() if reward.valid_from is not None:
            return _("From %(day)s", day=day(reward.valid_from))
        case RewardOver() if reward.valid_to is not None:
            return _("Was offered through %(day)s", day=day(reward.valid_to))
        case RewardOver() | RewardNotOffered():
            return _("Not offered any more")
        case _:
            return account_words(refusal)


def account_words(refusal: PortalError) -> str:
    """A refusal that is about the account, or any other."""
    match refusal:
        case AccountFrozen():
            return _("Your account is frozen: nothing leaves it until you unfreeze it.")
        case AccountClosed():
            return _("Your account is closed: nothing can be had with it.")
        case RewardFraud() | AccountMerged():
            return _("This account cannot have rewards at the moment. Please ask in a store.")
        case _:
            return _(refusal.detail)


def concerns_account(refusals: Sequence[PortalError]) -> PortalError | None:
    """What stands against every reward at once, so that a page says it once."""
    return next((one for one in refusals if isinstance(one, _ACCOUNT)), None)


def nearest(program: Program, found: Sequence[Offer], balance: int) -> Next | None:
    """The nearest reward that points alone are missing for, or else that there is something."""
    now = sum(offer.available for offer in found)
    nearly = min(
        (offer for offer in found if offer.nearly),
        key=lambda offer: offer.missing_points,
        default=None,
    )
    if nearly is None:
        if not now:
            return None
        text = ngettext("%(num)d reward you can have now", "%(num)d rewards you can have now", now)
        return Next(text, url_for("member.catalogue"))
    text = _(
        "%(points)s to %(reward)s",
        points=points(nearly.missing_points, program),
        reward=nearly.reward.name,
    )
    return Next(
        text,
        url_for("member.catalogue")
        if now
        else url_for("member.reward", reward_id=nearly.reward.id),
        share=100 * balance // nearly.reward.price,
        badge=ngettext("%(num)d to have now", "%(num)d to have now", now) if now else None,
    )
