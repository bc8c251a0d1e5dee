"""Whether this process lives, and whether jobs can be done."""

from typing import Literal

from flask import Blueprint, current_app
from typing_extensions import TypedDict

from runhook.webhook.edge.declared import gives
from runhook.webhook.edge.problems import SOON, away
from runhook.webhook.edge.responses import Answer, answer
from runhook.webhook.edge.scopes import open_to
from runhook.worker.errors import StoreUnavailable
from runhook.worker.wiring import Wiring

blueprint = Blueprint("health", __name__)


class AliveView(TypedDict):
    """This process answers.

    Attributes:
        status: Always this.
    """

    status: Literal["ok"]


class ReadyView(TypedDict):
    """Whether jobs can be done.

    Attributes:
        status: 503 comes with `not ready`.
        redis: Whether Redis answers.
        workers: How many are alive; null: nobody knows.
    """

    status: Literal["ready", "not ready"]
    redis: Literal["ok", "away"]
    workers: int | None


@blueprint.get("/healthz")
@open_to("anybody")
def alive() -> Answer[AliveView]:
    """This process answers, whatever the query says: who checks may add what keeps caches away."""
    return answer({"status": "ok"})


@blueprint.get("/readyz")
@open_to("anybody")
@gives(200, 503)
def ready() -> Answer[ReadyView]:
    """Redis and at least one worker are there; the query is free here, too."""
    w: Wiring = current_app.extensions["runhook"]
    try:
        w.store.ping()
        workers = w.store.processes.alive("worker")
    except StoreUnavailable as error:
        away.add(why=str(error))  # where Redis is, anybody may ask here and need not know
        return _not_ready({"status": "not ready", "redis": "away", "workers": None})
    # Without one, jobs are taken and stay queued: a balancer that waits for ready must not send
    # them here.
    if not workers:
        return _not_ready({"status": "not ready", "redis": "ok", "workers": 0})
    return answer({"status": "ready", "redis": "ok", "workers": workers})


def _not_ready(view: ReadyView) -> Answer[ReadyView]:
    found = answer(view, 503)
    found.headers["Retry-After"] = SOON
    return found
