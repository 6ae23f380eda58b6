"""What was sent and received. Nothing here writes; the number of statements does not grow."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, func, literal, or_, select, tuple_, union
from sqlalchemy.orm import Session

from portal import codes
from portal.ledger import entry_id
from portal.ledger.errors import InvalidCursor
from portal.ledger.models import EventDetail
from portal.programs.models import Program
from portal.transfers import people
from portal.transfers.errors import TransferNotFound
from portal.transfers.models import LINEAGE, Transfer, TransferRequest
from portal.transfers.values import (
    Breakup,
    Direction,
    Given,
    Receipt,
    Recent,
    RequestStatus,
    RequestView,
    TransferPage,
)

PAGE, PAGE_MAX = 20, 100
_Row = Mapping[Any, Any]

_ROWS: Any = (
    select(
        Transfer.__table__,
        Program.name.label("program_name"),
        EventDetail.note,
    )
    .join(Program, Program.id == Transfer.program_id)
    .outerjoin(EventDetail, EventDetail.event_id == Transfer.event_id)
)
_MINE: Any = _ROWS.add_columns(
    Transfer.from_account_id.in_(LINEAGE).label("out"),
    Transfer.to_account_id.in_(LINEAGE).label("into"),
)
_ids: Any = bindparam("ids", expanding=True)
_KNOWN: Any = _ROWS.add_columns(
    Transfer.from_account_id.in_(_ids).label("out"), Transfer.to_account_id.in_(_ids).label("into")
)
_THEIRS = _MINE.where(
    or_(Transfer.from_account_id.in_(LINEAGE), Transfer.to_account_id.in_(LINEAGE))
)
_ONE = _THEIRS.where(Transfer.id == bindparam("id"))
_OF_EVENT = _THEIRS.where(Transfer.event_id == bindparam("id"))
_OF_REQUEST = _ROWS.add_columns(literal(True).label("out"), literal(False).label("into")).where(
    Transfer.request_id == bindparam("request_id")
)
_ID_OF_REQUEST = select(Transfer.id).where(Transfer.request_id == bindparam("request_id"))
_RECENTS = (
    select(
        Transfer.to_account_id,
        func.max(Transfer.created_at).label("last_at"),
        func.sum(Transfer.points).label("points"),
    )
    .where(Transfer.from_account_id.in_(LINEAGE), Transfer.to_account_id.not_in(LINEAGE))
    .group_by(Transfer.to_account_id)
    .order_by(func.max(Transfer.created_at).desc(), Transfer.to_account_id)
)
_GIVEN = (
    select(
        Transfer.from_account_id,
        Transfer.by_customer_id,
        func.sum(Transfer.points).label("points"),
        func.count().label("transfers"),
        func.max(Transfer.created_at).label("last_at"),
    )
    .where(Transfer.to_account_id.in_(LINEAGE), Transfer.from_account_id.not_in(LINEAGE))
    .group_by(Transfer.from_account_id, Transfer.by_customer_id)
)
_GIVEN_BY = (
    select(Transfer.by_customer_id, func.sum(Transfer.points))
    .where(Transfer.to_account_id.in_(LINEAGE), Transfer.from_account_id.not_in(LINEAGE))
    .group_by(Transfer.by_customer_id)
)
_PENDING = (
    select(TransferRequest.__table__)
    .where(
        or_(
            TransferRequest.from_account_id == bindparam("account_id"),
            TransferRequest.to_account_id == bindparam("account_id"),
        ),
        TransferRequest.used_at.is_(None),
        TransferRequest.cancelled_at.is_(None),
        TransferRequest.expires_at > bindparam("at"),
    )
    .order_by(TransferRequest.created_at, TransferRequest.id)
)
_TRANSFERS_OF = select(Transfer.request_id, Transfer.id).where(
    Transfer.request_id.in_(bindparam("ids", expanding=True))
)


def history(
    session: Session,
    *,
    account_ids: Sequence[str],
    program: str | None = None,
    limit: int = PAGE,
    cursor: str | None = None,
) -> TransferPage:
    """Transfers in and out of these accounts, and of all that became part of them, newest first.

    Args:
        account_ids: a member's, or a household's.
        program: those of one program only.
        limit: how many a page, 100 at most.
        cursor: the ``next_cursor`` of the page before.

    Raises:
        InvalidCursor: it was not given out here.
    """
    size = max(1, min(limit, PAGE_MAX))
    connection = session.connection()
    # Read first: a page of ids that are known is the end of an index, however much is behind it.
    ids = list(connection.execute(LINEAGE, {"ids": list(account_ids)}).scalars())
    places = []
    for column in (Transfer.from_account_id, Transfer.to_account_id):
        place = select(Transfer.id, Transfer.created_at).where(column.in_(_ids))
        if program is not None:
            place = place.where(Transfer.program_id == program)
        if cursor is not None:
            when, last = _read_cursor(cursor)
            place = place.where(tuple_(Transfer.created_at, Transfer.id) < tuple_(when, last))
        place = place.order_by(Transfer.created_at.desc(), Transfer.id.desc()).limit(size + 1)
        places.append(select(place.subquery().c.id))
    rows = (
        connection.execute(
            _KNOWN.where(Transfer.id.in_(union(*places)))
            .order_by(Transfer.created_at.desc(), Transfer.id.desc())
            .limit(size + 1),
            {"ids": ids},
        )
        .mappings()
        .all()
    )
    more, rows = len(rows) > size, rows[:size]
    return TransferPage(
        transfers=tuple(_receipts(session, rows)),
        next_cursor=_write_cursor(rows[-1]) if more else None,
    )


def receipt(
    session: Session,
    *,
    account_ids: Sequence[str],
    transfer_id: str | None = None,
    event_id: str | None = None,
) -> Receipt:
    """One transfer of these accounts, named by its own id or by that of its event.

    Raises:
        TransferNotFound: there is none, or it is of others.
    """
    statement, named = (_ONE, transfer_id) if event_id is None else (_OF_EVENT, event_id)
    parameters = {"id": named, "ids": list(account_ids)}
    rows = session.connection().execute(statement, parameters).mappings().all()
    if not rows:
        raise TransferNotFound()
    return _receipts(session, rows)[0]


def receipt_of_request(session: Session, request_id: str) -> Receipt:
    """What a request that was used became, as its sender sees it."""
    rows = session.connection().execute(_OF_REQUEST, {"request_id": request_id}).mappings().all()
    return _receipts(session, rows)[0]


def transfer_of(session: Session, request_id: str) -> str:
    """The id of the transfer that a request became."""
    found = session.connection().execute(_ID_OF_REQUEST, {"request_id": request_id})
    return str(found.scalar_one())


def _receipts(session: Session, rows: Sequence[_Row]) -> list[Receipt]:
    ends = {row[name] for row in rows for name in ("from_account_id", "to_account_id")}
    sides = people.sides(session, ends)
    receipts = []
    for row in rows:
        direction = Direction.OUT
        if row["into"]:
            direction = Direction.WITHIN if row["out"] else Direction.IN
        end = "to" if direction is Direction.IN else "from"
        receipts.append(
            Receipt(
                id=row["id"],
                entry_id=entry_id(row[f"{end}_account_id"], row[f"{end}_sequence"]),
                direction=direction,
                points=row["points"],
                at=row["created_at"],
                sender=sides[row["from_account_id"]],
                recipient=sides[row["to_account_id"]],
                by_customer_id=row["by_customer_id"],
                note=row["note"],
                program_id=row["program_id"],
                program_name=row["program_name"],
                breakup=(
                    Breakup(
                        program_id=row["program_id"], points=row["points"], left=row[f"{end}_left"]
                    ),
                ),
            )
        )
    return receipts


def recents(session: Session, *, account_ids: Sequence[str], limit: int = 5) -> list[Recent]:
    """Whom these accounts sent points to, the last one first, each once.

    Who can receive none (closed, gone, fraud) is left out, whatever the reason.
    """
    # Some of the first may be left out, or have become one.
    statement = _RECENTS.limit(2 * limit + 10)
    rows = session.connection().execute(statement, {"ids": list(account_ids)}).mappings().all()
    standings = people.standings(session, (row["to_account_id"] for row in rows))
    found: dict[str, Recent] = {}
    for row in rows:
        standing = standings[row["to_account_id"]]
        account_id = standing.side.account_id
        if not standing.receives or account_id is None:
            continue
        known = found.get(account_id)
        found[account_id] = Recent(
            recipient=standing.side,
            last_at=known.last_at if known else row["last_at"],
            points=int(row["points"]) + (known.points if known else 0),
        )
    return list(found.values())[:limit]


def given(session: Session, *, account_id: str) -> list[Given]:
    """Who sent how much to an account, such as a household's: the one who gave most first."""
    rows = session.connection().execute(_GIVEN, {"ids": [account_id]}).mappings().all()
    sides = people.sides(session, (row["from_account_id"] for row in rows))
    found = [
        Given(
            giver=sides[row["from_account_id"]],
            by_customer_id=row["by_customer_id"],
            points=int(row["points"]),
            transfers=int(row["transfers"]),
            last_at=row["last_at"],
        )
        for row in rows
    ]
    return sorted(found, key=lambda one: (-one.points, one.giver.account_id or ""))


def given_by(session: Session, *, account_id: str) -> dict[str, int]:
    """How many points each customer sent to an account, their own or a household's."""
    rows = session.connection().execute(_GIVEN_BY, {"ids": [account_id]})
    return {customer_id: int(points) for customer_id, points in rows}


def pending(session: Session, account_id: str, *, at: datetime) -> list[RequestView]:
    """Requests from or to an account that can still be confirmed, oldest first.

    They must be settled before the account is merged (RULES, "Merge").
    """
    parameters = {"account_id": account_id, "at": at}
    rows = session.connection().execute(_PENDING, parameters).mappings().all()
    return request_views(session, rows, at=at)


def request_views(session: Session, rows: Sequence[_Row], *, at: datetime) -> list[RequestView]:
    """Requests' rows as values."""
    if not rows:
        return []
    used = [row["id"] for row in rows if row["used_at"] is not None]
    transfers: dict[str, str] = {}
    if used:
        found = session.connection().execute(_TRANSFERS_OF, {"ids": used})
        transfers = {row.request_id: row.id for row in found}
    ends = {row[name] for row in rows for name in ("from_account_id", "to_account_id")}
    sides = people.sides(session, ends)
    return [
        RequestView(
            id=row["id"],
            status=_status(row, at),
            program_id=row["program_id"],
            sender=sides[row["from_account_id"]],
            recipient=sides[row["to_account_id"]],
            by_customer_id=row["by_customer_id"],
            points=row["points"],
            note=row["note"],
            created_at=row["created_at"],
            expires_at=row["expires_at"],
            destination=row["code_sent_to"],
            resend_at=row["code_sent_at"] and row["code_sent_at"] + codes.RESEND_AFTER,
            transfer_id=transfers.get(row["id"]),
        )
        for row in rows
    ]


def _status(row: _Row, at: datetime) -> RequestStatus:
    if row["used_at"] is not None:
        return RequestStatus.USED
    if row["cancelled_at"] is not None:
        return RequestStatus.CANCELLED
    return RequestStatus.EXPIRED if row["expires_at"] <= at else RequestStatus.OPEN


def _write_cursor(row: _Row) -> str:
    written = f"{row['created_at'].isoformat()}|{row['id']}"
    return urlsafe_b64encode(written.encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[datetime, str]:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        when, last = urlsafe_b64decode(padded).decode("ascii").split("|")
        instant = datetime.fromisoformat(when)
        if instant.tzinfo is None or "\0" in last:
            raise ValueError(cursor)
        return instant.astimezone(UTC), last
    except (ValueError, binascii.Error, OverflowError) as error:
        raise InvalidCursor(field="cursor") from error
