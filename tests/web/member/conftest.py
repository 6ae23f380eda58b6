"""A member who is signed in, with accounts in two programs, and a page as parsed HTML."""

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from bs4 import BeautifulSoup
from PIL import Image
from sqlalchemy import event

from portal import ledger, members, orm, programs, rewards
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


PICTURE = Image.new("RGB", (80, 60), "#0b6b50")


class Gifts:
    """The rewards of a program, and a member who turns points into them."""

    def __init__(self, portal):
        self.portal = portal

    def offer(self, reward_id="mug", *, picture=None, **more):
        """A reward in the catalogue; ``picture``: any image, drawn here."""
        document = {
            "id": reward_id,
            "program": "corner",
            "name": reward_id.capitalize(),
            "price": 500,
            "kind": "gift",
        } | more
        kept = BytesIO()
        (picture or PICTURE).save(kept, "PNG")
        if picture is not None:
            document["picture"] = "it.png"
        with orm.writing(self.portal.session):
            return rewards.apply(
                self.portal.session,
                document=document,
                actor="test",
                at=self.portal.at - DAY,
                read_picture=lambda _name: kept.getvalue(),
            ).reward

    def issue(self, reward_id="mug", *, account_id=None, days_ago=0, **more):
        """A voucher, as it would be had at the till."""
        with orm.writing(self.portal.session):
            return rewards.issue(
                self.portal.session,
                account_id=account_id or self.portal.account_id,
                reward_id=reward_id,
                actor="key:till",
                at=self.portal.at - days_ago * DAY,
                **more,
            )

    def use(self, voucher, *, store="Corner Lisboa"):
        """The till honours it."""
        with orm.writing(self.portal.session):
            return rewards.use(
                self.portal.session,
                code=voucher.code,
                store=store,
                actor="key:till",
                at=self.portal.at,
            )

    def found(self, voucher_id, *, at=None):
        """A voucher as it stands."""
        self.portal.session.rollback()
        return rewards.voucher_by_id(
            self.portal.session, voucher_id=voucher_id, at=at or datetime.now(UTC)
        )

    def mine(self):
        """All that Rita has."""
        self.portal.session.rollback()
        return rewards.vouchers_of(
            self.portal.session, account_ids=[self.portal.account_id], at=datetime.now(UTC)
        ).vouchers

    def balance(self):
        """What Rita can spend."""
        self.portal.session.rollback()
        return ledger.position(
            self.portal.session, account_id=self.portal.account_id, at=datetime.now(UTC)
        ).balance

    def form(self, path, action=None, **options):
        """What the form on a page sends if nobody types anything."""
        form = self.portal.get(path, **options).find("form", action=action or path)
        assert form is not None, f"no form to {action or path}"
        return {one["name"]: one["value"] for one in form.select("input[name]")}

    def send(self, path, fields, *, htmx=False):
        """Send a form; its answer is not followed."""
        headers = {"HX-Request": "true"} if htmx else {}
        return self.portal.client.post(path, data=fields, headers=headers)

    def take(self, reward_id="mug"):
        """Get a reward by its pages; returns the voucher's id."""
        path = f"/rewards/{reward_id}/confirm"
        answer = self.send(path, self.form(path))
        assert answer.status_code == 303, answer.text[:2000]
        return answer.location.split("/")[2].split("?")[0]

    def words(self, answer):
        """The words of an answer, on one line."""
        return " ".join(BeautifulSoup(answer.text, "html.parser").get_text(" ").split())


@pytest.fixture
def gifts(portal):
    """Rewards for Rita."""
    return Gifts(portal)
