"""/v1/jobs: asking for jobs, one or many, reading and cancelling them."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import orjson
from flask import Blueprint, Response, request, stream_with_context, url_for

from runhook.webhook.edge.answers import (
    answer,
    cursor_of,
    known_parameters,
    page_size,
    takes,
    wiring,
)
from runhook.webhook.edge.bodies import json_body, lines_within
from runhook.webhook.edge.limits import ASKING, BATCHES
from runhook.webhook.edge.problems import problem, view_of
from runhook.webhook.edge.scopes import caller, only, open_to
from runhook.worker import catalogue
from runhook.worker.catalogue import Checked
from runhook.worker.catalogue.views import dry_run_view
from runhook.worker.domain.jobs import Job, State, is_job_id
from runhook.worker.domain.views import job_view
from runhook.worker.errors import Fault, InvalidRequest
from runhook.worker.flows import batch, create, resolve
from runhook.worker.flows.cancel import cancel
from runhook.worker.flows.steps.first_look import usual_seconds

LARGEST = 32 * 1024 * 1024  # media may come as data URIs
LARGEST_WORD = 1024
LARGEST_BATCH = 2 * 1024**3  # bytes; it waits in a file until it is whole

blueprint = Blueprint("jobs", __name__, url_prefix="/v1/jobs")
blueprint.before_request(known_parameters)


@blueprint.post("")
@open_to("submit")
@takes("dry_run")
def post_job() -> Response:
    """Put a job into the line: 202, or 200 when its idempotency key made it before.

    With `?dry_run=true` nothing is kept: 200 with the completed input and its price.
    """
    given, key = json_body(LARGEST), _idempotency_key()
    dry_run = _dry_run()
    with _waiting_for(given, dry_run):
        if dry_run:
            return answer(_checked(create.trial(wiring(), given, only=only())))
        new, job = create.accept(wiring(), given, owner=caller().name, key=key, only=only())
    response = answer(_document(job), 202 if new else 200)
    response.headers["Location"] = url_for("jobs.get_job", job_id=job.id)
    return response


@blueprint.post("/batch")
@open_to("submit")
@takes("dry_run")
def post_batch() -> Response:
    """Put a job for each JSON line into the line; a line of the answer for each, in order.

    A line may have a `"key"` of its own. An Idempotency-Key makes one for each other line, of what
    it says: sent again without its bad lines, a batch pays nothing again.
    """
    if request.mimetype not in ("application/x-ndjson", "application/jsonl", "application/json"):
        return problem(415, "Unsupported media type", "send Content-Type: application/x-ndjson")
    if (request.content_length or 0) > LARGEST_BATCH:
        return problem(413, "Too large", f"a batch is at most {LARGEST_BATCH} bytes; send several")
    lines = batch.accept(
        wiring(),
        lines_within(request, LARGEST),
        owner=caller().name,
        key=_idempotency_key(),
        only=only(),
        dry_run=_dry_run(),
    )
    place = BATCHES.take(caller().name)

    def answers() -> Iterator[bytes]:
        try:
            for line in lines:
                yield orjson.dumps(_line_document(line)) + b"\n"
        finally:
            place.leave()

    response = Response(stream_with_context(answers()), content_type="application/x-ndjson")
    response.call_on_close(place.leave)  # it may never be begun
    return response


def _line_document(line: batch.Line) -> dict[str, Any]:
    if line.error:
        found = view_of(line.error)
        return {"line": line.number, "status": found["status"], "error": found}
    if line.job:
        status = 202 if line.new else 200
        return {"line": line.number, "status": status, "job": job_view(line.job)}
    return {"line": line.number, "status": 200, "dry_run": line.checked and _checked(line.checked)}


@blueprint.get("")
@open_to("read", "submit")
@takes("state", "model", "tenant", "cursor", "limit")
def list_jobs() -> Response:
    """Jobs, newest first; a submit token's are its own tenant's."""
    faults: list[Fault] = []
    state, model, tenant = (request.args.get(name) for name in ("state", "model", "tenant"))
    states = tuple(s.value for s in State)
    if state is not None and state not in states:
        faults.append(Fault("state", f"must be one of {', '.join(states)}", states))
    faults += create.tenant_faults(tenant)
    most = page_size(request.args.get("limit"), faults)
    cursor = cursor_of(request.args.get("cursor"), is_job_id, faults)
    if faults:
        raise InvalidRequest(faults)
    model = catalogue.canonical(model) if model is not None else None
    mine = only()
    if mine is not None and tenant not in (None, mine):
        return answer({"items": [], "next": None})  # as if the other had none
    page = wiring().store.jobs.page(state, model, cursor, most, tenant=mine or tenant)
    return answer({"items": [job_view(job) for job in page.jobs], "next": page.next})


@blueprint.get("/<job_id>")
@open_to("read", "submit")
def get_job(job_id: str) -> Response:
    """One job."""
    return answer(_document(wiring().store.jobs.get(job_id)))


@blueprint.get("/<job_id>/timeline")
@open_to("read", "submit")
def get_timeline(job_id: str) -> Response:
    """Everything that happened to a job."""
    store = wiring().store
    store.jobs.get(job_id)
    return answer({"items": store.jobs.timeline(job_id)})


@blueprint.post("/<job_id>/cancel")
@open_to("submit")
def cancel_job(job_id: str) -> Response:
    """Cancel a job: 200 when it is cancelled, 202 when that is wished and will be carried out."""
    running = wiring().store.jobs.get(job_id).state is State.RUNNING
    # RunningHub is asked about running ones only.
    with ASKING.take(caller().name) if running else nullcontext():
        job = cancel(wiring(), job_id)
    return answer(_document(job), 200 if job.state is State.CANCELLED else 202)


@blueprint.post("/<job_id>/retry")
@open_to("submit")
def retry_job(job_id: str) -> Response:
    """Another paid attempt of a failed or cancelled job."""
    return answer(_document(resolve.retry(wiring(), job_id)), 202)


@blueprint.post("/<job_id>/reconcile")
@open_to("submit")
def reconcile_job(job_id: str) -> Response:
    """Ask RunningHub about a job now."""
    with ASKING.take(caller().name):
        job = resolve.ask_now(wiring(), job_id)
    return answer(_document(job))


@blueprint.post("/<job_id>/resolve")
@open_to("admin")
def resolve_job(job_id: str) -> Response:
    """Settle an unconfirmed job: `{"as": "failed" | "resubmit"}`, or `{"ref": "...", "force"?}`.

    202 while RunningHub's record, which proves whose task it is, is not there yet.
    """
    wanted = json_body(LARGEST_WORD)
    ref, verdict, force = wanted.get("ref"), wanted.get("as"), wanted.get("force", False)
    if isinstance(ref, str) and ref.isdecimal() and set(wanted) <= {"ref", "force"}:
        with ASKING.take(caller().name):
            job = resolve.resolve_by_ref(wiring(), job_id, ref, force=force is True)
    elif verdict in ("failed", "resubmit") and set(wanted) == {"as"}:
        job = resolve.resolve(wiring(), job_id, verdict)
    else:
        text = (
            'must be {"as": "failed"}, {"as": "resubmit"}, or {"ref": "<digits>", "force"?: true}'
        )
        raise InvalidRequest([Fault("", text)])
    return answer(_document(job), 202 if job.attempt.unproved else 200)


def _waiting_for(given: dict[str, Any], dry_run: bool) -> AbstractContextManager[None]:
    """A place among those that ask RunningHub: for a live price, and for an app not yet known."""
    model = str(given.get("model"))
    app = catalogue.APP.fullmatch(model) or catalogue.QUICK.fullmatch(model)
    if dry_run or (app and wiring().store.assets.app(app[1]) is None):
        return ASKING.take(caller().name)
    return nullcontext()


def _document(job: Job) -> dict[str, Any]:
    queued = job.state is State.QUEUED
    line = wiring().client.line_of(job.spec.options)
    place = wiring().store.line.position(line, job.id) if queued else None
    return job_view(job, place) | {"progress": _progress(job)}


def _progress(job: Job) -> dict[str, Any] | None:
    """Of a running job: seconds since its submit, and how long those of its model usually take."""
    if job.state is not State.RUNNING or job.attempt.submitted_at is None:
        return None
    w = wiring()
    elapsed = (w.clock.now() - job.attempt.submitted_at).total_seconds()
    return {"elapsed": round(elapsed, 1), "usual": usual_seconds(w, job)}


def _checked(checked: Checked) -> dict[str, Any]:
    return dry_run_view(checked, create.live_price(wiring(), checked))


def _dry_run() -> bool:
    """Whether nothing is to be kept; any other word would buy what was only to be checked."""
    given = request.args.get("dry_run", "false")
    if given not in ("true", "false"):
        raise InvalidRequest([Fault("dry_run", f"must be true or false, not {given!r}")])
    return given == "true"


def _idempotency_key() -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and (fault := batch.key_fault(key, "Idempotency-Key")):
        raise InvalidRequest([fault])
    return key
