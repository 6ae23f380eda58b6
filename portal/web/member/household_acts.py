"""What people do with a household: invite, accept, hand over, leave, close.

Each act is a small form of the household's page. Who may do it is decided by
:mod:`portal.members.households`, under its locks; here it is said in words.
"""

from collections.abc import Callable
from typing import Any

from flask import flash, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from portal import clock, orm, transfers
from portal.errors import InvalidInput, PortalError
from portal.ledger.errors import SameAccount
from portal.members import HouseholdMemberView, HouseholdView, households
from portal.members.errors import HouseholdNotFound, InvitationNotFound
from portal.web import auth, errors, htmx, operations
from portal.web.extensions import db
from portal.web.locale import gettext as _
from portal.web.member import messages, prove, recipients, refusals, telling
from portal.web.member.blueprint import blueprint
from portal.web.member.forms import show_errors
from portal.web.member.households import InviteForm, NameForm, required, show
from portal.web.policy import allow, member
from portal.web.settings import settings


@blueprint.post("/households/<household_id>/accept")
@allow(member)
def accept_invitation(household_id: str) -> BaseResponse:
    """Join the household."""
    found, mine = required(household_id)
    if mine.status == "active":
        # A second click: the first one has let them in.
        return htmx.go(url_for("member.household", household_id=household_id))

    def accept(session: Session) -> None:
        households.accept(session, household_id=household_id, by=_me(), at=clock.now())

    refused = _tried(household_id, accept)
    if refused is not None:
        return refused
    flash(_("You are in %(household)s now.", household=found.name), "success")
    return htmx.go(url_for("member.household", household_id=household_id))


@blueprint.post("/households/<household_id>/decline")
@allow(member)
def decline_invitation(household_id: str) -> BaseResponse:
    """Turn the invitation down."""
    found, _mine = required(household_id)

    def decline(session: Session) -> None:
        households.decline(session, household_id=household_id, by=_me(), at=clock.now())

    said = _("You turned down the invitation to %(household)s.", household=found.name)
    return _tried(household_id, decline) or _away(said)


@blueprint.post("/households/<household_id>/invite")
@allow(member)
@prove.fresh
def invite_person(household_id: str) -> BaseResponse:
    """Ask somebody to join; found as the recipient of points is, at the same cost."""
    required(household_id)
    form, at = InviteForm(), clock.now()
    if not form.validate():
        return show(household_id, status=422, invite=form)
    typed = form.identifier.data or ""
    unit = db.session()
    try:
        program_id = _program_id(unit, household_id)
        with orm.recording(unit):
            looked = transfers.lookup(
                unit,
                by_customer_id=_me(),
                value=typed,
                program=program_id,
                at=at,
                region=settings().phone_region,
            )
        customer_id = looked.require().customer_id

        def invite(session: Session) -> str:
            households.invite(
                session, household_id=household_id, customer_id=customer_id, by=_me(), at=at
            )
            telling.tell(
                session,
                customer_id=customer_id,
                text=messages.invited(),
                purpose="invited",
                at=at,
            )
            return ""

        with orm.writing(unit) as session:
            operations.once(
                session,
                invite,
                operation=form.operation.data or "",
                who=auth.member().actor,
                content={"household": household_id, "invite": customer_id},
                at=at,
                may_change=True,
            )
    except transfers.RecipientCannotReceive:
        return _not_invited(household_id, form, _("We cannot invite anybody by this. Check it."))
    except SameAccount:
        return _not_invited(household_id, form, _("This is you: you are in it already."))
    except InvalidInput as error:
        show_errors(form, error, names=dict.fromkeys(error.fields, "identifier"))
        return show(household_id, status=422, invite=form)
    except PortalError as error:
        words = refusals.sentence(error)
        return _not_invited(household_id, form, words, status=errors.status_of(error))
    return _done(household_id, _("The invitation is sent. They see it when they next sign in."))


@blueprint.post("/households/<household_id>/people/<person>/withdraw")
@allow(member)
def withdraw_invitation(household_id: str, person: str) -> BaseResponse:
    """Take an invitation back."""

    def withdraw(session: Session, one: HouseholdMemberView) -> None:
        households.withdraw(
            session,
            household_id=household_id,
            customer_id=one.customer_id,
            by=_me(),
            at=clock.now(),
        )

    return _with(household_id, person, withdraw, _("The invitation is withdrawn."))


@blueprint.post("/households/<household_id>/people/<person>/allow")
@allow(member)
def allow_sending(household_id: str, person: str) -> BaseResponse:
    """Let somebody use what the household holds, or no longer."""
    may, at = request.form.get("may_send") == "yes", clock.now()
    # Taking it away is never held up.
    if may and prove.needed():
        return prove.ask()

    def change(session: Session, one: HouseholdMemberView) -> None:
        households.allow(
            session,
            household_id=household_id,
            customer_id=one.customer_id,
            may_send=may,
            by=_me(),
            at=at,
        )
        if may:
            telling.tell(
                session, customer_id=_me(), text=messages.allowed(), purpose="allowed", at=at
            )

    said = _("They may send and spend what is in it.") if may else _("They may no longer send.")
    return _with(household_id, person, change, said)


@blueprint.post("/households/<household_id>/people/<person>/hand-over")
@allow(member)
@prove.fresh
def hand_over(household_id: str, person: str) -> BaseResponse:
    """Make somebody else the primary member."""

    def change(session: Session, one: HouseholdMemberView) -> None:
        households.make_primary(
            session,
            household_id=household_id,
            customer_id=one.customer_id,
            by=_me(),
            at=clock.now(),
        )

    return _with(household_id, person, change, _("The household is handed over."))


@blueprint.post("/households/<household_id>/people/<person>/remove")
@allow(member)
def remove_person(household_id: str, person: str) -> BaseResponse:
    """Let somebody be no longer in it."""

    def remove(session: Session, one: HouseholdMemberView) -> None:
        households.remove(
            session,
            household_id=household_id,
            customer_id=one.customer_id,
            by=_me(),
            at=clock.now(),
        )

    return _with(household_id, person, remove, _("They are no longer in the household."))


@blueprint.post("/households/<household_id>/default")
@allow(member)
def earn_for_household(household_id: str) -> BaseResponse:
    """Choose whom one's own purchases earn for."""
    required(household_id)
    for_it = request.form.get("earn_for") == "household"

    def choose(session: Session) -> None:
        households.set_default(
            session, household_id=household_id if for_it else None, by=_me(), at=clock.now()
        )

    said = (
        _("What you buy now earns for the household.")
        if for_it
        else _("What you buy now earns for yourself.")
    )
    return _tried(household_id, choose) or _done(household_id, said)


@blueprint.post("/households/<household_id>/rename")
@allow(member)
def rename_household(household_id: str) -> BaseResponse:
    """Give it another name."""
    required(household_id)
    form = NameForm()
    if not form.validate():
        return show(household_id, status=422, rename=form)

    def rename(session: Session) -> None:
        households.rename(
            session,
            household_id=household_id,
            name=form.name.data or "",
            by=_me(),
            at=clock.now(),
        )

    try:
        refused = _tried(household_id, rename)
    except InvalidInput as error:
        show_errors(form, error, names={})
        return show(household_id, status=422, rename=form)
    return refused or _done(household_id, _("It has a new name."))


@blueprint.post("/households/<household_id>/leave")
@allow(member)
def leave_household(household_id: str) -> BaseResponse:
    """Be no longer in it."""
    found, _mine = required(household_id)

    def leave(session: Session) -> None:
        households.leave(session, household_id=household_id, by=_me(), at=clock.now())

    said = _("You have left %(household)s.", household=found.name)
    return _tried(household_id, leave) or _away(said)


@blueprint.post("/households/<household_id>/close")
@allow(member)
def close_household(household_id: str) -> BaseResponse:
    """Close it, once it is empty."""
    found, _mine = required(household_id)

    def close(session: Session) -> None:
        households.close(session, household_id=household_id, by=_me(), at=clock.now())

    said = _("%(household)s is closed.", household=found.name)
    return _tried(household_id, close) or _away(said)


def _me() -> str:
    return auth.member().customer_id


def _with(
    household_id: str,
    person: str,
    act: Callable[[Session, HouseholdMemberView], None],
    said: str,
) -> BaseResponse:
    """Do something about one of its people, whom the page calls ``person``."""
    found, _mine = required(household_id)
    one = _meant(found, person)
    return _tried(household_id, lambda session: act(session, one)) or _done(household_id, said)


def _meant(found: HouseholdView, person: str) -> HouseholdMemberView:
    known = {one.customer_id: one for one in found.members}
    customer_id = recipients.found_person(found.id, list(known), person)
    if customer_id is None:
        raise HouseholdNotFound()
    return known[customer_id]


def _tried(household_id: str, act: Callable[[Session], Any]) -> BaseResponse | None:
    """Do it; what is refused is said on the page, which is the answer then.

    Raises:
        InvalidInput: a field is wrong, which the caller shows.
        HouseholdNotFound, InvitationNotFound: it is gone by now.
    """
    try:
        with orm.writing(db.session()) as unit:
            act(unit)
    except (InvalidInput, HouseholdNotFound, InvitationNotFound):
        raise
    except PortalError as error:
        words = refusals.sentence(error)
        return show(household_id, status=errors.status_of(error), problem=words)
    return None


def _done(household_id: str, said: str) -> BaseResponse:
    if htmx.wants_fragment():
        return show(household_id, said=said)
    flash(said, "success")
    return htmx.go(url_for("member.household", household_id=household_id))


def _away(said: str) -> BaseResponse:
    flash(said, "success")
    return htmx.go(url_for("member.household_list"))


def _not_invited(
    household_id: str, form: InviteForm, words: str, *, status: int = 422
) -> BaseResponse:
    form.identifier.errors = [words]
    return show(household_id, status=status, invite=form)


def _program_id(session: Session, household_id: str) -> str | None:
    """The program in which whoever is invited must be: the one the household began with."""
    held = households.accounts_of(session, household_id=household_id)
    return held[0].program_id if held else None
