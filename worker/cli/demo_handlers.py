"""The demo's handlers: one keeps outputs; one publishes them, and fails at first where it must."""

import os
import re
import urllib.request
from pathlib import Path

from runhook.worker.domain.handlers import HandlerEvent, on

FOLDER = Path(os.environ.get("DEMO_DIR", "."))
TIMEOUT = 10.0  # seconds; the outputs come from this machine


@on("job.succeeded")
def save(event: HandlerEvent) -> None:
    """Download every output. Doing it twice leaves the same files."""
    for number, output in enumerate(event.job.outputs, start=1):
        name = f"{event.job.metadata['demo']}-{number}.{output.type}"
        path = FOLDER / "outputs" / re.sub(r"[^\w.-]|^\.", "_", name)  # no folder, nothing hidden
        path.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(output.url, timeout=TIMEOUT) as answer:  # noqa: S310
            path.write_bytes(answer.read())


@on("job.succeeded", "job.failed")
def publish(event: HandlerEvent) -> None:
    """Write the event into a book; the demo's first event of one job finds the book closed."""
    closed = FOLDER / f"closed-{event.job.id}"
    if event.job.metadata.get("handler_fails_first") and not closed.exists():
        closed.touch()
        raise ConnectionError("the shop is closed for a moment")
    with (FOLDER / "published.txt").open("a") as book:
        book.write(f"{event.id} {event.type} {event.job.id}\n")
