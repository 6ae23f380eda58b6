"""A member's home: what they have, what goes when, what comes, and what happened last.

Eight statements, however long the history: the session, the accounts, the
programs, the card with the place on the ladder, and one each for the lots, the
course, the last lines and the rewards; a few more only when something is due
and not booked yet.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from babel.dates import format_date, format_skeleton
from flask import Response
from markupsafe import Markup

from portal import clock, rewards
from portal.ledger import Category, EventName, HistoryLine, Position
from portal.ledger.overview import course, last_lines
from portal.ledger.queries import position_of
from portal.orders.showing import card_and_standing
from portal.programs import Program
from portal.web import policy, rendering
from portal.web.auth import member
from portal.web.extensions import db
from portal.web.formatting import day, number, points
from portal.web.member import charts, drawing, holdings, ladder, offers, voucher_words, wording
from portal.web.member.blueprint import blueprint
from portal.web.member.card import drawn
from portal.web.member.wording import gettext as _
from portal.web.member.wording import ngettext

LAST_LINES = 5
COURSE_MONTHS = 12
COURSE_STEPS = 26
SOON_DAYS = 30
EXPIRY_MONTHS_MAX = 12
EXPIRY_ROWS = 5


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a small table."""

    text: str
    amount: str
    note: str | None = None
    soon: str | None = None


@dataclass(frozen=True, slots=True)
class HeroLine:
    """A sentence under the balance."""

    icon: str
    text: str


@dataclass(frozen=True, slots=True)
class Have:
    """The balance, large, and what must be said with it."""

    title: str
    number: str
    unit: str
    worth: str | None
    lines: list[HeroLine]


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its chart or its headline."""

    rows: list[Row]
    total: str = ""
    headline: str = ""
    later: list[Row] = field(default_factory=list)
    """What stands behind "show all"."""
    chart: Markup | None = None
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Brief:
    """One of the last movements."""

    title: str
    day: str
    amount: str
    icon: str
    tone: str
    href: str | None
    pending: bool = False


@blueprint.get("/home")
@policy.allow(policy.member)
def home() -> Response:
    """The page a member comes to."""
    chosen = holdings.choose()
    if chosen is None:
        return rendering.page("member/no_account.html")
    session, at = db.session(), clock.now()
    program, account = chosen.program, chosen.account
    position = position_of(session, account=account, at=at)
    lines = last_lines(session, account_ids=chosen.lineage, limit=LAST_LINES)
    card_number, standing = card_and_standing(
        session,
        customer_id=member().customer_id,
        program=program,
        position=position,
        lineage=chosen.lineage,
        at=at,
    )
    found = rewards.catalogue(
        session,
        program=program,
        account=account,
        balance=max(0, position.balance),
        tier=standing.tier.id if standing.tier else None,
        at=at,
    )
    return rendering.page(
        "member/home.html",
        program=program,
        holdings=chosen.places,
        have=_have(program, position, lines),
        promised=_promised(program, position, at),
        tier=ladder.shown(program, standing),
        last=_last(program, position, lines, at),
        expiry=_expiry(program, position, at),
        no_expiry=_no_expiry(program, position),
        course=_course(program, position, at),
        reward=offers.nearest(program, found, max(0, position.balance)),
        mark=drawing.qr(card_number or account.external_id or account.id),
        card=drawn(card_number, account, member().first_name or ""),
    )


def _have(program: Program, position: Position, lines: Sequence[HistoryLine]) -> Have:
    said: list[HeroLine] = []
    if position.debt:
        said.append(
            HeroLine("info", wording.in_debt(program, position.debt, _cause_of_debt(lines)))
        )
    next_dates = _by_day(program, position)
    if next_dates:
        last_day, amount = next_dates[0]
        said.append(
            HeroLine("hourglass", wording.expiring(program, amount, last_day))
            if last_day is not None
            else HeroLine("check", _("Nothing of this expires."))
        )
    figure, unit = wording.split(program, position.balance)
    return Have(
        title=_("Your balance") if position.debt else _("You have"),
        number=figure,
        unit=unit,
        worth=wording.worth(program, position.balance),
        lines=said,
    )


def _cause_of_debt(lines: Sequence[HistoryLine]) -> EventName | None:
    """The event that took the account below zero, if it is among the last."""
    cause = None
    for line in lines:
        if line.entry.category != Category.REGULAR:
            continue
        if line.entry.balance_after >= 0:
            break
        if line.entry.amount < 0:
            cause = EventName(line.event.name)
    return cause


def _by_day(program: Program, position: Position) -> list[tuple[date | None, int]]:
    """How much goes with each last day, soonest first; None: what never goes, last."""
    together: dict[date | None, int] = {}
    for deadline in position.deadlines:
        last = program.last_day(deadline.expires_at) if deadline.expires_at else None
        together[last] = together.get(last, 0) + deadline.points
    return list(together.items())


def _expiry(program: Program, position: Position, at: datetime) -> Table | None:
    dates = _by_day(program, position)
    if not dates:
        return None
    today = program.local_date(at)
    rows = []
    for last_day, amount in dates:
        if last_day is None:
            rows.append(Row(_("Never expires"), points(amount, program)))
            continue
        left = (last_day - today).days
        soon = None
        if left <= SOON_DAYS:
            soon = _("today") if left <= 0 else ngettext("in %(num)d day", "in %(num)d days", left)
        rows.append(Row(day(last_day), points(amount, program), soon=soon))
    first = rows if len(rows) <= EXPIRY_ROWS + 1 else rows[:EXPIRY_ROWS]
    return Table(
        rows=first,
        later=rows[len(first) :],
        total=points(position.balance, program),
        chart=_expiry_chart(program, dates) if len(dates) > 1 else None,
    )


def _expiry_chart(program: Program, dates: Sequence[tuple[date | None, int]]) -> Markup:
    first = next((last_day for last_day, _amount in dates if last_day is not None), None)
    columns: dict[str, int] = {}
    if first is not None:
        last = max(last_day for last_day, _amount in dates if last_day is not None)
        months = (last.year - first.year) * 12 + last.month - first.month + 1
        for ahead in range(min(months, EXPIRY_MONTHS_MAX)):
            columns[_month(_months_after(first, ahead), months)] = 0
        for last_day, amount in dates:
            if last_day is None:
                continue
            ahead = (last_day.year - first.year) * 12 + last_day.month - first.month
            label = _month(last_day, months) if ahead < EXPIRY_MONTHS_MAX else _("Later")
            columns[label] = columns.get(label, 0) + amount
    never = sum(amount for last_day, amount in dates if last_day is None)
    if never:
        columns[_("Never")] = never
    return charts.column_chart(
        list(columns.items()),
        words=charts.Words(
            id="expiry-chart",
            title=_("How much expires in each month"),
            description="; ".join(
                f"{label}: {points(amount, program)}" for label, amount in columns.items() if amount
            ),
        ),
        amount=lambda amount: number(amount, program),
    )


def _month(when: date, months: int) -> str:
    # Within a year a month's name is enough, and each name comes once.
    if months <= EXPIRY_MONTHS_MAX:
        return str(format_date(when, "MMM", locale=wording.language()))
    return str(format_date(when, "MMM yy", locale=wording.language()))


def _months_after(when: date, months: int) -> date:
    years, month = divmod(when.month - 1 + months, 12)
    return date(when.year + years, month + 1, 1)


def _no_expiry(program: Program, position: Position) -> str:
    if position.debt:
        return _("Nothing can expire while you are below zero.")
    return _(
        "Nothing to expire: you have no %(unit)s to spend at the moment.", unit=program.unit.other
    )


def _promised(program: Program, position: Position, at: datetime) -> Table | None:
    if not position.maturing:
        return None
    rows = [
        Row(
            _("From %(day)s", day=day(program.local_date(coming.available_from)))
            if coming.available_from
            else wording.waits_for(program, coming.trigger)
            if coming.trigger
            else _("When the shop confirms it"),
            points(coming.points, program),
            note=wording.expires_on(program, coming.expires_at),
        )
        for coming in position.maturing
    ]
    first = next((coming for coming in position.maturing if coming.available_from), None)
    total = points(position.promised, program)
    if first is not None and first.available_from is not None:
        when = wording.short_day(program.local_date(first.available_from), program.local_date(at))
        headline = (
            _("%(points)s promised from %(day)s", points=total, day=when)
            if len(position.maturing) == 1
            else _("%(points)s promised, the first from %(day)s", points=total, day=when)
        )
    else:
        headline = _("%(points)s promised to you", points=total)
    return Table(rows=rows, total=total, headline=headline)


def _last(
    program: Program, position: Position, lines: Sequence[HistoryLine], at: datetime
) -> list[Brief]:
    briefs = []
    for due in position.pending:
        if due.category != Category.REGULAR and due.amount < 0:
            continue
        words = voucher_words.describe(program, due)
        briefs.append(
            Brief(
                title=words.title,
                day=wording.short_day(program.local_date(due.occurred_at), program.local_date(at)),
                amount=wording.signed(program, due.amount),
                icon=words.icon,
                tone=words.tone,
                href=None,
                pending=True,
            )
        )
    for line in lines:
        words = voucher_words.describe_line(program, line, at)
        briefs.append(
            Brief(
                title=words.title,
                day=wording.short_day(
                    program.local_date(line.entry.occurred_at), program.local_date(at)
                ),
                amount=wording.signed(program, line.entry.amount),
                icon=words.icon,
                tone=words.tone,
                href=wording.href(line.entry.id),
            )
        )
    return briefs[:LAST_LINES]


def _course(program: Program, position: Position, at: datetime) -> Table | None:
    instants = _course_instants(program, at)
    balances = course(db.session(), position=position, instants=instants)
    readings = list(zip(instants, balances, strict=True))
    while len(readings) > 1 and readings[0][1] == readings[1][1] == 0:
        readings.pop(0)
    if len(readings) < 2:
        return None
    lowest, highest = min(balances), max(balances)
    began = day(program.local_date(readings[0][0]))
    summary = _(
        "From %(low)s to %(high)s since %(day)s; now %(now)s.",
        low=points(lowest, program),
        high=points(highest, program),
        day=began,
        now=points(position.balance, program),
    )
    chart = charts.balance_chart(
        readings,
        words=charts.Words(
            id="balance-chart",
            title=_("Your balance over the last twelve months"),
            description=summary,
        ),
        amount=lambda amount: number(amount, program),
        day=_axis_day(program, readings[-1][0] - readings[0][0]),
    )
    # Each reading is the first instant of a day; the balance is the day before's closing one.
    rows = [
        Row(day(program.last_day(when)), points(balance, program))
        for when, balance in readings[:-1]
        if program.local_date(when).day == 1
    ]
    rows.append(Row(_("Today"), points(position.balance, program)))
    return Table(rows=rows[::-1], chart=chart, summary=summary)


def _axis_day(program: Program, span: timedelta) -> Callable[[datetime], str]:
    language = wording.language()
    skeleton = "yMMM" if span > timedelta(days=120) else "MMMd"
    return lambda when: str(
        format_skeleton(skeleton, when.astimezone(program.timezone), locale=language)
    )


def _course_instants(program: Program, at: datetime) -> list[datetime]:
    """The first instants of the last months and their middles, and now."""
    today = program.local_date(at)
    instants = []
    for back in range(COURSE_MONTHS, -1, -1):
        month = _months_after(date(today.year - 1, today.month, 1), COURSE_MONTHS - back)
        for start in (month, month + timedelta(days=14)):
            instant = program.expires_on(start - timedelta(days=1))
            if instant < at:
                instants.append(instant)
    return [*instants[-(COURSE_STEPS - 1) :], at]
