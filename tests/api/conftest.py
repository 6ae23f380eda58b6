"""The endpoint over a real database, called as a till calls it."""

import json
import re
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from marshmallow import Schema
from pydantic import SecretStr
from sqlalchemy.orm import Session
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.test import TestResponse

from portal import create_app, ledger, orm, programs, rewards
from portal.access import keys, member_codes
from portal.access.keys import Scope
from portal.clock import now
from portal.config import Settings
from portal.web.api.idempotency import KEY_PATTERN
from portal.web.extensions import db
from tests.api.reading import enrolled
from tests.api.sending import ANA, RUI, TRANSFERS

CORNER: dict[str, Any] = {
    "id": "corner",
    "name": "Corner Points",
    "currency": "PTS",
    "timezone": "Europe/Lisbon",
    "default": True,
    "auto_enrol": True,
    "rate": {"points": 100, "value": 100, "currency": "EUR"},
    "redemption": {"approval": "none", "min": 10, "max": 50_000, "per_day": 100_000},
}


class Till:
    """A caller of the endpoint, with one key."""

    def __init__(self, app: Flask, key: str):
        self.client = app.test_client(use_cookies=False)
        self.key = key

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        data: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> TestResponse:
        """Send a request; writes get a fresh Idempotency-Key unless ``key`` is given."""
        sent = {"Authorization": f"Bearer {self.key}"}
        if method != "GET":
            sent["Idempotency-Key"] = key or uuid.uuid4().hex
        if body is not None:
            data = json.dumps(body).encode()
        if data is not None:
            sent["Content-Type"] = "application/json"
        sent |= headers or {}
        return self.client.open(f"/api/v1{path}", method=method, data=data, headers=sent)

    def get(self, path: str, **query: Any) -> Any:
        """The content of a read that must succeed."""
        response = self.client.get(
            f"/api/v1{path}",
            query_string=query,
            headers={"Authorization": f"Bearer {self.key}"},
        )
        assert response.status_code == 200, response.text
        return response.json

    def post(self, path: str, body: Any = None, *, status: int = 201) -> Any:
        """The content of a write that must be answered with ``status``."""
        response = self("POST", path, body)
        assert response.status_code == status, response.text
        return response.json

    def refuses(
        self, status: int, code: str, method: str, path: str, body: Any = None, **more: Any
    ):
        """Send a request that must be refused by this name; gives the refusal's content."""
        return self.check(self(method, path, body, **more), status, code)

    @staticmethod
    def check(response: TestResponse, status: int, code: str) -> Any:
        """Check that ``response`` is this refusal as RFC 9457; gives its content."""
        assert response.status_code == status, response.text
        assert response.content_type == "application/problem+json"
        content = response.json
        assert content["status"] == status
        assert content["code"] == code, content
        assert all(content[name] for name in ("type", "title", "detail"))
        return content


@pytest.fixture
def app(engine_url: str) -> Iterator[Flask]:
    """The application on a fresh database with one program."""
    settings = Settings(
        env="production",
        secret_key=SecretStr("a long secret of the tests: 0123456789 abcdefghij"),
        sms_url=SecretStr("json://localhost"),
        database_url=engine_url,
        phone_region="PT",
        log_level="ERROR",
    )
    app = create_app(settings)
    app.config["TESTING"] = True
    with app.app_context():
        apply(CORNER)
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def apply(document: dict[str, Any]) -> None:
    """Put a program file in force."""
    with orm.writing(db.session()) as session:
        programs.apply(session, document=document, actor="command", at=now())
    db.session.remove()


def make_key(session: Session, *scopes: str, store: str | None = None) -> str:
    """A key of a client of its own."""
    with orm.writing(session):
        made = keys.create(
            session,
            name=f"till {uuid.uuid4().hex}",
            scopes=scopes or [scope.value for scope in Scope],
            store=store,
            at=now(),
            actor="command",
        )
    return made.key


@pytest.fixture
def key_for(app: Flask):
    """Makes a till whose key has these scopes (all where none is named), of one store or any."""

    def make(*scopes: str, store: str | None = None) -> Till:
        with app.app_context():
            key = make_key(db.session(), *scopes, store=store)
            db.session.remove()
        return Till(app, key)

    return make


@pytest.fixture
def till(key_for) -> Till:
    """A caller that may do everything."""
    return key_for()


@contextmanager
def serving(application: Any) -> Iterator[str]:
    """The address of ``application`` on a real socket, with a thread for each connection."""
    served = make_server("127.0.0.1", 0, application, threaded=True, request_handler=QuietHandler)
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{served.server_port}"
    served.shutdown()
    thread.join()
    served.server_close()


@pytest.fixture
def server(app: Flask) -> Iterator[str]:
    """The address of the application on a real socket."""
    with serving(app) as address:
        yield address


class FreshKeys:
    """Gives each write that has a good key a key of its own: a fuzzer repeats its few,
    and a key that was used for something else is refused by design."""

    def __init__(self, application: Any):
        self.application = application
        self.calls = 0
        self.succeeded: set[str] = set()
        """The operations that were done at least once."""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        self.calls += 1
        key = environ.get("HTTP_IDEMPOTENCY_KEY", "")
        if len(key) < 256 and re.fullmatch(KEY_PATTERN, key):
            environ["HTTP_IDEMPOTENCY_KEY"] = uuid.uuid4().hex

        def started(status: str, *headers: Any) -> Any:
            if status.startswith("2") and environ["REQUEST_METHOD"] != "OPTIONS":
                urls = self.application.url_map.bind_to_environ(environ)
                self.succeeded.add(urls.match()[0].removeprefix("api."))
            return start_response(status, *headers)

        return self.application(environ, started)


@pytest.fixture
def fuzzed(app: Flask) -> Iterator[tuple[str, FreshKeys]]:
    """The same for a fuzzer."""
    counted = FreshKeys(app)
    with serving(counted) as address:
        yield address, counted


class QuietHandler(WSGIRequestHandler):
    """Keep-alive, and no line for each call."""

    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:
        pass


@pytest.fixture
def member(till: Till) -> Any:
    """An account with 1,000 points, of someone known by phone and by card."""
    return till.post(
        "/accounts",
        {
            "customer": {
                "mobile": "+351912345678",
                "email": "ana@example.com",
                "card_number": "C-1",
                "external_id": "ext-1",
                "first_name": "Ana",
            },
            "value": 1000,
        },
    )


@pytest.fixture
def sending(app: Flask) -> Iterator[None]:
    """A program that sends points, and one that does not; the books agree in the end."""
    with app.app_context():
        apply(CORNER | {"transfers": TRANSFERS})
        apply(CORNER | {"id": "quiet", "default": False, "transfers": {"enabled": False}})
    yield
    with app.app_context():
        assert list(ledger.verify(db.session())) == []
        db.session.remove()


@pytest.fixture
def ana(till: Till, sending: None) -> Any:
    """A member with 1,000 points to send."""
    return enrolled(
        till,
        mobile=ANA,
        email="ana@example.com",
        card_number="A-1",
        external_id="ana",
        first_name="Ana",
        last_name="Dias",
        points=1000,
    )


@pytest.fixture
def rui(till: Till, sending: None) -> Any:
    """A member to send points to."""
    return enrolled(
        till,
        mobile=RUI,
        email="rui@example.com",
        card_number="R-1",
        external_id="rui",
        first_name="Rui",
        last_name="Reis",
    )


MUG: dict[str, Any] = {
    "id": "mug",
    "program": "corner",
    "name": "Mug",
    "price": 500,
    "kind": "free_item",
    "stock": 50,
}


def apply_reward(document: dict[str, Any]) -> None:
    """Put a reward file in force."""
    with orm.writing(db.session()) as session:
        rewards.apply(session, document=document, actor="command", at=now())
    db.session.remove()


@pytest.fixture
def reward(app: Flask):
    """Offers a mug for 500 points, or what is changed about it."""

    def offer(**changes: Any) -> None:
        with app.app_context():
            apply_reward(MUG | changes)

    return offer


@pytest.fixture
def shown_code(app: Flask):
    """What a customer's page shows, so many steps from now."""

    def code(customer_id: str, *, steps: int = 0) -> str:
        with app.app_context():
            session, at = db.session(), now() + steps * member_codes.STEP
            with orm.writing(session):
                member_codes.begin(session, customer_id=customer_id, at=at)
            pepper = app.config["PORTAL"].pepper
            upcoming = member_codes.upcoming(
                session, customer_id=customer_id, at=at, pepper=pepper, steps=1
            )
            db.session.remove()
        assert upcoming is not None
        return upcoming.codes[0].code

    return code


def fits(shape: type[Schema], content: Any) -> None:
    """Check that an answer is as its shape documents it, with nothing besides."""
    assert not shape(unknown="raise").validate(content)
