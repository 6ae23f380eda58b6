"""Households: a common purse, who belongs to it, and who may spend from it."""

from http import HTTPStatus
from typing import Any

from portal import members, programs
from portal.members import households
from portal.members.customers import locked
from portal.members.errors import MemberNotActive
from portal.members.households import HouseholdView
from portal.members.models import MembershipStatus
from portal.web.api import answers, household_answers, household_schemas, household_shapes
from portal.web.api.endpoint import Answer, Call, route
from portal.web.api.views import parties, presence
from portal.web.api.views.accounts import region, shown

HOUSEHOLD_ID = r"hh_[0-9a-z]{1,32}"
CUSTOMER_ID = r"cus_[0-9a-z]{1,32}"
_IDS = {"id": HOUSEHOLD_ID}
_PARTIES = presence.Parts(primary="primary")
_MEMBER_IDS = {"id": HOUSEHOLD_ID, "customer": CUSTOMER_ID}


def _content(call: Call, view: HouseholdView) -> answers.Content:
    held = households.accounts_of(call.session, household_id=view.id)
    return household_answers.household(view, [shown(call, account.id) for account in held])


def _answer(call: Call, view: HouseholdView, *, status: int = HTTPStatus.OK) -> Answer:
    return Answer(content=_content(call, view), status=status, effect=view.id)


@route(
    "POST",
    "/households",
    scopes=["manage"],
    tag="Households",
    takes=household_schemas.NewHousehold(),
    answer=household_shapes.HouseholdShape,
    status=HTTPStatus.CREATED,
    ahead=_PARTIES.look,
    ahead_if=_PARTIES.bring_code,
)
def create_household(call: Call) -> Answer:
    """Create a household, with its primary member.

    It gets an account in the program, or in the default one. It becomes the
    primary member's default household, for which their purchases earn, unless
    they have one already.
    """
    given = call.fields
    made = households.create_household(
        call.session,
        name=given["name"],
        primary_id=parties.person(call, _PARTIES.named(call, "primary"), under="primary"),
        program=programs.find(call.session, given.get("program")),
        external_id=given.get("external_id"),
        at=call.at,
    )
    _PARTIES.use_up(call)
    return _answer(call, made, status=HTTPStatus.CREATED)


@route(
    "GET",
    "/households",
    scopes=["read", "manage"],
    tag="Households",
    takes=household_schemas.HouseholdsQuery(),
    answer=household_shapes.HouseholdList,
)
def list_households(call: Call) -> Answer:
    """Find households: by their own external id, by their primary member, or a person's.

    `external_id` is the household's own; `primary_id`, `primary_card_number`,
    `primary_mobile` and `primary_email` are those of its primary member. With
    `customer` all households are listed that the person belongs to, or is
    invited to.
    """
    query = call.fields
    if "customer" in query:
        person = members.customer(call.session, query["customer"])
        found = list(households.households_of(call.session, customer_id=person.id))
    else:
        household_id = households.find_household_id(
            call.session,
            type=query["identifier_type"],
            value=query["identifier_value"],
            region=region(),
        )
        found = []
        if household_id is not None:
            found = [households.household(call.session, household_id)]
    data = [_content(call, view) for view in found]
    return Answer(content={"data": data, "next_cursor": None})


@route(
    "GET",
    "/households/<id>",
    scopes=["read", "manage"],
    tag="Households",
    answer=household_shapes.HouseholdShape,
    ids=_IDS,
)
def read_household(call: Call, id: str) -> Answer:
    """Read a household: who belongs to it, and its accounts."""
    return Answer(content=_content(call, households.household(call.session, id)))


@route(
    "PATCH",
    "/households/<id>",
    scopes=["manage"],
    tag="Households",
    takes=household_schemas.HouseholdChange(),
    answer=household_shapes.HouseholdShape,
    ids=_IDS,
)
def change_household(call: Call, id: str) -> Answer:
    """Rename a household."""
    view = households.rename(
        call.session, household_id=id, name=call.fields["name"], by=None, at=call.at
    )
    return _answer(call, view)


@route(
    "POST",
    "/households/<id>/members",
    scopes=["manage"],
    tag="Households",
    takes=household_schemas.NewHouseholdMember(),
    answer=household_shapes.HouseholdShape,
    status=HTTPStatus.CREATED,
    ids=_IDS,
    ahead=presence.look,
    ahead_if=presence.brings_code,
)
def add_household_member(call: Call, id: str) -> Answer:
    """Add a person to a household.

    They belong to it at once, because your staff stands behind it. With
    `invite` they are only asked, and belong to it when they accept on their
    own page. With `default` their purchases earn for this household instead
    of for themselves or for another one.
    """
    given = presence.fields(call)
    person = parties.person(call, given)
    view = households.invite(call.session, household_id=id, customer_id=person, by=None, at=call.at)
    if not given["invite"]:
        households.accept(call.session, household_id=id, by=person, at=call.at)
        view = _settle(call, id, person)
    presence.use_up(call)
    return _answer(call, view, status=HTTPStatus.CREATED)


def _settle(call: Call, household_id: str, person: str) -> HouseholdView:
    """Make someone in a household what the request says they are."""
    given = call.fields
    view = households.household(call.session, household_id)
    member = view.member(person)
    if member is None or member.status != MembershipStatus.ACTIVE:
        raise MemberNotActive(customer=person)
    # Customers are locked before households; whom they earn for is read under the lock.
    locked(call.session, person)
    member = households.household(call.session, household_id).member(person) or member
    who: dict[str, Any] = {"household_id": household_id, "customer_id": person}
    if given.get("primary"):
        households.make_primary(call.session, **who, by=None, at=call.at)
    if "may_send" in given:
        households.allow(call.session, **who, may_send=given["may_send"], by=None, at=call.at)
    if given.get("default", member.is_default) != member.is_default:
        chosen = household_id if given["default"] else None
        households.set_default(call.session, household_id=chosen, by=person, at=call.at)
    return households.household(call.session, household_id)


@route(
    "PATCH",
    "/households/<id>/members/<customer>",
    scopes=["manage"],
    tag="Households",
    takes=household_schemas.HouseholdMemberChange(),
    answer=household_shapes.HouseholdShape,
    ids=_MEMBER_IDS,
)
def change_household_member(call: Call, id: str, customer: str) -> Answer:
    """Change what a member of a household is and may.

    `primary` hands the household over to them; whoever was primary may send
    no longer, unless you allow it again. `default` true makes it the
    household that their purchases earn for; false makes them earn for
    themselves.
    """
    return _answer(call, _settle(call, id, customer))


@route(
    "POST",
    "/households/<id>/members/<customer>/remove",
    scopes=["manage"],
    tag="Households",
    answer=household_shapes.HouseholdShape,
    ids=_MEMBER_IDS,
)
def remove_household_member(call: Call, id: str, customer: str) -> Answer:
    """Take a person out of a household, or take back their invitation.

    What they earned for it stays with it. The primary member cannot be taken
    out: make someone else primary first.
    """
    member = households.household(call.session, id).member(customer)
    invited = member is not None and member.status == MembershipStatus.INVITED
    undo = households.withdraw if invited else households.remove
    view = undo(call.session, household_id=id, customer_id=customer, by=None, at=call.at)
    return _answer(call, view)


@route(
    "POST",
    "/households/<id>/close",
    scopes=["manage"],
    tag="Households",
    answer=household_shapes.HouseholdShape,
    ids=_IDS,
)
def close_household(call: Call, id: str) -> Answer:
    """Close a household that holds nothing any more, and its accounts.

    Their history stays. Send or spend its points first, and use or cancel its
    vouchers.
    """
    view = households.close(call.session, household_id=id, by=None, at=call.at)
    return _answer(call, view)


@route(
    "POST",
    "/households/<id>/reopen",
    scopes=["manage"],
    tag="Households",
    answer=household_shapes.HouseholdShape,
    ids=_IDS,
)
def reopen_household(call: Call, id: str) -> Answer:
    """Open a closed household again, with its newest account in each program.

    For points that come back after it was closed, as a refund's do. Its
    members and its primary member are who they were; nobody's purchases earn
    for it until they choose so again.
    """
    return _answer(call, households.reopen(call.session, household_id=id, at=call.at))
