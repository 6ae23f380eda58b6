"""Points sent from one member or household to another: asked about, done, looked back at."""

from http import HTTPStatus

from portal import ledger, members, outbox, transfers
from portal.members import households
from portal.members.errors import CustomerNotFound
from portal.orm import recording
from portal.transfers import CodeLook, CodeSending
from portal.web.api import answers, transfer_answers, transfer_schemas, transfer_shapes
from portal.web.api.endpoint import Answer, Call, route
from portal.web.api.errors import WrongFields
from portal.web.api.views import parties, presence
from portal.web.api.views.accounts import region
from portal.web.settings import cipher, pepper, settings

_PARTIES = presence.Parts(sender="from", recipient="to", transferred_by="transferred_by")


@route(
    "POST",
    "/transfers/check",
    scopes=["transfer"],
    tag="Transfers",
    takes=transfer_schemas.NewTransferCheck(),
    answer=transfer_shapes.TransferCheckShape,
    ahead=_PARTIES.look,
    ahead_if=_PARTIES.bring_code,
)
def check_transfer(call: Call) -> Answer:
    """Ask whether points can be sent, and have the code sent that confirms it.

    Yes, or every reason why not at once: a no is an answer too, 200 with
    `transferable` false. `points` are whole numbers of the program's smallest
    unit: 10.5 points of a program with one decimal are 105. With `issue_code`,
    and only after a yes, a one-time code goes to whoever does it: the sender,
    or the member in `transferred_by` where a household sends. It is good for
    five minutes, for this transfer alone, and for your client's keys alone. A
    warning 876 says that there is nowhere to send it, 860 that the next one
    has to wait, until `resend_at`. `transfer_request` is there all the same: have
    a code sent for it later.
    Show `recipient.display`, which is masked, to the sender before they go on.

    Each side may be named by the `member_code` that their page shows. It shows
    that they are there; the one-time code is sent all the same. It is used up
    where a `transfer_request` is made of it, and stays good where it is only
    asked whether that can be done, or the answer is no.
    """
    given = call.fields
    requested = {
        "sender": parties.party(_PARTIES.named(call, "sender")),
        "recipient": parties.party(_PARTIES.named(call, "recipient")),
        "points": given["points"],
        "program": _program(call),
        "note": given.get("note"),
        "by": parties.party(_PARTIES.named(call, "transferred_by"))
        if "transferred_by" in given
        else None,
        "region": region(),
        "at": call.at,
    }
    if not given["issue_code"]:
        return Answer(content=transfer_answers.check(transfers.check(call.session, **requested)))
    made = transfers.request(
        call.session,
        **requested,
        context=call.caller.client_id,
        actor=call.actor,
        issue_code=True,
        sending=sending(),
    )
    if made.id is not None:
        _PARTIES.use_up(call)
    return Answer(content=transfer_answers.requested(made), effect=made.id)


def _program(call: Call) -> str | None:
    """The one program that the request means, however often it says so.

    Raises:
        WrongFields: it names two.
    """
    given = call.fields
    named = {
        "program": given.get("program"),
        "from.program": given["sender"].get("program"),
        "to.program": given["recipient"].get("program"),
    }
    said = {field: program for field, program in named.items() if program is not None}
    if len(set(said.values())) > 1:
        wrong = "Points never leave their program: name one."
        raise WrongFields(fields={field: [wrong] for field in said})
    return next(iter(said.values()), None)


def sending() -> CodeSending:
    """With what codes are made and sent, and people told."""
    return CodeSending(pepper=pepper(), cipher=cipher(), channels=outbox.channels(settings()))


def _look(call: Call) -> CodeLook:
    """Count a try of the code, in a unit of its own."""
    with recording(call.session):
        return transfers.look(
            call.session,
            request_id=call.fields["transfer_request"],
            context=call.caller.client_id,
            code=call.fields["code"],
            at=call.at,
            pepper=pepper(),
        )


@route(
    "POST",
    "/transfers",
    scopes=["transfer"],
    tag="Transfers",
    takes=transfer_schemas.NewTransfer(),
    answer=transfer_shapes.TransferShape,
    status=HTTPStatus.CREATED,
    ahead=_look,
)
def create_transfer(call: Call) -> Answer:
    """Send points, with the code that the sender was sent.

    All that was checked is checked again, the recipient too. The points keep
    their expiry: sending does not make them live longer. Both sides are told.
    A wrong code costs one of five tries, and `tries_left` says how many are
    left. A request that was used already answers its receipt again, and sends
    nothing. `display` is masked, for the other side's eyes; `name` is for your
    staff.
    """
    receipt = transfers.confirm(
        call.session,
        request_id=call.fields["transfer_request"],
        look=call.ahead,
        context=call.caller.client_id,
        actor=call.actor,
        store=call.caller.store,
        sending=sending(),
        request_key=call.request_id,
        at=call.at,
    )
    return Answer(
        content=transfer_answers.transfer(receipt), status=HTTPStatus.CREATED, effect=receipt.id
    )


@route(
    "GET",
    "/transfers",
    scopes=["read", "transfer"],
    tag="Transfers",
    takes=transfer_schemas.TransfersQuery(),
    answer=transfer_shapes.TransferList,
)
def list_transfers(call: Call) -> Answer:
    """List what a member or a household sent and received, newest first.

    Of a customer or a household, the transfers of all their accounts, unless
    `program` names one. What was sent and received by an account that was
    merged into theirs is among them.
    """
    account_ids, merged_from = _accounts(call)
    page = transfers.history(
        call.session,
        account_ids=account_ids,
        program=call.fields.get("program"),
        limit=call.fields["limit"],
        cursor=call.fields.get("cursor"),
    )
    content: answers.Content = {
        "data": [transfer_answers.transfer(receipt) for receipt in page.transfers],
        "next_cursor": page.next_cursor,
    }
    return Answer(content=content | answers.hint(merged_from))


def _accounts(call: Call) -> tuple[list[str], str | None]:
    """The accounts that the query means, and the merged id that it named them by."""
    query = call.fields
    if "account" in query:
        reference = members.Reference(account=query["account"])
        found = members.resolve(call.session, reference=reference)
        return [found.account.id], found.merged_from
    if "customer" in query:
        return _customers_accounts(call, query["customer"])
    if "household" in query:
        return _household_accounts(call, query["household"])
    holder = members.find_holder(
        call.session,
        members.Reference(type=query["identifier_type"], value=query["identifier_value"]),
        region=region(),
    )
    if holder.household_id is not None:
        return _household_accounts(call, holder.household_id)
    if holder.customer_id is None:
        raise CustomerNotFound(field="identifier_value")
    return _customers_accounts(call, holder.customer_id)


def _customers_accounts(call: Call, customer_id: str) -> tuple[list[str], str | None]:
    customer = members.customer(call.session, customer_id)
    held = ledger.accounts_of(call.session, customer_id=customer.id)
    return [account.id for account in held], customer.found_as


def _household_accounts(call: Call, household_id: str) -> tuple[list[str], str | None]:
    household = households.household(call.session, household_id)
    held = households.accounts_of(call.session, household_id=household.id)
    return [account.id for account in held], None
