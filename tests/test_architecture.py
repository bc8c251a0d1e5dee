"""The house stands as it is drawn: floors, rooms, sizes, first lines."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = [f for room in ("config", "worker", "webhook") for f in sorted((ROOT / room).rglob("*.py"))]
LONGEST_FILE, LONGEST_FUNCTION = 400, 40
EMPTY_WORDS = {"utils", "helpers", "common", "base", "manager", "core", "misc"}


def test_imports_point_down() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--config", "pyproject.toml"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_a_file_says_what_it_owns_and_stays_small(file: Path) -> None:
    text = file.read_text()
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "its first line says what it owns"
    assert file.stem not in EMPTY_WORDS
    assert text.count("\n") <= LONGEST_FILE
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= LONGEST_FUNCTION, f"{node.name} has {length} lines"


def test_every_script_is_called_and_says_what_it_does() -> None:
    scripts = ROOT / "worker" / "store" / "lua"
    code = "".join(f.read_text() for f in (ROOT / "worker" / "store").glob("*.py"))
    for script in scripts.glob("*.lua"):
        text = script.read_text()
        assert text.startswith("-- ")
        if script.stem != "prelude":
            assert f'"{script.stem}"' in code
            assert "-- Returns" in text


def test_procfile_and_up_start_the_same_processes() -> None:
    from worker.cli.fleet import COMMANDS

    lines = (ROOT / "Procfile").read_text().splitlines()
    procfile = {name: rest.split() for name, _, rest in (line.partition(": ") for line in lines)}
    assert set(procfile) == set(COMMANDS)
    for name in ("worker", "handlers"):
        ours = set(COMMANDS[name]) - {sys.executable, "-m", "--loglevel", "WARNING"}
        assert ours <= set(procfile[name])
