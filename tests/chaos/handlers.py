"""Handlers for a storm: two that hang until they are let go, one that raises dirt.

Read by the processes of the storm as a module of their own; what they are told by is a file.
"""

import os
import time
from pathlib import Path

from runhook import Event, on
from tests.chaos.kinds import HANGING, UNWRITABLE, calm
from tests.chaos.plan import HUNG

LONGEST = 240.0  # seconds; a handler may take five minutes


def _hang(event: Event) -> None:
    let_go = calm(Path(os.environ["BOOK"]))
    until = time.monotonic() + LONGEST
    while time.monotonic() < until and not let_go.exists():
        time.sleep(0.2)


if "hanging" in os.environ["KINDS"].split(","):
    for name in HANGING:
        on("job.succeeded", "job.failed", model=HUNG, name=name)(_hang)


@on("job.succeeded", "job.failed")
def raises(event: Event) -> None:
    """Raise what cannot be written down, for jobs that ask for it."""
    if "[raises]" in str(event.job.input):
        raise ValueError(UNWRITABLE + "x" * 3_000_000)
