"""Examples of requests and answers about rewards and vouchers."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

REWARD = "mug"
VOUCHER = "7K3M9QXV2HTRWD5F"
_AT = "2026-03-02T12:00:00Z"

REWARD_QUERIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "list_rewards": "?account=$ACCOUNT",
        "read_reward": "?account=$ACCOUNT",
        "list_vouchers": "?account=$ACCOUNT&status=issued",
    }
)

REWARD_REQUESTS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "create_voucher": {
            "identifier": {"type": "card_number", "value": "$CARD"},
            "reward": "$REWARD",
            "store": "lisbon-1",
            "till": "2",
        },
        "use_voucher": {
            "order": {"id": "$RECEIPT", "value": 1250, "currency": "EUR"},
            "store": "lisbon-1",
            "till": "2",
        },
    }
)


def reward_answers(*, account: str) -> Mapping[str, Any]:
    """The answers, about this account."""
    worth: dict[str, Any] = {"kind": "free_item", "value": None, "currency": None}
    reward: dict[str, Any] = {
        "id": REWARD,
        "program": "corner",
        "name": "Mug",
        "description": "Of stoneware, from Caldas.",
        **worth,
        "price": 500,
        "unit": "PTS",
        "affordable": True,
        "missing_points": 0,
        "available": True,
        "refusals": [],
        "stock": 50,
        "left": 49,
        "per_member": None,
        "mine": 0,
        "valid_from": None,
        "valid_to": None,
        "tiers": [],
        "stores": [],
        "categories": [],
        "position": 0,
        "voucher_days": 30,
        "on_lapse": "return",
        "picture": None,
    }
    voucher: dict[str, Any] = {
        "id": "vou_06gz4vg61y8a172c46eh",
        "code": VOUCHER,
        "spoken_code": "7K3M-9QXV-2HTR-WD5F",
        "reward": REWARD,
        "name": "Mug",
        **worth,
        "program": "corner",
        "account": account,
        "points": 500,
        "status": "issued",
        "stores": [],
        "on_lapse": "return",
        "issued_at": _AT,
        "expires_at": "2026-04-02T23:00:00Z",
        "expires_on": "2026-04-02",
        "used_at": None,
        "store": None,
        "till": None,
        "order": None,
        "cancelled_at": None,
    }
    used = {"used_at": _AT, "store": "lisbon-1", "till": "2", "order": "R-2041", "off": None}
    return {
        "list_rewards": {"data": [reward], "next_cursor": None},
        "read_reward": reward,
        "create_voucher": voucher,
        "list_vouchers": {"data": [voucher], "next_cursor": None},
        "read_voucher": voucher,
        "use_voucher": voucher | {"status": "used"} | used,
        "cancel_voucher": voucher | {"status": "cancelled", "cancelled_at": _AT},
    }


def quoted(*, account: str) -> Mapping[str, Any]:
    """What a quote says of rewards."""
    answers = reward_answers(account=account)
    reward, voucher = answers["read_reward"], answers["create_voucher"]
    names = ("program", "name", "kind", "value", "currency", "price", "affordable")
    return {
        "rewards": [
            {"reward": REWARD, "account": account, "missing_points": 0, "off": None}
            | {name: reward[name] for name in names}
        ],
        "vouchers": [voucher | {"off": None}],
    }
