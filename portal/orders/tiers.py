"""Which tier members stand on, and that they moved.

The tier in force is what :func:`of` computes, at any moment, from the book
and the ladder. A change is recorded as an event with the next purchase,
refund or event of the account.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, String, bindparam, cast, exists, func, insert, or_, select
from sqlalchemy.orm import Session, aliased

from portal import ledger
from portal.ledger.book import AccountBook
from portal.ledger.errors import AccountNotFound
from portal.ledger.models import Account, AccountStatus, Entry, EntryType, EventName
from portal.ledger.posting import Happening, lock, post
from portal.ledger.reading import ACCOUNTS, Shelf
from portal.ledger.values import Facts
from portal.orders.models import TierChange
from portal.programs import calendar
from portal.programs.program import Program, Tier, TierBasis
from portal.programs.tiers import Progress, Reached, decided, progress, tier_points

_CHUNK = 5_000
_ids: BindParameter[Any] = bindparam("ids", expanding=True)
_later = aliased(TierChange)
_LATEST = select(
    TierChange.account_id,
    TierChange.number,
    TierChange.tier,
    TierChange.threshold,
    TierChange.changed_at,
).where(
    TierChange.account_id.in_(_ids),
    TierChange.number
    == select(func.max(_later.number))
    .where(_later.account_id == TierChange.account_id)
    .scalar_subquery(),
)
_ROWS = ACCOUNTS.where(Account.id.in_(_ids))
_back = aliased(Entry)
_YEAR = (
    select(
        Entry.account_id,
        func.sum(Entry.lifetime_delta).label("earned"),
    )
    .where(
        Entry.account_id.in_(_ids),
        Entry.occurred_at > bindparam("since"),
        # A merge brings the whole past at once; its own entries are read instead.
        Entry.type != EntryType.MERGE.value,
    )
    .group_by(Entry.account_id)
)
# What was taken back of what the year brought; a refund of older points takes nothing from it.
_YEAR_BACK = (
    select(Entry.account_id, func.sum(_back.taken_back_delta))
    .join(
        _back,
        _back.reverses
        == "ptx_" + func.substr(Entry.account_id, 5) + "-" + cast(Entry.sequence, String),
    )
    .where(
        Entry.account_id.in_(_ids),
        Entry.occurred_at > bindparam("since"),
        _back.taken_back_delta != 0,
    )
    .group_by(Entry.account_id)
)
_MERGED = select(Account.id, Account.merged_into).where(Account.merged_into.in_(_ids))
# Who never earned enough for the lowest tier is on none, unless they once were.
_CLIMBERS = (
    select(Account.id)
    .where(
        Account.program_id == bindparam("program_id"),
        Account.id > bindparam("after"),
        Account.status != AccountStatus.MERGED.value,
        or_(
            Account.lifetime >= bindparam("lowest"),
            exists().where(TierChange.account_id == Account.id),
        ),
    )
    .order_by(Account.id)
    .limit(bindparam("limit"))
)
_INSERT = insert(TierChange.__table__)  # type: ignore[arg-type]


def _latest(column: Any) -> Any:
    return (
        select(column)
        .where(TierChange.account_id == bindparam("account_id"))
        .order_by(TierChange.number.desc())
        .limit(1)
        .scalar_subquery()
    )


_reached = [
    _latest(column).label(name)
    for name, column in (
        ("tier", TierChange.tier),
        ("threshold", TierChange.threshold),
        ("changed_at", TierChange.changed_at),
        ("number", TierChange.number),
    )
]
_year, _year_back = _YEAR.subquery(), _YEAR_BACK.subquery()
STANDING: dict[TierBasis, Any] = {
    TierBasis.LIFETIME: select(*_reached),
    TierBasis.ROLLING_YEAR: select(
        *_reached,
        select(func.sum(_year.c[1])).scalar_subquery().label("earned"),
        select(func.sum(_year_back.c[1])).scalar_subquery().label("taken_back"),
    ),
}
"""One row of what :func:`standing` reads, for a page that asks for more in the same statement.

Takes :func:`standing_parameters`.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where an account stands on the ladder: its tier, since when, and how far to the next.

    ``since`` is None where the change was not recorded yet. ``number`` counts
    the changes that were.
    """

    account_id: str
    points: int
    tier: Tier | None
    progress: Progress
    since: datetime | None = None
    reached: Reached | None = None
    number: int = field(default=0, compare=False)

    @property
    def recorded(self) -> bool:
        """Whether the tier is the one that was recorded last."""
        return (self.tier.id if self.tier else None) == (
            self.reached.tier_id if self.reached else None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An account moved from one tier to another (None: below the lowest)."""

    account_id: str
    event_id: str
    previous: str | None
    tier: Tier | None
    points: int


def of(session: Session, *, account_id: str, program: Program, at: datetime) -> Standing:
    """Where the account stands at ``at``, points that are due by then included.

    Raises:
        AccountNotFound: there is none by that id.
    """
    if not program.tiers:
        row = ledger.position(session, account_id=account_id, at=at)
        points = tier_points(row.lifetime, row.account.taken_back)
        return Standing(
            account_id=account_id,
            points=points,
            tier=None,
            progress=progress(program, points, None),
        )
    found = standings(session, program=program, account_ids=[account_id], at=at)
    if account_id not in found:
        raise AccountNotFound(account=account_id)
    return found[account_id]


def standings(
    session: Session,
    *,
    program: Program,
    account_ids: Collection[str],
    at: datetime,
    rows: Iterable[dict[str, Any]] | None = None,
) -> dict[str, Standing]:
    """The same for many, in a fixed number of statements for each few thousand.

    Args:
        rows: the accounts' rows, where they were read (and locked) already.
    """
    points = (
        _year_points(session, program, account_ids, at=at)
        if program.tier_basis is TierBasis.ROLLING_YEAR
        else _lifetime_points(session, account_ids, at=at, rows=rows)
    )
    latest: dict[str, Any] = {}
    for chunk in _chunks(account_ids):
        latest |= {row.account_id: row for row in session.execute(_LATEST, {"ids": chunk})}
    keeps = program.tier_basis is TierBasis.LIFETIME
    found: dict[str, Standing] = {}
    for account_id, has in points.items():
        row = latest.get(account_id)
        reached = Reached(tier_id=row.tier, threshold=row.threshold) if row and row.tier else None
        tier = decided(program, has, reached=reached, keeps=keeps)
        standing = Standing(
            account_id=account_id,
            points=has,
            tier=tier,
            progress=progress(program, has, tier),
            since=row.changed_at if row else None,
            reached=reached,
            number=row.number if row else 0,
        )
        found[account_id] = standing
    return found


def standing_parameters(
    program: Program, *, account_id: str, lineage: Sequence[str], at: datetime
) -> dict[str, Any]:
    """What :data:`STANDING` of the program's basis asks about.

    Args:
        lineage: the account and all that were merged into it, ever.
    """
    if program.tier_basis is TierBasis.LIFETIME:
        return {"account_id": account_id}
    return {"account_id": account_id, "ids": list(lineage), "since": _since(program, at)}


def standing(row: Any, *, program: Program, account_id: str, lifetime_points: int) -> Standing:
    """Where an account stands, as a row of :data:`STANDING` says; the same that :func:`of` gives.

    Args:
        lifetime_points: what was earned less what refunds took back, due points included.
    """
    keeps = program.tier_basis is TierBasis.LIFETIME
    points = lifetime_points if keeps else int(row.earned or 0) - int(row.taken_back or 0)
    reached = Reached(tier_id=row.tier, threshold=row.threshold) if row.tier else None
    tier = decided(program, points, reached=reached, keeps=keeps)
    return Standing(
        account_id=account_id,
        points=points,
        tier=tier,
        progress=progress(program, points, tier),
        since=row.changed_at,
        reached=reached,
        number=row.number or 0,
    )


def note(
    session: Session, *, program: Program, account_ids: Collection[str], actor: str, at: datetime
) -> list[Change]:
    """Record for each of these accounts that its tier changed, where it did.

    Called after the ledger posted what may have changed it, in the same
    transaction: the accounts are locked by then.
    """
    if not program.tiers or not account_ids:
        return []
    moved = [
        standing
        for standing in standings(session, program=program, account_ids=account_ids, at=at).values()
        if not standing.recorded
    ]
    if not moved:
        return []
    posted = post(session, [_happening(one, actor=actor) for one in moved], at=at)
    changes = [
        Change(
            account_id=standing.account_id,
            event_id=event.event_id,
            previous=standing.reached.tier_id if standing.reached else None,
            tier=standing.tier,
            points=standing.points,
        )
        for standing, event in zip(moved, posted, strict=True)
    ]
    session.connection().execute(
        _INSERT,
        [
            {
                "account_id": change.account_id,
                "number": standing.number + 1,
                "event_id": change.event_id,
                "previous": change.previous,
                "tier": change.tier.id if change.tier else None,
                "threshold": change.tier.threshold if change.tier else 0,
                "points": change.points,
                "changed_at": at,
            }
            for change, standing in zip(changes, moved, strict=True)
        ],
    )
    return changes


def catch_up(
    session: Session, *, program: Program, at: datetime, after: str = "", limit: int = 500
) -> tuple[list[Change], str | None]:
    """Record changes of tier that time alone brought, for up to ``limit`` accounts.

    Points mature, and by a rolling year they grow too old, without anyone
    buying anything. Reads know that at once; this makes it an event. Settle
    the accounts first.

    Returns:
        the changes, and where to go on (``after``); None when all were seen.
    """
    if not program.tiers:
        return [], None
    ids = list(
        session.scalars(
            _CLIMBERS,
            {
                "program_id": program.id,
                "after": after,
                "lowest": program.tiers[0].threshold,
                "limit": limit,
            },
        )
    )
    if not ids:
        return [], None
    lock(session, ids)
    changes = note(session, program=program, account_ids=ids, actor="system", at=at)
    return changes, ids[-1] if len(ids) == limit else None


def _happening(standing: Standing, *, actor: str) -> Happening:
    tier = standing.tier.id if standing.tier else None
    return Happening(
        facts=Facts(
            name=EventName.TIER_CHANGED,
            actor=actor,
            origin="tier",
            reason=tier,
            metadata={
                "account": standing.account_id,
                "from": standing.reached.tier_id if standing.reached else None,
                "to": tier,
                "points": standing.points,
            },
        ),
        movements=[],
    )


def _lifetime_points(
    session: Session,
    account_ids: Collection[str],
    *,
    at: datetime,
    rows: Iterable[dict[str, Any]] | None,
) -> dict[str, int]:
    if rows is None:
        rows = [
            dict(row)
            for chunk in _chunks(account_ids)
            for row in session.connection().execute(_ROWS, {"ids": chunk}).mappings()
        ]
    known = list(rows)
    due = [dict(row) for row in known if row["next_due_at"] <= at]
    found = {row["id"]: tier_points(row["lifetime"], row["taken_back"]) for row in known}
    if due:
        # Promised points that are due count, though nobody booked them yet.
        shelf = Shelf(session)
        shelf.prepare(due, at=at)
        for row in due:
            book = AccountBook(row, shelf)
            book.settle(at)
            found[book.id] = tier_points(book.row["lifetime"], book.row["taken_back"])
    return found


def _year_points(
    session: Session, program: Program, account_ids: Collection[str], *, at: datetime
) -> dict[str, int]:
    since = _since(program, at)
    found = dict.fromkeys(account_ids, 0)
    holder = _lineages(session, account_ids)
    for chunk in _chunks(holder):
        for statement, sign in ((_YEAR, 1), (_YEAR_BACK, -1)):
            rows = session.execute(statement, {"ids": chunk, "since": since})
            for account_id, points in rows:
                found[holder[account_id]] += sign * int(points or 0)
    return found


def _since(program: Program, at: datetime) -> datetime:
    """The end of the day a year ago: what was earned after it counts."""
    year_ago = calendar.add_months(program.local_date(at), -12)
    return calendar.end_of_day(year_ago, program.timezone)


def _lineages(session: Session, account_ids: Collection[str]) -> dict[str, str]:
    """Each of these accounts, and all that were merged into them, with who holds it now."""
    holder = {account_id: account_id for account_id in account_ids}
    newest: Collection[str] = account_ids
    while newest:
        merged: dict[str, str] = {}
        for chunk in _chunks(newest):
            merged |= {
                account_id: holder[str(into)]
                for account_id, into in session.execute(_MERGED, {"ids": chunk})
            }
        holder |= merged
        newest = merged.keys()
    return holder


def _chunks(values: Collection[str]) -> Iterable[Sequence[str]]:
    ordered = sorted(values)
    return (ordered[start : start + _CHUNK] for start in range(0, len(ordered), _CHUNK))
