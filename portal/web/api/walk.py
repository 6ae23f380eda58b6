"""The first redemption, as lines to copy from the page."""

from collections.abc import Mapping
from typing import Final

KEY: Final = """\
export HOST={host}/api/v1
export KEY=$(.venv/bin/portal api-key create --name "First till $(date +%s)" \\
  --scopes read,enrol,redeem,earn,reverse | tail -n 1)
RECEIPT=R-$(date +%s)
field() {{ python3 -c "import json, sys; print(json.load(sys.stdin)['$1'])"; }}
new_key() {{ python3 -c "import uuid; print(uuid.uuid4())"; }}"""

MEMBER: Final = """\
ACCOUNT=$(curl -sS "$HOST/accounts" \\
  -H "Authorization: Bearer $KEY" \\
  -H "Idempotency-Key: join-$RECEIPT" \\
  -H "Content-Type: application/json" \\
  -d '{"customer": {"external_id": "'$RECEIPT'"}, "value": 1000}' | field id)
echo "$ACCOUNT\""""

QUOTE: Final = """\
QUOTE=$(curl -sS "$HOST/quotes" \\
  -H "Authorization: Bearer $KEY" \\
  -H "Content-Type: application/json" \\
  -d '{"account": "'$ACCOUNT'", "order": {"value": 2000, "currency": "EUR"}}')
echo "$QUOTE"
POINTS=$(echo "$QUOTE" | field max_points)"""

ORDER: Final = """\
PLACED=$(curl -sS "$HOST/orders" \\
  -H "Authorization: Bearer $KEY" \\
  -H "Idempotency-Key: order-$RECEIPT" \\
  -H "Content-Type: application/json" \\
  -d '{"id": "'$RECEIPT'", "value": 2000, "currency": "EUR",
       "account": "'$ACCOUNT'", "redeem": {"points": '$POINTS'}}')
echo "$PLACED"
ORDER=$(echo "$PLACED" | field id)"""

REFUND: Final = """\
curl -sS "$HOST/orders/$ORDER/refunds" \\
  -H "Authorization: Bearer $KEY" \\
  -H "Idempotency-Key: refund-$RECEIPT-1" \\
  -H "Content-Type: application/json" \\
  -d '{"value": 500}'"""

PYTHON: Final = """\
import os
import time
import uuid

import requests

host = os.environ["HOST"]
till = requests.Session()
till.headers["Authorization"] = f"Bearer {os.environ['KEY']}"


def post(path, body, key):
    for wait in (1, 2, 4, 8, 0):
        try:
            answer = till.post(
                host + path, json=body, headers={"Idempotency-Key": key}, timeout=10
            )
        except requests.RequestException:
            answer = None  # It may have been done: the same key finds out.
        if answer is not None and answer.status_code < 500:
            if not answer.ok:
                raise RuntimeError(answer.json()["detail"])
            return answer.json()
        time.sleep(wait)
    raise RuntimeError("The portal cannot be reached. Take the payment without points.")


receipt = f"P-{time.time_ns()}"
member = post(
    "/accounts", {"customer": {"external_id": receipt}, "value": 1000}, f"join-{receipt}"
)
order = post(
    "/orders",
    {
        "id": receipt,
        "value": 2000,
        "currency": "EUR",
        "account": member["id"],
        "redeem": {"points": 500},
    },
    f"order-{receipt}",
)
print(order["amount_due"], [earned["explanation"] for earned in order["earned"]])
refund = post(f"/orders/{order['id']}/refunds", {"value": 500}, f"refund-{receipt}-1")
print(refund["points_given_back"], refund["points_taken_back"], refund["amount_returned"])"""


def steps(host: str) -> Mapping[str, str]:
    """Each step's lines, for a portal at ``host``."""
    return {
        "key": KEY.format(host=host),
        "member": MEMBER,
        "quote": QUOTE,
        "order": ORDER,
        "refund": REFUND,
        "python": PYTHON,
    }
