"""/v1/costs: what days cost, by day, model, tenant or metadata."""

from flask import Blueprint, Response

from runhook.webhook.edge.limits import COUNTING
from runhook.webhook.edge.queries import labels, query, read_query, takes
from runhook.webhook.edge.responses import answer, wiring
from runhook.webhook.edge.scopes import caller, only, open_to
from runhook.worker.flows.costs import CostsQuery, ledger_view

blueprint = Blueprint("costs", __name__, url_prefix="/v1/costs")
blueprint.before_request(read_query)


@blueprint.get("")
@open_to("read", "submit")
@takes(CostsQuery)
def get_costs() -> Response:
    """What days cost; a submit token sees its own tenant's."""
    with COUNTING.take(caller().name):
        return answer(ledger_view(wiring(), query(CostsQuery), labels(), only=only()))
