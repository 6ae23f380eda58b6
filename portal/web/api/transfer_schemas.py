"""What the endpoint takes about sending points."""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from portal.programs.fields import WholeNumber, Words, YesNo
from portal.web.api.household_schemas import PersonNaming
from portal.web.api.schemas import (
    HOUSEHOLD_IDENTIFIER_TYPES,
    IDENTIFIER_TYPES,
    NAMINGS,
    KnownBy,
    Naming,
    Page,
    Strict,
    program_field,
    reference_field,
)

NOTE_LENGTH_MAX = 280


class SmallestUnits(WholeNumber):
    """An amount of points; a fraction is told what to write instead."""

    def _read(self, value: Any) -> int:
        if isinstance(value, float):
            raise ValidationError(
                "Must be a whole number of the program's smallest unit: "
                "10.5 points of a program with one decimal are 105."
            )
        return super()._read(value)


class NewTransferCheck(Strict):
    """Who sends what to whom."""

    sender = fields.Nested(
        Naming,
        data_key="from",
        required=True,
        metadata={"description": "A member or a household: whose points go."},
    )
    recipient = fields.Nested(
        Naming,
        data_key="to",
        required=True,
        metadata={"description": "A member or a household: who gets them."},
    )
    points = SmallestUnits(
        low=1,
        required=True,
        metadata={
            "description": "In the program's smallest unit: 10.5 points of a program with "
            "one decimal are 105."
        },
    )
    program = program_field(
        "A program's id; where it is left out that of a named account, else the default one."
    )
    note = Words(longest=NOTE_LENGTH_MAX, metadata={"description": "Both sides read it."})
    transferred_by = fields.Nested(
        PersonNaming,
        metadata={"description": "Who does it; needed where a household sends."},
    )
    issue_code = YesNo(
        load_default=False,
        metadata={"description": "Send the code that confirms it, where it can be done."},
    )

    rules = {
        "anyOf": [
            {"required": ["transferred_by"]},
            {"properties": {"from": {"not": {"required": ["household"]}}}},
        ]
    }

    @validates_schema(skip_on_field_errors=True)
    def _someone_does_it(self, loaded: dict[str, Any], **_: Any) -> None:
        sender = loaded["sender"]
        of_household = sender.get("identifier", {}).get("type") in HOUSEHOLD_IDENTIFIER_TYPES
        if ("household" in sender or of_household) and "transferred_by" not in loaded:
            raise ValidationError("Say which member of the household does it.", "transferred_by")


class NewTransfer(Strict):
    """What was checked, and the code that was sent for it."""

    transfer_request = reference_field("trq", required=True)
    code = Words(
        longest=16,
        required=True,
        metadata={"description": "Six digits, as whoever sends the points tells them."},
    )


class TransfersQuery(Page):
    """Whose transfers."""

    account = reference_field("loy")
    customer = reference_field("cus")
    household = reference_field("hh")
    identifier_type = KnownBy((*IDENTIFIER_TYPES, *HOUSEHOLD_IDENTIFIER_TYPES))
    identifier_value = Words(longest=255)
    program = program_field("A program's id; those of all programs where it is left out.")

    @validates_schema(skip_on_field_errors=True)
    def _one_name(self, loaded: dict[str, Any], **_: Any) -> None:
        if ("identifier_type" in loaded) != ("identifier_value" in loaded):
            missing = "identifier_value" if "identifier_type" in loaded else "identifier_type"
            raise ValidationError("Give both the type and the value.", missing)
        ways = (*NAMINGS[:3], "identifier_type")
        named = [name for name in ways if name in loaded]
        if not named:
            raise ValidationError(
                "Say whose: by account, customer, household or identifier_type.", "account"
            )
        if len(named) > 1:
            raise ValidationError("Say whose in one way only.", named[1])
