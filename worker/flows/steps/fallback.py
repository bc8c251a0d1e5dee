"""Going on with another model, where RunningHub or the model failed and not what was asked for.

Each step is one more paid attempt. So it is taken only behind an attempt that has surely ended, and
for the reasons that the provider's codes name; what is in doubt ends the job.
"""

from dataclasses import replace
from typing import Any

import orjson

from runhook.worker.catalogue import Checked
from runhook.worker.domain import moves
from runhook.worker.domain.jobs import Fallback, Job, SettledBy, State
from runhook.worker.domain.moves import Move
from runhook.worker.domain.reports import Error
from runhook.worker.files import inline
from runhook.worker.flows.steps.outcomes import ended_unpaid, requeued
from runhook.worker.store import Change, TimelineEntry
from runhook.worker.wiring import Wiring


def kept(checked: Checked, keep: inline.Keep) -> tuple[Fallback, ...]:
    """The models to go on with as a job keeps them, files inside their inputs kept by `keep`."""
    found = []
    for other in checked.fallback:
        rest = _rest(checked, other)
        shared = sorted(other.input.keys() - rest.input.keys())
        own = inline.kept(rest, keep)
        found.append(Fallback(model=other.model, shared=tuple(shared), own=own))
    return tuple(found)


def weight(checked: Checked) -> int:
    """Bytes of JSON that a job keeps for the models to go on with, without files."""
    return sum(inline.weight(_rest(checked, other)) for other in checked.fallback)


def _rest(checked: Checked, other: Checked) -> Checked:
    """Another model's request without what the job's own input has under the same name."""
    # Compared as JSON, for true is no 1, and both are equal to Python.
    own = {name: orjson.dumps(value) for name, value in checked.input.items()}
    rest = {n: value for n, value in other.input.items() if own.get(n) != orjson.dumps(value)}
    return replace(other, input=rest)


def model_after(w: Wiring, job: Job, error: Error | None) -> str | None:
    """The model to go on with behind an attempt that ended with this error; None: the job ends."""
    # What its owner wants cancelled is not paid for again.
    if error is None or job.next_model is None or job.history.cancel_wished:
        return None
    # The same text may come with any code, and speaks of what was asked for.
    if error.detail.get("content"):
        return None
    own = error.detail.get("infrastructure") is True
    if own or w.client.other_model_may(error.provider_code or ""):
        return job.next_model
    return None


def go_on(
    w: Wiring, job: Job, model: str, by: SettledBy, *notes: TimelineEntry, **attempt: Any
) -> Change:
    """The job in the queue again with another model.

    Args:
        w: The process's parts.
        job: Whose current attempt has failed.
        model: The next one.
        by: How the failure was learnt.
        notes: What the timeline says of it.
        attempt: What is written to the attempt that failed.
    """
    # Its price is held of the budget too.
    otherwise = ended_unpaid(w, job, by, *notes, **attempt)
    again = moves.another_attempt(
        job,
        Move.FALL_BACK,
        w.clock.now(),
        ended=State.FAILED,
        risk=False,
        model=model,
        settled_by=by,
        **attempt,
    )
    note = TimelineEntry("falls back", {"attempt": again.attempt.n, "model": model})
    return requeued(again, w, *notes, note, otherwise=otherwise)
