"""Logs: one line a request, in JSON in production, and nothing in them that opens a door.

Codes, tokens, keys, e-mail addresses and all but the last two digits of phone
numbers are masked by a processor that every line passes, tracebacks included.
"""

import logging
import re
import sys
import time
from collections.abc import MutableMapping
from typing import Any

import structlog
from flask import Flask, Response, g, request

from portal.orm import new_id

HIDDEN = "[hidden]"
_SECRET_NAMES = re.compile(
    r"code$|token|secret|password|authorization|cookie|pepper|api_key", re.IGNORECASE
)
_BEARER = re.compile(r"(Bearer|Basic)\s+[\w.~+/=-]+", re.IGNORECASE)
_ASSIGNED = re.compile(
    r"\b((?:code|token|secret|password|csrf_token)[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;]+",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"[\w.+-]+@([\w-]+\.[\w.-]+)")
_PHONE = re.compile(r"(?<![\w.:-])(\+?\d[\d ().-]{5,}\d{2})(?![\w:-])")
_CODE = re.compile(r"(?<![\w.:-])\d{3}[ -]?\d{3}(?![\w:.-])")
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})


def configure(*, development: bool, level: str) -> None:
    """Set up structlog and the standard library's logging alike."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        mask,
        # After the masks: the microseconds of a time look like a code.
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        if development
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler()
    handler.name = "portal"
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    for old in [one for one in root.handlers if one.name == "portal"]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    # One line a request is ours, with less in it.
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)


def mask(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide what a log must not hold, wherever in the line it stands."""
    for name, value in event.items():
        if name.startswith("_"):
            continue
        event[name] = HIDDEN if _SECRET_NAMES.search(name) else _masked(value)
    return event


def masked_text(text: str) -> str:
    """``text`` without codes, tokens, addresses and whole phone numbers."""
    text = _BEARER.sub(rf"\1 {HIDDEN}", text)
    text = _ASSIGNED.sub(rf"\1{HIDDEN}", text)
    text = _EMAIL.sub(r"…@\1", text)
    text = _CODE.sub("······", text)
    return _PHONE.sub(lambda found: f"…{found[1][-2:]}", text)


def _masked(value: Any) -> Any:
    match value:
        case str():
            return masked_text(value)
        case dict():
            return {
                name: HIDDEN if _SECRET_NAMES.search(str(name)) else _masked(one)
                for name, one in value.items()
            }
        case list() | tuple():
            return [_masked(one) for one in value]
        case _:
            return value


def init_app(app: Flask) -> None:
    """Give each request an id, which its log lines and its answer carry."""
    # Bound once: else each request would look for the caller's name up the stack.
    log = structlog.get_logger("portal.web").bind()

    def begin() -> None:
        given = request.headers.get("X-Request-Id", "")
        g.request_id = given if _REQUEST_ID.fullmatch(given) else new_id("req")
        g.logged_from = time.perf_counter()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)

    def end(response: Response) -> Response:
        response.headers["X-Request-Id"] = g.get("request_id", "")
        if request.path not in _QUIET and request.endpoint != "static":
            log.info(
                "request",
                method=request.method,
                route=str(request.url_rule) if request.url_rule else "none",
                status=response.status_code,
                duration_ms=round((time.perf_counter() - g.get("logged_from", 0)) * 1000, 1),
            )
        return response

    app.before_request(begin)
    app.after_request(end)
