"""/v1/jobs: asking for jobs, one or many, reading and cancelling them."""

from collections.abc import Iterator
from typing import Any

import orjson
from flask import Blueprint, Response, g, request, stream_with_context, url_for

from webhook.access import let_in
from webhook.answers import answer, page_size, wiring
from webhook.bodies import json_body, lines_within
from webhook.problems import document_of, problem
from worker import ask, catalogue, resolve
from worker.cancel import cancel
from worker.document import dry_run_document, job_document, json_object
from worker.errors import Fault, InvalidRequest, RunhookError
from worker.jobs import Job, State
from worker.submit import usual_seconds

LARGEST = 32 * 1024 * 1024  # media may come as data URIs
LARGEST_WORD = 1024
LONGEST_KEY = 255

blueprint = Blueprint("jobs", __name__, url_prefix="/v1/jobs")
blueprint.before_request(let_in)


@blueprint.post("")
def post_job() -> Response:
    """Put a job into the line: 202, or 200 when its idempotency key made it before.

    With `?dry_run=true` nothing is kept: 200 with the completed input and its price.
    """
    given, key = json_body(LARGEST), _idempotency_key()
    if request.args.get("dry_run") == "true":
        checked = ask.trial(wiring(), given)
        return answer(dry_run_document(checked, ask.live_price(wiring(), checked)))
    new, job = ask.accept(wiring(), given, owner=g.owner, key=key)
    response = answer(_document(job), 202 if new else 200)
    response.headers["Location"] = url_for("jobs.get_job", job_id=job.id)
    return response


@blueprint.post("/batch")
def post_batch() -> Response:
    """Put a job for each JSON line into the line; a line of the answer for each, in order.

    An Idempotency-Key counts for each line with its number.
    """
    if request.mimetype not in ("application/x-ndjson", "application/jsonl", "application/json"):
        return problem(415, "Unsupported media type", "send Content-Type: application/x-ndjson")
    key = _idempotency_key()

    def answers() -> Iterator[bytes]:
        for number, line in enumerate(lines_within(request, LARGEST), start=1):
            yield orjson.dumps(_batch_line(number, line, key)) + b"\n"

    return Response(stream_with_context(answers()), content_type="application/x-ndjson")


def _batch_line(number: int, line: bytes | None, key: str | None) -> dict[str, Any]:
    try:
        if line is None:
            raise InvalidRequest([Fault("", f"the line is over {LARGEST} bytes")])
        asked = ask.read(wiring(), json_object(line))
        mine = f"{key}/{number}" if key else None
        new, job = ask.request(wiring(), asked, owner=g.owner, key=mine)
    except RunhookError as error:
        found = document_of(error)
        return {"line": number, "status": found["status"], "error": found}
    return {"line": number, "status": 202 if new else 200, "job": job_document(job)}


@blueprint.get("")
def list_jobs() -> Response:
    """Jobs, newest first."""
    faults = []
    state, model = request.args.get("state"), request.args.get("model")
    states = tuple(s.value for s in State)
    if state is not None and state not in states:
        faults.append(Fault("state", f"must be one of {', '.join(states)}", states))
    most = page_size(request.args.get("limit"), faults)
    if faults:
        raise InvalidRequest(faults)
    model = catalogue.canonical(model) if model is not None else None
    page = wiring().store.jobs.page(state, model, request.args.get("cursor"), most)
    return answer({"items": [job_document(job) for job in page.jobs], "next": page.next})


@blueprint.get("/<job_id>")
def get_job(job_id: str) -> Response:
    """One job."""
    return answer(_document(wiring().store.jobs.get(job_id)))


@blueprint.get("/<job_id>/timeline")
def get_timeline(job_id: str) -> Response:
    """Everything that happened to a job."""
    store = wiring().store
    store.jobs.get(job_id)
    return answer({"items": store.jobs.timeline(job_id)})


@blueprint.post("/<job_id>/cancel")
def cancel_job(job_id: str) -> Response:
    """Cancel a job: 200 when it is cancelled, 202 when that is wished and will be carried out."""
    job = cancel(wiring(), job_id)
    return answer(_document(job), 200 if job.state is State.CANCELLED else 202)


@blueprint.post("/<job_id>/retry")
def retry_job(job_id: str) -> Response:
    """Another paid attempt of a failed or cancelled job."""
    return answer(_document(resolve.retry(wiring(), job_id)), 202)


@blueprint.post("/<job_id>/reconcile")
def reconcile_job(job_id: str) -> Response:
    """Ask RunningHub about a job now."""
    return answer(_document(resolve.ask_now(wiring(), job_id)))


@blueprint.post("/<job_id>/resolve")
def resolve_job(job_id: str) -> Response:
    """Settle an unconfirmed job: `{"as": "failed" | "resubmit"}`, or `{"ref": "...", "force"?}`."""
    wanted = json_body(LARGEST_WORD)
    ref, verdict, force = wanted.get("ref"), wanted.get("as"), wanted.get("force", False)
    if isinstance(ref, str) and ref.isdecimal() and set(wanted) <= {"ref", "force"}:
        job = resolve.resolve_by_ref(wiring(), job_id, ref, force=force is True)
    elif verdict in ("failed", "resubmit") and set(wanted) == {"as"}:
        job = resolve.resolve(wiring(), job_id, verdict)
    else:
        text = (
            'must be {"as": "failed"}, {"as": "resubmit"}, or {"ref": "<digits>", "force"?: true}'
        )
        raise InvalidRequest([Fault("", text)])
    return answer(_document(job))


def _document(job: Job) -> dict[str, Any]:
    queued = job.state is State.QUEUED
    place = wiring().store.line.position(job.line, job.id) if queued else None
    return job_document(job, place) | {"progress": _progress(job)}


def _progress(job: Job) -> dict[str, Any] | None:
    """Of a running job: seconds since its submit, and how long those of its model usually take."""
    if job.state is not State.RUNNING or job.attempt.submitted_at is None:
        return None
    w = wiring()
    elapsed = (w.clock.now() - job.attempt.submitted_at).total_seconds()
    return {"elapsed": round(elapsed, 1), "usual": usual_seconds(w, job)}


def _idempotency_key() -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not 0 < len(key) <= LONGEST_KEY:
        raise InvalidRequest([Fault("Idempotency-Key", f"must have 1 to {LONGEST_KEY} characters")])
    return key
