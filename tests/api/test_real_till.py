"""Tills on a network that cuts them off, at a real server: no order doubled, none lost."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
import requests
from sqlalchemy import func, select

from portal import ledger
from portal.ledger.models import Redemption
from portal.orders.models import Order
from portal.web.extensions import db
from tests.api.client import Checkout, Refused
from tests.api.conftest import CORNER, apply
from tests.api.cutting import CuttingProxy

START_SECONDS_MAX = 60
TILLS = 6
SALES_SMALL, SALES_FULL = 12, 250
CUT_SHARE = 0.06
SECRET = "a long secret of the tests: 0123456789 abcdefghij"
EARNING = [{"id": "base", "kind": "spend", "currency": "EUR", "per": 100, "points": 1}]


@pytest.fixture
def gunicorn(app, engine_url, tmp_path):
    """The port of ``portal serve`` on the application's database."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = "from portal.cli import main; main(prog_name='portal')"
    with (tmp_path / "server.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", command, "serve", "--port", str(port), "--workers", "2"],
            env=os.environ
            | {
                "PYTHONPATH": os.getcwd(),
                "PORTAL_ENV": "production",
                "PORTAL_SECRET_KEY": SECRET,
                "PORTAL_SMS_URL": "json://localhost",
                "PORTAL_DATABASE_URL": engine_url,
                "PORTAL_QUEUE_URL": f"sqlite:///{tmp_path / 'huey.db'}",
            },
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_for(port, process)
        yield port
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
        assert "Traceback" not in (tmp_path / "server.log").read_text()
    finally:
        process.kill()
        process.wait()


def _wait_for(port, process):
    give_up = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < give_up and process.poll() is None:
        try:
            if requests.get(f"http://127.0.0.1:{port}/healthz", timeout=10).ok:
                return
        except requests.RequestException:
            time.sleep(0.1)
    raise AssertionError("the server did not start")


class Day:
    """What one till sold, as it knows it from the answers it got."""

    def __init__(self, checkout: Checkout, members: list[str], chance: random.Random):
        self.checkout, self.members, self.chance = checkout, members, chance
        self.receipts: set[str] = set()
        self.redemptions = 0
        self.change: dict[str, int] = dict.fromkeys(members, 0)

    def sell(self, number: int) -> None:
        receipt, member = f"R-{number}", self.chance.choice(self.members)
        value, points = self.chance.randrange(500, 5_000), self.chance.randrange(10, 60)
        holds = self.chance.random() < 0.3
        self.receipts.add(receipt)
        order = self.checkout.order(
            receipt, value=value, account=member, redeem={"points": points}, capture=not holds
        )
        self.redemptions += 1
        self.change[member] -= points
        if holds and self.chance.random() < 0.4:
            self.checkout.void(order)
            self.change[member] += points
            return
        if holds:
            order = self.checkout.capture(order)
        self.change[member] += sum(earned["points"] for earned in order["earned"])
        for number in range(self.chance.randrange(3)):
            part = self.chance.randrange(1, value // 3)
            refund = self.checkout.refund(order, value=part, number=number)
            self.change[member] += refund["points_given_back"] - refund["points_taken_back"]


def test_a_till_that_is_cut_off_doubles_nothing_and_loses_nothing(app, till, gunicorn, heavy):
    with app.app_context():
        apply(CORNER | {"earning": EARNING, "redemption": {"approval": "none"}, "refund": "debt"})
    members = [till.post("/accounts", {"value": 100_000})["id"] for _ in range(3)]
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    sales = SALES_FULL if heavy else SALES_SMALL
    proxy = CuttingProxy(gunicorn, cut_share=CUT_SHARE, seed=seed)
    days = [
        Day(
            Checkout(proxy.address, till.key, store=f"S{n}", patience_seconds=120),
            members,
            random.Random(seed + n),
        )
        for n in range(TILLS)
    ]
    with ThreadPoolExecutor(TILLS) as crowd:
        for done in [crowd.submit(lambda day=day: [*map(day.sell, range(sales))]) for day in days]:
            done.result()
    proxy.close()
    assert sum(day.checkout.retries for day in days) > 0, proxy.cuts
    assert sum(proxy.cuts.values()) >= TILLS, proxy.cuts
    for member in members:
        expected = 100_000 + sum(day.change[member] for day in days)
        assert till.get(f"/accounts/{member}")["balance"] == expected
    with app.app_context():
        receipts = db.session.execute(select(Order.store, Order.number)).all()
        redemptions = db.session.scalar(select(func.count()).select_from(Redemption))
        assert list(ledger.verify(db.session())) == []
    told = {(day.checkout.store, receipt) for day in days for receipt in day.receipts}
    assert sorted(map(tuple, receipts)) == sorted(told)
    assert redemptions == sum(day.redemptions for day in days)


def test_a_till_takes_a_refusal_for_an_answer(till, server):
    checkout = Checkout(server, till.key, store="S1")
    with pytest.raises(Refused) as refused:
        checkout.order("R-1", value=1000, account="loy_0", redeem={"points": 5})
    assert refused.value.code == "account_not_found"
    assert checkout.retries == 0


def test_a_till_whose_power_was_cut_finds_its_order_again(app, till, member, server):
    first = Checkout(server, till.key, store="S1")
    sold = first.order("R-1", value=1000, account=member["id"], redeem={"points": 50})
    after = Checkout(server, till.key, store="S1")
    assert after.order("R-1", value=1000, account=member["id"], redeem={"points": 50}) == sold
    assert (first.replays, after.replays) == (0, 1)
