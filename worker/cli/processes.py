"""The processes of one machine, started, watched, restarted and ended together."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Protocol

from runhook.worker.domain.lanes import lanes_of
from runhook.worker.net.faults import why
from runhook.worker.store.embedded import end_with_parent

WORKER_LANES = ",".join(lanes_of("worker"))
THREADS = 32  # of the worker: more duties at once than one account's limit ever keeps busy
HANDS = ("--autoscale", "64,2")  # children that run handlers: most and fewest
PATIENCE = 25.0  # seconds that a process has to end by itself; then it is killed
# A process that ends more often than this within a minute cannot work, and one that ends with 1 in
# its first seconds has refused to start: its last line says why.
RESTARTS, RESTARTS_WITHIN = 5, 60.0
REFUSED, REFUSED_WITHIN = 1, 10.0  # an exit status; seconds
SAME_UMASK = -1  # what Popen takes for: as this process
LOOK_EVERY = 0.1  # seconds between two questions whether a process is ready
LONGEST_ANSWER = 300  # bytes of what a process says while it is not ready

Say = Callable[[str, str], None]
Listener = socket.socket  # one that listens already
CELERY = (
    sys.executable,
    "-m",
    "celery",
    "--quiet",
    "-A",
    "runhook.worker.tasks",
    "worker",
    # Workers need not know each other: Redis holds every state, so this would only be traffic.
    "--without-gossip",
    "--without-mingle",
    "--loglevel",
    "WARNING",
)
COMMANDS = {
    "web": (sys.executable, "-m", "runhook.webhook.serve", "--host", "127.0.0.1"),
    # Threads, for the worker mostly waits for RunningHub. Handlers are users' code, which may hang
    # or kill its process, so each runs in a child.
    "worker": (*CELERY, "-P", "threads", "-c", str(THREADS), "-Q", WORKER_LANES),
    "handlers": (*CELERY, "-P", "prefork", *HANDS, "-Q", "handlers"),
}


def sandbox_command(port: int, *options: str) -> tuple[str, ...]:
    """How the sandbox is started on its own."""
    return (sys.executable, "-m", "runhook.worker.cli", "sandbox", "--port", str(port), *options)


class Starts:
    """When a process was started of late, which tells whether to start it again."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Count anew: it has just been started as it was wanted to be."""
        self._at = [time.monotonic()]

    def add(self) -> None:
        """It has been started again."""
        self._at.append(time.monotonic())

    def cannot_follow(self, status: int) -> bool:
        """Whether starting it again would most likely bring the same end.

        Args:
            status: With which it ended.
        """
        now = time.monotonic()
        self._at = [at for at in self._at if now - at < RESTARTS_WITHIN]
        refused = status == REFUSED and now - max(self._at, default=0.0) < REFUSED_WITHIN
        return refused or len(self._at) > RESTARTS


class Tended(Protocol):
    """What is started again when it has ended by itself."""

    def ended(self) -> int | None:
        """The status with which it has; None: it runs."""
        ...

    def start(self) -> None:
        """Start it."""
        ...


@dataclass(kw_only=True)
class _Member:
    """One process.

    Attributes:
        spawn: Starts it, and starts it again.
        process: As it runs now.
    """

    spawn: Callable[[], subprocess.Popen[bytes]]
    process: subprocess.Popen[bytes]

    def ended(self) -> int | None:
        return self.process.poll()

    def start(self) -> None:
        self.process = self.spawn()


class Fleet:
    """Processes by name. What they print goes to `say` line by line, or to a folder's files."""

    def __init__(
        self,
        environ: Mapping[str, str],
        cwd: Path | None = None,
        *,
        say: Say | None = None,
        logs: Path | None = None,
        umasks: Mapping[str, int | None] | None = None,
        own: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """Args:
        environ: Their whole environment.
        cwd: Their folder.
        say: Called with name and line.
        logs: A folder for one file each, if there is no `say`.
        umasks: Of processes that have another than this one, by their names.
        own: What of the environment is one process's alone, by their names.
        """
        soft = {"REMAP_SIGTERM": "SIGQUIT"}  # lets begun work end before the worker does
        self._environ = {**environ, **soft, "PYTHONUNBUFFERED": "1"}
        self._cwd = cwd
        self._say = say
        self._logs = logs
        self._umasks = umasks or {}
        self._own = own or {}
        self._members: dict[str, _Member] = {}
        self._tended: dict[str, Tended] = {}
        self._starts: dict[str, Starts] = {}
        self._ending = False

    def start(self, name: str, command: tuple[str, ...], holds: tuple[int, ...] = ()) -> None:
        """Start a process.

        Args:
            name: What it is called.
            command: How it is started.
            holds: File descriptors of ours that it is handed.
        """
        spawn = partial(self._spawn, name, command, holds)
        self._members[name] = _Member(spawn=spawn, process=spawn())
        self._tended[name], self._starts[name] = self._members[name], Starts()

    def keep(self, name: str, tended: Tended) -> None:
        """Start what is ended elsewhere, and start it again like the others.

        Args:
            name: What it is called.
            tended: It may run already.
        """
        tended.start()
        self._tended[name], self._starts[name] = tended, Starts()

    def tend(self) -> str | None:
        """Restart what ended by itself.

        Returns:
            The name of a process that cannot start, or None.
        """
        for name, tended in self._tended.items():
            if self._ending or (status := tended.ended()) is None:
                continue
            if self._starts[name].cannot_follow(status):
                return name
            if self._say:
                self._say(name, f"ended with status {status}; started again")
            tended.start()
            self._starts[name].add()
        return None

    def restart(self, name: str) -> None:
        """End a process as `stop` would, and start it again.

        What it has begun ends first; users' code that does not is killed after some seconds.
        """
        member = self._members[name]
        if member.process.poll() is None:
            member.process.terminate()
        _end(member, time.monotonic() + PATIENCE)
        member.start()
        # Not counted among its starts: a user saves more often than a process may end by itself.
        self._starts[name].forget()

    def pids(self) -> dict[str, int]:
        """The processes' ids by name."""
        return {name: member.process.pid for name, member in self._members.items()}

    def stop(self) -> None:
        """End all of them, the last started first, and wait until they are gone."""
        self._ending = True  # what ends from here on is not started again
        # The last started first: web and the workers are told to end before what they ask.
        members = list(reversed(self._members.values()))
        for member in members:
            if member.process.poll() is None:
                member.process.terminate()
        deadline = time.monotonic() + PATIENCE
        for member in members:
            _end(member, deadline)

    def _spawn(
        self, name: str, command: tuple[str, ...], holds: tuple[int, ...]
    ) -> subprocess.Popen[bytes]:
        out: int | IO[bytes] = subprocess.PIPE
        if self._say is None and self._logs is not None:
            self._logs.mkdir(parents=True, exist_ok=True)
            # Appended to: what a process said before it was restarted is what explains the restart.
            out = (self._logs / f"{name}.log").open("ab")
        umask = self._umasks.get(name)
        if umask is None:
            umask = SAME_UMASK
        process = subprocess.Popen(  # noqa: S603
            command,
            umask=umask,
            pass_fds=holds,
            cwd=self._cwd,
            env={**self._environ, **self._own.get(name, {})},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C comes to us alone, and we end them in order
            preexec_fn=end_with_parent,
        )
        if process.stdout is not None:
            threading.Thread(target=self._read, args=(name, process.stdout), daemon=True).start()
        elif not isinstance(out, int):
            out.close()
        return process

    def _read(self, name: str, out: IO[bytes]) -> None:
        for line in out:
            if self._say and line.strip():
                self._say(name, line.decode("utf-8", "replace").rstrip())


def _end(member: _Member, deadline: float) -> None:
    """Wait until a process that was told to end has, and kill it when its time is over."""
    try:
        member.process.wait(max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            # The whole group: a worker that is killed takes no leave of its children.
            os.killpg(member.process.pid, signal.SIGKILL)
        member.process.wait()


def wait_until_ready(url: str, seconds: float, broken: Callable[[], str | None]) -> str | None:
    """Wait until an address answers 200.

    Args:
        url: Which.
        seconds: How long to wait.
        broken: Called again and again; the name of a process that cannot start ends the wait.

    Returns:
        Why it is not ready, or None when it is.
    """
    deadline = time.monotonic() + seconds
    last = "no answer"
    while time.monotonic() < deadline:
        if name := broken():
            return f"{name} does not start"
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310
                return None
        # An answer, if not the wanted one: /readyz says in its body what is missing.
        except urllib.error.HTTPError as error:
            last = error.read(LONGEST_ANSWER).decode("utf-8", "replace")
        except OSError as error:
            last = why(error)
        time.sleep(LOOK_EVERY)
    return f"{url}: {last}"


def free_port(wanted: int = 0) -> int:
    """A port on this machine that nobody listens on.

    Args:
        wanted: Taken if it is free; 0: any.
    """
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", wanted))
        # Taken by another program: any other port will do.
        except OSError:
            probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listening(wanted: int) -> Listener:
    """A socket that listens on this machine already, so that nobody else takes its port meanwhile.

    Args:
        wanted: Its port if that is free; else it is any.
    """
    try:
        return socket.create_server(("127.0.0.1", wanted))
    except OSError:  # another program's, such as the sandbox of another folder
        return socket.create_server(("127.0.0.1", 0))


def keep_off_proxies(environ: dict[str, str]) -> dict[str, str]:
    """The same environment, in which calls on this machine go through no proxy."""
    for name in ("NO_PROXY", "no_proxy"):
        environ[name] = ",".join(filter(None, (environ.get(name), "127.0.0.1,localhost")))
    os.environ.update({name: environ[name] for name in ("NO_PROXY", "no_proxy")})
    return environ


class Ended(BaseException):
    """SIGTERM or SIGINT came: end everything in order."""


@contextlib.contextmanager
def ending_on_signals() -> Iterator[None]:
    """Raise Ended on SIGTERM or SIGINT, once: a second Ctrl-C must not break off the ending."""

    def end(*_: object) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        raise Ended

    before = {n: signal.signal(n, end) for n in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
