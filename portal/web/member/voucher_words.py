"""Vouchers in words: until when, what became of them, and what they did to the points."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

from portal import rewards
from portal.ledger import EntryView, EventName, HistoryLine, PendingLine
from portal.programs import Program
from portal.rewards import Kind, OnLapse, Reward, Text, VoucherStatus, VoucherView, Wording
from portal.web.extensions import db
from portal.web.formatting import day, points
from portal.web.member import wording
from portal.web.member.wording import gettext as _
from portal.web.member.wording import ngettext

SOON_DAYS = 7


def last_day(reward: Reward, program: Program, at: datetime) -> date:
    """The last day of a voucher that is issued at ``at``."""
    return program.local_date(at) + timedelta(days=reward.voucher_days)


def message(program: Program, kind: Kind) -> Wording:
    """Makes the message about a new voucher, in the language of this page."""

    def issued(voucher: VoucherView, last: str) -> Text:
        if kind is Kind.DONATION:
            return Text(
                subject=_("Thank you: %(reward)s", reward=voucher.reward_name),
                body=_(
                    "Your points went to %(reward)s. Thank you. If it was not you, tell us.",
                    reward=voucher.reward_name,
                ),
            )
        return Text(
            subject=_("Your voucher: %(reward)s", reward=voucher.reward_name),
            body=_(
                "Your voucher for %(reward)s (%(program)s) is ready. You can use it through "
                "%(day)s. Sign in to show its code. If it was not you, cancel it there and "
                "tell us.",
                reward=voucher.reward_name,
                program=program.name,
                day=day(date.fromisoformat(last)),
            ),
        )

    return issued


def until(program: Program, voucher: VoucherView, at: datetime) -> tuple[str, str | None]:
    """Until when an open voucher can be used, and how soon that is where it is soon."""
    if voucher.expires_at is None:
        return "", None
    last = program.last_day(voucher.expires_at)
    left = (last - program.local_date(at)).days
    if left > SOON_DAYS:
        return day(last), None
    return day(last), (
        _("Last day today")
        if left <= 0
        else ngettext("%(num)d day left", "%(num)d days left", left)
    )


def became(program: Program, voucher: VoucherView, at: datetime) -> str:
    """What became of a voucher, and when."""
    today = program.local_date(at)

    def when(instant: datetime | None) -> str:
        return wording.short_day(program.local_date(instant), today) if instant else ""

    match voucher.status:
        case VoucherStatus.USED if voucher.kind is Kind.DONATION:
            return _("Given · %(day)s", day=when(voucher.issued_at))
        case VoucherStatus.USED if voucher.store:
            return _("Used at %(store)s · %(day)s", store=voucher.store, day=when(voucher.used_at))
        case VoucherStatus.USED:
            return _("Used · %(day)s", day=when(voucher.used_at))
        case VoucherStatus.CANCELLED:
            return _("Cancelled, points returned · %(day)s", day=when(voucher.cancelled_at))
        case VoucherStatus.LAPSED:
            ended = (
                wording.short_day(program.last_day(voucher.expires_at), today)
                if voucher.expires_at
                else ""
            )
            if voucher.on_lapse is OnLapse.RETURN:
                return _("Not used in time, points returned · %(day)s", day=ended)
            return _("Not used in time · %(day)s", day=ended)
        case _:
            return _("Ready to use")


# -- movements ------------------------------------------------------------------

Vouchers = Mapping[str, VoucherView]
"""Vouchers by the movement that paid for them."""

_MOVEMENTS = (EventName.VOUCHER_ISSUED, EventName.VOUCHER_CANCELLED, EventName.VOUCHER_LAPSED)


def behind(lines: Iterable[HistoryLine], at: datetime) -> Vouchers:
    """The vouchers behind movements, by the movement that paid for them.

    One statement, and none where no movement is of a voucher.
    """
    entry_ids = {paid_by(line.entry) for line in lines if concerns(line)}
    if not entry_ids:
        return {}
    return rewards.of_entries(db.session(), entry_ids=entry_ids, at=at)


def concerns(line: HistoryLine) -> bool:
    """Whether a movement is of a voucher."""
    return line.event.name in _MOVEMENTS


def paid_by(entry: EntryView) -> str:
    """The movement that paid for the voucher which a movement is about."""
    return entry.reverses or entry.id


def describe_line(
    program: Program,
    line: HistoryLine,
    at: datetime,
    vouchers: Vouchers | None = None,
) -> wording.Words:
    """What a booked movement was, with the reward's name where it is known."""
    if not concerns(line):
        return wording.describe_line(program, line, at)
    found = (vouchers or {}).get(paid_by(line.entry))
    name = found.reward_name if found else line.event.metadata.get("reward_name")
    donation = found is not None and found.kind is Kind.DONATION
    return _moved(program, line.entry, line.event.name, name, donation=donation)


def describe(program: Program, due: PendingLine) -> wording.Words:
    """What a movement is that is due and not booked yet."""
    if due.name not in _MOVEMENTS:
        return wording.describe(program, due)
    return _moved(program, due, due.name, None)


def _moved(
    program: Program,
    entry: EntryView | PendingLine,
    event: str,
    name: str | None,
    *,
    donation: bool = False,
) -> wording.Words:
    amount = points(abs(entry.amount), program)
    tone = "in" if entry.amount > 0 else "out"
    reward = name or _("a voucher")
    match event:
        case EventName.VOUCHER_ISSUED if donation:
            sentence, title = _("Gave %(amount)s to %(reward)s", amount=amount, reward=reward), name
        case EventName.VOUCHER_ISSUED:
            sentence = _("Turned %(amount)s into %(reward)s", amount=amount, reward=reward)
            title = name or _("Turned into a voucher")
        case EventName.VOUCHER_CANCELLED:
            sentence = (
                _("Got %(amount)s back: %(reward)s was cancelled", amount=amount, reward=name)
                if name
                else _("Got %(amount)s back: a voucher was cancelled", amount=amount)
            )
            title = _("Voucher cancelled")
        case _:
            sentence = (
                _(
                    "Got %(amount)s back: %(reward)s was not used in time",
                    amount=amount,
                    reward=name,
                )
                if name
                else _("Got %(amount)s back: a voucher was not used in time", amount=amount)
            )
            title = _("Voucher not used in time")
    if name and event != EventName.VOUCHER_ISSUED:
        title = f"{title}: {name}"
    icon = ("heart" if donation else "ticket") if entry.amount < 0 else "undo"
    return wording.Words(sentence=sentence, title=title or sentence, icon=icon, tone=tone)
