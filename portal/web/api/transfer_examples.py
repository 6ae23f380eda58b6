"""Examples about transfers; :mod:`portal.web.api.examples` has the rest."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

VARIABLES: Final[Mapping[str, str]] = MappingProxyType(
    {"TRANSFER": "trq_06gz4vj830a2194e68gk", "CODE": "482913"}
)
"""The code stands for the one that the sender was sent."""

PATHS: Final[Mapping[str, str]] = MappingProxyType({"Transfers": "$TRANSFER"})

QUERIES: Final[Mapping[str, str]] = MappingProxyType(
    {"list_transfers": "?account=$ACCOUNT&limit=50"}
)

REQUESTS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "check_transfer": {
            "from": {"account": "$ACCOUNT"},
            "to": {"identifier": {"type": "card_number", "value": "$CARD-2"}},
            "points": 100,
            "note": "For the cake",
            "issue_code": True,
        },
        "create_transfer": {"transfer_request": "$TRANSFER", "code": "$CODE"},
    }
)

_TRANSFER: Mapping[str, Any] = {
    "id": "trf_06gz4vk941b32a5f79hm",
    "direction": "out",
    "points": 100,
    "at": "2026-03-02T12:00:00Z",
    "from": {
        "display": "An… D… (…78)",
        "name": "Ana Dias",
        "account": "loy_06gz4v6w1n8pq7s2vx4z",
        "customer": "cus_06gz4v6w0m7np6r1tw3y",
        "household": None,
    },
    "to": {
        "display": "Ru… R… (…89)",
        "name": "Rui Reis",
        "account": "loy_06gz4v7k2m9qr8t3wx5y",
        "customer": "cus_06gz4v7j1k8qp5s2vy4z",
        "household": None,
    },
    "transferred_by": "cus_06gz4v6w0m7np6r1tw3y",
    "note": "For the cake",
    "program": "corner",
    "program_name": "Corner Points",
    "breakup": [{"program": "corner", "points": 100, "left": 900}],
}

_REQUEST: Mapping[str, Any] = {
    "id": VARIABLES["TRANSFER"],
    "status": "open",
    "points": 100,
    "from": _TRANSFER["from"],
    "to": _TRANSFER["to"],
    "transferred_by": _TRANSFER["transferred_by"],
    "note": "For the cake",
    "program": "corner",
    "created_at": "2026-03-02T12:00:00Z",
    "expires_at": "2026-03-02T12:15:00Z",
    "code_sent_to": "…78",
    "resend_at": "2026-03-02T12:00:30Z",
    "transfer": None,
}

ANSWERS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "check_transfer": {
            "transferable": True,
            "reasons": [],
            "recipient": {"display": "Ru… R… (…89)"},
            "remaining": 900,
            "transfer_request": VARIABLES["TRANSFER"],
            "expires_at": "2026-03-02T12:15:00Z",
            "code_sent_to": "…78",
            "resend_at": "2026-03-02T12:00:30Z",
            "warnings": [],
        },
        "create_transfer": _TRANSFER,
        "read_transfer_request": _REQUEST,
        "resend_transfer_code": _REQUEST,
        "cancel_transfer_request": {**_REQUEST, "status": "cancelled", "note": None},
        "list_transfers": {"data": [_TRANSFER], "next_cursor": None},
    }
)
