"""Asking for a job: checked with all its faults named, then put into the line. Nothing is paid."""

from dataclasses import dataclass, field
from functools import partial
from typing import IO, Annotated, Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from runhook.config.callers import NAME
from runhook.worker import catalogue
from runhook.worker.catalogue import Asset, Checked, Media, Reach
from runhook.worker.domain import jobs
from runhook.worker.domain.faults import too_deep, unknown_members
from runhook.worker.domain.jobs import LOCAL, Job, JobHistory, JobSpec, State
from runhook.worker.domain.reports import App, LivePrice
from runhook.worker.errors import Conflict, Fault, InvalidRequest, ProviderRefused, ProviderSilent
from runhook.worker.files import inline
from runhook.worker.files.measure import measure_data_uri
from runhook.worker.flows.steps.prepare import app_of
from runhook.worker.secrets.idempotency import Trace, traces
from runhook.worker.secrets.sealing import seal
from runhook.worker.wiring import Wiring

LARGEST_METADATA = 16 * 1024
# Bytes of input and options without files: a record is read and written whole at every move.
LARGEST_ASKED = 1024 * 1024
MOST_MEMBERS = 1000  # of input or options; the largest workflows have some hundred fields
MOST_HANDLERS = 100


@dataclass(frozen=True)
class JobRequest:
    """A job as the user asks for it, unchecked."""

    model: str
    input: dict[str, Any]
    options: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    priority: int = 5
    handlers: tuple[str, ...] | None = None
    tenant: str | None = None


class Body(BaseModel):
    """A job as JSON: what POST /v1/jobs and a line of a batch take."""

    model_config = ConfigDict(extra="forbid", strict=True)

    model: Annotated[str, Field(min_length=1, max_length=300)]
    input: dict[str, Any] = {}
    options: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    priority: Annotated[int, Field(ge=0, le=9)] = 5
    handlers: list[str] | None = None
    tenant: str | None = None


# Without the tenant: what asked for nothing of the kind has the same key as before there were any.
USUAL = {
    name: field.default
    for name, field in Body.model_fields.items()
    if not field.is_required() and name != "tenant"
}


def read(w: Wiring, given: dict[str, Any]) -> JobRequest:
    """A job from its JSON.

    Raises:
        InvalidRequest: With every fault of its envelope and, as far as it can be read, of the rest.
    """
    try:
        body = Body.model_validate(given)
    except ValidationError as error:
        raise InvalidRequest(_every_fault(w, given, error)) from None
    handlers = tuple(body.handlers) if body.handlers is not None else None
    return JobRequest(
        body.model,
        body.input,
        body.options,
        body.metadata,
        body.priority,
        handlers,
        body.tenant,
    )


def trial(w: Wiring, given: dict[str, Any], *, only: str | None = None) -> Checked:
    """Check a job as a user sent it; nothing is kept.

    Args:
        w: The process's parts.
        given: What he sent.
        only: The one tenant that he may ask for; None: any.

    Raises:
        InvalidRequest: With every fault.
    """
    _keep_to(only, given)
    canonical(given)  # refuses what could not be written down or answered
    return check(w, read(w, given))


def accept(
    w: Wiring,
    given: dict[str, Any],
    *,
    owner: str = LOCAL,
    key: str | None = None,
    only: str | None = None,
) -> tuple[bool, Job]:
    """Put a job as a user sent it into the line, as `request` does; `only` is as `trial` has it.

    A key that made a job answers with it before anything else is checked: since then a handler may
    have been renamed or a file removed, and the job is paid all the same. Whose job it may be is no
    such thing: it decides who is answered at all.
    """
    _keep_to(only, given)
    known_by = _traces(w, owner, key, canonical(given))
    return _made_before(w, known_by) or _put(w, read(w, given), owner, known_by)


def request(
    w: Wiring, asked: JobRequest, *, owner: str = LOCAL, key: str | None = None
) -> tuple[bool, Job]:
    """Check a job and put it into the line. Nothing is sent yet, nothing is paid.

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
    """
    known_by = _traces(w, owner, key, canonical(dict(vars(asked))))
    return _made_before(w, known_by) or _put(w, asked, owner, known_by)


def _keep_to(only: str | None, given: dict[str, Any]) -> None:
    """Raises InvalidRequest where a job is asked for another tenant than may be asked for."""
    if only is not None and given.get("tenant") not in (None, only):
        text = f"is not this token's: it asks for jobs of {only} alone, as it does with none named"
        raise InvalidRequest([Fault("tenant", text)])


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
    checked = check(w, asked)
    given = inline.kept(checked, partial(keep, w))
    ask = JobSpec(
        checked.model,
        checked.kind,
        given,
        w.clock.now(),
        _sealed(w, asked.options),
        asked.metadata,
        asked.priority,
        asked.handlers,
    )
    tenant = asked.tenant or owner
    job = Job(
        jobs.new_id("job"), ask, State.QUEUED, JobHistory(ask.created_at), rev=1, tenant=tenant
    )
    word, found = w.store.jobs.create(job, owner, known_by)
    return (True, job) if found == job.id else _answer(w, word, found)


def _answer(w: Wiring, word: str, made: str) -> tuple[bool, Job]:
    """The job that a key made before."""
    if word == "conflict":
        raise Conflict(f"this Idempotency-Key was used for another request, which made {made}")
    if word == "unproved":
        raise Conflict(
            f"this Idempotency-Key made {made} under a secret that is not in RUNHOOK_SECRET any "
            "more, so nobody can tell whether for this request; look at that job before you use "
            "another key"
        )
    return False, w.store.jobs.get(made)


def check(w: Wiring, asked: JobRequest) -> Checked:
    """Check a request and complete its input; nothing is kept.

    Raises:
        InvalidRequest: With every fault.
    """
    faults = [*_envelope_faults(w, asked)]
    checked = None
    try:
        checked = catalogue.check(
            asked.model,
            asked.input,
            asked.options,
            reach=Reach(w.settings.allow_private_urls, w.settings.base_url),
            media=_media(w, asked.input),
            app=_app(w, asked.model),
        )
        faults += inline.faults(checked)
        faults += _size_faults("input", inline.weight(checked))
    except InvalidRequest as invalid:
        faults += invalid.faults
    if faults or checked is None:
        raise InvalidRequest(faults)
    return checked


def live_price(w: Wiring, checked: Checked) -> LivePrice | None:
    """RunningHub's own price for a checked request now; None where it does not tell. Free."""
    if checked.kind in catalogue.COMFY_KINDS or not w.settings.api_key:
        return None
    try:
        return w.client.price(checked.model, checked.input)
    except ProviderSilent:
        return None


def keep(w: Wiring, name: str, file: IO[bytes]) -> Asset:
    """Keep a file for later submits; the same content twice is one asset.

    Raises:
        InvalidRequest: It is empty.
        StorageUnavailable: The place of files does not take it.
    """
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
            [Fault("model", f"RunningHub does not show this app: {refused}")]
        ) from None
    except ProviderSilent:
        return None


def _sealed(w: Wiring, options: dict[str, Any]) -> dict[str, Any]:
    """The options as they may lie in Redis."""
    password = options.get("accessPassword")
    if password is None:
        return options
    return options | {"accessPassword": seal(w.settings.secrets, password)}


def _every_fault(w: Wiring, given: dict[str, Any], error: ValidationError) -> list[Fault]:
    """What is wrong with the envelope, and with all that can be read in spite of it."""
    known = tuple(Body.model_fields)
    faults = unknown_members(given, known)
    wrong = [fault for fault in error.errors() if fault["type"] != "extra_forbidden"]
    faults += [Fault(_path(fault["loc"]), fault["msg"]) for fault in wrong]
    unread = {str(fault["loc"][0]) for fault in wrong}
    parts = {name: given[name] for name in known if name in given and name not in unread}
    if isinstance(given.get("handlers"), list):  # those that are names can be looked up
        parts["handlers"] = given["handlers"]
    asked = JobRequest(**({"model": "", "input": {}} | parts))
    try:
        check(w, asked)
    except InvalidRequest as also:
        faults += [fault for fault in also.faults if _head(fault.path) not in unread - {"handlers"}]
    return faults


def _path(loc: tuple[int | str, ...]) -> str:
    """Where, as every other fault says it: `handlers[1]`."""
    head, *rest = loc
    return str(head) + "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in rest
    )


def _head(path: str) -> str:
    """The member of a job that a path is in."""
    return path.partition(".")[0].partition("[")[0]


def tenant_faults(tenant: str | None) -> list[Fault]:
    """What is wrong with a tenant's name; none is fine."""
    if tenant is None or NAME.fullmatch(tenant):
        return []
    return [Fault("tenant", "must be 1 to 100 letters, digits and _.-")]


def _envelope_faults(w: Wiring, asked: JobRequest) -> list[Fault]:
    given = {"input": asked.input, "options": asked.options, "metadata": asked.metadata}
    faults = too_deep(given)
    faults += _size_faults("options", len(orjson.dumps(asked.options)))
    faults += tenant_faults(asked.tenant)
    if not 0 <= asked.priority <= 9:
        faults.append(Fault("priority", f"is {asked.priority}, must be 0 to 9, 9 first"))
    if len(orjson.dumps(asked.metadata)) > LARGEST_METADATA:
        faults.append(Fault("metadata", f"is over {LARGEST_METADATA} bytes of JSON"))
    if asked.handlers:
        known = tuple(sorted(handler.name for handler in w.store.processes.handlers()))
        gone = {one.handler.name for one in w.store.processes.known()} - set(known)
        for index, name in enumerate(asked.handlers):
            if isinstance(name, str) and name not in known:
                near = catalogue.nearest(name, known)
                text = f"no handler is named {name!r}"
                if name in gone:
                    text = f"no process has had the handler {name!r} for a day"
                text = f"{text}; there are {', '.join(known) or 'none'}"
                faults.append(Fault(f"handlers[{index}]", text, known, near[0] if near else None))
    return faults


def _countless(given: dict[str, Any]) -> list[Fault]:
    """More members than anybody means, found before each is looked at."""
    faults = []
    most_of = {"input": MOST_MEMBERS, "options": MOST_MEMBERS, "handlers": MOST_HANDLERS}
    for name, most in most_of.items():
        value = given.get(name)
        if isinstance(value, dict | list | tuple) and len(value) > most:
            faults.append(Fault(name, f"has {len(value)} members, at most {most} are taken"))
    if len(given) > MOST_MEMBERS:
        faults.append(Fault("", f"has {len(given)} members; a job has {len(Body.model_fields)}"))
    return faults


def _size_faults(name: str, size: int) -> list[Fault]:
    if size <= LARGEST_ASKED:
        return []
    text = f"has {size} bytes of JSON without its files, at most {LARGEST_ASKED} are taken"
    return [Fault(name, f"{text}; a large text or picture goes as a file: POST /v1/assets")]


def canonical(given: dict[str, Any]) -> bytes:
    """A request as the same bytes for the same meaning; what is left out has its usual value.

    Raises:
        InvalidRequest: It is no JSON, nested deeper than JSON is written here, or has more members
            than could be checked one by one.
    """
    if faults := _countless(given):
        raise InvalidRequest(faults)
    try:
        said = {name: value for name, value in given.items() if (name, value) != ("tenant", None)}
        return orjson.dumps(USUAL | said, option=orjson.OPT_SORT_KEYS)
    except (TypeError, RecursionError) as error:
        raise InvalidRequest([Fault("", f"cannot be written as JSON: {error}")]) from None
