"""Telling members of their vouchers, through the outbox."""

from datetime import datetime

from sqlalchemy.orm import Session

from portal.outbox import Cipher
from portal.rewards.values import Wording


def remind(
    session: Session,
    *,
    at: datetime,
    cipher: Cipher,
    limit: int = 200,
    wording: Wording | None = None,
) -> int:
    """Tell up to ``limit`` members that a voucher of theirs lapses soon, each once."""
    raise NotImplementedError
