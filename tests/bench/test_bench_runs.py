"""The benchmark runs: every part but the one that fetches packages, as small as can be."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

from portal.cli import serving
from tests.bench import apps

ROOT = Path(__file__).resolve().parents[2]
PARTS = "redeeming,serving,ordering,pages,importing,settling"


def test_every_part_measures_something_on_both_engines(tmp_path: Path):
    environment = {name: value for name, value in os.environ.items() if name != "XDG_RUNTIME_DIR"}
    run = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--tiny", "--only", PARTS, "--results", tmp_path],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    [result] = tmp_path.glob("*.json")
    figures = json.loads(result.read_text())["figures"]
    measured = {(figure["part"], figure["engine"]) for figure in figures}
    assert len(measured) == 2 * len(PARTS.split(","))
    # How fast it was is not asked here: only that there is a figure.
    assert all(math.isfinite(figure["ratio"]) and figure["ratio"] > 0 for figure in figures)


def test_an_unknown_part_is_named():
    run = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--only", "everything"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert "there is no part everything" in run.stderr


def test_the_floors_are_served_as_the_portal_is():
    workers = next(one for one in serving.serve.params if one.name == "workers")
    assert (workers.default, serving.THREADS) == (apps.WORKERS, apps.THREADS)
