"""Is it alive, is it ready, and how is it doing: for those who run it.

Metrics are counted in this process. With several workers set
``PROMETHEUS_MULTIPROC_DIR`` to an empty folder before they start, and every
worker answers for all of them.
"""

import hmac
import os
import time

from flask import Flask, Response, current_app, g, jsonify, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector
from sqlalchemy.exc import SQLAlchemyError

from portal import schema
from portal.config import Settings
from portal.errors import NotFound, Unauthenticated
from portal.web.extensions import csrf, db, limiter
from portal.web.policy import allow, anyone

REQUESTS = Counter("portal_requests", "Requests answered.", ("method", "route", "status"))
SECONDS = Histogram(
    "portal_request_seconds",
    "How long requests took.",
    ("method", "route"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10),
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def init_app(app: Flask) -> None:
    """Add the health pages and count every request."""
    app.before_request(_start)
    app.after_request(_count)
    for path, view in (("/healthz", healthz), ("/readyz", readyz), ("/metrics", metrics)):
        app.add_url_rule(path, view_func=view)
        limiter.exempt(view)
        csrf.exempt(view)


@allow(anyone)
def healthz() -> Response:
    """The process answers; nothing else is asked."""
    return jsonify(status="ok")


@allow(anyone)
def readyz() -> tuple[Response, int]:
    """Whether it can serve: the database answers, and its schema is the newest.

    What is wrong is said by name (``unreachable``, ``empty``, ``behind``),
    without addresses or passwords; 503 until it is right.
    """
    database, migrations = "ok", "ok"
    try:
        at = schema.current(db.engine)
        newest = schema.head()
        if at is None:
            migrations = "empty: run `portal db upgrade`"
        elif at != newest:
            migrations = f"behind: at {at}, needs {newest}; run `portal db upgrade`"
    except SQLAlchemyError:
        database, migrations = "unreachable", "unknown"
    ready = database == migrations == "ok"
    answer = jsonify(
        status="ok" if ready else "unavailable", database=database, migrations=migrations
    )
    return answer, 200 if ready else 503


@allow(anyone)
def metrics() -> Response:
    """Counters for Prometheus, behind a bearer token where one is set.

    Raises:
        NotFound: in production, where no token is set.
        Unauthenticated: the token is missing or wrong.
    """
    settings: Settings = current_app.config["PORTAL"]
    if settings.metrics_token is not None:
        given = request.headers.get("Authorization", "")
        expected = f"Bearer {settings.metrics_token.get_secret_value()}"
        if not hmac.compare_digest(given.encode(), expected.encode()):
            raise Unauthenticated("Send the token: Authorization: Bearer TOKEN.")
    elif not settings.development:
        raise NotFound()
    registry: CollectorRegistry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _start() -> None:
    g.started_at = time.perf_counter()


def _count(response: Response) -> Response:
    # The route, not the path: a path may hold an id, and there is no end of them.
    route = str(request.url_rule) if request.url_rule else "none"
    method = request.method if request.method in _METHODS else "other"
    REQUESTS.labels(method, route, str(response.status_code)).inc()
    started_at = g.get("started_at")
    if started_at is not None:
        SECONDS.labels(method, route).observe(time.perf_counter() - started_at)
    return response
