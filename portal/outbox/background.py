"""A thread that delivers: in the worker, and in development within the web process."""

import atexit
import threading
from collections.abc import Callable, Mapping
from datetime import datetime

import structlog
from sqlalchemy import event
from sqlalchemy.orm import Session

from portal.outbox.cipher import Cipher
from portal.outbox.senders import Sender
from portal.outbox.service import TOLD, deliver

POLL_SECONDS = 0.5
PAUSE_SECONDS_MAX = 30.0
"""The longest pause while the database cannot be reached."""

_log = structlog.get_logger("portal.outbox")


class BackgroundDelivery:
    """Delivers as soon as something told is committed here, and looks for others' twice a second.

    ``start`` and ``stop`` may be called more than once. Start it after a
    server has forked its workers: threads do not survive a fork.
    """

    def __init__(
        self,
        session_factory: Callable[[], Session],
        *,
        senders: Mapping[str, Sender],
        cipher: Cipher,
        now: Callable[[], datetime],
        poll_seconds: float = POLL_SECONDS,
    ):
        self._session_factory = session_factory
        self._senders = senders
        self._cipher = cipher
        self._now = now
        self._poll_seconds = poll_seconds
        self._stopping = threading.Event()
        self._awake = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether its thread is alive."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begin delivering, if it is not under way."""
        with self._lock:
            if self.running:
                return
            self._stopping.clear()
            self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
            self._thread.start()
            if not event.contains(Session, "after_commit", self._committed):
                event.listen(Session, "after_commit", self._committed)
            # Whoever forgets to stop it still lets it finish what it is sending.
            atexit.register(self.stop)

    def stop(self, timeout_seconds: float = 20.0) -> bool:
        """Finish what is being sent and end; returns whether it ended in time.

        What was not reached stays in the outbox for the next sender.
        """
        with self._lock:
            atexit.unregister(self.stop)
            if event.contains(Session, "after_commit", self._committed):
                event.remove(Session, "after_commit", self._committed)
            self._stopping.set()
            self._awake.set()
            if self._thread is not None:
                self._thread.join(timeout_seconds)
            return not self.running

    def wake(self) -> None:
        """Look at once."""
        self._awake.set()

    def _committed(self, session: Session) -> None:
        if session.info.pop(TOLD, False):
            self._awake.set()

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            # Cleared before looking: what is told meanwhile wakes it again.
            self._awake.clear()
            try:
                deliver(
                    self._session_factory,
                    senders=self._senders,
                    cipher=self._cipher,
                    now=self._now,
                    stopping=self._stopping.is_set,
                )
                failures = 0
            except Exception:  # noqa: BLE001 - logged, with its traceback
                # A database that is away for a while must not end delivery for good.
                failures += 1
                _log.exception("delivery.interrupted", failures=failures)
            pause = self._poll_seconds * 2 ** min(failures, 10)
            if not self._stopping.is_set():
                self._awake.wait(min(pause, PAUSE_SECONDS_MAX))
