"""Whose task it is: proof that a task which an owner named is the attempt's.

RunningHub's record of a callback names the URL that it went to, and only our attempt has that URL.
While the task runs there is no such record, and nothing else ties it to the attempt. So the owner's
word is written down, and the task is looked at until the record shows whether it was right.
"""

from dataclasses import replace
from urllib.parse import urlsplit

from runhook.worker.domain import moves, policy
from runhook.worker.domain.jobs import Attempt, Job, OwnersTask, State
from runhook.worker.errors import Conflict
from runhook.worker.flows.steps import transcript
from runhook.worker.flows.steps.accept import accept, adopt
from runhook.worker.flows.steps.alerts import alert
from runhook.worker.secrets import signing
from runhook.worker.store import Change, Duty, TimelineEntry
from runhook.worker.wiring import Wiring


def is_ours(w: Wiring, url: str, job_id: str, n: int) -> bool:
    """Whether a recorded webhookUrl is this attempt's, signed by one of our secrets."""
    # Only the end of its path: RUNHOOK_PUBLIC_URL may have changed since it was sent.
    parts = urlsplit(url).path.rsplit("/", 3)[1:]
    return parts[:-1] == [job_id, str(n)] and signing.signed_by_us(
        w.settings.secrets, job_id, n, parts[-1]
    )


def name_task(w: Wiring, job_id: str, n: int, ref: str) -> None:
    """Write down an owner's word on an attempt, and look at the task until it is proved or not.

    Raises:
        Conflict: The attempt was settled meanwhile.
    """

    def decide(job: Job) -> Change:
        if job.attempt.n != n or not (job.state is State.UNCONFIRMED or job.given_up):
            raise Conflict(f"{job_id} is {job.state}, not unconfirmed")
        now = w.clock.now()
        named = moves.with_attempt(job, n, now, named=OwnersTask(ref, now))
        note = TimelineEntry("task named by its owner", {"attempt": n, "ref": ref})
        return Change(
            job=named,
            notes=(note,),
            duties=(Duty("reconcile", f"{job_id}/{n}", policy.NAMED_LOOK),),
        )

    transcript.change(w, job_id, decide)


def examine(w: Wiring, job: Job, attempt: Attempt, named: OwnersTask) -> float | None:
    """Look whether a named task is proved to be the attempt's; seconds to the next look.

    Raises:
        ProviderSilent: No usable answer.
    """
    n, ref = attempt.n, named.ref
    # The record first: it proves or disproves at once. The state of the task says only how long to
    # wait for one.
    found = w.client.recorded(ref)
    if found and is_ours(w, found.webhook_url, job.id, n):
        adopt(w, job.id, n, ref, instead=True)
        if found.report and found.report.ref == ref:
            accept(w, job.id, n, found.report, "detail")
        return None  # adopt() set the time of the next look
    if found:
        return _disprove(w, job.id, n, ref, "its callback went elsewhere")
    told = w.client.report(ref, job.spec.kind, legacy=attempt.legacy)
    gone = (w.clock.now() - named.at).total_seconds()
    if told.state == "unknown":
        return _disprove(w, job.id, n, ref, "RunningHub knows no such task any more")
    if told.state in ("queued", "running"):
        if gone > w.settings.job_timeout:
            return _disprove(w, job.id, n, ref, f"it did not end within {gone:.0f} s")
    # RunningHub sends the callback, and records it, after the end; so the wait for the record
    # begins with the end.
    elif named.ended_at is None:
        _write_end(w, job.id, n, named)
    elif (w.clock.now() - named.ended_at).total_seconds() > policy.RECORD_WAIT:
        return _disprove(w, job.id, n, ref, "it ended, and RunningHub recorded no callback of it")
    return min(policy.NAMED_LONGEST, max(policy.NAMED_LOOK, gone / 2))


def _write_end(w: Wiring, job_id: str, n: int, named: OwnersTask) -> None:
    def decide(job: Job) -> Change | None:
        attempt, now = job.nth(n), w.clock.now()
        if attempt is None or attempt.named != named:
            return None
        note = TimelineEntry("named task ended", {"attempt": n, "ref": named.ref})
        seen = moves.with_attempt(job, n, now, named=replace(named, ended_at=now))
        return Change(job=seen, notes=(note,))

    transcript.change(w, job_id, decide)


def _disprove(w: Wiring, job_id: str, n: int, ref: str, why: str) -> float:
    """Not proved after all: its owner is alerted, and the attempt is as it was before."""

    def decide(job: Job) -> Change | None:
        attempt = job.nth(n)
        if attempt is None or attempt.unproved is None or attempt.unproved.ref != ref:
            return None
        note = TimelineEntry("named task not taken", {"attempt": n, "ref": ref, "why": why})
        return Change(job=moves.with_attempt(job, n, w.clock.now(), named=None), notes=(note,))

    text = f"task {ref}, which its owner named, is not proved to be this attempt's: {why}"
    why = f"{text}; `resolve --ref {ref} --force` takes it all the same"
    # Before the word is taken back: a crash in between alerts twice, and not never.
    alert(w, job_id, n, "no proof", why, asks=False)
    transcript.change(w, job_id, decide)
    return policy.DISPROVED_LOOK
