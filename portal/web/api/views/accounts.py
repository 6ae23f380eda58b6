"""Accounts: enrolled, found, read, corrected, closed, merged."""

from http import HTTPStatus

from flask import current_app

from portal import checkout, ledger, members, merging, programs
from portal.config import Settings
from portal.ledger import AccountView, EventName, Facts
from portal.members import NewIdentifier, households
from portal.members.errors import HouseholdNotFound
from portal.web.api import answers, schemas, shapes
from portal.web.api.auth import store_of
from portal.web.api.endpoint import Answer, Call, route
from portal.web.api.errors import ExpiryInPast

ACCOUNT_ID = r"loy_[0-9a-z]{1,32}"
_IDS = {"id": ACCOUNT_ID}


def region() -> str:
    """Whose phone numbers may come without their prefix."""
    settings: Settings = current_app.config["PORTAL"]
    return settings.phone_region


def shown(call: Call, account_id: str, *, merged_from: str | None = None) -> answers.Content:
    """An account as it stands, for an answer."""
    position = ledger.position(call.session, account_id=account_id, at=call.at)
    program = programs.find(call.session, position.account.program_id)
    return answers.account(position, program, merged_from=merged_from)


def _to_read(call: Call, account_id: str) -> tuple[AccountView, str | None]:
    found = members.resolve(call.session, reference=members.Reference(account=account_id))
    return found.account, found.merged_from


def _to_write(call: Call, account_id: str) -> AccountView:
    """The account, not a merged one: a write must name the survivor itself (003: 419)."""
    found = members.resolve(
        call.session, reference=members.Reference(account=account_id), to_write=True
    )
    return found.account


@route(
    "GET",
    "/accounts",
    scopes=["read"],
    tag="Accounts",
    takes=schemas.AccountsQuery(),
    answer=shapes.AccountList,
)
def list_accounts(call: Call) -> Answer:
    """List accounts: a customer's, a household's, or all.

    Of a holder the active ones come first. Merged accounts are left out:
    their survivors are listed. An `external_id` is looked for among customers
    first, then among households.
    """
    query = call.fields
    holder = _holder(call)
    if holder is None:
        return Answer(content={"data": [], "next_cursor": None})
    page = checkout.accounts(
        call.session,
        **holder,
        program_id=query.get("program"),
        limit=query["limit"],
        cursor=query.get("cursor"),
    )
    data = [shown(call, account_id) for account_id in page.ids]
    return Answer(content={"data": data, "next_cursor": page.next_cursor})


def _holder(call: Call) -> dict[str, str] | None:
    """Whose accounts are meant: empty for all, None for somebody who is not known."""
    query = call.fields
    if "customer" in query:
        return {"customer_id": members.customer(call.session, query["customer"]).id}
    if "household" in query:
        return {"household_id": households.household(call.session, query["household"]).id}
    if "identifier_type" not in query:
        return {}
    reference = members.Reference(type=query["identifier_type"], value=query["identifier_value"])
    try:
        found = members.find_holder(call.session, reference, region=region())
    except HouseholdNotFound:
        return None
    if found.household_id is not None:
        return {"household_id": found.household_id}
    if found.customer_id is None:
        return None
    return {"customer_id": members.customer(call.session, found.customer_id).id}


@route(
    "POST",
    "/accounts",
    scopes=["enrol"],
    tag="Accounts",
    takes=schemas.NewAccount(),
    answer=shapes.Account,
    status=HTTPStatus.CREATED,
)
def create_account(call: Call) -> Answer:
    """Enrol a member.

    A customer who has an active account in the program is refused with 409
    account_already_exists; `account` is the one they have. A person who is
    known by one of the identifiers is enrolled as they are, not changed.
    """
    given = call.fields
    person = given.get("customer")
    if isinstance(person, dict):
        person = checkout.Person(
            identifiers=[
                NewIdentifier(type=kind, value=person[kind])
                for kind in schemas.NewCustomer.identifier_types
                if kind in person
            ],
            **{
                name: value
                for name, value in person.items()
                if name not in schemas.NewCustomer.identifier_types
            },
        )
    enrolled = checkout.enrol(
        call.session,
        program_id=given.get("program"),
        customer=person,
        external_id=given.get("external_id"),
        value=given.get("value", 0),
        enrolled_at=given.get("enrolled_at"),
        metadata=given.get("metadata"),
        store=store_of(call.caller, None),
        region=region(),
        actor=call.actor,
        request_id=call.request_id,
        at=call.at,
    )
    account_id = enrolled.account.id
    content = shown(call, account_id)
    if enrolled.known:
        content["warnings"] = [
            answers.warning(
                "customer_known", "This customer was known already, and was not changed."
            )
        ]
    return Answer(content=content, status=HTTPStatus.CREATED, effect=account_id)


@route(
    "GET",
    "/accounts/<id>",
    scopes=["read"],
    tag="Accounts",
    answer=shapes.Account,
    ids=_IDS,
)
def read_account(call: Call, id: str) -> Answer:
    """Read an account, as it stands now.

    A merged account leads to its survivor, with `merged_from`.
    """
    account, merged_from = _to_read(call, id)
    return Answer(content=shown(call, account.id, merged_from=merged_from))


@route(
    "PATCH",
    "/accounts/<id>",
    scopes=["enrol", "manage"],
    tag="Accounts",
    takes=schemas.AccountChange(),
    answer=shapes.Account,
    ids=_IDS,
)
def change_account(call: Call, id: str) -> Answer:
    """Attach a customer, or change `enrolled_at` or `metadata`.

    Metadata is replaced as a whole. An account that has a customer keeps them.
    """
    account, given = _to_write(call, id), call.fields
    if "customer" in given:
        ledger.attach_customer(
            call.session,
            account_id=account.id,
            customer_id=checkout.live_customer(call.session, given["customer"]),
            at=call.at,
        )
    if given.keys() & {"enrolled_at", "metadata"}:
        ledger.amend(
            call.session,
            account_id=account.id,
            enrolled_at=given.get("enrolled_at"),
            metadata=given.get("metadata"),
            at=call.at,
        )
    return Answer(content=shown(call, account.id), effect=account.id)


@route(
    "POST",
    "/accounts/<id>/close",
    scopes=["manage"],
    tag="Accounts",
    answer=shapes.Account,
    ids=_IDS,
)
def close_account(call: Call, id: str) -> Answer:
    """Close an account: its history stays, nothing is earned or spent."""
    ledger.close(call.session, account_id=_to_write(call, id).id, at=call.at)
    return Answer(content=shown(call, id), effect=id)


@route(
    "POST",
    "/accounts/<id>/reopen",
    scopes=["manage"],
    tag="Accounts",
    answer=shapes.Account,
    ids=_IDS,
)
def reopen_account(call: Call, id: str) -> Answer:
    """Reopen a closed account; not that of a closed household."""
    households.reopen_account(call.session, account_id=_to_write(call, id).id, at=call.at)
    return Answer(content=shown(call, id), effect=id)


@route(
    "POST",
    "/accounts/<id>/freeze",
    scopes=["manage"],
    tag="Accounts",
    answer=shapes.Account,
    ids=_IDS,
)
def freeze_account(call: Call, id: str) -> Answer:
    """Freeze an account: it earns, and no points leave it.

    For a lost card or a stolen phone. The member may freeze it on their own
    page as well.
    """
    ledger.freeze(call.session, account_id=_to_write(call, id).id, at=call.at)
    return Answer(content=shown(call, id), effect=id)


@route(
    "POST",
    "/accounts/<id>/unfreeze",
    scopes=["manage"],
    tag="Accounts",
    answer=shapes.Account,
    ids=_IDS,
)
def unfreeze_account(call: Call, id: str) -> Answer:
    """Let points leave a frozen account again."""
    ledger.unfreeze(call.session, account_id=_to_write(call, id).id, at=call.at)
    return Answer(content=shown(call, id), effect=id)


@route(
    "POST",
    "/accounts/<id>/merge",
    scopes=["manage"],
    tag="Accounts",
    takes=schemas.MergeTarget(),
    answer=shapes.Account,
    ids=_IDS,
)
def merge_account(call: Call, id: str) -> Answer:
    """Merge this account into another of its program, for good.

    The survivor, which is answered, gets balance, promised points, lifetime
    and history. A household's account merges with a household's only. Holds
    must be settled first, and so must transfers that wait for their code.
    """
    source, target = _to_write(call, id), _to_write(call, call.fields["into"])
    merging.merge_accounts(
        call.session,
        source_id=source.id,
        target_id=target.id,
        facts=Facts(
            name=EventName.ACCOUNT_MERGE,
            actor=call.actor,
            origin="merge",
            store=call.caller.store,
            request_id=call.request_id,
        ),
        at=call.at,
    )
    return Answer(content=shown(call, target.id), effect=target.id)


@route(
    "GET",
    "/accounts/<id>/transactions",
    scopes=["read"],
    tag="Accounts",
    takes=schemas.TransactionsQuery(),
    answer=shapes.TransactionList,
    ids=_IDS,
)
def list_transactions(call: Call, id: str) -> Answer:
    """List an account's history, newest first.

    The lines of accounts merged into it are among them. `from` is the first
    instant of the period, `to` the first one after it.
    """
    account, merged_from = _to_read(call, id)
    program = programs.find(call.session, account.program_id)
    query = {name: value for name, value in call.fields.items() if name != "type"}
    page = ledger.history(
        call.session, account_id=account.id, at=call.at, types=call.fields["type"], **query
    )
    content: answers.Content = {
        "data": [answers.line(line, program) for line in page.lines],
        "pending": answers.pending(page.pending),
        "next_cursor": page.next_cursor,
    }
    return Answer(content=content | answers.hint(merged_from))


@route(
    "GET",
    "/accounts/<id>/balances",
    scopes=["read"],
    tag="Accounts",
    takes=schemas.BalancesQuery(),
    answer=shapes.Balances,
    ids=_IDS,
)
def read_balances(call: Call, id: str) -> Answer:
    """Read the closing balances at a time, by category, zeros included."""
    account, merged_from = _to_read(call, id)
    program = programs.find(call.session, account.program_id)
    at = call.fields.get("at") or call.at
    held = ledger.balances(call.session, account_id=account.id, at=at, by=call.fields["by"])
    content = answers.balances(account, program, held, at=at, by=call.fields["by"])
    return Answer(content=content | answers.hint(merged_from))


@route(
    "POST",
    "/accounts/<id>/adjustments",
    scopes=["adjust"],
    tag="Accounts",
    takes=schemas.Adjustment(),
    answer=shapes.Transaction,
    status=HTTPStatus.CREATED,
    ids=_IDS,
)
def adjust_account(call: Call, id: str) -> Answer:
    """Give or take points by hand, with a reason.

    Points given expire as if earned now, unless `expires_on` says otherwise.
    Points taken below zero become a debt only with `allow_negative`.
    """
    account, given = _to_write(call, id), call.fields
    program = programs.find(call.session, account.program_id)
    checkout.require_unit(program, given.get("unit"))
    expires_at = None
    if given["points"] > 0:
        expires_at = program.expires_at(call.at)
        if "expires_on" in given:
            expires_at = program.expires_on(given["expires_on"])
            if expires_at <= call.at:
                raise ExpiryInPast(field="expires_on")
    store = store_of(call.caller, None)
    posted = ledger.adjust(
        call.session,
        account_id=account.id,
        points=given["points"],
        expires_at=expires_at,
        counts_as_earned=given["counts_as_earned"],
        allow_negative=given["allow_negative"],
        program_version=program.version,
        facts=Facts(
            name=EventName.MANUAL_ADJUSTMENT,
            actor=call.actor,
            origin="adjustment",
            reason=given["reason"],
            store=store,
            metadata=given.get("metadata"),
            request_id=call.request_id,
        ),
        at=call.at,
    )
    line = ledger.story(call.session, entry_id=posted.entries[0].id).line
    return Answer(
        content=answers.line(line, program), status=HTTPStatus.CREATED, effect=line.entry.id
    )
