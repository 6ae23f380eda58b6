"""What runs beside the web: delivery, settling of quiet accounts, and tidying up.

huey only gives the ticks. What is to be done stands in the portal's own
tables, so a tick that is lost, late or doubled, or a worker that is killed,
loses nothing; any number of workers may run at once.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from huey import Huey, PostgresHuey, RedisHuey, SqliteHuey, crontab
from huey.consumer import Consumer
from huey.exceptions import ConfigurationError
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from portal import access, clock, codes, ledger, orm, outbox, rewards, transfers
from portal.checkout import quotes
from portal.config import Settings
from portal.errors import Misuse

SETTLE_BATCH = 200
"""Accounts settled in one transaction, so that none lasts long enough to be noticed."""
REWARDS_BATCH = 20
"""Rewards whose lapsed vouchers are written down in one transaction: nobody gets one meanwhile."""
ANSWERS_KEPT = timedelta(days=30)
"""How long stored answers of request keys last; the keys themselves stay for ever."""
MESSAGES_KEPT = timedelta(days=30)
"""How long it stays known that a message was sent; what it said went when it was."""

_log = structlog.get_logger("portal.worker")


class Jobs:
    """The work, each piece callable by itself; all of it may be repeated at will."""

    def __init__(
        self, settings: Settings, engine: Engine, *, now: Callable[[], datetime] = clock.now
    ):
        """Set up senders, without starting anything.

        Raises:
            ValueError: an address to send to is not understood.
        """
        self._sessions = sessionmaker(engine, expire_on_commit=False)
        self._now = now
        self.stopping: Callable[[], bool] = lambda: False
        """Asked between batches: whether to leave the rest for the next time."""
        self._cipher = outbox.Cipher(settings.pepper)
        self.delivery = outbox.BackgroundDelivery(
            self._sessions,
            senders=outbox.senders_for(settings),
            cipher=self._cipher,
            now=now,
        )

    def keep_delivering(self) -> None:
        """See to it that delivery is running; it looks for messages twice a second itself."""
        self.delivery.start()

    def settle(self) -> int:
        """Mature and expire what is due on accounts that nobody touches; returns how many."""
        total = 0
        while not self.stopping():
            settled = self._unit(
                lambda session: ledger.settle(session, at=self._now(), limit=SETTLE_BATCH)
            )
            total += settled
            if settled < SETTLE_BATCH:
                break
        if total:
            _log.info("accounts.settled", accounts=total)
        return total

    def write_down_lapses(self) -> int:
        """Write down which vouchers lapsed; returns of how many rewards."""
        total = 0
        while not self.stopping():
            rewards_seen = self._unit(
                lambda session: rewards.write_down_lapses(
                    session, at=self._now(), limit=REWARDS_BATCH
                )
            )
            total += rewards_seen
            if rewards_seen < REWARDS_BATCH:
                break
        return total

    def remind(self) -> int:
        """Tell members of vouchers that lapse soon, each once; returns how many vouchers."""
        total = 0
        while not self.stopping():
            reminded = self._unit(
                lambda session: rewards.remind(
                    session, at=self._now(), cipher=self._cipher, limit=SETTLE_BATCH
                )
            )
            total += reminded
            if reminded < SETTLE_BATCH:
                break
        if total:
            _log.info("vouchers.reminded", vouchers=total)
        return total

    def tidy(self) -> int:
        """Delete codes, limits, sign-ins, quotes, requests, messages that ran out; returns rows."""
        at = self._now()
        total = sum(
            self._unit(delete)
            for delete in (
                lambda session: codes.purge(session, at=at),
                lambda session: codes.budget.purge(session, at=at),
                lambda session: access.purge(session, at=at),
                lambda session: quotes.purge(session, at=at),
                lambda session: transfers.purge(session, at=at),
                lambda session: outbox.purge(session, before=at - MESSAGES_KEPT),
                lambda session: ledger.forget_answers(session, before=at - ANSWERS_KEPT),
            )
        )
        if total:
            _log.info("tidied", rows=total)
        return total

    def _unit(self, work: Callable[[Session], int]) -> int:
        with self._sessions() as session, orm.writing(session):
            return work(session)


def ticker(queue_url: str, jobs: Jobs) -> Huey:
    """huey with the portal's ticks, on the storage that ``queue_url`` names.

    Args:
        queue_url: ``sqlite:///FILE`` (never the portal's own: huey opens it with
            another SQLite library), ``postgresql://…`` or ``redis://…``.

    Raises:
        Misuse: another kind of address, or the package for it is missing.
    """
    huey = _storage(queue_url)
    # A tick that waited for a minute has been followed by the next one.
    huey.periodic_task(crontab(), name="keep_delivering", expires=60)(jobs.keep_delivering)
    huey.periodic_task(crontab(minute="*/5"), name="settle", expires=300)(jobs.settle)
    huey.periodic_task(crontab(minute="2"), name="write_down_lapses", expires=3600)(
        jobs.write_down_lapses
    )
    huey.periodic_task(crontab(minute="7"), name="remind", expires=3600)(jobs.remind)
    huey.periodic_task(crontab(minute="17"), name="tidy", expires=3600)(jobs.tidy)
    return huey


def _storage(queue_url: str) -> Huey:
    scheme, _, rest = queue_url.partition("://")
    try:
        match scheme.partition("+")[0]:
            case "sqlite":
                path = Path(rest.removeprefix("/"))
                path.parent.mkdir(parents=True, exist_ok=True)
                return SqliteHuey("portal", filename=str(path), results=False)
            case "postgresql":
                return PostgresHuey("portal", dsn=f"postgresql://{rest}", results=False)
            case "redis" | "rediss":
                return RedisHuey("portal", url=queue_url, results=False)
    except ConfigurationError as error:
        raise Misuse(f"PORTAL_QUEUE_URL: {error}") from error
    raise Misuse("PORTAL_QUEUE_URL: give sqlite:///FILE, postgresql://… or redis://…")


def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT; then finish what is in flight, and end.

    Raises:
        Misuse: the queue's address is not understood.
        ValueError: an address to send to is not understood.
    """
    # It reports every tick.
    logging.getLogger("huey").setLevel(logging.WARNING)
    engine = orm.make_engine(settings.database_url, pool_size=settings.database_pool_size)
    try:
        jobs = Jobs(settings, engine)
        huey = ticker(settings.queue_url, jobs)
        consumer = Consumer(huey, workers=2, scheduler_interval=1, graceful_signal="TERM")
        jobs.stopping = consumer.stop_flag.is_set
        jobs.delivery.start()
        _log.info("worker.started")
        try:
            consumer.run()
        finally:
            finished = jobs.delivery.stop()
            huey.storage.close()
            _log.info("worker.stopped", finished=finished)
    finally:
        engine.dispose()
