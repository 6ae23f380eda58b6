"""Telling people: written with what it tells, sent after it is committed.

Delivery is at least once. A sender takes messages under a lease, sends them
with no transaction open, and then marks them; one that is killed in between
leaves them to be taken again when the lease is over.
"""

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from portal.errors import Misuse
from portal.orm import new_id, writing
from portal.outbox.cipher import Cipher, Unreadable
from portal.outbox.models import Message
from portal.outbox.senders import Outgoing, Sender, SendingFailed

GIVE_UP_AFTER = timedelta(days=3)
LEASE = timedelta(minutes=1)
"""How long a taken message is left to whoever took it; longer than any sending may last."""
BATCH = 8
"""Messages taken, and sent side by side, at a time."""
BACK_OFF_FIRST = timedelta(seconds=2)
BACK_OFF_MAX = timedelta(hours=1)
TOLD = "outbox_told"
"""Set in ``session.info`` when this transaction told something; see ``BackgroundDelivery``."""

_log = structlog.get_logger("portal.outbox")


def tell(
    session: Session,
    *,
    channel: str,
    recipient: str | None,
    subject: str | None,
    body: str,
    purpose: str,
    at: datetime,
    cipher: Cipher,
    give_up_at: datetime | None = None,
) -> str:
    """Write a message in the caller's transaction, to be sent after its commit.

    Args:
        channel: ``sms`` or ``email``.
        recipient: E.164 or an address. None tells nobody, at the same cost and
            leaving the same row, so that nothing can be learnt from the difference.
        subject: of an e-mail; None for a text.
        purpose: what it is about, readable in the table: ``sign_in``, …
        give_up_at: when it is no longer worth sending; three days if omitted.

    Returns:
        The message's id.
    """
    if channel not in ("sms", "email"):
        raise Misuse(f"no such channel: {channel}")
    message_id = new_id("msg")
    content = json.dumps({"to": recipient, "subject": subject, "body": body})
    session.execute(
        insert(Message).values(
            id=message_id,
            channel=channel,
            content=cipher.seal(content.encode(), name=message_id),
            purpose=purpose,
            status="waiting",
            attempts=0,
            next_attempt_at=at,
            give_up_at=give_up_at or at + GIVE_UP_AFTER,
            created_at=at,
        )
    )
    session.info[TOLD] = True
    return message_id


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one round of delivery came to, in messages."""

    sent: int = 0
    nobody: int = 0
    postponed: int = 0
    failed: int = 0

    def __add__(self, other: "Delivered") -> "Delivered":
        return Delivered(
            self.sent + other.sent,
            self.nobody + other.nobody,
            self.postponed + other.postponed,
            self.failed + other.failed,
        )

    @property
    def total(self) -> int:
        """All messages that were taken."""
        return self.sent + self.nobody + self.postponed + self.failed


@dataclass(frozen=True, slots=True)
class _Taken:
    """A message under our lease; ``attempt`` tells our lease from a later one."""

    id: str
    channel: str
    content: bytes | None
    purpose: str
    attempt: int
    give_up_at: datetime


@dataclass(frozen=True, slots=True)
class _Result:
    status: str
    error: str | None = None
    keep: bool = False


def deliver(
    session_factory: Callable[[], Session],
    *,
    senders: Mapping[str, Sender],
    cipher: Cipher,
    now: Callable[[], datetime],
    stopping: Callable[[], bool] = lambda: False,
) -> Delivered:
    """Send what is due, until nothing is; any number of processes may do so at once.

    Args:
        session_factory: gives a fresh session; none is open while sending.
        senders: by channel. A message for a channel without one fails for good.
        now: the clock: sending takes time, so one instant would not do.
        stopping: asked between batches, so that a worker can end soon.
    """
    total = Delivered()
    while not stopping():
        with session_factory() as session:
            taken = _take(session, at=now())
        if not taken:
            break
        results = _send_all(taken, senders, cipher, now())
        with session_factory() as session, writing(session):
            total += _settle(session, taken, results, at=now())
    return total


def _take(session: Session, *, at: datetime) -> Sequence[_Taken]:
    due = (
        select(Message.id)
        .where(Message.status == "waiting", Message.next_attempt_at <= at)
        .order_by(Message.give_up_at)
        .limit(BATCH)
    )
    # Looked up without a lock first: polling must not get in the way of writers.
    if session.execute(due.limit(1)).first() is None:
        return ()
    with writing(session):
        ids = session.execute(due.with_for_update(skip_locked=True)).scalars().all()
        rows = session.execute(
            update(Message)
            .where(Message.id.in_(ids))
            .values(attempts=Message.attempts + 1, next_attempt_at=at + LEASE)
            .returning(
                Message.id,
                Message.channel,
                Message.content,
                Message.purpose,
                Message.attempts,
                Message.give_up_at,
            )
            .execution_options(synchronize_session=False)
        ).all()
    return [_Taken(*row) for row in rows]


def _send_all(
    taken: Sequence[_Taken], senders: Mapping[str, Sender], cipher: Cipher, at: datetime
) -> list[_Result]:
    if len(taken) == 1:
        return [_send(taken[0], senders, cipher, at)]
    with ThreadPoolExecutor(max_workers=BATCH, thread_name_prefix="outbox") as threads:
        return list(threads.map(lambda message: _send(message, senders, cipher, at), taken))


def _send(message: _Taken, senders: Mapping[str, Sender], cipher: Cipher, at: datetime) -> _Result:
    if at >= message.give_up_at or message.content is None:
        return _Result("failed", "too late to be worth sending")
    try:
        content = json.loads(cipher.open(message.content, name=message.id))
    except Unreadable as error:
        return _Result("failed", str(error))
    if content["to"] is None:
        return _Result("nobody")
    sender = senders.get(message.channel)
    if sender is None:
        return _Result("failed", f"nothing is set up to send {message.channel}")
    try:
        sender.send(
            Outgoing(
                id=message.id,
                channel=message.channel,
                to=content["to"],
                subject=content["subject"],
                body=content["body"],
            )
        )
    except SendingFailed as error:
        return _Result("waiting", str(error))
    except Exception as error:  # noqa: BLE001 - a sender's bug must not stop the others
        # Its text may hold what it tried to send; its type cannot.
        return _Result("waiting", type(error).__name__)
    return _Result("sent", keep=sender.keeps)


def _settle(
    session: Session, taken: Sequence[_Taken], results: Sequence[_Result], *, at: datetime
) -> Delivered:
    counts = {"sent": 0, "nobody": 0, "waiting": 0, "failed": 0}
    for message, result in zip(taken, results, strict=True):
        status, again_at = result.status, at
        if status == "waiting":
            again_at = at + back_off(message.attempt)
            if again_at >= message.give_up_at:
                status = "failed"
        values = {
            "status": status,
            "last_error": result.error,
            "next_attempt_at": again_at,
            "sent_at": at if status == "sent" else None,
        }
        if status != "waiting" and not result.keep:
            values["content"] = None
        session.execute(
            update(Message)
            .where(
                Message.id == message.id,
                Message.status == "waiting",
                # Ours still, and not taken by another when our lease was over.
                Message.attempts == message.attempt,
            )
            .values(**values)
            .execution_options(synchronize_session=False)
        )
        counts[status] += 1
        if result.error is not None:
            _log.warning(
                "message.not_sent",
                message=message.id,
                channel=message.channel,
                purpose=message.purpose,
                attempt=message.attempt,
                gave_up=status == "failed",
                error=result.error,
            )
    return Delivered(
        sent=counts["sent"],
        nobody=counts["nobody"],
        postponed=counts["waiting"],
        failed=counts["failed"],
    )


def back_off(attempt: int) -> timedelta:
    """How long to wait after the ``attempt``-th failure: doubling, capped, with jitter.

    Between half and all of 2, 4, 8, … seconds, an hour at most, so that many
    that failed together do not all come back together.
    """
    doublings = min(attempt - 1, 16)
    whole = min(BACK_OFF_FIRST * (1 << doublings), BACK_OFF_MAX)
    return whole * (500 + secrets.randbelow(501)) / 1000


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message that a developer may read."""

    to: str
    channel: str
    subject: str | None
    body: str
    sent_at: datetime


def development_messages(
    session: Session, *, cipher: Cipher, limit: int = 50
) -> tuple[SentMessage, ...]:
    """What was sent and kept, newest first.

    Only the development sender has its messages kept; everything that went
    out in production was blanked in the statement that marked it sent, so
    there is nothing that this could show there.
    """
    rows = session.execute(
        select(Message.id, Message.channel, Message.content, Message.sent_at)
        .where(Message.status == "sent", Message.content.is_not(None))
        .order_by(Message.created_at.desc(), Message.id.desc())
        .limit(limit)
    ).all()
    shown = []
    for row in rows:
        try:
            content = json.loads(cipher.open(row.content, name=row.id))
        except Unreadable:
            # Kept under an earlier secret of this machine.
            continue
        shown.append(
            SentMessage(
                content["to"], row.channel, content["subject"], content["body"], row.sent_at
            )
        )
    return tuple(shown)


def purge(session: Session, *, before: datetime) -> int:
    """Delete messages written before then that are done with; returns how many."""
    gone = session.execute(
        delete(Message).where(Message.created_at < before, Message.status != "waiting")
    )
    return int(gone.rowcount)  # type: ignore[attr-defined]
