"""``portal demo``: demonstration data, and how to look at it."""

import json
import os
from datetime import datetime
from pathlib import Path

import click
import phonenumbers

from portal import clock, demo, orm
from portal.access import keys
from portal.access.errors import BadKey
from portal.cli.edge import ACTOR, Opened, console, opened
from portal.demo.cast import TOMAS

CLIENT = "demonstration till"
KEY_FILE = Path("instance/demonstration-key.json")
"""The database has only the key's digest; this file is its owner's alone."""

SCOPES = ("read", "enrol", "redeem", "earn", "reverse")
IDEMPOTENCY_KEY = "demonstration-redemption-1"
POINTS = 500


@click.command("demo")
@click.option(
    "--url",
    default="http://127.0.0.1:8000",
    show_default=True,
    help="Where the portal is served; what is printed points there.",
)
def demonstrate(url: str) -> None:
    """Fill an empty database with demonstration data, and say how to look at it.

    Run again it adds nothing and says the same.
    """
    with opened() as work:
        if not work.settings.development:
            raise click.ClickException(
                "Demonstration data has no place in production, where PORTAL_ENV says this is."
            )
        at = clock.now()
        if not demo.present(work.session):
            with (
                console.status("making two years of demonstration data"),
                orm.writing(work.session),
            ):
                demo.create(work.session, at=at, actor=ACTOR)
        key = _key(work, at)
    for line in _told(url.rstrip("/"), key):
        click.echo(line)


def _key(work: Opened, at: datetime) -> str:
    """The demonstration till's key: the one that was kept, if it still opens this database."""
    kept = _kept_key()
    if kept is not None:
        try:
            keys.authenticate(work.session, presented=kept, at=at)
        except BadKey:
            pass
        else:
            return kept
    with orm.writing(work.session):
        for old in keys.list(work.session, client=CLIENT):
            if old.revoked_at is None:
                keys.revoke(work.session, key_id=old.id, at=at)
        made = keys.create(work.session, name=CLIENT, scopes=SCOPES, actor=ACTOR, at=at)
    _keep_key(made.key)
    return made.key


def _kept_key() -> str | None:
    try:
        return str(json.loads(KEY_FILE.read_text())["key"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _keep_key(key: str) -> None:
    KEY_FILE.parent.mkdir(parents=True, exist_ok=True)
    KEY_FILE.unlink(missing_ok=True)
    # Made with its mode: there is no moment at which others could read it.
    descriptor = os.open(KEY_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        json.dump({"key": key}, stream)


def _told(url: str, key: str) -> list[str]:
    body = json.dumps(
        {
            "identifier": {"type": "card_number", "value": TOMAS.card_number},
            "points": POINTS,
            "store": "Chiado",
        },
        separators=(",", ":"),
    )
    curl = (
        f"curl -i {url}/api/v1/redemptions -H 'Authorization: Bearer {key}' "
        f"-H 'Idempotency-Key: {IDEMPOTENCY_KEY}' -H 'Content-Type: application/json' -d '{body}'"
    )
    return [
        "",
        f"Sign in as a member at {url}/sign-in with one of these numbers:",
        *(
            f"  {_spoken(person.mobile):<19}{person.name:<17}{person.shows}"
            for person in demo.PEOPLE
        ),
        f"The code appears in this terminal and at {url}/dev/messages.",
        "",
        f"Redeem {POINTS} points of {TOMAS.name} as a till would, with the key {key}:",
        f"  {curl}",
        "Pasted again it answers the same bytes with “Idempotency-Hit: true” and takes nothing;",
        "another Idempotency-Key redeems again.",
        "",
    ]


def _spoken(mobile: str) -> str:
    number = phonenumbers.parse(mobile)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
