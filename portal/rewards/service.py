"""Creating and changing rewards."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from portal.rewards.values import Reward

ReadPicture = Callable[[str], bytes]
"""Gives the bytes of the picture that a reward file names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What applying a file did. ``changes``: ``{path: [old, new]}``, empty if nothing."""

    reward: Reward
    created: bool
    changes: dict[str, list[Any]]


def apply(
    session: Session,
    *,
    document: Any,
    actor: str,
    at: datetime,
    read_picture: ReadPicture | None = None,
) -> Applied:
    """Create or change the reward that ``document``, a reward file, describes."""
    raise NotImplementedError
