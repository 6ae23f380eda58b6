"""The catalogue of rewards, one of them at length, and turning points into a voucher."""

from dataclasses import dataclass
from datetime import datetime

from flask import Response, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse
from wtforms import HiddenField

from portal import clock, orm, rewards
from portal.errors import Busy, InvalidInput, NotFound, PortalError
from portal.ledger.errors import InsufficientPoints
from portal.rewards import Kind, Offer, OnLapse, VoucherStatus
from portal.rewards.errors import (
    RewardLimitReached,
    RewardOutOfStock,
    RewardPriceChanged,
)
from portal.web import htmx, operations, rendering
from portal.web.auth import member as signed_in
from portal.web.extensions import db
from portal.web.formatting import day, points
from portal.web.member import holdings, offers, prove, voucher_words
from portal.web.member.blueprint import blueprint
from portal.web.member.forms import OnceForm
from portal.web.member.wallet import Wallet, open_wallet, wallet_for
from portal.web.member.wording import gettext as _
from portal.web.member.wording import ngettext
from portal.web.policy import allow, member
from portal.web.settings import cipher

VOUCHERS_COUNTED = 20


@dataclass(frozen=True, slots=True)
class Chip:
    """One way to narrow the catalogue."""

    value: str
    text: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Deal:
    """What someone is about to agree to."""

    have: str
    price: str
    remain: str
    until: str | None
    lapse: str


class TakeForm(OnceForm):
    """The agreement to a price."""

    price = HiddenField()


@blueprint.get("/rewards")
@allow(member)
def catalogue() -> Response:
    """What there is to have: first what can be had now."""
    chosen = holdings.choose()
    if chosen is None:
        return rendering.page("member/no_account.html")
    session, at = db.session(), clock.now()
    wallet = open_wallet(chosen, at)
    found = rewards.catalogue(
        session,
        program=wallet.program,
        account=chosen.account,
        balance=wallet.balance,
        tier=wallet.tier_id,
        at=at,
    )
    open_vouchers = rewards.vouchers_of(
        session,
        account_ids=[chosen.account.id],
        statuses=[VoucherStatus.ISSUED],
        limit=VOUCHERS_COUNTED,
        at=at,
    )
    category, only_now = request.args.get("category", ""), request.args.get("now") == "1"
    categories = sorted({one for offer in found for one in offer.reward.categories})
    shown = [
        offer
        for offer in found
        if (category not in categories or category in offer.reward.categories)
        and (offer.available or not only_now)
    ]
    count = len(open_vouchers.vouchers)
    said = ngettext("%(num)d reward", "%(num)d rewards", len(shown))
    return rendering.page(
        "member/rewards.html",
        "member/_rewards.html",
        program=wallet.program,
        holdings=chosen.places,
        have=points(wallet.balance, wallet.program),
        vouchers=f"{count}+" if open_vouchers.next_cursor else str(count or ""),
        anything=bool(found),
        groups=offers.groups(wallet.program, shown, balance=wallet.balance),
        said=said,
        chips=[
            Chip("", _("All"), category not in categories),
            *(Chip(one, one.replace("_", " ").capitalize(), one == category) for one in categories),
        ]
        if len(categories) > 1
        else [],
        only_now=only_now,
        against=_against(found),
    )


def _against(found: tuple[Offer, ...]) -> str | None:
    """What stands against every reward, said once above them."""
    refusal = offers.concerns_account([one for offer in found for one in offer.refusals])
    return offers.account_words(refusal) if refusal else None


@blueprint.get("/rewards/<reward_id>")
@allow(member)
def reward(reward_id: str) -> Response:
    """One reward: what it is, what it costs, and whether it can be had."""
    wallet, offer = _look(reward_id, clock.now())
    return rendering.page(
        "member/reward.html",
        program=wallet.program,
        told=offers.tell(wallet.program, offer, balance=wallet.balance),
        have=points(wallet.balance, wallet.program),
    )


@blueprint.get("/rewards/<reward_id>/confirm")
@allow(member)
@prove.fresh
def agree(reward_id: str) -> BaseResponse:
    """Ask whether they really want it, with the balance after."""
    at = clock.now()
    wallet, offer = _look(reward_id, at)
    if not offer.available:
        return htmx.go(url_for("member.reward", reward_id=reward_id))
    return _ask(wallet, offer, TakeForm(formdata=None), at)


@blueprint.post("/rewards/<reward_id>/confirm")
@allow(member)
@prove.fresh
def take(reward_id: str) -> BaseResponse:
    """Turn points into a voucher, once however often it is sent."""
    form, at, who = TakeForm(), clock.now(), signed_in()
    wallet, offer = _look(reward_id, at)
    price = form.price.data or ""
    if not form.validate() or not price.isascii() or not price.isdigit():
        return _ask(wallet, offer, form, at, status=422, problem=operations.UnknownOperation())

    def issue(unit: Session) -> str:
        return rewards.issue(
            unit,
            account_id=wallet.chosen.account.id,
            reward_id=reward_id,
            price=int(price),
            tier=wallet.tier_id,
            actor=who.actor,
            cipher=cipher(),
            wording=voucher_words.message(wallet.program, offer.reward.kind),
            at=at,
        ).id

    try:
        with orm.writing(db.session()) as unit:
            done = operations.once(
                unit,
                issue,
                operation=form.operation.data or "",
                who=who.actor,
                content={"reward": reward_id, "price": price},
                at=at,
            )
    except (Busy, NotFound):
        raise
    except PortalError as error:
        status = 422 if isinstance(error, InvalidInput) else 409
        # As it is by now, not as it was when the form was drawn.
        wallet, offer = _look(reward_id, at)
        return _ask(wallet, offer, form, at, status=status, problem=error)
    return htmx.go(url_for("member.voucher", voucher_id=done.result, new=1))


def _look(reward_id: str, at: datetime) -> tuple[Wallet, Offer]:
    """The reward as the member sees it now.

    Raises:
        RewardNotFound: there is none, or it is of a program they are not in.
    """
    session = db.session()
    wallet = wallet_for(rewards.reward(session, reward_id).program_id, at)
    offer = rewards.offer(
        session,
        reward_id=reward_id,
        program=wallet.program,
        account=wallet.chosen.account,
        balance=wallet.balance,
        tier=wallet.tier_id,
        at=at,
    )
    return wallet, offer


def _ask(
    wallet: Wallet,
    offer: Offer,
    form: TakeForm,
    at: datetime,
    *,
    status: int = 200,
    problem: PortalError | None = None,
) -> Response:
    program, gift = wallet.program, offer.reward
    form.operation.data = operations.new_id()
    form.price.data = str(gift.price)
    given_at_once = gift.kind is Kind.DONATION
    last_day = voucher_words.last_day(gift, program, at)
    response = rendering.page(
        "member/reward_confirm.html",
        "member/_reward_confirm.html",
        status=status,
        program=program,
        form=form,
        told=offers.tell(program, offer, balance=wallet.balance),
        deal=Deal(
            have=points(wallet.balance, program),
            price=points(gift.price, program),
            remain=points(max(0, wallet.balance - gift.price), program),
            until=None if given_at_once else day(last_day),
            lapse=_lapse(gift.on_lapse),
        ),
        at_once=given_at_once,
        problem=_said(wallet, offer, problem) if problem else None,
    )
    return htmx.into(response, "#agree", swap="outerHTML") if status != 200 else response


def _lapse(on_lapse: OnLapse) -> str:
    if on_lapse is OnLapse.RETURN:
        return _("If you do not use it in time, the points come back to you.")
    return _("If you do not use it in time, it lapses and the points are gone.")


def _said(wallet: Wallet, offer: Offer, error: PortalError) -> str:
    """What happened between the page and the button, and that nothing was spent."""
    nothing = " " + _("Nothing was taken from you.")
    match error:
        case RewardPriceChanged():
            return (
                _(
                    "The price has changed: it is %(points)s now.",
                    points=points(offer.reward.price, wallet.program),
                )
                + nothing
            )
        case RewardOutOfStock():
            return _("Somebody was quicker: the last one has just gone.") + nothing
        case InsufficientPoints():
            return (
                _(
                    "You have %(points)s by now, which is not enough.",
                    points=points(wallet.balance, wallet.program),
                )
                + nothing
            )
        case RewardLimitReached():
            return offers.why_not(wallet.program, offer, error) + ". " + nothing.strip()
        case operations.UnknownOperation() | operations.AlreadySent():
            return _(error.detail)
        case _:
            return offers.why_not(wallet.program, offer, error).rstrip(".") + "." + nothing
