"""A member who is signed in, with accounts in two programs, and a page as parsed HTML."""

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import event

from portal import ledger, members, orm, programs
from portal.access import sessions
from portal.ledger import EventName, Facts, OrderFacts
from portal.members.customers import NewIdentifier
from portal.web.extensions import db

DAY = timedelta(days=1)
CORNER = {
    "id": "corner",
    "name": "Corner Points",
    "currency": "PTS",
    "unit": {"one": "point", "other": "points"},
    "timezone": "Europe/Lisbon",
    "default": True,
    "rate": {"points": 100, "value": 100, "currency": "EUR"},
    "tiers": [
        {"id": "silver", "name": "Silver", "from": 100},
        {"id": "gold", "name": "Gold", "from": 1000},
    ],
}
CREDITS = {
    "id": "credits",
    "name": "Credits",
    "currency": "EUR",
    "decimals": 2,
    "unit": {"one": "credit", "other": "credits"},
    "timezone": "Europe/Lisbon",
    "expiry": {"kind": "never"},
}


@dataclass
class Portal:
    """An application, its database, and Rita's account in it."""

    session: object
    client: object
    app: object
    at: datetime
    customer_id: str
    account_id: str
    statements: list[str] = field(default_factory=list)

    def get(self, path, *, status=200, htmx=False):
        """The parsed answer; every page is checked for what no page may have."""
        headers = {"HX-Request": "true"} if htmx else {}
        response = self.client.get(path, headers=headers)
        assert response.status_code == status, response.text[:2000]
        page = BeautifulSoup(response.text, "html.parser")
        ids = [element["id"] for element in page.select("[id]")]
        assert len(ids) == len(set(ids)), "an id comes twice"
        assert not page.select("[style], style"), "style within the page"
        assert not [script for script in page.select("script") if not script.get("src")]
        if not htmx:
            assert page.title is not None
            assert page.title.text.strip()
            assert len(page.select("h1")) == 1
        return page

    def text(self, path, **options):
        """The words of a page, on one line."""
        return " ".join(self.get(path, **options).get_text(" ").split())

    def count(self, path, **options):
        """How many statements the database gets for a page."""
        self.statements.clear()
        self.get(path, **options)
        return len(self.statements)

    def note(self, statement):
        # What the pages ask; a thread that delivers messages asks as well.
        asks = not statement.startswith(("BEGIN", "PRAGMA"))
        if asks and threading.current_thread() is threading.main_thread():
            self.statements.append(statement)

    def facts(self, name=EventName.TRANSACTION_ADD, *, at=None, number=None, **more):
        when = at or self.at
        order = number and OrderFacts(
            id=None, number=number, value=4210, currency="EUR", placed_at=when
        )
        return Facts(
            name=name, actor=more.pop("actor", "key:till"), occurred_at=when, order=order, **more
        )

    def earn(self, points, *, days_ago=0, expires_in=365, account_id=None, **more):
        """Points from a purchase; ``expires_in`` days from now, None: never."""
        at = self.at - days_ago * DAY
        told = {key: more.pop(key) for key in ("number", "store", "name", "note") if key in more}
        occurred_at = more.pop("occurred_at", at)
        with orm.writing(self.session):
            posted = ledger.earn(
                self.session,
                account_id=account_id or self.account_id,
                points=points,
                expires_at=None if expires_in is None else self.at + expires_in * DAY,
                facts=self.facts(at=occurred_at, **told),
                at=at,
                **more,
            )
        return posted.entries[0]

    def redeem(self, points, *, days_ago=0, **told):
        at = self.at - days_ago * DAY
        with orm.writing(self.session):
            return ledger.redeem(
                self.session,
                account_id=self.account_id,
                points=points,
                facts=self.facts(EventName.POINTS_REDEMPTION, at=at, **told),
                at=at,
            )


@pytest.fixture
def portal(app, session):
    """The portal with Rita signed in; her account was opened two years ago."""
    at = datetime.now(UTC).replace(microsecond=0)
    with orm.writing(session):
        for document in (CORNER, CREDITS):
            programs.apply(session, document=document, actor="test", at=at)
        rita = members.create_customer(
            session,
            identifiers=[NewIdentifier(type="card_number", value="6300000000000017")],
            first_name="Rita",
            at=at - 730 * DAY,
        )
        account = ledger.open_account(
            session, program_id="corner", customer_id=rita.id, at=at - 730 * DAY
        )
        token = sessions.open(session, customer_id=rita.id, at=at).token
    client = app.test_client()
    client.set_cookie("session", token)
    portal = Portal(session, client, app, at, rita.id, account.id)
    with app.app_context():
        event.listen(
            db.engine,
            "before_cursor_execute",
            lambda _c, _cur, statement, *_rest: portal.note(statement),
        )
    return portal
