"""What the endpoint answers about rewards and vouchers, as documented."""

from marshmallow import fields

from portal.web.api.shapes import Money, RefusalShape, Shape, WarningShape, moment, whole, words

_REFUSALS = "Every reason why it cannot be had now, by its own code."
_KINDS = ["amount_off", "share_off", "free_item", "gift", "donation"]


def _day() -> fields.String:
    return fields.String(required=True, allow_none=True, metadata={"format": "date"})


def _maybe(description: str) -> fields.Integer:
    return fields.Integer(
        required=True, allow_none=True, strict=True, metadata={"description": description}
    )


def _worth() -> fields.Raw:
    return fields.Raw(
        required=True,
        allow_none=True,
        metadata={
            "type": ["integer", "string", "null"],
            "description": 'Of `amount_off` an amount of `currency`; of `share_off` "0.10" for a '
            "tenth; else null.",
        },
    )


def _words() -> fields.List[str]:
    return fields.List(fields.String(), required=True)


class RewardShape(Shape):
    """A reward. What concerns one member is null where no account was named."""

    id = words()
    program = words()
    name = words()
    description = words()
    kind = words(metadata={"enum": _KINDS})
    value = _worth()
    currency = words(allow_none=True)
    price = whole(metadata={"description": "In points, the program's smallest unit."})
    unit = words()
    affordable = fields.Boolean(
        required=True,
        allow_none=True,
        metadata={"description": "Whether the balance reaches the price."},
    )
    missing_points = _maybe("How many points more that takes.")
    available = fields.Boolean(
        required=True, metadata={"description": "Whether it can be had now: no refusals."}
    )
    refusals = fields.List(
        fields.Nested(RefusalShape), required=True, metadata={"description": _REFUSALS}
    )
    stock = _maybe("How many there are in all; null: no end.")
    left = _maybe("How many can still be had; null: no end.")
    per_member = _maybe("How many one member can have; null: no end.")
    mine = _maybe("How many of those this member has had.")
    valid_from = _day()
    valid_to = _day()
    tiers = _words()
    stores = _words()
    categories = _words()
    position = whole()
    voucher_days = whole()
    on_lapse = words(metadata={"enum": ["return", "keep"]})
    picture = words(allow_none=True, metadata={"description": "Its address on this host."})


class RewardList(Shape):
    """The catalogue: first what can be had now, then what is nearly theirs, then the rest."""

    data = fields.List(fields.Nested(RewardShape), required=True)
    next_cursor = words(allow_none=True)


class VoucherShape(Shape):
    """A voucher: points set aside for a reward until it is used."""

    id = words(metadata={"description": "vou_…, which opens nothing."})
    code = words(
        allow_none=True,
        metadata={
            "description": "Whoever shows it has the reward. Null in a list or quote where the "
            "key lacks the scope `voucher`, or the member would first have to approve so "
            "many points."
        },
    )
    spoken_code = words(allow_none=True, metadata={"description": "In groups, to read aloud."})
    reward = words()
    name = words(metadata={"description": "The reward's, when it was issued."})
    kind = words(metadata={"enum": _KINDS})
    value = _worth()
    currency = words(allow_none=True)
    program = words()
    account = words(metadata={"description": "Who holds it."})
    points = whole(metadata={"description": "What it cost."})
    status = words(metadata={"enum": ["issued", "used", "cancelled", "lapsed"]})
    stores = _words()
    on_lapse = words(metadata={"enum": ["return", "keep"]})
    issued_at = moment()
    expires_at = moment(
        allow_none=True, metadata={"description": "The first instant at which it is gone."}
    )
    expires_on = _day()
    used_at = moment(allow_none=True)
    store = words(allow_none=True, metadata={"description": "Where it was used."})
    till = words(allow_none=True)
    order = words(allow_none=True, metadata={"description": "The receipt it was used on."})
    cancelled_at = moment(allow_none=True)
    warnings = fields.List(fields.Nested(WarningShape))


class UsedVoucher(VoucherShape):
    """A voucher that was just used."""

    off = fields.Nested(
        Money,
        required=True,
        allow_none=True,
        metadata={
            "description": "What it takes off the order; null where it takes no money, "
            "or a share of an order whose value is not known."
        },
    )


class VoucherList(Shape):
    """A page of vouchers, newest first."""

    data = fields.List(fields.Nested(VoucherShape), required=True)
    next_cursor = words(allow_none=True)


class FittingRewardShape(Shape):
    """A reward that the order can take, and what is missing for it."""

    reward = words()
    program = words()
    account = words()
    name = words()
    kind = words(metadata={"enum": _KINDS})
    value = _worth()
    currency = words(allow_none=True)
    price = whole(metadata={"description": "In points."})
    affordable = fields.Boolean(required=True)
    missing_points = whole()
    off = fields.Nested(
        Money,
        required=True,
        allow_none=True,
        metadata={"description": "What it takes off the order, where that is money."},
    )
