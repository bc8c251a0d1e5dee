"""The form of a job: its fields for a model, and the request that it means. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runhook.config.catalogue import Model, Param
from runhook.webhook.forms.fields import Field, field_of, notes_of
from runhook.webhook.forms.options import (
    METADATA,
    PRIORITY,
    metadata_field,
    option_field,
    option_params,
    priority_field,
    read_metadata,
    read_options,
    read_priority,
)
from runhook.webhook.forms.posted import Posted, name_faults
from runhook.webhook.forms.rows import Row, read_rows, row_names
from runhook.webhook.forms.texts import value_of
from runhook.worker.catalogue import COMFY, find
from runhook.worker.catalogue.values import MEDIA
from runhook.worker.domain.reports import App, AppField
from runhook.worker.errors import Fault

TENANT = "tenant"  # whose job it will be, where that is another's than whoever asks for it
# What a form has besides its fields: what it is posted for, the key by which it is paid once, and
# what its button said; `of` is the model whose values it holds, `other` the one to be changed to.
OWN = ("key", "do", "agreed", "of", "other", TENANT)
# Types of an app's fields, as parameters have them; any other is text.
APP_TYPES = {
    "IMAGE": "image",
    "AUDIO": "audio",
    "VIDEO": "video",
    "INT": "integer",
    "FLOAT": "number",
    "BOOLEAN": "boolean",
}
MOST_CHOICES = 200  # of an app's list: one of thousands is typed, and the check knows them


@dataclass(frozen=True, kw_only=True)
class JobForm:
    """What may be asked of a model.

    Attributes:
        model: Its endpoint, or `workflow/<id>` and so on.
        record: What the catalogue has of it; None: it is ComfyUI's.
        params: Its parameters, an app's fields among them.
        options: How it may run, as parameters.
        free: Whether its input has names that nobody knows here.
    """

    model: str
    record: Model | None
    params: Sequence[Param]
    options: Sequence[Param]
    free: bool

    @property
    def once(self) -> list[str]:
        """Names of its fields that have one text."""
        single = [f"input.{param.name}" for param in self.params if not _boxes(param)]
        single += [f"options.{param.name}" for param in self.options if not _boxes(param)]
        return [*single, PRIORITY, METADATA, *OWN]

    @property
    def several(self) -> list[str]:
        """Names of its fields that may have several."""
        boxes = [f"input.{param.name}" for param in self.params if _boxes(param)]
        return [*boxes, *(f"options.{param.name}" for param in self.options if _boxes(param))]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a form says.

    Attributes:
        request: The job as `POST /v1/jobs` takes it.
        faults: What could not be read of it.
    """

    request: Mapping[str, Any]
    faults: Sequence[Fault]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """The fields of a form with what stands in them.

    Attributes:
        inputs: Of the model's parameters.
        rows: Of free names.
        options: Of how the job is to run.
    """

    inputs: Sequence[Field]
    rows: Sequence[Row]
    options: Sequence[Field]

    @property
    def names(self) -> dict[str, str]:
        """The id of each field's element, by what faults call it."""
        found = {field.name: field.id for field in (*self.inputs, *self.options)}
        for row in self.rows:
            found |= {f"row.{row.n}.name": row.id, row.value.name: row.value.id}
            if row.name:
                found[row.fault] = row.value.id
        return found


def form_of(name: str, *, app: App | None = None, budgeted: bool = False) -> JobForm:
    """The form of a model.

    Args:
        name: Its endpoint or reference name, or `workflow/<id>` and so on.
        app: What RunningHub tells of an app.
        budgeted: Whether a budget takes a ComfyUI job's max_price as what to hold for it.

    Raises:
        NotFound: There is no such model.
    """
    if not COMFY.fullmatch(name):
        model = find(name)
        return JobForm(
            model=model.endpoint,
            record=model,
            params=model.params,
            options=option_params(model.endpoint, model),
            free=not model.params,
        )
    params: tuple[Param, ...] = ()
    if app is not None:
        params = tuple(map(_app_param, app.fields))
    options = option_params(name, None, budgeted=budgeted)
    return JobForm(model=name, record=None, params=params, options=options, free=not params)


def read(form: JobForm, posted: Posted) -> Asked:
    """The job that a posted form asks for."""
    given, faults = _input(form, posted)
    metadata, wrong = read_metadata(posted)
    known = form.once
    if form.free:
        known += row_names(posted)
    request = {
        "model": form.model,
        "input": given,
        "options": read_options(form.options, posted),
        "metadata": metadata,
        PRIORITY: read_priority(posted),
    }
    if tenant := posted.one(TENANT):
        request[TENANT] = tenant
    return Asked(
        request=request, faults=[*name_faults(posted, known, form.several), *faults, *wrong]
    )


def _input(form: JobForm, posted: Posted) -> tuple[dict[str, Any], list[Fault]]:
    if form.free:
        return read_rows(posted).values()
    values = {
        param.name: value_of(param, texts)
        for param in form.params
        if (texts := posted.texts.get(f"input.{param.name}"))
    }
    return {name: value for name, value in values.items() if value is not None}, []


def shown(form: JobForm, posted: Posted) -> Shown:
    """The fields of a form, with what was posted; those that were not have their default."""
    texts, notes, rows = posted.texts, dict[str, list[str]](), list[Row]()
    if form.record:
        notes = notes_of(form.record.rules)
    if form.free:
        rows = read_rows(posted).shown()
    return Shown(
        inputs=[
            field_of(p, texts.get(f"input.{p.name}"), notes=notes.get(p.name, ()))
            for p in form.params
        ],
        rows=rows,
        options=[
            *(option_field(param, texts.get(f"options.{param.name}")) for param in form.options),
            priority_field(texts.get(PRIORITY)),
            metadata_field(texts.get(METADATA)),
        ],
    )


def _boxes(param: Param) -> bool:
    """Whether it is filled in by ticking boxes, each of which posts a text of its own."""
    return param.list and param.type == "enum"


def _app_param(field: AppField) -> Param:
    known: dict[str, Any] = {"type": APP_TYPES.get(field.type, "string")}
    if field.choices and len(field.choices) <= MOST_CHOICES:
        known = {"type": "enum", "values": field.choices}
    # The app's own file is on RunningHub's machines, and no value that a job could name.
    if field.default is not None and known["type"] not in MEDIA:
        known["default"] = value_of(Param(name=field.key, required=False, **known), [field.default])
    return Param(name=field.key, required=False, **known)
