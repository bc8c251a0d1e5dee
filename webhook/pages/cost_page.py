"""/costs: what days cost, by day, model, tenant or metadata, drawn and listed; and the budgets."""

from typing import Any

from flask import Response, request

from runhook.webhook.edge.limits import COUNTING
from runhook.webhook.edge.responses import wiring
from runhook.webhook.edge.scopes import caller, only, open_to
from runhook.webhook.pages.ledger_rows import gauge_of, ordered, plot_of, rows_of, total_text
from runhook.webhook.pages.shell import blueprint as blueprint_of
from runhook.webhook.pages.shell import page
from runhook.worker.domain.metadata import PREFIX
from runhook.worker.domain.pages import read_parameters
from runhook.worker.errors import Fault, InvalidRequest
from runhook.worker.flows.costs import CostsQuery, ledger
from runhook.worker.money.report import Costs
from runhook.worker.money.rows import DAY, DIMENSIONS, TENANT

MOST_ROWS = 100  # of the table: 40 KB of a page, and more than anybody reads
HEADS = ("charged", "", "jobs", "run time", "at risk")  # of the table, behind what sums are of
INVALID = 422  # the HTTP status of a form with faults

blueprint = blueprint_of("cost_page", __name__)


@blueprint.get("/costs")
@open_to("read", "submit")
def show() -> Response:
    """The ledger; a submit token sees its own tenant's."""
    w, given = wiring(), _given()
    try:
        asked, labels = read_parameters(
            CostsQuery, given, now=w.clock.now(), indexed=w.settings.indexed
        )
        with COUNTING.take(caller().name):
            found = ledger(w, asked, labels, only=only(), usual=w.settings.budget_currency)
    except InvalidRequest as invalid:
        faults = {fault.path: _said(fault) for fault in invalid.faults}
        return _page(None, given, faults, INVALID)
    return _page(found, given, {})


def _page(
    found: Costs | None, given: dict[str, str], faults: dict[str, str], status: int = 200
) -> Response:
    settings = wiring().settings
    dimensions = [name for name in DIMENSIONS if only() is None or name != TENANT]
    dimensions += [f"{PREFIX}{key}" for key in settings.indexed]
    values: dict[str, Any] = {
        "dimensions": dimensions,
        "given": given,
        "chosen": given.get("by", DAY).split(","),
        "labels": [f"{PREFIX}{key}" for key in settings.indexed],
        "faults": faults,
        "others": [text for path, text in faults.items() if path not in _fields()],
        "own": only(),
    }
    if found is None:
        return page("costs.html", status, found=None, **values)
    sums = ordered(found)
    return page(
        "costs.html",
        found=found,
        plot=plot_of(found),
        heads=[*found.by, *HEADS],
        rows=rows_of(found.by, sums[:MOST_ROWS], given),
        left_off=max(0, len(sums) - MOST_ROWS),
        totals=[total_text(one) for one in found.totals],
        gauges=[gauge_of(one, settings.budget_currency) for one in found.budgets],
        **values,
    )


def _fields() -> tuple[str, ...]:
    labels = (f"{PREFIX}{key}" for key in wiring().settings.indexed)
    return ("model", "tenant", "since", "until", "by", *labels)


def _given() -> dict[str, str]:
    """The form's fields that hold something; of several boxes one list."""
    found = {}
    for name, texts in request.args.lists():
        if text := ",".join(filter(None, (one.strip() for one in texts))):
            found[name] = text
    return found


def _said(fault: Fault) -> str:
    """A fault as a sentence beside its field."""
    text = fault.message
    if fault.nearest:
        text += f"; did you mean {fault.nearest}?"
    return text[:1].upper() + text[1:]
