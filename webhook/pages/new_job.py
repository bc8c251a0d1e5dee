"""/new: every model to choose from, and a form of each, which the server checks and prices.

A form does the same with scripts and without: it is posted, and answered with the page and its
faults, or it leads to the job. Its key makes one job of a doubled click, and of two that are sent
because the first one's answer was lost.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from flask import Response, g, request
from pydantic import BeforeValidator, Field

from runhook.config.catalogue import KINDS
from runhook.webhook.edge.forgery import FIELD
from runhook.webhook.edge.limits import ASKING
from runhook.webhook.edge.queries import Query, query, read_query, takes
from runhook.webhook.edge.responses import answer, wiring
from runhook.webhook.edge.scopes import caller, hide_job, only, open_to
from runhook.webhook.forms import posted as posting
from runhook.webhook.forms.carrying import Carried, carried, filled
from runhook.webhook.forms.form import TENANT, Asked, JobForm, form_of, read, shown
from runhook.webhook.forms.keys import KEY, is_key, key_behind, new_key
from runhook.webhook.forms.posted import Posted
from runhook.webhook.pages import shell
from runhook.webhook.pages.model_list import listed
from runhook.webhook.pages.offers import UNKNOWN, Offer
from runhook.webhook.pages.trials import Told, Trial, asker, told, trial
from runhook.worker import catalogue
from runhook.worker.catalogue.views import asset_view
from runhook.worker.domain.bodies import JobId, ModelWord, fits, key_fault, one_of, refused
from runhook.worker.domain.jobs import Job
from runhook.worker.domain.problems import problem_view
from runhook.worker.errors import (
    Conflict,
    Fault,
    InvalidRequest,
    NotFound,
    RunhookError,
    StoreUnavailable,
)
from runhook.worker.flows import create
from runhook.worker.flows.steps.inputs import app_fields
from runhook.worker.flows.steps.pricing import has_budget

FILE = "file."  # before the name of the field that a file of the browser's machine is for
NO_KEY = "is missing: open this page again, or a doubled click could be paid twice"
AGAIN = "Press it again if you agree to that."
# Of the moment only: the job may have ended before this is read.
SUBMITTED = "Submitted."
AWAY = (
    "Redis does not answer, so the job may have been taken or not. Send this very page again in a "
    "moment, and it is paid once; a form that is opened anew would be another job."
)
MADE = "This form had made this job already; nothing new was made or paid."

blueprint = shell.blueprint("new_job", __name__)
blueprint.before_request(read_query)


class SourceQuery(Query):
    """Another job, whose input the form begins with."""

    source: Annotated[JobId | None, Field(alias="from")] = None


class FormQuery(SourceQuery):
    """Which form it is: the browser brings its key along whenever it comes back."""

    key: Annotated[str, fits(is_key, "must be a form's key", KEY.pattern)] | None = None


def _count(text: object) -> object:
    """How many models stand before a page; there are fewer than a thousand."""
    digits = str(text)
    if digits.isdecimal() and len(digits) <= 3:
        return int(digits)
    raise refused("must be a number from 0 to 999")


class ModelsQuery(SourceQuery):
    """Which models are looked for."""

    q: ModelWord = ""
    output: Annotated[str, one_of(("", *KINDS))] = ""
    skip: Annotated[int, BeforeValidator(_count)] = 0


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A form and how far it is.

    Attributes:
        form: Of which model.
        posted: What stands in it.
        left: Values that it was to begin with, and does not take.
        key: By which it is paid once.
        made: The job that it has made already, if any.
    """

    form: JobForm
    posted: Posted
    left: Sequence[str] = ()
    key: str
    made: str | None = None


@blueprint.get("/new")
@open_to("read", "submit")
@takes(ModelsQuery)
def show() -> Response:
    """The models, with what they make and cost."""
    asked = query(ModelsQuery)
    if asked.source:
        return shell.lead_to(f"/new/{_job(asked.source).spec.model}?from={asked.source}")
    return shell.page("new.html", found=listed(asked.q, asked.output, asked.skip), asked=asked)


@blueprint.get("/new/<path:name>")
@open_to("read", "submit")
@takes(FormQuery)
def show_form(name: str) -> Response:
    """The form of a model, empty or with another job's input; with a key in its address."""
    asked = query(FormQuery)
    if asked.source:
        form, carry = _made_after(name, _job(asked.source))
    else:
        form, carry = _form(name), Carried(Posted({}), ())
    if asked.key is None:
        fields = asked.model_dump(by_alias=True, exclude_none=True) | {"key": new_key()}
        return shell.lead_to(f"/new/{quote(name)}?{urlencode(fields)}")
    begun = Begun(
        form=form, posted=carry.posted, left=carry.left, key=asked.key, made=_made(asked.key)
    )
    return _page(begun, trial(form, read(form, begun.posted)), silent=asked.source is None)


def _made_after(name: str, job: Job) -> tuple[JobForm, Carried]:
    """The form of a model with another job's input, and that job's tenant where it is another's.

    For what the input names, as its outputs, is that tenant's too.
    """
    tenant = ""
    # As `post_form` will have it, which a token that reads everybody's jobs may send for itself.
    if caller().tenant_in(("submit",)) is None and job.tenant != caller().name:
        tenant = job.tenant
    form = _form(name, tenant)
    found = filled(form, job.spec.input, job.spec.options)
    return form, Carried(Posted({**found.posted.texts, TENANT: [tenant]}), found.left)


@blueprint.post("/new/files")
@open_to("submit")
def keep_file() -> Response:
    """Keep a file for a form at once, so that sending the form does not wait for it."""
    file = request.files.get("file")
    if file is None:
        raise InvalidRequest([Fault(path="file", message="is required")])
    asset = create.keep(wiring(), file.filename or "file", file.stream, caller().name)
    return answer(asset_view(asset, only()), 201)


@blueprint.post("/new/<path:name>")
@open_to("submit")
def post_form(name: str) -> Response:
    """Check a form and say what it costs, change its model, or put the job into the queue."""
    pairs = (pair for pair in request.form.items(multi=True) if pair[0] != FIELD)
    posted, faults = posting.read(pairs)
    form = _form(name, posted.one(TENANT))
    if posted.one("do") == "switch":
        return _switched(form, posted)
    posted, unkept = _with_files(form, posted)
    asked = read(form, posted)
    asked = Asked(request=asked.request, faults=[*faults, *unkept, *asked.faults])
    begun = Begun(form=form, posted=posted, key=posted.one("key"))
    if posted.one("do") == "submit":
        return _submit(begun, asked)
    return _page(begun, trial(form, asked))


def _made(key: str) -> str | None:
    """The job that a form has made already; None where it has made none."""
    return create.made_by_key(wiring(), caller().name, key)


def _submit(begun: Begun, asked: Asked) -> Response:
    """Queue the job, or answer with the form and why it was not taken."""
    faults = list(asked.faults)
    if key_fault(begun.key, "key"):
        faults.append(Fault(path="key", message=NO_KEY))
    if faults:
        again = Asked(request=asked.request, faults=faults)
        return _page(begun, trial(begun.form, again), shell.REFUSED)
    given, who = dict(asked.request), caller().name
    try:
        if dearer := _not_agreed(begun, asked):
            # What it made before is paid already, whatever it would cost now.
            if made := create.made_under(wiring(), begun.key, given, owner=who, asker=asker()):
                return shell.done(f"/jobs/{made.id}", MADE)
            return dearer
        new, job = create.accept(wiring(), given, owner=who, key=begun.key, asker=asker())
    except InvalidRequest:
        return _page(begun, trial(begun.form, asked), shell.REFUSED)
    except RunhookError as error:
        return _refused(begun, asked, error)
    return shell.done(f"/jobs/{job.id}", {True: SUBMITTED, False: MADE}[new])


def _not_agreed(begun: Begun, asked: Asked) -> Response | None:
    """The form once more where it costs something else than its button said.

    Without scripts, and a moment after a keystroke with them, the button tells the price of what
    stood in the form before.
    """
    agreed = begun.posted.one("agreed", UNKNOWN)
    if agreed == UNKNOWN:  # whatever it costs
        return None
    found = trial(begun.form, asked)
    if found.faults or found.offer.button == agreed:
        return None
    problem = (
        f"Nothing was sent: the button said {agreed}, and this is {found.offer.button}. {AGAIN}"
    )
    return _page(begun, found, shell.REFUSED, problem=problem)


def _refused(begun: Begun, asked: Asked, error: RunhookError) -> Response:
    """The form, and why it was not taken where no field is wrong."""
    if isinstance(error, Conflict):
        # It was sent before with other values: as it is now it asks for another job.
        key = key_behind(begun.key, create.canonical(dict(asked.request)))
        begun = Begun(form=begun.form, posted=begun.posted, key=key)
    problem = problem_view(error)
    if isinstance(error, StoreUnavailable):
        # With its key: without this page whoever pays again would pay for another job.
        return _page(begun, _as_agreed(begun, asked), problem["status"], problem=AWAY)
    return _page(begun, trial(begun.form, asked), problem["status"], problem=problem["detail"])


def _as_agreed(begun: Begun, asked: Asked) -> Trial:
    """A form with the price that its button had, while nobody can be asked for a better one."""
    button = begun.posted.one("agreed", UNKNOWN)
    price = button.removeprefix("Pay ")
    return Trial(Offer(button=button, price=price, why="as it was agreed to"), asked.faults)


def _switched(form: JobForm, posted: Posted) -> Response:
    """The form of another model with the values that both take."""
    tenant = posted.one(TENANT)
    before = _form(posted.one("of", form.model), tenant)
    if before.model == form.model:
        try:
            form = _form(posted.one("other"), tenant)
        except NotFound as missing:
            unknown = Asked(request=read(form, posted).request, faults=[_no_model(missing)])
            begun = Begun(form=form, posted=posted, key=posted.one("key"))
            return _page(begun, trial(form, unknown), shell.REFUSED)
    carry = carried(form, before, posted)
    key = key_behind(posted.one("key"), form.model.encode())
    begun = Begun(form=form, posted=carry.posted, left=carry.left, key=key, made=_made(key))
    return _page(begun, trial(form, read(form, begun.posted)), silent=True)


def _no_model(missing: NotFound) -> Fault:
    return Fault(path="other", message=str(missing))


def _with_files(form: JobForm, posted: Posted) -> tuple[Posted, list[Fault]]:
    """The form with the files that came in it, kept, in the place of their fields."""
    texts, faults = dict(posted.texts), list[Fault]()
    lists = {f"input.{param.name}" for param in form.params if param.list}
    for name, file in request.files.items(multi=True):
        if not file.filename:
            continue  # an empty field
        field = name.removeprefix(FILE)
        try:
            kept = create.keep(wiring(), file.filename, file.stream, caller().name)
        except InvalidRequest as invalid:
            faults += [Fault(path=field, message=one.message) for one in invalid.faults]
            continue
        text = f"asset:{kept.id}"
        if field in lists:
            # A script may have kept it already while the form was on its way.
            lines = dict.fromkeys([*"\n".join(texts.get(field, ())).split("\n"), text])
            text = "\n".join(filter(None, lines))
        texts[field] = [text]
    return Posted(texts), faults


def _form(name: str, tenant: str = "") -> JobForm:
    """The form of a model; RunningHub is asked for an app's fields once.

    Args:
        name: The model.
        tenant: Whose job it will be; empty: that of whoever asks for it.

    Raises:
        NotFound: There is no such model.
    """
    w, app = wiring(), None
    named = catalogue.APP.fullmatch(name) or catalogue.QUICK.fullmatch(name)
    with ExitStack() as place:
        if named and w.store.assets.app(named[1]) is None:
            place.enter_context(ASKING.take(caller().name))
        if named:
            app = app_fields(w, name)
    return form_of(name, app=app, budgeted=has_budget(w, only() or tenant or caller().name))


def _job(job_id: str) -> Job:
    """Another job, as far as whoever looks may know it."""
    tenant = only()
    if tenant is not None:
        hide_job(tenant, job_id)
    return wiring().store.jobs.get(job_id)


def _page(
    begun: Begun, found: Trial, status: int = 200, *, problem: str = "", silent: bool = False
) -> Response:
    """The page of a form; `silent`: its faults are not told, for nobody has filled it in yet."""
    g.below = "new_job.show"
    form, view, said = begun.form, shown(begun.form, begun.posted), Told()
    ids = view.names | {"other": "f-other"}
    if not silent:
        said = told(found.faults, ids)
    siblings: list[Any] = []
    if form.record:
        siblings = catalogue.siblings(form.record)
    return shell.page(
        "new_model.html",
        status,
        form=form,
        view=view,
        offer=found.offer,
        told=said,
        ids=ids,
        problem=problem,
        may_pay=shell.may("new_job.post_form"),
        key=begun.key,
        tenant=begun.posted.one(TENANT),
        made=begun.made,
        left=begun.left,
        siblings=siblings,
        other=begun.posted.one("other"),
        endpoints=[one.endpoint for one in catalogue.models() if not one.deprecated],
    )
