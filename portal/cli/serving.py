"""``portal serve`` and ``portal worker``: what runs until it is stopped."""

import gc
import os
import socket
import tempfile
from typing import Any

import click
import gunicorn.app.base  # type: ignore[import-untyped]
from flask import Flask
from sqlalchemy.orm import sessionmaker

from portal import clock, demo, outbox
from portal import worker as background
from portal.cli.edge import open_engine, opened
from portal.config import Settings
from portal.web import logs

THREADS = 4
"""Of each worker process; a request mostly waits for the database."""

REQUEST_SECONDS_MAX = 30
"""A worker that has been silent for so long is replaced."""

STOP_SECONDS = 25
"""What is in flight when SIGTERM arrives has so long to finish."""


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64))
@click.option("--check-port", is_flag=True, help="Only say whether the port is free.")
def serve(host: str, port: int, workers: int, check_port: bool) -> None:
    """Serve pages and endpoint; SIGTERM finishes what is in flight."""
    _require_free(host, port)
    if check_port:
        return
    with opened() as work:
        demo.refuse_in_production(work.session, work.settings)
        settings = work.settings
    if workers > 1 and "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        # Before the library is imported: each worker then answers for all of them.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="portal-metrics-")
    _Server(settings, host=host, port=port, workers=workers).run()


@click.command()
def worker() -> None:
    """Deliver messages and settle quiet accounts, until stopped."""
    with opened() as work:
        demo.refuse_in_production(work.session, work.settings)
        settings = work.settings
    logs.configure(development=settings.development, level=settings.log_level)
    background.run(settings)


def _require_free(host: str, port: int) -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise click.ClickException(f"--host: {host} is not an address.") from error
    family, kind, protocol, _, address = found[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except PermissionError as error:
            raise click.ClickException(f"--port: only root may listen on {port}.") from error
        except OSError as error:
            raise click.ClickException(
                f"--port: {port} on {host} cannot be used ({error.strerror}). "
                f"Stop what listens there or choose another: make run PORT={port + 1}, "
                f"or portal serve --port {port + 1}."
            ) from error


class _Server(gunicorn.app.base.BaseApplication):  # type: ignore[misc]
    """gunicorn with threads; each worker makes its own application and connections."""

    def __init__(self, settings: Settings, *, host: str, port: int, workers: int):
        self._settings, self._host, self._port, self._workers = settings, host, port, workers
        self._delivery: outbox.BackgroundDelivery | None = None
        super().__init__()

    def load_config(self) -> None:
        """Say how to serve; nothing is read from files or arguments."""
        bound = f"[{self._host}]" if ":" in self._host else self._host
        options: dict[str, Any] = {
            "bind": f"{bound}:{self._port}",
            "workers": self._workers,
            "worker_class": "gthread",
            "threads": THREADS,
            "timeout": REQUEST_SECONDS_MAX,
            "graceful_timeout": STOP_SECONDS,
            "keepalive": 5,
            "proc_name": "portal",
            "control_socket_disable": True,
            "loglevel": "warning",
            "when_ready": self._say_ready,
            "post_worker_init": self._start_delivery,
            "worker_exit": self._stop_delivery,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def _say_ready(self, _server: Any) -> None:
        click.echo(f"Serving http://{self._host}:{self._port} — Ctrl-C stops it.")

    def _start_delivery(self, _worker: Any) -> None:
        """In development nobody has to start a worker for messages to go out."""
        if not self._settings.development:
            return
        engine = open_engine(self._settings)
        self._delivery = outbox.BackgroundDelivery(
            sessionmaker(engine, expire_on_commit=False),
            senders=outbox.senders_for(self._settings),
            cipher=outbox.Cipher(self._settings.pepper),
            now=clock.now,
        )
        self._delivery.start()

    def _stop_delivery(self, _server: Any, _worker: Any) -> None:
        if self._delivery is not None:
            self._delivery.stop()

    def load(self) -> Flask:
        """The application, made in each worker."""
        from portal import create_app

        app = create_app(self._settings)
        # What is loaded by now stays: the collector need not walk it again and again.
        gc.collect()
        gc.freeze()
        return app
