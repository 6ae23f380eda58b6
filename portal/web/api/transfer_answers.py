"""How answers about transfers are made."""

from collections.abc import Sequence

from portal.errors import PortalError
from portal.transfers import Check, Receipt, Requested, RequestView, Side, Warning
from portal.web.api.answers import Content, refusal, warning
from portal.web.api.wire import instant

_FIELDS = {"sender": "from", "recipient": "to"}
"""What the sides of a transfer are called here."""


def check(view: Check) -> Content:
    """Whether it can be done, or every reason why not."""
    return {
        "transferable": view.transferable,
        "reasons": [reason(error) for error in view.reasons],
        "recipient": {"display": view.recipient_display},
        "remaining": view.remaining,
        "warnings": [],
    }


def reason(error: PortalError) -> Content:
    """A reason why not, with the field of the request that it is about."""
    told = refusal(error)
    if error.field is None:
        return told
    return {**told, "field": _FIELDS.get(error.field, error.field)}


def requested(view: Requested) -> Content:
    """The same, with what became of the code."""
    content = check(view.check)
    if view.id is not None:
        content["transfer_request"] = view.id
        content["expires_at"] = instant(view.expires_at)
    if view.destination is not None:
        content["code_sent_to"] = view.destination
    if view.resend_at is not None:
        content["resend_at"] = instant(view.resend_at)
    content["warnings"] = _warnings(view.warnings)
    return content


def _warnings(told: Sequence[Warning]) -> list[Content]:
    return [warning(one.code, one.detail, one.legacy_code) for one in told]


def waiting(view: RequestView) -> Content:
    """A request, as it stands."""
    return {
        "id": view.id,
        "status": view.status,
        "points": view.points,
        "from": _side(view.sender),
        "to": _side(view.recipient),
        "transferred_by": view.by_customer_id,
        "note": view.note,
        "program": view.program_id,
        "created_at": instant(view.created_at),
        "expires_at": instant(view.expires_at),
        "code_sent_to": view.destination,
        "resend_at": instant(view.resend_at),
        "transfer": view.transfer_id,
    }


def transfer(view: Receipt) -> Content:
    """The receipt."""
    return {
        "id": view.id,
        "direction": view.direction,
        "points": view.points,
        "at": instant(view.at),
        "from": _side(view.sender),
        "to": _side(view.recipient),
        "transferred_by": view.by_customer_id,
        "note": view.note,
        "program": view.program_id,
        "program_name": view.program_name,
        "breakup": [
            {"program": part.program_id, "points": part.points, "left": part.left}
            for part in view.breakup
        ],
    }


def _side(view: Side) -> Content:
    return {
        "display": view.display,
        "name": view.name,
        "account": view.account_id,
        "customer": view.customer_id,
        "household": view.household_id,
    }
