"""The real application over a fresh database, and a browser that reads every page critically."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from portal import clock, codes, create_app, members, orm, programs, transfers
from portal.codes.models import OneTimeCode
from portal.config import Settings
from portal.members import Channel, NewIdentifier
from portal.outbox import Cipher
from portal.web.extensions import db, limiter

CORNER: dict[str, Any] = {
    "id": "corner",
    "name": "Corner Points",
    "currency": "PTS",
    "unit": {"one": "point", "other": "points"},
    "timezone": "Europe/Lisbon",
    "default": True,
    "self_enrol": True,
    "terms_url": "https://example.com/terms",
    "rate": {"points": 100, "value": 100, "currency": "EUR"},
    "earning": [
        {"id": "welcome", "kind": "event", "event": "account.created", "points": 50},
    ],
    "transfers": {"enabled": True},
}
BISTRO: dict[str, Any] = {
    "id": "bistro",
    "name": "Bistro Credits",
    "currency": "EUR",
    "decimals": 2,
    "timezone": "Europe/Lisbon",
    "transfers": {"enabled": True},
}
_INLINE = re.compile(r"^on[a-z]+$")
_UNLABELLED = ("hidden", "submit", "button", "image", "reset")


class Page:
    """A parsed page or fragment, checked as it arrives."""

    def __init__(self, response: TestResponse):
        self.response = response
        self.status = response.status_code
        self.location = response.location
        self.html = BeautifulSoup(response.text, "html.parser")
        if response.mimetype == "text/html" and not self.location and self.html.find():
            check(self.html, whole=response.text.lstrip().startswith("<!doctype"))

    @property
    def text(self) -> str:
        """What a reader sees, in one line."""
        return " ".join(self.html.get_text(" ").split())

    @property
    def heading(self) -> str:
        """The page's one heading of the first level."""
        assert self.html.h1 is not None, self.text
        return " ".join(self.html.h1.get_text(" ").split())

    def form(self, action: str) -> dict[str, str]:
        """What the form with this action sends if nobody types anything."""
        found = self.html.find("form", action=action)
        assert found is not None, f"no form to {action}"
        return {
            one["name"]: one.get("value", "")
            for one in found.find_all("input")
            if one.get("name") and one.get("type") not in ("checkbox", "radio", "submit")
        }

    def errors(self) -> list[str]:
        """What stands beside the fields."""
        return [" ".join(one.get_text(" ").split()) for one in self.html.select(".field-error")]


def check(html: BeautifulSoup, *, whole: bool) -> None:
    """What holds for every page of the portal, whatever it shows."""
    ids = [one["id"] for one in html.find_all(id=True)]
    assert len(ids) == len(set(ids)), f"duplicate ids: {sorted(ids)}"
    assert not html.find("style"), "inline style"
    for tag in html.find_all(True):
        assert "style" not in tag.attrs or tag.find_parent("svg"), f"inline style on {tag.name}"
        assert not [name for name in tag.attrs if _INLINE.match(name)], f"inline script: {tag}"
    for script in html.find_all("script"):
        assert script.get("src"), "inline script"
    for form in html.find_all("form"):
        assert form.get("action"), f"a form without an action: {form}"
        if form.get("method", "get").lower() == "post":
            assert form.find("input", attrs={"name": "csrf_token"}), f"no token: {form['action']}"
    for field_ in html.find_all(["input", "select", "textarea"]):
        if field_.get("type") in _UNLABELLED:
            continue
        labelled = (
            field_.get("aria-label")
            or field_.get("aria-labelledby")
            or field_.find_parent("label")
            or html.find("label", attrs={"for": field_.get("id")})
        )
        assert labelled, f"no label: {field_}"
    for button in html.find_all("button"):
        assert button.get_text(strip=True) or button.find(attrs={"aria-label": True})
    if whole:
        assert html.title is not None
        assert html.title.get_text(strip=True), "no title"
        assert html.html is not None
        assert html.html.get("lang")
        assert len(html.find_all("h1")) == 1, f"headings: {html.find_all('h1')}"
        assert html.find(id="status", attrs={"role": "status"})


@dataclass
class Visitor:
    """Somebody at a browser. ``member_of``: filled in by the ``member`` fixture."""

    client: FlaskClient
    customer_id: str = ""
    accounts: dict[str, str] = field(default_factory=dict)
    mobile: str = ""

    def get(self, path: str, *, htmx: bool = False, **more: Any) -> Page:
        """Look at a page."""
        return Page(self.client.get(path, headers=_headers(htmx), **more))

    def post(
        self,
        path: str,
        fields: dict[str, Any] | None = None,
        *,
        on: str | Page,
        htmx: bool = False,
        **more: Any,
    ) -> Page:
        """Send the form with action ``path`` as it stands on the page ``on``, with ``fields``."""
        page = self.get(on) if isinstance(on, str) else on
        data = page.form(path) | (fields or {})
        return Page(self.client.post(path, data=data, headers=_headers(htmx), **more))

    def messages(self) -> list[dict[str, str]]:
        """What was sent, newest first."""
        return self.client.get("/dev/messages.json").json["data"]

    def code_for(self, to: str, *, after: int = 0) -> str:
        """The newest code sent to ``to``, once more than ``after`` were; waits for delivery."""
        for _ in range(100):
            sent = [one for one in self.messages() if one["to"] == to]
            if len(sent) > after:
                found = re.search(r"\b\d{6}\b", sent[0]["body"])
                assert found is not None
                return found[0]
            time.sleep(0.05)
        raise AssertionError(f"nothing was sent to {to}")

    def sign_in(self, identifier: str, *, to: str) -> Page:
        """Sign in as whoever has this phone or e-mail."""
        before = len([one for one in self.messages() if one["to"] == to])
        answer = self.post("/sign-in", {"identifier": identifier}, on="/sign-in")
        assert answer.location == "/sign-in/code", answer.text
        code = self.code_for(to, after=before)
        return self.post("/sign-in/code", {"code": code}, on="/sign-in/code")


def _headers(htmx: bool) -> dict[str, str]:
    return {"HX-Request": "true"} if htmx else {}


@pytest.fixture
def settings(engine_url: str) -> Settings:
    """A developer's machine, on either engine."""
    return Settings(database_url=engine_url, log_level="WARNING", _env_file=None)


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    """The application; its messages are delivered by a thread of its own."""
    app = create_app(settings)
    limiter.enabled = False
    with app.app_context(), orm.writing(db.session()) as session:
        for document in (CORNER, BISTRO):
            programs.apply(session, document=document, actor="test", at=clock.now())
    yield app
    close(app)


def close(app: Flask) -> None:
    """Let go of what ``app`` holds."""
    limiter.enabled = True
    if "portal_delivery" in app.extensions:
        assert app.extensions["portal_delivery"].stop()
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A bare client of the application, for what is no page."""
    return app.test_client()


@pytest.fixture
def visitor(app: Flask) -> Visitor:
    """Somebody who is not signed in."""
    return Visitor(app.test_client())


@pytest.fixture
def page(visitor: Visitor) -> Visitor:
    """The same by another name: ``page.get("/")``."""
    return visitor


@pytest.fixture
def make_member(app: Flask):
    """``make_member("Ana", "+447400000001")``: a member with accounts, signed in by a real code."""

    def make(name: str, mobile: str, *, held: tuple[str, ...] = ("corner",)) -> Visitor:
        visitor = Visitor(app.test_client(), mobile=mobile)
        at = clock.now()
        with app.app_context(), orm.writing(db.session()) as session:
            customer = members.create_customer(
                session,
                identifiers=[NewIdentifier(type="mobile", value=mobile)],
                first_name=name,
                at=at,
            )
            for program_id in held:
                account = members.enrol(
                    session,
                    program=programs.find(session, program_id),
                    channel=Channel.STAFF,
                    actor="test",
                    at=at,
                    customer_id=customer.id,
                )
                visitor.accounts[program_id] = account.id
        visitor.customer_id = customer.id
        answer = visitor.sign_in(mobile, to=mobile)
        assert answer.location == "/home", answer.text
        return visitor

    return make


@pytest.fixture
def member(make_member) -> Visitor:
    """Ana, who is in both programs and signed in."""
    return make_member("Ana", "+447400000001", held=("corner", "bistro"))


@pytest.fixture
def later(app: Flask):
    """``later()``: three hours pass for codes, so that another may be asked for."""

    def pass_time() -> None:
        with app.app_context(), orm.writing(db.session()) as session:
            for code in session.scalars(select(OneTimeCode)):
                code.created_at -= timedelta(hours=3)

    return pass_time


@pytest.fixture
def database(engine: Engine) -> Iterator[Session]:
    """A session of our own, for what happens beside the pages.

    Not the application's: with its context open here, all requests of a test
    would share one.
    """
    with Session(engine, expire_on_commit=False) as session:
        yield session


@pytest.fixture
def count(database: Session):
    """``count(SignIn)``: how many rows there are by now."""

    def rows(model: type[orm.Base], *where: Any) -> int:
        database.rollback()
        return database.scalar(select(func.count()).select_from(model).where(*where)) or 0

    return rows


@pytest.fixture
def send_at_once(database: Session):
    """``send_at_once(ana, bo, 1)``: a transfer without its pages; its id."""

    def send(sender: Visitor, recipient: Visitor, points: int = 1) -> str:
        at, made = clock.now(), []
        secret = b"x" * 32
        sending = transfers.CodeSending(
            pepper=secret,
            cipher=Cipher(secret),
            channels=frozenset({"sms"}),
            limits=codes.Limits(
                destination_per_hour=99, destination_per_day=99, holder_per_hour=99
            ),
        )

        def keep(code: str, *_said: object) -> transfers.Text:
            made.append(code)
            return transfers.Text(subject="", body="")

        with orm.writing(database) as unit:
            for code in unit.scalars(select(OneTimeCode)):
                code.created_at -= timedelta(minutes=1)
            unit.flush()
            asked = transfers.request(
                unit,
                sender=transfers.Party(account_id=sender.accounts["corner"]),
                recipient=transfers.Party(account_id=recipient.accounts["corner"]),
                points=points,
                program="corner",
                by=transfers.Party(customer_id=sender.customer_id),
                context="test",
                actor="test",
                at=at,
                issue_code=True,
                sending=sending,
                wording=transfers.Wording(code=keep),
            )
            about = {"request_id": asked.id, "context": "test", "at": at}
            look = transfers.look(unit, code=made[0], pepper=secret, **about)
            return transfers.confirm(unit, look=look, actor="test", **about).id

    return send
