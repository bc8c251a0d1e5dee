"""/v1/handlers: the handlers, what waits for each, and ending what waits in vain."""

from flask import Blueprint

from runhook.webhook.edge.bodies import no_body
from runhook.webhook.edge.declared import gives
from runhook.webhook.edge.queries import read_query
from runhook.webhook.edge.responses import Answer, answer, wiring
from runhook.webhook.edge.scopes import open_to
from runhook.worker.delivery import roster
from runhook.worker.delivery.answers import EndedView, HandlerView
from runhook.worker.delivery.views import handler_view
from runhook.worker.domain.answers import Page
from runhook.worker.domain.problem_kinds import CONFLICT

blueprint = Blueprint("handlers", __name__, url_prefix="/v1/handlers")
blueprint.before_request(read_query)


@blueprint.get("")
@open_to("read")
def list_handlers() -> Answer[Page[HandlerView]]:
    """Every handler, whether a process has it, and what waits for it."""
    items = [handler_view(member) for member in roster.members(wiring())]
    return answer({"items": items, "next": None})


@blueprint.delete("/<name>")
@open_to("admin")
@gives(problems=(CONFLICT,))
def delete_handler(name: str) -> Answer[EndedView]:
    """End what waits for one that will not come back: 200 with how many were still to be told."""
    no_body()
    return answer({"name": name, "ended": roster.end(wiring(), name)})
