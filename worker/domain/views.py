"""A job and the account as users see them: the JSON of the contract. Pure."""

from dataclasses import asdict
from typing import Any

from runhook.worker.domain.jobs import Attempt, Job, State, iso
from runhook.worker.domain.reports import Account, Capacity, Cost, Error, Output

View = dict[str, Any]


def job_view(job: Job, queue_position: int | None = None) -> View:
    """The job; the top-level results are the current attempt's, `cost` is the sum over all."""
    ask, life, now = job.spec, job.history, job.attempt
    return {
        "id": job.id,
        "model": ask.model,
        "state": job.state.value,
        "ref": now.ref,
        "input": ask.input,
        "options": {
            name: "***" if name == "accessPassword" else value
            for name, value in ask.options.items()
        },
        "metadata": ask.metadata,
        "priority": ask.priority,
        "handlers": list(ask.handlers) if ask.handlers is not None else None,
        "created_at": iso(ask.created_at),
        "updated_at": iso(life.updated_at),
        "submitted_at": _moment(now.submitted_at),
        "ended_at": _moment(life.ended_at),
        "queue_position": queue_position,
        "tenant": job.tenant,
        "outputs": _outputs(now.outputs),
        "error": _error(_error_shown(job, now)),
        "cost": _cost(job.cost),
        "risk": life.risk,
        "settled_by": now.settled_by,
        "attempts": [_attempt(job, attempt) for attempt in life.attempts],
        "parent": None,
        "root": job.id,
    }


def account_view(account: Account, capacity: Capacity, in_flight: int) -> View:
    """What the account has, and what is in flight: by RunningHub's count, and by ours."""
    return {
        "type": capacity.type or account.type,
        "money": account.money,
        "currency": account.currency,
        "coins": account.coins,
        "limit": capacity.limit,
        "running": capacity.running,
        "queued": capacity.queued,
        "total": capacity.total,
        "in_flight": in_flight,
    }


def _attempt(job: Job, attempt: Attempt) -> View:
    current = attempt is job.attempt
    return {
        "n": attempt.n,
        "ref": attempt.ref,
        "state": (job.state if current else attempt.state or State.FAILED).value,
        "submitted_at": _moment(attempt.submitted_at),
        "ended_at": _moment(attempt.ended_at),
        "error": _error(_error_shown(job, attempt)),
        "cost": _cost(attempt.cost),
        "outputs": _outputs(attempt.outputs),
        "settled_by": attempt.settled_by,
    }


def _error_shown(job: Job, attempt: Attempt) -> Error | None:
    unproved = attempt is job.attempt and job.state is State.UNCONFIRMED
    return attempt.doubt if unproved else attempt.error


def _moment(value: Any) -> str | None:
    return iso(value) if value else None


def _error(error: Error | None) -> View | None:
    return asdict(error) if error else None


def _cost(cost: Cost | None) -> View | None:
    return asdict(cost) if cost else None


def _outputs(outputs: tuple[Output, ...]) -> list[View]:
    return [asdict(out) | {"expires_at": _moment(out.expires_at)} for out in outputs]
