"""A Redis that goes backwards: killed, put back to a copy of its data, started again.

So does a fail-over to a replica that lagged, a power loss, or an old dump.
"""

import os
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from runhook.worker.store.embedded import EmbeddedServer

DATA = "appendonlydir"
APART = 2.0  # seconds that are lost: submits leave and end in them
COPIES = 20  # tries to copy while the server may be rewriting its log


@dataclass(frozen=True)
class WentBack:
    """When Redis was copied, and when it was back at that."""

    copied: float
    back: float


def kill(server: EmbeddedServer) -> None:
    """Kill the server; the caller starts it again."""
    running = server.process_id
    assert running, "no server to kill"
    os.kill(running, signal.SIGKILL)
    time.sleep(0.3)


def go_back(server: EmbeddedServer, folder: Path) -> WentBack:
    """Copy the data, let seconds go by, and put the copy back in their place."""
    copy, data = folder / "copy", server.folder / DATA
    _copy(data, copy)
    copied = time.time()
    time.sleep(APART)
    kill(server)
    shutil.rmtree(data)
    shutil.move(copy, data)
    server.start()
    return WentBack(copied, time.time())


def _copy(data: Path, copy: Path) -> None:
    """The end of a log may be torn, as after a kill; a log that was swapped meanwhile may not."""
    for _ in range(COPIES):
        shutil.rmtree(copy, ignore_errors=True)
        before = sorted(os.listdir(data))
        try:
            shutil.copytree(data, copy)
        except shutil.Error:
            continue
        if sorted(os.listdir(data)) == before:
            return
        time.sleep(0.5)
    raise AssertionError(f"{data} is never still")
