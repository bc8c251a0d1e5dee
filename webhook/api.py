"""/v1: asking for jobs, reading them, and the catalogue."""

from typing import Annotated, Any

import orjson
from flask import Blueprint, Response, current_app, g, request, url_for
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from webhook.access import owner_of
from webhook.bodies import body_within
from webhook.problems import problem
from worker import catalogue, submit
from worker.document import job_document, model_document
from worker.errors import Fault, InvalidRequest, NotFound
from worker.jobs import State
from worker.submit import Asked
from worker.wiring import Wiring

LARGEST = 32 * 1024 * 1024  # media may come as data URIs
LONGEST_KEY = 255
MOST, USUAL = 100, 20

blueprint = Blueprint("api", __name__, url_prefix="/v1")


class JobRequest(BaseModel):
    """The body of POST /v1/jobs."""

    model_config = ConfigDict(extra="forbid", strict=True)

    model: Annotated[str, Field(min_length=1, max_length=300)]
    input: dict[str, Any] = {}
    options: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    priority: Annotated[int, Field(ge=0, le=9)] = 5
    handlers: list[str] | None = None


def _wiring() -> Wiring:
    found: Wiring = current_app.extensions["runhook"]
    return found


def _json(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, content_type="application/json")


@blueprint.before_request
def _let_in() -> Response | None:
    settings = _wiring().settings
    owner = owner_of(settings, request)
    if owner is None:
        why = (
            "a valid token is needed: Authorization: Bearer <token>"
            if settings.tokens
            else "without RUNHOOK_API_TOKENS only this machine may ask, with no proxy between"
        )
        response = problem(401, "Unauthorized", why)
        response.headers["WWW-Authenticate"] = "Bearer"
        return response
    g.owner = owner
    return None


@blueprint.post("/jobs")
def post_job() -> Response:
    """Put a job into the line: 202, or 200 when its idempotency key made it before."""
    # Without this a web page of another site could have a browser on this machine spend money.
    if request.mimetype != "application/json":
        return problem(415, "Unsupported media type", "send Content-Type: application/json")
    key = request.headers.get("Idempotency-Key")
    if key is not None and not 0 < len(key) <= LONGEST_KEY:
        raise InvalidRequest([Fault("Idempotency-Key", f"must have 1 to {LONGEST_KEY} characters")])
    body = body_within(request, LARGEST)
    if body is None:
        return problem(413, "Too large", f"a job is at most {LARGEST} bytes")
    new, job = submit.request(_wiring(), _asked(body), owner=g.owner, key=key)
    response = _json(_document(job.id), 202 if new else 200)
    response.headers["Location"] = url_for("api.get_job", job_id=job.id)
    return response


@blueprint.get("/jobs")
def list_jobs() -> Response:
    """Jobs, newest first."""
    faults = []
    state, model = request.args.get("state"), request.args.get("model")
    states = tuple(s.value for s in State)
    if state is not None and state not in states:
        faults.append(Fault("state", f"must be one of {', '.join(states)}", states))
    most = request.args.get("limit", str(USUAL))
    if not most.isdecimal() or not 1 <= int(most) <= MOST:
        faults.append(Fault("limit", f"must be 1 to {MOST}"))
    if faults:
        raise InvalidRequest(faults)
    if model is not None and not catalogue.WORKFLOW.fullmatch(model):
        model = catalogue.find(model).endpoint
    page = _wiring().store.jobs.page(state, model, request.args.get("cursor"), int(most))
    return _json({"items": [job_document(job) for job in page.jobs], "next": page.next})


@blueprint.get("/jobs/<job_id>")
def get_job(job_id: str) -> Response:
    """One job."""
    return _json(_document(job_id))


@blueprint.get("/jobs/<job_id>/timeline")
def get_timeline(job_id: str) -> Response:
    """Everything that happened to a job."""
    store = _wiring().store
    store.jobs.get(job_id)
    return _json({"items": store.jobs.timeline(job_id)})


@blueprint.get("/models")
def list_models() -> Response:
    """The models that match a query."""
    found = catalogue.search(request.args.get("q", ""))
    return _json({"items": [model_document(model) for model in found], "next": None})


@blueprint.get("/models/<path:name>")
def get_model(name: str) -> Response:
    """One model, by endpoint or reference name."""
    return _json(model_document(catalogue.find(name)))


def _document(job_id: str) -> dict[str, Any]:
    store = _wiring().store
    job = store.jobs.get(job_id)
    place = store.line.position(job.line, job.id) if job.state is State.QUEUED else None
    return job_document(job, place)


def _asked(body: bytes) -> Asked:
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest([Fault("", f"the body is not JSON: {error}")]) from None
    if not isinstance(given, dict):
        raise InvalidRequest([Fault("", "the body must be a JSON object")])
    try:
        wanted = JobRequest.model_validate(given)
    except ValidationError as error:
        raise InvalidRequest(_faults(given, error)) from None
    handlers = tuple(wanted.handlers) if wanted.handlers is not None else None
    return Asked(
        wanted.model, wanted.input, wanted.options, wanted.metadata, wanted.priority, handlers
    )


def _faults(given: dict[str, Any], error: ValidationError) -> list[Fault]:
    """The envelope's faults, and the input's where the model can be told."""
    known = tuple(JobRequest.model_fields)
    faults = []
    for fault in error.errors():
        path = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            near = catalogue.nearest(path, known)
            text = f"is no member of a job; there are {', '.join(known)}"
            faults.append(Fault(path, text, known, near[0] if near else None))
        else:
            faults.append(Fault(path, fault["msg"]))
    model, value, options = given.get("model"), given.get("input", {}), given.get("options", {})
    if isinstance(model, str) and isinstance(value, dict) and isinstance(options, dict):
        try:
            catalogue.check(model, value, options)
        except (InvalidRequest, NotFound) as wrong:
            faults += getattr(wrong, "faults", ())
    return faults
