"""A member's history: every movement in plain words, filtered, each opening to its story."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

from flask import Response, request, url_for

from portal import clock, ledger
from portal.ledger import Category, EntryType, HistoryLine, HistoryPage, PendingLine
from portal.ledger.errors import InvalidCursor
from portal.programs import Program
from portal.web import htmx, policy, rendering
from portal.web.extensions import db
from portal.web.formatting import day, points
from portal.web.member import holdings, stories, voucher_words, wording
from portal.web.member.blueprint import blueprint
from portal.web.member.holdings import Chosen
from portal.web.member.voucher_words import Vouchers
from portal.web.member.wording import gettext as _
from portal.web.member.wording import ngettext

PAGE_LINES = 20


@dataclass(frozen=True, slots=True)
class Option:
    """One choice of a filter."""

    value: str
    text: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Filters:
    """What the form asks for, as it was typed and as it was understood."""

    types: list[Option]
    categories: list[Option]
    from_text: str
    to_text: str
    today: str
    asked: dict[str, Any] = field(default_factory=dict)
    """For the ledger's history; empty where nothing was asked for."""
    wrong: list[str] = field(default_factory=list)

    @property
    def active(self) -> bool:
        """Whether anything was asked for."""
        return bool(self.asked or self.wrong)

    @property
    def more_open(self) -> bool:
        """Whether the second part of the form is in use."""
        return bool(self.from_text or self.to_text or "category" in self.asked)


@dataclass(frozen=True, slots=True)
class Badge:
    """What must be said of a movement beside its sentence."""

    text: str
    kind: str = "plain"


@dataclass(frozen=True, slots=True)
class Line:
    """One movement as the list shows it; without ``href`` it is not booked yet."""

    sentence: str
    icon: str
    tone: str
    amount: str
    balance: str
    day: date
    time: str
    href: str | None = None
    badges: list[Badge] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where this history stands: a member's own, or a household's."""

    page: str
    download: str
    values: dict[str, Any] = field(default_factory=dict)

    def list(self, **asked: Any) -> str:
        """The page, with these filters."""
        return url_for(self.page, **self.values, **asked)

    def csv(self, **asked: Any) -> str:
        """The file, with these filters."""
        return url_for(self.download, **self.values, **asked)


@dataclass(frozen=True, slots=True)
class Day:
    """The movements of one day. ``goes_on``: its heading stands on the page above."""

    title: str
    lines: list[Line]
    goes_on: bool


@blueprint.get("/history")
@policy.allow(policy.member)
def history() -> Response:
    """The list; for htmx the list alone, or only what comes below it."""
    chosen = holdings.choose()
    if chosen is None:
        return rendering.page("member/no_account.html")
    return _show(chosen, Addresses("member.history", "member.history_csv"))


@blueprint.get("/households/<household_id>/history")
@policy.allow(policy.member)
def household_history(household_id: str) -> Response:
    """The same of a household's account, for those who are in it."""
    chosen = holdings.choose_purse(household_id)
    return _show(
        chosen,
        Addresses(
            "member.household_history",
            "member.household_history_csv",
            {"household_id": household_id},
        ),
    )


def _show(chosen: Chosen, addresses: Addresses) -> Response:
    program, at = chosen.program, clock.now()
    filters = understood(program, at)
    cursor = request.args.get("cursor")
    found = _read(chosen, filters, at, cursor)
    lines = _lines(program, found, at)
    adding = cursor is not None and htmx.wants_fragment()
    asked_again = _asked_again()
    older: dict[str, Any] = {**asked_again, "cursor": found.next_cursor}
    return rendering.page(
        "member/history.html",
        "member/_more.html" if adding else "member/_lines.html",
        program=program,
        holdings=chosen.places,
        filters=filters,
        days=_days(lines, program.local_date(at), request.args.get("after") if adding else None),
        older_href=addresses.list(**older) if found.next_cursor else None,
        older_more_href=addresses.list(**older, after=lines[-1].day.isoformat())
        if found.next_cursor
        else None,
        list_href=addresses.list(),
        csv_href=addresses.csv(**asked_again),
        clear_href=addresses.list(program=request.args.get("program")),
        household_id=addresses.values.get("household_id"),
        said=_said(found),
    )


@blueprint.get("/history/<entry_id>")
@policy.allow(policy.member)
def story(entry_id: str) -> Response:
    """One movement with its story; somebody else's is not found, like one that never was."""
    told, program = stories.tell(entry_id, clock.now())
    return rendering.page("member/story.html", "member/_story.html", program=program, story=told)


def _read(chosen: Chosen, filters: Filters, at: datetime, cursor: str | None) -> HistoryPage:
    if filters.wrong:
        return HistoryPage(lines=(), pending=(), next_cursor=None)
    options = {
        "account_id": chosen.account.id,
        "merged": chosen.lineage,
        "at": at,
        "limit": PAGE_LINES,
        **filters.asked,
    }
    try:
        return ledger.history(db.session(), cursor=cursor, **options)
    except InvalidCursor:
        # An address that was cut short: the newest page is better than a refusal.
        return ledger.history(db.session(), **options)


def understood(program: Program, at: datetime) -> Filters:
    """What the address asks for."""
    types = [type for type in EntryType if type.value in request.args.getlist("type")]
    category = request.args.get("category", "")
    asked: dict[str, Any] = {}
    wrong: list[str] = []
    if types:
        asked["types"] = types
    if category in set(Category):
        asked["category"] = Category(category)
    since, until = _date("from", wrong), _date("to", wrong)
    if since and until and since > until:
        wrong.append(_("The first day comes after the last one. Please change one of them."))
    elif since or until:
        asked |= _span(program, since, until)
    return Filters(
        types=[
            Option(type.value, str(name), type in types)
            for type, name in wording.TYPE_NAMES.items()
        ],
        categories=[
            Option("", _("All"), not category),
            *(
                Option(each.value, str(name), each.value == category)
                for each, name in wording.CATEGORY_NAMES.items()
            ),
        ],
        from_text=since.isoformat() if since else "",
        to_text=until.isoformat() if until else "",
        today=program.local_date(at).isoformat(),
        asked=asked,
        wrong=wrong,
    )


def _date(name: str, wrong: list[str]) -> date | None:
    text = request.args.get(name, "").strip()
    if not text:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        wrong.append(_("This is not a date: %(text)s", text=text[:40]))
        return None
    if not 1900 <= found.year <= 2999:
        wrong.append(_("This date is too far away: %(text)s", text=text[:40]))
        return None
    return found


def _span(program: Program, since: date | None, until: date | None) -> dict[str, datetime]:
    span = {}
    if since:
        span["occurred_from"] = program.expires_on(since - timedelta(days=1))
    if until:
        span["occurred_to"] = program.expires_on(until)
    return span


def _asked_again() -> dict[str, Any]:
    """The filters as an address says them, for links that keep them."""
    kept: dict[str, Any] = {}
    for name in ("program", "type", "category", "from", "to"):
        values = [value for value in request.args.getlist(name) if value]
        if values:
            kept[name] = values
    return kept


def _lines(program: Program, found: HistoryPage, at: datetime) -> list[Line]:
    vouchers = voucher_words.behind(found.lines, at)
    return [
        *(_pending(program, due) for due in found.pending),
        *(_booked(program, line, at, vouchers) for line in found.lines),
    ]


def _pending(program: Program, due: PendingLine) -> Line:
    words = voucher_words.describe(program, due)
    return Line(
        sentence=words.sentence,
        icon=words.icon,
        tone=words.tone,
        amount=wording.signed(program, due.amount),
        balance=_balance(program, due),
        day=program.local_date(due.occurred_at),
        time=wording.clock_time(program, due.occurred_at),
        badges=[Badge(_("Being booked"), "warn")],
    )


def _booked(program: Program, line: HistoryLine, at: datetime, vouchers: Vouchers) -> Line:
    entry = line.entry
    words = voucher_words.describe_line(program, line, at, vouchers)
    return Line(
        sentence=words.sentence,
        icon=words.icon,
        tone=words.tone,
        amount=wording.signed(program, entry.amount),
        balance=_balance(program, entry),
        day=program.local_date(entry.occurred_at),
        time=wording.clock_time(program, entry.occurred_at),
        href=wording.href(entry.id),
        badges=_badges(program, line, at),
    )


def _badges(program: Program, line: HistoryLine, at: datetime) -> list[Badge]:
    entry = line.entry
    badges = []
    if wording.hold_end(line.spending, at) is not None and not voucher_words.concerns(line):
        badges.append(Badge(_("Not paid yet"), "warn"))
    if entry.category != Category.REGULAR:
        badges.append(Badge(str(wording.CATEGORY_NAMES[entry.category]), "info"))
    recorded = program.local_date(entry.recorded_at)
    if entry.late and recorded != program.local_date(entry.occurred_at):
        badges.append(Badge(_("Recorded on %(day)s", day=day(recorded))))
    if line.reversed_by:
        badges.append(Badge(_("Taken back later") if entry.amount > 0 else _("Given back later")))
    return badges


def _balance(program: Program, entry: Any) -> str:
    total = points(entry.balance_after, program)
    if entry.category == Category.REGULAR:
        return _("Balance %(points)s", points=total)
    return _("Waiting %(points)s", points=total)


def _days(lines: list[Line], today: date, after: str | None) -> list[Day]:
    return [
        Day(
            title=wording.day_title(when, today),
            lines=list(together),
            goes_on=index == 0 and when.isoformat() == after,
        )
        for index, (when, together) in enumerate(groupby(lines, key=lambda line: line.day))
    ]


def _said(found: HistoryPage) -> str:
    count = len(found.lines) + len(found.pending)
    if not count:
        return _("No movements")
    if found.next_cursor:
        return ngettext(
            "%(num)d movement, and older ones", "%(num)d movements, and older ones", count
        )
    return ngettext("%(num)d movement", "%(num)d movements", count)
