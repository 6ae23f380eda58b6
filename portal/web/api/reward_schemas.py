"""What the endpoint takes about rewards and vouchers."""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from portal.programs.fields import Choice, WholeNumber, Words, YesNo
from portal.rewards import Kind, VoucherStatus
from portal.web.api.schemas import (
    HOUSEHOLD_IDENTIFIER_TYPES,
    IDENTIFIER_TYPES,
    ApprovalGiven,
    KnownBy,
    Naming,
    Page,
    Strict,
    currency_field,
    program_field,
    reference_field,
)

KINDS = tuple(kind.value for kind in Kind)
STATUSES = tuple(status.value for status in VoucherStatus)


def reward_field(**kwargs: Any) -> Words:
    """A reward's id."""
    return Words(
        longest=36,
        pattern=r"[A-Za-z0-9][A-Za-z0-9._-]*",
        says="Must be letters, digits, dots, dashes and underscores.",
        **kwargs,
    )


class NamingQuery(Strict):
    """The ways to name an account in a query, of which one is used or none."""

    account = reference_field("loy")
    customer = reference_field("cus")
    household = reference_field("hh")
    identifier_type = KnownBy((*IDENTIFIER_TYPES, *HOUSEHOLD_IDENTIFIER_TYPES))
    identifier_value = Words(longest=255)
    program = program_field()

    ways = ("account", "customer", "household", "identifier_type")

    @validates_schema(skip_on_field_errors=True)
    def _one_name(self, loaded: dict[str, Any], **_: Any) -> None:
        if ("identifier_type" in loaded) != ("identifier_value" in loaded):
            missing = "identifier_value" if "identifier_type" in loaded else "identifier_type"
            raise ValidationError("Give both the type and the value.", missing)
        named = [name for name in self.ways if name in loaded]
        if len(named) > 1:
            raise ValidationError("Name the account in one way only.", named[1])


class RewardQuery(NamingQuery):
    """Whose view of a reward, and where."""

    store = Words(
        longest=64, metadata={"description": "Where they are; the key's own, else anywhere."}
    )


class RewardsQuery(RewardQuery):
    """Which rewards."""

    category = Words(longest=64)
    kind = Choice(KINDS)


class VouchersQuery(NamingQuery, Page):
    """Whose vouchers. A customer without a program means those of all their accounts."""

    status = Choice(STATUSES)

    @validates_schema(skip_on_field_errors=True)
    def _someone(self, loaded: dict[str, Any], **_: Any) -> None:
        if not any(name in loaded for name in self.ways):
            raise ValidationError(
                "Name the account: by account, customer, household or identifier.", "account"
            )


class NewVoucher(Naming):
    """Whose points, for which reward. The reward's program is meant where none is named."""

    reward = reward_field(required=True, metadata={"examples": ["mug"]})
    store = Words(longest=64)
    till = Words(longest=64)
    approval = fields.Nested(ApprovalGiven)
    issue_code = YesNo(
        load_default=False,
        metadata={
            "description": "Send the member a one-time code for this, where one is asked for; "
            "the request is then refused with approval_needed, and sent again with the code."
        },
    )

    rules = Naming.rules | {
        "if": {"properties": {"issue_code": {"const": True}}, "required": ["issue_code"]},
        "then": {"properties": {"approval": {"not": {"required": ["one_time_code"]}}}},
    }

    @validates_schema(skip_on_field_errors=True)
    def _code_or_wish_for_one(self, loaded: dict[str, Any], **_: Any) -> None:
        if loaded["issue_code"] and "one_time_code" in loaded.get("approval", {}):
            raise ValidationError("Ask for a code, or give it.", "issue_code")


class VoucherOrder(Strict):
    """The order that a voucher is used on. Its value says what a share of it is."""

    id = Words(longest=64, required=True, metadata={"description": "The receipt number."})
    value = WholeNumber(low=0, metadata={"description": "Before any points or vouchers."})
    currency = currency_field()

    rules = {"dependentRequired": {"value": ["currency"], "currency": ["value"]}}

    @validates_schema(skip_on_field_errors=True)
    def _amount(self, loaded: dict[str, Any], **_: Any) -> None:
        if ("value" in loaded) != ("currency" in loaded):
            missing = "currency" if "value" in loaded else "value"
            raise ValidationError("Give both the value and the currency.", missing)


class VoucherUse(Strict):
    """Where a voucher is used, and on which order."""

    order = fields.Nested(VoucherOrder)
    store = Words(longest=64)
    till = Words(longest=64)
