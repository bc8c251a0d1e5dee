"""Whether every module is inside a wall, and every import points down."""

import graphlib
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import grimp

from tests.shape.sources import PARTS, ROOT, Source

LINKS = ROOT / ".venv" / "src"  # the package `runhook` for those who follow no import hook


def contracts() -> list[dict[str, Any]]:
    """The walls, as pyproject.toml has them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    found: list[dict[str, Any]] = project["tool"]["importlinter"]["contracts"]
    return found


def floors() -> int:
    """How many worker/ has."""
    (worker,) = [one for one in contracts() if one.get("containers") == ["runhook.worker"]]
    return len(worker["layers"])


def outside_walls(sources: Iterable[Source]) -> list[str]:
    """Modules of a package with floors that stand on none of them."""
    inside = {"runhook": {f"runhook.{part}" for part in PARTS}}
    for contract in contracts():
        for container in contract.get("containers", ()):
            names = re.findall(r"\w+", " ".join(contract["layers"]))
            inside[container] = {f"{container}.{name}" for name in names}
    return [
        source.name
        for source in sources
        for container, named in inside.items()
        if source.module.startswith(f"{container}.")
        and not any(f"{source.module}.".startswith(f"{name}.") for name in named)
    ]


def broken_contracts() -> list[str]:
    """Which walls import-linter finds broken; where it cannot run, what it says instead."""
    program = str(Path(sys.executable).with_name("lint-imports"))
    environ = {**os.environ, "PYTHONPATH": str(LINKS)}
    command = [program, "--config", "pyproject.toml"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environ)
    broken = [line for line in run.stdout.splitlines() if line.endswith(" BROKEN")]
    if run.returncode and not broken:
        return [(run.stdout + run.stderr).strip()]
    return broken


def cycle() -> list[str]:
    """One ring of modules that import each other, if there is any. Layers see none inside a wing.

    Imports for types alone are left out: nothing follows them while the program runs.
    """
    sys.path.insert(0, str(LINKS))
    graph = grimp.build_graph("runhook", exclude_type_checking_imports=True)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    try:
        graphlib.TopologicalSorter(imports).prepare()
    except graphlib.CycleError as ring:
        return [" → ".join(ring.args[1])]
    return []
