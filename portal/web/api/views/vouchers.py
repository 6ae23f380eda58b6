"""Vouchers: issued for points, used once, cancelled, listed."""

from dataclasses import replace
from http import HTTPStatus

from portal import checkout, ledger, members, orm, outbox, programs, rewards
from portal.access.keys import Scope
from portal.checkout.approving import CodeLook
from portal.checkout.errors import ApprovalNeeded
from portal.members.errors import CustomerNotFound
from portal.programs import Money
from portal.rewards import OnOrder, VoucherStatus, VoucherView
from portal.web.api import answers, reward_answers, reward_schemas, reward_shapes
from portal.web.api.auth import store_of
from portal.web.api.endpoint import Answer, Call, route
from portal.web.api.views import naming, presence
from portal.web.api.views.accounts import region
from portal.web.api.views.presence import Looked
from portal.web.api.views.rewards import given
from portal.web.settings import cipher, pepper, settings

_IDS = {"code": r"[0-9A-Za-z-]{1,64}"}


def look(call: Call) -> Looked:
    """Count looks at the codes that came along, or send one, in units of their own."""
    looked = presence.looked(call, one_time_code=None)
    named = replace(call, ahead=looked)
    code = call.fields.get("approval", {}).get("one_time_code")
    if code is not None:
        return replace(looked, one_time_code=_counted(named, code))
    if call.fields["issue_code"]:
        return replace(looked, code_sent=_sent(named))
    return looked


def _counted(call: Call, code: str) -> CodeLook:
    account_id, reward_id = _account_id(call), call.fields["reward"]
    with orm.recording(call.session):
        return checkout.look_voucher_code(
            call.session,
            account_id=account_id,
            reward_id=reward_id,
            code=code,
            at=call.at,
            pepper=pepper(),
        )


def _sent(call: Call) -> bool | None:
    account_id = _account_id(call)
    with orm.recording(call.session):
        return checkout.send_voucher_code(
            call.session,
            account_id=account_id,
            wish=_wish(call),
            sending=checkout.CodeSending(
                pepper=pepper(), cipher=cipher(), channels=outbox.channels(settings())
            ),
            at=call.at,
        )


def _wish(call: Call) -> checkout.VoucherWish:
    return checkout.VoucherWish(
        reward_id=call.fields["reward"],
        store=store_of(call.caller, call.fields.get("store")),
        till=call.fields.get("till"),
        by_contact=naming.named(presence.fields(call)).by_contact,
        approval=presence.approval(call),
    )


def _account_id(call: Call) -> str:
    """The account that is named; in the reward's program, where no other is."""
    fields = presence.fields(call)
    reward = rewards.reward(call.session, call.fields["reward"])
    if "account" not in fields:
        fields = {"program": reward.program_id} | fields
    return naming.account_id(call, fields)


@route(
    "POST",
    "/vouchers",
    scopes=["voucher"],
    tag="Vouchers",
    takes=reward_schemas.NewVoucher(),
    answer=reward_shapes.VoucherShape,
    status=HTTPStatus.CREATED,
    ahead=look,
)
def create_voucher(call: Call) -> Answer:
    """Turn points into a voucher.

    The points are set aside until it is used; they come back when it is
    cancelled, and when it lapses where the reward says so. The member has to
    approve as for a redemption of as many points: with `issue_code` they are
    sent a code, and the request is refused with approval_needed until it
    carries that code. The account of the reward's program is meant where no
    program is named.
    """
    found: Looked = call.ahead
    if found.code_sent is not None:
        raise ApprovalNeeded(approval="one_time_code", code_sent=found.code_sent)
    issued = checkout.issue_voucher(
        call.session,
        account_id=_account_id(call),
        wish=_wish(call),
        cipher=cipher(),
        actor=call.actor,
        request_id=call.request_id,
        at=call.at,
    )
    return Answer(content=_content(call, issued), status=HTTPStatus.CREATED, effect=issued.id)


@route(
    "GET",
    "/vouchers",
    scopes=["read", "voucher"],
    tag="Vouchers",
    takes=reward_schemas.VouchersQuery(),
    answer=reward_shapes.VoucherList,
)
def list_vouchers(call: Call) -> Answer:
    """List vouchers, newest first.

    A code is as good as the reward, and told in a list to keys with the scope
    `voucher` only, and where the program would let the voucher's points go
    without anything more from the member. Only a card number shows a card:
    whoever is named by anything else, such as an id that was found by a phone
    number, counts as named by that phone number.
    """
    query = call.fields
    account_ids, hint = _holders(call)
    page = rewards.vouchers_of(
        call.session,
        account_ids=account_ids,
        statuses=[VoucherStatus(query["status"])] if "status" in query else None,
        limit=query["limit"],
        cursor=query.get("cursor"),
        at=call.at,
    )
    may_use = Scope.VOUCHER in call.caller.scopes
    by_contact = not naming.named(given(query)).in_hand
    data = []
    for voucher in page.vouchers:
        program = programs.find(call.session, voucher.program_id)
        told = may_use and checkout.tells_code(program, voucher, by_contact=by_contact)
        data.append(reward_answers.voucher(voucher, program, tell_code=told))
    return Answer(content={"data": data, "next_cursor": page.next_cursor} | hint)


def _holders(call: Call) -> tuple[list[str], answers.Content]:
    """The accounts that are meant: one, or all of a customer."""
    reference = naming.reference(given(call.fields))
    if reference.type is not None:
        reference = _known_by(call, reference)
    if "program" in call.fields or reference.customer is None:
        program = None
        if reference.account is None or "program" in call.fields:
            program = programs.find(call.session, call.fields.get("program"))
        resolved = members.resolve(
            call.session, reference=reference, program=program, region=region()
        )
        return [resolved.account.id], answers.hint(resolved.merged_from)
    found = members.customer(call.session, reference.customer)
    accounts = ledger.accounts_of(call.session, customer_id=found.id)
    return [account.id for account in accounts], answers.hint(found.found_as)


def _known_by(call: Call, reference: members.Reference) -> members.Reference:
    """The customer or the household that an identifier is of."""
    found = members.find_holder(call.session, reference, region=region())
    if found.household_id is None and found.customer_id is None:
        raise CustomerNotFound(field="identifier")
    return members.Reference(customer=found.customer_id, household=found.household_id)


@route(
    "GET",
    "/vouchers/<code>",
    scopes=["read", "voucher"],
    tag="Vouchers",
    answer=reward_shapes.VoucherShape,
    ids=_IDS,
)
def read_voucher(call: Call, code: str) -> Answer:
    """Read a voucher, as it stands now, by its code however it was typed."""
    return Answer(content=_content(call, rewards.voucher(call.session, code=code, at=call.at)))


@route(
    "POST",
    "/vouchers/<code>/use",
    scopes=["voucher"],
    tag="Vouchers",
    takes=reward_schemas.VoucherUse(),
    answer=reward_shapes.UsedVoucher,
    ids=_IDS,
)
def use_voucher(call: Call, code: str) -> Answer:
    """Use a voucher, once.

    `off` says what it takes off the order. Of a share, the order's value must
    be given to know it.
    """
    query = call.fields
    store, order = store_of(call.caller, query.get("store")), query.get("order")
    if store is not None:
        programs.stores.ensure(call.session, code=store, till=query.get("till"), at=call.at)
    used = rewards.use(
        call.session,
        code=code,
        store=store,
        till=query.get("till"),
        order=None
        if order is None
        else OnOrder(
            number=order["id"],
            value=Money(order["value"], order["currency"]) if "value" in order else None,
        ),
        actor=call.actor,
        at=call.at,
    )
    content = _content(call, used.voucher) | {"off": reward_answers.money(used.off)}
    return Answer(content=content, effect=used.voucher.id)


@route(
    "POST",
    "/vouchers/<code>/cancel",
    scopes=["voucher"],
    tag="Vouchers",
    answer=reward_shapes.VoucherShape,
    ids=_IDS,
)
def cancel_voucher(call: Call, code: str) -> Answer:
    """Cancel an unused voucher: the same points return."""
    cancelled = rewards.cancel(
        call.session,
        code=code,
        store=call.caller.store,
        actor=call.actor,
        request_id=call.request_id,
        at=call.at,
    )
    return Answer(content=_content(call, cancelled), effect=cancelled.id)


def _content(call: Call, voucher: VoucherView) -> answers.Content:
    return reward_answers.voucher(voucher, programs.find(call.session, voucher.program_id))
