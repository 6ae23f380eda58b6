"""How many of a reward are left, under race.

Of rewards with a stock the row counts those that are taken, and is locked for
it; of the others it is only guarded against changes, which any number of
members can do at once. What lapsed is in stock again: nobody has to notice
that in time, as whoever finds the stock empty looks first for what lapsed.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, case, select, update
from sqlalchemy.orm import Session

from portal import programs
from portal.errors import Busy
from portal.programs import Program
from portal.rewards.errors import RewardNotFound, RewardOutOfStock
from portal.rewards.models import Reward as RewardRow
from portal.rewards.models import Voucher
from portal.rewards.reading import MINE, OVER, UNSWEPT
from portal.rewards.rows import reward_from
from portal.rewards.values import Reward, VoucherStatus

_UNCHANGED = (
    RewardRow.id == bindparam("reward_id"),
    RewardRow.version == bindparam("version"),
)
_LOOK: Select[Any] = select(
    RewardRow.id,
    RewardRow.program_id,
    RewardRow.stock,
    RewardRow.taken,
    RewardRow.picture,
    RewardRow.document,
    RewardRow.version,
    case((RewardRow.stock.is_(None), 0), else_=UNSWEPT).label("unswept"),
    MINE.label("mine"),
).where(RewardRow.id == bindparam("reward_id"))
_PROGRAM_OF = select(RewardRow.program_id).where(RewardRow.id == bindparam("reward_id"))
_GUARD = select(RewardRow.id).where(*_UNCHANGED).with_for_update(read=True)
_LOCK = select(RewardRow.taken, RewardRow.stock).where(*_UNCHANGED).with_for_update(key_share=True)
_LOCK_ANY = (
    select(RewardRow.id)
    .where(RewardRow.id == bindparam("reward_id"))
    .with_for_update(key_share=True)
)
_WITH_LAPSED = (
    select(Voucher.reward_id)
    .where(OVER)
    .group_by(Voucher.reward_id)
    .order_by(Voucher.reward_id)
    .limit(bindparam("limit"))
)
_TAKE = (
    update(RewardRow)
    .where(
        RewardRow.id == bindparam("of_id"),
        RewardRow.version == bindparam("of_version"),
        RewardRow.taken < RewardRow.stock,
    )
    .values(taken=RewardRow.taken + 1)
)
_RETURN = (
    update(RewardRow)
    .where(RewardRow.id == bindparam("of_id"), RewardRow.stock.is_not(None))
    .values(taken=RewardRow.taken - bindparam("returned"))
)
_SWEEP = (
    update(Voucher)
    .where(Voucher.reward_id == bindparam("of_id"), OVER)
    .values(status=VoucherStatus.LAPSED.value)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A reward as it was looked at before anything was decided."""

    reward: Reward
    program: Program
    left: int | None
    mine: int


def look(
    session: Session,
    *,
    reward_id: str,
    account_id: str,
    customer_id: str | None,
    at: datetime,
) -> Seen:
    """The reward, what is left of it, and how many this member had. Locks nothing.

    Raises:
        RewardNotFound: there is none.
    """
    connection = session.connection()
    program_id = connection.execute(_PROGRAM_OF, {"reward_id": reward_id}).scalar()
    if program_id is None:
        raise RewardNotFound(reward=reward_id)
    program = programs.find(session, program_id)
    row = connection.execute(
        _LOOK,
        {
            "reward_id": reward_id,
            "account_id": account_id,
            "customer_id": customer_id,
            "program_id": program_id,
            "at": at,
        },
    ).one()
    return Seen(
        reward=reward_from(row, program),
        program=program,
        left=None if row.stock is None else row.stock - row.taken + row.unswept,
        mine=row.mine,
    )


def take(session: Session, seen: Seen, *, at: datetime) -> None:
    """One of them is taken, if the reward is still what was looked at.

    Raises:
        RewardOutOfStock: others were faster.
        Busy: its file was applied meanwhile; nothing was done.
    """
    connection, reward = session.connection(), seen.reward
    known = {"reward_id": reward.id, "version": reward.version}
    if reward.stock is None:
        if connection.execute(_GUARD, known).first() is None:
            raise Busy()
        return
    of = {"of_id": reward.id, "of_version": reward.version}
    if connection.execute(_TAKE, of).rowcount == 1:
        return
    if connection.execute(_LOCK, known).first() is None:
        raise Busy()
    swept = connection.execute(_SWEEP, {"of_id": reward.id, "at": at}).rowcount
    if swept:
        connection.execute(_RETURN, {"of_id": reward.id, "returned": swept})
    if connection.execute(_TAKE, of).rowcount != 1:
        raise RewardOutOfStock(limit=reward.stock)


def write_down_lapses(session: Session, *, at: datetime, limit: int = 100) -> int:
    """Write down what lapsed, of up to ``limit`` rewards, so that nobody needs to count it again.

    Nothing depends on this having run. Several may run at once.

    Returns:
        how many rewards were looked after; below ``limit`` when none are left.
    """
    connection = session.connection()
    lapsed = connection.execute(_WITH_LAPSED, {"at": at, "limit": limit}).scalars().all()
    for reward_id in lapsed:
        connection.execute(_LOCK_ANY, {"reward_id": reward_id})
        swept = connection.execute(_SWEEP, {"of_id": reward_id, "at": at}).rowcount
        if swept:
            connection.execute(_RETURN, {"of_id": reward_id, "returned": swept})
    return len(lapsed)


def give_back(session: Session, reward_id: str) -> None:
    """One of them can be had again."""
    session.connection().execute(_RETURN, {"of_id": reward_id, "returned": 1})
