"""Asking for a job: checked with all its faults named, then queued. Nothing is paid."""

from dataclasses import dataclass
from functools import partial
from typing import IO, Annotated, Any, ClassVar

import orjson
from pydantic import Field

from runhook.worker import catalogue
from runhook.worker.catalogue import Asset, Checked, Reach
from runhook.worker.catalogue.answers import DryRunView
from runhook.worker.domain import jobs, policy
from runhook.worker.domain.answers import JobView
from runhook.worker.domain.bodies import Body, Group, JobId, Tenant, read
from runhook.worker.domain.faults import head_of
from runhook.worker.domain.frozen import evolve
from runhook.worker.domain.jobs import LOCAL, Attempt, Job, JobHistory, JobSpec, State
from runhook.worker.domain.nested import whole
from runhook.worker.errors import Fault, InvalidRequest
from runhook.worker.files import inline
from runhook.worker.flows.steps import fallback, upstream
from runhook.worker.flows.steps.budgets import Room
from runhook.worker.flows.steps.envelope import countless, envelope_faults, size_faults
from runhook.worker.flows.steps.family import Family, closed_fault, family_of, group_faults
from runhook.worker.flows.steps.inputs import app_fields, media_of
from runhook.worker.flows.steps.pricing import (
    budget_faults,
    has_budget,
    money_of,
    never_held,
    trial_view,
)
from runhook.worker.flows.steps.repeated import made_before, made_by
from runhook.worker.flows.steps.upstream import Asker, Upstream
from runhook.worker.flows.steps.viewing import whole_view
from runhook.worker.secrets.idempotency import Trace, traces
from runhook.worker.secrets.sealing import seal
from runhook.worker.store.queue import Place
from runhook.worker.wiring import Wiring

LONGEST_MODEL = 300  # characters; the longest name in the reference has 89
A_MODEL = "what to run, as vidu/text-to-video-q3-turbo"


class JobRequest(Body):
    """A job as it is asked for: what POST /v1/jobs and a line of a batch take, and Python too.

    Only its shape is checked when one is made; `check` knows models, handlers and sizes.

    Attributes:
        model: An endpoint, a name of the reference's, or `workflow/…`, `app/…`, `quick/…/…`.
        input: The model's parameters; of ComfyUI kinds `<nodeId>.<fieldName>` and its value.
        options: How it is to run; docs say which there are.
        metadata: The user's own, given back with the job.
        priority: 9 first.
        handlers: The only Python and Celery handlers that get its events; None: all.
        tenant: Whose job it is; None: the caller's.
        parent: The job that it grew from; None: the first whose output its input names, if any.
        group: The set of its tenant's jobs that it belongs to.
        group_size: How many jobs that is to have; then it is closed.
    """

    member: ClassVar[str] = "a field of a job"

    model: Annotated[str, Field(min_length=1, max_length=LONGEST_MODEL, description=A_MODEL)]
    input: dict[str, Any] = Field(default_factory=dict)
    options: dict[str, Any] = Field(default_factory=dict)
    metadata: dict[str, Any] = Field(default_factory=dict)
    priority: Annotated[int, Field(ge=0, le=9)] = 5
    handlers: list[str] | None = None
    tenant: Tenant | None = None
    parent: JobId | None = None
    group: Group | None = None
    group_size: Annotated[int, Field(ge=1, le=policy.LARGEST_GROUP)] | None = None


# Where one is left out nothing is hashed for it: a request has the key that it had before there
# was any.
LATER = ("tenant", "parent", "group", "group_size")
USUAL = {
    name: field.get_default(call_default_factory=True)
    for name, field in JobRequest.model_fields.items()
    if not field.is_required() and name not in LATER
}
ANYBODY = Asker()  # who may ask for jobs of every tenant, outside of a batch


@dataclass(frozen=True)
class _Judged:
    """A request that may be queued, and the jobs that it belongs together with."""

    checked: Checked
    upstream: Upstream
    family: Family


def read_job(w: Wiring, given: dict[str, Any], asker: Asker = ANYBODY) -> JobRequest:
    """A job from its JSON.

    Raises:
        InvalidRequest: With every fault of its shape and, as far as it can be read, of the rest.
    """
    try:
        return read(JobRequest, given)
    except InvalidRequest as invalid:
        raise InvalidRequest([*invalid.faults, *_other_faults(w, given, invalid, asker)]) from None


def trial(w: Wiring, given: dict[str, Any], *, asker: Asker = ANYBODY) -> Checked:
    """Check a job as a user sent it; nothing is kept.

    Args:
        w: The process's parts.
        given: What was sent.
        asker: Who asks.

    Raises:
        InvalidRequest: With every fault.
    """
    _keep_to(asker.only, given)
    canonical(given)  # refuses what could not be written down or answered
    return check(w, read_job(w, given, asker), asker)


def priced(w: Wiring, given: dict[str, Any], *, asker: Asker = ANYBODY) -> DryRunView:
    """What a job as a user sent it would be and cost, and whether today's budgets have room for it.

    Raises:
        InvalidRequest: With every fault.
    """
    checked = trial(w, given, asker=asker)
    tenant, options = given.get("tenant") or asker.tenant, given.get("options") or {}
    view = trial_view(w, checked)
    view["budgets"] = Room(w).view(tenant, checked.quote, options)
    return view


def made_under(
    w: Wiring, key: str | None, given: dict[str, Any], *, owner: str, asker: Asker
) -> Job | None:
    """The job that the key made before, as `accept` answers or refuses it; None: it made none."""
    _keep_to(asker.only, given)
    return made_before(w, _traces(w, owner, key, given), asker.told_of)


def accept(
    w: Wiring,
    given: dict[str, Any],
    *,
    owner: str = LOCAL,
    key: str | None = None,
    asker: Asker = ANYBODY,
) -> tuple[bool, Job]:
    """Queue a job as a user sent it, as `request` does.

    A key that made a job answers with it before anything else is checked: since then a handler may
    have been renamed or a file removed, and the job is paid all the same. Whose job it may be is no
    such thing: it decides who is answered at all.
    """
    return _accepted(w, given, owner, key, asker, placed=False)[:2]


def accept_shown(
    w: Wiring,
    given: dict[str, Any],
    *,
    owner: str = LOCAL,
    key: str | None = None,
    asker: Asker = ANYBODY,
) -> tuple[bool, JobView]:
    """The same, and the job as `whole_view` shows it: a new one without another round trip."""
    new, job, place = _accepted(w, given, owner, key, asker, placed=True)
    return new, whole_view(w, job, place=place)


def _accepted(
    w: Wiring, given: dict[str, Any], owner: str, key: str | None, asker: Asker, *, placed: bool
) -> tuple[bool, Job, Place | None]:
    _keep_to(asker.only, given)
    # What names a line of the batch is hashed as it is written: a job that was made again has
    # another id.
    known_by = _traces(w, owner, key, given)
    if before := made_before(w, known_by, asker.told_of):
        return False, before, None
    return _put(w, read_job(w, given, asker), owner, known_by, asker, placed=placed)


def request(
    w: Wiring, asked: JobRequest, *, owner: str = LOCAL, key: str | None = None
) -> tuple[bool, Job]:
    """Check a job and queue it. Nothing is sent yet, nothing is paid.

    Args:
        w: The process's parts.
        asked: What the user wants.
        owner: Whose idempotency keys count, and whose job it is unless it names a tenant.
        key: The same key with the same request answers the first job.

    Returns:
        Whether the job is new, and the job.

    Raises:
        InvalidRequest: With every fault.
        Conflict: The key was used with another request.
        StorageUnavailable: A file inside the input was not kept.
        StoreUnavailable: Redis did not take it.
        OverBudget: The day's budget has no room for it.
    """
    known_by = _traces(w, owner, key, dict(vars(asked)))
    if before := made_before(w, known_by):
        return False, before
    return _put(w, asked, owner, known_by, ANYBODY)[:2]


def _keep_to(only: str | None, given: dict[str, Any]) -> None:
    """Raises InvalidRequest where a job is asked for another tenant than may be asked for."""
    if only is not None and given.get("tenant") not in (None, only):
        text = f"is not this token's: it may ask for jobs of {only} only, which is also the default"
        raise InvalidRequest([Fault(path="tenant", message=text)])


def _traces(w: Wiring, owner: str, key: str | None, given: dict[str, Any]) -> tuple[Trace, ...]:
    """What the request is known again by; nothing without a key."""
    body = canonical(given)
    if not key:
        return ()
    return traces(w.settings.secrets, owner, key, body, _written(given))


def made_by_key(w: Wiring, owner: str, key: str) -> str | None:
    """The job that an idempotency key made, by whatever request; None: none so far."""
    found = w.store.jobs.made_by(traces(w.settings.secrets, owner, key, b"", b""))
    return found and found[1]


def _put(
    w: Wiring,
    asked: JobRequest,
    owner: str,
    known_by: tuple[Trace, ...],
    asker: Asker,
    *,
    placed: bool = False,
) -> tuple[bool, Job, Place | None]:
    asker = evolve(asker, tenant=asked.tenant or owner)
    judged = _judge(w, asked, asker)
    job = _new_job(w, asked, judged, upstream.naming_jobs(judged.checked, asker), asker.tenant)
    group: dict[str, Any] = {"batch": asker.batch}
    if asked.group_size:
        group["size"] = asked.group_size
    # A twin with the same key may have been made since `made_before` looked; Redis decides.
    status, made, place = w.store.jobs.create(
        job, owner, known_by, group, asker.told_of, placed=placed
    )
    if made == job.id:
        return True, job, place
    if status == "closed":  # meanwhile
        raise InvalidRequest([closed_fault(made)])
    return False, made_by(w, status, made), None


def _new_job(w: Wiring, asked: JobRequest, judged: _Judged, checked: Checked, tenant: str) -> Job:
    now, family, kept = w.clock.now(), judged.family, partial(keep, w, tenant=tenant)
    first = Attempt(n=1, **money_of(w, tenant, checked.quote, asked.options))
    handlers = None
    if asked.handlers is not None:
        handlers = tuple(asked.handlers)
    spec = JobSpec(
        model=checked.model,
        kind=checked.kind,
        # Only once the request is good: a wrong one leaves no files behind. One without room in its
        # budget does, which the script decides that makes the job; the sweep removes them.
        input=inline.kept(checked, kept),
        created_at=now,
        options=_sealed(w, asked.options),
        metadata=asked.metadata,
        priority=asked.priority,
        handlers=handlers,
        fallback=fallback.kept(checked, kept),
        upstream=tuple(job.id for job in judged.upstream.jobs),
        parent=family.parent,
        root=family.root,
        generation=family.generation,
        group=asked.group,
    )
    return Job(
        # Of the moment that the record says, by which lists are bounded.
        id=jobs.new_id("job", now),
        spec=spec,
        state=State.QUEUED,
        history=JobHistory(updated_at=now, attempts=(first,), waits_for=judged.upstream.waited_for),
        rev=1,
        tenant=tenant,
    )


def check(w: Wiring, asked: JobRequest, asker: Asker = ANYBODY) -> Checked:
    """Check a request and complete its input; nothing is kept.

    Raises:
        InvalidRequest: With every fault.
    """
    return _judge(w, asked, evolve(asker, tenant=asked.tenant or asker.tenant)).checked


def _judge(w: Wiring, asked: JobRequest, asker: Asker) -> _Judged:
    parts = {"input": asked.input, "options": asked.options, "metadata": asked.metadata}
    faults = envelope_faults(w, parts, asked.handlers or (), listed=asker.only is None)
    above = upstream.look(w, asked.model, asked.input, asker)
    family = family_of(w, asked.parent, above, asker)
    faults += [*above.faults, *family.faults]
    faults += group_faults(w, asked.group, asked.group_size, asker)
    app = None
    try:
        app = app_fields(w, asked.model)
    except InvalidRequest as hidden:
        faults += hidden.faults
    checked, wrong = catalogue.examine(
        asked.model,
        asked.input,
        asked.options,
        reach=Reach(w.settings.allow_private_urls, w.settings.base_url),
        media={**media_of(w, asked.input), **above.known},
        app=app,
        budgeted=has_budget(w, asker.tenant),
    )
    faults += wrong
    if checked:
        # A wrong input may be all that keeps its price from being known.
        quotes = [quote for one, quote in checked.charges if not wrong or never_held(w, one, quote)]
        faults += budget_faults(w, asker.tenant, quotes, asked.options)
        faults += inline.faults(checked)
        faults += size_faults("input", inline.weight(checked) + fallback.weight(checked))
    if faults or checked is None:
        raise InvalidRequest(faults)
    return _Judged(checked, above, family)


def keep(w: Wiring, name: str, file: IO[bytes], tenant: str = LOCAL) -> Asset:
    """Keep a file for later submits; the same content twice is one asset, as it was kept first.

    Raises:
        InvalidRequest: It is empty.
        StorageUnavailable: The place of files does not take it.
    """
    # The file before its record: a record without its file would pass every check and fail its job.
    asset = w.storage.keep(name, file, w.clock.now(), w.store.assets.take_up)
    return w.store.assets.put(evolve(asset, tenant=tenant))


def _sealed(w: Wiring, options: dict[str, Any]) -> dict[str, Any]:
    """The options as they may lie in Redis."""
    password = options.get("accessPassword")
    if password is None:
        return options
    return options | {"accessPassword": seal(w.settings.secrets, password)}


def _other_faults(
    w: Wiring, given: dict[str, Any], invalid: InvalidRequest, asker: Asker
) -> list[Fault]:
    """What is wrong besides with all that could be read."""
    unread = {head_of(fault.path) for fault in invalid.faults}
    parts = {name: given[name] for name in given.keys() & ({"model", *LATER, *USUAL} - unread)}
    if isinstance(given.get("handlers"), list):  # those that are names can be looked up
        parts["handlers"] = given["handlers"]
    try:
        check(w, JobRequest.model_construct(**({"model": ""} | parts)), asker)
    except InvalidRequest as also:
        return [fault for fault in also.faults if head_of(fault.path) not in unread - {"handlers"}]
    return []


def canonical(given: dict[str, Any]) -> bytes:
    """A request as the same bytes for the same meaning; what is left out has its usual value, and
    1.0 is 1.

    Raises:
        InvalidRequest: It is no JSON, nested deeper than JSON is written here, or has more members
            than could be checked one by one.
    """
    if faults := countless(given, len(JobRequest.model_fields)):
        raise InvalidRequest(faults)
    try:
        return _written(whole(given))
    except (TypeError, RecursionError) as error:
        raise InvalidRequest(
            [Fault(path="", message=f"cannot be written as JSON: {error}")]
        ) from None


def _written(given: dict[str, Any]) -> bytes:
    stated = {
        name: value for name, value in given.items() if value is not None or name not in LATER
    }
    return orjson.dumps(USUAL | stated, option=orjson.OPT_SORT_KEYS)
