"""Many jobs at once: a JSON line each, each line's idempotency key, each judged by itself."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from runhook.worker.catalogue import Checked
from runhook.worker.domain.bodies import json_object, key_fault
from runhook.worker.domain.jobs import LOCAL, Job
from runhook.worker.domain.problems import problem_view
from runhook.worker.domain.views import View
from runhook.worker.errors import Fault, InvalidRequest, RunhookError
from runhook.worker.flows import create
from runhook.worker.flows.steps.pricing import trial_view
from runhook.worker.flows.steps.viewing import shown
from runhook.worker.wiring import Wiring


@dataclass(frozen=True, kw_only=True)
class Line:
    """What became of one line.

    Attributes:
        number: The line's number, from 1; empty lines count, though nothing is made of them.
        job: The job it made, or made before.
        new: Whether the job is new.
        checked: What a dry run found, in place of a job.
        error: Why there is neither.
    """

    number: int
    job: Job | None = None
    new: bool = False
    checked: Checked | None = None
    error: RunhookError | None = None


class Keys:
    """The key of each line: its own `"key"`, else one made of the batch's key and what it says.

    A line's number would not do: where bad lines are taken out, those behind them move up and
    would be asked for again. Equal lines are as many jobs, so the second has another key.
    """

    def __init__(self, batch: str | None) -> None:
        self._batch = batch
        self._seen: Counter[str] = Counter()

    def of(self, given: dict[str, Any]) -> str | None:
        """The key of a line, which loses its member `key`.

        Raises:
            InvalidRequest: Its own key is none.
        """
        # Taken out first: `key` is the batch's, and no field of a job.
        if "key" in given:
            own = given.pop("key")
            if fault := key_fault(own, "key"):
                raise InvalidRequest([fault])
            return str(own)
        if self._batch is None:
            return None
        content = hashlib.sha256(create.canonical(given)).hexdigest()
        self._seen[content] += 1
        # No user's key holds a line's end, so none can be like this one.
        return f"{self._batch}\n{content}\n{self._seen[content]}"


def accept(
    w: Wiring,
    lines: Iterable[bytes | None],
    *,
    owner: str = LOCAL,
    key: str | None = None,
    only: str | None = None,
    dry_run: bool = False,
) -> Iterator[Line]:
    """Queue a job for each line, in order; a bad line harms no other. Nothing is paid yet.

    Args:
        w: The process's parts.
        lines: As they come, empty ones too; None for one that is longer than a job may be.
        owner: Whose idempotency keys count, and whose jobs those are that name no tenant.
        key: The batch's: sent again, lines that made a job make none.
        only: The one tenant that they may be of; None: any.
        dry_run: Only check each; nothing is kept.
    """
    keys = Keys(key)
    for number, line in enumerate(lines, start=1):
        if line is not None and not line.strip():
            continue
        try:
            if line is None:
                raise InvalidRequest(
                    [Fault(path="", message="the line is longer than a job may be")]
                )
            given = json_object(line, "the line")
            mine = keys.of(given)
            if dry_run:
                yield Line(number=number, checked=create.trial(w, given, owner=owner, only=only))
                continue
            new, job = create.accept(w, given, owner=owner, key=mine, only=only)
        # Redis away too: raised, it would break off an answer that has begun, and nobody could tell
        # which lines made a job. A caller that can stop looks for it in `error`.
        except RunhookError as error:
            yield Line(number=number, error=error)
        else:
            yield Line(number=number, job=job, new=new)


def line_view(w: Wiring, line: Line) -> View:
    """What became of a line, with the status that it would have had by itself."""
    view: View = {"line": line.number, "status": 200}
    if line.error:
        error = problem_view(line.error)
        return view | {"status": error["status"], "error": error}
    if line.checked:
        return view | {"dry_run": trial_view(w, line.checked)}
    if line.new:
        view["status"] = 202
    return view | {"job": line.job and shown(w, line.job)}
