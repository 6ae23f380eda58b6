"""What all answers are made of."""

from typing import Any

from marshmallow import EXCLUDE, Schema, fields


def words(**kwargs: Any) -> fields.String:
    """Words."""
    return fields.String(required=True, **kwargs)


def whole(**kwargs: Any) -> fields.Integer:
    """A whole number."""
    return fields.Integer(required=True, strict=True, **kwargs)


def moment(**kwargs: Any) -> fields.String:
    """An instant, RFC 3339 in UTC."""
    metadata = {"format": "date-time"} | kwargs.pop("metadata", {})
    return fields.String(required=True, metadata=metadata, **kwargs)


class Shape(Schema):
    """An answer: more members may join later, and readers pass over what they do not know."""

    class Meta:
        """marshmallow's settings."""

        unknown = EXCLUDE
