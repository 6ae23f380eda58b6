"""Transfers that wait for their code: looked at, their code sent anew, called off."""

from portal import transfers
from portal.web.api import transfer_answers, transfer_shapes
from portal.web.api.endpoint import Answer, Call, route
from portal.web.api.views.transfers import sending

REQUEST_ID = r"trq_[0-9a-z]{1,32}"
_IDS = {"id": REQUEST_ID}


def _answer(call: Call, request_id: str, *, effect: str | None = None) -> Answer:
    found = transfers.find_request(
        call.session, request_id=request_id, context=call.caller.client_id, at=call.at
    )
    return Answer(content=transfer_answers.waiting(found), effect=effect)


@route(
    "GET",
    "/transfers/requests/<id>",
    scopes=["transfer"],
    tag="Transfers",
    answer=transfer_shapes.TransferRequestShape,
    ids=_IDS,
)
def read_transfer_request(call: Call, id: str) -> Answer:
    """Read what became of a request: open, used, cancelled or expired.

    It stands for thirty minutes, and only the client that made it sees it.
    Of a used one, `transfer` is the receipt's id.
    """
    return _answer(call, id)


@route(
    "POST",
    "/transfers/requests/<id>/code",
    scopes=["transfer"],
    tag="Transfers",
    answer=transfer_shapes.TransferRequestShape,
    ids=_IDS,
)
def resend_transfer_code(call: Call, id: str) -> Answer:
    """Send a new code for an open request; the one before is void.

    Not before `resend_at`: 429 says in `retry_after_seconds` how long to wait.
    """
    transfers.resend(
        call.session,
        request_id=id,
        context=call.caller.client_id,
        sending=sending(),
        at=call.at,
    )
    return _answer(call, id, effect=id)


@route(
    "POST",
    "/transfers/requests/<id>/cancel",
    scopes=["transfer"],
    tag="Transfers",
    answer=transfer_shapes.TransferRequestShape,
    ids=_IDS,
)
def cancel_transfer_request(call: Call, id: str) -> Answer:
    """Call a transfer off, until its code is used: the code is worth nothing after that."""
    transfers.cancel(call.session, request_id=id, context=call.caller.client_id, at=call.at)
    return _answer(call, id, effect=id)
