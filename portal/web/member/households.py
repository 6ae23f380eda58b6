"""A member's households: what they hold together, who is in it, who gave what.

Each of them is shown to the people in it and to those who are invited; to
everyone else it does not exist. What can be done there is in
:mod:`portal.web.member.household_acts`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Response, url_for
from flask_babel import lazy_gettext
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse
from wtforms import StringField
from wtforms.validators import DataRequired, Length

from portal import clock, ledger, orders, orm, transfers
from portal.errors import InvalidInput
from portal.ledger import AccountStatus, AccountView, Position
from portal.members import HouseholdMemberView, HouseholdView, display, households
from portal.members.errors import HouseholdNotFound
from portal.members.models import HouseholdStatus, MembershipStatus
from portal.programs import Program
from portal.web import auth, htmx, operations, rendering
from portal.web.extensions import db
from portal.web.formatting import day, number, points
from portal.web.locale import gettext as _
from portal.web.locale import ngettext
from portal.web.member import holdings, recipients, wording
from portal.web.member.blueprint import blueprint
from portal.web.member.forms import OnceForm, show_errors, trimmed
from portal.web.member.welcome import only_program
from portal.web.policy import allow, member

NAME_LENGTH_MAX = 120


class NameForm(OnceForm):
    """What a household is called."""

    name = StringField(
        lazy_gettext("Name of the household"),
        [
            DataRequired(lazy_gettext("Give it a name, such as your family's.")),
            Length(max=NAME_LENGTH_MAX, message=lazy_gettext("This is too long.")),
        ],
        filters=[trimmed],
    )


class InviteForm(OnceForm):
    """Whom to invite."""

    identifier = StringField(
        lazy_gettext("Phone number, e-mail or card number"),
        [
            DataRequired(lazy_gettext("Type a phone number, an e-mail or a card number.")),
            Length(
                max=recipients.TYPED_LENGTH_MAX, message=lazy_gettext("Check this: it is too long.")
            ),
        ],
        filters=[trimmed],
    )


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the household, as its page shows them."""

    reference: str
    name: str
    initial: str
    you: bool
    primary: bool
    invited: bool
    may_send: bool
    since: str


@dataclass(frozen=True, slots=True)
class Share:
    """What somebody brought in; ``share`` of a hundred, compared with who brought most."""

    name: str
    amount: str
    share: int
    note: str


@dataclass(frozen=True, slots=True)
class Purse:
    """What they hold together, large, and what must be said with it."""

    number: str
    unit: str
    worth: str | None
    expiring: str | None
    token: str
    empty: bool
    frozen: bool


@dataclass(frozen=True, slots=True)
class Brief:
    """A household in the list of them."""

    id: str
    name: str
    people: str
    default: bool
    invited_by: str | None = None


@blueprint.get("/households")
@allow(member)
def household_list() -> Response:
    """Which households they are in, and to which they are invited."""
    who = auth.member().customer_id
    found = households.households_of(db.session(), customer_id=who)
    chosen = holdings.choose()
    mine = {one.id: _own(one, who) for one in found}
    return rendering.page(
        "member/households.html",
        program=chosen.program if chosen else None,
        joined=[_brief(one, who) for one in found if _active(mine[one.id])],
        invited=[_brief(one, who) for one in found if not _active(mine[one.id])],
    )


@blueprint.get("/households/new")
@allow(member)
def new_household() -> Response:
    """Ask what a new household is called."""
    return _ask_name(NameForm(formdata=None))


@blueprint.post("/households/new")
@allow(member)
def create_household() -> BaseResponse:
    """Make a household; however often it is sent, one."""
    form, at = NameForm(), clock.now()
    chosen = holdings.choose()
    if not form.validate() or chosen is None:
        return _ask_name(form, status=422)
    who, name = auth.member(), form.name.data or ""

    def create(session: Session) -> str:
        made = households.create_household(
            session, name=name, primary_id=who.customer_id, program=chosen.program, at=at
        )
        return made.id

    try:
        with orm.writing(db.session()) as unit:
            done = operations.once(
                unit,
                create,
                operation=form.operation.data or "",
                who=who.actor,
                content={"household": name},
                at=at,
                may_change=True,
            )
    except InvalidInput as error:
        show_errors(form, error, names={})
        return _ask_name(form, status=422)
    return htmx.go(url_for("member.household", household_id=done.result))


@blueprint.get("/households/<household_id>")
@allow(member)
def household(household_id: str) -> Response:
    """What it holds and who is in it; for the invited, what they are invited to."""
    return show(household_id)


def show(
    household_id: str,
    *,
    status: int = 200,
    said: str | None = None,
    problem: str | None = None,
    invite: InviteForm | None = None,
    rename: NameForm | None = None,
) -> Response:
    """The page of a household, or the part of it that htmx replaces.

    Args:
        said: what was done.
        problem: why something could not be.
        invite, rename: forms as they were sent, with what is wrong about them.

    Raises:
        HouseholdNotFound: there is none that they may see.
    """
    found, mine = required(household_id)
    context = _shown(found, mine, clock.now())
    for form in (invite := invite or InviteForm(formdata=None), rename := rename or _named(found)):
        form.operation.data = operations.new_id()
    response = rendering.page(
        "member/household.html" if _active(mine) else "member/invitation.html",
        "member/_household.html" if _active(mine) else "member/_invitation.html",
        status=status,
        said=said,
        problem=problem,
        invite=invite,
        rename=rename,
        **context,
    )
    return htmx.into(response, "#household", swap="outerHTML")


def required(household_id: str) -> tuple[HouseholdView, HouseholdMemberView]:
    """A household, and the member's own place in it.

    Raises:
        HouseholdNotFound: there is none by that id, or it is other people's.
    """
    found = households.household(db.session(), household_id)
    mine = _own(found, auth.member().customer_id)
    if mine is None or found.status != HouseholdStatus.ACTIVE:
        raise HouseholdNotFound()
    return found, mine


def called(one: HouseholdMemberView) -> str:
    """What the others of a household call somebody; who has not joined yet stays masked."""
    if not _active(one):
        return display.masked_name(one.first_name, one.last_name) or _("Somebody")
    last = f" {one.last_name[:1]}." if one.last_name else ""
    return f"{one.first_name}{last}" if one.first_name else _("Somebody")


def _own(found: HouseholdView, customer_id: str) -> HouseholdMemberView | None:
    return next((one for one in found.members if one.customer_id == customer_id), None)


def _active(one: HouseholdMemberView | None) -> bool:
    return one is not None and one.status == MembershipStatus.ACTIVE


def _named(found: HouseholdView) -> NameForm:
    return NameForm(formdata=None, data={"name": found.name})


def _ask_name(form: NameForm, *, status: int = 200) -> Response:
    form.operation.data = operations.new_id()
    chosen = holdings.choose()
    response = rendering.page(
        "member/household_new.html",
        "member/_household_new.html",
        status=status,
        form=form,
        program=chosen.program if chosen else None,
    )
    return htmx.into(response, "#new-household", swap="outerHTML")


def _brief(found: HouseholdView, who: str) -> Brief:
    mine = _own(found, who)
    count = sum(1 for one in found.members if _active(one))
    inviter = None
    if mine is not None and not _active(mine):
        by = next((one for one in found.members if one.customer_id == mine.invited_by), None)
        inviter = called(by) if by is not None else _("The shop")
    return Brief(
        id=found.id,
        name=found.name,
        people=ngettext("%(num)d person", "%(num)d people", count),
        default=mine is not None and mine.is_default,
        invited_by=inviter,
    )


def _shown(found: HouseholdView, mine: HouseholdMemberView, at: datetime) -> dict[str, Any]:
    brief = _brief(found, mine.customer_id)
    if not _active(mine):
        return {"household": brief, "program": only_program()}
    session = db.session()
    chosen = holdings.choose_purse(found.id)
    program, account = chosen.program, chosen.account
    position = ledger.position(session, account_id=account.id, at=at)
    bought = orders.contributions(session, account_id=account.id)
    sent = transfers.given_by(session, account_id=account.id)
    return {
        "household": brief,
        "program": program,
        "holdings": chosen.places,
        "mine": mine,
        "people": _people(found, mine),
        "purse": _purse(program, position, account, found.name, at),
        "shares": _shares(program, found, bought, sent),
    }


def _purse(
    program: Program, position: Position, account: AccountView, name: str, at: datetime
) -> Purse:
    figure, unit = wording.split(program, position.balance)
    first = next((one for one in position.deadlines if one.expires_at is not None), None)
    expiring = None
    if first is not None and first.expires_at is not None:
        last_day = program.last_day(first.expires_at)
        together = sum(
            one.points
            for one in position.deadlines
            if one.expires_at is not None and program.last_day(one.expires_at) == last_day
        )
        expiring = wording.expiring(program, together, last_day)
    return Purse(
        number=figure,
        unit=unit,
        worth=wording.worth(program, position.balance),
        expiring=expiring,
        token=recipients.token(account.id, at=at, display=name),
        empty=position.balance <= 0,
        frozen=account.status == AccountStatus.FROZEN,
    )


def _people(found: HouseholdView, mine: HouseholdMemberView) -> list[Person]:
    shown = []
    for one in found.members:
        name = called(one)
        when = one.joined_at if _active(one) else one.invited_at
        since = day(when.date()) if when else ""
        shown.append(
            Person(
                reference=recipients.person(found.id, one.customer_id),
                name=name,
                initial=name[:1],
                you=one.customer_id == mine.customer_id,
                primary=one.is_primary,
                invited=not _active(one),
                may_send=one.may_send,
                since=_("In it since %(day)s", day=since)
                if _active(one)
                else _("Invited on %(day)s, has not answered yet", day=since),
            )
        )
    return shown


def _shares(
    program: Program, found: HouseholdView, bought: Mapping[str, int], sent: Mapping[str, int]
) -> list[Share]:
    names = {one.customer_id: called(one) for one in found.members if _active(one)}
    together: dict[str, tuple[int, int]] = {}
    for customer_id in (*names, *(bought.keys() | sent.keys()) - names.keys()):
        # Whoever left is still among those who gave, without a name.
        whose = customer_id if customer_id in names else ""
        earned, gave = together.get(whose, (0, 0))
        together[whose] = earned + bought.get(customer_id, 0), gave + sent.get(customer_id, 0)
    most = max((earned + gave for earned, gave in together.values()), default=0)
    shares = []
    for whose, (earned, gave) in sorted(together.items(), key=lambda item: -sum(item[1])):
        total = max(earned + gave, 0)
        said = []
        if earned > 0:
            said.append(_("%(amount)s from purchases", amount=number(earned, program)))
        if gave > 0:
            said.append(_("%(amount)s sent", amount=number(gave, program)))
        shares.append(
            Share(
                name=names.get(whose) or _("People who are no longer in it"),
                amount=points(total, program),
                share=round(100 * total / most) if most > 0 else 0,
                note=", ".join(said) or _("Nothing yet"),
            )
        )
    return shares
