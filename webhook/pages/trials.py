"""What the server says of a form: its price by a dry run, and each fault at its field."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from werkzeug.exceptions import ServiceUnavailable

from runhook.webhook.edge.limits import ASKING
from runhook.webhook.edge.responses import wiring
from runhook.webhook.edge.scopes import caller, only
from runhook.webhook.forms.form import Asked, JobForm
from runhook.webhook.pages.offers import Offer, estimate, offer
from runhook.worker import catalogue
from runhook.worker.catalogue.answers import DryRunView
from runhook.worker.catalogue.views import dry_run_view
from runhook.worker.errors import Fault, InvalidRequest
from runhook.worker.flows import create
from runhook.worker.flows.steps.pricing import trial_view
from runhook.worker.flows.steps.upstream import Asker


@dataclass(frozen=True)
class Trial:
    """What came of a dry run: what the job costs, and what is wrong with it."""

    offer: Offer
    faults: Sequence[Fault] = ()


@dataclass(frozen=True)
class Told:
    """Faults as a page has them: those of no field, and a sentence for each field that has some."""

    others: Sequence[Fault] = ()
    fields: Mapping[str, str] = field(default_factory=dict)


def asker() -> Asker:
    """Whoever is signed in, as one who asks for a job."""
    return Asker(tenant=caller().name, only=only())


def trial(form: JobForm, asked: Asked) -> Trial:
    """Check a form and price it; nothing is kept, nothing is paid."""
    faults = list(asked.faults)
    try:
        checked = create.trial(wiring(), dict(asked.request), asker=asker())
    except InvalidRequest as invalid:
        faults += invalid.listed
    if faults:
        quote = catalogue.estimate(form.model, asked.request["input"])
        return Trial(estimate(quote, len(faults)), faults)
    return Trial(offer(_priced(checked)))


def _priced(checked: catalogue.Checked) -> DryRunView:
    """The dry run with RunningHub's own price, unless too many ask it at this moment."""
    with ExitStack() as place:
        try:
            place.enter_context(ASKING.take(caller().name))
        except ServiceUnavailable:
            return dry_run_view(checked, None)
        return trial_view(wiring(), checked)


def told(faults: Sequence[Fault], names: Mapping[str, str]) -> Told:
    """Faults by the fields that they are about.

    Args:
        faults: What is wrong.
        names: The fields that there are.
    """
    others, fields = list[Fault](), dict[str, list[str]]()
    for fault in faults:
        name = _field_at(fault.path, names)
        if name:
            fields.setdefault(name, []).append(_sentence(fault, name))
        else:
            others.append(fault)
    return Told(others, {name: "; ".join(said) for name, said in fields.items()})


def _field_at(path: str, names: Mapping[str, str]) -> str:
    """The field that a fault is about: `input.images[1]` is about `input.images`."""
    while path and path not in names:
        path = path[: max(path.rfind("["), path.rfind("."), 0)]
    return path


def _sentence(fault: Fault, name: str) -> str:
    return f"{fault.path.removeprefix(name)} {fault.said}".strip()
