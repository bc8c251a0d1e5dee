"""/v1/queue and /v1/account: what waits, what is in flight, what is left."""

from flask import Blueprint, Response

from runhook.webhook.edge.asking import asking
from runhook.webhook.edge.queries import read_query
from runhook.webhook.edge.receiving import read_body
from runhook.webhook.edge.responses import answer, wiring
from runhook.webhook.edge.scopes import open_to
from runhook.worker.domain.bodies import Body
from runhook.worker.flows import costs

LARGEST = 1024  # bytes of a body, which says one word

blueprint = Blueprint("account", __name__, url_prefix="/v1")
blueprint.before_request(read_query)


class QueueChange(Body):
    """What the queue is to do: stand still, or go on."""

    paused: bool


@blueprint.get("/queue")
@open_to("read")
def get_queue() -> Response:
    """How the queue stands."""
    return answer(wiring().store.queue.state().document())


@blueprint.post("/queue")
@open_to("admin")
def post_queue() -> Response:
    """Stop the queue or let it go on: `{"paused": true}`."""
    queue = wiring().store.queue
    queue.pause(read_body(QueueChange, LARGEST).paused)
    return answer(queue.state().document())


@blueprint.get("/account")
@open_to("read")
def get_account() -> Response:
    """What the account has left and may run at once, as RunningHub says now."""
    with asking():
        return answer(costs.account(wiring()))
