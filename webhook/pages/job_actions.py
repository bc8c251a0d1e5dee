"""What a person does about a job: asked for once more where it costs or ends something.

Every question is a page of its own, so that all of it works without scripts and by keyboard.
"""

import re
from contextlib import ExitStack
from decimal import Decimal
from typing import Any

from flask import Response, g, request

from runhook.webhook.edge.limits import ASKING
from runhook.webhook.edge.responses import wiring
from runhook.webhook.edge.scopes import caller, only, open_to
from runhook.webhook.pages.shell import REFUSED, done, page
from runhook.webhook.pages.shell import blueprint as page_blueprint
from runhook.webhook.pages.words import money
from runhook.worker.delivery import deliveries
from runhook.worker.delivery.roster import word_of_absence
from runhook.worker.domain import policy
from runhook.worker.domain.bodies import read
from runhook.worker.domain.jobs import Job, State
from runhook.worker.domain.problems import problem_view
from runhook.worker.domain.views import job_view
from runhook.worker.errors import (
    Conflict,
    Fault,
    InvalidRequest,
    NotFound,
    OverBudget,
    ProviderSilent,
    RunhookError,
)
from runhook.worker.flows import resolve as resolving
from runhook.worker.flows.cancel import cancel as cancel_job
from runhook.worker.flows.forget import forget as forget_job
from runhook.worker.flows.resolve import Verdict
from runhook.worker.flows.steps.price_again import PriceAgain, price_again

JOBS = "/jobs"
NAMED = 20  # of those that wait for a job; of more it is said how many there are
TREE = "tree"  # the answer that cancels what waits too
REF = "ref"  # the answer that names the task
ATTEMPT = re.compile(r"[0-9]{1,6}")  # its number, as a form brings it back
# What a question may end in without a fault of ours: it was too late, or RunningHub said no.
REFUSALS = (Conflict, OverBudget, ProviderSilent, InvalidRequest)

blueprint = page_blueprint("job_actions", __name__)


@blueprint.get("/jobs/<job_id>/cancel")
@open_to("submit")
def ask_cancel(job_id: str) -> Response:
    """What becomes of it, and of what waits for it?"""
    job = wiring().store.jobs.get(job_id)
    if job.state.ended:
        return _done(job, f"Nothing is left to cancel: it has ended, {job.state}.")
    waiting = wiring().store.lineage.waiters(job_id, "", policy.MOST_OF_A_TREE)
    seen = [
        one for one in wiring().store.jobs.many(waiting[:NAMED]) if only() in (None, one.tenant)
    ]
    return _question("cancel", job, waiting=[job_view(one) for one in seen], waits=len(waiting))


@blueprint.post("/jobs/<job_id>/cancel")
@open_to("submit")
def cancel(job_id: str) -> Response:
    """Cancel it."""
    tree = request.form.get("what") == TREE
    with ExitStack() as place:
        if wiring().store.jobs.get(job_id).state is State.RUNNING:
            place.enter_context(ASKING.take(caller().name))
        job = cancel_job(wiring(), job_id, tree=tree)
    if job.state is State.CANCELLED:
        return _done(job, "It is cancelled.")
    why = "RunningHub may already have it, so it is cancelled as soon as its task is known."
    return _done(job, f"Its cancel is noted. {why}")


@blueprint.get("/jobs/<job_id>/retry")
@open_to("submit")
def ask_retry(job_id: str) -> Response:
    """Pay again, for so much?"""
    job = wiring().store.jobs.get(job_id)
    return _ask_price("retry", job, job.spec.model)


@blueprint.post("/jobs/<job_id>/retry")
@open_to("submit")
def retry(job_id: str) -> Response:
    """Another paid attempt, at the price that was agreed to."""
    job = wiring().store.jobs.get(job_id)
    if changed := _not_agreed(job, job.spec.model):
        return _ask_price("retry", job, job.spec.model, fault=changed)
    again = resolving.retry(wiring(), job_id, behind=_asked_behind())
    return _done(again, f"Attempt {again.attempt.n} was submitted.")


@blueprint.post("/jobs/<job_id>/reconcile")
@open_to("submit")
def reconcile(job_id: str) -> Response:
    """Ask RunningHub about it now."""
    with ASKING.take(caller().name):
        job = resolving.ask_now(wiring(), job_id)
    return _done(job, f"RunningHub was asked; at that moment the job was {job.state}.")


@blueprint.get("/jobs/<job_id>/resolve")
@open_to("admin")
def ask_resolve(job_id: str) -> Response:
    """What became of it?"""
    job = wiring().store.jobs.get(job_id)
    return _ask_price("resolve", job, job.current_model)


@blueprint.post("/jobs/<job_id>/resolve")
@open_to("admin")
def resolve(job_id: str) -> Response:
    """Settle an unconfirmed one by its owner's word."""
    job, what = wiring().store.jobs.get(job_id), request.form.get("what")
    try:
        said = read(Verdict, _verdict(what))
    except InvalidRequest as invalid:
        return _ask_price("resolve", job, job.current_model, fault=_said(invalid))
    if what == "resubmit" and (changed := _not_agreed(job, job.current_model)):
        return _ask_price("resolve", job, job.current_model, fault=changed)
    with ExitStack() as place:
        if said.ref:
            place.enter_context(ASKING.take(caller().name))
        settled = resolving.settle(wiring(), job_id, said, behind=_asked_behind())
    if settled.attempt.unproved:
        why = "it is taken once it has ended and RunningHub's record proves it."
        return _done(settled, f"The task is noted: {why}")
    return _done(settled, f"It was settled; at that moment the job was {settled.state}.")


@blueprint.post("/jobs/<job_id>/redeliver")
@open_to("admin")
def redeliver(job_id: str) -> Response:
    """Hand one of its deliveries to its handler again."""
    job, name = wiring().store.jobs.get(job_id), request.form.get("delivery", "")
    if wiring().store.deliveries.get(name).job != job_id:
        raise NotFound(f"delivery {name} of {job_id}")
    again = deliveries.redeliver(wiring(), name)
    note = word_of_absence(wiring(), again.lane, again.handler) or ""
    return _done(job, f"{again.handler} is told of {again.type} again. {note}".rstrip())


@blueprint.get("/jobs/<job_id>/forget")
@open_to("submit")
def ask_forget(job_id: str) -> Response:
    """Forget it, with its files?"""
    return _question("forget", wiring().store.jobs.get(job_id))


@blueprint.post("/jobs/<job_id>/forget")
@open_to("submit")
def forget(job_id: str) -> Response:
    """Forget it, its deliveries, its timeline and its files."""
    forget_job(wiring(), job_id)
    return done(JOBS, f"{job_id} is forgotten; its files go with it.")


def _said(invalid: InvalidRequest) -> str:
    """Every fault in one sentence."""
    return "; ".join(f"{one.path or 'it'} {one.message}" for one in invalid.faults)


def _verdict(what: str | None) -> dict[str, Any]:
    """A form's answer as /v1 takes it."""
    if what != REF:
        return {"as": what or ""}
    said: dict[str, Any] = {"ref": request.form.get("ref", "").strip()}
    if request.form.get("force"):
        said["force"] = True
    return said


def _ask_price(which: str, job: Job, model: str, fault: str | None = None) -> Response:
    """A question with a price in it."""
    with ASKING.take(caller().name):
        price = price_again(wiring(), job, model)
    return _question(which, job, price=price, agreed=_agreed(price), model=model, fault=fault)


def _not_agreed(job: Job, model: str) -> str | None:
    """Why what was agreed to is not what it costs; None: it is."""
    with ASKING.take(caller().name):
        price = price_again(wiring(), job, model)
    agreed, now = request.form.get("price", ""), _agreed(price)
    if agreed == now:
        return None
    costs = money(price.money, price.currency)
    return f"It costs {costs} by now, which is not what was agreed to. Nothing was done."


def _asked_behind() -> int:
    """The attempt that was the last one when the question was asked.

    Whoever comes back to an old question, or sends it twice, would else pay for an attempt whose
    forerunner they have not seen.

    Raises:
        InvalidRequest: The form does not say it.
    """
    given = request.form.get("attempt", "")
    if not ATTEMPT.fullmatch(given):
        raise InvalidRequest([Fault(path="attempt", message="is missing: open the question again")])
    return int(given)


def _agreed(price: PriceAgain) -> str:
    """A price as a form brings it back."""
    if price.money is None:
        return ""
    return f"{Decimal(price.money).normalize():f} {price.currency or ''}".strip()


def _question(which: str, job: Job, **values: Any) -> Response:
    g.below = "job_list.show"
    fault = values.pop("fault", None)
    status = 200
    if fault:
        status = REFUSED
    view, last = job_view(job), job.history.attempts[-1].n
    return page(f"job_{which}.html", status, job=view, attempt=last, fault=fault, **values)


def _done(job: Job, notice: str) -> Response:
    return done(f"{JOBS}/{job.id}", notice)


def _not_done(refused: RunhookError) -> Response:
    """Back to the job, which says why nothing was done."""
    where = f"{JOBS}/{(request.view_args or {})['job_id']}"
    why = problem_view(refused)["detail"]
    if isinstance(refused, InvalidRequest):
        why = _said(refused)
    return done(where, f"Not done: {why}", "bad")


for _kind in REFUSALS:
    blueprint.register_error_handler(_kind, _not_done)
