"""Whom points are meant for: tokens that stand for somebody's account, or for a person.

A token is opaque: it is encrypted, runs out, and says to its bearer nothing
but that points may be sent there. A member's QR carries one, and so does each
choice of a form, so that no page has anybody's id in it.
"""

import base64
import hmac
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from portal.outbox.cipher import Unreadable
from portal.web.settings import cipher, pepper

TOKEN_LASTS = timedelta(days=1)
TYPED_LENGTH_MAX = 400
"""An address with a token in it is what a member's QR says."""
_NAME = "recipient"
_TOKEN = re.compile(r"(?:[?&]to=|^)(?P<token>r1[A-Za-z0-9_-]{60,360})")
_MARK = "r1"
_PERSON_PURPOSE = b"portal/web/person/1"
_PERSON_LENGTH = 20


@dataclass(frozen=True, slots=True)
class Addressed:
    """An account that points are meant for.

    ``display`` is its holder, masked; empty where the token does not say.
    """

    account_id: str
    display: str = ""


def token(
    account_id: str, *, at: datetime, display: str = "", lasts: timedelta = TOKEN_LASTS
) -> str:
    """A token for an account.

    Args:
        display: what to call its holder, already masked; saves asking for it.
    """
    until = int((at + lasts).timestamp())
    plain = json.dumps([account_id, until, display], ensure_ascii=False, separators=(",", ":"))
    sealed = cipher().seal(plain.encode(), name=_NAME)
    return _MARK + base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def opened(text: str | None, *, at: datetime) -> Addressed | None:
    """What a token, or an address that carries one, stands for; None where it is no good."""
    found = _TOKEN.search(text or "") if len(text or "") <= TYPED_LENGTH_MAX else None
    if found is None:
        return None
    body = found["token"].removeprefix(_MARK)
    try:
        sealed = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
        account_id, until, display = json.loads(cipher().open(sealed, name=_NAME))
    except (Unreadable, ValueError):
        return None
    if datetime.fromtimestamp(until, UTC) <= at:
        return None
    return Addressed(account_id, display)


def looks_like_token(text: str) -> bool:
    """Whether it is what a member's QR says, good or not."""
    return _TOKEN.search(text) is not None


def person(household_id: str, customer_id: str) -> str:
    """What a page of a household calls one of its people: the same each time, and no id."""
    key = hmac.digest(pepper(), _PERSON_PURPOSE, "sha256")
    digest = hmac.new(key, f"{household_id}:{customer_id}".encode(), "sha256").hexdigest()
    return digest[:_PERSON_LENGTH]


def found_person(household_id: str, customer_ids: Sequence[str], reference: str) -> str | None:
    """Which of ``customer_ids`` a page means; None where it is none of them."""
    return next(
        (
            customer_id
            for customer_id in customer_ids
            if hmac.compare_digest(person(household_id, customer_id), reference)
        ),
        None,
    )
