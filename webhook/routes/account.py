"""/v1/queue and /v1/account: what waits, what is in flight, what is left."""

from flask import Blueprint

from runhook.webhook.edge.asking import asking
from runhook.webhook.edge.bodies import body, reads
from runhook.webhook.edge.declared import gives
from runhook.webhook.edge.queries import read_query
from runhook.webhook.edge.responses import Answer, answer, wiring
from runhook.webhook.edge.scopes import open_to
from runhook.worker.domain.answers import AccountView
from runhook.worker.domain.bodies import Body
from runhook.worker.domain.problem_kinds import REFUSED
from runhook.worker.flows import costs
from runhook.worker.store.queue_state import QueueView

LARGEST = 1024  # bytes of a body, which says one word

blueprint = Blueprint("account", __name__, url_prefix="/v1")
blueprint.before_request(read_query)


class QueueChange(Body):
    """What the queue is to do.

    Attributes:
        paused: Stand still; false: go on.
    """

    paused: bool


@blueprint.get("/queue")
@open_to("read")
def get_queue() -> Answer[QueueView]:
    """How the queue stands."""
    return answer(wiring().store.queue.view())


@blueprint.post("/queue")
@open_to("admin")
@reads(QueueChange, largest=LARGEST, example={"paused": False})
def post_queue() -> Answer[QueueView]:
    """Stop the queue or let it go on: `{"paused": true}`."""
    queue = wiring().store.queue
    queue.pause(body(QueueChange).paused)
    return answer(queue.view())


@blueprint.get("/account")
@open_to("read")
@gives(problems=(REFUSED,))
def get_account() -> Answer[AccountView]:
    """What the account has left and may run at once, as RunningHub says now."""
    with asking():
        return answer(costs.account(wiring()))
