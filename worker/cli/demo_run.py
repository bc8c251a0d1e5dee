"""What `runhook demo` does: starts everything, submits its scenes and follows them."""

import json
import os
import secrets
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.live import Live

from runhook.config.settings import Settings
from runhook.worker.cli.demo_report import all_delivered, change_lines, moving_table, sum_up
from runhook.worker.cli.demo_scenes import SCENES, Scene, sandbox_faults
from runhook.worker.cli.demo_subscriber import subscriber
from runhook.worker.cli.installed import check_installed
from runhook.worker.cli.processes import (
    COMMANDS,
    Ended,
    Fleet,
    ending_on_signals,
    free_port,
    keep_off_proxies,
    sandbox_command,
    wait_until_ready,
)
from runhook.worker.cli.statuses import INTERRUPTED
from runhook.worker.domain.outputs import with_jobs
from runhook.worker.errors import RunhookError
from runhook.worker.flows import create
from runhook.worker.flows.create import JobRequest
from runhook.worker.store.embedded import EmbeddedServer
from runhook.worker.wiring import Wiring, assemble

LONGEST = 50.0  # seconds until the demo sums up; the slowest job takes about fifteen
LOOK_EVERY = 0.25  # seconds between two looks at its jobs, so that a reader sees each state
READY_WITHIN, HANDLERS_WITHIN = 40.0, 20.0  # seconds; a slow machine takes ten
LOGS = "see the logs in .runhook/demo"  # Redis's own lies beside those of the others
PIPE_WIDTH = 120  # columns where no terminal tells them: the summary's longest row fits
# Settings that speed up what takes a minute or more in earnest: the lost callback is missed after
# six seconds, and a handler that failed is called again after two.
OVERDUE, SCHEDULE = "6", "0,2,5"
# What begins like this could lead the demo to a real account: it is left behind.
CALLERS_OWN = ("RUNHOOK_", "RUNNINGHUB_", "REDIS_URL", "CELERY_", "PORT", "WEB_CONCURRENCY")


def run() -> None:
    """Show everything that can happen to a job."""
    check_installed(server=True, sandbox=True)
    console = _console()
    settings = Settings.load()
    settings.own_data_dir()
    folder = settings.data_dir.resolve() / "demo"
    # A demo that was killed leaves jobs behind, which would run again and be counted.
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    web, sandbox = free_port(), free_port()
    environ = keep_off_proxies(_environ(folder, web, sandbox))
    server = EmbeddedServer(folder / "redis", Path(environ["REDIS_URL"].removeprefix("unix://")))
    fleet = Fleet(environ, folder, logs=folder / "logs")
    good = False
    with ending_on_signals():
        try:
            started = time.monotonic()
            with console.status("starting Redis, sandbox, web, worker and handlers"):
                fleet.keep("redis", server)
                _start(fleet, web, sandbox)
            took = time.monotonic() - started
            console.print(f"everything runs after {took:.1f} s, on this machine, for free\n")
            w = assemble(Settings.of(environ, "worker"), patience="door")
            good = _play(console, w, folder, fleet)
        except Ended:
            console.print("ending")
            sys.exit(INTERRUPTED)
        finally:
            fleet.stop()
            server.stop()
    if not good:
        sys.exit(1)


def _console() -> Console:
    if sys.stdout.isatty():
        return Console()
    return Console(width=PIPE_WIDTH)


def _play(console: Console, w: Wiring, folder: Path, fleet: Fleet) -> bool:
    """Run all scenes, and let people look at them; whether all went as it should."""
    with subscriber(w) as received:
        scenes = _submit(w)
        _follow(console, w, scenes)
        good = sum_up(console, w, scenes, folder, received)
        if console.is_terminal:
            _stay_open(console, w.settings.public_url, fleet)
    return good


def _stay_open(console: Console, address: str, fleet: Fleet) -> None:
    """Keep everything running for whoever wants to see it, until Ctrl-C.

    In a pipe nobody does, and the demo ends by itself.
    """
    console.print(f"\nCtrl-C ends the demo. Until then see it all, and break it, at {address}/")
    try:
        while not (name := fleet.tend()):
            time.sleep(LOOK_EVERY)
    except Ended:
        console.print("ending")
    else:
        raise RunhookError(f"{name} keeps failing; {LOGS}")


def _environ(folder: Path, web: int, sandbox: int) -> dict[str, str]:
    """Nothing of the caller's own settings reaches the demo: it must never spend money."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(CALLERS_OWN)}
    socket_path = Settings(RUNHOOK_DATA_DIR=folder / "redis").embedded_socket
    return kept | {
        "RUNNINGHUB_API_KEY": "sandbox",
        "RUNNINGHUB_BASE_URL": f"http://127.0.0.1:{sandbox}",
        "REDIS_URL": f"unix://{socket_path}",
        "RUNHOOK_PUBLIC_URL": f"http://127.0.0.1:{web}",
        "RUNHOOK_SECRET": secrets.token_urlsafe(32),
        "RUNHOOK_HANDLERS": "runhook.worker.cli.demo_handlers",
        "RUNHOOK_RETRY_SCHEDULE": SCHEDULE,
        "RUNHOOK_OVERDUE_AFTER": OVERDUE,
        "RUNHOOK_ALLOW_PRIVATE_URLS": "true",
        "RUNHOOK_DURABLE": "none",  # nothing that leaves is paid for
        "RUNHOOK_DATA_DIR": str(folder),
        "DEMO_DIR": str(folder),
        "PORT": str(web),
    }


def _start(fleet: Fleet, web: int, sandbox: int) -> None:
    """Start everything but the server, and wait until it is ready.

    Raises:
        RunhookError: It is not, in time.
    """
    faults = json.dumps(sandbox_faults())
    fleet.start("sandbox", sandbox_command(sandbox, "--faults", faults))
    for name, command in COMMANDS.items():
        fleet.start(name, command)
    for address in (f"http://127.0.0.1:{web}/readyz", f"http://127.0.0.1:{sandbox}/sandbox/books"):
        if wrong := wait_until_ready(address, READY_WITHIN, fleet.tend):
            raise RunhookError(f"the demo did not start: {wrong}; {LOGS}")


def _submit(w: Wiring) -> dict[str, Scene]:
    """Submit every scene's job once handlers are there; scenes by their job's id."""
    deadline = time.monotonic() + HANDLERS_WITHIN
    # An event is for those who are there when it happens: too early, no handler would get it.
    while not w.store.processes.handlers() and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY)
    scenes: dict[str, Scene] = {}
    for scene in SCENES:
        made = {earlier.name: job_id for job_id, earlier in scenes.items()}
        asked = JobRequest(
            model=scene.model,
            input=with_jobs(scene.input, made),
            metadata={"demo": scene.name.replace(" ", "-"), **scene.metadata},
            priority=scene.priority,
        )
        _, job = create.request(w, asked)
        scenes[job.id] = scene
    return scenes


def _follow(console: Console, w: Wiring, scenes: Mapping[str, Scene]) -> None:
    """Show them moving until every job has ended and every delivery is done."""
    deadline = time.monotonic() + LONGEST
    shown: dict[str, str] = {}
    with Live(console=console, refresh_per_second=8, transient=True) as live:
        while time.monotonic() < deadline:
            jobs = w.store.jobs.many(list(scenes))
            deliveries = {job.id: w.store.deliveries.of_job(job.id) for job in jobs}
            if console.is_terminal:
                live.update(moving_table(jobs, deliveries, scenes, console.width))
            else:
                for line in change_lines(jobs, deliveries, scenes, shown):
                    console.print(line, highlight=False)
            if all(job.state.ended and all_delivered(deliveries[job.id]) for job in jobs):
                return
            time.sleep(LOOK_EVERY)
