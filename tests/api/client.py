"""A checkout as a real till would write it: every write is sent until it is answered.

It chooses the key of a write from the receipt, before it sends anything, so
that it would find the same key again after its own power was cut. No answer,
a cut answer and a 5xx are all the same to it: send the same again.
"""

import random
import time
from typing import Any

import requests

TIMEOUT_SECONDS = 10
WAIT_SECONDS = 0.05
WAIT_SECONDS_MAX = 2.0


class Refused(Exception):
    """The portal answered no, and says why; asking again would change nothing."""

    def __init__(self, status: int, problem: dict[str, Any]):
        self.status, self.problem, self.code = status, problem, problem["code"]
        super().__init__(f"{status} {self.code}: {problem['detail']}")


class Unreachable(Exception):
    """No answer for too long: the sale goes on without points, the key is kept."""


class Checkout:
    """One till. Amounts in the smallest unit, as everywhere."""

    def __init__(
        self,
        address: str,
        key: str,
        *,
        store: str,
        timeout_seconds: float = TIMEOUT_SECONDS,
        patience_seconds: float = 60,
        chance: random.Random | None = None,
    ):
        self.address, self.key, self.store = f"{address}/api/v1", key, store
        self.timeout_seconds, self.patience_seconds = timeout_seconds, patience_seconds
        self.chance = chance or random.Random()
        self.retries = 0
        self.replays = 0
        """Answers that were given before, and got lost on their way."""
        self.connection = self._connect()

    def quote(self, *, value: int, currency: str = "EUR", **holder: Any) -> dict[str, Any]:
        """What the customer could pay with points."""
        order = {"value": value, "currency": currency}
        return self._send("POST", "/quotes", {"order": order, "store": self.store, **holder})

    def order(
        self, receipt: str, *, value: int, currency: str = "EUR", **more: Any
    ) -> dict[str, Any]:
        """Record a sale, whatever it takes with it: ``redeem``, ``splits``, ``capture``…"""
        body = {"id": receipt, "store": self.store, "value": value, "currency": currency, **more}
        return self._send("POST", "/orders", body, key=f"{self.store}/{receipt}/order")

    def capture(self, order: dict[str, Any]) -> dict[str, Any]:
        """The card was charged."""
        return self._follow(order, "capture")

    def void(self, order: dict[str, Any]) -> dict[str, Any]:
        """The card was refused."""
        return self._follow(order, "void")

    def refund(self, order: dict[str, Any], *, value: int, number: int) -> dict[str, Any]:
        """Goods came back; ``number`` counts the refunds of one receipt."""
        return self._follow(order, "refunds", {"value": value}, called=f"refund-{number}")

    def read(self, path: str) -> dict[str, Any]:
        """Read anything."""
        return self._send("GET", path)

    def _follow(
        self, order: dict[str, Any], action: str, body: Any = None, *, called: str = ""
    ) -> dict[str, Any]:
        key = f"{self.store}/{order['number']}/{called or action}"
        return self._send("POST", f"/orders/{order['id']}/{action}", body, key=key)

    def _send(
        self, method: str, path: str, body: Any = None, *, key: str | None = None
    ) -> dict[str, Any]:
        headers = {"Idempotency-Key": key} if key else {}
        give_up = time.monotonic() + self.patience_seconds
        wait = WAIT_SECONDS
        while True:
            answer = self._try(method, path, body, headers)
            if answer is not None and not _again(answer):
                self.replays += "Idempotency-Hit" in answer.headers
                content: dict[str, Any] = answer.json()
                if answer.ok:
                    return content
                raise Refused(answer.status_code, content)
            if time.monotonic() > give_up:
                raise Unreachable(path)
            self.retries += 1
            told = answer.headers.get("Retry-After") if answer is not None else None
            # Tills that failed together must not come back together.
            time.sleep(min(float(told), wait) if told else wait * self.chance.uniform(0.5, 1))
            wait = min(wait * 2, WAIT_SECONDS_MAX)

    def _try(
        self, method: str, path: str, body: Any, headers: dict[str, str]
    ) -> requests.Response | None:
        try:
            answer = self.connection.request(
                method,
                self.address + path,
                json=body,
                headers=headers,
                timeout=self.timeout_seconds,
            )
            # Cut within its headers, an answer looks whole and empty.
            answer.json()
            return answer
        except requests.RequestException:
            # Whether it was done nobody knows; the socket is of no more use.
            self.connection.close()
            self.connection = self._connect()
            return None

    def _connect(self) -> requests.Session:
        connection = requests.Session()
        connection.trust_env = False
        connection.headers["Authorization"] = f"Bearer {self.key}"
        return connection


def _again(answer: requests.Response) -> bool:
    """Whether the same may be answered otherwise later: busy, in flight, too many, broken."""
    if answer.status_code >= 500 or answer.status_code == 429:
        return True
    return answer.status_code == 409 and "Retry-After" in answer.headers
