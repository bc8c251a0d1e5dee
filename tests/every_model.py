"""Every model with a good and a bad body, run against a sandbox: `python -m tests.every_model`.

The good one goes the whole way and must be accepted; the bad one must be refused here, so that not
a byte of it leaves. Writes docs/models.md.
"""

import json
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runhook.config.catalogue import Model, models
from runhook.config.settings import Settings
from runhook.worker import catalogue
from runhook.worker.domain.jobs import Job
from runhook.worker.domain.provider import Submit
from runhook.worker.errors import InvalidRequest
from runhook.worker.flows import create
from runhook.worker.flows.create import JobRequest
from runhook.worker.runninghub.client import Client
from runhook.worker.runninghub.sandbox.faults import Faults
from runhook.worker.runninghub.sandbox.server import create_app, serve
from runhook.worker.store.embedded import EmbeddedServer
from runhook.worker.wiring import Wiring, assemble
from tests.bodies import invalid, valid

PAGE = Path(__file__).parents[1] / "docs" / "models.md"
HEAD = """# Every model, with a good and a bad body

Written by `make models`, which sends each good body to the sandbox and tries to send each bad one.
`runhook model NAME` shows what a model takes, its rules and its price. Tested by
`tests/flows/test_every_model.py::test_every_model_is_accepted_with_a_good_body_and_refused_with_a_bad_one`.
"""
COLUMNS = "| | model | endpoint | makes | good body | sandbox | bad body | refused here |"


@dataclass(frozen=True)
class Row:
    """What became of a model's two bodies."""

    model: Model
    good: dict[str, Any]
    accepted: str
    bad: dict[str, Any]
    refused: str


def try_out(model: Model, ask_for: Callable[[JobRequest], Job], send: Callable[[Job], str]) -> Row:
    """Send the good body; try to send the bad one.

    Args:
        model: Which.
        ask_for: Checks a request and keeps it, or raises.
        send: Sends a kept job's request, and says what RunningHub answered.
    """
    good, (bad, path) = valid(model), invalid(model)
    accepted = send(ask_for(JobRequest(model=model.endpoint, input=good)))
    refused = "no"
    try:
        ask_for(JobRequest(model=model.endpoint, input=bad))
    except InvalidRequest as wrong:
        refused = ", ".join(fault.path for fault in wrong.faults)
        assert path in refused.partition("[")[0], refused
    return Row(model, good, accepted, bad, refused)


@contextmanager
def a_house() -> Iterator[tuple[Wiring, str]]:
    """A server and a sandbox of its own."""
    app = create_app(Faults(), limit=1000, pace=0.0)
    sandbox = serve(app, "127.0.0.1", 0)
    threading.Thread(target=sandbox.serve_forever, args=(0.02,), daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedServer(Path(folder), Path(folder) / "redis.sock")
        server.start()
        url = f"http://127.0.0.1:{sandbox.server_port}"
        values = {"REDIS_URL": server.url, "RUNNINGHUB_BASE_URL": url, "RUNNINGHUB_API_KEY": "key"}
        yield assemble(Settings.load("client", **values)), url
        server.stop()
    sandbox.shutdown()


def page(rows: list[Row]) -> str:
    """The table."""
    parts = [HEAD]
    for listed, title in ((True, "In the reference"), (False, "Served besides")):
        found = [row for row in rows if row.model.listed is listed]
        parts.append(
            f"\n## {title}: {len(found)}\n\n{COLUMNS}\n|---|---|---|---|---|---|---|---|\n"
        )
        for number, row in enumerate(found, start=1):
            good, bad = (
                f"`{json.dumps(body, ensure_ascii=False)}`" for body in (row.good, row.bad)
            )
            cells = (row.model.name, f"`{row.model.endpoint}`", row.model.output)
            parts.append(
                f"| {number} | {' | '.join(cells)} | {good} | {row.accepted} | {bad} | "
                f"{row.refused} |\n"
            )
    return "".join(parts)


def main() -> None:
    """Try all of them and write the page."""
    with a_house() as (w, url):
        client = Client(url, "key")

        def send(job: Job) -> str:
            wanted = Submit(model=job.spec.model, given=job.spec.input)
            answer = client.submit(wanted, lambda: True)
            return type(answer).__name__.lower()

        rows = [
            try_out(model, lambda asked: create.request(w, asked)[1], send) for model in models()
        ]
    PAGE.write_text(page(rows))
    accepted = sum(row.accepted == "accepted" for row in rows)
    refused = sum(row.refused != "no" for row in rows)
    listed = sum(row.model.listed for row in rows)
    print(f"{len(rows)} models, {listed} of them listed: {accepted} good bodies accepted by the "
          f"sandbox, {refused} bad ones refused here")  # fmt: skip
    sys.exit(0 if accepted == refused == len(catalogue.models()) else 1)


if __name__ == "__main__":
    main()
