"""What was sent and received. Nothing here writes; the number of statements does not grow."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, func, literal, or_, select, tuple_, union
from sqlalchemy.orm import Session

from portal import codes
from portal.ledger.errors import InvalidCursor
from portal.ledger.models import Account, EventDetail
from portal.programs.models import Program
from portal.transfers import people
from portal.transfers.errors import TransferNotFound
from portal.transfers.models import Transfer, TransferRequest
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

_down = (
    select(Account.id)
    .where(Account.id.in_(bindparam("ids", expanding=True)))
    .cte("lineage", recursive=True)
)
_LINEAGE = _down.union(select(Account.id).join(_down, Account.merged_into == _down.c.id))
"""The accounts that are asked for, and all that were merged into them, however long ago."""
_ours = select(_LINEAGE.c.id)

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
    Transfer.from_account_id.in_(_ours).label("out"),
    Transfer.to_account_id.in_(_ours).label("into"),
)
_ONE = _MINE.where(
    Transfer.id == bindparam("id"),
    or_(Transfer.from_account_id.in_(_ours), Transfer.to_account_id.in_(_ours)),
)
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
    .where(Transfer.from_account_id.in_(_ours), Transfer.to_account_id.not_in(_ours))
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
    .where(Transfer.to_account_id.in_(_ours), Transfer.from_account_id.not_in(_ours))
    .group_by(Transfer.from_account_id, Transfer.by_customer_id)
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
    parameters: dict[str, Any] = {"ids": list(account_ids)}
    places = []
    for column in (Transfer.from_account_id, Transfer.to_account_id):
        place = select(Transfer.id, Transfer.created_at).where(column.in_(_ours))
        if program is not None:
            place = place.where(Transfer.program_id == program)
        if cursor is not None:
            when, last = _read_cursor(cursor)
            place = place.where(tuple_(Transfer.created_at, Transfer.id) < tuple_(when, last))
        place = place.order_by(Transfer.created_at.desc(), Transfer.id.desc()).limit(size + 1)
        places.append(select(place.subquery().c.id))
    rows = (
        session.connection()
        .execute(
            _MINE.where(Transfer.id.in_(union(*places)))
            .order_by(Transfer.created_at.desc(), Transfer.id.desc())
            .limit(size + 1),
            parameters,
        )
        .mappings()
        .all()
    )
    more, rows = len(rows) > size, rows[:size]
    return TransferPage(
        transfers=tuple(_receipts(session, rows)),
        next_cursor=_write_cursor(rows[-1]) if more else None,
    )


def receipt(session: Session, *, transfer_id: str, account_ids: Sequence[str]) -> Receipt:
    """One transfer of these accounts.

    Raises:
        TransferNotFound: there is none, or it is of others.
    """
    parameters = {"id": transfer_id, "ids": list(account_ids)}
    rows = session.connection().execute(_ONE, parameters).mappings().all()
    if not rows:
        raise TransferNotFound(transfer=transfer_id)
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
        left = row["to_left"] if direction is Direction.IN else row["from_left"]
        receipts.append(
            Receipt(
                id=row["id"],
                direction=direction,
                points=row["points"],
                at=row["created_at"],
                sender=sides[row["from_account_id"]],
                recipient=sides[row["to_account_id"]],
                by_customer_id=row["by_customer_id"],
                note=row["note"],
                program_id=row["program_id"],
                program_name=row["program_name"],
                breakup=(Breakup(program_id=row["program_id"], points=row["points"], left=left),),
            )
        )
    return receipts


def recents(session: Session, *, account_ids: Sequence[str], limit: int = 5) -> list[Recent]:
    """Whom these accounts sent points to, the last one first, each once."""
    rows = (
        session.connection()
        .execute(_RECENTS.limit(limit), {"ids": list(account_ids)})
        .mappings()
        .all()
    )
    sides = people.sides(session, (row["to_account_id"] for row in rows))
    found: dict[str, Recent] = {}
    for row in rows:
        side = sides[row["to_account_id"]]
        known = found.get(side.account_id or "")
        found[side.account_id or ""] = Recent(
            recipient=side,
            last_at=known.last_at if known else row["last_at"],
            points=int(row["points"]) + (known.points if known else 0),
        )
    return list(found.values())


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


def pending(session: Session, account_id: str, *, at: datetime) -> list[RequestView]:
    """Requests from or to an account that can still be confirmed, oldest first.

    They must be settled before the account is merged (RULES, "Merge").
    """
    parameters = {"account_id": account_id, "at": at}
    rows = session.connection().execute(_PENDING, parameters).mappings().all()
    return request_views(session, rows, at=at)


def request_views(
    session: Session, rows: Sequence[_Row], *, at: datetime, purpose: str | None = None
) -> list[RequestView]:
    """Requests' rows as values; ``purpose`` asks for the times of their codes as well."""
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
            resend_at=purpose and codes.resend_at(session, purpose=purpose, subject=row["id"]),
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
