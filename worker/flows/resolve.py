"""A user's word on a job: pay for it again, ask RunningHub now, settle an unconfirmed one."""

from dataclasses import replace
from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from runhook.worker.domain import moves
from runhook.worker.domain.bodies import Body, fits, one_of, refused
from runhook.worker.domain.jobs import Job, State
from runhook.worker.domain.moves import Move
from runhook.worker.domain.reports import Error
from runhook.worker.errors import Conflict
from runhook.worker.flows.steps import proof, transcript
from runhook.worker.flows.steps.accept import accept, adopt
from runhook.worker.flows.steps.earlier import settled_instead
from runhook.worker.flows.steps.examine import look_now
from runhook.worker.flows.steps.outcomes import requeued
from runhook.worker.store import Change, TimelineEntry
from runhook.worker.wiring import Wiring

End = Literal["failed", "resubmit"]  # what an owner may say of it without naming a task
As = Annotated[End, one_of(get_args(End))]


def _is_ref(text: str) -> bool:
    """Other scripts have digits too, and no task's id is written in them."""
    return text.isascii() and text.isdecimal()


class Verdict(Body):
    """What became of an unconfirmed attempt, as the user knows it: one of `as` and `ref`.

    Attributes:
        verdict: `failed`, or `resubmit`, which accepts the risk of paying twice; `as` in JSON.
        ref: RunningHub's id of the task that it became.
        force: Take the task although no record proves whose it is.
    """

    verdict: As | None = Field(None, alias="as")
    ref: Annotated[str, fits(_is_ref, "must be a task's id: digits", "[0-9]+")] | None = None
    force: bool = False

    @model_validator(mode="after")
    def _one_of_both(self) -> "Verdict":
        if (self.verdict is None) == (self.ref is None) or (self.force and self.ref is None):
            raise refused(
                'must be {"as": "failed"}, {"as": "resubmit"}, or '
                '{"ref": "<digits>", "force"?: true}'
            )
        return self


def retry(w: Wiring, job_id: str, *, behind: int | None = None) -> Job:
    """A new paid attempt of a failed or cancelled job, under a callback URL of its own.

    One that names outputs of jobs that have not succeeded waits for them again.

    Args:
        w: The process's parts.
        job_id: Which.
        behind: Only where this attempt is still the last: who asks twice pays once. None: any.

    Raises:
        NotFound: There is no such job.
        Conflict: It has succeeded, or not ended; what it needs cannot be had; or what waits for it
            is still to be cancelled with it.
        OverBudget: The day's budget has no room for it.
        InvalidRequest: There is a budget, and nobody knows what to hold of it.
    """
    asked = w.store.jobs.get(job_id)
    _may_be_retried(asked)  # first, for that is why it is not, whatever became of its inputs
    inputs = _inputs(w, asked)

    def decide(job: Job) -> Change:
        _may_be_retried(job)
        _still_last(job, behind)
        _leave_to_settling(w, job)
        # A new attempt and not the old one again: its callback URL is its own, so late news of the
        # first cannot be taken for news of the second. It begins anew with the model that was asked
        # for, whichever failed last: the user has looked at it since.
        again = moves.another_attempt(
            job, Move.RETRY, w.clock.now(), ended=job.state, risk=job.at_risk, model=None
        )
        note = TimelineEntry("retried", {"attempt": again.attempt.n, "risk": job.at_risk})
        waiting = moves.wait_for(again, inputs, w.clock.now())
        return requeued(waiting, w, note)

    return w.store.jobs.change(job_id, decide)[1]


def _may_be_retried(job: Job) -> None:
    if job.state not in (State.FAILED, State.CANCELLED):
        raise Conflict(f"{job.id} is {job.state}; only failed and cancelled jobs are retried")


def _still_last(job: Job, behind: int | None) -> None:
    """Raises Conflict where the attempt that somebody speaks of is not the last one any more."""
    last = job.history.attempts[-1].n
    if behind not in (None, last):
        raise Conflict(f"{job.id} was tried again already: its last attempt is {last} by now")


def _leave_to_settling(w: Wiring, job: Job) -> None:
    """Raises Conflict where what waits is still to be cancelled with a job: retried, it would not.

    Nobody new waits for a job that was cancelled, so this is over soon.
    """
    with_tree = job.state is State.CANCELLED and job.history.cancel_tree
    if with_tree and w.store.lineage.waiters(job.id, "", 1):
        why = "what waits for it is being cancelled with it; retry it once that is done"
        raise Conflict(f"{job.id} is not retried yet: {why}")


def _inputs(w: Wiring, job: Job) -> list[str]:
    """The jobs that a job has to wait for, which are all under way.

    Raises:
        Conflict: One of them has failed, was cancelled or is not kept any more.
    """
    there = {}
    if job.spec.upstream:
        there = {one.id: one for one in w.store.jobs.many(job.spec.upstream)}
    for name in job.spec.upstream:
        if name not in there:
            raise Conflict(f"{job.id} needs an output of {name}, which is not kept any more")
        state = there[name].state
        if state in (State.FAILED, State.CANCELLED):
            raise Conflict(
                f"{job.id} needs an output of {name}, which {state.became}; retry that first"
            )
    return [name for name in job.spec.upstream if there[name].state is not State.SUCCEEDED]


def ask_now(w: Wiring, job_id: str) -> Job:
    """The job after RunningHub was asked about its current attempt.

    Raises:
        NotFound: There is no such job.
        Conflict: Nothing can be asked: it was not sent, or its task id is not known.
        ProviderSilent: RunningHub does not answer; nothing was changed.
    """
    job = w.store.jobs.get(job_id)
    if job.attempt.ref is None and job.attempt.unproved is None:
        why = "it has no task id yet"
        if job.state is State.UNCONFIRMED:
            why = "its task id is unknown, and RunningHub lists no tasks; resolve it by hand"
        raise Conflict(f"{job_id} is {job.state} and cannot be asked about: {why}")
    # Success is final: no answer could change it.
    if job.state is not State.SUCCEEDED:
        look_now(w, job)
    return w.store.jobs.get(job_id)


def settle(w: Wiring, job_id: str, said: Verdict, *, behind: int | None = None) -> Job:
    """Settle an unconfirmed job as its owner says; as `resolve` or `resolve_by_ref` does."""
    if said.verdict:
        return resolve(w, job_id, said.verdict, behind=behind)
    return resolve_by_ref(w, job_id, said.ref or "", force=said.force, behind=behind)


def resolve(w: Wiring, job_id: str, verdict: End, *, behind: int | None = None) -> Job:
    """Settle an unconfirmed job by its owner's word: it failed, or it is to be paid again.

    Args:
        w: The process's parts.
        job_id: Which.
        verdict: What became of it.
        behind: Only where this attempt is still the last. None: any.

    Raises:
        NotFound: There is no such job.
        Conflict: It is not unconfirmed, or was tried again meanwhile.
        OverBudget: The day's budget has no room for paying it again.
        InvalidRequest: There is a budget, and nobody knows what to hold of it.
    """

    def decide(job: Job) -> Change:
        if job.state is not State.UNCONFIRMED:
            raise Conflict(f"{job_id} is {job.state}, not unconfirmed")
        _still_last(job, behind)
        now, n = w.clock.now(), job.attempt.n
        if verdict == "resubmit" and job.history.cancel_wished:
            why = "its cancel is wished and would be forgotten; settle it as failed, then retry it"
            raise Conflict(f"{job_id} is not paid again: {why}")
        if verdict == "resubmit":
            again = moves.resubmit(job, now)
            return requeued(again, w, TimelineEntry("resubmitted by its owner", {"attempt": n + 1}))
        text = "Its owner gave it up unproved. RunningHub may have charged it."
        error = replace(job.attempt.doubt or Error(code="unconfirmed", message=text), message=text)
        moved = moves.end(job, Move.FAIL, "user", now, error=error, named=None)
        return Change(
            job=moved,
            notes=(TimelineEntry("given up by its owner", {"attempt": n}),),
            event="job.failed",
        )

    def settled(job: Job) -> Change:
        return settled_instead(job, decide(job), w.clock.now())

    return w.store.jobs.change(job_id, settled)[1]


def resolve_by_ref(
    w: Wiring, job_id: str, ref: str, *, force: bool = False, behind: int | None = None
) -> Job:
    """Settle an unconfirmed job by the task its owner found.

    Args:
        w: The process's parts.
        job_id: Which.
        ref: The task's id.
        force: Take it by the owner's word alone.
        behind: Only where this attempt is still the last. None: any.

    Returns:
        The job: settled, running, or as it was, with the task in `attempt.unproved` until
        RunningHub's record proves it.

    Raises:
        NotFound: There is no such job.
        Conflict: It needs no settling, or the task is not its own, or not known.
        ProviderSilent: RunningHub does not answer; nothing was changed.
    """
    job = w.store.jobs.get(job_id)
    if job.state is not State.UNCONFIRMED and not job.given_up:
        raise Conflict(f"{job_id} is {job.state}, not unconfirmed")
    _still_last(job, behind)
    with transcript.of(w, job_id) as listening:
        _take_task(listening, job, ref, force)
    return w.store.jobs.get(job_id)


def _take_task(w: Wiring, job: Job, ref: str, force: bool) -> None:
    n = job.attempt.n
    told = w.client.report(ref, job.spec.kind, legacy=job.attempt.legacy)
    if told.state == "unknown":
        raise Conflict(f"RunningHub knows no task {ref}")
    found = None
    if not force:
        found = w.client.recorded(ref)
    if force or (found and proof.is_ours(w, found.webhook_url, job.id, n)):
        # First, because it raises Conflict where the attempt was settled meanwhile: then nothing is
        # taken.
        proof.name_task(w, job.id, n, ref)
        adopt(w, job.id, n, ref, instead=True)
        accept(w, job.id, n, told, "query")
    elif found:
        raise Conflict(
            f"task {ref} has another callback on record, not this attempt's; force takes it"
        )
    elif not (w.settings.public_url and w.client.capabilities.kind(job.spec.kind).calls_back):
        raise Conflict(
            f"nothing can prove that task {ref} is this attempt's: it was sent without a callback "
            "URL, so RunningHub records none; force takes it by your word"
        )
    else:
        # It may still run: its record, which comes with its end, will show whose it is.
        proof.name_task(w, job.id, n, ref)
