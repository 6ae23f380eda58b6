"""The house stands as it was drawn: imports run one way, and each thing is done in one place.

Every check reads a tree of source files, so that each can be shown to fail
on a small tree that breaks it.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PORTAL = Path(__file__).resolve().parent.parent / "portal"

FLOORS = {
    0: {"orm", "errors", "clock", "config"},
    1: {"outbox"},
    2: {"ledger", "codes"},
    3: {"programs", "members"},
    4: {"rewards", "transfers", "access", "orders"},
    5: {"checkout", "merging", "privacy", "reports", "imports", "schema"},
    6: {"web", "demo"},
    7: {"portal", "cli", "worker"},
}
"""What stands where. Files of the lowest and of the highest floor know each other."""
FLOOR = {name: floor for floor, names in FLOORS.items() for name in names}
NEIGHBOURLY = (0, 7)
FACES = {"member", "staff", "api"}
WEB_ONLY = {
    "flask",
    "werkzeug",
    "jinja2",
    "htmx_flask",
    "flask_babel",
    "flask_limiter",
    "flask_login",
    "flask_smorest",
    "flask_sqlalchemy",
    "flask_wtf",
    "wtforms",
    "gunicorn",
}
BOOK = {
    "Account": "account",
    "Event": "event",
    "EventDetail": "event_detail",
    "Entry": "entry",
    "Lot": "lot",
    "Debt": "debt",
    "Allocation": "allocation",
    "Redemption": "redemption",
    "Request": "request",
}
SQL = {"select", "insert", "update", "delete", "text", "exists", "union", "union_all"}


class Source:
    """One file of the house."""

    def __init__(self, root: Path, path: Path):
        self.path = path.relative_to(root)
        parts = list(self.path.with_suffix("").parts)
        if parts[-1] == "__init__":
            parts.pop()
        self.name = ".".join(["portal", *parts])
        self.package = parts[0] if parts else "portal"
        self.parts = parts
        self.tree = ast.parse(path.read_text())

    def imports(self) -> Iterator[str]:
        """Every module or name that it imports, by its full name."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                module = node.module or ""
                if node.level:
                    here = ["portal", *self.path.parts[:-1]]
                    base = here[: len(here) - node.level + 1]
                    module = ".".join([*base, *([module] if module else [])])
                yield module
                yield from (f"{module}.{alias.name}" for alias in node.names)

    def packages(self) -> set[str]:
        """The packages of the house that it imports."""
        found = set()
        for name in self.imports():
            first, _, rest = name.partition(".")
            if first == "portal":
                found.add(rest.partition(".")[0] or "portal")
        # ``from portal import ledger`` names the house, and takes a package from it.
        named = {package for package in found if package in FLOOR}
        if any(name in ("portal.create_app", "portal.__version__") for name in self.imports()):
            return named
        return named - {"portal"}

    def calls(self) -> Iterator[tuple[ast.Call, str]]:
        """Every call, with the last part of the name that is called."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                function = node.func
                if isinstance(function, ast.Attribute):
                    yield node, function.attr
                elif isinstance(function, ast.Name):
                    yield node, function.id


def sources(root: Path) -> list[Source]:
    return [Source(root, path) for path in sorted(root.rglob("*.py"))]


def wrong_arrows(root: Path) -> list[str]:
    """Imports that run upwards, or between packages of one floor."""
    wrong = []
    for source in sources(root):
        if source.package not in FLOOR:
            wrong.append(f"{source.path}: {source.package} stands on no floor")
            continue
        floor = FLOOR[source.package]
        for package in sorted(source.packages() - {source.package}):
            if source.package == "schema" and FLOOR[package] <= floor:
                continue
            same = FLOOR[package] == floor and floor not in NEIGHBOURLY
            if FLOOR[package] > floor or same:
                wrong.append(f"{source.path} imports {package}")
    return wrong


def mingled_faces(root: Path) -> list[str]:
    """Faces that import one another, and shared web code that imports a face."""
    wrong = []
    for source in sources(root):
        face = source.parts[1] if source.package == "web" and len(source.parts) > 1 else None
        if source.package != "web" or face == "application":
            continue
        for name in source.imports():
            parts = name.split(".")
            if parts[:2] == ["portal", "web"] and len(parts) > 2 and parts[2] in FACES - {face}:
                wrong.append(f"{source.path} imports {name}")
    return wrong


def web_below(root: Path) -> list[str]:
    """What belongs to the web, known below it."""
    return [
        f"{source.path} imports {name}"
        for source in sources(root)
        if FLOOR.get(source.package, 0) < 6
        for name in source.imports()
        if name.split(".")[0] in WEB_ONLY
    ]


def other_commits(root: Path) -> list[str]:
    """Commits anywhere but in :func:`portal.orm.writing`."""
    return [
        f"{source.path}:{call.lineno} commits"
        for source in sources(root)
        if str(source.path) != "orm.py"
        for call, name in source.calls()
        if name == "commit"
    ]


def other_clocks(root: Path) -> list[str]:
    """The time of day, asked anywhere but in the clock; the clock, asked below the edges."""
    wrong = []
    for source in sources(root):
        if str(source.path) == "clock.py":
            continue
        edge = FLOOR.get(source.package, 0) >= 6
        for node in ast.walk(source.tree):
            if not isinstance(node, ast.Attribute):
                continue
            of = node.value.id if isinstance(node.value, ast.Name) else None
            if isinstance(node.value, ast.Attribute):
                of = node.value.attr
            asked = (of in ("datetime", "date") and node.attr in ("now", "utcnow", "today")) or (
                of == "time" and node.attr in ("time", "time_ns", "localtime", "gmtime")
            )
            in_new_id = str(source.path) == "orm.py" and node.attr == "time_ns"
            if (asked and not in_new_id) or (of == "clock" and node.attr == "now" and not edge):
                wrong.append(f"{source.path}:{node.lineno} asks {of}.{node.attr}")
        wrong += [
            f"{source.path} imports {name}"
            for name in source.imports()
            if name in ("time.time", "time.time_ns") or (name == "portal.clock.now" and not edge)
        ]
    return wrong


def other_writers(root: Path) -> list[str]:
    """The book's tables, written anywhere but in the ledger."""
    tables = "|".join(BOOK.values())
    raw = re.compile(
        rf"\b(INSERT\s+(OR\s+\w+\s+)?INTO|UPDATE|DELETE\s+FROM)\s+\"?({tables})\b", re.IGNORECASE
    )
    wrong = []
    for source in sources(root):
        if source.package == "ledger":
            continue
        from_book = {
            name.rpartition(".")[2]
            for name in source.imports()
            if name.startswith("portal.ledger") and name.rpartition(".")[2] in BOOK
        }
        for call, name in source.calls():
            named = {
                part.id if isinstance(part, ast.Name) else part.attr
                for argument in call.args[:1]
                for part in ast.walk(argument)
                if isinstance(part, ast.Name | ast.Attribute)
            }
            if name in ("insert", "update", "delete") and named & from_book:
                wrong.append(f"{source.path}:{call.lineno} writes the book")
            if name in from_book:
                wrong.append(f"{source.path}:{call.lineno} makes a row of the book")
        wrong += [
            f"{source.path}:{node.lineno} writes the book"
            for node in ast.walk(source.tree)
            if isinstance(node, ast.Constant) and raw.search(str(node.value))
        ]
    return wrong


def sql_in_faces(root: Path) -> list[str]:
    """Statements built in the web: views ask the packages below."""
    return [
        f"{source.path} imports {name}"
        for source in sources(root)
        if source.package == "web"
        for name in source.imports()
        if name.startswith("sqlalchemy.")
        and name.rpartition(".")[2] in SQL
        # Whether the database answers at all is the web's own question.
        and source.path.name != "health.py"
    ]


CHECKS = [
    wrong_arrows,
    mingled_faces,
    web_below,
    other_commits,
    other_clocks,
    other_writers,
    sql_in_faces,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_house_stands_as_it_was_drawn(check):
    assert check(PORTAL) == []


BROKEN = [
    (wrong_arrows, "ledger/service.py", "from portal.members import find_customer"),
    (wrong_arrows, "ledger/service.py", "from portal import codes"),
    (wrong_arrows, "ledger/service.py", "from ..programs import find"),
    (wrong_arrows, "orm.py", "import portal.ledger.models"),
    (wrong_arrows, "outbox/service.py", "def f():\n    from portal.web import extensions"),
    (wrong_arrows, "checkout/service.py", "from portal.reports import statement"),
    (wrong_arrows, "web/member/views.py", "from portal import create_app"),
    (wrong_arrows, "schema.py", "import portal.web.models"),
    (wrong_arrows, "attic/service.py", ""),
    (mingled_faces, "web/member/views.py", "from portal.web.staff import forms"),
    (mingled_faces, "web/api/views.py", "from portal.web import member"),
    (mingled_faces, "web/rendering.py", "import portal.web.api.schemas"),
    (web_below, "ledger/service.py", "from flask import request"),
    (web_below, "checkout/service.py", "import werkzeug.exceptions"),
    (other_commits, "members/service.py", "def f(session):\n    session.commit()"),
    (other_clocks, "web/member/views.py", "from datetime import datetime\ndatetime.now()"),
    (other_clocks, "web/member/views.py", "import datetime\ndatetime.datetime.utcnow()"),
    (other_clocks, "orm.py", "import time\ntime.time()"),
    (other_clocks, "members/service.py", "from portal import clock\nclock.now()"),
    (other_clocks, "members/service.py", "from time import time"),
    (
        other_writers,
        "members/service.py",
        "from portal.ledger.models import Account\nupdate(Account).values(balance=1)",
    ),
    (
        other_writers,
        "members/service.py",
        "from portal.ledger.models import Lot\ninsert(Lot.__table__)",
    ),
    (
        other_writers,
        "members/service.py",
        "from portal.ledger.models import Entry\nsession.add(Entry(amount=1))",
    ),
    (other_writers, "cli/book.py", "text('UPDATE account SET balance = 0')"),
    (sql_in_faces, "web/staff/views.py", "from sqlalchemy import select"),
]


@pytest.mark.parametrize(("check", "path", "text"), BROKEN)
def test_a_wrong_line_is_found(tmp_path, check, path, text):
    fine = tmp_path / "members" / "fine.py"
    fine.parent.mkdir()
    fine.write_text("from portal import ledger, orm\nfrom portal.errors import NotFound\n")
    assert check(tmp_path) == []
    broken = tmp_path / path
    broken.parent.mkdir(parents=True, exist_ok=True)
    broken.write_text(text)
    assert len(check(tmp_path)) >= 1
    assert all(found.startswith(path) for found in check(tmp_path))
