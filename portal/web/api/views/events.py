"""What happened besides purchases: birthdays, referrals, triggers that rules wait for."""

from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from portal import members, orders, programs
from portal.web.api import order_answers, order_schemas, order_shapes
from portal.web.api.endpoint import Answer, Call, route
from portal.web.api.views import naming, presence
from portal.web.api.views.accounts import region

_WARNINGS: Final = MappingProxyType(
    {
        "account_closed": "The account is closed: nothing is earned there.",
        "not_enrolled": "There is no member to reward for this referral.",
        "nothing_earned": "No rule of the program waits for this.",
    }
)


@route(
    "POST",
    "/events",
    scopes=["earn"],
    tag="Events",
    takes=order_schemas.NewEvent(),
    answer=order_shapes.HappenedShape,
    status=HTTPStatus.CREATED,
    ahead=presence.look,
    ahead_if=presence.brings_code,
)
def create_event(call: Call) -> Answer:
    """Tell what earning rules wait for: a birthday, a referral, a trigger.

    Rules for the event of this name give their points; points that wait for
    the trigger of this name count from now. The same `id` again, saying the
    same, answers the first result; saying something else, it is refused with
    409 event_already_happened.
    """
    given = presence.fields(call)
    resolved = members.resolve(
        call.session,
        reference=naming.reference(given),
        program=_program(call),
        to_write=True,
        region=region(),
    )
    account = resolved.account
    happened = orders.happen(
        call.session,
        account=account,
        name=given["name"],
        id=given["id"],
        occurred_at=given.get("occurred_at"),
        program=programs.find(call.session, account.program_id),
        actor=call.actor,
        request_id=call.request_id,
        at=call.at,
    )
    presence.use_up(call)
    told = order_answers.happened(happened, program=account.program_id, sentences=_WARNINGS)
    return Answer(content=told, status=HTTPStatus.CREATED, effect=happened.id)


def _program(call: Call) -> programs.Program | None:
    """The program that is meant; an account has its own."""
    given = call.fields
    if "account" in given and "program" not in given:
        return None
    return programs.find(call.session, given.get("program"))
