"""One place turns errors into pages, fragments and problem+json."""

import pytest
from flask import Flask
from sqlalchemy.exc import TimeoutError as PoolTimeout

from portal import errors
from portal.errors import Busy, Conflict, InvalidInput, PortalError, TooMany
from portal.ledger.errors import InsufficientPoints
from portal.web.errors import STATUSES
from portal.web.extensions import db
from portal.web.policy import allow, anyone

HTMX = {"HX-Request": "true"}


@pytest.fixture
def failing(app: Flask):
    """``failing(error)``: /fails and /api/fails raise it."""
    kept = {}

    @allow(anyone)
    def fail() -> str:
        raise kept["error"]

    app.add_url_rule("/fails", view_func=fail, endpoint="fails")
    app.add_url_rule("/api/fails", view_func=fail, endpoint="api_fails")

    def raising(error: Exception) -> None:
        kept["error"] = error

    return raising


def test_every_kind_has_a_status():
    assert set(STATUSES) == set(errors.Kind)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InsufficientPoints(available=3, requested=5), 422),
        (InvalidInput(field="points"), 422),
        (errors.NotFound(), 404),
        (Conflict(account="loy_1"), 409),
        (errors.Forbidden(), 403),
        (TooMany(retry_after_seconds=7), 429),
        (Busy(), 503),
        (RuntimeError("a secret detail"), 500),
    ],
)
def test_error_has_three_faces(failing, visitor, error, status):
    failing(error)
    page = visitor.get("/fails")
    assert page.status == status
    assert page.heading
    part = visitor.get("/fails", htmx=True)
    assert part.status == status
    assert part.response.headers["HX-Retarget"] == "#problem"
    assert part.html.find(attrs={"role": "alert"}).get_text(strip=True)
    assert "HX-Request" in part.response.headers["Vary"]
    answer = visitor.client.get("/api/fails")
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    content = answer.json
    assert content["status"] == status
    assert {"type", "title", "detail", "code"} <= set(content)
    for shown in (page.response.text, part.response.text, answer.text):
        assert "secret detail" not in shown
    if isinstance(error, PortalError):
        assert content["code"] == error.code
        assert error.facts.items() <= content.items()
    if status in (429, 503):
        assert int(answer.headers["Retry-After"]) > 0
        assert "Retry-After" in page.response.headers or status == 503


def test_unknown_paths_and_methods_by_path(visitor):
    assert visitor.get("/nothing").heading == "This page does not exist"
    answer = visitor.client.get("/api/v1/nothing")
    assert (answer.status_code, answer.json["code"]) == (404, "not_found")
    answer = visitor.client.delete("/api/v1/programs")
    assert (answer.status_code, answer.json["code"]) == (405, "method_not_allowed")
    assert "GET" in answer.headers["Allow"]
    page = visitor.client.get("/sign-out")
    assert page.status_code == 405
    assert "POST" in page.headers["Allow"]


def test_too_large_a_form_is_said_so(visitor):
    page = visitor.get("/sign-in")
    fields = page.form("/sign-in") | {"identifier": "x" * (2 * 1024 * 1024)}
    answer = visitor.client.post("/sign-in", data=fields)
    assert answer.status_code == 413
    assert "too large" in answer.text


def test_unreachable_database_is_never_shown_as_zero(member, app, monkeypatch):
    def gone(*_args: object, **_more: object) -> None:
        raise PoolTimeout("QueuePool limit of size 8 overflow 0 reached")

    with app.app_context():
        engine = db.engine
    monkeypatch.setattr(engine, "connect", gone)
    for path in ("/home", "/history", "/account", "/"):
        page = member.get(path)
        assert page.status == 503, path
        assert "Your points are safe" in page.text
        assert "0 points" not in page.text
        assert page.response.headers["Retry-After"] == "2"
        part = member.get(path, htmx=True)
        assert part.status == 503
    # The member is still who they are: nothing was forgotten in the browser.
    assert member.client.get_cookie("session") is not None
    monkeypatch.undo()
    assert member.get("/home").status == 200


def test_real_outage_is_a_503_and_not_ready():
    from portal import create_app
    from portal.config import Settings

    settings = Settings(
        database_url="postgresql+psycopg://nobody@127.0.0.1:9/none", log_level="ERROR"
    )
    app = create_app(settings)
    client = app.test_client()
    assert client.get("/").status_code == 503
    assert client.get("/healthz").status_code == 200
    ready = client.get("/readyz")
    assert ready.status_code == 503
    assert ready.json["database"] == "unreachable"
    assert "127.0.0.1" not in ready.text
    assert app.extensions["portal_delivery"].stop()


@pytest.mark.parametrize("path", ["/%ff%fe", "/a%00b", "/sign-in?next=%00", "/home?program=%00"])
def test_odd_bytes_are_no_fault_of_ours(member, path):
    assert member.client.get(path).status_code in (200, 303, 400, 404)
