"""Two accounts of one program become one."""

from datetime import datetime

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from portal.ledger.book import AccountBook, EventDraft
from portal.ledger.errors import ProgramsDiffer, SameAccount
from portal.ledger.models import (
    NEVER,
    AccountStatus,
    Category,
    EntryType,
    Redemption,
    RedemptionStatus,
)
from portal.ledger.posting import Posting, refuse_holds, require_open
from portal.ledger.values import Facts, Posted

# Those that are over came back to the source, even where that is not written yet.
_held = (
    Redemption.held_for == bindparam("source"),
    Redemption.status == RedemptionStatus.HELD.value,
    Redemption.held_until > bindparam("at"),
)
_FIRST_HOLD = select(func.min(Redemption.held_until)).where(*_held)
_MOVE_HOLDS = update(Redemption).where(*_held).values(held_for=bindparam("target"))


def merge(
    session: Session, *, source_id: str, target_id: str, facts: Facts, at: datetime
) -> Posted:
    """The target takes over all that the source holds; the source is empty, for good.

    Balance, promised points, debt, lifetime, purchases and the points set aside
    for vouchers move; lots keep their own expiry and name their origin; entries
    are not rewritten, so the survivor's history is read across its lineage.
    Rule: RULES, "Merge".

    Raises:
        SameAccount, ProgramsDiffer: these two cannot become one.
        HoldsOpen: in-flight payments of the source must be settled first.
        AccountClosed, AccountMerged, AccountNotFound.
    """
    if source_id == target_id:
        raise SameAccount()
    posting = Posting(session, [source_id, target_id], at=at)
    source, target = posting.books[source_id], posting.books[target_id]
    if source.row["program_id"] != target.row["program_id"]:
        raise ProgramsDiffer()
    if source.row["status"] != AccountStatus.CLOSED:
        require_open(source)
    require_open(target)
    refuse_holds(session, source_id, at=at)
    event = posting.begin(facts)
    for category in Category:
        _move(event, source, target, category)
    _take_over(source, target)
    _hold_for(session, source, target, at=at)
    return posting.write()[0]


def _move(event: EventDraft, source: AccountBook, target: AccountBook, category: Category) -> None:
    lots = source.open_lots(category)
    regular = category == Category.REGULAR
    points = source.balance if regular else sum(lot.remaining for lot in lots)
    lifetime = source.row["lifetime"] if regular else 0
    taken_back = source.row["taken_back"] if regular else 0
    # The regular pair is always written, so that the merge itself is in both chains.
    if not points and not regular:
        return
    out = source.add_entry(
        event,
        type=EntryType.MERGE,
        category=category,
        amount=-points,
        lifetime_delta=-lifetime,
        taken_back_delta=-taken_back,
    )
    moved = []
    for lot in lots:
        moved.append((lot, lot.remaining))
        source.allocate(out, lot, out.sequence, lot.remaining)
    source.cancel_all_debts()
    into = target.add_entry(
        event,
        type=EntryType.MERGE,
        category=category,
        amount=points,
        lifetime_delta=lifetime,
        taken_back_delta=taken_back,
    )
    if points < 0:
        target.take(into, -points)
    for lot, part in moved:
        target.open_lot(
            into,
            part,
            earned_at=lot.earned_at,
            available_from=lot.available_from if not regular else None,
            expires_at=lot.expires_at,
            trigger=lot.trigger,
            origin=(source.id, lot.number),
        )


def _hold_for(session: Session, source: AccountBook, target: AccountBook, *, at: datetime) -> None:
    """Points set aside for vouchers come back to the target, if they do."""
    connection = session.connection()
    parameters = {"source": source.id, "at": at}
    held_until = connection.execute(_FIRST_HOLD, parameters).scalar()
    if held_until is not None:
        connection.execute(_MOVE_HOLDS, {**parameters, "target": target.id})
        target.note_hold(held_until)


def _take_over(source: AccountBook, target: AccountBook) -> None:
    a, b = source.row, target.row
    b["lifetime_purchases"] += a["lifetime_purchases"]
    a["lifetime_purchases"] = 0
    if b["idle_expires_at"] == NEVER or a["idle_expires_at"] == NEVER:
        b["idle_expires_at"] = min(a["idle_expires_at"], b["idle_expires_at"])
    else:
        b["idle_expires_at"] = max(a["idle_expires_at"], b["idle_expires_at"])
    target.note_due(b["idle_expires_at"])
    joined = [when for when in (a["enrolled_at"], b["enrolled_at"]) if when is not None]
    b["enrolled_at"] = min(joined, default=None)
    a["status"], a["merged_into"] = AccountStatus.MERGED.value, target.id
    a["next_due_at"] = a["idle_expires_at"] = NEVER
