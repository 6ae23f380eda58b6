"""The one clock.

Edges (web, commands, jobs) read it and pass the instant on as ``at``; nothing
below them asks what time it is. A test looks for any other ``now()``.
"""

from datetime import UTC, datetime


def now() -> datetime:
    """The present instant, aware, in UTC."""
    return datetime.now(UTC)
