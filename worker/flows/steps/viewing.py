"""One job as users see it: with its place in the queue, and how far it is."""

from collections.abc import Sequence

from runhook.worker.domain.answers import BillView, ExpectedView, JobView, ProgressView
from runhook.worker.domain.jobs import Attempt, Job, State
from runhook.worker.domain.views import job_view
from runhook.worker.flows.steps.first_look import usually
from runhook.worker.money.amounts import money_text, of_millionths
from runhook.worker.money.budgets import held_by
from runhook.worker.money.standing import bill_of
from runhook.worker.store.queue import Place
from runhook.worker.wiring import Wiring


def shown(w: Wiring, job: Job) -> JobView:
    """The job's document as lists have it."""
    return job_view(job, base=w.settings.public_url)


def whole_view(
    w: Wiring, job: Job, durations: Sequence[float] | None = None, place: Place | None = None
) -> JobView:
    """The job's document; of a queued one its place, of a running one its progress.

    And what each attempt is expected to cost, holds of a budget, and whether that is still open.

    Args:
        w: The process's parts.
        job: Which.
        durations: What its model's last jobs here took, in order, where that was read already.
        place: Its place, likewise.
    """
    view = shown(w, job)
    if job.state is State.QUEUED:
        place = place or w.store.queue.place(w.client.line_of(job.spec.options), job.id)
        view["queue_position"], view["why_waiting"] = place.position, place.why_waiting
    view["progress"] = _progress(w, job, durations)
    view["price"], view["bills"] = _price(job.attempt), _bills(job)
    return view


def _progress(w: Wiring, job: Job, durations: Sequence[float] | None) -> ProgressView | None:
    """Of a running job: seconds since its submit, and how long those of its model usually take."""
    if job.state is not State.RUNNING or job.attempt.submitted_at is None:
        return None
    elapsed = (w.clock.now() - job.attempt.submitted_at).total_seconds()
    found: ProgressView = {"elapsed": round(elapsed, 1), "usual": None, "p95": None}
    if durations is None:
        durations = w.store.durations.of(job.current_model)
    if known := usually(durations):
        found["usual"], found["p95"] = known.p50, known.p95
    return found


def _bills(job: Job) -> list[BillView]:
    return [
        {
            "n": attempt.n,
            "bill": bill_of(job, attempt).value,
            "price": _price(attempt),
            "held": _held(job, attempt),
            "held_on": attempt.held_on,
        }
        for attempt in job.history.attempts
    ]


def _held(job: Job, attempt: Attempt) -> str | None:
    """What an attempt holds of a budget, as the budget counts it."""
    if attempt.held is None:
        return None
    return money_text(of_millionths(held_by(job, attempt)))


def _price(attempt: Attempt) -> ExpectedView | None:
    """What an attempt is expected to cost; null where nobody knows."""
    if attempt.price is None:
        return None
    return {"money": attempt.price, "currency": attempt.priced_in}
