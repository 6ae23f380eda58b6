"""What shows that the member stands there and agrees: codes, looked at before the write.

A look is counted in a unit of its own and used up in the write's, so that a
wrong guess costs whatever becomes of the request, and a good code nothing
where the request is refused.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from portal import checkout, codes, orm
from portal.access import member_codes
from portal.access.member_codes import MemberLook
from portal.checkout import approving
from portal.checkout.approving import Approval, CodeLook
from portal.errors import PortalError
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
    account may be named by a member code, with :func:`brings_code` as its
    ``ahead_if``.
    """
    return looked(call, one_time_code=_one_time_code(call))


def brings_code(fields: Mapping[str, Any]) -> bool:
    """Whether there may be a code to look at; most requests bring none."""
    return "approval" in fields or _naming_code(fields) is not None


def looked(call: Call, *, one_time_code: CodeLook | None) -> Looked:
    """The same, where the one-time code is one of the route's own."""
    given = call.fields.get("approval", {}).get(MEMBER_CODE)
    named = _naming_code(call.fields)
    named_by = _member_code(call, named) if named is not None else None
    if given is None:
        return Looked(one_time_code=one_time_code, named_by=named_by)
    if named is not None and codes.digits_of(named) == codes.digits_of(given):
        member_code = named_by
    else:
        member_code = _member_code(call, given)
    return Looked(one_time_code=one_time_code, member_code=member_code, named_by=named_by)


def _naming_code(given: Mapping[str, Any]) -> str | None:
    """The rotating code that names somebody, where one does."""
    identifier = given.get("identifier", {})
    return identifier["value"] if identifier.get("type") == MEMBER_CODE else None


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
    found = call.ahead or Looked()
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
    found = call.ahead or Looked()
    if found.named_by is None:
        return call.fields
    customer_id = found.named_by.customer_id if repeatable else None
    return _as_customer(call.fields, customer_id or found.named_by.require())


def _as_customer(given: dict[str, Any], customer_id: str) -> dict[str, Any]:
    named = {name: value for name, value in given.items() if name != "identifier"}
    return named | {"customer": customer_id}


def use_up(call: Call) -> None:
    """Use up the codes of a route that asks for no approval.

    Raises:
        MemberCodeRefused, TooManyWrongMemberCodes: one is not accepted.
    """
    approving.use_up(call.session, approval(call))


class Parts:
    """The parts of a body that each name somebody, where each may do so by a rotating code.

    To be declared with :meth:`look` as ``ahead`` and :meth:`bring_code` as
    ``ahead_if``. One code in several parts is looked at once.

    Args:
        parts: what each is called once it is read, and in the body.
    """

    def __init__(self, **parts: str):
        self._parts = parts

    def bring_code(self, fields: Mapping[str, Any]) -> bool:
        """Whether there is a code to look at."""
        return any(_naming_code(fields.get(part, {})) is not None for part in self._parts)

    def look(self, call: Call) -> dict[str, MemberLook]:
        """Count a look at each code, by the part that it names somebody in."""
        looks: dict[str, MemberLook] = {}
        seen: dict[str | None, MemberLook] = {}
        for part in self._parts:
            code = _naming_code(call.fields.get(part, {}))
            if code is None:
                continue
            digits = codes.digits_of(code)
            if digits not in seen:
                with _telling(self._field(part)):
                    seen[digits] = _member_code(call, code)
            looks[part] = seen[digits]
        return looks

    def named(self, call: Call, part: str) -> dict[str, Any]:
        """A part, with the customer in place of the rotating code that names them.

        Raises:
            MemberCodeRefused, TooManyWrongMemberCodes: it names nobody.
        """
        given: dict[str, Any] = call.fields[part]
        look = (call.ahead or {}).get(part)
        if look is None:
            return given
        with _telling(self._field(part)):
            return _as_customer(given, look.require())

    def use_up(self, call: Call) -> None:
        """Use up the codes, each once.

        Raises:
            MemberCodeRefused, TooManyWrongMemberCodes: one is not accepted.
        """
        looks = {(look.key or "", look.step): look for look in (call.ahead or {}).values()}
        # One order for all, so that two requests never wait for each other; the earlier
        # of one member first, because a later one ends those before it.
        for which in sorted(looks):
            member_codes.accept(call.session, looks[which])

    def _field(self, part: str) -> str:
        return f"{self._parts[part]}.identifier.value"


@contextmanager
def _telling(field: str) -> Iterator[None]:
    """Have a refusal say in which field its code came."""
    try:
        yield
    except PortalError as refusal:
        raise type(refusal)(refusal.detail, field=field, **refusal.facts) from refusal
