"""The hash chain of an account: what was booked cannot be edited unseen.

Version 1: SHA-256 over the previous hash and the fields of the entry, the
digest of its event, the lots it opened and the allocations made with it.
The event's digest covers what people wrote only through a salted digest, so
that a note can be erased while the chain stays whole.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

VERSION = 1

_SEPARATOR = "\x1f"


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return str(value)


def genesis(account_id: str) -> bytes:
    """The hash before an account's first entry."""
    return hashlib.sha256(f"portal:{VERSION}:{account_id}".encode()).digest()


def detail_digest(*, salt: bytes, note: str | None, metadata: Mapping[str, Any] | None) -> bytes:
    """What stands in the chain for the words that people wrote."""
    written = json.dumps([note, metadata], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(salt + written.encode()).digest()


_EVENT_FIELDS = (
    "id",
    "name",
    "origin",
    "reason",
    "store",
    "till",
    "order_id",
    "order_number",
    "order_value",
    "order_currency",
    "order_placed_at",
    "actor",
    "request_id",
    "occurred_at",
    "recorded_at",
)


def event_digest(event: Mapping[Any, Any]) -> bytes:
    """The digest of an event's row."""
    written = _SEPARATOR.join([_text(event[name]) for name in _EVENT_FIELDS])
    return hashlib.sha256(written.encode() + b"\x1e" + (event["detail_digest"] or b"")).digest()


_ENTRY_FIELDS = (
    "account_id",
    "sequence",
    "event_id",
    "type",
    "category",
    "amount",
    "balance_after",
    "lifetime_delta",
    "taken_back_delta",
    "reverses",
    "program_version",
    "late",
    "occurred_at",
    "recorded_at",
)
_LOT_FIELDS = (
    "number",
    "category",
    "earned",
    "earned_at",
    "available_from",
    "expires_at",
    "trigger",
    "origin_account_id",
    "origin_number",
)
_ALLOCATION_FIELDS = ("lot_number", "debit_sequence", "points")


def entry_hash(
    previous: bytes,
    *,
    entry: Mapping[Any, Any],
    event_digest: bytes,
    lots: Iterable[Mapping[Any, Any]],
    allocations: Iterable[Mapping[Any, Any]],
) -> bytes:
    """The hash of an entry that follows the one hashed ``previous``.

    Args:
        lots: those it opened, by number.
        allocations: those made with it, by lot and debit.
    """
    parts = [_text(entry[name]) for name in _ENTRY_FIELDS]
    for lot in lots:
        parts.append("lot")
        parts.extend([_text(lot[name]) for name in _LOT_FIELDS])
    for allocation in allocations:
        parts.append("allocation")
        parts.extend([_text(allocation[name]) for name in _ALLOCATION_FIELDS])
    return hashlib.sha256(previous + event_digest + _SEPARATOR.join(parts).encode()).digest()
