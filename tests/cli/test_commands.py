import csv
import json
import re
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select, text

from portal import demo, ledger, orm, programs, schema
from portal.access import keys
from portal.cli import main
from portal.ledger.models import Account

STRONG = "k3Jw9sPq27XzLmRt5vByNcHfDgUa8e1QoWi4"
PROGRAM = {
    "id": "corner",
    "name": "Corner Points",
    "currency": "PTS",
    "auto_enrol": True,
    "earning": [{"id": "base", "kind": "spend", "currency": "EUR", "per": 100, "points": 1}],
}
PURCHASES = (
    "customer_external_id,store_code,receipt_number,purchased_at,amount,currency\n"
    "c1,s,1,2026-01-05,10.00,EUR\n"
    "c2,s,2,2026-01-05,25.50,EUR\n"
)


@pytest.fixture
def run(engine_url, monkeypatch, tmp_path):
    """Runs a command on a fresh database, in an empty folder, and gives what it said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PORTAL_DATABASE_URL", engine_url)
    monkeypatch.delenv("PORTAL_ENV", raising=False)

    def invoke(*arguments, **environment):
        return CliRunner().invoke(
            main, [str(one) for one in arguments], env=environment, catch_exceptions=False
        )

    return invoke


@pytest.fixture
def file(tmp_path):
    def write(content, name="file"):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


def test_help_names_every_command(run):
    said = run("--help").output
    for command in [
        "serve",
        "worker",
        "demo",
        "doctor",
        "db",
        "program",
        "ledger",
        "settle",
        "import",
        "api-key",
    ]:
        assert re.search(rf"^  {command} ", said, re.MULTILINE)


def test_program_apply_creates_changes_and_then_changes_nothing(run, file, session):
    assert run("program", "apply", file(PROGRAM)).output == "Corner Points (corner): created.\n"
    again = run("program", "apply", file(PROGRAM))
    assert (again.exit_code, again.output) == (0, "Corner Points (corner): nothing changed.\n")
    changed = run("program", "apply", file(PROGRAM | {"name": "Corner"}))
    assert changed.output == (
        'Corner (corner): changed, now version 2.\n  name: "Corner Points" → "Corner"\n'
    )
    assert programs.find(session, "corner").name == "Corner"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"id": "x"}, "name"),
        (PROGRAM | {"colour": "red"}, "colour"),
        (PROGRAM | {"decimals": "two"}, "decimals"),
        ("{", "is not JSON"),
        ("[]", "one JSON object"),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_program_apply_names_what_is_wrong_in_one_sentence(run, file, content, says):
    refused = run("program", "apply", file(content))
    assert refused.exit_code == 1
    assert says in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    assert "Traceback" not in refused.stderr


def test_program_apply_names_a_missing_file(run, tmp_path):
    refused = run("program", "apply", tmp_path / "gone.json")
    assert refused.exit_code == 1
    assert "There is no file" in refused.stderr


def test_import_purchases_sums_up_and_skips_the_second_time(run, file, session):
    run("program", "apply", file(PROGRAM))
    purchases = file(PURCHASES, "purchases.csv")
    first = run("import", "purchases", purchases, "--program", "corner")
    assert first.exit_code == 0
    assert first.stdout.startswith(
        "2 read, 2 imported, 0 skipped, 0 bad; 35 points earned, 2 customers enrolled; "
    )
    assert first.stdout.rstrip().endswith(" rows/s")
    second = run("import", "purchases", purchases)
    assert second.exit_code == 0
    assert second.stdout.startswith("2 read, 0 imported, 2 skipped, 0 bad; 0 points earned")


def test_import_purchases_with_a_bad_row_does_the_rest_and_says_where_to_look(
    run, file, session, tmp_path
):
    run("program", "apply", file(PROGRAM))
    purchases = file(PURCHASES + "c3,s,3,2026-01-05,many,EUR\n", "purchases.csv")
    done = run("import", "purchases", purchases)
    assert done.exit_code == 1
    assert "2 imported, 0 skipped, 1 bad" in done.stdout
    listed = list(csv.DictReader((tmp_path / "purchases.csv.errors.csv").read_text().splitlines()))
    assert [row["line"] for row in listed] == ["4"]
    assert listed[0]["reason"].startswith("amount: ")


def test_import_purchases_needs_a_program_and_a_readable_file(run, file):
    purchases = file(PURCHASES, "purchases.csv")
    assert "Name the program" in run("import", "purchases", purchases).stderr
    run("program", "apply", file(PROGRAM))
    for path, says in (
        ("gone.csv", "There is no file"),
        (file("a,b\n", "other.csv"), "customer_external_id"),
    ):
        refused = run("import", "purchases", path)
        assert refused.exit_code == 1
        assert says in refused.stderr


def test_ledger_verify_is_clean_and_finds_a_row_edited_by_hand(run, file, session, engine):
    run("program", "apply", file(PROGRAM))
    run("import", "purchases", file(PURCHASES, "purchases.csv"))
    assert run("ledger", "verify").exit_code == 0

    edited = session.scalars(select(Account.id)).first()
    with orm.writing(session):
        session.execute(
            text("UPDATE account SET balance = balance + 1 WHERE id = :id"), {"id": edited}
        )
    found = run("ledger", "verify")
    assert found.exit_code == 1
    lines = found.stdout.splitlines()
    assert lines
    assert all(line.startswith(edited) for line in lines)
    assert "balance" in found.stdout
    assert "The book does not agree" in found.stderr


def test_settle_books_what_fell_due(run, file, session):
    run("demo")
    account = session.execute(
        select(Account.id, Account.next_due_at).order_by(Account.next_due_at)
    ).first()
    session.rollback()
    done = run("settle")
    assert done.exit_code == 0
    assert re.fullmatch(r"\d+ accounts? settled\.\n", done.stdout)
    assert run("settle").stdout == "0 accounts settled.\n"
    assert account is not None
    assert ledger.verify(session) == []


def test_api_key_create_prints_the_key_alone_on_its_last_line(run, session, at):
    made = run(
        "api-key", "create", "--name", "till", "--scopes", "read, redeem", "--store", "Chiado"
    )
    assert made.exit_code == 0
    key = made.stdout.splitlines()[-1]
    identity = keys.authenticate(session, presented=key, at=at)
    assert identity.scopes == {"read", "redeem"}
    assert (identity.client_name, identity.store) == ("till", "Chiado")


def test_api_key_create_refuses_unknown_scopes_by_name(run):
    refused = run("api-key", "create", "--name", "till", "--scopes", "read,everything")
    assert refused.exit_code == 1
    assert refused.stderr.startswith("Error: scopes: There is no scope everything")


def test_demo_prints_the_same_key_again_and_keeps_it_from_others(run, session, tmp_path, at):
    first = run("demo", "--url", "http://127.0.0.1:8106")
    assert first.exit_code == 0
    key = re.search(r"Bearer (ptl_\w+)'", first.stdout)[1]
    keys.authenticate(session, presented=key, at=at)
    kept = tmp_path / "instance" / "demonstration-key.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    session.rollback()
    assert run("demo", "--url", "http://127.0.0.1:8106").stdout == first.stdout
    for person in demo.PEOPLE:
        assert person.name in first.stdout

    kept.unlink()
    lost = run("demo").stdout
    assert re.search(r"Bearer (ptl_\w+)'", lost)[1] != key


# apprise imports a module of the standard library that Python 3.13 drops, and brings its own.
@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_demo_and_serve_refuse_each_other_in_production(run, session, tmp_path):
    production = {
        "PORTAL_ENV": "production",
        "PORTAL_SECRET_KEY": STRONG,
        "PORTAL_SMS_URL": "json://sms.example.com",
    }
    refused = run("demo", **production)
    assert refused.exit_code == 1
    assert not demo.present(session)
    session.rollback()

    run("demo")
    for command in ("serve", "worker"):
        refused = run(command, **production)
        assert refused.exit_code == 1
        assert "demonstration accounts" in refused.stderr
    ill = run("doctor", **production)
    assert ill.exit_code == 1
    assert " WRONG  demonstration" in ill.stdout


def test_production_refuses_a_weak_secret_and_a_missing_sender(run):
    for environment, says in (
        ({}, "PORTAL_SECRET_KEY"),
        ({"PORTAL_SECRET_KEY": "a" * 40}, "PORTAL_SECRET_KEY"),
        ({"PORTAL_SECRET_KEY": STRONG}, "PORTAL_SMS_URL"),
    ):
        refused = run("serve", PORTAL_ENV="production", **environment)
        assert refused.exit_code == 1
        assert says in refused.stderr
        assert "Traceback" not in refused.stderr


@pytest.fixture
def durable(engine):
    """A PostgreSQL that syncs what it confirms, as others than these tests need it."""

    def switch(value):
        if engine.dialect.name == "postgresql":
            with engine.connect() as connection:
                driver = connection.connection.driver_connection
                driver.autocommit = True
                driver.execute(f"ALTER SYSTEM SET fsync = {value}")
                driver.execute("SELECT pg_reload_conf()")
                while driver.execute("SHOW fsync").fetchone() != (value,):
                    time.sleep(0.05)
                driver.autocommit = False

    switch("on")
    yield
    switch("off")


def test_doctor_finds_a_server_that_may_forget(run, engine):
    found = run("doctor")
    forgetful = engine.dialect.name == "postgresql"
    assert found.exit_code == (1 if forgetful else 0)
    assert ("WRONG  engine: PostgreSQL may lose" in found.stdout) is forgetful


def test_doctor_is_content_with_a_fresh_database(run, durable):
    well = run("doctor")
    assert well.exit_code == 0, well.output
    assert well.stdout.endswith("All is well.\n")
    for part in ("settings", "engine", "migrations", "book", "clock", "delivery"):
        assert f"    ok  {part}: " in well.stdout


def test_doctor_finds_a_book_that_could_be_rewritten(run, engine, session):
    on_table = " ON entry" if engine.dialect.name == "postgresql" else ""
    trigger = "entry_append_only" if on_table else "entry_no_update"
    with orm.writing(session):
        session.execute(text(f"DROP TRIGGER {trigger}{on_table}"))
    ill = run("doctor")
    assert ill.exit_code == 1
    assert " WRONG  book: the database no longer refuses changes to: entry" in ill.stdout


def test_doctor_finds_messages_that_nobody_sends(run, session):
    with orm.writing(session):
        session.execute(
            text(
                "INSERT INTO message (id, channel, purpose, status, attempts, next_attempt_at, "
                "give_up_at, created_at) VALUES ('msg_1', 'sms', 'sign_in', 'waiting', 0, "
                "'2026-01-01 00:00:00+00:00', '2026-01-04 00:00:00+00:00', "
                "'2026-01-01 00:00:00+00:00')"
            )
        )
    ill = run("doctor")
    assert ill.exit_code == 1
    assert "run portal worker" in ill.stdout


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_doctor_says_how_to_mend_a_delivery_address(run):
    ill = run("doctor", PORTAL_SMS_URL="nonsense")
    assert ill.exit_code == 1
    assert "PORTAL_SMS_URL is not an address that apprise understands" in ill.stdout


def test_db_upgrade_makes_the_schema_and_other_commands_ask_for_it(run, tmp_path):
    url = f"sqlite:///{tmp_path / 'new.db'}"
    refused = run("ledger", "verify", PORTAL_DATABASE_URL=url)
    assert refused.exit_code == 1
    assert "portal db upgrade" in refused.stderr
    assert run("db", "upgrade", PORTAL_DATABASE_URL=url).stdout.endswith(f"{schema.head()}.\n")
    assert "already" in run("db", "upgrade", PORTAL_DATABASE_URL=url).stdout
    assert run("ledger", "verify", PORTAL_DATABASE_URL=url).exit_code == 0


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://somewhere/db", "PORTAL_DATABASE_URL"),
        ("not an address", "PORTAL_DATABASE_URL"),
        ("postgresql+psycopg://nobody:secret@127.0.0.1:1/none", "The database cannot be used"),
        ("sqlite:////proc/none/portal.db", "PORTAL_DATABASE_URL: /proc/none cannot be made"),
    ],
)
def test_a_database_that_cannot_be_used_is_said_plainly_and_without_its_password(run, url, says):
    for command in (("ledger", "verify"), ("db", "upgrade"), ("doctor",)):
        refused = run(*command, PORTAL_DATABASE_URL=url)
        assert refused.exit_code == 1
        assert says in refused.output
        assert "Traceback" not in refused.output
        assert "secret" not in refused.output.replace("secret: the development secret", "")


def test_every_command_is_described():
    def leaves(group, path=()):
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                yield from leaves(command, (*path, name))
            else:
                yield (*path, name), command

    for _, command in leaves(main):
        assert command.help


def test_the_makefile_says_what_it_can(tmp_path):
    makefile = (Path(main.callback.__code__.co_filename).parents[2] / "Makefile").read_text()
    for target in ("run", "test", "test-heavy", "check", "bench", "help"):
        assert re.search(rf"^{target}:.*## ", makefile, re.MULTILINE)
