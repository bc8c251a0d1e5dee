"""The jobs whose outputs an input names: which there are, what they make, which are waited for."""

import mimetypes
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from runhook.worker import catalogue
from runhook.worker.catalogue import COMFY_KINDS, Checked, Media
from runhook.worker.domain import policy
from runhook.worker.domain.faults import misspelt
from runhook.worker.domain.jobs import LOCAL, Job, State
from runhook.worker.domain.nested import written
from runhook.worker.domain.outputs import OutputName, output_names, with_jobs
from runhook.worker.domain.reports import Output
from runhook.worker.errors import Behind, Fault, InvalidRequest, RunhookError
from runhook.worker.flows.steps.archiving import still_comes
from runhook.worker.flows.steps.prepare import lives_on
from runhook.worker.store.groups import GroupState
from runhook.worker.wiring import Wiring

NODES_TAKE = "a ComfyUI node takes only a file that is kept here"
IN_WORDS = {"string": "text"}  # kinds of models whose outputs have another word


@dataclass(frozen=True)
class Made:
    """What became of a line of a batch.

    Attributes:
        kind: What its job makes.
        tenant: Whose it is.
        job: The job; empty in a dry run.
    """

    kind: str
    tenant: str
    job: str = ""


@dataclass(frozen=True, kw_only=True)
class Asker:
    """Who asks for a job, as far as that decides what it may name.

    Attributes:
        tenant: Whose the job will be, and whose jobs alone it may name, also where he who asks sees
            more: he may pass on what each tenant has asked for.
        only: The one tenant whose jobs he may ask for; None: everybody's.
        lines: What became of the lines before it in its batch, by what they call themselves: an
            error, where the line may be taken later; None: it was refused.
        own: What its own line calls itself; empty: nothing.
        batch: Whether it stands in a batch.
        groups: In a dry run, how groups stand behind the lines before it, by tenant and name.
        told_of: Of a handler: its event's job, or where that is of none its delivery; else empty.
    """

    tenant: str = LOCAL
    only: str | None = None
    lines: Mapping[str, Made | RunhookError | None] = field(default_factory=dict)
    own: str = ""
    batch: bool = False
    groups: Mapping[tuple[str, str], GroupState] = field(default_factory=dict)
    told_of: str = ""

    def sees(self, job: Job) -> bool:
        """Whether his job may know that there is such a job."""
        return job.tenant == self.tenant


@dataclass(frozen=True, kw_only=True)
class NotYet(Fault):
    """The fault of naming a line that may be taken later.

    Attributes:
        line: What that line calls itself.
        trouble: Why it was not taken.
    """

    line: str
    trouble: RunhookError


@dataclass(frozen=True, kw_only=True)
class Upstream:
    """What an input names of other jobs.

    Attributes:
        jobs: Those that are there, in the order in which it names them.
        known: What each output is, as far as that is known, by the text that names it.
        faults: What cannot be.
    """

    jobs: Sequence[Job]
    known: Mapping[str, Media]
    faults: Sequence[Fault]

    @property
    def waited_for(self) -> tuple[str, ...]:
        """Those that have not succeeded yet."""
        return tuple(job.id for job in self.jobs if job.state is not State.SUCCEEDED)


def look(w: Wiring, model: str, given: Mapping[str, object], asker: Asker) -> Upstream:
    """What an input names of other jobs, with all that is wrong with it.

    Raises:
        StoreUnavailable: Redis does not answer or refuses.
    """
    names = list(output_names(catalogue.file_values(model, given)))
    if not names:
        return Upstream(jobs=(), known={}, faults=())
    ids = list(dict.fromkeys(filter(None, (_job_of(one, asker) for one in names))))
    if len(ids) > policy.MOST_UPSTREAM:
        text = f"names outputs of {len(ids)} jobs; at most {policy.MOST_UPSTREAM} are taken"
        return Upstream(jobs=(), known={}, faults=[Fault(path="input", message=text)])
    there: Mapping[str, Job] = {}
    if ids:
        there = {job.id: job for job in w.store.jobs.many(ids) if asker.sees(job)}
    faults = [fault for one in names for fault in _faults(one, there, asker)]
    node = catalogue.COMFY.fullmatch(model) is not None
    faults += [
        Fault(path=written(one.path), message=why)
        for one in names
        if (why := _not_to_be_had(w, one, there, asker, node=node))
    ]
    known = {one.text: found for one in names if (found := _made(one, there, asker))}
    return Upstream(jobs=list(there.values()), known=known, faults=faults)


def names_ahead(given: Mapping[str, Any], asker: Asker) -> bool:
    """Whether a line, which may be no good, names one that does not stand before it."""
    model, values = given.get("model"), given.get("input")
    if not isinstance(model, str) or not isinstance(values, dict):
        return False
    names = output_names(catalogue.file_values(model, values))
    return any(one.line and one.line not in asker.lines for one in names)


def refusal(error: RunhookError) -> RunhookError:
    """Why a line is refused: where only lines that it names stand in its way, for the same reason
    as the first of them, since it may be taken as soon as they are.
    """
    if not isinstance(error, InvalidRequest):
        return error
    waits = [fault for fault in error.faults if isinstance(fault, NotYet)]
    if not waits or len(waits) < len(error.faults):
        return error
    first = waits[0]
    if isinstance(first.trouble, Behind):  # the line where it began, however long the chain is
        return first.trouble
    return Behind(first.line, first.trouble)


def naming_jobs(checked: Checked, asker: Asker) -> Checked:
    """A request in which lines of the batch are the jobs that they made."""
    if not asker.lines:
        return checked
    files = catalogue.file_values(checked.model, checked.input)
    named = {one.line for one in output_names(files) if one.line}
    made = {name: line.job for name in named if isinstance(line := asker.lines.get(name), Made)}
    if not made:
        return checked
    others = (_naming(one, made) for one in checked.fallback)
    return replace(_naming(checked, made), fallback=tuple(others))


def _naming(checked: Checked, made: Mapping[str, str]) -> Checked:
    files = catalogue.file_values(checked.model, checked.input)
    return replace(checked, input=checked.input | with_jobs(files, made))


def _job_of(one: OutputName, asker: Asker) -> str:
    """The id of the job that is named; empty where that is none yet."""
    line = asker.lines.get(one.line)
    if isinstance(line, Made):
        return line.job
    return one.job


def _faults(one: OutputName, there: Mapping[str, Job], asker: Asker) -> Iterator[Fault]:
    path = written(one.path)
    if not one.spelt:
        text = "must be output:<job id>/<n>, in a batch also output:@<name of a line>/<n>; n from 0"
        yield Fault(path=path, message=text)
        return
    if one.line:
        yield from _line_faults(one, path, asker)
    job = there.get(_job_of(one, asker))
    if job:
        yield from _job_faults(one, path, job)
    elif one.job:
        text = f"names an output of {one.job}, and {asker.tenant} has no such job"
        yield Fault(path=path, message=text)


def _line_faults(one: OutputName, path: str, asker: Asker) -> Iterator[Fault]:
    if not asker.batch:
        text = f"names a line @{one.line}, and this is no batch; name a job: output:<job id>/<n>"
        yield Fault(path=path, message=text)
    elif one.line == asker.own:
        text = f"names @{one.line}, which is this line itself: no job can wait for its own output"
        yield Fault(path=path, message=text)
    elif one.line not in asker.lines:
        text = (
            f"names @{one.line}, and no line before this one calls itself that; a line names "
            "those before it, so none waits in a circle"
        )
        yield misspelt(path, text, one.line, tuple(asker.lines)[-policy.NEAR_LINE_NAMES :])
    elif (made := asker.lines[one.line]) is None:
        yield Fault(path=path, message=f"names @{one.line}, which was refused")
    elif isinstance(made, RunhookError):
        text = f"names @{one.line}, which was not taken and may be later: {made}"
        yield NotYet(path=path, message=text, line=one.line, trouble=made)
    elif made.tenant != asker.tenant:
        text = f"names @{one.line}, which is {made.tenant}'s, and {asker.tenant} has no such job"
        yield Fault(path=path, message=text)


def _job_faults(one: OutputName, path: str, job: Job) -> Iterator[Fault]:
    """What is wrong with naming an output of a job that is there."""
    count = len(job.attempt.outputs)
    if job.state in (State.FAILED, State.CANCELLED):
        yield Fault(path=path, message=f"names an output of {job.id}, which {job.state.became}")
    elif job.state is State.SUCCEEDED and one.n >= count:
        text = f"names output {one.n} of {job.id}, which has {count}, counted from 0"
        yield Fault(path=path, message=text)


def _not_to_be_had(
    w: Wiring, one: OutputName, there: Mapping[str, Job], asker: Asker, *, node: bool
) -> str | None:
    """Why an output that there is or will be could not be sent, to a node or to a model."""
    job = there.get(_job_of(one, asker))
    if job and job.state is State.SUCCEEDED:
        return _gone(w, one, job, node=node)
    if job and job.state.ended:
        return None  # which is said already
    made = _made(one, there, asker)
    if not node or w.settings.archive or made is None or made.kind == "text":
        return None
    return f"names {one.text}, and {NODES_TAKE}; RUNHOOK_ARCHIVE=false keeps none"


def _gone(w: Wiring, one: OutputName, job: Job, *, node: bool) -> str | None:
    """Why an output that was made cannot be had any more."""
    if one.n >= len(job.attempt.outputs):
        return None  # which is said already
    output = job.attempt.outputs[one.n]
    if output.url is None or output.archived or still_comes(w, job.attempt, one.n):
        return None
    why = output.lost or "no copy of it is kept here"
    if node:
        return f"names output {one.n} of {job.id}, and {NODES_TAKE}: {why}"
    if lives_on(w, output):
        return None
    return (
        f"names output {one.n} of {job.id}, which RunningHub removes before a task may have "
        f"fetched it, or has removed: {why}; ask for that job again"
    )


def _made(one: OutputName, there: Mapping[str, Job], asker: Asker) -> Media | None:
    """What is known of an output; None: nothing, or there is none."""
    job = there.get(_job_of(one, asker))
    line = asker.lines.get(one.line)
    if job is None and isinstance(line, Made):
        return _promised(line.kind)
    if job is None:
        return None
    if job.state is State.SUCCEEDED and one.n < len(job.attempt.outputs):
        return _media_of(job.attempt.outputs[one.n])
    return _promised(job.spec.kind)


def _promised(kind: str) -> Media | None:
    """What a job of a kind will make; nobody knows that of a workflow or an app."""
    if kind in COMFY_KINDS:
        return None
    return Media(kind=IN_WORDS.get(kind, kind), ext="", size=0)


def _media_of(output: Output) -> Media | None:
    if output.url is None:
        return Media(kind="text", ext="", size=0)
    ext = (output.type or "").lower()
    kind = (mimetypes.guess_type(f"output.{ext}")[0] or "").partition("/")[0]
    if kind not in ("image", "video", "audio", "text"):
        return None
    return Media(kind=kind, ext=ext, size=0)
