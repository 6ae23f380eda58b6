"""Beside django-hordak (double entry in Django) behind the same HTTP server, on PostgreSQL.

It is no dependency of anything here: it is installed into an environment of
its own, once, in the cache folder; where that cannot be done, this part says
so and measures nothing.
"""

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from sqlalchemy.orm import Session

from portal import orm
from portal.access import keys
from tests.bench import filling
from tests.bench.harness import Bench, compare
from tests.bench.importing import CACHE
from tests.bench.serving import LOTS, POINTS_EACH, Side, production, served, take_turns

PART = "Beside django-hordak"
PACKAGES = ("django==5.2.*", "django-hordak==2.0.0", "psycopg[binary]==3.3.9", "gunicorn==27.0.1")
APP = Path(__file__).with_name("hordak_app.py")
CLIENTS = (1, 8)
ACCOUNTS = 200


def run(bench: Bench) -> None:
    """Measure, if it can be had."""
    if "postgresql" not in bench.engines:
        return
    python = _installed()
    if python is None:
        bench.say(f"{PART}: skipped, it cannot be installed here")
        return
    bench.say(PART)
    blank = bench.blank()
    environment = os.environ | {
        "BENCH_NAME": urlsplit(blank).path.removeprefix("/"),
        "BENCH_HOST": parse_qs(urlsplit(blank).query)["host"][0],
    }
    made = subprocess.run(
        [str(python), "-P", str(APP), "migrate", str(ACCOUNTS)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise SystemExit(f"django-hordak: {made.stderr[-2000:]}")
    theirs = json.loads(made.stdout.splitlines()[-1])["accounts"]
    with bench.database("postgresql") as (url, engine), Session(engine) as session:
        filling.program(session)
        ours = filling.accounts(session, ACCOUNTS, lots=LOTS, points_each=POINTS_EACH)
        with orm.writing(session):
            key = keys.create(
                session, name="bench", scopes=["redeem"], actor="bench", at=datetime.now(UTC)
            ).key
        engine.dispose()
        with ExitStack() as servers:
            our_port, their_port = bench.free_port(), bench.free_port()
            command = [sys.executable, "-m", "tests.bench.apps", "portal"]
            servers.enter_context(served(command, our_port, production(url), bench))
            command = [str(python), "-P", str(APP), "serve"]
            servers.enter_context(served(command, their_port, environment, bench))
            for clients in CLIENTS:
                sides = take_turns(
                    bench,
                    {
                        "portal": Side(port=our_port, headers={"Authorization": f"Bearer {key}"}),
                        "hordak": Side(port=their_port, headers={}),
                    },
                    {"portal": ours, "hordak": theirs},
                    clients=clients,
                )
                bench.add(
                    compare(
                        part=PART,
                        engine="postgresql",
                        what=f"redeem over HTTP, {clients} client{'s' if clients > 1 else ''}",
                        floor_name="a bare transfer of django-hordak 2.0",
                        unit="1/s",
                        portal=sides["portal"].of("per_second"),
                        floor=sides["hordak"].of("per_second"),
                        goal=1.0 if clients == 8 else None,
                    )
                )
    bench.drop(blank)


def _installed() -> Path | None:
    folder = CACHE / "hordak"
    python = folder / "bin" / "python"
    done = folder / "installed"
    if done.exists():
        return python
    CACHE.mkdir(parents=True, exist_ok=True)
    for command in (
        [sys.executable, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", *PACKAGES],
    ):
        if subprocess.run(command, capture_output=True, check=False, timeout=300).returncode:
            return None
    done.touch()
    return python
