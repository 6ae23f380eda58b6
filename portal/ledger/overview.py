"""What a member's home asks of the book, in few statements however long the history is."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import bindparam, cast, literal_column, null, or_, select, union_all
from sqlalchemy.orm import Session, aliased

from portal.ledger.history import _page, entry_view, event_view, spending
from portal.ledger.models import Account, Category, Entry
from portal.ledger.reading import ACCOUNTS, view
from portal.ledger.values import AccountView, HistoryLine, Position

_REGULAR = Category.REGULAR.value

_own = (
    select(Account.id)
    .where(Account.customer_id == bindparam("customer_id"))
    .cte("lineage", recursive=True)
)
_source = aliased(Account)
_LINEAGE = _own.union(select(_source.id).where(_source.merged_into == _own.c.id))
_HOLDINGS = ACCOUNTS.where(Account.id.in_(select(_LINEAGE.c.id))).order_by(
    Account.created_at, Account.id
)
_NO_MERE_MOVES = or_(Entry.category == _REGULAR, Entry.amount > 0)
"""Without the promised half of what matures: its other half tells the same."""


def holdings(session: Session, *, customer_id: str) -> list[AccountView]:
    """A customer's accounts, oldest first, and all that were merged into them, ever.

    Unlike :func:`portal.ledger.accounts_of` this has merged accounts of other
    customers too, so that :func:`lineage_in` needs no further statement.
    """
    rows = session.connection().execute(_HOLDINGS, {"customer_id": customer_id}).mappings()
    return [view(row) for row in rows]


def lineage_in(accounts: Iterable[AccountView], account_id: str) -> list[str]:
    """The ids of the account and of those among ``accounts`` that became part of it."""
    accounts = list(accounts)
    known = [account_id]
    for holder in known:
        known.extend(account.id for account in accounts if account.merged_into == holder)
    return known


def last_lines(session: Session, *, account_ids: Sequence[str], limit: int) -> list[HistoryLine]:
    """The newest movements of a lineage, without what took them back. One statement.

    Args:
        account_ids: as :func:`lineage_in` gives them.
    """
    rows = _page(session, account_ids, [_NO_MERE_MOVES], None, limit)
    return [
        HistoryLine(
            entry=entry_view(row, expires_at=None), event=event_view(row), spending=spending(row)
        )
        for row in rows
    ]


def course(session: Session, *, position: Position, instants: Sequence[datetime]) -> list[int]:
    """The regular balance at each of ``instants``, none later than the position's. One statement.

    Gives what :func:`portal.ledger.balance_series` gives, from a position that
    is known already.
    """
    if not instants:
        return []
    parameters: dict[str, Any] = {f"at_{index}": when for index, when in enumerate(instants)}
    parameters["account_id"] = position.account.id
    looks: dict[int, tuple[int, int]] = {}
    late: list[tuple[datetime, int, int]] = []
    statement = _course(len(instants))
    for index, sequence, points, when in session.connection().execute(statement, parameters):
        if when is None:
            looks[index] = (sequence, points)
        else:
            late.append((when, sequence, points))
    due = [
        (line.occurred_at, line.amount) for line in position.pending if line.category == _REGULAR
    ]
    balances = []
    for index, instant in enumerate(instants):
        sequence, balance = looks.get(index, (0, 0))
        # What was booked after that entry, but happened before the instant.
        balance += sum(
            points for when, number, points in late if when <= instant and number > sequence
        )
        balance += sum(points for when, points in due if when <= instant)
        balances.append(balance)
    return balances


@lru_cache(maxsize=8)
def _course(count: int) -> Any:
    # One look into the index for each instant, and the few late entries: built
    # once for each number of instants, not for each call.
    of_account = (Entry.account_id == bindparam("account_id"), Entry.category == _REGULAR)
    looks: list[Any] = [
        select(
            literal_column(str(index)).label("index"),
            Entry.sequence,
            Entry.balance_after,
            cast(null(), Entry.occurred_at.type).label("happened_at"),
        )
        .where(
            *of_account,
            Entry.late.is_(False),
            Entry.occurred_at <= bindparam(f"at_{index}", type_=Entry.occurred_at.type),
        )
        .order_by(Entry.occurred_at.desc(), Entry.sequence.desc())
        .limit(1)
        .subquery()
        .select()
        for index in range(count)
    ]
    late: Any = select(
        literal_column("-1").label("index"),
        Entry.sequence,
        Entry.amount,
        Entry.occurred_at.label("happened_at"),
    ).where(*of_account, Entry.late)
    return union_all(late, *looks)
