"""An example of each request and answer.

In a request ``$ACCOUNT`` and the like stand for what the reader has made
(:mod:`portal.web.api.snippets` puts something in their place).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from portal.web.api import household_examples, transfer_examples
from portal.web.api.reward_examples import (
    REWARD,
    REWARD_QUERIES,
    REWARD_REQUESTS,
    VOUCHER,
    quoted,
    reward_answers,
)

VARIABLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "PROGRAM": "corner",
        "ACCOUNT": "loy_06gz4v6w1n8pq7s2vx4z",
        "OTHER": "loy_06gz4v7k2m9qr8t3wx5y",
        "CUSTOMER": "cus_06gz4v6w0m7np6r1tw3y",
        "REDEMPTION": "red_06gz4v8x3p0rs9t4wy6z",
        "QUOTE": "quo_06gz4v9y4q1st0v5xz7a",
        "ORDER": "ord_06gz4va05r2tv1w6y08b",
        "RECEIPT": "R-2041",
        "CARD": "2000 0123 4567",
        **household_examples.VARIABLES,
        **transfer_examples.VARIABLES,
        "REWARD": REWARD,
        "VOUCHER": VOUCHER,
    }
)
"""What an example may name, and what stands there in the document."""

PATHS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Programs": "$PROGRAM",
        "Accounts": "$ACCOUNT",
        "Customers": "$CUSTOMER",
        "Orders": "$ORDER",
        "Redemptions": "$REDEMPTION",
        "Events": "",
        **household_examples.PATHS,
        **transfer_examples.PATHS,
        "Rewards": "$REWARD",
        "Vouchers": "$VOUCHER",
    }
)
"""Whose id a path takes, by its tag."""

QUERIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "list_accounts": "?identifier_type=mobile&identifier_value=%2B351912345678",
        "list_transactions": "?type=earn&from=2026-01-01T00:00:00Z&limit=50",
        "read_balances": "?at=2026-01-01T00:00:00Z",
        "read_customer_balances": "?at=2026-01-01T00:00:00Z",
        **household_examples.QUERIES,
        **transfer_examples.QUERIES,
        **REWARD_QUERIES,
    }
)

REQUESTS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "create_account": {
            "customer": {"card_number": "$CARD", "first_name": "Ana", "last_name": "Dias"},
            "value": 1000,
        },
        "change_account": {"metadata": {"favourite": "espresso"}},
        "merge_account": {"into": "$OTHER"},
        "set_fraud_status": {"status": "suspected"},
        "adjust_account": {"points": 250, "reason": "goodwill_credit"},
        "create_quote": {"account": "$ACCOUNT", "order": {"value": 2000, "currency": "EUR"}},
        "create_order": {
            "id": "$RECEIPT",
            "store": "lisbon-1",
            "till": "2",
            "value": 2000,
            "currency": "EUR",
            "account": "$ACCOUNT",
            "quote": "$QUOTE",
            "redeem": {"points": 500},
            "lines": [
                {"sku": "coffee-250", "category": "coffee", "quantity": 2, "value": 1400},
                {"sku": "cup", "quantity": 1, "value": 600},
            ],
        },
        "refund_order": {"value": 500},
        "create_redemption": {
            "identifier": {"type": "card_number", "value": "$CARD"},
            "points": 300,
            "order": {"id": "$RECEIPT", "value": 1250, "currency": "EUR"},
            "store": "lisbon-1",
            "till": "2",
        },
        "reverse_redemption": {"points": 100},
        "create_event": {"account": "$ACCOUNT", "name": "birthday", "id": "birthday-2026-$RECEIPT"},
        **household_examples.REQUESTS,
        **transfer_examples.REQUESTS,
        **REWARD_REQUESTS,
    }
)

_AT = "2026-03-02T12:00:00Z"
_DEADLINE = {"expires_at": "2027-03-03T00:00:00Z", "expires_on": "2027-03-02", "points": 515}
_ACCOUNT: Mapping[str, Any] = {
    "id": VARIABLES["ACCOUNT"],
    "external_id": None,
    "program": "corner",
    "customer": VARIABLES["CUSTOMER"],
    "household": None,
    "status": "active",
    "balance": 515,
    "promised": 0,
    "lifetime_points": 1015,
    "lifetime_purchases": 2000,
    "balance_value": {"amount": 515, "currency": "EUR"},
    "tier": None,
    "enrolled_at": _AT,
    "created_at": _AT,
    "updated_at": _AT,
    "expiring_point_deadlines": [_DEADLINE],
    "unit": "PTS",
    "sequence": 3,
    "metadata": {},
}
_PROGRAM = {
    "id": "corner",
    "name": "Corner Points",
    "currency": "PTS",
    "decimals": 0,
    "unit": {"one": "point", "other": "points"},
    "timezone": "Europe/Lisbon",
}
_EVENT = {
    "id": "evt_06gz4vb16s3vw2x7z19c",
    "name": "TransactionAdd",
    "occurred_at": _AT,
    "recorded_at": _AT,
    "store": "lisbon-1",
    "till": "2",
    "order": {
        "id": VARIABLES["ORDER"],
        "number": "R-2041",
        "placed_at": _AT,
        "value": 2000,
        "currency": "EUR",
    },
    "actor": "key:key_06gz4vc27t4wx3y802ad",
    "note": None,
}
_TRANSACTION = {
    "id": "ptx_06gz4vd38v5xy4z913be",
    "account": VARIABLES["ACCOUNT"],
    "type": "earn",
    "category": "regular",
    "amount": 15,
    "balance_after": 515,
    "reason": "base",
    "metadata": {},
    "event": _EVENT,
    "expires_at": "2027-03-03T00:00:00Z",
    "expires_on": "2027-03-02",
    "reverses": None,
    "reversed_by": [],
}
_ADJUSTMENT = _TRANSACTION | {
    "type": "adjust",
    "amount": 250,
    "balance_after": 765,
    "reason": "goodwill_credit",
    "event": _EVENT | {"name": "ManualAdjustment", "store": None, "till": None, "order": None},
}
_BALANCES = {
    "account": VARIABLES["ACCOUNT"],
    "program": "corner",
    "unit": "PTS",
    "at": "2026-01-01T00:00:00Z",
    "by": "occurred_at",
    "balances": {"regular": 0, "promised": 0, "trigger_based": 0},
}
_CUSTOMER: Mapping[str, Any] = {
    "id": VARIABLES["CUSTOMER"],
    "first_name": "Ana",
    "last_name": "Dias",
    "birth_date": None,
    "language": None,
    "fraud_status": "none",
    "referred_by": None,
    "identifiers": [
        {
            "type": "card_number",
            "value": "200001234567",
            "source": None,
            "source_account": None,
            "verified_at": None,
        }
    ],
    "metadata": {},
    "created_at": _AT,
    "updated_at": _AT,
    "accounts": [_ACCOUNT],
}
_REDEMPTION = {
    "id": VARIABLES["REDEMPTION"],
    "status": "captured",
    "account": VARIABLES["ACCOUNT"],
    "points": 500,
    "value": 500,
    "currency": "EUR",
    "points_reversed": 0,
    "created_at": _AT,
    "expires_at": None,
}
_EARNED = {
    "program": "corner",
    "account": VARIABLES["ACCOUNT"],
    "points": 15,
    "promised": False,
    "available_at": None,
    "trigger": None,
    "expires_at": "2027-03-03T00:00:00Z",
    "explanation": "1 point per €1 on €15 = 15",
}
_QUOTE = {
    "id": VARIABLES["QUOTE"],
    "spendable": 1000,
    "max_points": 1000,
    "min_points": 100,
    "multiple_of": 1,
    "max_value": 1000,
    "would_earn": 20,
    "earning": [_EARNED | {"points": 20, "explanation": "1 point per €1 on €20 = 20"}],
    "approval": "none",
    "refusals": [],
    "sources": [
        {
            "account": VARIABLES["ACCOUNT"],
            "program": "corner",
            "spendable": 1000,
            "max_points": 1000,
            "min_points": 100,
            "multiple_of": 1,
            "max_value": 1000,
            "approval": "none",
            "refusals": [],
        }
    ],
    **quoted(account=VARIABLES["ACCOUNT"]),
    "expires_at": "2026-03-02T12:15:00Z",
    "warnings": [],
}
_ORDER = {
    "id": VARIABLES["ORDER"],
    "number": "R-2041",
    "store": "lisbon-1",
    "till": "2",
    "status": "captured",
    "customer": VARIABLES["CUSTOMER"],
    "value": 2000,
    "currency": "EUR",
    "amount_due": 1500,
    "refunded": 0,
    "redemptions": [_REDEMPTION],
    "earned": [_EARNED],
    "accounts": [_ACCOUNT],
    "placed_at": _AT,
    "created_at": _AT,
    "expires_at": None,
    "metadata": {},
    "warnings": [],
}
_REFUND = {
    "id": "rfd_06gz4ve49w6yz50a24cf",
    "order": VARIABLES["ORDER"],
    "value": 500,
    "currency": "EUR",
    "points_taken_back": 4,
    "points_given_back": 125,
    "value_given_back": 125,
    "amount_returned": 375,
    "refunded": 500,
    "parts": [
        {
            "account": VARIABLES["ACCOUNT"],
            "program": "corner",
            "points_taken_back": 4,
            "points_given_back": 125,
        }
    ],
    "created_at": _AT,
}

ANSWERS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "list_programs": {"data": [_PROGRAM], "next_cursor": None},
        "read_program": _PROGRAM,
        "list_accounts": {"data": [_ACCOUNT], "next_cursor": None},
        "create_account": _ACCOUNT,
        "read_account": _ACCOUNT,
        "change_account": {**_ACCOUNT, "metadata": {"favourite": "espresso"}},
        "close_account": {**_ACCOUNT, "status": "closed"},
        "reopen_account": _ACCOUNT,
        "freeze_account": {**_ACCOUNT, "status": "frozen"},
        "unfreeze_account": _ACCOUNT,
        "merge_account": {**_ACCOUNT, "id": VARIABLES["OTHER"]},
        "list_transactions": {"data": [_TRANSACTION], "pending": [], "next_cursor": None},
        "read_balances": _BALANCES,
        "adjust_account": _ADJUSTMENT,
        "read_customer": _CUSTOMER,
        "set_fraud_status": {**_CUSTOMER, "fraud_status": "suspected"},
        "list_customer_events": {
            "data": [
                {
                    "event": _EVENT,
                    "entries": [
                        {
                            "id": _TRANSACTION["id"],
                            "account": VARIABLES["ACCOUNT"],
                            "program": "corner",
                            "type": "earn",
                            "category": "regular",
                            "amount": 15,
                            "balance_after": 515,
                        }
                    ],
                    "net": 15,
                }
            ],
            "next_cursor": None,
        },
        "read_customer_balances": {
            "customer": VARIABLES["CUSTOMER"],
            "at": "2026-01-01T00:00:00Z",
            "by": "occurred_at",
            "data": [_BALANCES],
        },
        "create_quote": _QUOTE,
        "create_order": _ORDER,
        "read_order": _ORDER,
        "capture_order": _ORDER,
        "void_order": {
            **_ORDER,
            "status": "voided",
            "redemptions": [_REDEMPTION | {"status": "voided"}],
            "earned": [],
        },
        "refund_order": _REFUND,
        "create_redemption": _REDEMPTION | {"points": 300, "value": 300},
        "read_redemption": _REDEMPTION,
        "capture_redemption": _REDEMPTION,
        "void_redemption": _REDEMPTION | {"status": "voided"},
        "reverse_redemption": {
            "id": "ptx_06gz4vf50x7z061b35dg",
            "redemption": VARIABLES["REDEMPTION"],
            "points": 100,
            "points_reversed": 100,
            "restored": [{"points": 100, "expires_at": "2027-03-03T00:00:00Z"}],
        },
        "create_event": {
            "id": "birthday-2026-R-2041",
            "name": "birthday",
            "account": VARIABLES["ACCOUNT"],
            "earned": [
                _EARNED | {"points": 75, "explanation": "75 points for birthday"},
            ],
            "released": 0,
            "warnings": [],
        },
        **household_examples.ANSWERS,
        **transfer_examples.ANSWERS,
        **reward_answers(account=VARIABLES["ACCOUNT"]),
    }
)
