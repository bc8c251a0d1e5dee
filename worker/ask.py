"""Asking for a job: checked with all its faults named, then put into the line. Nothing is paid."""

from dataclasses import asdict, dataclass, field
from typing import IO, Annotated, Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from worker import catalogue, jobs
from worker.catalogue import Asset, Checked, Media
from worker.errors import Conflict, Fault, InvalidRequest, ProviderRefused, ProviderSilent
from worker.jobs import Ask, Job, Life, State
from worker.measure import measure_data_uri
from worker.prepare import app_of
from worker.reports import App, LivePrice
from worker.sealing import seal
from worker.wiring import Wiring

LARGEST_METADATA = 16 * 1024


@dataclass(frozen=True)
class Asked:
    """A job as the user asks for it, unchecked."""

    model: str
    input: dict[str, Any]
    options: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    priority: int = 5
    handlers: tuple[str, ...] | None = None


class Body(BaseModel):
    """A job as JSON: what POST /v1/jobs and a line of a batch take."""

    model_config = ConfigDict(extra="forbid", strict=True)

    model: Annotated[str, Field(min_length=1, max_length=300)]
    input: dict[str, Any] = {}
    options: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    priority: Annotated[int, Field(ge=0, le=9)] = 5
    handlers: list[str] | None = None


def read(w: Wiring, given: dict[str, Any]) -> Asked:
    """A job from its JSON.

    Raises:
        InvalidRequest: With every fault of its envelope, and of its input where the model is told.
    """
    try:
        body = Body.model_validate(given)
    except ValidationError as error:
        raise InvalidRequest(_body_faults(w, given, error)) from None
    handlers = tuple(body.handlers) if body.handlers is not None else None
    return Asked(body.model, body.input, body.options, body.metadata, body.priority, handlers)


def request(
    w: Wiring, asked: Asked, *, owner: str = "local", key: str | None = None
) -> tuple[bool, Job]:
    """Check a job and put it into the line. Nothing is sent yet, nothing is paid.

    Args:
        w: The process's parts.
        asked: What the user wants.
        owner: Whose idempotency keys count.
        key: The same key with the same request answers the first job.

    Returns:
        Whether the job is new, and the job.

    Raises:
        InvalidRequest: With every fault.
        Conflict: The key was used with another request.
        StoreUnavailable: Redis did not take it.
    """
    body = _canonical(asked)
    checked = check(w, asked)
    ask = Ask(
        checked.model,
        checked.kind,
        checked.input,
        w.clock.now(),
        _sealed(w, asked.options),
        asked.metadata,
        asked.priority,
        asked.handlers,
    )
    job = Job(jobs.new_id("job"), ask, State.QUEUED, Life(ask.created_at), rev=1)
    word, found = w.store.jobs.create(job, owner, key, body)
    if word == "conflict":
        raise Conflict(f"this Idempotency-Key was used for another request, which made {found}")
    return (True, job) if found == job.id else (False, w.store.jobs.get(found))


def check(w: Wiring, asked: Asked) -> Checked:
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
            private_urls=w.settings.allow_private_urls,
            media=_media(w, asked.input),
            app=_app(w, asked.model),
        )
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


def _body_faults(w: Wiring, given: dict[str, Any], error: ValidationError) -> list[Fault]:
    known = tuple(Body.model_fields)
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
            check(w, Asked(model, value, options))
        except InvalidRequest as wrong:
            faults += wrong.faults
    return faults


def _envelope_faults(w: Wiring, asked: Asked) -> list[Fault]:
    faults = []
    if not 0 <= asked.priority <= 9:
        faults.append(Fault("priority", f"is {asked.priority}, must be 0 to 9, 9 first"))
    if len(orjson.dumps(asked.metadata)) > LARGEST_METADATA:
        faults.append(Fault("metadata", f"is over {LARGEST_METADATA} bytes of JSON"))
    if asked.handlers:
        known = tuple(sorted(handler.name for handler in w.store.processes.handlers()))
        for index, name in enumerate(asked.handlers):
            if name not in known:
                near = catalogue.nearest(name, known)
                text = f"no handler is named {name!r}; there are {', '.join(known) or 'none'}"
                faults.append(Fault(f"handlers[{index}]", text, known, near[0] if near else None))
    return faults


def _canonical(asked: Asked) -> bytes:
    """The request as the same bytes for the same meaning.

    Raises:
        InvalidRequest: It is no JSON, or nested deeper than JSON is written here.
    """
    try:
        return orjson.dumps(asdict(asked), option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        raise InvalidRequest([Fault("", f"cannot be written as JSON: {error}")]) from None
