"""Who a request means: from the ways to name an account to what checkout asks for."""

from typing import Any

from portal import checkout, members
from portal.checkout.values import Holder
from portal.members.errors import CustomerNotFound
from portal.web.api import schemas
from portal.web.api.endpoint import Call
from portal.web.api.views.accounts import region


def reference(given: dict[str, Any]) -> members.Reference:
    """The account, customer, household or identifier that was named.

    Raises:
        CustomerNotFound: nobody can be named like that.
    """
    identifier = given.get("identifier")
    if identifier is None:
        return members.Reference(
            account=given.get("account"),
            customer=given.get("customer"),
            household=given.get("household"),
        )
    if identifier["type"] == "member_code":
        # Nobody has a rotating code to be known by.
        raise CustomerNotFound(field="identifier")
    return members.Reference(
        type=identifier["type"],
        value=identifier["value"],
        source_account=identifier.get("source_account"),
    )


def named(given: dict[str, Any]) -> checkout.Naming:
    """Whom the request names, as it names them."""
    identifier = given.get("identifier", {})
    return checkout.Naming(
        account=given.get("account"),
        customer=given.get("customer"),
        household=given.get("household"),
        type=identifier.get("type"),
        value=identifier.get("value"),
        source_account=identifier.get("source_account"),
        program=given.get("program"),
    )


def account_id(call: Call, given: dict[str, Any]) -> str:
    """The account that the request names; its own id costs no statement."""
    return checkout.account_id(call.session, named(given), region=region())


def holder(given: dict[str, Any]) -> Holder | None:
    """Whose order it is; None for an anonymous one."""
    if not any(name in given for name in schemas.NAMINGS):
        return None
    return Holder(reference=reference(given), program=given.get("program"), region=region())
