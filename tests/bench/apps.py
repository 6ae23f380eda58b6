"""The three applications under one gunicorn: the portal, the floor, a bare answer.

    python -m tests.bench.apps portal|floor|bare --port N

All three get the same server: threads, workers, keep-alive. ``BENCH_DATABASE``
is the floor's database, ``PORTAL_DATABASE_URL`` the portal's.
"""

import argparse
import gc
import os
import threading
from collections.abc import Callable
from typing import Any

import gunicorn.app.base
from flask import Flask, Response, request

from tests.bench import floors

WORKERS, THREADS = 2, 4
"""As ``portal serve`` has them; a test compares."""


def portal() -> Any:
    """The portal, as it is served."""
    from portal import create_app

    return create_app()


def bare() -> Flask:
    """A route that does nothing: what Flask under gunicorn costs by itself."""
    app = Flask("bare")

    @app.post("/api/v1/redemptions")
    def answer() -> Response:
        return Response(floors.ANSWER, status=201, content_type="application/json")

    return app


def floor() -> Flask:
    """The least durable redemption behind a bare route."""
    app = Flask("floor")
    url = os.environ["BENCH_DATABASE"]
    on_sqlite = url.startswith("sqlite")
    # One connection a thread is the cheapest pool there is: gunicorn keeps its threads.
    own = threading.local()

    def connection() -> Any:
        if not hasattr(own, "connection"):
            own.connection = (floors.open_sqlite if on_sqlite else floors.open_postgresql)(url)
        return own.connection

    @app.post("/api/v1/redemptions")
    def redeem() -> Response:
        asked = request.get_json()
        key = request.headers["Idempotency-Key"]
        if on_sqlite:
            floors.least(connection(), key, asked["account"], on_sqlite=True)
        else:
            floors.call_function(connection(), key, asked["account"])
        return Response(floors.ANSWER, status=201, content_type="application/json")

    return app


APPS: dict[str, Callable[[], Any]] = {"portal": portal, "floor": floor, "bare": bare}


class Server(gunicorn.app.base.BaseApplication):  # type: ignore[misc]
    """gunicorn as ``portal serve`` sets it up."""

    def __init__(self, make: Callable[[], Any], port: int):
        self._make, self._port = make, port
        super().__init__()

    def load_config(self) -> None:
        """Nothing is read from files or arguments."""
        options = {
            "bind": f"127.0.0.1:{self._port}",
            "workers": WORKERS,
            "worker_class": "gthread",
            "threads": THREADS,
            "keepalive": 5,
            "control_socket_disable": True,
            "loglevel": "warning",
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The application, made in each worker."""
        app = self._make()
        gc.collect()
        gc.freeze()
        return app


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("app", choices=APPS)
    parser.add_argument("--port", type=int, required=True)
    asked = parser.parse_args()
    Server(APPS[asked.app], asked.port).run()


if __name__ == "__main__":
    main()
