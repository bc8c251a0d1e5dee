"""A job, the account, and what was recovered, as users see them: the contract's JSON. Pure.

Models and files stand in `catalogue.views`, deliveries and who is told in `delivery.views`.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from runhook.worker.domain.answers import (
    AccountView,
    AttemptView,
    BudgetView,
    CostView,
    ErrorView,
    JobView,
    MissingView,
    OutputView,
    RecoveredView,
)
from runhook.worker.domain.jobs import Attempt, Job, State, iso
from runhook.worker.domain.recovery import Missing, Recovered
from runhook.worker.domain.reports import Account, Capacity, Cost, Error

View = dict[str, Any]


def job_view(job: Job, *, base: str = "") -> JobView:
    """The job; the top-level results are the current attempt's, `cost` is the sum over all.

    Args:
        job: Which.
        base: The URL under which this installation is reached; empty: its own URLs are paths.
    """
    ask, life, now = job.spec, job.history, job.attempt
    return {
        "id": job.id,
        "model": ask.model,
        "state": job.state.value,
        "ref": now.ref,
        "input": ask.input,
        "options": _without_password(ask.options),
        "metadata": ask.metadata,
        "priority": ask.priority,
        "handlers": list_view(ask.handlers),
        "created_at": iso(ask.created_at),
        "updated_at": iso(life.updated_at),
        "submitted_at": moment_view(now.submitted_at),
        "ended_at": moment_view(life.ended_at),
        "queue_position": None,  # whoever shows one job by itself asks for it
        "waits_for": list(life.waits_for),
        "tenant": job.tenant,
        "group": ask.group,
        "outputs": _outputs(job, now, base),
        "error": _error_view(_error_shown(job, now)),
        "cost": _cost_view(job.cost),
        "risk": life.risk,
        "settled_by": now.settled_by,
        "attempts": [_attempt(job, attempt, base) for attempt in life.attempts],
        "parent": ask.parent,
        "root": job.root,
    }


def account_view(
    account: Account, capacity: Capacity, in_flight: int, budgets: list[BudgetView]
) -> AccountView:
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
        "budgets": budgets,
    }


def recovered_view(found: Recovered, *, dry_run: bool) -> RecoveredView:
    """What was missing, all together and by handler; of a dry run nothing was made good."""
    together = _missing(found.all)
    return {
        "since": iso(found.since),
        "until": iso(found.until),
        "asked": found.asked,
        "handlers": {name: _missing(missing) for name, missing in found.handlers.items()},
        **together,
        "dry_run": dry_run,
    }


def _missing(missing: Missing) -> MissingView:
    return {
        "opened": missing.opened,
        "redelivered": missing.redelivered,
        "skipped": missing.skipped,
        "younger": missing.younger,
    }


def moment_view(moment: datetime | None) -> str | None:
    """A moment as the contract spells it; null stays null."""
    if moment is None:
        return None
    return iso(moment)


def list_view(values: Iterable[str] | None) -> list[str] | None:
    """Values as JSON has them; null, which means all of them, stays null."""
    if values is None:
        return None
    return list(values)


def _without_password(options: Mapping[str, Any]) -> View:
    """The options; a sealed password is nobody's to see."""
    shown = dict(options)
    if "accessPassword" in shown:
        shown["accessPassword"] = "***"
    return shown


def _attempt(job: Job, attempt: Attempt, base: str) -> AttemptView:
    state = attempt.state or State.FAILED
    if attempt is job.attempt:
        state = job.state
    return {
        "n": attempt.n,
        "model": job.model_of(attempt),
        "ref": attempt.ref,
        "state": state.value,
        "submitted_at": moment_view(attempt.submitted_at),
        "ended_at": moment_view(attempt.ended_at),
        "error": _error_view(_error_shown(job, attempt)),
        "cost": _cost_view(attempt.cost),
        "outputs": _outputs(job, attempt, base),
        "settled_by": attempt.settled_by,
    }


def _error_shown(job: Job, attempt: Attempt) -> Error | None:
    """Of an attempt that is unconfirmed: why it is."""
    if attempt is job.attempt and job.state is State.UNCONFIRMED:
        return attempt.doubt
    return attempt.error


def _error_view(error: Error | None) -> ErrorView | None:
    if error is None:
        return None
    return {
        "code": error.code,
        "message": error.message,
        "provider_code": error.provider_code,
        "detail": error.detail,
    }


def _cost_view(cost: Cost | None) -> CostView | None:
    if cost is None:
        return None
    return {
        "money": cost.money,
        "currency": cost.currency,
        "coins": cost.coins,
        "seconds": cost.seconds,
    }


def output_path(job: Job, attempt: Attempt, n: int, what: str = "") -> str:
    """Where our own copy of an output is served; `what` is `/thumbnail` for the small picture."""
    path = f"/v1/jobs/{job.id}/outputs/{n}{what}"
    if attempt is job.attempt:
        return path
    return f"{path}?attempt={attempt.n}"


def _outputs(job: Job, attempt: Attempt, base: str) -> list[OutputView]:
    return [_output(job, attempt, n, base) for n in range(len(attempt.outputs))]


def _output(job: Job, attempt: Attempt, n: int, base: str) -> OutputView:
    output = attempt.outputs[n]
    view: OutputView = {
        "url": output.url,
        "type": output.type,
        "text": output.text,
        "node_id": output.node_id,
        "expires_at": moment_view(output.expires_at),
        "archived_url": None,
        "thumbnail_url": None,
    }
    if output.archived:
        view["archived_url"] = base + output_path(job, attempt, n)
        if output.archived.thumbnail:
            view["thumbnail_url"] = base + output_path(job, attempt, n, "/thumbnail")
    return view
