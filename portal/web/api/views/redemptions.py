"""Redemptions: points spent at a till, held, captured, voided, given back."""

from http import HTTPStatus
from typing import Any

from portal import checkout, ledger, members, programs
from portal.ledger.errors import AccountNotFound
from portal.members.errors import CustomerNotFound
from portal.programs.errors import NoRate
from portal.web.api import answers, schemas, shapes
from portal.web.api.auth import store_of
from portal.web.api.endpoint import Answer, Call, route
from portal.web.api.views import naming
from portal.web.api.views.accounts import region

REDEMPTION_ID = r"red_[0-9a-z]{1,32}"
_IDS = {"id": REDEMPTION_ID}
_CONTACTS = frozenset({"mobile", "email"})


@route(
    "POST",
    "/redemptions",
    scopes=["redeem"],
    tag="Redemptions",
    takes=schemas.NewRedemption(),
    answer=shapes.RedemptionShape,
    status=HTTPStatus.CREATED,
    ahead=naming.look,
)
def create_redemption(call: Call) -> Answer:
    """Spend points, or hold them until the payment stands.

    Name the account, and either `points` or `value`. By value, points round
    up; by points, the value rounds down and only the points it needs are
    taken. With `capture` false the points are held until captured, voided, or
    `hold_minutes` have passed. A warning 872 says that the program's points
    have no value in money.
    """
    given = call.fields
    store = store_of(call.caller, given.get("store"))
    order = given.get("order")
    redeemed = checkout.redeem(
        call.session,
        account_id=_account_id(call, given),
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
            by_contact=given.get("identifier", {}).get("type") in _CONTACTS,
            approval=naming.approval(call),
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


def _account_id(call: Call, given: dict[str, Any]) -> str:
    """The account that the request names; its own id costs no statement."""
    if "account" in given and "program" not in given:
        account_id: str = given["account"]
        return account_id
    if "household" in given:
        raise AccountNotFound(household=given["household"])
    if given.get("identifier", {}).get("type", "mobile") not in schemas.IDENTIFIER_TYPES:
        # Nobody has a household, or a rotating code, to be known by.
        raise CustomerNotFound(field="identifier")
    program = programs.find(call.session, given.get("program"))
    resolved = members.resolve(
        call.session,
        reference=_reference(given),
        program=program,
        to_write=True,
        region=region(),
    )
    return resolved.account.id


def _reference(given: dict[str, Any]) -> members.Reference:
    identifier = given.get("identifier")
    if identifier is None:
        return members.Reference(account=given.get("account"), customer=given.get("customer"))
    return members.Reference(
        type=identifier["type"],
        value=identifier["value"],
        source_account=identifier.get("source_account"),
    )


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
)
def reverse_redemption(call: Call, id: str) -> Answer:
    """Give redeemed points back, whole or in part, to their own lots.

    Without `points` all that remain are given back. An `identifier`, where
    given, must be that of the redemption's customer.
    """
    given = call.fields
    reversal = checkout.reverse(
        call.session,
        redemption_id=id,
        points=given.get("points"),
        identifier=_reference(given) if "identifier" in given else None,
        store=call.caller.store,
        region=region(),
        actor=call.actor,
        request_id=call.request_id,
        at=call.at,
    )
    return Answer(content=answers.reversal(reversal), status=HTTPStatus.CREATED, effect=reversal.id)
