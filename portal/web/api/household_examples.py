"""Examples about households; :mod:`portal.web.api.examples` has the rest."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

VARIABLES: Final[Mapping[str, str]] = MappingProxyType({"HOUSEHOLD": "hh_06gz4vg61y80z72c46eh"})

PATHS: Final[Mapping[str, str]] = MappingProxyType({"Households": "$HOUSEHOLD"})

QUERIES: Final[Mapping[str, str]] = MappingProxyType(
    {"list_households": "?identifier_type=primary_mobile&identifier_value=%2B351912345678"}
)

REQUESTS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "create_household": {
            "name": "Dias family",
            "primary": {"account": "$ACCOUNT"},
            "external_id": "$RECEIPT",
        },
        "change_household": {"name": "Dias and Reis"},
        "add_household_member": {"account": "$OTHER", "default": True},
        "change_household_member": {"may_send": True},
    }
)

_AT = "2026-03-02T12:00:00Z"
_PRIMARY: Mapping[str, Any] = {
    "customer": "cus_06gz4v6w0m7np6r1tw3y",
    "first_name": "Ana",
    "last_name": "Dias",
    "status": "active",
    "active": True,
    "primary": True,
    "default": True,
    "may_send": True,
    "invited_at": None,
    "joined_at": _AT,
}
_MEMBER: Mapping[str, Any] = {
    "customer": "cus_06gz4v7j1k8qp5s2vy4z",
    "first_name": "Rui",
    "last_name": "Dias",
    "status": "active",
    "active": True,
    "primary": False,
    "default": True,
    "may_send": False,
    "invited_at": None,
    "joined_at": _AT,
}
_ACCOUNT: Mapping[str, Any] = {
    "id": "loy_06gz4vh72z91083d57fj",
    "external_id": None,
    "program": "corner",
    "customer": None,
    "household": VARIABLES["HOUSEHOLD"],
    "status": "active",
    "balance": 700,
    "promised": 0,
    "lifetime_points": 700,
    "lifetime_purchases": 70000,
    "balance_value": {"amount": 700, "currency": "EUR"},
    "tier": None,
    "enrolled_at": _AT,
    "created_at": _AT,
    "updated_at": _AT,
    "expiring_point_deadlines": [
        {"expires_at": "2027-03-03T00:00:00Z", "expires_on": "2027-03-02", "points": 700}
    ],
    "unit": "PTS",
    "sequence": 1,
    "metadata": {},
}
_HOUSEHOLD: Mapping[str, Any] = {
    "id": VARIABLES["HOUSEHOLD"],
    "external_id": "R-2041",
    "name": "Dias family",
    "status": "active",
    "members": [_PRIMARY, _MEMBER],
    "accounts": [_ACCOUNT],
    "created_at": _AT,
    "closed_at": None,
}

ANSWERS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "create_household": {**_HOUSEHOLD, "members": [_PRIMARY]},
        "list_households": {"data": [_HOUSEHOLD], "next_cursor": None},
        "read_household": _HOUSEHOLD,
        "change_household": {**_HOUSEHOLD, "name": "Dias and Reis"},
        "add_household_member": _HOUSEHOLD,
        "change_household_member": {
            **_HOUSEHOLD,
            "members": [_PRIMARY, {**_MEMBER, "may_send": True}],
        },
        "remove_household_member": {**_HOUSEHOLD, "members": [_PRIMARY]},
        "close_household": {
            **_HOUSEHOLD,
            "status": "closed",
            "members": [{**_PRIMARY, "default": False}, {**_MEMBER, "default": False}],
            "accounts": [{**_ACCOUNT, "balance": 0, "status": "closed"}],
            "closed_at": _AT,
        },
        "reopen_household": {
            **_HOUSEHOLD,
            "members": [{**_PRIMARY, "default": False}, {**_MEMBER, "default": False}],
        },
    }
)
