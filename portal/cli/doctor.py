"""``portal doctor``: is everything as it must be, and how to mend what is not."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import click
import pysqlite3.dbapi2
from pydantic import SecretStr, ValidationError
from sqlalchemy import func, inspect, select, text

from portal import clock, demo, outbox, schema
from portal.access.models import ApiKey
from portal.cli.edge import Opened, opened, sentence, shown_address
from portal.config import DEVELOPMENT_SECRET
from portal.ledger.models import Event
from portal.outbox.models import Message
from portal.programs.models import Program

SQLITE_VERSION_MIN = (3, 51, 3)
"""Before it, a file in WAL mode could be corrupted by several connections."""

CLOCK_DIFFERENCE_MAX = timedelta(seconds=5)
WAITING_MAX = timedelta(minutes=5)
APPEND_ONLY = ("event", "entry", "allocation")


class Health(StrEnum):
    """How a part is."""

    WELL = "ok"
    NOTE = "note"
    ILL = "WRONG"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found, and how to mend it where that is needed."""

    health: Health
    part: str
    text: str
    mend: str | None = None


def well(part: str, found: str) -> Finding:
    """It is as it must be."""
    return Finding(health=Health.WELL, part=part, text=found)


def note(part: str, found: str, mend: str) -> Finding:
    """It works, and could be better."""
    return Finding(health=Health.NOTE, part=part, text=found, mend=mend)


def ill(part: str, found: str, mend: str) -> Finding:
    """It must be mended."""
    return Finding(health=Health.ILL, part=part, text=found, mend=mend)


@click.command()
def doctor() -> None:
    """Check settings, engine, migrations, book, clock, delivery and keys; say how to mend each."""
    wrong = 0
    for finding in _examine():
        wrong += finding.health is Health.ILL
        click.echo(f"{finding.health:>6}  {finding.part}: {finding.text}")
        if finding.mend:
            click.echo(f"        → {finding.mend}")
    if wrong:
        raise click.ClickException(f"{wrong} {'thing is' if wrong == 1 else 'things are'} wrong.")
    click.echo("All is well.")


def _examine() -> Iterator[Finding]:
    try:
        with opened(migrated=False) as work:
            yield from _settings(work)
            yield _engine(work)
            migrated = _migrations(work)
            yield migrated
            if migrated.health is Health.WELL:
                for check in _CHECKS:
                    yield from check(work)
    except ValidationError as error:
        yield ill("settings", str(sentence(error)), "set what it names in the environment")
    except Exception as error:  # noqa: BLE001 - any failure is a finding here, and named
        if isinstance(error, click.ClickException):
            reason = error.message
        else:
            reason = sentence(error) or f"{type(error).__name__}: {error}"
        yield ill(
            "engine",
            reason,
            "start the database, and check PORTAL_DATABASE_URL and its user's rights",
        )


def _settings(work: Opened) -> Iterator[Finding]:
    settings = work.settings
    yield well("settings", f"read; this is {settings.env}")
    if settings.secret_key.get_secret_value() == DEVELOPMENT_SECRET:
        yield note(
            "secret",
            "the development secret, which anybody can read",
            "fine here; production needs a PORTAL_SECRET_KEY of its own, and refuses this one",
        )
    else:
        yield well("secret", "one of its own")
    if settings.development:
        return
    if settings.base_url is None:
        yield note(
            "address",
            "links in messages do not know where the portal stands",
            "set PORTAL_BASE_URL, e.g. https://points.example.com",
        )
    if settings.metrics_token is None:
        yield note("metrics", "/metrics is closed", "set PORTAL_METRICS_TOKEN to open it")


def _engine(work: Opened) -> Finding:
    where = shown_address(work.settings)
    if work.engine.dialect.name == "sqlite":
        version = pysqlite3.dbapi2.sqlite_version_info
        shown = pysqlite3.dbapi2.sqlite_version
        if version < SQLITE_VERSION_MIN:
            return ill(
                "engine",
                f"SQLite {shown} can corrupt a file that several connections write",
                "install the pinned dependencies again: pip install -r requirements.lock",
            )
        with work.engine.connect() as connection:
            mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
            synced = connection.exec_driver_sql("PRAGMA synchronous").scalar_one()
        if mode != "wal" or synced != 2:
            return ill(
                "engine",
                f"{where}: journal {mode}, synchronous {synced}",
                "keep the file on a local disk: network file systems cannot do WAL",
            )
        return well("engine", f"{where}, SQLite {shown}, WAL, synced in full")
    with work.engine.connect() as connection:
        version_text = connection.execute(text("SHOW server_version")).scalar_one()
        slots = int(connection.execute(text("SHOW max_connections")).scalar_one())
        durable = {
            name: connection.execute(text(f"SHOW {name}")).scalar_one()
            for name in ("fsync", "synchronous_commit", "full_page_writes")
        }
    if off := [name for name, value in durable.items() if value == "off"]:
        return ill(
            "engine",
            f"PostgreSQL may lose what it has confirmed: {', '.join(off)} off",
            "switch them on in postgresql.conf",
        )
    if slots < work.settings.database_pool_size * 3:
        return note(
            "engine",
            f"{where}, PostgreSQL {version_text}, {slots} connections",
            "each worker process may use PORTAL_DATABASE_POOL_SIZE of them: raise max_connections",
        )
    return well("engine", f"{where}, PostgreSQL {version_text}, durable")


def _migrations(work: Opened) -> Finding:
    current, head = schema.current(work.engine), schema.head()
    if current == head:
        return well("migrations", f"at the newest revision, {head}")
    return ill("migrations", f"at {current or 'none'}, newest is {head}", "portal db upgrade")


def _book(work: Opened) -> Iterator[Finding]:
    with work.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            query = "SELECT tbl_name FROM sqlite_master WHERE type = 'trigger'"
        else:
            query = (
                "SELECT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
                "WHERE NOT t.tgisinternal AND t.tgenabled <> 'D'"
            )
        guarded = [row[0] for row in connection.execute(text(query))]
        tables = set(inspect(connection).get_table_names())
    bare = [name for name in APPEND_ONLY if name in tables and guarded.count(name) < 2]
    if bare:
        yield ill(
            "book",
            f"the database no longer refuses changes to: {', '.join(bare)}",
            "the triggers are made by the migrations: restore a backup, or put them back by hand, "
            "then run portal ledger verify",
        )
    else:
        yield well("book", "the database refuses changes to what is booked")


def _clock(work: Opened) -> Iterator[Finding]:
    before = clock.now()
    if work.engine.dialect.name == "postgresql":
        theirs = work.session.execute(select(func.clock_timestamp())).scalar_one()
        work.session.rollback()
        if not before - CLOCK_DIFFERENCE_MAX < theirs < clock.now() + CLOCK_DIFFERENCE_MAX:
            yield ill(
                "clock",
                f"this machine says {before:%H:%M:%S}, the database {theirs:%H:%M:%S} (UTC)",
                "let both follow the same time servers (NTP)",
            )
            return
    latest = work.session.scalar(select(func.max(Event.recorded_at)))
    if latest is not None and latest > clock.now() + CLOCK_DIFFERENCE_MAX:
        yield ill(
            "clock",
            f"the book was last written at {latest:%Y-%m-%d %H:%M:%S}, which is still to come",
            "set this machine's clock; it has gone back, or was wrong before",
        )
        return
    yield well("clock", f"{before:%Y-%m-%d %H:%M:%S} UTC, in step with the database")


def _delivery(work: Opened) -> Iterator[Finding]:
    settings = work.settings
    if settings.development and settings.sms_url is None and settings.mail_url is None:
        yield well("delivery", "to the terminal and /dev/messages, for development")
    for name, address in (("SMS", settings.sms_url), ("MAIL", settings.mail_url)):
        yield from _channel(name, address, settings.development)
    oldest = work.session.scalar(
        select(func.min(Message.next_attempt_at)).where(Message.status == "waiting")
    )
    if oldest is not None and clock.now() - oldest > WAITING_MAX:
        yield ill(
            "outbox",
            f"a message has been waiting since {oldest:%Y-%m-%d %H:%M} UTC",
            "run portal worker beside portal serve",
        )
    failed = work.session.scalar(
        select(func.count())
        .select_from(Message)
        .where(
            Message.status == "failed",
            Message.created_at > clock.now() - timedelta(days=1),
        )
    )
    if failed:
        yield note(
            "outbox",
            f"{failed} messages of the last day could not be delivered",
            "last_error in the table message says why; then check the delivery addresses",
        )


def _channel(name: str, address: SecretStr | None, development: bool) -> Iterator[Finding]:
    if address is None:
        if not development:
            yield note(
                "delivery",
                f"no {name} can be sent",
                f"set PORTAL_{name}_URL to an apprise address, or nobody gets a code that way",
            )
        return
    try:
        outbox.AppriseSender(
            address.get_secret_value(), channel={"SMS": "sms", "MAIL": "email"}[name]
        )
    except ValueError:
        yield ill(
            "delivery",
            f"PORTAL_{name}_URL is not an address that apprise understands",
            "see https://appriseit.com for the form of each service's address",
        )
    else:
        yield well("delivery", f"{name} goes to the address of PORTAL_{name}_URL")


def _programs(work: Opened) -> Iterator[Finding]:
    rows = work.session.execute(select(Program.id, Program.is_default)).all()
    if not rows:
        yield note("programs", "there is none yet", "portal program apply FILE.json")
    elif len(rows) > 1 and not any(default for _, default in rows):
        yield note(
            "programs",
            f"{len(rows)}, none of them the default",
            "set “default”: true in one program file and apply it",
        )
    else:
        yield well("programs", ", ".join(sorted(identifier for identifier, _ in rows)))


def _keys(work: Opened) -> Iterator[Finding]:
    valid = work.session.scalar(
        select(func.count()).select_from(ApiKey).where(ApiKey.revoked_at.is_(None))
    )
    if valid:
        yield well("keys", f"{valid} of checkout")
    else:
        yield note(
            "keys",
            "no till or web shop can reach the endpoint",
            "portal api-key create --name “web shop” --scopes read,redeem,earn",
        )


def _demonstration(work: Opened) -> Iterator[Finding]:
    if not demo.present(work.session):
        return
    if work.settings.development:
        yield note(
            "demonstration",
            "this database holds demonstration accounts",
            "fine here; production refuses to start with them: give it a database of its own",
        )
    else:
        yield ill(
            "demonstration",
            "demonstration accounts in production",
            "point PORTAL_DATABASE_URL at a database of its own",
        )


_CHECKS: tuple[Callable[[Opened], Iterator[Finding]], ...] = (
    _book,
    _clock,
    _delivery,
    _programs,
    _keys,
    _demonstration,
)
