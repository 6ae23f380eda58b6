"""Files of the pages, addressed by what is in them, so that browsers may keep them for ever."""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Flask

_VERSION_LENGTH = 10


def init_app(app: Flask, *, production: bool) -> None:
    """Let ``url_for("static", …)`` add ``?v=`` and a digest of the file.

    Args:
        production: files do not change while it runs; elsewhere they are
            looked at each time.
    """
    folder = Path(str(app.static_folder))
    known: dict[str, str] = {}

    def add_version(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint != "static" or "v" in values:
            return
        name = str(values.get("filename", ""))
        version = known.get(name) if production else None
        if version is None:
            path = folder / name
            if not path.is_file():
                return
            version = known[name] = _digest(path, path.stat().st_mtime_ns)
        values["v"] = version

    app.url_defaults(add_version)


@lru_cache(maxsize=1024)
def _digest(path: Path, changed_ns: int) -> str:  # noqa: ARG001 - part of what is remembered
    return hashlib.sha256(path.read_bytes()).hexdigest()[:_VERSION_LENGTH]
