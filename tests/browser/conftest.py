"""The real application over a database with a few months of believable life, in a real browser."""

import os
import re
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright
from sqlalchemy.orm import Session
from werkzeug.serving import make_server

from portal import checkout, create_app, ledger, members, orm, programs, schema
from portal.access import sessions
from portal.config import Settings
from portal.ledger import EventName, Facts, OrderFacts
from portal.members import Reference, households
from portal.members.customers import NewIdentifier
from portal.web.extensions import db

HEAVY_LOOKS = ("[phone-light]", "[desktop-dark]")
"""Half of the looks that axe sees of each page; phone-dark and desktop-light always run."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave half of what axe looks at to `make test-heavy`: it is the longest of all."""
    if config.getoption("--heavy"):
        return
    left = [item for item in items if "_axe_" in item.name and item.name.endswith(HEAVY_LOOKS)]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in set(left)]


PHONE = {"width": 360, "height": 640}
DESKTOP = {"width": 1280, "height": 800}
NARROW = {"width": 320, "height": 640}
DAY = timedelta(days=1)
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

CORNER = {
    "id": "corner",
    "name": "Corner Points",
    "currency": "PTS",
    "unit": {"one": "point", "other": "points"},
    "timezone": "Europe/Lisbon",
    "default": True,
    "theme": {"accent": "#0b6b50"},
    "rate": {"points": 100, "value": 100, "currency": "EUR"},
    "earning": [
        {"id": "base", "kind": "spend", "currency": "EUR", "per": 100, "points": 1},
        {
            "id": "review",
            "kind": "trigger",
            "name": "your review",
            "trigger": "review",
            "points": 25,
        },
    ],
    "tiers": [
        {"id": "silver", "name": "Silver", "from": 100, "multiplier": "1.5"},
        {"id": "gold", "name": "Gold", "from": 2500, "benefits": ["Free delivery"]},
    ],
    "redemption": {"approval": "none"},
    "transfers": {"enabled": True, "max": 500},
}
SENDERS = 12
"""Each of them sends in one test only: codes to one phone are limited."""
CREDITS = {
    "id": "bistro",
    "name": "Bistro Credit",
    "currency": "EUR",
    "decimals": 2,
    "unit": {"one": "euro", "other": "euros"},
    "timezone": "Europe/Lisbon",
    "theme": {"accent": "#8a2d3b"},
    "expiry": {"kind": "never"},
    "rate": {"points": 100, "value": 100, "currency": "EUR"},
}


@dataclass(frozen=True)
class Live:
    """A running portal. ``tokens``: an open session of each member, by name."""

    url: str
    tokens: dict[str, str]
    accounts: dict[str, str]


def _database(session: Session, at: datetime) -> tuple[dict[str, str], dict[str, str]]:
    tokens, accounts = {}, {}
    with orm.writing(session):
        corner = programs.apply(session, document=CORNER, actor="test", at=at).program
        bistro = programs.apply(session, document=CREDITS, actor="test", at=at).program
        people = {}
        for name, number in [
            ("Rita", "6300000000000017"),
            ("Tom", None),
            ("Nova", None),
            ("Olga", None),
        ]:
            identifiers = [NewIdentifier(type="card_number", value=number)] if number else []
            people[name] = members.create_customer(
                session, identifiers=identifiers, first_name=name, at=at - 400 * DAY
            )
            account = ledger.open_account(
                session, program_id="corner", customer_id=people[name].id, at=at - 400 * DAY
            )
            accounts[name] = account.id
            tokens[name] = sessions.open(session, customer_id=people[name].id, at=at).token
        accounts["Rita bistro"] = ledger.open_account(
            session, program_id="bistro", customer_id=people["Rita"].id, at=at - 300 * DAY
        ).id

    def facts(name: EventName, when: datetime, number: str | None = None, **more) -> Facts:
        order = number and OrderFacts(
            id=None, number=number, value=4210, currency="EUR", placed_at=when
        )
        return Facts(
            name=name, actor=more.pop("actor", "key:till"), occurred_at=when, order=order, **more
        )

    stores = ["Corner Lisboa", "Corner Porto", "corner.example"]
    rita, tom = accounts["Rita"], accounts["Tom"]
    redeemed = {}
    for index, days in enumerate(range(380, 2, -8)):
        when = at - days * DAY - timedelta(minutes=37 * index % 400)
        with orm.writing(session):
            ledger.earn(
                session,
                account_id=rita,
                points=20 + index * 17 % 90,
                expires_at=corner.expires_at(when),
                facts=facts(
                    EventName.TRANSACTION_ADD,
                    when,
                    f"{1000 + index}",
                    origin="payment",
                    store=stores[index % 3],
                    till="2",
                ),
                at=when,
                program_version=corner.version,
            )
        if index in (9, 21, 30, 38):
            with orm.writing(session):
                redeemed[index] = ledger.redeem(
                    session,
                    account_id=rita,
                    points=150 + index * 5,
                    facts=facts(
                        EventName.POINTS_REDEMPTION,
                        when + timedelta(hours=2),
                        f"{2000 + index}",
                        origin="redemption",
                        store=stores[index % 3],
                    ),
                    value=200,
                    currency="EUR",
                    at=when + timedelta(hours=2),
                )
    with orm.writing(session):
        ledger.reverse_redemption(
            session,
            redemption_id=redeemed[38].id,
            points=100,
            facts=facts(EventName.REDEMPTION_REVERSAL, at - 5 * DAY, store="Corner Lisboa"),
            at=at - 5 * DAY,
            grace_expires_at=at + 25 * DAY,
        )
        ledger.earn(
            session,
            account_id=rita,
            points=42,
            expires_at=None,
            facts=facts(
                EventName.TRANSACTION_ADD,
                at - 20 * DAY,
                "0991",
                store="Corner Porto",
                note="Till was offline",
            ),
            at=at - 2 * DAY,
        )
        ledger.earn(
            session,
            account_id=rita,
            points=240,
            expires_at=corner.expires_at(at),
            available_from=at + 14 * DAY,
            facts=facts(EventName.TRANSACTION_ADD, at - DAY, "1060", store="corner.example"),
            at=at - DAY,
        )
        ledger.earn(
            session,
            account_id=accounts["Rita bistro"],
            points=1250,
            expires_at=bistro.expires_at(at),
            facts=facts(EventName.TRANSACTION_ADD, at - 40 * DAY, "B-7", store="Bistro Sol"),
            at=at - 40 * DAY,
        )
        bought = ledger.earn(
            session,
            account_id=tom,
            points=90,
            expires_at=corner.expires_at(at - 9 * DAY),
            facts=facts(EventName.TRANSACTION_ADD, at - 9 * DAY, "3001", store="Corner Porto"),
            at=at - 9 * DAY,
        )
    with orm.writing(session):
        ledger.redeem(
            session,
            account_id=tom,
            points=50,
            facts=facts(EventName.POINTS_REDEMPTION, at - 8 * DAY, "3002", store="Corner Porto"),
            at=at - 8 * DAY,
        )
        ledger.reverse(
            session,
            entry_id=bought.entries[0].id,
            facts=facts(EventName.RETURN_BILL, at - 3 * DAY, "3001", store="Corner Porto"),
            at=at - 3 * DAY,
        )
    _orders(session, accounts["Olga"], at, facts)
    _senders(session, tokens, accounts, at, facts)
    return tokens, accounts


def mobile_of(name: str) -> str:
    """The phone of one of those who send: ``Sam0`` to ``Sam11``, ``Kim``, ``Hana``, ``Ivo``."""
    known = [*(f"Sam{number}" for number in range(SENDERS)), "Kim", "Hana", "Ivo"]
    return f"+4474000010{known.index(name):02}"


def _senders(session: Session, tokens, accounts, at: datetime, facts) -> None:
    """People with phones, who send each other points, and a household."""
    ids = {}
    for name in (*(f"Sam{number}" for number in range(SENDERS)), "Kim", "Hana", "Ivo"):
        with orm.writing(session):
            person = members.create_customer(
                session,
                identifiers=[NewIdentifier(type="mobile", value=mobile_of(name), verified_at=at)],
                first_name=name,
                last_name="Reis",
                at=at - 90 * DAY,
            )
            ids[name] = person.id
            accounts[name] = ledger.open_account(
                session, program_id="corner", customer_id=person.id, at=at - 90 * DAY
            ).id
            tokens[name] = sessions.open(session, customer_id=person.id, at=at).token
            for points, days in ((120, 9), (400, 200), (180, 320)):
                ledger.earn(
                    session,
                    account_id=accounts[name],
                    points=points,
                    expires_at=at + days * DAY,
                    facts=facts(EventName.TRANSACTION_ADD, at - DAY),
                    at=at - DAY,
                )
    with orm.writing(session):
        corner = programs.find(session, "corner")
        crew = households.create_household(
            session, name="The crew", primary_id=ids["Hana"], program=corner, at=at - 30 * DAY
        )
        for name, joins in (("Kim", True), ("Ivo", False)):
            households.invite(
                session, household_id=crew.id, customer_id=ids[name], by=ids["Hana"], at=at - DAY
            )
            if joins:
                households.accept(session, household_id=crew.id, by=ids[name], at=at - DAY)
        account = households.household_account(session, household_id=crew.id, program=corner)
        accounts["The crew"] = account.id
        tokens["crew id"] = crew.id
        ledger.earn(
            session,
            account_id=account.id,
            points=340,
            expires_at=at + 60 * DAY,
            facts=facts(EventName.TRANSACTION_ADD, at - DAY),
            at=at - DAY,
        )


def _orders(session: Session, account_id: str, at: datetime, facts) -> None:
    """Orders as a till sends them: one part of which came back, and one on hold."""
    with orm.writing(session):
        ledger.earn(
            session,
            account_id=account_id,
            points=900,
            expires_at=at + 300 * DAY,
            facts=facts(EventName.TRANSACTION_ADD, at - 60 * DAY, "O-1", store="Corner Porto"),
            at=at - 60 * DAY,
        )
    lines = [
        checkout.Line(sku="House roast, 250 g", category="coffee", quantity=2, value=1780),
        checkout.Line(sku="Almond cake", category="bakery", quantity=1, value=2430),
    ]

    def place(number: str, when: datetime, **more) -> str:
        with orm.writing(session):
            placed = checkout.place(
                session,
                wish=checkout.OrderWish(
                    number=number,
                    value=4210,
                    currency="EUR",
                    store="Corner Lisboa",
                    holder=checkout.Holder(reference=Reference(account=account_id)),
                    lines=lines,
                    redeem=[checkout.Redeem(points=200)],
                    **more,
                ),
                actor="key:till",
                at=when,
            )
        return placed.order.id

    bought = place("O-2", at - 2 * DAY)
    with orm.writing(session):
        checkout.refund(
            session,
            order_id=bought,
            wish=checkout.RefundWish(value=1000),
            actor="key:till",
            at=at - DAY,
        )
    place("O-3", at, capture=False, hold_minutes=15)


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The application on a free port of this machine."""
    database = tmp_path_factory.mktemp("live") / "portal.db"
    url = f"sqlite:///{database}"
    engine = orm.make_engine(url)
    schema.upgrade(engine)
    with Session(engine, expire_on_commit=False) as session:
        tokens, accounts = _database(session, datetime.now(UTC).replace(microsecond=0))
    engine.dispose()
    app = create_app(Settings(database_url=url))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Live(f"http://127.0.0.1:{server.port}", tokens, accounts)
    server.shutdown()
    thread.join(timeout=10)
    server.server_close()
    if "portal_delivery" in app.extensions:
        assert app.extensions["portal_delivery"].stop()
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A real Chromium. Without one these tests are skipped, loudly; REQUIRE_ALL=1 fails them."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        own = Path(playwright.chromium.executable_path)
        if path is None and not own.exists():
            pytest.skip(
                "NO BROWSER: install one (apt-get install chromium) to run the browser tests"
            )
        found = playwright.chromium.launch(executable_path=path or own, args=CHROMIUM_OPTIONS)
        yield found
        found.close()


class Visit:
    """A member at a browser; whatever the console complains about is kept in ``complaints``."""

    def __init__(self, context: BrowserContext, live: Live):
        self.live = live
        self.context = context
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def go(self, path: str) -> Page:
        """Open a page of the portal and wait until it is quiet."""
        response = self.page.goto(self.live.url + path, wait_until="networkidle")
        assert response is not None
        self.status = response.status
        return self.page

    def code(self, name: str, *, after: int = 0) -> str:
        """The newest code sent to the phone of ``name``, once more than ``after`` were."""
        for _ in range(100):
            answer = self.context.request.get(f"{self.live.url}/dev/messages.json")
            sent = [
                found[0]
                for one in answer.json()["data"]
                if one["to"] == mobile_of(name) and (found := re.search(r"\b\d{6}\b", one["body"]))
            ]
            if len(sent) > after:
                return sent[0]
            time.sleep(0.05)
        raise AssertionError(f"nothing was sent to {name}")

    def shot(self, name: str) -> None:
        """Keep a picture, where a folder for them is named in PORTAL_SHOTS."""
        if folder := os.environ.get("PORTAL_SHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            safe = re.sub(r"[^\w-]", "-", name)
            self.page.screenshot(path=f"{folder}/{safe}.png", full_page="-top" not in name)


@pytest.fixture
def visit(browser: Browser, live: Live):
    """``visit("Rita", viewport=…, scheme=…, script=…)``: a member who is signed in."""
    contexts = []

    def arrive(
        name: str | None,
        *,
        viewport: dict[str, int] = PHONE,
        scheme: str = "light",
        script: bool = True,
    ) -> Visit:
        context = browser.new_context(
            viewport=viewport, color_scheme=scheme, java_script_enabled=script, locale="en-GB"
        )
        context.set_default_timeout(10_000)
        if name is not None:
            context.add_cookies([{"name": "session", "value": live.tokens[name], "url": live.url}])
        contexts.append(context)
        return Visit(context, live)

    yield arrive
    for context in contexts:
        context.close()
