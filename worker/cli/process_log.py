"""What the processes of `up` print, shown as lines that people read."""

import json
import threading

import click

from runhook.worker.cli.processes import Say
from runhook.worker.net.untrusted import one_line

# What Celery tells its terminal when it ends. Under `up` Ctrl-C is not Celery's, and pressed again
# it does nothing, so the advice would be wrong.
CELERY_ADVICE = ("worker: Hitting Ctrl+C", "worker: Cold shutdown", "worker: Warm shutdown")
COLOURS = {
    "redis": "blue",
    "web": "cyan",
    "worker": "green",
    "handlers": "yellow",
    "sandbox": "magenta",
}
LOUD = ("warning", "error")  # levels that are shown in red


def shower() -> Say:
    """A function that shows a process's line; several threads may call it."""
    lock = threading.Lock()

    def show(name: str, line: str) -> None:
        if line.startswith(CELERY_ADVICE):
            return
        head = click.style(f"{name:<9}", fg=COLOURS.get(name))
        with lock:
            for part in readable(line):
                click.echo(f"{head} {part}")

    return show


def readable(line: str) -> list[str]:
    """A log line for people: its event and its fields, and a traceback in lines below them.

    Args:
        line: As a process printed it: JSON, or anything else that a handler or library printed.
    """
    try:
        entry = json.loads(line)
        event = one_line(str(entry.pop("event")))
    # Not a line of ours: what a handler prints may be anything, JSON that is no object too.
    except (ValueError, TypeError, KeyError, AttributeError):
        return [one_line(line)]
    trace = str(entry.pop("exception", "")).splitlines()
    head = f"{event:<18}"
    if entry.pop("level", "info") in LOUD:
        head = click.style(head, fg="red", bold=True)
    entry.pop("timestamp", None)
    fields = "  ".join(f"{name}={value}" for name, value in entry.items() if value is not None)
    return [f"{head} {one_line(fields)}", *(f"  {one_line(row)}" for row in trace)]
