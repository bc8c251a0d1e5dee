"""Asking for a job: checked with all its faults named, then queued. Nothing is paid."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import IO, Annotated, Any, ClassVar

import orjson
from pydantic import Field

from runhook.worker import catalogue, errors
from runhook.worker.catalogue import Asset, Checked, Media, Reach
from runhook.worker.domain import jobs
from runhook.worker.domain.bodies import Body, Tenant, read, too_deep
from runhook.worker.domain.jobs import LOCAL, Attempt, Job, JobHistory, JobSpec, State
from runhook.worker.domain.reports import App
from runhook.worker.errors import Conflict, Fault, InvalidRequest, ProviderRefused, ProviderSilent
from runhook.worker.files import inline
from runhook.worker.files.measure import measure_data_uri
from runhook.worker.flows.steps import fallback
from runhook.worker.flows.steps.prepare import app_of
from runhook.worker.flows.steps.pricing import budget_faults, has_budget, money_of
from runhook.worker.flows.steps.pricing import live_price as live_price
from runhook.worker.secrets.idempotency import Trace, traces
from runhook.worker.secrets.sealing import seal
from runhook.worker.wiring import Wiring

# Bytes of JSON: metadata goes with the job into every event and every list.
LARGEST_METADATA = 16 * 1024
# Bytes of input and options without files: a record is read and written whole at every move.
LARGEST_ASKED = 1024 * 1024
MOST_MEMBERS = 1000  # of input or options; the largest workflows have some hundred fields
MOST_HANDLERS = 100  # named by one job; each is looked up
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
    """

    member: ClassVar[str] = "a field of a job"

    model: Annotated[str, Field(min_length=1, max_length=LONGEST_MODEL, description=A_MODEL)]
    input: dict[str, Any] = Field(default_factory=dict)
    options: dict[str, Any] = Field(default_factory=dict)
    metadata: dict[str, Any] = Field(default_factory=dict)
    priority: Annotated[int, Field(ge=0, le=9)] = 5
    handlers: list[str] | None = None
    tenant: Tenant | None = None


# Without the tenant: what asked for nothing of the kind has the same key as before there were any.
USUAL = {
    name: field.get_default(call_default_factory=True)
    for name, field in JobRequest.model_fields.items()
    if not field.is_required() and name != "tenant"
}


def read_job(w: Wiring, given: dict[str, Any]) -> JobRequest:
    """A job from its JSON.

    Raises:
        InvalidRequest: With every fault of its shape and, as far as it can be read, of the rest.
    """
    try:
        return read(JobRequest, given)
    except InvalidRequest as invalid:
        raise InvalidRequest([*invalid.faults, *_other_faults(w, given, invalid)]) from None


def trial(
    w: Wiring, given: dict[str, Any], *, owner: str = LOCAL, only: str | None = None
) -> Checked:
    """Check a job as a user sent it; nothing is kept.

    Args:
        w: The process's parts.
        given: What was sent.
        owner: Whose job it would be unless it names a tenant.
        only: The one tenant that may be asked for; None: any.

    Raises:
        InvalidRequest: With every fault.
    """
    _keep_to(only, given)
    canonical(given)  # refuses what could not be written down or answered
    return check(w, read_job(w, given), owner)


def accept(
    w: Wiring,
    given: dict[str, Any],
    *,
    owner: str = LOCAL,
    key: str | None = None,
    only: str | None = None,
) -> tuple[bool, Job]:
    """Queue a job as a user sent it, as `request` does; `only` is as `trial` has it.

    A key that made a job answers with it before anything else is checked: since then a handler may
    have been renamed or a file removed, and the job is paid all the same. Whose job it may be is no
    such thing: it decides who is answered at all.
    """
    _keep_to(only, given)
    known_by = _traces(w, owner, key, canonical(given))
    return _made_before(w, known_by) or _put(w, read_job(w, given), owner, known_by)


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
    known_by = _traces(w, owner, key, canonical(dict(vars(asked))))
    return _made_before(w, known_by) or _put(w, asked, owner, known_by)


def _keep_to(only: str | None, given: dict[str, Any]) -> None:
    """Raises InvalidRequest where a job is asked for another tenant than may be asked for."""
    if only is not None and given.get("tenant") not in (None, only):
        text = f"is not this token's: it may ask for jobs of {only} only, which is also the default"
        raise InvalidRequest([Fault(path="tenant", message=text)])


def _traces(w: Wiring, owner: str, key: str | None, body: bytes) -> tuple[Trace, ...]:
    """What the request is known again by; nothing without a key."""
    if not key:
        return ()
    return traces(w.settings.secrets, owner, key, body)


def _made_before(w: Wiring, known_by: tuple[Trace, ...]) -> tuple[bool, Job] | None:
    if known_by and (found := w.store.jobs.made_by(known_by)):
        return _answer(w, *found)
    return None


def _put(w: Wiring, asked: JobRequest, owner: str, known_by: tuple[Trace, ...]) -> tuple[bool, Job]:
    checked, tenant = check(w, asked, owner), asked.tenant or owner
    first = Attempt(n=1, **money_of(w, tenant, checked.quote, asked.options))
    # Only once the request is good: a refused one leaves no files behind.
    given = inline.kept(checked, partial(keep, w))
    handlers = None
    if asked.handlers is not None:
        handlers = tuple(asked.handlers)
    ask = JobSpec(
        model=checked.model,
        kind=checked.kind,
        input=given,
        created_at=w.clock.now(),
        options=_sealed(w, asked.options),
        metadata=asked.metadata,
        priority=asked.priority,
        handlers=handlers,
        fallback=fallback.kept(checked, partial(keep, w)),
    )
    job = Job(
        # Of the moment that the record says, by which lists are bounded.
        id=jobs.new_id("job", ask.created_at),
        spec=ask,
        state=State.QUEUED,
        history=JobHistory(updated_at=ask.created_at, attempts=(first,)),
        rev=1,
        tenant=tenant,
    )
    # A twin with the same key may have been made since `_made_before` looked; Redis decides.
    status, made = w.store.jobs.create(job, owner, known_by)
    if made == job.id:
        return True, job
    return _answer(w, status, made)


def _answer(w: Wiring, status: str, made: str) -> tuple[bool, Job]:
    """The job that a key made before."""
    if status == "conflict":
        raise Conflict(f"this Idempotency-Key was used for another request, which made {made}")
    if status == "unproved":
        raise Conflict(
            f"this Idempotency-Key made {made} under a secret that is not in RUNHOOK_SECRET any "
            "more, so nobody can tell whether for this request; look at that job before you use "
            "another key"
        )
    try:
        return False, w.store.jobs.get(made)
    except errors.NotFound:
        why = f"this Idempotency-Key made {made}, which was forgotten; a new job takes another key"
        raise Conflict(why) from None


def check(w: Wiring, asked: JobRequest, owner: str = LOCAL) -> Checked:
    """Check a request and complete its input; nothing is kept.

    Raises:
        InvalidRequest: With every fault.
    """
    faults, tenant = [*_envelope_faults(w, asked)], asked.tenant or owner
    checked = None
    try:
        checked = catalogue.check(
            asked.model,
            asked.input,
            asked.options,
            reach=Reach(w.settings.allow_private_urls, w.settings.base_url),
            media=_media(w, asked.input),
            app=_app(w, asked.model),
            budgeted=has_budget(w, tenant),
        )
        quotes = [quote for _, quote in checked.charges]
        faults += budget_faults(w, tenant, quotes, asked.options)
        faults += inline.faults(checked)
        faults += _size_faults("input", inline.weight(checked) + fallback.weight(checked))
    except InvalidRequest as invalid:
        faults += invalid.faults
    if faults or checked is None:
        raise InvalidRequest(faults)
    return checked


def keep(w: Wiring, name: str, file: IO[bytes]) -> Asset:
    """Keep a file for later submits; the same content twice is one asset.

    Raises:
        InvalidRequest: It is empty.
        StorageUnavailable: The place of files does not take it.
    """
    # The file before its record: a record without its file would pass every check and fail its job.
    asset = w.storage.keep(name, file, w.clock.now())
    w.store.assets.put(asset)
    return asset


def assets_in(given: Any) -> list[str]:
    """The ids of the assets that an input names."""
    named = (catalogue.asset_of(value) for value in catalogue.media_values(given))
    found = (catalogue.ASSET.fullmatch(name) for name in named)
    return list(dict.fromkeys(match[1] for match in found if match))


def _media(w: Wiring, given: Any) -> dict[str, Media]:
    """What is known of the files in an input: kept assets, and data URIs as they are."""
    kept: dict[str, Asset] = w.store.assets.many(assets_in(given))
    known = {f"asset:{name}": asset.media for name, asset in kept.items()}
    for value in catalogue.media_values(given):
        if value.startswith("data:") and (found := measure_data_uri(value)):
            known[value] = found
    return known


def _app(w: Wiring, model: str) -> App | None:
    """An app's fields, if they can be had now. Else RunningHub checks them, before it is paid."""
    found = catalogue.APP.fullmatch(model) or catalogue.QUICK.fullmatch(model)
    if found is None or not w.settings.api_key:
        return None
    try:
        return app_of(w, found[1])
    except ProviderRefused as refused:
        raise InvalidRequest(
            [Fault(path="model", message=f"RunningHub does not show this app: {refused}")]
        ) from None
    except ProviderSilent:
        return None


def _sealed(w: Wiring, options: dict[str, Any]) -> dict[str, Any]:
    """The options as they may lie in Redis."""
    password = options.get("accessPassword")
    if password is None:
        return options
    return options | {"accessPassword": seal(w.settings.secrets, password)}


def _other_faults(w: Wiring, given: dict[str, Any], invalid: InvalidRequest) -> list[Fault]:
    """What is wrong besides with all that could be read."""
    unread = {_head(fault.path) for fault in invalid.faults}
    parts = {name: given[name] for name in given.keys() & ({"model", *USUAL} - unread)}
    if isinstance(given.get("handlers"), list):  # those that are names can be looked up
        parts["handlers"] = given["handlers"]
    try:
        check(w, JobRequest.model_construct(**({"model": ""} | parts)))
    except InvalidRequest as also:
        return [fault for fault in also.faults if _head(fault.path) not in unread - {"handlers"}]
    return []


def _head(path: str) -> str:
    """The member of a job that a path is in."""
    return path.partition(".")[0].partition("[")[0]


def _envelope_faults(w: Wiring, asked: JobRequest) -> list[Fault]:
    """What is wrong beside the model, its input and its options themselves."""
    given = {"input": asked.input, "options": asked.options, "metadata": asked.metadata}
    faults = too_deep(given)
    faults += _size_faults("options", len(orjson.dumps(asked.options)))
    if len(orjson.dumps(asked.metadata)) > LARGEST_METADATA:
        faults.append(Fault(path="metadata", message=f"is over {LARGEST_METADATA} bytes of JSON"))
    return [*faults, *_handler_faults(w, asked.handlers or ())]


def _handler_faults(w: Wiring, names: Sequence[object]) -> Iterator[Fault]:
    """Each name that no process has; what is no name has a fault already."""
    if not names:
        return
    known = tuple(sorted(handler.name for handler in w.store.processes.handlers()))
    gone = {one.handler.name for one in w.store.processes.known()} - set(known)
    for index, name in enumerate(names):
        if not isinstance(name, str) or name in known:
            continue
        text = f"no handler is named {name!r}"
        if name in gone:
            text = f"no process has had the handler {name!r} for a day"
        text = f"{text}; there are {', '.join(known) or 'none'}"
        near = next(iter(catalogue.nearest(name, known)), None)
        yield Fault(path=f"handlers[{index}]", message=text, allowed=known, nearest=near)


def _countless(given: dict[str, Any]) -> list[Fault]:
    """More members than anybody means, found before each is looked at."""
    faults = []
    limits = {"input": MOST_MEMBERS, "options": MOST_MEMBERS, "handlers": MOST_HANDLERS}
    for name, limit in limits.items():
        value = given.get(name)
        if isinstance(value, dict | list | tuple) and len(value) > limit:
            faults.append(
                Fault(path=name, message=f"has {len(value)} members, at most {limit} are taken")
            )
    if len(given) > MOST_MEMBERS:
        faults.append(
            Fault(
                path="",
                message=f"has {len(given)} members; a job has {len(JobRequest.model_fields)}",
            )
        )
    return faults


def _size_faults(name: str, size: int) -> list[Fault]:
    if size <= LARGEST_ASKED:
        return []
    text = f"has {size} bytes of JSON without its files, at most {LARGEST_ASKED} are taken"
    return [
        Fault(path=name, message=f"{text}; a large text or picture goes as a file: POST /v1/assets")
    ]


def canonical(given: dict[str, Any]) -> bytes:
    """A request as the same bytes for the same meaning; what is left out has its usual value.

    Raises:
        InvalidRequest: It is no JSON, nested deeper than JSON is written here, or has more members
            than could be checked one by one.
    """
    if faults := _countless(given):
        raise InvalidRequest(faults)
    try:
        stated = {name: value for name, value in given.items() if (name, value) != ("tenant", None)}
        return orjson.dumps(USUAL | stated, option=orjson.OPT_SORT_KEYS)
    except (TypeError, RecursionError) as error:
        raise InvalidRequest(
            [Fault(path="", message=f"cannot be written as JSON: {error}")]
        ) from None
