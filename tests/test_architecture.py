"""The house stands as it is drawn: floors, rooms, sizes, first lines."""

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from runhook.worker.store.sources import used

ROOT = Path(__file__).parents[1]
FILES = [f for room in ("config", "worker", "webhook") for f in sorted((ROOT / room).rglob("*.py"))]
LONGEST_FILE, LONGEST_FUNCTION = 400, 40
EMPTY_WORDS = {"utils", "helpers", "common", "base", "manager", "core", "misc"}


def test_imports_point_down() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--config", "pyproject.toml"]
    links = {**os.environ, "PYTHONPATH": str(ROOT / ".venv" / "src")}
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=links)
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
        assert f'"{script.stem}"' in code
        assert "-- KEYS[1]" in text
        assert "-- Returns" in text
    texts = [script.read_text() for script in scripts.rglob("*.lua")]
    named = {name for text in texts for name in used(text)}
    for library in scripts.glob("lib/*.lua"):
        assert library.read_text().startswith("-- ")
        assert library.stem in named


def test_procfile_and_up_start_the_same_processes() -> None:
    from runhook.worker.cli.processes import COMMANDS

    lines = (ROOT / "Procfile").read_text().splitlines()
    procfile = {name: rest.split() for name, _, rest in (line.partition(": ") for line in lines)}
    assert set(procfile) == set(COMMANDS)
    for name in ("worker", "handlers"):
        ours = set(COMMANDS[name]) - {sys.executable, "-m", "--loglevel", "WARNING"}
        assert ours <= set(procfile[name])


# Who may open a connection, and why. All else goes through worker/net/http.py.
CONNECTS = {
    "worker/net/addresses.py": "reads an address in every spelling; it dials nothing",
    "worker/net/http.py": "the one client",
    "worker/net/call.py": "ends a request of the one client; it dials nothing",
    "worker/net/faults.py": "says in words what others ran into; it dials nothing",
    "worker/net/interim.py": "reads the one client's answers; it dials nothing",
    "worker/net/trust.py": "makes the one client's TLS; it dials nothing",
    "worker/net/download.py": "names the type of its answers; it dials nothing itself",
    "worker/net/streaming.py": "reads what the one client is answered while it comes",
    "worker/net/outbound.py": "looks names up and judges them; it dials nothing",
    "worker/store/embedded.py": "asks who is behind its own socket on this machine",
    "worker/wiring.py": "asks whether a port is free; it dials nothing",
    "worker/cli/processes.py": "asks its own children on this machine whether they are ready",
    "worker/cli/demo_report.py": "reads the books of its own sandbox",
    "worker/cli/demo_handlers.py": "what a user's handler does",
    "worker/runninghub/sandbox/answers.py": "hangs up on whoever asks for it",
    "worker/runninghub/sandbox/webhooks.py": "the sandbox is a program of its own",
}
DIALS = ("requests", "urllib3", "http.client", "urllib.request", "socket", "httpx", "aiohttp")


def test_only_one_place_makes_connections() -> None:
    found = set()
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text())):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{one.name}" for one in node.names)]
            if any(name == one or name.startswith(f"{one}.") for name in names for one in DIALS):
                found.add(str(file.relative_to(ROOT)))
    assert found == set(CONNECTS)


def test_the_one_client_has_no_session_that_would_bring_an_adapter_of_its_own() -> None:
    tree = ast.parse((ROOT / "worker" / "net" / "http.py").read_text())
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "requests"
    }
    assert used == {
        "PreparedRequest",
        "Response",
        "RequestException",
        "Timeout",
        "exceptions",
    }


def test_every_package_is_named_for_the_wheel() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    folders = {file.parent.relative_to(ROOT) for file in FILES if file.name == "__init__.py"}
    ours = {"runhook." + str(folder).replace("/", ".") for folder in folders}
    ours = ours - {"runhook.worker.runhook"} | {"runhook"}
    assert set(project["tool"]["setuptools"]["packages"]) == ours
