"""Giving queued jobs their turn while there is room."""

from functools import partial

from runhook.worker.domain import moves, policy
from runhook.worker.domain.jobs import Job, State
from runhook.worker.domain.moves import Move
from runhook.worker.errors import ProviderSilent, UnreadableRecord
from runhook.worker.flows.steps.outcomes import expired
from runhook.worker.flows.steps.prepare import of_a_known_model, why_not_there
from runhook.worker.store import Again, Answer, Change, Claim, Closing, Duty, Peek, TimelineEntry
from runhook.worker.telemetry import report
from runhook.worker.wiring import Wiring


def advance(w: Wiring, claim: Claim) -> Answer:
    """Send the first in the queue on their way while there is room and the breaker lets them.

    Those that this version cannot read are passed over, and left to a newer process.
    """
    front, turns = w.store.queue.of(claim), 0
    while turns < policy.DISPATCHED_AT_ONCE:
        match front.word:
            case "next":
                turns += max(1, len(front.jobs))  # none: there are others to be looked at first
                _take_turns(w, front, _closing(w, claim, front))
                if not front.more and not w.store.queue.passes_over:
                    return _later(front)
            case "ask":
                turns += 1
                _ask_whether_it_answers(w)
            case "gated":
                return Again(front.wait + policy.BREAKER_SLACK)
            case "doubt":
                if not _let_go_of_unconfirmed(w, front.known, front.holding):
                    return Again(policy.STANDSTILL_LOOK)
            case _:  # empty, full, limited, probing: whoever changes that wakes it
                if w.store.queue.passes_over:
                    return Again(policy.PASSED_OVER_LOOK)
                return None
        front = w.store.queue.peek()
    return Again(0)


def _later(front: Peek) -> Again | None:
    """When to look again behind the last of those that stand in front.

    Whoever comes meanwhile, or makes room, wakes this duty; time alone does not.
    """
    if not front.wait:
        return None
    return Again(front.wait + policy.BREAKER_SLACK)


def _closing(w: Wiring, claim: Claim, front: Peek) -> Closing | None:
    """The end of the duty, which the turn of a last one that stands alone puts down with it.

    None: others are to be looked at, or several go, and none would know how the others went.
    """
    if front.more or len(front.jobs) != 1 or w.store.queue.passes_over:
        return None
    return w.store.duties.closing(claim, _later(front))


def _take_turns(w: Wiring, front: Peek, closing: Closing | None) -> None:
    """Give jobs their turn; one that cannot take it stands aside and stops nobody behind it."""
    for job_id, word in w.store.jobs.change_each(front.jobs, partial(_turn_of, w), closing):
        match word:
            case UnreadableRecord():
                report("record.unreadable", lane="line", duty=job_id, why=str(word))
                w.store.queue.pass_over(job_id)
            case Exception():
                report("task.failed", lane="line", duty=job_id, exc_info=word)
                w.store.queue.put_aside(job_id, policy.DISPATCH_FAILED_ASIDE)
            case "kept":  # it stands in the queue by mistake, and would be named again and again
                w.store.queue.put_aside(job_id, policy.DISPATCH_FAILED_ASIDE)


def _turn_of(w: Wiring, job: Job) -> Change | None:
    """A job's turn; None where it waits for none."""
    if job.state is not State.QUEUED or job.history.waits_for:
        return None
    now = w.clock.now()
    if job.is_expired(now):
        return expired(w, job)
    # Before it takes a slot, in which only a newer process could do anything with it.
    of_a_known_model(job)
    moved = moves.move(job, Move.DISPATCH, now, legacy=_goes_legacy(w, job))
    # Sent in a lane of its own: preparing may upload files for minutes, and the queue goes on.
    duty = Duty("send", f"{job.id}/{job.attempt.n}")
    return Change(
        job=moved,
        notes=(TimelineEntry("turn", {"attempt": job.attempt.n}),),
        duties=(duty,),
        turn=True,
    )


def _goes_legacy(w: Wiring, job: Job) -> bool:
    """Whether it goes the older path: the newer takes not all its options, or not this key."""
    options = w.client.capabilities.kind(job.spec.kind).older_path
    # Once refused on the newer path it stays on the older one, or it would be refused again.
    if options is None or job.attempt.legacy:
        return job.attempt.legacy
    # What one job learnt of the key holds for all: the others need not be refused first.
    return any(name in job.spec.options for name in options) or w.store.assets.apps_go_legacy()


def _ask_whether_it_answers(w: Wiring) -> None:
    """After an outage RunningHub must answer something free before anything paid leaves."""
    w.store.queue.answered(why_not_there(w))


def _let_go_of_unconfirmed(w: Wiring, known: int, holding: tuple[str, ...]) -> bool:
    """Whether RunningHub has only the tasks we know of: then unconfirmed ones hold no slot."""
    if w.store.queue.wait_for("take"):
        return False
    try:
        total = w.client.capacity().total
    except ProviderSilent as silent:
        if silent.busy:
            w.store.queue.wait_for("busy")
        return False
    # One more than we know of may be an unconfirmed one, running and paid for.
    if total > known:
        return False
    w.store.queue.let_go(holding)
    return True
