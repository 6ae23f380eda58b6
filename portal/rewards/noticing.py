"""Telling members of their vouchers, through the outbox."""

from datetime import datetime, timedelta

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from portal import ledger, members, outbox, programs
from portal.outbox import Cipher
from portal.programs import Program
from portal.rewards import wording as english
from portal.rewards.models import Voucher
from portal.rewards.reading import OPEN, vouchers_where
from portal.rewards.rows import voucher_from
from portal.rewards.values import VoucherView, Wording

PURPOSE = "voucher"
REMIND_BEFORE = timedelta(days=2, hours=14)
"""Vouchers end at midnight: so their holders hear of it at ten in the morning of the third day
before, where the program is."""
SETTLED_IN = timedelta(days=1)
"""Nobody is reminded of what they were told of a moment ago."""

_DUE = (
    select(Voucher.id)
    .where(
        OPEN,
        Voucher.reminded_at.is_(None),
        Voucher.expires_at <= bindparam("soon", type_=Voucher.expires_at.type),
        Voucher.issued_at <= bindparam("before", type_=Voucher.issued_at.type),
    )
    .order_by(Voucher.expires_at)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True, key_share=True)
)
_THESE = vouchers_where(Voucher.id.in_(bindparam("ids", expanding=True)))
_REMINDED = (
    update(Voucher)
    .where(Voucher.id.in_(bindparam("ids", expanding=True)))
    .values(reminded_at=bindparam("now"))
)


def tell_of_new(
    session: Session,
    voucher: VoucherView,
    program: Program,
    *,
    at: datetime,
    cipher: Cipher,
    wording: Wording | None,
) -> None:
    """Tell the holder of a voucher that they have it; if it was not them, that is how they know."""
    given = voucher.expires_at is None
    words = wording or (english.given if given else english.issued)
    _tell(session, voucher, program, words, at=at, cipher=cipher)


def remind(
    session: Session,
    *,
    at: datetime,
    cipher: Cipher,
    limit: int = 200,
    wording: Wording | None = None,
) -> int:
    """Tell the holders of up to ``limit`` vouchers that these lapse within three days, once.

    Several may run at once; each takes other vouchers.

    Returns:
        how many vouchers were taken; below ``limit`` when none are left.
    """
    connection = session.connection()
    parameters = {
        "at": at,
        "soon": at + REMIND_BEFORE,
        "before": at - SETTLED_IN,
        "limit": limit,
    }
    ids = list(connection.execute(_DUE, parameters).scalars())
    if not ids:
        return 0
    connection.execute(_REMINDED, {"ids": ids, "now": at})
    rows = connection.execute(_THESE, {"ids": ids}).mappings().all()
    for row in rows:
        voucher = voucher_from(row, at=at)
        program = programs.find(session, voucher.program_id)
        _tell(session, voucher, program, wording or english.lapses_soon, at=at, cipher=cipher)
    return len(ids)


def _tell(
    session: Session,
    voucher: VoucherView,
    program: Program,
    wording: Wording,
    *,
    at: datetime,
    cipher: Cipher,
) -> None:
    holder_id = _holder_id(session, voucher)
    if holder_id is None:
        return
    customer = members.customer(session, holder_id)
    recipient = customer.email or customer.mobile
    if recipient is None:
        return
    last = program.last_day(voucher.expires_at).isoformat() if voucher.expires_at else ""
    text = wording(voucher, last)
    outbox.tell(
        session,
        channel="email" if customer.email else "sms",
        recipient=recipient,
        subject=text.subject if customer.email else None,
        body=text.body,
        purpose=PURPOSE,
        at=at,
        cipher=cipher,
        give_up_at=voucher.expires_at,
    )


def _holder_id(session: Session, voucher: VoucherView) -> str | None:
    """Who hears of it: the customer, a household's primary member; None of nobody's account."""
    if voucher.customer_id is not None:
        return voucher.customer_id
    account = ledger.find_account(session, voucher.account_id)
    if account.household_id is None:
        return None
    return members.households.primary_of(session, household_id=account.household_id)
