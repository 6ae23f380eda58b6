"""What has run out and can be deleted."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from portal.access import entering, sessions

SIGN_INS_KEPT = timedelta(days=1)
SESSIONS_KEPT = timedelta(days=30)


def purge(session: Session, *, at: datetime) -> int:
    """Delete sign-ins a day, and sessions thirty days after their end; returns how many."""
    return entering.purge(session, before=at - SIGN_INS_KEPT) + sessions.purge(
        session, before=at - SESSIONS_KEPT
    )
