"""A portal with rewards in a real browser, a till that scans what it shows, and two decoders."""

import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser
from sqlalchemy import Engine
from sqlalchemy.orm import Session
from werkzeug.serving import make_server

from portal import create_app, ledger, members, orm, programs, rewards, schema
from portal.access import keys, sessions
from portal.config import Settings
from portal.demo import pictures
from portal.ledger import EventName, Facts
from portal.members.customers import NewIdentifier
from portal.web.extensions import db
from tests.api.client import Checkout
from tests.browser.conftest import Visit

DAY = timedelta(days=1)
CORNER = {
    "id": "corner",
    "name": "Corner Points",
    "currency": "PTS",
    "unit": {"one": "point", "other": "points"},
    "timezone": "Europe/Lisbon",
    "default": True,
    "theme": {"accent": "#0b6b50"},
    "rate": {"points": 100, "value": 100, "currency": "EUR"},
    "tiers": [
        {"id": "silver", "name": "Silver", "from": 100},
        {"id": "gold", "name": "Gold", "from": 2500},
    ],
    "redemption": {"approval": "member_code"},
}
REWARDS = [
    {"id": "coffee", "name": "Filter coffee", "price": 150, "kind": "free_item"},
    {"id": "five", "name": "Five euros off", "price": 500, "kind": "amount_off", "value": 500},
    {"id": "tenth", "name": "A tenth off", "price": 300, "kind": "share_off", "value": "0.10"},
    {"id": "bag", "name": "Cotton bag", "price": 800, "kind": "gift", "stock": 3},
    {"id": "pot", "name": "Moka pot", "price": 700, "kind": "gift", "stock": 0},
    {"id": "evening", "name": "An evening", "price": 100, "kind": "gift", "tiers": ["gold"]},
    {"id": "trees", "name": "A tree", "price": 100, "kind": "donation"},
    {"id": "course", "name": "A day at the roastery", "price": 5000, "kind": "gift"},
]
PICTURES = {"coffee": "coffee", "five": "voucher", "bag": "tote", "pot": "moka", "trees": "trees"}
CATEGORIES = {"coffee": ["coffee"], "five": ["money off"], "tenth": ["money off"]}
STORE = "Corner Lisboa"


@dataclass(frozen=True)
class Live:
    """A running portal, and the key of a till."""

    url: str
    tokens: dict[str, str]
    engine: Engine
    key: str
    numbers: Iterator[int] = field(default_factory=count)


def _fill(session: Session, at: datetime) -> str:
    with orm.writing(session):
        programs.apply(session, document=CORNER, actor="test", at=at)
        for position, document in enumerate(REWARDS):
            told = {"program": "corner", "position": position, "description": "Made nearby."}
            told["categories"] = CATEGORIES.get(document["id"], [])
            told["picture"] = PICTURES.get(document["id"])
            rewards.apply(
                session,
                document=told | document,
                actor="test",
                at=at,
                read_picture=pictures.draw,
            )
        return keys.create(
            session,
            name="till",
            scopes=["read", "enrol", "redeem", "earn", "reverse", "voucher"],
            store=STORE,
            actor="test",
            at=at,
        ).key


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The application on a free port of this machine, with rewards to have."""
    url = f"sqlite:///{tmp_path_factory.mktemp('rewards') / 'portal.db'}"
    engine = orm.make_engine(url)
    schema.upgrade(engine)
    with Session(engine, expire_on_commit=False) as session:
        key = _fill(session, datetime.now(UTC) - DAY)
    app = create_app(Settings(database_url=url, log_level="WARNING", _env_file=None))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Live(f"http://127.0.0.1:{server.port}", {}, engine, key)
    server.shutdown()
    thread.join(timeout=10)
    server.server_close()
    if "portal_delivery" in app.extensions:
        assert app.extensions["portal_delivery"].stop()
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    engine.dispose()


@dataclass(frozen=True)
class Someone:
    """A member with points. ``name``: for the ``visit`` fixture."""

    live: Live
    name: str
    customer_id: str
    account_id: str
    card_number: str

    def balance(self) -> int:
        """What they can spend."""
        with Session(self.live.engine) as session:
            return ledger.position(
                session, account_id=self.account_id, at=datetime.now(UTC)
            ).balance

    def voucher(self, reward_id: str) -> rewards.VoucherView:
        """Turn points into a voucher, beside the pages."""
        with Session(self.live.engine) as session, orm.writing(session):
            return rewards.issue(
                session,
                account_id=self.account_id,
                reward_id=reward_id,
                actor="test",
                at=datetime.now(UTC),
            )

    def give_back(self, voucher: rewards.VoucherView) -> None:
        """Cancel it."""
        with Session(self.live.engine) as session, orm.writing(session):
            rewards.cancel(session, code=voucher.code, actor="test", at=datetime.now(UTC))

    def vouchers(self) -> tuple[rewards.VoucherView, ...]:
        """All that they have."""
        with Session(self.live.engine) as session:
            return rewards.vouchers_of(
                session, account_ids=[self.account_id], at=datetime.now(UTC)
            ).vouchers


@pytest.fixture
def someone(live: Live) -> Callable[..., Someone]:
    """``someone(points=1240)``: a new member who is signed in."""

    def arrive(points: int = 1240) -> Someone:
        at = datetime.now(UTC)
        number = members.cards.new_card_number()
        name = f"Rita {next(live.numbers)}"
        with Session(live.engine, expire_on_commit=False) as session, orm.writing(session):
            customer = members.create_customer(
                session,
                identifiers=[NewIdentifier(type="card_number", value=number)],
                first_name="Rita",
                last_name="Sousa",
                at=at,
            )
            account = ledger.open_account(
                session, program_id="corner", customer_id=customer.id, at=at
            )
            ledger.earn(
                session,
                account_id=account.id,
                points=points,
                expires_at=at + 300 * DAY,
                facts=Facts(name=EventName.TRANSACTION_ADD, actor="test", store=STORE),
                at=at,
            )
            live.tokens[name] = sessions.open(session, customer_id=customer.id, at=at).token
        return Someone(live, name, customer.id, account.id, number)

    return arrive


class Till(Checkout):
    """A till that takes vouchers as well."""

    def use_voucher(self, code: str, *, receipt: str = "", value: int = 0) -> dict[str, Any]:
        """Honour a voucher, on an order where there is a receipt."""
        order = {"id": receipt, "value": value, "currency": "EUR"}
        body = {"store": self.store} | ({"order": order} if receipt else {})
        return self._send("POST", f"/vouchers/{code}/use", body, key=f"use/{code}/{receipt}")


@pytest.fixture
def till(live: Live) -> Till:
    """A till of the store, which scans."""
    return Till(live.url, live.key, store=STORE)


SCREENS = {
    "phone": {"viewport": {"width": 360, "height": 640}, "device_scale_factor": 3},
    "desktop": {"viewport": {"width": 1280, "height": 800}, "device_scale_factor": 1},
}


@pytest.fixture(params=[*SCREENS])
def screen(request: pytest.FixtureRequest, browser: Browser, live: Live) -> Iterator[Any]:
    """``screen(name, scheme)``: a member at a screen with the pixels that it has in life."""
    contexts = []

    def arrive(name: str, scheme: str) -> Visit:
        context = browser.new_context(color_scheme=scheme, **SCREENS[request.param])
        context.add_cookies([{"name": "session", "value": live.tokens[name], "url": live.url}])
        contexts.append(context)
        return Visit(context, live)

    yield arrive
    for context in contexts:
        context.close()


def _zxing(picture: Path) -> set[str]:
    return {found.text for found in zxingcpp.read_barcodes(Image.open(picture))}


def _zbar(picture: Path) -> set[str]:
    read = subprocess.run(
        ["zbarimg", "--quiet", "--raw", str(picture)], capture_output=True, text=True, check=False
    )
    return set(read.stdout.split())


@pytest.fixture(params=["zxing", "zbar"])
def scan(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[bytes], set[str]]:
    """``scan(screenshot)``: all codes in it, as a decoder that is not ours reads them.

    Without zbarimg its half is skipped, loudly; REQUIRE_ALL=1 fails it.
    """
    if request.param == "zbar" and shutil.which("zbarimg") is None:
        pytest.skip("NO DECODER: install zbarimg (apt-get install zbar-tools) to scan with it")
    reader = _zbar if request.param == "zbar" else _zxing

    def read(screenshot: bytes) -> set[str]:
        path = tmp_path / "seen.png"
        path.write_bytes(screenshot)
        Image.open(BytesIO(screenshot)).verify()
        return reader(path)

    return read
