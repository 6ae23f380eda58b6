"""Fails unless requirements.lock is exactly what pyproject.toml asks for, and consistent.

Every requirement (with those of ``dev``) is met by a pin, what the pinned ones
need is pinned too, and nothing is pinned that nobody needs.
"""

import importlib.metadata
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent


def pins(text: str) -> tuple[dict[str, str], set[str]]:
    """The pinned versions that hold on this machine, and every name in the file."""
    here: dict[str, str] = {}
    names: set[str] = set()
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        requirement = Requirement(line)
        name = canonicalize_name(requirement.name)
        names.add(name)
        if requirement.marker is None or requirement.marker.evaluate():
            (specifier,) = requirement.specifier
            here[name] = specifier.version
    return here, names


def needed_by(requirements: Iterable[str], extras: Iterable[str] = ()) -> list[Requirement]:
    """Those of ``requirements`` that apply here with ``extras`` asked for."""
    asked = [{"extra": extra} for extra in extras] or [{"extra": ""}]
    parsed = [Requirement(text) for text in requirements]
    return [
        one
        for one in parsed
        if one.marker is None or any(one.marker.evaluate(environment) for environment in asked)
    ]


def main() -> int:
    """Print each disagreement; 1 if there is any."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned, names = pins((ROOT / "requirements.lock").read_text())
    asked = project["dependencies"] + project["optional-dependencies"]["dev"]

    faults: list[str] = []
    seen: set[tuple[str, tuple[str, ...]]] = set()
    waiting = [("pyproject.toml", one) for one in needed_by(asked)]
    while waiting:
        asker, requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        version = pinned.get(name)
        if version is None:
            faults.append(f"{asker} needs {requirement}, which is not pinned")
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            faults.append(f"{asker} needs {requirement}, but {version} is pinned")
        step = (name, tuple(sorted(requirement.extras)))
        if step in seen:
            continue
        seen.add(step)
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            faults.append(f"{name} is pinned but not installed: run `make setup`")
            continue
        if distribution.version != version:
            faults.append(f"{name} {distribution.version} is installed, {version} is pinned")
        waiting += [
            (f"{name} {version}", one)
            for one in needed_by(distribution.requires or [], requirement.extras)
        ]

    faults += [
        f"{name} is pinned, and nothing needs it"
        for name in sorted(set(pinned) - {name for name, _ in seen})
    ]
    for fault in sorted(set(faults)):
        sys.stderr.write(f"requirements.lock: {fault}\n")
    if not faults:
        sys.stdout.write(f"requirements.lock agrees with pyproject.toml ({len(names)} packages)\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
