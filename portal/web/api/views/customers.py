"""Customers: the person, what they have everywhere, and what happened to it."""

from portal import checkout, ledger, members, programs
from portal.members import CustomerView
from portal.programs import Program
from portal.web.api import answers, schemas, shapes
from portal.web.api.endpoint import Answer, Call, route
from portal.web.api.wire import instant

CUSTOMER_ID = r"cus_[0-9a-z]{1,32}"
_IDS = {"id": CUSTOMER_ID}


def _accounts(call: Call, customer: CustomerView) -> list[ledger.AccountView]:
    found = ledger.accounts_of(call.session, customer_id=customer.id)
    return [account for account in found if account.status != ledger.AccountStatus.MERGED]


def _programs(call: Call) -> dict[str, Program]:
    return {program.id: program for program in programs.find_all(call.session)}


@route(
    "GET",
    "/customers/<id>",
    scopes=["read"],
    tag="Customers",
    answer=shapes.CustomerShape,
    ids=_IDS,
)
def read_customer(call: Call, id: str) -> Answer:
    """Read a person, and what they have in every program."""
    return Answer(content=_content(call, members.customer(call.session, id)))


def _content(call: Call, customer: CustomerView) -> answers.Content:
    known = _programs(call)
    accounts = [
        answers.account(
            ledger.position(call.session, account_id=account.id, at=call.at),
            known[account.program_id],
        )
        for account in _accounts(call, customer)
    ]
    return answers.customer(customer, accounts)


@route(
    "POST",
    "/customers/<id>/fraud-status",
    scopes=["manage"],
    tag="Customers",
    takes=schemas.FraudStatus(),
    answer=shapes.CustomerShape,
    ids=_IDS,
)
def set_fraud_status(call: Call, id: str) -> Answer:
    """Say what is held against a person: nothing, a suspicion, or confirmed fraud.

    Confirmed fraud stops all their spending and sending, and nobody can send
    points to them. A suspicion stops nothing; it is there to be seen.
    """
    customer_id = checkout.live_customer(call.session, id)
    members.set_fraud_status(
        call.session, customer_id=customer_id, status=call.fields["status"], at=call.at
    )
    content = _content(call, members.customer(call.session, customer_id))
    return Answer(content=content, effect=customer_id)


@route(
    "GET",
    "/customers/<id>/events",
    scopes=["read"],
    tag="Customers",
    takes=schemas.CustomerEventsQuery(),
    answer=shapes.CustomerEventList,
    ids=_IDS,
)
def list_customer_events(call: Call, id: str) -> Answer:
    """List what happened to a person's points, in all programs, newest first.

    The entries of one event stand together; `net` is its credits less its
    debits.
    """
    customer = members.customer(call.session, id)
    page = checkout.customer_events(call.session, customer_id=customer.id, **call.fields)
    content: answers.Content = {
        "data": [answers.customer_event(shown) for shown in page.events],
        "next_cursor": page.next_cursor,
    }
    return Answer(content=content | answers.hint(customer.found_as))


@route(
    "GET",
    "/customers/<id>/balances",
    scopes=["read"],
    tag="Customers",
    takes=schemas.BalancesQuery(),
    answer=shapes.CustomerBalances,
    ids=_IDS,
)
def read_customer_balances(call: Call, id: str) -> Answer:
    """Read a person's closing balances at a time, by program and category."""
    customer, known = members.customer(call.session, id), _programs(call)
    at, by = call.fields.get("at") or call.at, call.fields["by"]
    held = [
        answers.balances(
            account,
            known[account.program_id],
            ledger.balances(call.session, account_id=account.id, at=at, by=by),
            at=at,
            by=by,
        )
        for account in _accounts(call, customer)
    ]
    content: answers.Content = {
        "customer": customer.id,
        "at": instant(at),
        "by": by,
        "data": held,
    }
    return Answer(content=content | answers.hint(customer.found_as))
