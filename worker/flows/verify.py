"""What callbacks lead to that cannot be believed by themselves: RunningHub is asked.

A callback that names the task of an attempt which has none yet is proved by asking about that task.
For one that is unreadable, too large or about another task, the attempt itself is asked about.
Whoever knows a job's URL can send any number of either, so they cause few calls a minute. What the
minute does not allow is asked when it does; the ordinary look of `reconcile` stays as it is.
"""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from runhook.worker.domain import policy
from runhook.worker.domain.jobs import Attempt, Job, State
from runhook.worker.domain.provider import Unreadable
from runhook.worker.domain.reports import Report
from runhook.worker.errors import NotFound, ProviderSilent, StoreUnavailable, UnreadableRecord
from runhook.worker.flows.steps import deadline, evidence, transcript
from runhook.worker.flows.steps.accept import accept, adopt
from runhook.worker.flows.steps.alerts import VERIFY, alert
from runhook.worker.flows.steps.callbacks import is_early, set_aside, waits_for_proof
from runhook.worker.store import Again, Answer, Callback, Claim, TimelineEntry, again
from runhook.worker.telemetry import report
from runhook.worker.wiring import Wiring


@dataclass(frozen=True)
class Word:
    """A callback that waits for proof, and what it says."""

    callback: Callback
    told: Report


def look(w: Wiring, claim: Claim) -> Answer:
    """Ask about one attempt for its callbacks' sake, and say when to ask again."""
    job_id, n = claim.attempt_behind(VERIFY)
    try:
        job = w.store.jobs.get(job_id)
    except NotFound:
        return None
    attempt = job.nth(n)
    if attempt is None:
        return None
    # Callbacks first: asked about the task that they name, RunningHub may prove it the attempt's.
    words = _unproved(w, job, attempt)
    if not words and not _can_be_asked_about(w, job, attempt):
        return None
    # After what waits was read: a turn of the pace is everybody's, and none is taken for nothing.
    if wait := w.store.queue.wait_for("take"):
        return Again(wait)
    seconds = None
    with suppress(NotFound), transcript.of(w, job_id) as listening:
        seconds = _prove(listening, claim, job, attempt, words) if words else _ask(listening, job)
    return again(seconds)


def _unproved(w: Wiring, job: Job, attempt: Attempt) -> dict[str, list[Word]]:
    """The callbacks that wait for proof, oldest first, by the task that they name."""
    found: dict[str, list[Word]] = {}
    for callback in w.store.callbacks.waiting(job.id, attempt.n):
        try:
            told = w.client.read_callback(callback.body)
        except Unreadable:
            continue  # intake writes that down
        if waits_for_proof(job, attempt, told) and not is_early(w, job, attempt, callback.at):
            found.setdefault(told.ref, []).append(Word(callback, told))
    return found


def _can_be_asked_about(w: Wiring, job: Job, attempt: Attempt) -> bool:
    """Whether there is something to ask; what is over at its time is the ordinary look's."""
    open_ = job.state in (State.RUNNING, State.UNCONFIRMED) and attempt is job.attempt
    return open_ and attempt.ref is not None and not deadline.is_over(w, job)


def _too_soon(w: Wiring, job: Job, calls: int) -> float:
    """Seconds until so many calls may be made; 0: now, and they are counted."""
    return w.store.callbacks.allow_calls(
        job.id, calls, policy.CALLBACK_CALLS, policy.CALLBACK_WINDOW
    )


def _prove(
    w: Wiring, claim: Claim, job: Job, attempt: Attempt, words: dict[str, list[Word]]
) -> float | None:
    """Ask about the tasks that callbacks name; seconds until those that still wait are asked about.

    In any order, so that forged ones about which nothing is said keep no genuine one waiting.
    """
    waits: list[float] = []
    for ref in random.sample(sorted(words), len(words)):
        if wait := _too_soon(w, job, evidence.calls_of_a_query(w, job, attempt)):
            waits.append(wait)
            # The minute is used up for all of them.
            break
        try:
            decided = _decide(w, job, attempt, ref, words[ref])
        except ProviderSilent as silent:
            w.store.queue.wait_for(silent.pace)
            if wait := _kept_in_silence(w, job, attempt, words[ref], silent):
                waits.append(wait)
                if silent.answered:
                    continue
                break  # it is away, and would be for the others
            decided = "dropped"
        if decided != "overtaken":
            taken = [one.callback for one in words[ref]]
            w.store.callbacks.drop(claim, f"{job.id}/{attempt.n}", taken)
        # Whether any is left to wait for; its own look is a quarter of an hour away.
        w.store.duties.wake("intake", f"{job.id}/{attempt.n}")
        if decided != "dropped":
            return None  # its ref is known: the others are about another task, and not asked about
    return min(waits, default=None)


def _decide(
    w: Wiring, job: Job, attempt: Attempt, ref: str, words: list[Word]
) -> Literal["proved", "dropped", "overtaken"]:
    """Ask whether there is a task, and take in what callbacks say of it.

    Returns:
        `proved`; `dropped`, for it proves nothing; `overtaken` by news of the attempt's own task.

    Raises:
        ProviderSilent: No usable answer.
    """
    try:
        known = w.client.report(ref, job.spec.kind, legacy=attempt.legacy)
        w.store.queue.wait_for("good")
        if known.state == "unknown":
            why = f"RunningHub knows no task {ref}"
            note = TimelineEntry("callback not believed", {"attempt": attempt.n, "why": why})
            transcript.note(w, job.id, note)
            return "dropped"
        # The answer to the submit named another task meanwhile, and that proves more.
        if not adopt(w, job.id, attempt.n, ref):
            return "overtaken"
        for word in words:
            told = word.told
            if w.settings.verify == "fetch":
                # The body may be forged although there is such a task.
                told = known
            accept(w, job.id, attempt.n, told, word.callback.by)
    except (ProviderSilent, StoreUnavailable, UnreadableRecord, NotFound):
        raise
    except Exception as error:  # noqa: BLE001 - its trouble is its own, whatever it is
        set_aside(w, job.id, attempt.n, error)
        return "dropped"
    return "proved"


def _kept_in_silence(
    w: Wiring, job: Job, attempt: Attempt, words: list[Word], silent: ProviderSilent
) -> float:
    """Seconds until RunningHub is asked again of a task; 0: not any more, and that is said."""
    age = (w.clock.now() - words[0].callback.at).total_seconds()
    # By now the URLs of its outputs are dead, so a proof would bring nothing.
    if age > policy.UNPROVED_LONGEST:
        why = f"RunningHub said nothing of task {words[0].told.ref} for {age:.0f} s: {silent}"
        alert(w, job.id, attempt.n, "callback not believed", why)
        return 0
    return min(policy.SILENT_LONGEST, max(policy.SILENT_WAIT, age / 4))


def _ask(w: Wiring, job: Job) -> float | None:
    """Ask about a job's attempt; seconds until it is asked about again, if it has not ended."""
    n = job.attempt.n
    calls, question = _question(w, job)
    if wait := _too_soon(w, job, calls):
        return wait
    try:
        again_in = question(w, job)
    except ProviderSilent as silent:
        w.store.queue.wait_for(silent.pace)
        transcript.note(w, job.id, TimelineEntry("no answer", {"attempt": n, "why": str(silent)}))
        # Not sooner: what forged callbacks lead to must not turn an outage into a storm of calls.
        return policy.CALLBACK_WINDOW
    except (StoreUnavailable, UnreadableRecord, NotFound):
        raise
    except Exception:  # noqa: BLE001 - as good as silence
        report("task.failed", lane="reconcile", duty=f"{VERIFY}{job.id}/{n}", exc_info=True)
        return policy.CALLBACK_WINDOW
    w.store.queue.wait_for("good")
    return again_in


def _question(w: Wiring, job: Job) -> tuple[int, Callable[[Wiring, Job], float | None]]:
    """How many calls it takes to ask about a job's attempt, and the asking."""
    query = evidence.calls_of_a_query(w, job, job.attempt)
    if job.state is State.RUNNING:
        return query + evidence.CALLS_OF_THE_RECORD, evidence.ask
    return query, _ask_in_doubt


def _ask_in_doubt(w: Wiring, job: Job) -> None:
    """Ask whether there is a task; that nobody knows it yet is for the ordinary looks to count."""
    evidence.takes_home(w, job, job.attempt.ref or "")
