"""What a member's home asks of the book, in few statements however long the history is.

Position, course and last lines each settle the account in memory; asked one by
one they would read it three times over. Here it is read once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from portal.ledger import history, queries
from portal.ledger.models import Category
from portal.ledger.values import EntryView, EventView, Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """An account at a glance. ``course``: the regular balance at each instant asked for."""

    position: Position
    course: tuple[int, ...]
    last: tuple[tuple[EntryView, EventView], ...]
