"""/v1/jobs: asking for jobs, one or many, reading and cancelling them."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Annotated, Any, cast

import orjson
from flask import Blueprint, request, stream_with_context
from pydantic import Field
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from runhook.webhook.edge.bodies import body, body_as, no_body, reads, request_faults
from runhook.webhook.edge.current import this_request
from runhook.webhook.edge.declared import Header, gives, hears
from runhook.webhook.edge.limits import ASKING, BATCHES, CHANGING
from runhook.webhook.edge.queries import Flag, Query, labels, query, read_query, takes
from runhook.webhook.edge.receiving import lines_within
from runhook.webhook.edge.responses import Answer, Done, Lines, answer, wiring
from runhook.webhook.edge.scopes import caller, only, open_to
from runhook.worker import catalogue
from runhook.worker.catalogue.answers import DryRunView
from runhook.worker.domain.answers import (
    ForgottenView,
    Items,
    JobView,
    Page,
    TimelineView,
    TreePage,
)
from runhook.worker.domain.bodies import LONGEST_KEY, Body, JobId, key_fault
from runhook.worker.domain.jobs import Job, State
from runhook.worker.domain.problem_kinds import CONFLICT, NOT_FOUND, OVER_BUDGET, REFUSED
from runhook.worker.flows import batch, create, lists, resolve
from runhook.worker.flows.batch import JobLine, LineView
from runhook.worker.flows.cancel import cancel
from runhook.worker.flows.create import JobRequest
from runhook.worker.flows.forget import forget, forget_tree
from runhook.worker.flows.lists import JobsQuery, TreeQuery
from runhook.worker.flows.resolve import Verdict
from runhook.worker.flows.steps.upstream import Asker
from runhook.worker.flows.steps.viewing import whole_view

A_JOB = {
    "model": "rhart-image-n-pro/text-to-image",
    "input": {"prompt": "A harbour at dawn"},
    "metadata": {"order": 7},
}
# What `key_fault` lets through of all that a header can carry, whose ends are trimmed.
PRINTED = r"!-~\u00a1-\u00ac\u00ae-\u00ff"
IDEMPOTENCY_KEY = Header(
    name="Idempotency-Key",
    means="1 to 255 printable characters. The same key with the same body answers the first job, "
    "which is paid once.",
    schema={
        "type": "string",
        "minLength": 1,
        "maxLength": LONGEST_KEY,
        "pattern": f"^[{PRINTED}](?:[ {PRINTED}]*[{PRINTED}])?$",
    },
    fault=lambda key: key_fault(key, "Idempotency-Key"),
)
LARGEST = 32 * 1024 * 1024  # bytes of a job: media may come as data URIs
LARGEST_WORD = 1024  # bytes of a body that says one word
BATCH = ("application/x-ndjson", "application/jsonl", "application/json")
LARGEST_BATCH = 2 * 1024**3  # bytes; it waits in a file until it is whole

blueprint = Blueprint("jobs", __name__, url_prefix="/v1/jobs")
blueprint.before_request(read_query)


class Cancel(Body):
    """What becomes of those that wait for a job that is cancelled.

    Attributes:
        tree: They are cancelled with it.
    """

    tree: bool = False


class RootQuery(Query):
    """Which tree is meant."""

    root: Annotated[JobId, Field(description="the job that the tree grew from")]


class JobQuery(Query):
    """How a job is asked for.

    Attributes:
        dry_run: It is only checked and priced, and nothing is kept.
    """

    dry_run: Flag = False


@blueprint.post("")
@open_to("submit")
@takes(JobQuery)
@hears(IDEMPOTENCY_KEY)
@reads(JobRequest, largest=LARGEST, example=A_JOB)
@gives(202, 200, problems=(CONFLICT, OVER_BUDGET, REFUSED))
def post_job() -> Answer[JobView] | Answer[DryRunView]:
    """Put a job into the queue: 202, or 200 when its idempotency key made it before.

    With `?dry_run=true` nothing is kept: 200 with the completed input and its price.
    """
    wanted, asked = body_as(_good_elsewhere), this_request()
    key, w, asker = asked.headers.get(IDEMPOTENCY_KEY.name), wiring(), _asker()
    dry_run = query(JobQuery).dry_run
    # Only where RunningHub is asked: an ordinary job needs Redis alone and waits for nobody.
    with _waiting_for(wanted, dry_run):
        if dry_run:
            return answer(create.priced(w, wanted, asker=asker))
        new, view = create.accept_shown(w, wanted, owner=asker.tenant, key=key, asker=asker)
    response = answer(view, _status(new=new))
    response.headers["Location"] = f"{asked.root_path}{asked.path}/{view['id']}"
    return response


@blueprint.post("/batch")
@open_to("submit")
@takes(JobQuery)
@hears(IDEMPOTENCY_KEY)
@reads(JobLine, largest=LARGEST_BATCH, media=BATCH[0], example=A_JOB | {"key": "order-8"})
def post_batch() -> Lines[LineView]:
    """Put a job for each JSON line into the queue; a line of the answer for each, in order.

    A line may have a `"key"` of its own. An Idempotency-Key makes one for each other line, of what
    it says: sent again without its bad lines, a batch pays nothing again.
    """
    with request_faults().together():  # those of a line are told with its line
        if request.mimetype not in BATCH:
            raise UnsupportedMediaType(f"send Content-Type: {BATCH[0]}")
        if (request.content_length or 0) > LARGEST_BATCH:
            raise RequestEntityTooLarge(f"a batch is at most {LARGEST_BATCH} bytes; send several")
    lines = batch.accept(
        wiring(),
        lines_within(request, LARGEST),
        owner=caller().name,
        key=request.headers.get(IDEMPOTENCY_KEY.name),
        only=only(),
        dry_run=query(JobQuery).dry_run,
    )
    # Taken before the answer begins, while a status can still say that it is full.
    place = BATCHES.take(caller().name)

    def answers() -> Iterator[bytes]:
        try:
            for line in lines:
                yield orjson.dumps(batch.line_view(wiring(), line)) + b"\n"
        finally:
            place.leave()

    response: Lines[LineView] = Lines(
        stream_with_context(answers()), content_type="application/x-ndjson"
    )
    response.call_on_close(place.leave)  # it may never be begun
    return response


@blueprint.get("")
@open_to("read", "submit")
@takes(JobsQuery)
@gives(problems=(NOT_FOUND,))
def list_jobs() -> Answer[Page[JobView]]:
    """Jobs, newest first; a submit token's are its own tenant's.

    A group is one tenant's: the caller's own, where none is named.
    """
    asked = query(JobsQuery)
    return answer(lists.page(wiring(), asked, labels(), only=only(), own=caller().name))


@blueprint.delete("")
@open_to("submit")
@takes(RootQuery)
@gives(problems=(CONFLICT, NOT_FOUND))
def delete_tree() -> Answer[ForgottenView]:
    """Forget a tree that has ended, with its files: 409 while a job of it goes on."""
    no_body()
    with CHANGING.take(caller().name):
        count = forget_tree(wiring(), query(RootQuery).root, only())
    return answer({"forgotten": count})


@blueprint.get("/<job_id>")
@open_to("read", "submit")
def get_job(job_id: str) -> Answer[JobView]:
    """One job."""
    return answer(_view(wiring().store.jobs.get(job_id)))


@blueprint.delete("/<job_id>")
@open_to("submit")
@gives(204, problems=(CONFLICT,))
def delete_job(job_id: str) -> Done:
    """Forget a job that has ended, and its files: 204."""
    no_body()
    forget(wiring(), job_id)
    return Done()


@blueprint.get("/<job_id>/timeline")
@open_to("read", "submit")
def get_timeline(job_id: str) -> Answer[Items[TimelineView]]:
    """Everything that happened to a job."""
    store = wiring().store
    # 404 for a job that is not there, whose timeline would be an empty list.
    store.jobs.get(job_id)
    lines = cast(list[TimelineView], store.jobs.timeline(job_id))
    return answer({"items": lines})


@blueprint.get("/<job_id>/tree")
@open_to("read", "submit")
@takes(TreeQuery)
def get_tree(job_id: str) -> Answer[TreePage[JobView]]:
    """A job and what grew from it, the oldest first: by parent, and by whose outputs it names."""
    return answer(lists.tree(wiring(), job_id, query(TreeQuery), only=only()))


@blueprint.post("/<job_id>/cancel")
@open_to("submit")
@reads(Cancel, largest=LARGEST_WORD, empty=True, example={"tree": True})
@gives(200, 202, problems=(CONFLICT, REFUSED))
def cancel_job(job_id: str) -> Answer[JobView]:
    """Cancel a job: 200 when it is cancelled, 202 when that is wished and will be carried out.

    With `{"tree": true}` what waits for its outputs is cancelled with it; else that fails, free.
    """
    tree = body(Cancel).tree
    with ExitStack() as place:
        # RunningHub is asked about running ones only.
        if wiring().store.jobs.get(job_id).state is State.RUNNING:
            place.enter_context(ASKING.take(caller().name))
        job = cancel(wiring(), job_id, tree=tree)
    return answer(_view(job), _status(new=job.state is not State.CANCELLED))


@blueprint.post("/<job_id>/retry")
@open_to("submit")
@gives(202, problems=(CONFLICT, OVER_BUDGET))
def retry_job(job_id: str) -> Answer[JobView]:
    """Another paid attempt of a failed or cancelled job."""
    no_body()
    return answer(_view(resolve.retry(wiring(), job_id)), 202)


@blueprint.post("/<job_id>/reconcile")
@open_to("submit")
@gives(problems=(CONFLICT, REFUSED))
def reconcile_job(job_id: str) -> Answer[JobView]:
    """Ask RunningHub about a job now."""
    no_body()
    with ASKING.take(caller().name):
        job = resolve.ask_now(wiring(), job_id)
    return answer(_view(job))


@blueprint.post("/<job_id>/resolve")
@open_to("admin")
@reads(Verdict, largest=LARGEST_WORD, example={"as": "failed"})
@gives(200, 202, problems=(CONFLICT, OVER_BUDGET, REFUSED))
def resolve_job(job_id: str) -> Answer[JobView]:
    """Settle an unconfirmed job: `{"as": "failed" | "resubmit"}`, or `{"ref": "...", "force"?}`.

    202 while RunningHub's record, which proves whose task it is, is not there yet.
    """
    said = body(Verdict)
    with ExitStack() as place:
        if said.ref:
            place.enter_context(ASKING.take(caller().name))
        job = resolve.settle(wiring(), job_id, said)
    return answer(_view(job), _status(new=job.attempt.unproved is not None))


def _waiting_for(wanted: dict[str, Any], dry_run: bool) -> AbstractContextManager[None]:
    """A place among those that ask RunningHub: for a live price, and for an app not yet known."""
    model = str(wanted.get("model"))
    app = catalogue.APP.fullmatch(model) or catalogue.QUICK.fullmatch(model)
    if dry_run or (app and wiring().store.assets.app(app[1]) is None):
        return ASKING.take(caller().name)
    return nullcontext()


def _view(job: Job) -> JobView:
    return whole_view(wiring(), job)


def _status(*, new: bool) -> int:
    """202 while something is still to be done about it, 200 when it is as it was asked to be."""
    if new:
        return 202
    return 200


def _asker() -> Asker:
    """Whoever asks for a job here, and which jobs he may name."""
    return Asker(tenant=caller().name, only=only())


def _good_elsewhere(wanted: dict[str, Any]) -> dict[str, Any]:
    """A job as it was sent, which its flow judges; but where the rest of the request is wrong, it
    comes to no flow, and is judged here.
    """
    if request_faults().found:
        with _waiting_for(wanted, dry_run=False):
            create.trial(wiring(), wanted, asker=_asker())
    return wanted
