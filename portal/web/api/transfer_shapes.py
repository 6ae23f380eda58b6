"""What the endpoint answers about transfers, as documented."""

from marshmallow import fields

from portal.web.api.shapes import RefusalShape, Shape, WarningShape, moment, whole, words


class TransferPartyShape(Shape):
    """One side of a transfer."""

    display = words(metadata={"description": "Masked: what the other side may see."})
    name = words(metadata={"description": "Their whole name, for your staff only."})
    account = words(allow_none=True)
    customer = words(allow_none=True)
    household = words(allow_none=True)


class RecipientShape(Shape):
    """Who would get the points."""

    display = words(
        allow_none=True, metadata={"description": "Their name, masked; null for nobody."}
    )


class ReasonShape(RefusalShape):
    """Why it cannot be done, and what would help: `limit`, `available`, `account`, …"""

    field = fields.String(metadata={"description": "What of the request it is about."})


class TransferCheckShape(Shape):
    """Whether it can be done, and every reason why not."""

    transferable = fields.Boolean(required=True)
    reasons = fields.List(
        fields.Nested(ReasonShape),
        required=True,
        metadata={"description": "All of them at once; empty where it can be done."},
    )
    recipient = fields.Nested(RecipientShape, required=True)
    remaining = fields.Integer(
        required=True,
        allow_none=True,
        strict=True,
        metadata={"description": "What the sender would keep; null where it cannot be done."},
    )
    transfer_request = fields.String(
        metadata={"description": "trq_…, for `POST /transfers`; only with `issue_code`."}
    )
    expires_at = fields.String(
        metadata={"format": "date-time", "description": "Until when the request stands."}
    )
    code_sent_to = fields.String(
        metadata={"description": "Masked; absent where no code could be sent."}
    )
    resend_at = fields.String(
        metadata={"format": "date-time", "description": "From when a new code may be asked for."}
    )
    warnings = fields.List(fields.Nested(WarningShape), required=True)


class TransferRequestShape(Shape):
    """A transfer that waits for its code, or what became of it."""

    id = words(metadata={"description": "trq_…"})
    status = words(metadata={"enum": ["open", "used", "cancelled", "expired"]})
    points = whole()
    sender = fields.Nested(TransferPartyShape, required=True, data_key="from")
    recipient = fields.Nested(TransferPartyShape, required=True, data_key="to")
    transferred_by = words(metadata={"description": "The customer who gets the code."})
    note = words(
        allow_none=True, metadata={"description": "While it is open; then the receipt has it."}
    )
    program = words()
    created_at = moment()
    expires_at = moment(metadata={"description": "Until when it stands, if it is not used."})
    code_sent_to = words(
        allow_none=True, metadata={"description": "Masked; null where none was sent."}
    )
    resend_at = moment(
        allow_none=True, metadata={"description": "From when a new code may be asked for."}
    )
    transfer = words(allow_none=True, metadata={"description": "The receipt's id, once used."})


class BreakupShape(Shape):
    """What one program gave."""

    program = words()
    points = whole()
    left = whole(
        metadata={
            "description": "The balance there afterwards: the sender's, or the recipient's "
            "where the direction is `in`."
        }
    )


class TransferShape(Shape):
    """Points that were sent: the receipt."""

    id = words(metadata={"description": "trf_…"})
    direction = words(
        metadata={
            "enum": ["out", "in", "within"],
            "description": "`out` where those who were asked about sent it, `in` where they got "
            "it, `within` where it went between accounts of theirs.",
        }
    )
    points = whole()
    at = moment()
    sender = fields.Nested(TransferPartyShape, required=True, data_key="from")
    recipient = fields.Nested(TransferPartyShape, required=True, data_key="to")
    transferred_by = words(allow_none=True, metadata={"description": "The customer who did it."})
    note = words(allow_none=True)
    program = words()
    program_name = words()
    breakup = fields.List(
        fields.Nested(BreakupShape),
        required=True,
        metadata={"description": "What each earning program gave."},
    )


class TransferList(Shape):
    """A page of transfers, newest first."""

    data = fields.List(fields.Nested(TransferShape), required=True)
    next_cursor = words(allow_none=True)
    merged_from = fields.String()
    warnings = fields.List(fields.Nested(WarningShape))
