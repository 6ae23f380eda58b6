"""What the endpoint answers about households, as documented."""

from marshmallow import fields

from portal.web.api.shapes import Account, Shape, moment, words


def _whether(description: str) -> fields.Boolean:
    return fields.Boolean(required=True, metadata={"description": description})


class HouseholdMemberShape(Shape):
    """Someone in a household, or asked to join it."""

    customer = words()
    first_name = words(allow_none=True)
    last_name = words(allow_none=True)
    status = words(metadata={"enum": ["invited", "active"]})
    active = _whether("Whether they joined.")
    primary = _whether("Whether they lead it.")
    default = _whether("Whether their purchases earn here.")
    may_send = _whether("Whether they may send and redeem its points; the primary member may.")
    invited_at = moment(allow_none=True)
    joined_at = moment(allow_none=True)


class HouseholdShape(Shape):
    """People with a common purse."""

    id = words()
    external_id = words(allow_none=True)
    name = words()
    status = words(metadata={"enum": ["active", "closed"]})
    members = fields.List(fields.Nested(HouseholdMemberShape), required=True)
    accounts = fields.List(
        fields.Nested(Account),
        required=True,
        metadata={"description": "Its accounts, one in each program that it takes part in."},
    )
    created_at = moment()
    closed_at = moment(allow_none=True)


class HouseholdList(Shape):
    """A page of households."""

    data = fields.List(fields.Nested(HouseholdShape), required=True)
    next_cursor = words(allow_none=True)
