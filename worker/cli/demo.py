"""`runhook demo`: everything that can happen to a job, on this machine, for free."""

import json
import os
import secrets
import shutil
import sys
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from runhook.config.settings import Settings
from runhook.worker.cli import screens
from runhook.worker.cli.demo_subscriber import Heard, subscriber
from runhook.worker.cli.fleet import COMMANDS, Fleet, free_port, sandbox_command, wait_until_ready
from runhook.worker.cli.tables import plain_table
from runhook.worker.cli.up import Ended, check_parts, ending_on_signals, keep_off_proxies
from runhook.worker.domain.jobs import Job, State
from runhook.worker.errors import RunhookError
from runhook.worker.flows import create
from runhook.worker.flows.create import JobRequest
from runhook.worker.store import Delivery
from runhook.worker.store.embedded import EmbeddedServer
from runhook.worker.wiring import Wiring, assemble

LONGEST = 50.0  # seconds; the slowest job takes about fifteen
LOOK_EVERY = 0.25
OVERDUE = "6"
WORKFLOW = "workflow/1904136902449209346"


@dataclass(frozen=True)
class Scene:
    """One job of the demo: what is asked, what goes wrong, and how it must end.

    `settled_by` are the ways in which its end may become known: one question may overtake another
    on a slow machine.
    """

    name: str
    story: str
    model: str
    input: Mapping[str, Any]
    settled_by: tuple[str, ...]
    faults: tuple[str, ...] = ()
    state: State = State.SUCCEEDED
    priority: int = 5
    metadata: Mapping[str, Any] = field(default_factory=dict)


def _prompt(name: str, text: str, parameter: str = "prompt") -> dict[str, str]:
    return {parameter: f"{text} [{name}]"}


IMAGE, VIDEO = "rhart-image-n-pro/text-to-image", "vidu/text-to-video-q3-turbo"
SPEECH, SHAPE = "rhart-audio/text-to-audio/speech-2.8-hd", "hunyuan3d-v3.1/text-to-3d"
SCENES = (
    Scene("plain", "nothing", IMAGE, _prompt("plain", "A harbour at dawn"), ("callback",)),
    Scene(
        "lost",
        "callback lost",
        VIDEO,
        _prompt("lost", "Waves in slow motion"),
        ("detail", "query"),
        ("callback_lost",),
    ),
    Scene(
        "resent",
        "callback unreadable, so resent",
        SPEECH,
        _prompt("resent", "Good morning, the tide is high.", "text"),
        ("resend", "query"),
        ("callback_unreadable",),
    ),
    Scene(
        "doubled",
        "callback twice",
        SHAPE,
        _prompt("doubled", "A small lighthouse"),
        ("callback",),
        ("callback_doubled",),
    ),
    Scene(
        "early",
        "callback before the answer",
        IMAGE,
        _prompt("early", "A gull on a rope"),
        ("callback",),
        ("callback_early",),
    ),
    Scene(
        "answer lost",
        "submit's answer lost",
        VIDEO,
        _prompt("answer lost", "A boat leaves the harbour"),
        ("callback",),
        ("answer_lost",),
        priority=0,
    ),
    Scene(
        "failed",
        "fails at RunningHub",
        IMAGE,
        _prompt("failed", "An impossible stair"),
        ("callback",),
        ("failed",),
        State.FAILED,
    ),
    Scene(
        "retried",
        "handlers fail first",
        IMAGE,
        _prompt("retried", "Nets drying in the sun"),
        ("callback",),
        metadata={"handler_fails_first": True},
    ),
    Scene(
        "workflow",
        "nothing; ComfyUI's other callback",
        WORKFLOW,
        {"6.text": "A chart of the coast [workflow]"},
        ("callback",),
    ),
)


@click.command()
def demo() -> None:
    """See jobs live through everything that can happen, for free."""
    check_parts(server=True, sandbox=True)
    console = Console(width=None if sys.stdout.isatty() else 120)
    settings = Settings.load()
    settings.own_data_dir()
    folder = settings.data_dir.resolve() / "demo"
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
            with console.status("starting server, sandbox, web, worker and handlers"):
                server.start()
                _start(fleet, web, sandbox)
            took = time.monotonic() - started
            console.print(f"all parts run after {took:.1f} s, on this machine, for free\n")
            w = assemble(Settings.of(environ, "worker"), patience="door")
            with subscriber(w) as heard:
                made = _ask(w)
                _follow(console, w, made)
            good = _sum_up(console, w, made, folder, heard)
        except Ended:
            console.print("ending")
        finally:
            fleet.stop()
            server.stop()
    sys.exit(0 if good else 1)


def _environ(folder: Path, web: int, sandbox: int) -> dict[str, str]:
    """Nothing of the caller's own settings reaches the demo: it must never spend money."""
    ours = ("RUNHOOK_", "RUNNINGHUB_", "REDIS_URL", "CELERY_", "PORT", "WEB_CONCURRENCY")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    socket_path = Settings(RUNHOOK_DATA_DIR=folder / "redis").embedded_socket
    return kept | {
        "RUNNINGHUB_API_KEY": "sandbox",
        "RUNNINGHUB_BASE_URL": f"http://127.0.0.1:{sandbox}",
        "REDIS_URL": f"unix://{socket_path}",
        "RUNHOOK_PUBLIC_URL": f"http://127.0.0.1:{web}",
        "RUNHOOK_SECRET": secrets.token_urlsafe(32),
        "RUNHOOK_HANDLERS": "runhook.worker.cli.demo_handlers",
        "RUNHOOK_RETRY_SCHEDULE": "0,2,5",
        "RUNHOOK_OVERDUE_AFTER": OVERDUE,
        "RUNHOOK_ALLOW_PRIVATE_URLS": "true",
        "RUNHOOK_DATA_DIR": str(folder),
        "DEMO_DIR": str(folder),
        "PORT": str(web),
    }


def _start(fleet: Fleet, web: int, sandbox: int) -> None:
    rules = [
        {"fault": fault, "match": f"[{scene.name}]"} for scene in SCENES for fault in scene.faults
    ]
    faults = json.dumps({"rules": rules})
    fleet.start("sandbox", sandbox_command(sandbox, "--faults", faults))
    for name, command in COMMANDS.items():
        fleet.start(name, command)
    for address in (f"http://127.0.0.1:{web}/readyz", f"http://127.0.0.1:{sandbox}/sandbox/books"):
        if wrong := wait_until_ready(address, 40, fleet.tend):
            raise RunhookError(f"the demo does not start: {wrong}; see .runhook/demo/logs")


def _ask(w: Wiring) -> dict[str, Scene]:
    deadline = time.monotonic() + 20
    while not w.store.processes.handlers() and time.monotonic() < deadline:
        time.sleep(0.1)
    made = {}
    for scene in SCENES:
        metadata = {"demo": scene.name.replace(" ", "-"), **scene.metadata}
        _, job = create.request(
            w,
            JobRequest(scene.model, dict(scene.input), metadata=metadata, priority=scene.priority),
        )
        made[job.id] = scene
    return made


def _follow(console: Console, w: Wiring, made: Mapping[str, Scene]) -> None:
    """Show them moving until every job has ended and every handler has heard."""
    deadline = time.monotonic() + LONGEST
    shown: dict[str, str] = {}
    with Live(console=console, refresh_per_second=8, transient=True) as live:
        while time.monotonic() < deadline:
            jobs = w.store.jobs.many(list(made))
            told = {job.id: w.store.deliveries.of_job(job.id) for job in jobs}
            if console.is_terminal:
                live.update(_moving(jobs, told, made))
            else:
                _say_changes(console, jobs, told, made, shown)
            if all(job.state.ended and _all_told(told[job.id]) for job in jobs):
                return
            time.sleep(LOOK_EVERY)


def _all_told(deliveries: list[Delivery]) -> bool:
    return bool(deliveries) and all(d.state != "pending" for d in deliveries)


def _moving(
    jobs: list[Job], told: Mapping[str, list[Delivery]], made: Mapping[str, Scene]
) -> Table:
    table = plain_table("job", "model", "state", "settled by", "handlers", "age", "what goes wrong")
    for job in jobs:
        scene = made[job.id]
        table.add_row(
            scene.name,
            job.spec.model,
            screens.state_text(job),
            job.attempt.settled_by or "",
            _handlers(told[job.id]),
            screens.age(job),
            Text(scene.story, "bright_black"),
        )
    return table


def _handlers(deliveries: list[Delivery]) -> str:
    done = sum(d.state == "done" for d in deliveries)
    return f"{done} of {len(deliveries)}" if deliveries else ""


def _say_changes(
    console: Console,
    jobs: list[Job],
    told: Mapping[str, list[Delivery]],
    made: Mapping[str, Scene],
    shown: dict[str, str],
) -> None:
    for job in jobs:
        by = f" by {job.attempt.settled_by}" if job.attempt.settled_by else ""
        heard = f", handlers told {_handlers(told[job.id])}" if told[job.id] else ""
        line = f"{made[job.id].name:<12} {job.state.value}{by}{heard}"
        if shown.get(job.id) != line:
            shown[job.id] = line
            console.print(line, highlight=False)


def _sum_up(
    console: Console, w: Wiring, made: Mapping[str, Scene], folder: Path, heard: Heard
) -> bool:
    """Say for each what happened and where its output lies; whether all went as it should."""
    book = folder / "published.txt"
    published = book.read_text().split() if book.exists() else []
    table = plain_table("", "job", "what went wrong", "ended", "by", "handlers", "output")
    good = True
    jobs = w.store.jobs.many(list(made))
    for job in jobs:
        scene, told = made[job.id], w.store.deliveries.of_job(job.id)
        files = sorted((folder / "outputs").glob(f"{job.spec.metadata['demo']}-*"))
        right = (
            job.state is scene.state
            and job.attempt.settled_by in scene.settled_by
            and _all_told(told)
            and published.count(job.id) == 1
            and bool(files) == (scene.state is State.SUCCEEDED)
        )
        good = good and right
        table.add_row(*_summary_row(job, scene, told, files, right))
    console.print(Text("What happened", "bold"))
    console.print(table)
    paid, twice = _paid(w.settings.base_url)
    good = good and not twice and paid == len(made) == len(heard.events) and not heard.forged
    console.print(f"\n{len(made)} jobs, {paid} submits accepted and paid, {twice} of them twice.")
    console.print(
        f"{len(heard.events)} ends posted to a subscriber over HTTP, each signature good."
    )
    console.print(f"Outputs in {_short(folder / 'outputs')}, logs in {_short(folder / 'logs')}.")
    if not good:
        wrong = "The rows with ✗ did not go as they should; the logs say why. No money was spent."
        console.print(wrong, style="red")
    return good


def _paid(sandbox: str) -> tuple[int, int]:
    """How many submits the sandbox accepted, and how many of them for an attempt it had before."""
    with urllib.request.urlopen(f"{sandbox}/sandbox/books", timeout=5) as answer:  # noqa: S310
        tasks = json.load(answer)["tasks"]
    return len(tasks), len(tasks) - len({task["webhookUrl"] for task in tasks})


def _summary_row(
    job: Job, scene: Scene, told: list[Delivery], files: list[Path], right: bool
) -> tuple[Text | str, ...]:
    again = sum(len(delivery.tries) - 1 for delivery in told if delivery.tries)
    heard = _handlers(told) + (f", {again} again" if again else "")
    reason = job.attempt.error.detail.get("exception_message", "") if job.attempt.error else ""
    output = ", ".join(file.name for file in files) or Text(reason, "red")
    mark = Text("✓", "green") if right else Text("✗", "red")
    by = job.attempt.settled_by or ""
    return mark, scene.name, scene.story, screens.state_text(job), by, heard, output


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
