"""Pipelines in a storm: asked for as batches, and whether each is complete when all is over."""

import json
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from runhook.worker.domain.jobs import Job, State
from tests.journeys.conftest import Town

PATIENCE = 60  # seconds for which a batch is asked for
# What a timeline says of an end that is no success.
ENDS = {
    *("failed", "cancelled", "refused", "not sent", "expired", "timeout", "no results"),
    *("given up unconfirmed", "given up by its owner", "input failed"),
}


@dataclass
class Trees:
    """Chains of three: a picture, another one made of it, and a film of that.

    Attributes:
        seed: What their keys begin with.
        ids: The jobs of each, from the first to the last.
    """

    seed: int
    ids: dict[int, list[str]] = field(default_factory=dict)

    def ask(self, town: Town, number: int) -> list[str]:
        """Ask for one until it is taken; the same number again is the same tree."""
        lines = "\n".join(map(json.dumps, _lines(number)))
        for _ in range(PATIENCE * 4):
            found = _posted(town, lines, f"{self.seed}/tree-{number}")
            if found:
                self.ids[number] = found
                return found
            time.sleep(0.25)
        raise AssertionError(f"nobody took tree {number} for {PATIENCE} s")

    def incomplete(self, town: Town, jobs: Mapping[str, Job]) -> list[str]:
        """Jobs of trees that stand where they must not, by what stands above them."""
        return [
            f"tree {number}: {job.id} {job.state} below {above.id} {above.state}"
            for number, names in self.ids.items()
            for upper, lower in pairwise(names)
            if (job := jobs.get(lower)) and (above := jobs.get(upper))
            if not _fits(town, job, above)
        ]


def _fits(town: Town, job: Job, above: Job) -> bool:
    if job.state is State.SUCCEEDED:
        return above.state is State.SUCCEEDED
    if above.state is not State.SUCCEEDED:
        return job.state is not State.QUEUED
    error = job.attempt.error
    if error is None or error.code != "input_failed":
        return job.state.ended
    # Success that came late leaves those failed which failed for want of it.
    said = {entry["what"] for entry in town.w.store.jobs.timeline(above.id)}
    return bool(said & ENDS)


def _lines(number: int) -> list[dict[str, Any]]:
    image, edit = "rhart-image-n-pro/text-to-image", "rhart-image-n-pro/edit"
    film, prompts = "vidu/image-to-video-q2-pro", [f"tree {number}.{n}" for n in range(3)]
    above = [f"output:@{number}.{n}/0" for n in range(2)]
    return [
        {"as": f"{number}.0", "model": image, "input": {"prompt": prompts[0]}},
        {
            "as": f"{number}.1",
            "model": edit,
            "input": {"prompt": prompts[1], "imageUrls": [above[0]]},
        },
        {"model": film, "input": {"prompt": prompts[2], "imageUrl": above[1]}},
    ]


def _posted(town: Town, lines: str, key: str) -> list[str]:
    """The jobs that a batch made; empty where not each line has one."""
    headers = {"Content-Type": "application/x-ndjson", "Idempotency-Key": key}
    request = urllib.request.Request(f"{town.web}/v1/jobs/batch", lines.encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            found = [json.loads(line) for line in answer.read().splitlines()]
    except (OSError, ValueError):
        return []
    made = [line["job"]["id"] for line in found if "job" in line]
    if len(made) < len(lines.splitlines()):
        return []
    return made
