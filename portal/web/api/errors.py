"""Refusals of the endpoint itself, before anything of the portal is asked."""

from http import HTTPStatus
from typing import ClassVar

from portal.errors import Forbidden, InvalidInput, PortalError


class RequestRefused(PortalError):
    """The request is not one: ``http_status`` is its answer."""

    http_status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST


class UnparsableBody(RequestRefused):
    """The body is no JSON that every reader reads the same."""

    code = "unparsable_json"
    sentence = "The body is not JSON."


class UnsupportedMedia(RequestRefused):
    """The body says that it is something else than JSON."""

    code = "unsupported_media_type"
    http_status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    sentence = "Send JSON in UTF-8, with Content-Type: application/json."


class BodyTooLarge(RequestRefused):
    """The body is longer than any request needs."""

    code = "body_too_large"
    http_status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    sentence = "The body is too large."


class KeyMissing(RequestRefused):
    """A write came without a key of its own."""

    code = "idempotency_key_missing"
    sentence = (
        "Send an Idempotency-Key of your own with every write: "
        "1 to 255 characters, a new one for each new request."
    )


class KeyInvalid(RequestRefused):
    """The key is empty, too long, or not printable."""

    code = "idempotency_key_invalid"
    sentence = "An Idempotency-Key has 1 to 255 printable ASCII characters."


class ScopeMissing(Forbidden):
    """The key may not do this; ``scope`` among the facts is what it lacks."""

    code = "scope_missing"
    sentence = "This key lacks the scope for this."


class WrongFields(InvalidInput):
    """Fields of the body or the query are wrong; ``fields`` names each."""

    code = "invalid_fields"
    sentence = "Some fields are not right; errors says which."


class MemberCodeInQuery(InvalidInput):
    """A read uses no code up, and an address is written down on its way: both would keep it."""

    code = "member_code_in_query"
    sentence = (
        "A member code does not belong into an address. Send it in a body, or name the member "
        "by what its answer says: the account, or the customer."
    )


class ExpiryInPast(InvalidInput):
    """Points that are dead on arrival are refused."""

    code = "expiry_in_past"
    sentence = "This day is past already."
