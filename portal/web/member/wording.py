"""Plain words for what the book says. Sentences only: what is shown where is the views' affair."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import flask_babel
from babel.dates import format_skeleton, format_time
from flask import url_for
from flask_babel import get_locale, lazy_gettext
from flask_babel.speaklater import LazyString

from portal.ledger import (
    Category,
    EntryType,
    EntryView,
    EventName,
    EventView,
    HistoryLine,
    PendingLine,
    RedemptionStatus,
    Spending,
)
from portal.programs import Program
from portal.web.formatting import day, money, number, points

TYPE_NAMES: dict[EntryType, LazyString] = {
    EntryType.EARN: lazy_gettext("Earned"),
    EntryType.REDEEM: lazy_gettext("Spent"),
    EntryType.EXPIRE: lazy_gettext("Expired"),
    EntryType.REVERSE: lazy_gettext("Reversed"),
    EntryType.ADJUST: lazy_gettext("Corrected"),
    EntryType.TRANSFER: lazy_gettext("Transferred"),
    EntryType.MERGE: lazy_gettext("Merged"),
}
CATEGORY_NAMES: dict[Category, LazyString] = {
    Category.REGULAR: lazy_gettext("Spendable"),
    Category.PROMISED: lazy_gettext("Promised"),
    Category.TRIGGER_BASED: lazy_gettext("Waiting for something"),
}


@dataclass(frozen=True, slots=True)
class Words:
    """A movement in words: a sentence, a few words for tight places, a picture and a tone.

    ``tone``: ``in`` (more to spend), ``out``, ``wait`` (not spendable yet), ``lost``.
    """

    sentence: str
    title: str
    icon: str
    tone: str


def gettext(text: str, /, **values: object) -> str:
    """flask_babel's, with the type it has."""
    return str(flask_babel.gettext(text, **values))


def ngettext(one: str, several: str, count: int, /, **values: object) -> str:
    """flask_babel's, with the type it has."""
    return str(flask_babel.ngettext(one, several, count, **values))


def describe_line(program: Program, line: HistoryLine, at: datetime) -> Words:
    """What a booked movement was; a redemption that waits for its payment is on hold."""
    words = describe(program, line.entry, line.event)
    if line.spending is None or line.entry.type != EntryType.REDEEM:
        return words
    amount = points(abs(line.entry.amount), program)
    held_until = hold_end(line.spending, at)
    if held_until is not None:
        until = moment_in(program, held_until, at)
        return Words(
            sentence=gettext("%(amount)s on hold until %(time)s", amount=amount, time=until)
            + _where(line.event),
            title=gettext("On hold until %(time)s", time=until),
            icon="lock",
            tone="wait",
        )
    if line.spending.status in (RedemptionStatus.VOIDED, RedemptionStatus.HELD):
        return Words(
            sentence=gettext("%(amount)s were on hold", amount=amount) + _where(line.event),
            title=gettext("Was on hold") + _at_store(line.event),
            icon="lock",
            tone="out",
        )
    return words


def hold_end(spending: Spending | None, at: datetime) -> datetime | None:
    """Until when a redemption waits for its payment; None where it does not."""
    if spending is None or spending.status != RedemptionStatus.HELD:
        return None
    held_until = spending.held_until
    return held_until if held_until is not None and held_until > at else None


def moment_in(program: Program, when: datetime, at: datetime) -> str:
    """``14:35``, or ``21 November, 14:35`` where that is another day than ``at``."""
    time = clock_time(program, when)
    day_then, today = program.local_date(when), program.local_date(at)
    return time if day_then == today else f"{short_day(day_then, today)}, {time}"


def describe(
    program: Program, entry: EntryView | PendingLine, event: EventView | None = None
) -> Words:
    """What a movement was, such as "Earned 42 points at Corner Lisboa, order 1029"."""
    amount = points(abs(entry.amount), program)
    where = _where(event)
    credit = entry.amount > 0
    waiting = entry.category != Category.REGULAR
    name = event.name if event else getattr(entry, "name", "")
    sentence, title, icon = _said(entry, name, amount, event)
    if waiting:
        tone = "wait" if credit else "out"
    elif entry.type == EntryType.EXPIRE:
        tone = "lost"
    else:
        tone = "in" if credit else "out"
    return Words(
        sentence=f"{sentence}{where}", title=f"{title}{_at_store(event)}", icon=icon, tone=tone
    )


def _said(
    entry: EntryView | PendingLine, name: str, amount: str, event: EventView | None
) -> tuple[str, str, str]:
    credit = entry.amount > 0
    waiting = entry.category != Category.REGULAR
    match entry.type, credit:
        case EntryType.EARN, _ if name == EventName.DELAYED_ACCRUAL:
            if waiting:
                return (
                    gettext("%(amount)s are promised no longer: they can be spent", amount=amount),
                    gettext("From promised to spendable"),
                    "clock",
                )
            return (
                gettext("%(amount)s that were promised can be spent now", amount=amount),
                gettext("Promised, now spendable"),
                "clock",
            )
        case EntryType.EARN, True if waiting:
            return (
                gettext("Promised %(amount)s", amount=amount),
                gettext("Promised"),
                "clock",
            )
        case EntryType.EARN, True if name == EventName.CUSTOMER_REGISTRATION:
            return (
                gettext("Welcome: %(amount)s for joining", amount=amount),
                gettext("Welcome gift"),
                "gift",
            )
        case EntryType.EARN, True if name == EventName.DATA_IMPORT and not (event and event.order):
            return (
                gettext("Brought %(amount)s over from before", amount=amount),
                gettext("Brought over from before"),
                "plus",
            )
        case EntryType.EARN, True:
            return gettext("Earned %(amount)s", amount=amount), gettext("Earned"), "bag"
        case EntryType.EARN, False:
            return (
                gettext("%(amount)s are promised no longer", amount=amount),
                gettext("Promised no longer"),
                "minus",
            )
        case EntryType.REDEEM, _:
            return gettext("Spent %(amount)s", amount=amount), gettext("Spent"), "gift"
        case EntryType.EXPIRE, _:
            return gettext("%(amount)s expired", amount=amount), gettext("Expired"), "hourglass"
        case EntryType.REVERSE, True if name == EventName.HOLD_RELEASED:
            return (
                gettext("%(amount)s came back: the payment was not completed", amount=amount),
                gettext("Came back"),
                "undo",
            )
        case EntryType.REVERSE, True:
            return (
                gettext("Got %(amount)s back", amount=amount),
                gettext("Given back"),
                "undo",
            )
        case EntryType.REVERSE, False if name == EventName.RETURN_BILL:
            return (
                gettext("%(amount)s taken back after a return", amount=amount),
                gettext("Taken back after a return"),
                "undo",
            )
        case EntryType.REVERSE, False:
            return (
                gettext("%(amount)s taken back", amount=amount),
                gettext("Taken back"),
                "undo",
            )
        case EntryType.ADJUST, True:
            return (
                gettext("%(amount)s added by the shop", amount=amount),
                gettext("Added by the shop"),
                "edit",
            )
        case EntryType.ADJUST, False:
            return (
                gettext("%(amount)s taken off by the shop", amount=amount),
                gettext("Taken off by the shop"),
                "edit",
            )
        case EntryType.TRANSFER, True:
            return gettext("Received %(amount)s", amount=amount), gettext("Received"), "swap"
        case EntryType.TRANSFER, False:
            return gettext("Sent %(amount)s", amount=amount), gettext("Sent"), "swap"
        case EntryType.MERGE, True:
            return (
                gettext("%(amount)s came over from your other account", amount=amount),
                gettext("From your other account"),
                "swap",
            )
        case _:
            return (
                gettext("%(amount)s moved to your other account", amount=amount),
                gettext("To your other account"),
                "swap",
            )


def _at_store(event: EventView | None) -> str:
    if event is None or event.store is None:
        return ""
    return " " + gettext("at %(store)s", store=event.store)


def _where(event: EventView | None) -> str:
    order = event.order if event else None
    store = _at_store(event)
    return store + (", " + gettext("order %(number)s", number=order.number) if order else "")


def waits_for(program: Program, trigger: str) -> str:
    """What trigger-based points wait for, as the program calls it."""
    rule = next((rule for rule in program.ruleset.triggers if rule.trigger == trigger), None)
    name = rule.name if rule is not None and rule.name else trigger.replace("_", " ")
    return gettext("Waiting for %(what)s", what=name)


def who(actor: str) -> str:
    """Who did it, without a name: ``member:cus_…`` is "You"."""
    kind = actor.partition(":")[0]
    names = {
        "member": gettext("You"),
        "key": gettext("The till or the web shop"),
        "staff": gettext("Somebody of the shop"),
        "import": gettext("Taken over from earlier records"),
        "command": gettext("The shop"),
        "system": gettext("By itself, as the program's rules say"),
    }
    return names.get(kind, gettext("The shop"))


def expiring(program: Program, amount: int, last_day: date) -> str:
    """Such as "120 points expire on 30 November 2026"."""
    return ngettext(
        "%(points)s expires on %(day)s",
        "%(points)s expire on %(day)s",
        _count(program, amount),
        points=points(amount, program),
        day=day(last_day),
    )


def expires_on(program: Program, expires_at: datetime | None) -> str:
    """Until when a lot can be spent, in a few words."""
    if expires_at is None:
        return gettext("never expires")
    return gettext("usable through %(day)s", day=day(program.last_day(expires_at)))


def in_debt(program: Program, debt: int, cause: EventName | None) -> str:
    """A debt, said kindly. ``cause``: the event that made it, where that is known."""
    amount = points(debt, program)
    if cause == EventName.RETURN_BILL:
        return gettext(
            "You are %(amount)s below zero after a refund; what you earn next settles this first.",
            amount=amount,
        )
    if cause == EventName.MANUAL_ADJUSTMENT:
        return gettext(
            "You are %(amount)s below zero after a correction; "
            "what you earn next settles this first.",
            amount=amount,
        )
    return gettext(
        "You are %(amount)s below zero; what you earn next settles this first.", amount=amount
    )


def worth(program: Program, balance: int) -> str | None:
    """Such as "worth €12.40"; None where that says nothing."""
    value = program.value_of(balance) if balance > 0 else None
    if value is None:
        return None
    said = money(value.amount, value.currency)
    # Credits that are money are worth what they say.
    return None if said == points(balance, program) else gettext("worth %(money)s", money=said)


def _count(program: Program, amount: int) -> int:
    # 1.00 is one, 1.50 and 0.50 are several.
    whole, rest = divmod(amount, 10**program.decimals)
    return whole if not rest else 2


def split(program: Program, amount: int) -> tuple[str, str]:
    """A balance as its figure and its unit apart: ``1,240`` and ``points``; ``€12.50`` and none."""
    figure, whole = number(amount, program), points(amount, program)
    unit = whole.removeprefix(figure).strip()
    return (_minus(figure), unit) if whole.startswith(figure) else (_minus(whole), "")


def signed(program: Program, amount: int) -> str:
    """A movement's amount with its sign and no unit: ``+42``, ``−1.50``."""
    figure = number(abs(amount), program)
    return f"+{figure}" if amount > 0 else f"−{figure}"


def _minus(figure: str) -> str:
    return figure.replace("-", "−", 1)


def short_day(when: date, today: date) -> str:
    """``Today``, ``Yesterday``, ``14 November``, and the year where it is another one."""
    if when == today:
        return gettext("Today")
    if when == today - timedelta(days=1):
        return gettext("Yesterday")
    skeleton = "MMMMd" if when.year == today.year else "yMMMMd"
    return str(format_skeleton(skeleton, when, locale=_day_locale()))


def day_title(when: date, today: date) -> str:
    """A day as a heading: ``Today``, ``Saturday 14 November``, with the year of another year."""
    if when in (today, today - timedelta(days=1)):
        return short_day(when, today)
    skeleton = "MMMMEEEEd" if when.year == today.year else "yMMMMEEEEd"
    return str(format_skeleton(skeleton, when, locale=_day_locale())).replace(",", "")


def clock_time(program: Program, when: datetime, *, seconds: bool = False) -> str:
    """``14:05``, or ``14:05:30``, in the program's zone."""
    pattern = "HH:mm:ss" if seconds else "HH:mm"
    return str(format_time(when, pattern, tzinfo=program.timezone, locale=language()))


def href(entry_id: str) -> str:
    """Where the story of a movement stands."""
    return url_for("member.story", entry_id=entry_id)


def _day_locale() -> str:
    # English without a country means the day before the month, as in formatting.day.
    spoken = language()
    return "en_GB" if spoken == "en" else spoken


def language() -> str:
    """The language of the page, for what libraries must be told."""
    locale = get_locale()
    return str(locale) if locale is not None else "en"
