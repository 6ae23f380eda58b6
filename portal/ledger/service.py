"""The verbs of the book. Each flushes and never commits: the edge owns the transaction."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from portal.errors import Busy
from portal.ledger.book import AccountBook
from portal.ledger.errors import (
    AccountMerged,
    AlreadyReversed,
    EntryNotFound,
    MoreThanRedeemed,
    NothingToRelease,
    NotReversible,
    RedemptionHeld,
    RedemptionNotFound,
    RedemptionNotHeld,
    RedemptionOfVoucher,
    SameAccount,
)
from portal.ledger.models import (
    NEVER,
    Account,
    AccountStatus,
    Category,
    EntryType,
    Redemption,
    RedemptionPurpose,
    RedemptionStatus,
)
from portal.ledger.posting import (
    Happening,
    Posting,
    lock,
    post,
    require_points,
)
from portal.ledger.reading import (
    REVERSIBLE_CREDITS,
    REVERSIBLE_DEBITS,
    AnyRow,
    Shelf,
    lineage,
)
from portal.ledger.values import (
    Earn,
    Facts,
    NewRedemption,
    Posted,
    RedemptionView,
    Restored,
    Reversal,
    Spend,
    Transfer,
    entry_id,
    entry_key,
)
from portal.orm import new_id

RefundPolicy = Literal["debt", "available", "promised"]
"""How far a refund reaches: into debt, what is there, what is still promised (RULES, Earning)."""

_REDEMPTION = (
    select(Redemption.__table__, Account.customer_id)
    .join(Account, Account.id == Redemption.account_id)
    .where(Redemption.id == bindparam("id"))
)
_CAPTURE = (
    update(Redemption)
    .where(
        Redemption.id == bindparam("of_id"),
        Redemption.status == RedemptionStatus.HELD.value,
        Redemption.held_until > bindparam("now"),
        # Found by its id, so that no index is missed. None: see portal.ledger.settling.
        func.coalesce(Redemption.held_for, Redemption.account_id) == bindparam("holder"),
    )
    .values(
        status=RedemptionStatus.CAPTURED.value,
        held_until=None,
        held_for=None,
        updated_at=bindparam("now"),
    )
)


def earn(
    session: Session,
    *,
    account_id: str,
    points: int,
    expires_at: datetime | None,
    facts: Facts,
    at: datetime,
    available_from: datetime | None = None,
    trigger: str | None = None,
    idle_expires_at: datetime | None = None,
    purchase_value: int = 0,
    program_version: int | None = None,
) -> Posted:
    """Credit points that were earned; debt is paid first. Rule: RULES, "Earning".

    Args:
        points: in the program's smallest unit; above zero.
        expires_at: the first instant at which they are gone; None for never.
        available_from: if later than the event, they are promised until then.
        trigger: they wait for the trigger of this name instead.
        idle_expires_at: the account's new deadline of inactivity.
        purchase_value: what the order adds to lifetime purchases.

    Raises:
        AccountNotFound, AccountClosed, AccountMerged, InvalidPoints.
    """
    movement = Earn(
        account_id=account_id,
        points=points,
        expires_at=expires_at,
        available_from=available_from,
        trigger=trigger,
        idle_expires_at=idle_expires_at,
        purchase_value=purchase_value,
        program_version=program_version,
    )
    return post(session, [Happening(facts=facts, movements=[movement])], at=at)[0]


def redeem(
    session: Session,
    *,
    account_id: str,
    points: int,
    facts: Facts,
    at: datetime,
    value: int | None = None,
    currency: str | None = None,
    held_until: datetime | None = None,
    grace_expires_at: datetime | None = None,
    idle_expires_at: datetime | None = None,
    program_version: int | None = None,
    locked: Mapping[Any, Any] | None = None,
) -> RedemptionView:
    """Spend points, soonest to expire first. Rule: 004, "Redeeming rewards".

    Args:
        points: in the program's smallest unit; above zero.
        value: what they pay, in the smallest unit of ``currency``.
        held_until: only hold them, until captured, voided, or this instant.
        grace_expires_at: until when points that die during the hold live on
            if it ends by itself.
        locked: the account's row with all of :data:`POSTED`, where this very
            transaction has locked it and not posted to it since.

    Raises:
        InsufficientPoints: the spendable balance is smaller.
        AccountClosed, AccountFrozen, AccountMerged, AccountNotFound, InvalidPoints.
    """
    posting = Posting(session, [account_id], at=at, locked=[locked] if locked else None)
    event = posting.begin(facts)
    face = NewRedemption(
        id=new_id("red"),
        value=value,
        currency=currency,
        held_until=held_until,
        grace_expires_at=grace_expires_at,
    )
    posting.apply(
        event,
        Spend(
            account_id=account_id,
            points=points,
            idle_expires_at=idle_expires_at,
            program_version=program_version,
            redemption=face,
        ),
    )
    customer_id = posting.books[account_id].row["customer_id"]
    posting.write()
    return redemption_view({**posting.redemptions[0], "customer_id": customer_id})


def redemption_view(row: Mapping[Any, Any]) -> RedemptionView:
    """A redemption's row as a value."""
    return RedemptionView(
        id=row["id"],
        account_id=row["account_id"],
        entry_id=entry_id(row["account_id"], row["entry_sequence"]),
        event_id=row["event_id"],
        purpose=row["purpose"],
        status=row["status"],
        points=row["points"],
        points_reversed=row["points_reversed"],
        value=row["value"],
        currency=row["currency"],
        held_until=row["held_until"],
        held_for=row["held_for"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        customer_id=row["customer_id"],
    )


def redemption(session: Session, redemption_id: str) -> RedemptionView:
    """A redemption as booked.

    Raises:
        RedemptionNotFound: there is none by that id.
    """
    row = session.connection().execute(_REDEMPTION, {"id": redemption_id}).mappings().first()
    if row is None:
        raise RedemptionNotFound()
    return redemption_view(row)


def _found(session: Session, redemption_id: str, purpose: RedemptionPurpose) -> RedemptionView:
    found = redemption(session, redemption_id)
    if found.purpose == purpose:
        return found
    if found.purpose == RedemptionPurpose.VOUCHER:
        raise RedemptionOfVoucher()
    raise RedemptionNotFound()


def capture(
    session: Session,
    *,
    redemption_id: str,
    at: datetime,
    purpose: RedemptionPurpose = RedemptionPurpose.PAYMENT,
) -> RedemptionView:
    """Make a held redemption final.

    Args:
        purpose: what it must be for; a voucher's is captured by using the voucher.

    Raises:
        RedemptionNotFound: there is none by that id.
        RedemptionNotHeld: it was captured, voided or released before.
        RedemptionOfVoucher: its points went for a voucher.
    """
    found = _found(session, redemption_id, purpose)
    holder = found.held_for or found.account_id
    # Whoever settles the account may be about to release it.
    lock(session, [holder])
    captured = session.connection().execute(
        _CAPTURE, {"of_id": redemption_id, "now": at, "holder": holder}
    )
    found = redemption(session, redemption_id)
    if captured.rowcount != 1:
        if found.held_for not in (None, holder):
            # It was merged between the look and the lock.
            raise Busy()
        raise RedemptionNotHeld(status=_status(found, at))
    return found


def _status(found: RedemptionView, at: datetime) -> str:
    if found.held_until is not None and found.held_until <= at:
        return RedemptionStatus.VOIDED
    return found.status


def void(
    session: Session,
    *,
    redemption_id: str,
    facts: Facts,
    at: datetime,
    grace_expires_at: datetime | None = None,
    purpose: RedemptionPurpose = RedemptionPurpose.PAYMENT,
) -> RedemptionView:
    """Release a held redemption: its points return, to the survivor where it was merged.

    Args:
        purpose: what it must be for; a voucher's is voided by cancelling the voucher.

    Raises:
        RedemptionNotFound: there is none by that id.
        RedemptionNotHeld: it was captured, voided or released before.
        RedemptionOfVoucher: its points went for a voucher.
    """
    found = _found(session, redemption_id, purpose)
    posting, book = _on_lineage(session, found.account_id, at=at)
    found = redemption(session, redemption_id)
    if _status(found, at) != RedemptionStatus.HELD:
        raise RedemptionNotHeld(status=_status(found, at))
    _return(posting, book, found, found.points, facts, grace_expires_at, RedemptionStatus.VOIDED)
    posting.write()
    return redemption(session, redemption_id)


def reverse_redemption(
    session: Session,
    *,
    redemption_id: str,
    facts: Facts,
    at: datetime,
    points: int | None = None,
    grace_expires_at: datetime | None = None,
    purpose: RedemptionPurpose = RedemptionPurpose.PAYMENT,
) -> Reversal:
    """Give redeemed points back, whole or in part, to their own lots.

    Args:
        points: how many; all that remain when omitted.
        grace_expires_at: until when points live on whose lot died meanwhile.
        purpose: what it must be for; a voucher's is reversed by cancelling the voucher.

    Raises:
        RedemptionNotFound: there is none by that id.
        RedemptionOfVoucher: its points went for a voucher.
        RedemptionHeld: a hold is voided, not reversed.
        AlreadyReversed: nothing remains. MoreThanRedeemed: less remains.
    """
    found = _found(session, redemption_id, purpose)
    posting, book = _on_lineage(session, found.account_id, at=at)
    found = redemption(session, redemption_id)
    if _status(found, at) == RedemptionStatus.HELD:
        raise RedemptionHeld()
    # A hold that is over gave its points back, even where only this posting booked that.
    voided = _status(found, at) == RedemptionStatus.VOIDED
    remaining = 0 if voided else found.points - found.points_reversed
    points = _part(points, remaining)
    status = RedemptionStatus.REVERSED if points == remaining else RedemptionStatus.PARTLY_REVERSED
    public_id, restored = _return(posting, book, found, points, facts, grace_expires_at, status)
    posting.write()
    return Reversal(
        id=public_id,
        redemption=redemption(session, redemption_id),
        points=points,
        restored=restored,
    )


def _part(points: int | None, remaining: int) -> int:
    if remaining <= 0:
        raise AlreadyReversed()
    if points is None:
        return remaining
    require_points(points)
    if points > remaining:
        raise MoreThanRedeemed(available=remaining, requested=points)
    return points


def _return(
    posting: Posting,
    book: AccountBook,
    found: RedemptionView,
    points: int,
    facts: Facts,
    grace_expires_at: datetime | None,
    status: RedemptionStatus,
) -> tuple[str, tuple[Restored, ...]]:
    _, sequence = _key(found.entry_id)
    debit = posting.debit(found.account_id, sequence, found.points)
    before = [(part.lot, part.points) for part in debit.parts]
    event = posting.begin(facts)
    public_id, lots = posting.give_back(
        event, book, debit, points, grace_expires_at=grace_expires_at
    )
    given = [was - part.points for (_, was), part in zip(before, debit.parts, strict=True)]
    restored = tuple(
        Restored(points=back, expires_at=None if lot.expires_at == NEVER else lot.expires_at)
        for back, lot in zip([g for g in reversed(given) if g], lots, strict=True)
    )
    book.redemption_updates.append(
        {
            "of_id": found.id,
            "status": status.value,
            "points_reversed": found.points_reversed + points,
            "updated_at": posting.at,
        }
    )
    return public_id, restored


def reverse(
    session: Session,
    *,
    entry_id: str,
    facts: Facts,
    at: datetime,
    points: int | None = None,
    policy: RefundPolicy = "debt",
    grace_expires_at: datetime | None = None,
    purchase_value: int = 0,
) -> Posted:
    """Take back an earning or an adjustment, whole or in part (a refund, an undo).

    An earning is taken from its own lot first, then from others, then into
    debt, as far as ``policy`` reaches; what a policy leaves is not taken
    later. ``lifetime`` stays, ``taken_back`` rises. Points of a promised
    earning are taken from the promise. Rule: RULES, "Earning", refunds.

    Args:
        points: how many, unsigned; all that remain when omitted.
        purchase_value: what the refund takes from lifetime purchases, unsigned.

    Raises:
        EntryNotFound: there is no such entry.
        NotReversible: it is an expiry, a move, a maturing (the earning is what
            is reversed) or a reversal itself; redemptions are reversed by
            :func:`reverse_redemption`.
        AlreadyReversed: nothing remains. MoreThanRedeemed: less remains.
    """
    home_id, sequence = _key(entry_id)
    entry = Shelf(session).entry(home_id, sequence)
    if entry is None:
        raise EntryNotFound()
    posting, book = _on_lineage(session, home_id, at=at)
    remaining = abs(entry.amount) - posting.shelf.reversed(entry_id)
    book.row["lifetime_purchases"] -= purchase_value
    debits, credits = REVERSIBLE_DEBITS - {EntryType.REDEEM}, REVERSIBLE_CREDITS
    if entry.amount < 0 and entry.type in debits and entry.category == Category.REGULAR:
        part = _part(points, remaining)
        debit = posting.debit(home_id, sequence, -entry.amount)
        event = posting.begin(facts)
        posting.give_back(event, book, debit, part, grace_expires_at=grace_expires_at)
    elif entry.amount > 0 and entry.type in credits and not _matured(posting, entry):
        part = _part(points, remaining)
        event = posting.begin(facts)
        _take_back(posting, book, facts=event, entry=entry, points=part, policy=policy)
    else:
        raise NotReversible(type=entry.type)
    return posting.write()[0]


def _matured(posting: Posting, entry: AnyRow) -> bool:
    """Whether a credit only moved points that an earlier one brought: that one is reversed."""
    opened = posting.shelf.lots_of(entry.account_id, entry.sequence, holders=())
    return any(lot.origin_account_id is not None for lot in opened)


def _take_back(
    posting: Posting,
    book: AccountBook,
    *,
    facts: Any,
    entry: AnyRow,
    points: int,
    policy: RefundPolicy,
) -> None:
    event = facts
    original = entry_id(entry.account_id, entry.sequence)
    holders = lineage(posting.session, book.id)
    own = book.know(
        lot
        for lot in posting.shelf.lots_of(entry.account_id, entry.sequence, holders=holders)
        if lot.account_id == book.id
    )
    # Settling may have moved them on within this posting: the new lots are known to the book.
    numbers = {(lot.account_id, lot.number) for lot in own}
    own += [
        lot
        for lot in book.lots.values()
        if lot.new and (lot.origin_account_id, lot.origin_number) in numbers
    ]
    own.sort(key=lambda lot: lot.key)
    for lot in own:
        if lot.category == Category.REGULAR or not lot.remaining or not points:
            continue
        part = min(points, lot.remaining)
        back = book.add_entry(
            event,
            type=EntryType.REVERSE,
            category=lot.category,
            amount=-part,
            reverses=original,
        )
        book.allocate(back, lot, back.sequence, part)
        points -= part
    if policy == "promised":
        points = 0
    if policy == "available":
        points = min(points, book.spendable)
    if points:
        counted = entry.lifetime_delta > 0 or entry.category != Category.REGULAR
        back = book.add_entry(
            event,
            type=EntryType.REVERSE,
            category=Category.REGULAR,
            amount=-points,
            taken_back_delta=points if counted else 0,
            reverses=original,
        )
        book.take(back, points, first=[lot for lot in own if lot.category == Category.REGULAR])


def adjust(
    session: Session,
    *,
    account_id: str,
    points: int,
    facts: Facts,
    at: datetime,
    expires_at: datetime | None = None,
    counts_as_earned: bool = False,
    allow_negative: bool = False,
    program_version: int | None = None,
) -> Posted:
    """Add or take points by hand, with a reason.

    Args:
        points: signed, not zero.
        counts_as_earned: a positive one raises lifetime points too.
        allow_negative: a negative one may make a debt.

    Raises:
        InsufficientPoints: it would fall below zero and ``allow_negative`` is not set.
        AccountNotFound, AccountClosed, AccountMerged, InvalidPoints.
    """
    movement: Earn | Spend
    if points > 0:
        movement = Earn(
            account_id=account_id,
            points=points,
            expires_at=expires_at,
            type=EntryType.ADJUST,
            counts_as_earned=counts_as_earned,
            program_version=program_version,
        )
    else:
        require_points(-points)
        movement = Spend(
            account_id=account_id,
            points=-points,
            type=EntryType.ADJUST,
            allow_negative=allow_negative,
            program_version=program_version,
        )
    return post(session, [Happening(facts=facts, movements=[movement])], at=at)[0]


def release(
    session: Session, *, account_id: str, trigger: str, facts: Facts, at: datetime
) -> Posted:
    """The named trigger arrived: points that waited for it become regular.

    Raises:
        NothingToRelease: none wait for it.
        AccountNotFound, AccountMerged.
    """
    posting = Posting(session, [account_id], at=at)
    book = posting.books[account_id]
    if book.row["status"] == AccountStatus.MERGED:
        raise AccountMerged(account=book.row["merged_into"])
    lots = [lot for lot in book.open_lots(Category.TRIGGER_BASED) if lot.trigger == trigger]
    if not lots:
        raise NothingToRelease(trigger=trigger)
    book.mature(posting.begin(facts), lots)
    return posting.write()[0]


def transfer(
    session: Session,
    *,
    from_account_id: str,
    to_account_id: str,
    points: int,
    facts: Facts,
    at: datetime,
) -> Posted:
    """Send points to another account of the same program; they keep their expiry.

    Raises:
        SameAccount: sender and recipient are one.
        ProgramsDiffer: points never leave their program.
        InsufficientPoints, AccountClosed, AccountFrozen, AccountMerged,
        AccountNotFound, InvalidPoints.
    """
    if from_account_id == to_account_id:
        raise SameAccount()
    movement = Transfer(from_account_id=from_account_id, to_account_id=to_account_id, points=points)
    return post(session, [Happening(facts=facts, movements=[movement])], at=at)[0]


def expire(session: Session, *, account_id: str, at: datetime) -> None:
    """Book what is due on one account: maturing, expiry, holds that ended.

    Raises:
        AccountNotFound: there is no such account.
    """
    Posting(session, [account_id], at=at).write()


def _on_lineage(session: Session, account_id: str, *, at: datetime) -> tuple[Posting, AccountBook]:
    """A posting on an account and on whoever holds now what it held."""
    survivor = lineage_end(session, account_id)
    posting = Posting(session, {account_id, survivor}, at=at)
    book = posting.books[survivor]
    if book.row["merged_into"] is not None:
        # It was merged between the look and the lock.
        raise Busy()
    return posting, book


def lineage_end(session: Session, account_id: str) -> str:
    """The account that holds what this one held: itself, or the survivor of its merges."""
    while True:
        row = (
            session.connection()
            .execute(select(Account.merged_into).where(Account.id == account_id))
            .first()
        )
        if row is None or row.merged_into is None:
            return account_id
        account_id = row.merged_into


def _key(public_id: str) -> tuple[str, int]:
    key = entry_key(public_id)
    if key is None:
        raise EntryNotFound()
    return key
