"""What the endpoint takes about households, about a person in them, and about who is suspected."""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from portal.programs.fields import Choice, Words, YesNo
from portal.web.api.schemas import (
    HOUSEHOLD_IDENTIFIER_TYPES,
    IDENTIFIER_TYPES,
    Identifier,
    KnownBy,
    Page,
    Strict,
    program_field,
    reference_field,
)

HOUSEHOLD_TYPES = ("external_id", *HOUSEHOLD_IDENTIFIER_TYPES)
"""What a household is known by: its own external id, or something of its primary member."""

PERSON_NAMINGS = ("account", "customer", "identifier")


class PersonIdentifier(Identifier):
    """What a person is known by."""

    type = Choice((*IDENTIFIER_TYPES, "member_code"), required=True)


class PersonNaming(Strict):
    """The three ways to name a person, of which one is used."""

    account = reference_field("loy")
    customer = reference_field("cus")
    identifier = fields.Nested(
        PersonIdentifier, metadata={"description": "A card, a phone, an e-mail, your own id, …"}
    )

    rules = {"oneOf": [{"required": [name]} for name in PERSON_NAMINGS]}

    @validates_schema(skip_on_field_errors=True)
    def _one_name(self, loaded: dict[str, Any], **_: Any) -> None:
        named = [name for name in PERSON_NAMINGS if name in loaded]
        if not named:
            raise ValidationError(
                "Name the person: by account, customer or identifier.", "customer"
            )
        if len(named) > 1:
            raise ValidationError("Name the person in one way only.", named[1])


class NewHousehold(Strict):
    """A common purse, and who is its primary member."""

    name = Words(longest=120, required=True, metadata={"examples": ["Dias family"]})
    primary = fields.Nested(
        PersonNaming,
        required=True,
        metadata={"description": "Who leads it: sends, redeems, invites."},
    )
    program = program_field()
    external_id = Words(longest=64, metadata={"description": "What your own system calls it."})


class HouseholdChange(Strict):
    """What may change about a household."""

    name = Words(longest=120, required=True)


class HouseholdsQuery(Page):
    """Which households: those known by something, or those of a person."""

    identifier_type = KnownBy(HOUSEHOLD_TYPES)
    identifier_value = Words(longest=255)
    customer = reference_field("cus")

    @validates_schema(skip_on_field_errors=True)
    def _one_way(self, loaded: dict[str, Any], **_: Any) -> None:
        if ("identifier_type" in loaded) != ("identifier_value" in loaded):
            missing = "identifier_value" if "identifier_type" in loaded else "identifier_type"
            raise ValidationError("Give both the type and the value.", missing)
        if ("customer" in loaded) == ("identifier_type" in loaded):
            raise ValidationError(
                "Give either identifier_type with identifier_value, or customer.", "customer"
            )


class NewHouseholdMember(PersonNaming):
    """Who joins, and what they may."""

    default = YesNo(
        metadata={
            "description": "Whether their purchases earn for this household; left out, they do "
            "unless they have another default household."
        }
    )
    may_send = YesNo(
        metadata={"description": "Whether they may send and redeem its points; no, if left out."}
    )
    invite = YesNo(
        load_default=False,
        metadata={
            "description": "True: they are asked, and join when they accept on their own page."
        },
    )

    rules = {
        **PersonNaming.rules,
        "if": {"properties": {"invite": {"const": True}}, "required": ["invite"]},
        "then": {"not": {"anyOf": [{"required": ["default"]}, {"required": ["may_send"]}]}},
    }

    @validates_schema(skip_on_field_errors=True)
    def _asked_first(self, loaded: dict[str, Any], **_: Any) -> None:
        for name in ("default", "may_send"):
            if loaded["invite"] and name in loaded:
                raise ValidationError("Whoever is only invited has to accept first.", name)


class HouseholdMemberChange(Strict):
    """What may change about someone in a household."""

    default = YesNo(
        metadata={"description": "Whether their purchases earn for this household."},
    )
    may_send = YesNo(metadata={"description": "Whether they may send and redeem its points."})
    primary = YesNo(
        metadata={"description": "True makes them the primary member, in place of whoever is."}
    )

    rules = {
        "minProperties": 1,
        "not": {"required": ["primary"], "properties": {"primary": {"const": False}}},
    }

    @validates_schema(skip_on_field_errors=True)
    def _something(self, loaded: dict[str, Any], **_: Any) -> None:
        if not loaded:
            raise ValidationError("Give default, may_send or primary.", "body")
        if loaded.get("primary") is False:
            raise ValidationError("Name the one who is to be primary instead.", "primary")
