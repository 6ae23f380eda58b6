"""The catalogue and its pictures. Nothing here writes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, case, func, literal, null, or_, select
from sqlalchemy.orm import Session

from portal import ledger, programs
from portal.ledger import AccountView
from portal.members.models import Customer
from portal.programs import Program
from portal.rewards.errors import PictureNotFound, RewardNotFound
from portal.rewards.models import Picture, Voucher
from portal.rewards.models import Reward as RewardRow
from portal.rewards.reading import MINE, OPEN, OVER, UNSWEPT
from portal.rewards.rows import reward_from
from portal.rewards.rules import Asker, asker_refusals, reward_refusals, too_few_points
from portal.rewards.values import (
    Kind,
    Offer,
    PictureView,
    Reward,
    VoucherStatus,
)

DIGEST_HEX_LENGTH = 64

_row_columns: list[Any] = [
    RewardRow.id,
    RewardRow.program_id,
    RewardRow.stock,
    RewardRow.taken,
    RewardRow.picture,
    RewardRow.document,
    RewardRow.version,
]
_ROWS = select(*_row_columns)
_ONE = _ROWS.where(RewardRow.id == bindparam("reward_id"))
_fraud: Any = (
    select(Customer.fraud_status).where(Customer.id == bindparam("customer_id")).scalar_subquery()
)
_UNSWEPT_OF_STOCK = case((RewardRow.stock.is_(None), 0), else_=UNSWEPT).label("unswept")
_FOR_MEMBER = select(
    *_row_columns, _UNSWEPT_OF_STOCK, MINE.label("mine"), _fraud.label("fraud_status")
)
_FOR_ANYONE = select(
    *_row_columns, _UNSWEPT_OF_STOCK, literal(0).label("mine"), null().label("fraud_status")
)
_OF_PROGRAM = (RewardRow.program_id == bindparam("program_id"), RewardRow.active)
_PICTURE = select(Picture.content_type, Picture.width, Picture.height, Picture.content).where(
    Picture.digest == bindparam("digest"), Picture.size == bindparam("size")
)
_TALLY = (
    select(
        Voucher.reward_id,
        func.sum(case((OPEN, 1), else_=0)).label("open"),
        func.sum(case((Voucher.status == VoucherStatus.USED.value, 1), else_=0)).label("used"),
        func.sum(case((Voucher.status == VoucherStatus.CANCELLED.value, 1), else_=0)).label(
            "cancelled"
        ),
        func.sum(case((or_(Voucher.status == VoucherStatus.LAPSED.value, OVER), 1), else_=0)).label(
            "lapsed"
        ),
    )
    .where(Voucher.reward_id.in_(bindparam("ids", expanding=True)))
    .group_by(Voucher.reward_id)
)


def reward(session: Session, reward_id: str) -> Reward:
    """The reward of this id, offered or not.

    Raises:
        RewardNotFound: there is none.
    """
    row = _row(session, reward_id)
    return reward_from(row, programs.find(session, row.program_id))


def _row(session: Session, reward_id: str) -> Any:
    row = session.connection().execute(_ONE, {"reward_id": reward_id}).first()
    if row is None:
        raise RewardNotFound(reward=reward_id)
    return row


def rewards(session: Session, *, program_id: str | None = None) -> list[Reward]:
    """Every reward, those that are not offered too, in the order of display."""
    statement = _ROWS.order_by(RewardRow.program_id, RewardRow.position, RewardRow.id)
    if program_id is not None:
        statement = statement.where(RewardRow.program_id == program_id)
    known: dict[str, Program] = {}
    found = []
    for row in session.connection().execute(statement):
        if row.program_id not in known:
            known[row.program_id] = programs.find(session, row.program_id)
        found.append(reward_from(row, known[row.program_id]))
    return found


def document(session: Session, reward_id: str) -> dict[str, Any]:
    """The reward as its file says it, defaults filled in.

    Raises:
        RewardNotFound: there is none of this id.
    """
    found: dict[str, Any] = _row(session, reward_id).document
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What became of a reward's vouchers. ``left`` of the stock; None for no end."""

    reward: Reward
    left: int | None
    open: int
    used: int
    cancelled: int
    lapsed: int


def tally(session: Session, *, at: datetime, program_id: str | None = None) -> list[Tally]:
    """Every reward with the numbers of its vouchers."""
    found = rewards(session, program_id=program_id)
    counted = {
        row.reward_id: row
        for row in session.connection().execute(
            _TALLY, {"ids": [each.id for each in found], "at": at}
        )
    }
    tallies = []
    for each in found:
        row = counted.get(each.id)
        open_, used, cancelled, lapsed = (int(number) for number in row[1:]) if row else (0,) * 4
        tallies.append(
            Tally(
                reward=each,
                left=None if each.stock is None else max(each.stock - open_ - used, 0),
                open=open_,
                used=used,
                cancelled=cancelled,
                lapsed=lapsed,
            )
        )
    return tallies


def picture(session: Session, *, digest: str, size: str = "large") -> PictureView:
    """A picture by the digest that a reward names, ``small`` or ``large``.

    Raises:
        PictureNotFound: there is none.
    """
    key = _digest(digest)
    row = session.connection().execute(_PICTURE, {"digest": key, "size": size}).first()
    if row is None:
        raise PictureNotFound()
    return PictureView(
        digest=digest,
        size=size,
        content_type=row.content_type,
        width=row.width,
        height=row.height,
        content=bytes(row.content),
    )


def _digest(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError as error:
        raise PictureNotFound() from error
    if len(text) != DIGEST_HEX_LENGTH or key.hex() != text:
        raise PictureNotFound()
    return key


def catalogue(
    session: Session,
    *,
    program: Program,
    at: datetime,
    account: AccountView | None = None,
    balance: int | None = None,
    tier: str | None = None,
    store: str | None = None,
    category: str | None = None,
    kind: Kind | None = None,
) -> tuple[Offer, ...]:
    """What is offered now: first what can be had, then what is nearly theirs, then the rest.

    One statement, and those of the ledger where ``balance`` is not given.

    Args:
        account: whose eyes see it; without one, what stands against everyone.
        balance: what is spendable, if the caller knows it already.
        tier: the member's tier.
        store: where they are; what is not to be had there says so.
        category, kind: only these.
    """
    statement = (_FOR_ANYONE if account is None else _FOR_MEMBER).where(*_OF_PROGRAM)
    rows = session.connection().execute(statement, _parameters(program, account, at)).all()
    offered = []
    for row in rows:
        found = reward_from(row, program)
        if kind not in (None, found.kind) or (category and category not in found.categories):
            continue
        if _is_offered(found, program, at):
            offered.append((found, row))
    spendable = _spendable(session, account, balance, at=at)
    offers = [
        _offer(found, row, program, account, at=at, balance=spendable, tier=tier, store=store)
        for found, row in offered
    ]
    return tuple(sorted(offers, key=_order))


def _parameters(program: Program, account: AccountView | None, at: datetime) -> dict[str, Any]:
    found: dict[str, Any] = {"program_id": program.id, "at": at}
    if account is not None:
        found |= {"account_id": account.id, "customer_id": account.customer_id}
    return found


def _is_offered(reward: Reward, program: Program, at: datetime) -> bool:
    today = program.local_date(at)
    begun = reward.valid_from is None or reward.valid_from <= today
    return begun and (reward.valid_to is None or today <= reward.valid_to)


def _spendable(
    session: Session, account: AccountView | None, balance: int | None, *, at: datetime
) -> int:
    if balance is not None:
        return max(balance, 0)
    if account is None:
        return 0
    return max(ledger.position(session, account_id=account.id, at=at).balance, 0)


def _order(offer: Offer) -> tuple[Any, ...]:
    group = 0 if offer.available else 1 if offer.nearly else 2
    nearest = offer.missing_points if group == 1 else 0
    return (group, nearest, offer.reward.position, offer.reward.price, offer.reward.id)


def _offer(
    reward: Reward,
    row: Any,
    program: Program,
    account: AccountView | None,
    *,
    at: datetime,
    balance: int,
    tier: str | None,
    store: str | None,
) -> Offer:
    left = None if row.stock is None else max(row.stock - row.taken + row.unswept, 0)
    refusals = reward_refusals(reward, program, at=at, left=left, store=store)
    if account is not None:
        asker = Asker(
            account_id=account.id,
            program_id=account.program_id,
            status=account.status,
            merged_into=account.merged_into,
            fraud_status=row.fraud_status,
            tier=tier,
            mine=row.mine,
        )
        refusals += asker_refusals(reward, program, asker)
        if balance < reward.price:
            refusals.append(too_few_points(program, balance=balance, price=reward.price))
    return Offer(
        reward=reward,
        left=left,
        mine=row.mine,
        affordable=balance >= reward.price,
        missing_points=max(reward.price - balance, 0),
        refusals=tuple(refusals),
    )


def offer(
    session: Session,
    *,
    reward_id: str,
    program: Program,
    at: datetime,
    account: AccountView | None = None,
    balance: int | None = None,
    tier: str | None = None,
    store: str | None = None,
) -> Offer:
    """One reward as a member sees it now, with every reason why it cannot be had.

    Raises:
        RewardNotFound: there is none in this program.
    """
    statement = (_FOR_ANYONE if account is None else _FOR_MEMBER).where(
        RewardRow.id == bindparam("reward_id"), RewardRow.program_id == bindparam("program_id")
    )
    parameters = {**_parameters(program, account, at), "reward_id": reward_id}
    row = session.connection().execute(statement, parameters).first()
    if row is None:
        raise RewardNotFound(reward=reward_id)
    return _offer(
        reward_from(row, program),
        row,
        program,
        account,
        at=at,
        balance=_spendable(session, account, balance, at=at),
        tier=tier,
        store=store,
    )
