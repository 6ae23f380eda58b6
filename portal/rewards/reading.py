"""Statements about rewards and vouchers that several modules share. Nothing here writes."""

from typing import Any

from sqlalchemy import BindParameter, Select, and_, bindparam, func, or_, select
from sqlalchemy.orm import aliased

from portal.ledger.models import Account
from portal.rewards.models import Reward, Voucher
from portal.rewards.values import OnLapse, VoucherStatus

ISSUED, USED, LAPSED = (
    VoucherStatus.ISSUED.value,
    VoucherStatus.USED.value,
    VoucherStatus.LAPSED.value,
)
AT: BindParameter[Any] = bindparam("at", type_=Voucher.expires_at.type)

OPEN = and_(Voucher.status == ISSUED, Voucher.expires_at > AT)
"""Vouchers that can be used."""
OVER = and_(Voucher.status == ISSUED, Voucher.expires_at <= AT)
"""Vouchers whose time is over, which nobody has written down yet."""
COUNTED = or_(
    Voucher.status == USED,
    OPEN,
    and_(or_(Voucher.status == LAPSED, OVER), Voucher.on_lapse == OnLapse.KEEP.value),
)
"""What counts against the limit of a member: not what was cancelled, nor what lapsed and came
back."""

_source = aliased(Account)


def families(roots: Any) -> Any:
    """The accounts ``root`` that a statement names, each with ``id`` of all merged into it."""
    family = (
        select(Account.id.label("root"), Account.id.label("id"))
        .where(roots)
        .cte("family", recursive=True)
    )
    return family.union(select(family.c.root, _source.id).where(_source.merged_into == family.c.id))


_mine = families(
    or_(
        Account.id == bindparam("account_id"),
        # An account that was closed before a new one was opened counts, too.
        and_(
            Account.customer_id == bindparam("customer_id"),
            Account.program_id == bindparam("program_id"),
        ),
    )
)
MINE: Any = (
    select(func.count())
    .select_from(Voucher)
    .where(
        Voucher.reward_id == Reward.id,
        Voucher.account_id.in_(select(_mine.c.id)),
        COUNTED,
    )
    .scalar_subquery()
)
"""How many vouchers of a reward its asker had; takes account_id, customer_id, program_id, at."""

UNSWEPT: Any = (
    select(func.count())
    .select_from(Voucher)
    .where(Voucher.reward_id == Reward.id, OVER)
    .scalar_subquery()
)
"""How many of a reward's stock came back without anybody having written it down; takes at."""

_voucher_columns: list[Any] = list(Voucher.__table__.columns)
_holder = aliased(Account)


def _vouchers(family: Any, holder_id: Any, belongs: Any) -> Select[Any]:
    return (
        select(
            *_voucher_columns,
            Reward.program_id,
            Reward.picture,
            holder_id.label("holder_id"),
            _holder.customer_id,
        )
        .join(Reward, Reward.id == Voucher.reward_id)
        .join(family, belongs)
        .join(_holder, _holder.id == holder_id)
    )


def held_by(account_ids: Any) -> Select[Any]:
    """Vouchers that these accounts hold, as :func:`portal.rewards.rows.voucher_from` takes them."""
    held = families(Account.id.in_(account_ids))
    return _vouchers(held, held.c.root, held.c.id == Voucher.account_id)


def vouchers_where(*criteria: Any) -> Select[Any]:
    """The same for vouchers that are known by something else: their holders are looked for."""
    up = (
        select(Account.id.label("start"), Account.id.label("id"), Account.merged_into.label("into"))
        .where(Account.id.in_(select(Voucher.account_id).where(*criteria)))
        .cte("up", recursive=True)
    )
    up = up.union(
        select(up.c.start, _source.id, _source.merged_into).where(_source.id == up.c.into)
    )
    ends_here = and_(up.c.start == Voucher.account_id, up.c.into.is_(None))
    return _vouchers(up, up.c.id, ends_here).where(*criteria)
