"""Who stands on each side: from the ways to name somebody to a person or a side of a transfer."""

from typing import Any

from portal import checkout, members
from portal.members.errors import AmbiguousIdentifier, CustomerNotFound, InvalidIdentifier
from portal.transfers import Party
from portal.web.api.endpoint import Call
from portal.web.api.views.accounts import region


def person(call: Call, given: dict[str, Any], *, under: str = "") -> str:
    """The customer that is named: by an account of theirs, by id or by an identifier.

    Args:
        under: the field of the body that names them, for the refusal.

    Raises:
        CustomerNotFound, AccountNotFound: there is none such, or it is nobody's account.
        CustomerMerged, AccountMerged: a write must name the survivor.
        InvalidIdentifier, AmbiguousIdentifier: it cannot be one, or several have it.
    """
    if "customer" in given:
        return checkout.live_customer(call.session, given["customer"])
    if "account" in given:
        reference = members.Reference(account=given["account"])
        account = members.resolve(call.session, reference=reference, to_write=True).account
        if account.customer_id is None:
            raise CustomerNotFound("This account is no person's.", field=_path(under, "account"))
        return account.customer_id
    identifier = given["identifier"]
    if identifier["type"] not in set(members.IdentifierType):
        raise CustomerNotFound(field=_path(under, "identifier"))
    try:
        found = members.find_customer_id(
            call.session,
            type=identifier["type"],
            value=identifier["value"],
            source_account=identifier.get("source_account"),
            region=region(),
        )
    except InvalidIdentifier as error:
        raise InvalidIdentifier(error.detail, field=_path(under, "identifier.value")) from error
    except AmbiguousIdentifier as error:
        field = _path(under, "identifier.source_account")
        raise AmbiguousIdentifier(error.detail, field=field) from error
    if found is None:
        raise CustomerNotFound(field=_path(under, "identifier"))
    return found


def party(given: dict[str, Any]) -> Party:
    """A side of a transfer, as it is named."""
    identifier = given.get("identifier", {})
    return Party(
        account_id=given.get("account"),
        customer_id=given.get("customer"),
        household_id=given.get("household"),
        type=identifier.get("type"),
        value=identifier.get("value"),
        source_account=identifier.get("source_account"),
    )


def _path(under: str, field: str) -> str:
    return f"{under}.{field}" if under else field
