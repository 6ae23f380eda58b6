"""Redemptions: points spent at a till, held, captured, voided, given back."""

from http import HTTPStatus

from portal import checkout, ledger
from portal.programs.errors import NoRate
from portal.web.api import answers, schemas, shapes
from portal.web.api.auth import store_of
from portal.web.api.endpoint import Answer, Call, route
from portal.web.api.views import naming, presence
from portal.web.api.views.accounts import region

REDEMPTION_ID = r"red_[0-9a-z]{1,32}"
_IDS = {"id": REDEMPTION_ID}


@route(
    "POST",
    "/redemptions",
    scopes=["redeem"],
    tag="Redemptions",
    takes=schemas.NewRedemption(),
    answer=shapes.RedemptionShape,
    status=HTTPStatus.CREATED,
    ahead=presence.look,
    ahead_if=presence.brings_code,
)
def create_redemption(call: Call) -> Answer:
    """Spend points, or hold them until the payment stands.

    Name the account, and either `points` or `value`. By value, points round
    up; by points, the value rounds down and only the points it needs are
    taken. With `capture` false the points are held until captured, voided, or
    `hold_minutes` have passed. A warning 872 says that the program's points
    have no value in money.
    """
    given = presence.fields(call)
    store = store_of(call.caller, given.get("store"))
    order, named = given.get("order"), naming.named(given)
    redeemed = checkout.redeem(
        call.session,
        account_id=checkout.account_id(call.session, named, region=region()),
        wish=checkout.Wish(
            points=given.get("points"),
            value=given.get("value"),
            unit=given.get("unit"),
            order=None
            if order is None
            else checkout.OrderInHand(
                number=order["id"], value=order["value"], currency=order["currency"]
            ),
            store=store,
            till=given.get("till"),
            capture=given["capture"],
            hold_minutes=given.get("hold_minutes"),
            by_contact=named.by_contact,
            approval=presence.approval(call),
            quote=given.get("quote"),
            metadata=given.get("metadata"),
        ),
        actor=call.actor,
        request_id=call.request_id,
        at=call.at,
    )
    content = answers.redemption(redeemed.redemption)
    if not redeemed.has_value:
        content["warnings"] = [answers.warning(NoRate.code, NoRate.sentence, NoRate.legacy_code)]
    return Answer(content=content, status=HTTPStatus.CREATED, effect=redeemed.redemption.id)


@route(
    "GET",
    "/redemptions/<id>",
    scopes=["read", "redeem"],
    tag="Redemptions",
    answer=shapes.RedemptionShape,
    ids=_IDS,
)
def read_redemption(call: Call, id: str) -> Answer:
    """Read a redemption, as it stands now."""
    return Answer(content=answers.redemption(ledger.redemption(call.session, id)))


@route(
    "POST",
    "/redemptions/<id>/capture",
    scopes=["redeem"],
    tag="Redemptions",
    answer=shapes.RedemptionShape,
    ids=_IDS,
)
def capture_redemption(call: Call, id: str) -> Answer:
    """Capture a held redemption: it becomes final."""
    captured = checkout.capture(call.session, redemption_id=id, store=call.caller.store, at=call.at)
    return Answer(content=answers.redemption(captured), effect=id)


@route(
    "POST",
    "/redemptions/<id>/void",
    scopes=["redeem"],
    tag="Redemptions",
    answer=shapes.RedemptionShape,
    ids=_IDS,
)
def void_redemption(call: Call, id: str) -> Answer:
    """Void a held redemption: its points return."""
    voided = checkout.void(
        call.session,
        redemption_id=id,
        store=call.caller.store,
        actor=call.actor,
        request_id=call.request_id,
        at=call.at,
    )
    return Answer(content=answers.redemption(voided), effect=id)


@route(
    "POST",
    "/redemptions/<id>/reversals",
    scopes=["reverse"],
    tag="Redemptions",
    takes=schemas.NewReversal(),
    answer=shapes.ReversalShape,
    status=HTTPStatus.CREATED,
    ids=_IDS,
    ahead=presence.look,
    ahead_if=presence.brings_code,
)
def reverse_redemption(call: Call, id: str) -> Answer:
    """Give redeemed points back, whole or in part, to their own lots.

    Without `points` all that remain are given back. An `identifier`, where
    given, must be that of the redemption's customer.
    """
    given = presence.fields(call)
    reversal = checkout.reverse(
        call.session,
        redemption_id=id,
        points=given.get("points"),
        identifier=naming.named(given) if "identifier" in call.fields else None,
        store=call.caller.store,
        region=region(),
        actor=call.actor,
        request_id=call.request_id,
        at=call.at,
    )
    presence.use_up(call)
    return Answer(content=answers.reversal(reversal), status=HTTPStatus.CREATED, effect=reversal.id)
