"""What a member was about to send, remembered in their browser until it is done or over.

Only what its pages show anyway, with the recipient masked, and signed; what
counts is the request on the server.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from flask import session

_KEY = "sending"


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A request that waits for its code."""

    request_id: str
    amount: str
    recipient: str


def remember(request_id: str, *, amount: str, recipient: str, until: datetime) -> None:
    """Remember a request in place of any other."""
    session[_KEY] = {
        "id": request_id,
        "amount": amount,
        "recipient": recipient,
        "until": int(until.timestamp()),
    }


def waiting(at: datetime) -> UnderWay | None:
    """The request that they may go on with."""
    kept = session.get(_KEY) or {}
    if not kept or datetime.fromtimestamp(kept["until"], UTC) <= at:
        return None
    return UnderWay(kept["id"], kept["amount"], kept["recipient"])


def forget(request_id: str) -> None:
    """It is done, or over."""
    if (session.get(_KEY) or {}).get("id") == request_id:
        session.pop(_KEY)
