"""/v1/jobs/{id}/outputs/{n}: what a job made, as it is kept here, else where RunningHub has it.

The files are anybody's making: a browser is told to run nothing of them, and to save what it cannot
surely show.
"""

import re
from typing import IO, Annotated

from flask import Blueprint, request
from pydantic import Field
from werkzeug.wsgi import FileWrapper

from runhook.webhook.edge.declared import gives
from runhook.webhook.edge.limits import GIVING
from runhook.webhook.edge.queries import Query, query, read_query, takes
from runhook.webhook.edge.ranges import in_part
from runhook.webhook.edge.responses import File, wiring
from runhook.webhook.edge.scopes import caller, open_to
from runhook.worker.domain.bodies import fits
from runhook.worker.domain.jobs import Attempt, Job
from runhook.worker.domain.problem_kinds import GONE, PRECONDITION, RANGE
from runhook.worker.domain.reports import Archived, Output
from runhook.worker.errors import Gone, NotFound
from runhook.worker.files.outputs import is_shown
from runhook.worker.flows.steps.archiving import output_of

PIECE = 256 * 1024  # bytes that are on their way at a time
FOUND = 302  # the HTTP status of a redirect that may lead elsewhere tomorrow
WEBP, TEXT = "image/webp", "text/plain; charset=utf-8"
# Where a browser may be sent: to no script and to no file of its own machine.
WEB_URL = re.compile(r"https?://[^\[\]\s/?#]+([/?#][^\x00-\x20\x7f]*)?", re.IGNORECASE)
SANDBOX = "sandbox"  # whatever it is, nothing of it runs, and it is of no origin
# It never changes, but it may be forgotten; and each look needs a token.
CACHED = "private, no-cache"

blueprint = Blueprint("outputs", __name__, url_prefix="/v1/jobs")
blueprint.before_request(read_query)


class OutputQuery(Query):
    """Whose output, where that is not the current attempt's.

    Attributes:
        attempt: The attempt's number.
    """

    attempt: (
        Annotated[str, fits(str.isdecimal, "must be an attempt's number", "[0-9]{1,4}")] | None
    ) = Field(None, max_length=4)


@blueprint.get("/<job_id>/outputs/<int:n>")
@open_to("read", "submit")
@takes(OutputQuery)
@gives(200, 206, 302, 304, problems=(GONE, PRECONDITION, RANGE))
def get_output(job_id: str, n: int) -> File:
    """An output's file: 302 to RunningHub's while it is not kept here, 410 once nobody has it."""
    job, output = _output(job_id, n)
    if output.archived is None:
        return _elsewhere(output)
    place = GIVING.take(caller().name)
    try:
        file = wiring().outputs.open(job_id, output.archived)
    except NotFound:
        place.leave()
        return _elsewhere(output)
    except Exception:
        place.leave()
        raise
    response = _file(job, output.archived, file)
    response.call_on_close(place.leave)
    return _careful(in_part(response, request, output.archived.size))


@blueprint.get("/<job_id>/outputs/<int:n>/thumbnail")
@open_to("read", "submit")
@takes(OutputQuery)
@gives(200, 206, 304, problems=(PRECONDITION, RANGE))
def get_thumbnail(job_id: str, n: int) -> File:
    """A small picture of it, as WebP."""
    _, output = _output(job_id, n)
    kept = output.archived
    if kept is None or not kept.thumbnail:
        raise NotFound(f"thumbnail of output {n}{_why_none(kept)}")
    with GIVING.take(caller().name):
        small = wiring().outputs.thumbnail(job_id, kept)
    response = File(small, content_type=WEBP)
    response.set_etag(f"{kept.sha256}-thumbnail")
    return _careful(in_part(response, request, len(small)))


def _why_none(kept: Archived | None) -> str:
    """What a film would have needed."""
    if kept is None or not kept.media_type.startswith("video/"):
        return ""
    return ": of a film there is one only where ffmpeg was on the worker's PATH as it was kept"


def _output(job_id: str, n: int) -> tuple[Job, Output]:
    job = wiring().store.jobs.get(job_id)
    return job, output_of(_attempt(job), n)


def _attempt(job: Job) -> Attempt:
    wanted = query(OutputQuery).attempt
    if wanted is None:
        return job.attempt
    found = job.nth(int(wanted))
    if found is None:
        raise NotFound(f"attempt {wanted} of {job.id}")
    return found


def _elsewhere(output: Output) -> File:
    """What there is of an output that is not kept here.

    Raises:
        Gone: Nothing.
    """
    if not output.url:
        return _careful(File(output.text or "", content_type=TEXT))
    if not WEB_URL.fullmatch(output.url):
        raise Gone("there is no copy of it here, and where it is said to be is no URL of the web")
    if output.expires_at is None or output.expires_at > wiring().clock.now():
        return File(
            status=FOUND, headers={"Location": output.url, "Referrer-Policy": "no-referrer"}
        )
    raise Gone("RunningHub keeps this output no longer, and there is no copy of it here")


def _file(job: Job, kept: Archived, file: IO[bytes]) -> File:
    """A file, piece by piece."""
    response = File(FileWrapper(file, PIECE), content_type=kept.media_type)
    response.call_on_close(file.close)
    response.content_length = kept.size
    response.set_etag(kept.sha256)
    how = "attachment"
    if is_shown(kept.media_type):
        how = "inline"
    response.headers["Content-Disposition"] = f'{how}; filename="{job.id}-{kept.name}"'
    return response


def _careful(response: File) -> File:
    """An answer of which nothing may run."""
    response.headers["Content-Security-Policy"] = SANDBOX
    response.headers["Cache-Control"] = CACHED
    return response
