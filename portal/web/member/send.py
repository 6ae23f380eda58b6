"""Sending points, first screen: to whom and how much.

What is typed here becomes a request on the server, whose id leads through the
review and the code (:mod:`portal.web.member.send_code`) to the receipt; going
back, reloading and clicking twice change nothing about it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Response, request, url_for
from flask_babel import lazy_gettext
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse
from wtforms import BooleanField, HiddenField, StringField, TextAreaField

from portal import clock, ledger, orm, transfers
from portal.errors import InvalidInput, PortalError, TooMany
from portal.ledger import AccountStatus, Position
from portal.ledger.errors import SameAccount
from portal.members.errors import InvalidIdentifier
from portal.programs import Program
from portal.web import auth, htmx, operations, rendering
from portal.web.extensions import db, limiter
from portal.web.formatting import number, points
from portal.web.locale import gettext as _
from portal.web.member import amounts, holdings, recipients, refusals, sources, under_way
from portal.web.member.blueprint import blueprint
from portal.web.member.forms import OnceForm, trimmed
from portal.web.member.holdings import Chosen
from portal.web.member.recipients import Addressed
from portal.web.member.sources import Source
from portal.web.policy import allow, member
from portal.web.settings import settings

ASKED_PER_ADDRESS = "60 per minute"
RECENTS = 4
_FIELDS = {"points": "amount", "note": "note", "recipient": "recipient"}
"""Which field of the form stands for a field of the service."""


class SendForm(OnceForm):
    """Who, how much, from where, and a few words."""

    source = StringField(lazy_gettext("From"))
    to = StringField(lazy_gettext("To"))
    recipient = StringField(lazy_gettext("Phone number, e-mail or card number"), filters=[trimmed])
    amount = StringField(lazy_gettext("How much"), filters=[trimmed])
    everything = BooleanField(lazy_gettext("All of it"))
    note = TextAreaField(lazy_gettext("A few words"), filters=[trimmed])
    change = HiddenField()


@dataclass(frozen=True, slots=True)
class Choice:
    """Somebody to choose with one tap."""

    token: str
    text: str
    chosen: bool


class _Refused(Exception):
    """Nothing is stored of what cannot be sent."""

    def __init__(self, reasons: Sequence[PortalError]):
        self.reasons = reasons
        super().__init__()


@blueprint.get("/send")
@allow(member)
def send() -> Response:
    """Ask to whom and how much."""
    chosen = holdings.choose()
    if chosen is None:
        return rendering.page("member/no_account.html")
    at = clock.now()
    form = SendForm(formdata=None, data={"source": request.args.get("source", "")})
    given = recipients.opened(request.args.get("to"), at=at)
    if given is not None:
        form.to.data = _named(given, at)
    elif request.args.get("to"):
        form.recipient.errors = [_spent_token()]
    changing = request.args.get("change")
    if changing:
        _fill_again(form, changing, chosen.program, at)
    return _ask(form, chosen, at)


@blueprint.post("/send")
@allow(member)
@limiter.limit(ASKED_PER_ADDRESS)
def ask_to_send() -> BaseResponse:
    """Keep what is to be sent, and show it for review."""
    chosen = holdings.choose()
    if chosen is None:
        return rendering.page("member/no_account.html")
    form, at, unit = SendForm(), clock.now(), db.session()
    # First, since it forgets what was found wrong before.
    form.validate()
    source = _source(form, sources.of(chosen, holdings.purses(unit), wanted=form.source.data))
    wanted = _amount(form, chosen.program, source, at)
    try:
        addressed = _addressed(form, chosen.program, at)
    except TooMany as error:
        form.recipient.errors = [refusals.sentence(error, chosen.program)]
        return _ask(form, chosen, at, status=429)
    if form.errors or wanted is None or addressed is None:
        return _ask(form, chosen, at, status=422)
    try:
        try:
            request_id = _request(form, chosen.program, source, addressed, wanted, at)
        except transfers.TransferRequestNotFound:
            # What it was to replace was another session's, or is long gone.
            form.change.data = ""
            request_id = _request(form, chosen.program, source, addressed, wanted, at)
    except _Refused as refused:
        _show(form, refused.reasons, chosen.program)
        return _ask(form, chosen, at, status=422)
    except transfers.TransferRequestUsed as error:
        return htmx.go(url_for("member.transfer", transfer_id=error.facts["transfer"]))
    except InvalidInput as error:
        form.form_errors.append(refusals.sentence(error, chosen.program))
        return _ask(form, chosen, at, status=422)
    return htmx.go(url_for("member.review", request_id=request_id))


def _request(
    form: SendForm,
    program: Program,
    source: Source,
    addressed: Addressed,
    wanted: int,
    at: datetime,
) -> str:
    who, note = auth.member(), form.note.data or None
    changing = form.change.data or None

    def act(session: Session) -> str:
        made = transfers.request(
            session,
            sender=transfers.Party(account_id=source.account_id),
            recipient=transfers.Party(account_id=addressed.account_id),
            points=wanted,
            program=program.id,
            note=note,
            by=transfers.Party(customer_id=who.customer_id),
            context=who.session_id,
            actor=who.actor,
            at=at,
            replaces=changing,
        )
        if made.id is None:
            raise _Refused(transfers.for_member(made.check.reasons))
        return made.id

    with orm.writing(db.session()) as unit:
        done = operations.once(
            unit,
            act,
            operation=form.operation.data or "",
            who=who.actor,
            content={
                "from": source.account_id,
                "to": addressed.account_id,
                "points": str(wanted),
                "note": note or "",
                "instead of": changing or "",
            },
            at=at,
            may_change=True,
        )
    under_way.remember(
        done.result,
        amount=points(wanted, program),
        recipient=addressed.display,
        until=at + transfers.LIFETIME,
    )
    return done.result


def _source(form: SendForm, known: Sequence[Source]) -> Source:
    """The purse they chose; one that is not theirs is as if they had chosen none."""
    wanted = form.source.data or ""
    return next((one for one in known if one.value == wanted), known[0])


def _amount(form: SendForm, program: Program, source: Source, at: datetime) -> int | None:
    """How many points, in the smallest unit; where that is wrong, the form says so."""
    if form.everything.data:
        position = ledger.position(db.session(), account_id=source.account_id, at=at)
        whole = position.balance - position.balance % program.transfers.multiple_of
        if whole > 0:
            return whole
        form.amount.errors = [_("There is nothing to send.")]
        return None
    text = form.amount.data or ""
    typed = amounts.typed(text, program)
    if typed is not None:
        try:
            return transfers.smallest(program, typed)
        except PortalError as error:
            form.amount.errors = [refusals.sentence(error, program)]
    elif text:
        form.amount.errors = [_("This is not a number. Type how much, such as 100.")]
    else:
        form.amount.errors = [_("Type how much to send.")]
    return None


def _addressed(form: SendForm, program: Program, at: datetime) -> Addressed | None:
    """Whose account is meant; where nobody's is, the form says so.

    Raises:
        TooManyLookUps: too many people were looked for.
    """
    typed = form.recipient.data or ""
    token = form.to.data or (typed if recipients.looks_like_token(typed) else "")
    if token:
        found = recipients.opened(token, at=at)
        if found is None:
            form.recipient.errors = [_spent_token()]
        return found
    if not typed:
        form.recipient.errors = [_("Type a phone number, an e-mail or a card number.")]
        return None
    if form.amount.errors:
        # Nobody is looked for, at a cost, while the rest is wrong.
        return None
    try:
        with orm.recording(db.session()) as unit:
            looked = transfers.lookup(
                unit,
                by_customer_id=auth.member().customer_id,
                value=typed,
                program=program.id,
                at=at,
                region=settings().phone_region,
            )
        found_one = looked.require()
        return Addressed(found_one.account_id, found_one.display)
    except (transfers.RecipientCannotReceive, InvalidIdentifier, SameAccount) as error:
        form.recipient.errors = [refusals.sentence(error, program)]
    return None


def _show(form: SendForm, reasons: Sequence[PortalError], program: Program) -> None:
    """Put each reason beside the field that it is about."""
    for reason in reasons:
        words = refusals.sentence(reason, program)
        field = _FIELDS.get(reason.field or "")
        if field is None:
            form.form_errors.append(words)
        else:
            form[field].errors = [*form[field].errors, words]


def _named(given: Addressed, at: datetime) -> str:
    """The same token, and it says whose account it is."""
    if given.display:
        return request.args["to"]
    return recipients.token(given.account_id, at=at, display=sources.seen(given.account_id))


def _spent_token() -> str:
    return _("This code has run out. Ask for a new one, or type a phone number or e-mail.")


def _fill_again(form: SendForm, request_id: str, program: Program, at: datetime) -> None:
    """What a request says, to be changed."""
    try:
        asked = transfers.find_request(
            db.session(), request_id=request_id, context=auth.member().session_id, at=at
        )
    except transfers.TransferRequestNotFound:
        return
    if asked.program_id != program.id or asked.recipient.account_id is None:
        return
    form.process(
        data={
            "source": asked.sender.household_id or "",
            "to": recipients.token(
                asked.recipient.account_id, at=at, display=asked.recipient.display
            ),
            "amount": number(asked.points, program),
            "note": asked.note or "",
            "change": request_id if asked.status == transfers.RequestStatus.OPEN else "",
        }
    )


def _ask(form: SendForm, chosen: Chosen, at: datetime, *, status: int = 200) -> Response:
    session, program = db.session(), chosen.program
    form.operation.data = operations.new_id()
    purses = holdings.purses(session)
    known = sources.of(chosen, purses, wanted=form.source.data)
    source = _source(form, known)
    form.source.data = source.value
    position = ledger.position(session, account_id=source.account_id, at=at)
    names = {purse.household_id: purse.name for purse in purses}
    choices = _choices(form, source, at, names) if program.transfers.enabled else []
    if form.to.data not in {one.token for one in choices if one.chosen}:
        form.to.data = ""
    response = rendering.page(
        "member/send.html",
        "member/_send.html",
        status=status,
        program=program,
        holdings=chosen.places,
        form=form,
        sources=known,
        choices=choices,
        has=points(position.balance, program),
        empty=position.balance <= 0,
        frozen=chosen.account.status == AccountStatus.FROZEN and not source.value,
        closed=chosen.account.status == AccountStatus.CLOSED,
        limits=_limits(program, position),
        keyboard="decimal" if program.decimals else "numeric",
        waiting=under_way.waiting(at) if status == 200 and not form.change.data else None,
        note_length_max=transfers.NOTE_LENGTH_MAX,
    )
    if status == 429:
        response.headers.setdefault("Retry-After", "60")
    return htmx.into(response, "#send", swap="outerHTML")


def _choices(
    form: SendForm, source: Source, at: datetime, names: Mapping[str, str]
) -> list[Choice]:
    """Whom they can choose with one tap: whoever they came for, and the last ones.

    Args:
        names: of the households that they are in themselves.
    """
    found: list[Choice] = []
    wanted = recipients.opened(form.to.data, at=at)
    if wanted is not None:
        found.append(Choice(form.to.data or "", wanted.display, chosen=True))
    lately = transfers.recents(db.session(), account_ids=[source.account_id], limit=RECENTS)
    for recent in lately:
        side = recent.recipient
        account_id, display = side.account_id, names.get(side.household_id or "", side.display)
        if account_id is None or (wanted is not None and account_id == wanted.account_id):
            continue
        token = recipients.token(account_id, at=at, display=display)
        found.append(Choice(token, display, chosen=False))
    return found


def _limits(program: Program, position: Position) -> str | None:
    """What the program allows, in one sentence; None where it allows anything."""
    rules = program.transfers
    least = points(rules.min, program) if rules.min and rules.min > 1 else None
    most = (
        points(rules.max, program) if rules.max and rules.max < max(position.balance, 1) else None
    )
    said = []
    if least and most:
        said.append(_("Between %(least)s and %(most)s at a time.", least=least, most=most))
    elif least:
        said.append(_("At least %(least)s at a time.", least=least))
    elif most:
        said.append(_("At most %(most)s at a time.", most=most))
    if rules.multiple_of > 1:
        said.append(_("In steps of %(step)s.", step=points(rules.multiple_of, program)))
    return " ".join(said) or None
