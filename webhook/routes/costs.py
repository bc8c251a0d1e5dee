"""/v1/costs: what days cost, by day, model, tenant or metadata."""

from flask import Blueprint

from runhook.webhook.edge.declared import gives
from runhook.webhook.edge.limits import COUNTING
from runhook.webhook.edge.queries import labels, query, read_query, takes
from runhook.webhook.edge.responses import Answer, answer, wiring
from runhook.webhook.edge.scopes import caller, only, open_to
from runhook.worker.domain.problem_kinds import NOT_FOUND
from runhook.worker.flows.costs import CostsQuery, ledger_view
from runhook.worker.money.report import CostsView

blueprint = Blueprint("costs", __name__, url_prefix="/v1/costs")
blueprint.before_request(read_query)


@blueprint.get("")
@open_to("read", "submit")
@takes(CostsQuery)
@gives(problems=(NOT_FOUND,))
def get_costs() -> Answer[CostsView]:
    """What days cost; a submit token sees its own tenant's."""
    with COUNTING.take(caller().name):
        return answer(ledger_view(wiring(), query(CostsQuery), labels(), only=only()))
