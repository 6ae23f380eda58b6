"""``make bench``: measure the portal against floors, on both engines.

Prints one table and writes it to ``tests/bench/results/``. ``--quick`` takes a
few minutes, the full run most of an hour. Nothing is installed and no service
is needed; django-hordak, for comparison, goes to an environment of its own
under the cache folder when it can be fetched.
"""

import argparse
import importlib
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.harness import ENGINES, RESULTS, Bench, save, show

PARTS = ("redeeming", "serving", "ordering", "pages", "importing", "settling", "comparing")


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="smaller books, fewer rounds")
    parser.add_argument("--tiny", action="store_true", help="only show that everything runs")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, with commas")
    parser.add_argument("--engine", choices=ENGINES, help="one engine instead of both")
    parser.add_argument("--port", type=int, default=8108, help="look for free ports from here on")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the figures go")
    asked = parser.parse_args(arguments)
    wanted = asked.only.split(",")
    if unknown := set(wanted) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}: use {', '.join(PARTS)}")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="portal-bench-") as folder:
        bench = Bench(
            quick=asked.quick,
            tiny=asked.tiny,
            folder=Path(folder),
            engines=[asked.engine] if asked.engine else ENGINES,
            first_port=asked.port,
        )
        try:
            for part in wanted:
                importlib.import_module(f"tests.bench.{part}").run(bench)
        finally:
            bench.close()
            if bench.figures:
                show(bench)
                path = save(bench, asked.results, took_seconds=time.monotonic() - began)
                bench.console.print(f"Written to {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
