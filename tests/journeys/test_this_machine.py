"""What lies on this machine is its owner's alone, and what a stranger put there is not believed."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from runhook.config.settings import Settings, SettingsError
from runhook.worker.cli.processes import free_port
from runhook.worker.errors import StoreUnavailable
from runhook.worker.store.embedded import EmbeddedServer
from tests.conftest import SECRET, eventually

STRANGER = 54321  # a user that this machine does not know
as_root = os.geteuid() == 0


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _environ(folder: Path, **more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "PORT": str(free_port()), **more}


@contextmanager
def _up(folder: Path) -> Iterator[None]:
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "runhook.worker.cli", "up", "--sandbox"],
            cwd=folder,
            env=_environ(folder),
            stdout=log,
            stderr=log,
            umask=0,
        )
    try:
        said = (folder / "log").read_text
        eventually(lambda: "ready at" in said() or process.poll() is not None, 60, said)
        assert "ready at" in said(), said()
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(40)


def test_up_writes_nothing_that_others_may_read_and_narrows_what_they_could(tmp_path: Path) -> None:
    data = tmp_path / ".runhook"
    data.mkdir()
    data.chmod(0o777)
    (data / "secret").write_text(SECRET)
    (data / "secret").chmod(0o666)
    with _up(tmp_path):
        found = [data, *data.rglob("*")]
        wide = {path.name: oct(_mode(path)) for path in found if _mode(path) & 0o077}
        assert wide == {}
        names = {path.name for path in found}
        assert {"secret", "token", "sandbox.json", "up.lock", "server.log", "redis.sock"} <= names


@pytest.mark.parametrize("name", ["secret", "token", "up.lock"])
def test_a_link_in_place_of_a_file_of_ours_is_refused_and_not_followed(
    tmp_path: Path, name: str
) -> None:
    data, precious = tmp_path / ".runhook", tmp_path / "precious"
    data.mkdir()
    precious.write_text("p" * 40)
    (data / name).symlink_to(precious)
    done = subprocess.run(
        [sys.executable, "-m", "runhook.worker.cli", "up", "--sandbox"],
        cwd=tmp_path,
        env=_environ(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("runhook: RUNHOOK_DATA_DIR: ")
    assert f"{name} is a symbolic link" in line
    assert precious.read_text() == "p" * 40


def test_a_fifo_in_place_of_the_secret_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "secret")
    with pytest.raises(SettingsError, match="not a regular file"):
        _ = Settings.load(RUNHOOK_DATA_DIR=tmp_path).secrets


def test_a_folder_that_all_users_share_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    with pytest.raises(SettingsError, match=r"RUNHOOK_DATA_DIR: .* shared by all users"):
        Settings.load(RUNHOOK_DATA_DIR=tmp_path).own_data_dir()


def test_a_folder_that_others_read_is_left_as_it_is(tmp_path: Path) -> None:
    used = tmp_path / "etc"
    used.mkdir()
    used.chmod(0o755)
    (used / "passwd").write_text("everybody reads this")
    settings = Settings.load(RUNHOOK_DATA_DIR=used)
    settings.own_data_dir()
    (used / "secret").touch()  # as from now on
    settings.own_data_dir()
    assert _mode(used) == 0o755


def test_a_folder_in_which_others_write_is_refused(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "theirs").touch()
    shared.chmod(0o775)
    with pytest.raises(SettingsError, match=rf"^RUNHOOK_DATA_DIR: others may write in {shared}"):
        Settings.load(RUNHOOK_DATA_DIR=shared).own_data_dir()
    assert _mode(shared) == 0o775


@pytest.mark.parametrize("holds", [(), ("lost+found",), ("secret", "storage/assets")])
def test_an_open_folder_that_is_empty_or_runhooks_own_is_narrowed(
    tmp_path: Path, holds: tuple[str, ...]
) -> None:
    ours = tmp_path / "ours"
    ours.mkdir()
    for name in holds:
        (ours / name).mkdir(parents=True)
    ours.chmod(0o755)
    Settings.load(RUNHOOK_DATA_DIR=ours).own_data_dir()
    assert _mode(ours) == 0o700


def test_a_server_with_other_data_behind_our_socket_is_refused(tmp_path: Path) -> None:
    theirs = EmbeddedServer(tmp_path / "theirs", tmp_path / "theirs" / "redis.sock")
    theirs.start()
    try:
        ours = tmp_path / "ours"
        ours.mkdir()
        (ours / "redis.sock").hardlink_to(theirs.socket)
        with pytest.raises(StoreUnavailable, match="another server listens"):
            EmbeddedServer(ours, ours / "redis.sock").start()
    finally:
        theirs.stop()


def test_who_speaks_no_redis_behind_our_socket_is_not_taken_for_a_server(tmp_path: Path) -> None:
    (tmp_path / "redis.sock").write_text("")
    with pytest.raises(StoreUnavailable, match="not this user's own socket"):
        EmbeddedServer(tmp_path, tmp_path / "redis.sock").start()
    with pytest.raises(SettingsError, match="not this user's own socket"):
        _ = Settings.load(RUNHOOK_DATA_DIR=tmp_path).redis_url


@contextmanager
def _deep(folder: Path) -> Iterator[Settings]:
    """A data folder whose path is too long for a socket, so that it lies under /tmp."""
    settings = Settings.load(RUNHOOK_DATA_DIR=folder / ("d" * 100))
    yield settings
    place = settings.embedded_socket.parent
    if place.is_symlink():
        place.unlink()
    else:
        shutil.rmtree(place, ignore_errors=True)


def test_a_link_in_place_of_the_sockets_folder_is_refused(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with _deep(tmp_path) as settings:
        settings.embedded_socket.parent.symlink_to(elsewhere)
        with pytest.raises(StoreUnavailable, match="symbolic link"):
            EmbeddedServer(settings.data_dir, settings.embedded_socket).start()
        with closing(socket.socket(socket.AF_UNIX)) as theirs:
            theirs.bind(str(settings.embedded_socket))
            with pytest.raises(SettingsError, match="not this user's own folder"):
                _ = settings.redis_url


if as_root:

    @pytest.mark.parametrize("whose", ["folder", "socket", "data"])
    def test_what_another_user_made_first_is_refused(tmp_path: Path, whose: str) -> None:
        with _deep(tmp_path) as settings:
            listens = settings.embedded_socket
            listens.parent.mkdir(mode=0o700)
            settings.data_dir.mkdir()
            with closing(socket.socket(socket.AF_UNIX)) as theirs:
                theirs.bind(str(listens))
                owned = {"folder": listens.parent, "socket": listens, "data": settings.data_dir}
                os.chown(owned[whose], STRANGER, STRANGER)
                with pytest.raises(StoreUnavailable, match="user"):
                    EmbeddedServer(settings.data_dir, listens).start()

    def test_a_sandbox_file_or_secret_of_another_user_is_not_believed(tmp_path: Path) -> None:
        (tmp_path / "sandbox.json").write_text('{"RUNNINGHUB_BASE_URL": "http://127.0.0.1:6666"}')
        (tmp_path / "secret").write_text(SECRET)
        settings = Settings.load("client", RUNHOOK_DATA_DIR=tmp_path)
        assert settings.told_by_sandbox()
        for name in ("sandbox.json", "secret"):
            os.chown(tmp_path / name, STRANGER, STRANGER)
        assert settings.told_by_sandbox() == {}
        with pytest.raises(SettingsError, match="belongs to another user"):
            _ = settings.secrets
