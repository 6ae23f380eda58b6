"""Who a request means: from the ways to name an account to what checkout asks for."""

from collections.abc import Mapping
from typing import Any

from portal import checkout, codes, members, orm
from portal.checkout.approving import Approval, CodeLook
from portal.checkout.values import Holder
from portal.members.errors import CustomerNotFound
from portal.web.api import schemas
from portal.web.api.endpoint import Call
from portal.web.api.views.accounts import region
from portal.web.settings import pepper


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


def approval(call: Call) -> Approval | None:
    """What shows that the member agrees, where it came along."""
    given = call.fields.get("approval")
    if given is None:
        return None
    return Approval(one_time_code=call.ahead, member_code=given.get("member_code"))


def brings_code(fields: Mapping[str, Any]) -> bool:
    """Whether there may be a code to look at: only an approval can hold one."""
    return "approval" in fields


def look(call: Call) -> CodeLook | None:
    """Count a try of the one-time code that came along, in a unit of its own.

    To be declared as ``ahead`` of each route that takes an approval, with
    :func:`brings_code` as its ``ahead_if``.
    """
    code = call.fields.get("approval", {}).get("one_time_code")
    if code is None:
        return None
    if "quote" not in call.fields:
        # Codes are sent with quotes; without one it approves nothing, and counts as no try.
        return CodeLook(quote_id="", look=codes.Look(code_id=None))
    with orm.recording(call.session):
        return checkout.look(
            call.session, quote_id=call.fields["quote"], code=code, at=call.at, pepper=pepper()
        )
