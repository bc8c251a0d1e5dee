"""Whether this process lives, and whether jobs can be done."""

from flask import Blueprint, Response, current_app, jsonify

from runhook.webhook.edge.scopes import open_to
from runhook.worker.errors import StoreUnavailable
from runhook.worker.telemetry import report
from runhook.worker.wiring import Wiring

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@open_to("anybody")
def alive() -> Response:
    """This process answers."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
@open_to("anybody")
def ready() -> tuple[Response, int]:
    """Redis and at least one worker are there."""
    w: Wiring = current_app.extensions["runhook"]
    try:
        w.store.ping()
        workers = w.store.processes.alive("worker")
    except StoreUnavailable as error:
        report(
            "redis.away", why=str(error)
        )  # where Redis is, anybody may ask here and need not know
        return jsonify(status="not ready", redis="away", workers=None), 503
    # Without one, jobs are taken and stay queued: a balancer that waits for ready must not send
    # them here.
    if not workers:
        return jsonify(status="not ready", redis="ok", workers=0), 503
    return jsonify(status="ready", redis="ok", workers=workers), 200
