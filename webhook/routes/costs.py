"""/v1/costs: what days cost, by day, model, tenant or metadata."""

from dataclasses import replace
from typing import Annotated

from flask import Blueprint, Response
from pydantic import BeforeValidator, ValidationInfo

from runhook.webhook.edge.limits import COUNTING
from runhook.webhook.edge.queries import LabelledQuery, labels, query, read_query, takes
from runhook.webhook.edge.responses import answer, wiring
from runhook.webhook.edge.scopes import caller, only, open_to
from runhook.worker import catalogue
from runhook.worker.domain.bodies import Moment, Tenant, fact, refused
from runhook.worker.flows.costs import by_faults, costs
from runhook.worker.money.report import costs_view
from runhook.worker.money.rows import RowFilter

blueprint = Blueprint("costs", __name__, url_prefix="/v1/costs")
blueprint.before_request(read_query)


def _dimensions(value: object, info: ValidationInfo) -> object:
    names = tuple(dict.fromkeys(str(value).split(",")))
    for fault in by_faults(names, fact(info, "indexed")):
        raise refused(fault.message, fault.allowed, nearest=fault.nearest)
    return names


class CostsQuery(LabelledQuery):
    """Which days and jobs are counted, and what the sums are parted by."""

    by: Annotated[tuple[str, ...], BeforeValidator(_dimensions)] = ("day",)
    model: str | None = None
    tenant: Tenant | None = None
    since: Moment | None = None
    until: Moment | None = None


@blueprint.get("")
@open_to("read", "submit")
@takes(CostsQuery)
def get_costs() -> Response:
    """What days cost; a submit token sees its own tenant's."""
    asked, mine = query(CostsQuery), only()
    wanted = RowFilter(
        model=catalogue.listed_as(asked.model), tenant=mine or asked.tenant, labels=labels()
    )
    with COUNTING.take(caller().name):
        found = costs(wiring(), wanted, by=asked.by, since=asked.since, until=asked.until)
    if mine is not None and asked.tenant not in (None, mine):
        found = replace(found, sums=(), totals=(), budgets=())  # as if the other had none
    return answer(costs_view(found))
