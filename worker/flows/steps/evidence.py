"""What RunningHub knows of the end of a running attempt, by rules of which the first answer wins:

1. its own record of the callback (getWebhookDetail), recorded and readable, settles the job;
2. recorded but unreadable, or RUNHOOK_RECONCILE=resend: it is asked to send it again;
3. no record: the task itself is asked about.

What is learnt goes through `accept`, like a callback.
"""

from collections.abc import Callable
from datetime import datetime

from runhook.worker.domain import moves, policy
from runhook.worker.domain.jobs import Attempt, Job, State
from runhook.worker.errors import ProviderSilent
from runhook.worker.flows.steps import deadline, transcript
from runhook.worker.flows.steps.accept import accept, adopt
from runhook.worker.store import Change, TimelineEntry
from runhook.worker.wiring import Wiring

CALLS_OF_THE_RECORD = 1  # a query follows where there is none, and else at most a resend

Rule = Callable[[Wiring, Job, str], bool]


def ask(w: Wiring, job: Job) -> float | None:
    """Ask about a running job's attempt, rule by rule until one has an answer.

    Returns:
        Seconds to the next look; None when whatever was learnt says when that is.

    Raises:
        ProviderSilent: No usable answer.
    """
    kind = w.client.capabilities.kind(job.spec.kind)
    calls_back = w.settings.public_url and kind.calls_back
    # Without a callback URL RunningHub records no callback, so that question would be wasted.
    rules: tuple[Rule, ...] = (by_query,)
    if calls_back:
        rules = (by_record, by_query)
    for rule in rules:
        if rule(w, job, job.attempt.ref or ""):
            break
    return _next_look(w, w.store.jobs.get(job.id), job)


def calls_of_a_query(w: Wiring, job: Job, attempt: Attempt) -> int:
    """How many calls it takes at most to ask about an attempt's task."""
    return w.client.calls_of_report(job.spec.kind, legacy=attempt.legacy)


def by_record(w: Wiring, job: Job, ref: str) -> bool:
    """Rules 1 and 2: what RunningHub recorded of the callback it sent, or did not get rid of."""
    n = job.attempt.n
    try:
        found = w.client.recorded(ref)
    except ProviderSilent as silent:
        if not silent.answered:
            raise
        return False  # it says nothing usable of its record, and may of the task
    if found is None:
        transcript.note(w, job.id, TimelineEntry("no record of a callback", {"attempt": n}))
        return False
    told = found.report
    if told is None or w.settings.reconcile == "resend":
        return _resend(w, job, found.webhook_id)
    # A record of another task, or of a success without results, settles nothing; the task itself
    # may.
    if told.ref != ref or (told.state == "succeeded" and not told.outputs):
        return False
    accept(w, job.id, n, told, "detail")
    return True


def by_query(w: Wiring, job: Job, ref: str) -> bool:
    """Rule 3: what RunningHub says of the task itself."""
    told = w.client.report(ref, job.spec.kind, legacy=job.attempt.legacy)
    note = TimelineEntry("queried", {"attempt": job.attempt.n, "state": told.state})
    transcript.note(w, job.id, note)
    accept(w, job.id, job.attempt.n, told, "query")
    return True


def takes_home(w: Wiring, job: Job, ref: str) -> bool:
    """Ask about the task that an unconfirmed attempt may be; if there is one, it is that."""
    told = w.client.report(ref, job.spec.kind, legacy=job.attempt.legacy)
    if told.state == "unknown":
        return False
    # If another ref was proved meanwhile, this report is about a task that is not the attempt's.
    if adopt(w, job.id, job.attempt.n, ref):
        accept(w, job.id, job.attempt.n, told, "query")
    return True


def _resend(w: Wiring, job: Job, webhook_id: str) -> bool:
    """Have the callback sent again, to a newly signed URL; False after a few times."""
    url = w.callback_url(job.id, job.attempt.n)
    if job.attempt.resends >= policy.RESENDS or url is None:
        return False

    def count(now_job: Job) -> Change | None:
        attempt = now_job.attempt
        if attempt.n != job.attempt.n:
            return None
        changed = moves.with_attempt(now_job, attempt.n, w.clock.now(), resends=attempt.resends + 1)
        return Change(
            job=changed, notes=(TimelineEntry("resend asked for", {"attempt": attempt.n}),)
        )

    # Counted before it is asked for: if this process dies in between, there is one resend fewer,
    # and never one more than RESENDS.
    transcript.change(w, job.id, count)
    # `via` comes back in the URL, so that an end which a resend brought is known as such.
    w.client.resend(webhook_id, f"{url}?via=resend")
    return True


def _next_look(w: Wiring, job: Job, before: Job) -> float | None:
    """When to look again: each gap at least half the time gone, and never past the time-out."""
    attempt = job.attempt
    if job.state is not State.RUNNING or _waits_on_purpose(attempt) != _waits_on_purpose(
        before.attempt
    ):
        return None  # accept() set the time of the next look itself
    if attempt.resends > before.attempt.resends:
        return policy.RESEND_WAIT
    gone = (w.clock.now() - deadline.since(job)).total_seconds()
    left = w.settings.job_timeout - gone
    return max(policy.SHORTEST_GAP, min(max(policy.LEAST_GAP, gone / 2), left))


def _waits_on_purpose(attempt: Attempt) -> tuple[datetime | None, datetime | None]:
    return attempt.empty_since, attempt.failure_seen_at
