"""Orders: quoted, placed, captured, voided, refunded."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from portal import checkout, outbox
from portal.access.keys import Scope
from portal.checkout import OrderState
from portal.web.api import answers, order_answers, order_schemas, order_shapes
from portal.web.api.auth import require_scope, store_of
from portal.web.api.endpoint import Answer, Call, route
from portal.web.api.views import naming, presence
from portal.web.api.views.accounts import shown
from portal.web.settings import cipher, pepper, settings

ORDER_ID = r"ord_[0-9a-z]{1,32}"
_IDS = {"id": ORDER_ID}


@route(
    "POST",
    "/quotes",
    scopes=["redeem", "earn"],
    tag="Orders",
    takes=order_schemas.NewQuote(),
    answer=order_shapes.QuoteShape,
    keyless=True,
    ahead=presence.look,
    ahead_if=presence.brings_code,
)
def create_quote(call: Call) -> Answer:
    """Ask what an order may cost and bring.

    Nothing moves. The answer says how many points can be redeemed for this
    order and what they pay, what the order would earn and why, and whether
    the member has to approve. Name the quote in the order or redemption to be
    held to it; it serves once, until `expires_at`. With `issue_code` the
    member is sent a one-time code, where one is asked for; a warning 876 says
    that it could not be sent. A quote whose member is named by `member_code`
    uses that code up and remembers it: what names the quote needs no other.
    Asked again, it takes the next code. Codes of the member's vouchers are
    told to keys with the scope `voucher` only.
    """
    given = presence.fields(call)
    holder = naming.holder(given)
    assert holder is not None
    order = given["order"]
    quote = checkout.quote(
        call.session,
        holder=holder,
        order=checkout.Basket(
            value=order["value"],
            currency=order["currency"],
            lines=_lines(order),
            store=store_of(call.caller, given.get("store")),
            till=given.get("till"),
        ),
        issue_code=given["issue_code"],
        sending=checkout.CodeSending(
            pepper=pepper(), cipher=cipher(), channels=outbox.channels(settings())
        ),
        approval=presence.approval(call),
        actor=call.actor,
        at=call.at,
    )
    tell_codes = Scope.VOUCHER in call.caller.scopes
    return Answer(content=order_answers.quote(quote, tell_codes=tell_codes))


@route(
    "POST",
    "/orders",
    scopes=["earn", "redeem"],
    tag="Orders",
    takes=order_schemas.NewOrder(),
    answer=order_shapes.PlacedOrder,
    status=HTTPStatus.CREATED,
    ahead=presence.look,
    ahead_if=presence.brings_code,
)
def create_order(call: Call) -> Answer:
    """Record an order: pay with points, and earn.

    All of it happens, or nothing. What is redeemed comes from the balance
    before; what is left to pay is `amount_due`. An order without an account is
    anonymous: it redeems nothing and earns nothing. The same receipt of the
    same store again, with the same content, answers the first result whatever
    key it comes with; with other content it is refused with 409
    order_already_exists.

    Redeeming needs the scope `redeem`; earning, the scope `earn`.
    """
    given = presence.fields(call, repeatable=True)
    holder = naming.holder(given)
    _require_scopes(call, named=holder is not None)
    placed = checkout.place(
        call.session,
        wish=checkout.OrderWish(
            number=given["id"],
            value=given["value"],
            currency=given["currency"],
            placed_at=given.get("placed_at"),
            store=store_of(call.caller, given.get("store")),
            till=given.get("till"),
            lines=_lines(given),
            holder=holder,
            quote=given.get("quote"),
            redeem=[checkout.Redeem(**part) for part in given.get("redeem", ())],
            earn=given["earn"],
            splits=[_split(part) for part in given.get("splits", ())],
            capture=given["capture"],
            hold_minutes=given.get("hold_minutes"),
            approval=presence.approval(call),
            metadata=given.get("metadata", {}),
        ),
        actor=call.actor,
        request_id=call.request_id,
        at=call.at,
    )
    return _answer(call, placed.order, status=HTTPStatus.CREATED)


def _require_scopes(call: Call, *, named: bool) -> None:
    """An order may do what its key could do by itself, and no more."""
    given = call.fields
    if "redeem" in given:
        require_scope(call.caller, [Scope.REDEEM])
    brings = any("reward" in part for part in given.get("splits", ()))
    if brings or (named and given["earn"]):
        require_scope(call.caller, [Scope.EARN])


def _lines(given: dict[str, Any]) -> Sequence[checkout.Line]:
    return [checkout.Line(**line) for line in given.get("lines", ())]


def _split(given: dict[str, Any]) -> checkout.Split:
    reward = given.get("reward")
    return checkout.Split(
        value=given["value"],
        seller=given.get("seller"),
        reward=None if reward is None else checkout.Reward(**reward),
    )


def _answer(call: Call, order: OrderState, *, status: int = HTTPStatus.OK) -> Answer:
    accounts: list[answers.Content] = [shown(call, account) for account in order.account_ids]
    return Answer(content=order_answers.order(order, accounts), status=status, effect=order.id)


@route(
    "GET",
    "/orders/<id>",
    scopes=["read", "earn", "redeem"],
    tag="Orders",
    answer=order_shapes.PlacedOrder,
    ids=_IDS,
)
def read_order(call: Call, id: str) -> Answer:
    """Read an order, as it stands now."""
    return _answer(call, checkout.find_order(call.session, id, at=call.at))


@route(
    "POST",
    "/orders/<id>/capture",
    scopes=["redeem", "earn"],
    tag="Orders",
    answer=order_shapes.PlacedOrder,
    ids=_IDS,
)
def capture_order(call: Call, id: str) -> Answer:
    """Capture an order on hold: what it redeems is final, and it earns."""
    order = checkout.capture_order(
        call.session,
        order_id=id,
        store=call.caller.store,
        actor=call.actor,
        request_id=call.request_id,
        at=call.at,
    )
    return _answer(call, order)


@route(
    "POST",
    "/orders/<id>/void",
    scopes=["redeem", "earn"],
    tag="Orders",
    answer=order_shapes.PlacedOrder,
    ids=_IDS,
)
def void_order(call: Call, id: str) -> Answer:
    """Void an order on hold: its points return, and it earns nothing."""
    order = checkout.void_order(
        call.session,
        order_id=id,
        store=call.caller.store,
        actor=call.actor,
        request_id=call.request_id,
        at=call.at,
    )
    return _answer(call, order)


@route(
    "POST",
    "/orders/<id>/refunds",
    scopes=["reverse"],
    tag="Orders",
    takes=order_schemas.NewRefund(),
    answer=order_shapes.RefundShape,
    status=HTTPStatus.CREATED,
    ids=_IDS,
)
def refund_order(call: Call, id: str) -> Answer:
    """Refund an order, whole or in parts.

    In proportion to `value`, points that the order earned are taken back and
    points that paid it are given back; the last refund gives the rest, to the
    last cent. `amount_returned` is what is to be paid back in money.
    """
    refund = checkout.refund(
        call.session,
        order_id=id,
        wish=checkout.RefundWish(value=call.fields["value"], lines=_lines(call.fields)),
        store=call.caller.store,
        actor=call.actor,
        request_id=call.request_id,
        at=call.at,
    )
    return Answer(content=order_answers.refund(refund), status=HTTPStatus.CREATED, effect=refund.id)
