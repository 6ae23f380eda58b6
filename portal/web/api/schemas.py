"""What the endpoint takes: one schema a body or query, read and documented from here.

A schema is built once, when its module is imported. Rules that span fields
(exactly one of ``account``, ``customer``, …) are checked here and written into
the OpenAPI document through ``rules``.
"""

from typing import Any, ClassVar, Final

from marshmallow import ValidationError, fields, validates_schema

from portal.ledger import Category, EntryType
from portal.programs.fields import AMOUNT_MAX, Choice, Metadata, WholeNumber, Words, YesNo
from portal.programs.fields import Strict as StrictSchema
from portal.web.api.errors import MemberCodeInQuery
from portal.web.api.fields import Choices, Count, Day, Either, Moment

IDENTIFIER_TYPES = (
    "mobile",
    "email",
    "external_id",
    "card_number",
    "card_external_id",
    "wechat",
    "facebook",
    "martjack",
)
HOUSEHOLD_IDENTIFIER_TYPES = (
    "primary_id",
    "primary_card_number",
    "primary_mobile",
    "primary_email",
)
CATEGORIES = tuple(category.value for category in Category)
LIMIT_DEFAULT = 20
LIMIT_MAX = 100


class KnownBy(Choice):
    """What a query may know somebody by: not by the rotating code, which says why."""

    def __init__(self, choices: tuple[str, ...], **kwargs: Any):
        means = "Not `member_code`, which a read cannot use up: 422 `member_code_in_query`."
        super().__init__(choices, metadata={"description": means}, **kwargs)

    def _read(self, value: Any) -> str:
        if value == "member_code":
            raise MemberCodeInQuery(field="identifier_type")
        return super()._read(value)


def program_field(
    means: str = "A program's id; the default program where it is left out.", **kwargs: Any
) -> Words:
    """A program's id."""
    return Words(
        longest=36,
        pattern=r"[A-Za-z0-9][A-Za-z0-9._-]*",
        says="Must be letters, digits, dots, dashes and underscores.",
        metadata={"description": means},
        **kwargs,
    )


def reference_field(prefix: str, **kwargs: Any) -> Words:
    """One of our ids, such as ``loy_…``."""
    return Words(
        longest=36,
        pattern=rf"{prefix}_[0-9a-z]{{1,32}}",
        says=f"Must be an id, {prefix}_ and letters and digits.",
        metadata={"description": f"An id, {prefix}_…"},
        **kwargs,
    )


def currency_field(**kwargs: Any) -> Words:
    """A currency's code, ISO or of one's own."""
    return Words(
        longest=16,
        pattern=r"[A-Za-z][A-Za-z0-9_-]*",
        says="Must be a currency code, such as EUR.",
        **kwargs,
    )


class Strict(StrictSchema):
    """A body or query: members it does not know are errors."""

    rules: ClassVar[dict[str, Any]] = {}
    """JSON Schema that the fields alone cannot say."""


class Identifier(Strict):
    """What a member is known by."""

    type = Choice((*IDENTIFIER_TYPES, "member_code", *HOUSEHOLD_IDENTIFIER_TYPES), required=True)
    value = Words(longest=255, required=True, metadata={"examples": ["+351912345678"]})
    source = Words(longest=16, metadata={"description": "Where it is from: INSTORE, WEBSITE, …"})
    source_account = Words(longest=64, metadata={"description": "Which account of that source."})


def identifier_field() -> fields.Nested:
    """What the member is known by."""
    return fields.Nested(
        Identifier, metadata={"description": "A card, a phone, an e-mail, your own id, …"}
    )


NAMINGS = ("account", "customer", "household", "identifier")


class Naming(Strict):
    """The four ways to name an account, of which one is used."""

    account = reference_field("loy")
    customer = reference_field("cus")
    household = reference_field("hh")
    identifier = identifier_field()
    program = program_field()

    rules = {"oneOf": [{"required": [name]} for name in NAMINGS]}

    @validates_schema(skip_on_field_errors=True)
    def _one_name(self, loaded: dict[str, Any], **_: Any) -> None:
        named = [name for name in NAMINGS if name in loaded]
        if not named:
            raise ValidationError(
                "Name the account: by account, customer, household or identifier.", "account"
            )
        if len(named) > 1:
            raise ValidationError("Name the account in one way only.", named[1])


class Nothing(Strict):
    """No fields: an empty body, or ``{}``."""


class Page(Strict):
    """Which part of a list."""

    limit = Count(
        low=1,
        high=LIMIT_MAX,
        load_default=LIMIT_DEFAULT,
        metadata={"description": "How many rows at most."},
    )
    cursor = Words(
        longest=512, metadata={"description": "The `next_cursor` of the page before this one."}
    )


class AccountsQuery(Page):
    """Which accounts."""

    identifier_type = KnownBy((*IDENTIFIER_TYPES, *HOUSEHOLD_IDENTIFIER_TYPES))
    identifier_value = Words(longest=255)
    customer = reference_field("cus")
    household = reference_field("hh")
    program = program_field()

    @validates_schema(skip_on_field_errors=True)
    def _pair(self, loaded: dict[str, Any], **_: Any) -> None:
        if ("identifier_type" in loaded) != ("identifier_value" in loaded):
            missing = "identifier_value" if "identifier_type" in loaded else "identifier_type"
            raise ValidationError("Give both the type and the value.", missing)
        named = [name for name in ("identifier_type", "customer", "household") if name in loaded]
        if len(named) > 1:
            raise ValidationError("Say whose in one way only.", named[1])


class TransactionsQuery(Page):
    """Which lines of a history."""

    type = Choices([kind.value for kind in EntryType], load_default=())
    category = Choice(CATEGORIES)
    kind = Choice(("credit", "debit"))
    store = Words(longest=64)
    till = Words(longest=64)
    occurred_from = Moment(
        data_key="from", metadata={"description": "The first instant of the period."}
    )
    occurred_to = Moment(
        data_key="to", metadata={"description": "The first instant after the period."}
    )
    expires_from = Moment()
    expires_to = Moment()


class BalancesQuery(Strict):
    """For which time, on which clock."""

    at = Moment(metadata={"description": "Now, where it is left out."})
    by = Choice(
        ("occurred_at", "recorded_at"),
        load_default="occurred_at",
        metadata={"description": "By when things happened, or by when they were recorded."},
    )


class CustomerEventsQuery(Page):
    """Which events of a customer."""

    program = program_field()
    store = Words(longest=64)
    till = Words(longest=64)
    category = Choice(CATEGORIES)
    kind = Choice(("credit", "debit"))
    occurred_from = Moment(data_key="from")
    occurred_to = Moment(data_key="to")


class NewCustomer(Strict):
    """A person, as first heard of. One of the identifiers is needed."""

    external_id = Words(longest=64)
    mobile = Words(longest=32, metadata={"examples": ["+351912345678"]})
    email = Words(longest=255, metadata={"examples": ["ana@example.com"]})
    card_number = Words(longest=64)
    first_name = Words(longest=120)
    last_name = Words(longest=120)
    birth_date = Day()
    language = Words(
        longest=16,
        pattern=r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*",
        says="Must be a language tag, such as pt-PT.",
    )
    referred_by = reference_field("cus")

    identifier_types = ("external_id", "mobile", "email", "card_number")
    rules = {"anyOf": [{"required": [name]} for name in identifier_types]}

    @validates_schema(skip_on_field_errors=True)
    def _known_by_something(self, loaded: dict[str, Any], **_: Any) -> None:
        if not any(name in loaded for name in self.identifier_types):
            raise ValidationError(
                "Give an external_id, a mobile, an email or a card_number.", "external_id"
            )


class NewAccount(Strict):
    """A member to enrol."""

    program = program_field()
    customer = Either(by_id=reference_field("cus"), described=NewCustomer())
    external_id = Words(longest=64)
    value = WholeNumber(
        low=0, metadata={"description": "A first balance, in the program's smallest unit."}
    )
    enrolled_at = Moment(metadata={"description": "Any time up to now."})
    metadata = Metadata()


class AccountChange(Strict):
    """What may change about an account."""

    customer = reference_field("cus")
    enrolled_at = Moment(metadata={"description": "Any time up to now."})
    metadata = Metadata()

    rules = {"minProperties": 1}

    @validates_schema(skip_on_field_errors=True)
    def _something(self, loaded: dict[str, Any], **_: Any) -> None:
        if not loaded:
            raise ValidationError("Give customer, enrolled_at or metadata.", "body")


class MergeTarget(Strict):
    """Who survives."""

    into = reference_field("loy", required=True)


class FraudStatus(Strict):
    """What is held against a member."""

    status = Choice(
        ("none", "suspected", "confirmed"),
        required=True,
        metadata={"description": "`confirmed` stops spending, sending and receiving."},
    )


class Adjustment(Strict):
    """A correction, up or down."""

    points = WholeNumber(
        low=-AMOUNT_MAX,
        required=True,
        metadata={
            "description": "Above zero gives, below zero takes; smallest unit.",
            "not": {"const": 0},
        },
    )
    reason = Words(longest=64, required=True, metadata={"examples": ["goodwill_credit"]})
    unit = Words(longest=16, metadata={"description": "The account's own unit, as a safeguard."})
    counts_as_earned = YesNo(load_default=False)
    expires_on = Day(metadata={"description": "The last day on which they can be used."})
    allow_negative = YesNo(load_default=False)
    metadata = Metadata()

    rules = {
        "if": {"properties": {"points": {"maximum": -1}}, "required": ["points"]},
        "then": {
            "not": {"required": ["expires_on"]},
            "properties": {"counts_as_earned": {"const": False}},
        },
    }

    @validates_schema(skip_on_field_errors=True)
    def _sense(self, loaded: dict[str, Any], **_: Any) -> None:
        points = loaded["points"]
        if points == 0:
            raise ValidationError("Zero points are no adjustment.", "points")
        if points < 0 and "expires_on" in loaded:
            raise ValidationError("Points that are taken do not expire.", "expires_on")
        if points < 0 and loaded["counts_as_earned"]:
            raise ValidationError("Points that are taken were not earned.", "counts_as_earned")


class OrderInHand(Strict):
    """The order that is being paid."""

    id = Words(longest=64, required=True, metadata={"description": "The receipt number."})
    value = WholeNumber(low=0, required=True)
    currency = currency_field(required=True)


class ApprovalGiven(Strict):
    """The member's consent, where the program asks for it."""

    member_code = Words(
        longest=64, metadata={"description": "The sixteen digits that the member's page shows."}
    )
    one_time_code = Words(
        longest=16,
        metadata={
            "description": "Sent by a quote with `issue_code`, which is named too; "
            "for a voucher, by its own `issue_code`."
        },
    )

    rules = {
        "oneOf": [{"required": ["member_code"]}, {"required": ["one_time_code"]}],
    }

    @validates_schema(skip_on_field_errors=True)
    def _one(self, loaded: dict[str, Any], **_: Any) -> None:
        if len(loaded) != 1:
            raise ValidationError("Give either member_code or one_time_code.", "member_code")


HOLD_RULE: Final = {
    "if": {"required": ["hold_minutes"]},
    "then": {"required": ["capture"], "properties": {"capture": {"const": False}}},
}


def check_hold(loaded: dict[str, Any]) -> None:
    """Refuse a length for what is not held.

    Raises:
        ValidationError: naming ``hold_minutes``.
    """
    if loaded["capture"] and "hold_minutes" in loaded:
        raise ValidationError("Only a hold, with capture false, has a length.", "hold_minutes")


class NewRedemption(Naming):
    """Points to spend, named by points or by value."""

    points = WholeNumber(low=1, metadata={"description": "In the program's smallest unit."})
    value = WholeNumber(low=1, metadata={"description": "In the rate's money, smallest unit."})
    unit = Words(longest=16, metadata={"description": "The account's own unit, as a safeguard."})
    order = fields.Nested(OrderInHand)
    quote = reference_field("quo")
    store = Words(longest=64)
    till = Words(longest=64)
    capture = YesNo(load_default=True, metadata={"description": "False holds the points."})
    hold_minutes = WholeNumber(low=1, high=525_600)
    approval = fields.Nested(ApprovalGiven)
    metadata = Metadata()

    rules = {
        "allOf": [
            Naming.rules,
            {"oneOf": [{"required": ["points"]}, {"required": ["value"]}]},
            HOLD_RULE,
        ]
    }

    @validates_schema(skip_on_field_errors=True)
    def _one_amount(self, loaded: dict[str, Any], **_: Any) -> None:
        if ("points" in loaded) == ("value" in loaded):
            raise ValidationError("Give either points or value.", "points")
        check_hold(loaded)


class NewReversal(Strict):
    """How much to give back, and to whom, as a check."""

    points = WholeNumber(low=1, metadata={"description": "All that remains, where it is left out."})
    identifier = fields.Nested(Identifier)
