"""What the demo shows: its jobs while they move, and what became of each in the end."""

import json
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from runhook.worker.cli.demo_scenes import Scene
from runhook.worker.cli.demo_subscriber import Received
from runhook.worker.cli.job_tables import state_text
from runhook.worker.cli.tables import plain_table
from runhook.worker.domain.jobs import Job, State
from runhook.worker.domain.lengths import lasted
from runhook.worker.store import Delivery
from runhook.worker.wiring import Wiring

# Columns of a terminal in which every column of a table has its room; a narrower one goes without
# what the table does not need: which model, which files.
WIDE = 104
# Read without colours too.
GOOD, WRONG = Text("✓", "green"), Text("✗", "red")


def all_delivered(deliveries: list[Delivery]) -> bool:
    """Whether a job's end has been delivered to everybody."""
    # None yet is not all: the end of a job is fanned out a moment after it.
    return bool(deliveries) and all(d.state != "pending" for d in deliveries)


def moving_table(
    jobs: list[Job],
    deliveries: Mapping[str, list[Delivery]],
    scenes: Mapping[str, Scene],
    width: int,
) -> Table:
    """How the jobs stand now.

    Args:
        jobs: All of the demo.
        deliveries: Of each job's events, by the job's id.
        scenes: By the job's id.
        width: Of the terminal.
    """
    columns = ("job", "state", "by", "handlers", "took", "what goes wrong", "model")
    shown = _shown(columns, width)
    table = plain_table(*columns[:shown])
    for job in jobs:
        scene = scenes[job.id]
        row = (
            scene.name,
            state_text(job.state.value),
            job.attempt.settled_by or "",
            _handlers(deliveries[job.id]),
            _took(job),
            Text(scene.story, "bright_black"),
            job.spec.model,
        )
        table.add_row(*row[:shown])
    return table


def _shown(columns: Sequence[str], width: int) -> int:
    """How many columns of a table a terminal of this width shows; the last is what it can miss."""
    if width < WIDE:
        return len(columns) - 1
    return len(columns)


def _took(job: Job) -> str:
    """How long it took from its creation to its end, or to now while it has none."""
    end = job.history.ended_at or datetime.now(UTC)
    return lasted((end - job.spec.created_at).total_seconds())


def change_lines(
    jobs: list[Job],
    deliveries: Mapping[str, list[Delivery]],
    scenes: Mapping[str, Scene],
    shown: dict[str, str],
) -> Iterator[str]:
    """A line for each job that has changed since it was shown last.

    Args:
        jobs: All of the demo.
        deliveries: Of each job's events, by the job's id.
        scenes: By the job's id.
        shown: The last line of each job, which is kept here.
    """
    for job in jobs:
        line = f"{scenes[job.id].name:<12} {job.state.value}"
        if job.attempt.settled_by:
            line += f" by {job.attempt.settled_by}"
        if deliveries[job.id]:
            line += f", handlers done {_handlers(deliveries[job.id])}"
        if shown.get(job.id) != line:
            shown[job.id] = line
            yield line


def _handlers(deliveries: list[Delivery]) -> str:
    if not deliveries:
        return ""
    done = sum(d.state == "done" for d in deliveries)
    return f"{done} of {len(deliveries)}"


@dataclass(frozen=True, kw_only=True)
class _Ending:
    """How one job of the demo ended.

    Attributes:
        job: The job.
        scene: How it should have ended.
        deliveries: Of its events.
        files: Its outputs, as a handler kept them.
        published: How many times a handler published it.
    """

    job: Job
    scene: Scene
    deliveries: list[Delivery]
    files: list[Path]
    published: int

    @property
    def good(self) -> bool:
        """Whether all went as it should."""
        return (
            self.job.state is self.scene.state
            and self.job.attempt.settled_by in self.scene.settled_by
            and all_delivered(self.deliveries)
            and self.published == 1
            and bool(self.files) == (self.scene.state is State.SUCCEEDED)
        )

    def row(self) -> tuple[Text | str, ...]:
        """Its line of the table."""
        mark = WRONG
        if self.good:
            mark = GOOD
        again = sum(len(delivery.tries) - 1 for delivery in self.deliveries if delivery.tries)
        handlers = _handlers(self.deliveries)
        if again:
            handlers += f", {again} again"
        by = self.job.attempt.settled_by or ""
        story = self.scene.story
        state = state_text(self.job.state.value)
        return mark, self.scene.name, story, state, by, handlers, self._output()

    def _output(self) -> Text | str:
        """The names of its files, or why there are none."""
        if self.files:
            return ", ".join(file.name for file in self.files)
        if self.job.attempt.error:
            return Text(self.job.attempt.error.detail.get("exception_message", ""), "red")
        return ""


def sum_up(
    console: Console, w: Wiring, scenes: Mapping[str, Scene], folder: Path, received: Received
) -> bool:
    """Show what happened to each job and where its output lies.

    Args:
        console: Where.
        w: The demo's parts.
        scenes: By the job's id.
        folder: Of the demo.
        received: What its subscriber got.

    Returns:
        Whether all went as it should.
    """
    endings = _endings(w, scenes, folder)
    columns = ("", "job", "what went wrong", "ended", "by", "handlers", "output")
    shown = _shown(columns, console.width)
    table = plain_table(*columns[:shown])
    for ending in endings:
        table.add_row(*ending.row()[:shown])
    paid, twice = _paid(w.settings.base_url)
    count = len(received.events)
    good = all(ending.good for ending in endings) and not twice and not received.forged
    # One submit and one end for each job: neither paid twice nor lost.
    good = good and paid == count == len(scenes)
    console.print(Text("What happened", "bold"))
    console.print(table)
    console.print(f"\n{len(scenes)} jobs, {paid} submits accepted and paid, {twice} of them twice.")
    console.print(f"{count} ends posted to a subscriber over HTTP, each signature good.")
    kept = [out for e in endings for out in e.job.attempt.outputs if out.archived]
    console.print(f"{len(kept)} outputs archived, in {_short(folder / 'storage' / 'outputs')}.")
    console.print(f"Outputs in {_short(folder / 'outputs')}, logs in {_short(folder / 'logs')}.")
    if not good:
        wrong = "The rows with ✗ did not go as they should; the logs say why. No money was spent."
        console.print(wrong, style="red")
    return good


def _endings(w: Wiring, scenes: Mapping[str, Scene], folder: Path) -> list[_Ending]:
    published = []
    book = folder / "published.txt"
    if book.exists():
        published = book.read_text().split()
    return [
        _Ending(
            job=job,
            scene=scenes[job.id],
            deliveries=w.store.deliveries.of_job(job.id),
            files=sorted((folder / "outputs").glob(f"{job.spec.metadata['demo']}-*")),
            published=published.count(job.id),
        )
        for job in w.store.jobs.many(list(scenes))
    ]


def _paid(sandbox: str) -> tuple[int, int]:
    """How many submits the sandbox accepted, and how many of them for an attempt it had before."""
    with urllib.request.urlopen(f"{sandbox}/sandbox/books", timeout=5) as answer:  # noqa: S310
        tasks = json.load(answer)["tasks"]
    # A webhookUrl is one attempt's alone, so a second task with it is the same attempt paid twice.
    return len(tasks), len(tasks) - len({task["webhookUrl"] for task in tasks})


def _short(path: Path) -> str:
    """As one would type it from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
