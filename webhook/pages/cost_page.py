"""/costs: what days cost, by day, model, tenant or metadata, drawn and listed; and the budgets."""

from collections.abc import Mapping
from typing import Any

from flask import Response, request

from runhook.webhook.edge.limits import COUNTING
from runhook.webhook.edge.responses import wiring
from runhook.webhook.edge.scopes import caller, only, open_to
from runhook.webhook.pages.asking import read_form, told
from runhook.webhook.pages.ledger_rows import gauge_of, ordered, plot_of, rows_of, total_text
from runhook.webhook.pages.shell import REFUSED, page
from runhook.webhook.pages.shell import blueprint as blueprint_of
from runhook.worker.domain.metadata import PREFIX
from runhook.worker.errors import InvalidRequest
from runhook.worker.flows.costs import CostsQuery, ledger
from runhook.worker.money.report import Costs
from runhook.worker.money.rows import DAY, DIMENSIONS, TENANT

MOST_ROWS = 100  # of the table: 40 KB of a page, and more than anybody reads
HEADS = ("charged", "", "jobs", "run time", "at risk")  # of the table, behind what sums are of

blueprint = blueprint_of("cost_page", __name__)


@blueprint.get("/costs")
@open_to("read", "submit")
def show() -> Response:
    """The ledger; a submit token sees its own tenant's."""
    w, asked = wiring(), read_form(CostsQuery, request.args)
    if asked.query is None:
        return _page(None, asked.given, asked.faults, REFUSED)
    try:
        with COUNTING.take(caller().name):
            found = ledger(
                w, asked.query, asked.labels, only=only(), usual=w.settings.budget_currency
            )
    except InvalidRequest as invalid:
        return _page(None, asked.given, told(invalid.listed), REFUSED)
    return _page(found, asked.given, {})


def _page(
    found: Costs | None, given: Mapping[str, str], faults: Mapping[str, str], status: int = 200
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
        "others": [f"{path} {text}" for path, text in faults.items() if path not in _fields()],
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
