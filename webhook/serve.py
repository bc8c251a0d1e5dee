"""The web process, `python -m runhook.webhook.serve`: settings are checked before it listens."""

import contextlib
import gc
import multiprocessing
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import click
from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings

from runhook.config.private import OTHERS
from runhook.config.settings import Settings, SettingsError
from runhook.webhook.app import create_app
from runhook.webhook.rsgi import RsgiApp
from runhook.worker.errors import StoreUnavailable
from runhook.worker.flows.steps.storing import keep_files
from runhook.worker.telemetry import configure, report
from runhook.worker.wiring import assemble, check_port, check_server

# Seconds that requests have to end when the process does; streams would go on for ever.
PATIENCE = 5
# Milliseconds in which a connection sends the head of a request, the next one on a kept connection
# too: who says nothing holds none.
HEADERS_WITHIN = 5000
# Connections that one process speaks with at once; the next wait for one to end. Each silent one is
# gone after five seconds, so it takes thousands of new ones in each to hold anybody up.
CONNECTIONS = 8192
SPARE_FILES = 512  # open files besides connections: bodies on their way, Redis, code
FEWEST = 64  # connections where even those are too many
LOOK_EVERY = 0.5  # seconds between two looks whether the first process lives
PORT_PATIENCE = 3.0  # seconds in which a web that was killed before this one frees its port
# Seconds for which a thread that computes keeps the others waiting. The one that reads requests
# waits so at each of thousands that come at once: with the usual five milliseconds for very long.
# A tenth of this makes a whole job cost a twentieth more, with threads that push each other aside.
SWITCH_AFTER = 0.001


def load() -> Callable[..., Any]:
    """The application of one server process."""
    if first := multiprocessing.parent_process():
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # the first one's own, until it serves
        threading.Thread(target=_end_after, args=(first.pid,), daemon=True).start()
    configure()
    sys.setswitchinterval(SWITCH_AFTER)
    settings = Settings.load("web")
    wiring = assemble(settings, patience="door")
    with contextlib.suppress(StoreUnavailable):
        wiring.store.processes.server()  # hears what time it is there
    app = RsgiApp(create_app(wiring), wiring)
    gc.freeze()  # what was made until now lives as long as the process; nobody looks it through
    return app.__rsgi__


def _end_after(first: int) -> None:
    """End once the first process has: a SIGKILL, as of the OOM killer, lets it end nobody.

    Whoever is left would answer on the port for good, and no other web could start.

    Args:
        first: Its id. A pipe to it would do for one process, but those forked later hold its end.
    """
    while os.getppid() == first:
        time.sleep(LOOK_EVERY)
    os.kill(os.getpid(), signal.SIGTERM)  # frees the port, and lets requests end
    time.sleep(PATIENCE)
    os._exit(1)


def connections() -> int:
    """How many connections this process may have: each is an open file.

    Granian raises the limit as far as this user may when it is imported.
    """
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY:
        return CONNECTIONS
    return max(FEWEST, min(CONNECTIONS, allowed - SPARE_FILES))


@click.command()
@click.option("--host", default="0.0.0.0", show_default=True, help="Address to listen on.")
def main(host: str) -> None:
    """Serve callbacks and /v1 on PORT with WEB_CONCURRENCY processes."""
    configure()
    os.umask(OTHERS)  # files of users lie in the data folder, unless they have a place of their own
    try:
        settings = Settings.load("web")
        wiring = assemble(settings, patience="door")
        check_server(wiring, role="web")
        keep_files(wiring, "web")
        check_port(host, settings.port, seconds=PORT_PATIENCE)
    except (SettingsError, StoreUnavailable) as wrong:
        sys.exit(f"runhook: {wrong}")
    report("process.started", role="web", port=settings.port)
    # No access log: its lines would hold callback signatures.
    server = Granian(
        "webhook",
        address=host,
        port=settings.port,
        interface=Interfaces.RSGI,
        loop=Loops.uvloop,
        workers=settings.web_concurrency,
        websockets=False,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=HEADERS_WITHIN),
        backpressure=connections(),
        log_access=False,
        log_level="error",  # type: ignore[arg-type]  # the rest is our own to say
        respawn_failed_workers=True,
        workers_kill_timeout=PATIENCE,
    )
    server.serve(target_loader=load, wrap_loader=False)


if __name__ == "__main__":
    main()
