"""Security headers stand on every answer there is."""

import pytest

from portal import create_app
from portal.config import Settings

POLICY = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
}
ANSWERS = [
    ("GET", "/"),
    ("GET", "/sign-in"),
    ("GET", "/home"),
    ("GET", "/nothing"),
    ("POST", "/sign-in"),
    ("DELETE", "/sign-in"),
    ("GET", "/static/css/portal.css"),
    ("GET", "/static/nothing.css"),
    ("GET", "/api/v1/programs"),
    ("GET", "/api/nothing"),
    ("GET", "/api/docs"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("OPTIONS", "/sign-in"),
    ("GET", "/theme/corner.css"),
]
PRODUCTION = {
    "env": "production",
    "secret_key": "kQ3v9XbT1mZr7LwYp5NcGd8HsJf2Aa0E",
    "sms_url": "json://localhost",
    "mail_url": "json://localhost",
    "log_level": "ERROR",
}


@pytest.mark.parametrize(("method", "path"), ANSWERS)
def test_headers_on_every_answer(client, method, path):
    with client.open(path, method=method) as answer:
        headers = answer.headers
    assert set(headers["Content-Security-Policy"].split("; ")) == POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Request-Id"]
    assert headers["Cache-Control"]
    assert "Strict-Transport-Security" not in headers
    assert "Server" not in headers
    if headers.get("Content-Type", "").startswith("text/html"):
        assert "HX-Request" in headers["Vary"]


def test_production_pins_cookies_and_https(settings):
    app = create_app(settings.model_copy(update=_production(settings)))
    client = app.test_client()
    page = client.get("/sign-in", base_url="https://points.example.com")
    assert page.status_code == 200
    assert "max-age=63072000" in page.headers["Strict-Transport-Security"]
    cookie = page.headers["Set-Cookie"]
    assert cookie.startswith("__Host-form=")
    for mark in ("Secure", "HttpOnly", "Path=/", "SameSite=Lax"):
        assert mark in cookie
    assert "Domain" not in cookie
    with app.app_context():
        from portal.web.extensions import db

        db.engine.dispose()


def _production(settings: Settings) -> dict[str, object]:
    made = Settings(database_url=settings.database_url, **PRODUCTION)
    return {name: getattr(made, name) for name in PRODUCTION}


def test_versioned_files_are_kept_for_ever(client):
    import re

    page = client.get("/sign-in").text
    linked = re.findall(r'(?:href|src)="(/static/[^"#]+)', page)
    assert linked
    for address in linked:
        assert "?v=" in address
        with client.get(address) as answer:
            assert answer.status_code == 200
            assert "immutable" in answer.headers["Cache-Control"]
            assert "Set-Cookie" not in answer.headers
    with client.get("/static/css/portal.css") as answer:
        assert answer.headers["Cache-Control"] == "public, no-cache"
