"""The story of one movement: what it was, where its points came from, what became of them."""

from collections.abc import Collection
from dataclasses import dataclass, field

from portal import ledger, programs
from portal.ledger import Category, LotPart, Story
from portal.ledger.errors import AccountNotFound, EntryNotFound
from portal.ledger.overview import holdings
from portal.programs import Program
from portal.web.auth import member
from portal.web.extensions import db
from portal.web.formatting import day, moment, money, points
from portal.web.member import wording
from portal.web.member.wording import gettext as _


@dataclass(frozen=True, slots=True)
class Fact:
    """A thing known about it."""

    label: str
    text: str
    href: str | None = None


@dataclass(frozen=True, slots=True)
class PartRow:
    """One lot, or one other movement."""

    text: str
    amount: str | None = None
    href: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A list within the story."""

    title: str
    rows: list[PartRow]


@dataclass(frozen=True, slots=True)
class Head:
    """The movement itself."""

    id: str
    sentence: str
    amount_full: str
    icon: str
    tone: str


@dataclass(frozen=True, slots=True)
class Told:
    """All that the page shows."""

    title: str
    line: Head
    facts: list[Fact]
    parts: list[Part] = field(default_factory=list)


def tell(entry_id: str) -> tuple[Told, Program]:
    """The story of one of the member's own movements.

    Raises:
        EntryNotFound: there is none by that id, or it is somebody else's.
    """
    session = db.session()
    key = ledger.entry_key(entry_id)
    own = {account.id: account for account in holdings(session, customer_id=member().customer_id)}
    if key is None or key[0] not in own:
        raise EntryNotFound()
    try:
        story = ledger.story(session, entry_id=entry_id)
    except AccountNotFound as error:
        raise EntryNotFound() from error
    program = programs.find(session, own[key[0]].program_id)
    entry = story.line.entry
    words = wording.describe(program, entry, story.line.event)
    unit = points(abs(entry.amount), program)
    head = Head(
        id=entry.id,
        sentence=words.sentence,
        amount_full=f"+{unit}" if entry.amount > 0 else f"−{unit}",
        icon=words.icon,
        tone=words.tone,
    )
    parts = [part for part in (_lots(program, story, own), _uses(program, story)) if part.rows]
    return Told(title=words.sentence, line=head, facts=_facts(program, story), parts=parts), program


def _facts(program: Program, story: Story) -> list[Fact]:
    entry, event = story.line.entry, story.line.event
    facts = [Fact(_("When"), moment(entry.occurred_at, program))]
    if program.local_date(entry.recorded_at) != program.local_date(entry.occurred_at):
        facts.append(Fact(_("Recorded"), moment(entry.recorded_at, program)))
    if event.store:
        where = event.store if not event.till else f"{event.store}, {_('till')} {event.till}"
        facts.append(Fact(_("Where"), where))
    if event.order:
        facts.append(Fact(_("Order"), event.order.number))
        facts.append(Fact(_("Order amount"), money(event.order.value, event.order.currency)))
    facts.append(Fact(_("Done by"), wording.who(event.actor)))
    if event.note:
        facts.append(Fact(_("Note"), event.note))
    elif event.reason:
        facts.append(Fact(_("Reason"), event.reason.replace("_", " ").replace(".", ", ")))
    if entry.category == Category.REGULAR:
        facts.append(Fact(_("Balance after"), points(entry.balance_after, program)))
    else:
        facts.append(Fact(_("Waiting after"), points(entry.balance_after, program)))
    if entry.reverses:
        facts.append(Fact(_("Takes back"), _("An earlier movement"), wording.href(entry.reverses)))
    facts.extend(
        Fact(
            _("Taken back by") if entry.amount > 0 else _("Given back by"),
            _("A later movement"),
            wording.href(later),
        )
        for later in story.line.reversed_by
    )
    return facts


def _lots(program: Program, story: Story, own: Collection[str]) -> Part:
    entry = story.line.entry
    if entry.amount > 0:
        title = (
            _("What it put back") if entry.reverses else _("Until when you can use these points")
        )
    else:
        title = _("Which of your points it took")
    return Part(title, [_lot(program, story, part, own) for part in story.lots])


def _lot(program: Program, story: Story, part: LotPart, own: Collection[str]) -> PartRow:
    expiry = wording.expires_on(program, part.expires_at)
    earned = day(program.local_date(part.earned_at))
    opener = ledger.entry_key(part.opened_by)
    # Where points that somebody sent were earned is the sender's affair.
    foreign = opener is None or opener[0] not in own
    if foreign or part.event is None or part.opened_by == story.line.entry.id:
        return PartRow(expiry[:1].upper() + expiry[1:], points(part.points, program))
    store = part.event.store
    text = (
        _("Earned on %(day)s at %(store)s", day=earned, store=store)
        if store
        else _("Earned on %(day)s", day=earned)
    )
    return PartRow(text, points(part.points, program), wording.href(part.opened_by), note=expiry)


def _uses(program: Program, story: Story) -> Part:
    return Part(
        _("What became of them"),
        [
            PartRow(
                _("Used on %(day)s", day=day(program.local_date(use.occurred_at))),
                points(use.points, program),
                wording.href(use.entry_id),
            )
            for use in story.used_by
        ],
    )
