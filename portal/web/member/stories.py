"""The story of one movement: what it was, where its points came from, what became of them."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from flask import url_for

from portal import ledger, programs, transfers
from portal.checkout import receipts
from portal.checkout.receipts import Receipt, Sibling, Why
from portal.ledger import Category, EntryType, EventName, LotPart, Story
from portal.ledger.errors import AccountNotFound, EntryNotFound
from portal.ledger.overview import holdings
from portal.programs import Program
from portal.transfers import Direction
from portal.web.auth import member
from portal.web.extensions import db
from portal.web.formatting import day, moment, money, points
from portal.web.member import voucher_words, wording
from portal.web.member.holdings import purses
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
class Reason:
    """What one rule gave: its workings step by step, and when it counts if not at once."""

    steps: list[str]
    amount: str
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Bought:
    """One line of the receipt."""

    name: str
    note: str | None
    amount: str


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
    reasons: list[Reason] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    bought: list[Bought] = field(default_factory=list)


def tell(entry_id: str, at: datetime) -> tuple[Told, Program]:
    """The story of one of the member's own movements.

    Raises:
        EntryNotFound: there is none by that id, or it is somebody else's.
    """
    session = db.session()
    key = ledger.entry_key(entry_id)
    own = {account.id: account for account in holdings(session, customer_id=member().customer_id)}
    if key is not None and key[0] not in own:
        # Not theirs alone, but perhaps a household's that they are in.
        own = {one.account.id: one.account for one in purses(session, closed=True)}
    if key is None or key[0] not in own:
        raise EntryNotFound()
    try:
        story = ledger.story(session, entry_id=entry_id)
    except AccountNotFound as error:
        raise EntryNotFound() from error
    known = {program.id: program for program in programs.find_all(session)}
    program = known[own[key[0]].program_id]
    entry, event = story.line.entry, story.line.event
    receipt = None
    if event.order is not None and event.order.id is not None:
        receipt = receipts.find(
            session, order_id=event.order.id, account_id=entry.account_id, own=own
        )
    vouchers = voucher_words.behind([story.line], at)
    words = voucher_words.describe_line(program, story.line, at, vouchers)
    unit = points(abs(entry.amount), program)
    head = Head(
        id=entry.id,
        sentence=words.sentence,
        amount_full=f"+{unit}" if entry.amount > 0 else f"−{unit}",
        icon=words.icon,
        tone=words.tone,
    )
    of_order = _of_order(story, receipt, {one.id: known[one.program_id] for one in own.values()})
    parts = [
        part for part in (of_order, _lots(program, story, own), _uses(program, story)) if part.rows
    ]
    told = Told(
        title=words.sentence,
        line=head,
        facts=_facts(program, story, receipt, at) + _sending(story) + _voucher(story, vouchers),
        reasons=_reasons(program, story, receipt),
        parts=parts,
        bought=_bought(receipt),
    )
    return told, program


def _facts(program: Program, story: Story, receipt: Receipt | None, at: datetime) -> list[Fact]:
    entry, event = story.line.entry, story.line.event
    facts = [Fact(_("When"), moment(entry.occurred_at, program))]
    held_until = wording.hold_end(story.line.spending, at)
    if held_until is not None and not voucher_words.concerns(story.line):
        facts.append(
            Fact(
                _("On hold until"),
                _(
                    "%(time)s; if the payment is not completed by then, the points come back",
                    time=wording.moment_in(program, held_until, at),
                ),
            )
        )
    if program.local_date(entry.recorded_at) != program.local_date(entry.occurred_at):
        facts.append(Fact(_("Recorded"), moment(entry.recorded_at, program)))
    if event.store:
        store = receipt.store_name if receipt else event.store
        where = store if not event.till else f"{store}, {_('till')} {event.till}"
        facts.append(Fact(_("Where"), where))
    if event.order:
        facts.append(Fact(_("Order"), event.order.number))
        facts.append(Fact(_("Order amount"), money(event.order.value, event.order.currency)))
    facts += _paid(story, receipt)
    facts.append(Fact(_("Done by"), _who(event.actor)))
    if event.note:
        facts.append(Fact(_("Note"), event.note))
    elif event.reason and not (receipt and entry.type == EntryType.EARN):
        # What an order earned is told at length; its rule's name says nothing more.
        facts.append(Fact(_("Reason"), event.reason.replace("_", " ").replace(".", ", ")))
    if entry.category == Category.REGULAR:
        facts.append(Fact(_("Balance after"), points(entry.balance_after, program)))
    else:
        facts.append(Fact(_("Waiting after"), points(entry.balance_after, program)))
    told = {
        ledger.entry_id(one.account_id, one.sequence)
        for one in (receipt.siblings if receipt else ())
    }
    if entry.reverses and entry.reverses not in told:
        facts.append(Fact(_("Takes back"), _("An earlier movement"), wording.href(entry.reverses)))
    facts.extend(
        Fact(
            _("Taken back by") if entry.amount > 0 else _("Given back by"),
            _("A later movement"),
            wording.href(later),
        )
        for later in story.line.reversed_by
        if later not in told
    )
    return facts


def _who(actor: str) -> str:
    # In a household it need not be the reader.
    if actor.startswith("member:") and actor != member().actor:
        return _("Another member")
    return wording.who(actor)


def _sending(story: Story) -> list[Fact]:
    """The receipt of what was sent or received, with the other side."""
    entry = story.line.entry
    if entry.type != EntryType.TRANSFER:
        return []
    try:
        receipt = transfers.receipt(
            db.session(), account_ids=[entry.account_id], event_id=story.line.event.id
        )
    except transfers.TransferNotFound:
        return []
    out = receipt.direction != Direction.IN
    other = receipt.recipient if out else receipt.sender
    href = url_for("member.transfer", transfer_id=receipt.id)
    return [
        Fact(_("Sent to") if out else _("Received from"), other.display),
        Fact(_("Receipt"), _("See the receipt"), href),
    ]


def _voucher(story: Story, vouchers: voucher_words.Vouchers) -> list[Fact]:
    """The way to the voucher that the points became, or came back from."""
    found = vouchers.get(voucher_words.paid_by(story.line.entry))
    if found is None:
        return []
    href = url_for("member.voucher", voucher_id=found.id)
    return [Fact(_("Voucher"), found.reward_name, href)]


def _paid(story: Story, receipt: Receipt | None) -> list[Fact]:
    """What points paid of the order, and what of it was returned."""
    facts = []
    spending = story.line.spending
    if spending is not None and spending.value is not None and spending.currency is not None:
        facts.append(Fact(_("The points paid"), money(spending.value, spending.currency)))
    if receipt is None:
        return facts
    order = receipt.order
    if spending is None and order.points_paid_value:
        facts.append(Fact(_("Paid with points"), money(order.points_paid_value, order.currency)))
    if order.refunded:
        returned = money(order.refunded, order.currency)
        facts.append(Fact(_("Returned since"), returned))
    return facts


def _reasons(program: Program, story: Story, receipt: Receipt | None) -> list[Reason]:
    """Why this credit has so many points, as it was kept when it was earned."""
    entry, event = story.line.entry, story.line.event
    if receipt is None or entry.type != EntryType.EARN or entry.amount <= 0:
        return []
    if event.reason == "split_reward":
        found = receipt.rewards
    else:
        found = _of_credit(receipt.earned, entry.category, entry.amount)
    return [
        Reason(
            steps=why.explanation.split("; "),
            amount=points(why.points, program),
            note=_waiting(program, why),
        )
        for why in found
    ]


def _of_credit(earned: tuple[Why, ...], category: Category, amount: int) -> tuple[Why, ...]:
    """Of all that an order earned, what this credit is made of."""
    together: dict[tuple[datetime | None, str | None], list[Why]] = {}
    for why in earned:
        together.setdefault((why.available_from, why.trigger), []).append(why)
    for (available_from, trigger), whys in together.items():
        waits = Category.REGULAR
        if trigger is not None:
            waits = Category.TRIGGER_BASED
        elif available_from is not None:
            waits = Category.PROMISED
        if waits == category and sum(why.points for why in whys) == amount:
            return tuple(whys)
    return earned


def _waiting(program: Program, why: Why) -> str | None:
    # What it waits for otherwise is part of its sentence.
    if why.available_from is not None:
        return _("From %(day)s", day=day(program.local_date(why.available_from)))
    return None


def _bought(receipt: Receipt | None) -> list[Bought]:
    if receipt is None:
        return []
    order = receipt.order
    return [
        Bought(
            name=line.sku or line.category or _("Something"),
            note=_line_note(line.category if line.sku else None, line.quantity),
            amount=money(line.value, order.currency),
        )
        for line in order.lines
    ]


def _line_note(category: str | None, quantity: int) -> str | None:
    said = [category] if category else []
    if quantity != 1:
        said.append(f"× {quantity}")
    return ", ".join(said) or None


def _of_order(story: Story, receipt: Receipt | None, programs_of: dict[str, Program]) -> Part:
    """What else the order did to this member's points, each way linked."""
    rows = []
    for sibling in receipt.siblings if receipt else ():
        entry_id = ledger.entry_id(sibling.account_id, sibling.sequence)
        if entry_id == story.line.entry.id:
            continue
        program = programs_of[sibling.account_id]
        when = day(program.local_date(sibling.occurred_at))
        rows.append(
            PartRow(
                _sibling(sibling),
                wording.signed(program, sibling.amount),
                wording.href(entry_id),
                note=when,
            )
        )
    return Part(_("What else this order did"), rows)


def _sibling(sibling: Sibling) -> str:
    if sibling.event_name == EventName.RETURN_BILL:
        return _("Taken back after a return")
    if sibling.event_name == EventName.REDEMPTION_REVERSAL:
        return _("Given back after a return")
    if sibling.event_name == EventName.HOLD_RELEASED:
        return _("Came back, the payment was not completed")
    if sibling.type == EntryType.REDEEM:
        return _("Paid with points")
    if sibling.category != Category.REGULAR:
        return _("Promised")
    return _("Earned")


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
