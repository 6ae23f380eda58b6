"""Settling accounts that nobody touches."""

from datetime import datetime

from sqlalchemy import bindparam, literal_column, select, update
from sqlalchemy.orm import Session

from portal.ledger.models import Account, Redemption
from portal.ledger.posting import Posting, lock
from portal.ledger.service import lineage_end

# Literal, so that both engines see that the index of holds answers it.
_nameless = (
    Redemption.status == literal_column("'held'"),
    Redemption.held_for.is_(None),
)
_NAMELESS = (
    select(Redemption.id, Redemption.account_id, Redemption.held_until)
    .where(*_nameless)
    .order_by(Redemption.held_until)
    .limit(bindparam("limit"))
)
_NAME = (
    update(Redemption)
    .where(Redemption.id == bindparam("of_id"), *_nameless)
    .values(held_for=bindparam("holder"))
)
_NOTE_DUE = (
    update(Account)
    .where(Account.id == bindparam("holder"), Account.next_due_at > bindparam("held_until"))
    .values(next_due_at=bindparam("held_until"))
)


def settle(session: Session, *, at: datetime, limit: int = 500) -> int:
    """Bring up to ``limit`` accounts up to date that have something due.

    Nothing depends on this having run: each posting settles first, and reads
    compute the same. Several may run at once, each takes other accounts.

    Returns:
        how many accounts were settled; below ``limit`` when none are left.
    """
    _name_holders(session, limit=limit)
    due = (
        select(Account.id)
        .where(Account.next_due_at <= at)
        .order_by(Account.next_due_at)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
    )
    ids = list(session.connection().execute(due).scalars())
    if ids:
        Posting(session, ids, at=at).write()
    return len(ids)


def _name_holders(session: Session, *, limit: int) -> None:
    """Say to whom the points of holds go back where that is not said.

    A process of before vouchers, which may run on for a while after the
    upgrade, does not say it; without it such a hold would never end by itself.
    """
    connection = session.connection()
    found = connection.execute(_NAMELESS, {"limit": limit}).all()
    if not found:
        return
    holders = {hold.id: lineage_end(session, hold.account_id) for hold in found}
    locked = lock(session, sorted(set(holders.values())))
    # Whoever was merged between the look and the lock is left for the next time.
    still = {row["id"] for row in locked if row["merged_into"] is None}
    for hold in found:
        holder = holders[hold.id]
        if holder in still:
            connection.execute(_NAME, {"of_id": hold.id, "holder": holder})
            connection.execute(_NOTE_DUE, {"holder": holder, "held_until": hold.held_until})
