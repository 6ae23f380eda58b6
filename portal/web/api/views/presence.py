"""What shows that the member stands there and agrees: codes, looked at before the write.

A look is counted in a unit of its own and used up in the write's, so that a
wrong guess costs whatever becomes of the request, and a good code nothing
where the request is refused.
"""

from dataclasses import dataclass
from typing import Any

from portal import checkout, codes, orm
from portal.access import member_codes
from portal.access.member_codes import MemberLook
from portal.checkout import approving
from portal.checkout.approving import Approval, CodeLook
from portal.web.api.endpoint import Call
from portal.web.settings import pepper

MEMBER_CODE = "member_code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What was found of the codes that came along."""

    one_time_code: CodeLook | None = None
    member_code: MemberLook | None = None
    named_by: MemberLook | None = None
    code_sent: bool | None = None
    """Whether a one-time code is on its way instead; None where none was asked for."""


def look(call: Call) -> Looked:
    """Count a look at each code that came along.

    To be declared as ``ahead`` of each route that takes an approval, or whose
    account may be named by a member code.
    """
    return looked(call, one_time_code=_one_time_code(call))


def looked(call: Call, *, one_time_code: CodeLook | None) -> Looked:
    """The same, where the one-time code is one of the route's own."""
    given = call.fields.get("approval", {}).get(MEMBER_CODE)
    naming = call.fields.get("identifier", {})
    named = naming["value"] if naming.get("type") == MEMBER_CODE else None
    named_by = _member_code(call, named) if named is not None else None
    if given is None:
        return Looked(one_time_code=one_time_code, named_by=named_by)
    if named is not None and codes.digits_of(named) == codes.digits_of(given):
        member_code = named_by
    else:
        member_code = _member_code(call, given)
    return Looked(one_time_code=one_time_code, member_code=member_code, named_by=named_by)


def _member_code(call: Call, code: str) -> MemberLook:
    with orm.recording(call.session):
        return member_codes.look(
            call.session, code=code, client=call.caller.client_id, at=call.at, pepper=pepper()
        )


def _one_time_code(call: Call) -> CodeLook | None:
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


def approval(call: Call) -> Approval | None:
    """What shows that the member agrees, where anything came along."""
    found: Looked = call.ahead or Looked()
    if (found.one_time_code, found.member_code, found.named_by) == (None, None, None):
        return None
    return Approval(
        one_time_code=found.one_time_code,
        member_code=found.member_code,
        named_by=found.named_by,
    )


def fields(call: Call, *, repeatable: bool = False) -> dict[str, Any]:
    """What was sent, with the customer in place of the rotating code that names them.

    Args:
        repeatable: what is sent again is known by something else, so that a
            code that was used for it may stand in the repeat; whoever does it
            for the first time is refused below.

    Raises:
        MemberCodeRefused, TooManyWrongMemberCodes: it names nobody.
    """
    found: Looked = call.ahead or Looked()
    if found.named_by is None:
        return call.fields
    customer_id = found.named_by.customer_id if repeatable else None
    named = {name: value for name, value in call.fields.items() if name != "identifier"}
    return named | {"customer": customer_id or found.named_by.require()}


def use_up(call: Call) -> None:
    """Use up the codes of a route that asks for no approval.

    Raises:
        MemberCodeRefused, TooManyWrongMemberCodes: one is not accepted.
    """
    approving.use_up(call.session, approval(call))
