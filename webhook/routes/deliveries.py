"""/v1/deliveries and /v1/recover: what was told to whom, and telling it again."""

from itertools import islice

from flask import Blueprint, Response, request

from runhook.webhook.edge.answers import (
    answer,
    cursor_of,
    known_parameters,
    page_size,
    takes,
    wiring,
)
from runhook.webhook.edge.bodies import json_body
from runhook.webhook.edge.limits import RECOVERING
from runhook.webhook.edge.scopes import caller, forbidden, hide_job, only, open_to
from runhook.worker.delivery import deliveries
from runhook.worker.delivery.deliveries import Filter, delivery_document
from runhook.worker.delivery.roster import word_of_absence
from runhook.worker.errors import Fault, InvalidRequest
from runhook.worker.flows import recover
from runhook.worker.store.delivered import STATES
from runhook.worker.store.deliveries import is_delivery_id

LARGEST = 4096

blueprint = Blueprint("deliveries", __name__, url_prefix="/v1")
blueprint.before_request(known_parameters)


@blueprint.get("/deliveries")
@open_to("read", "submit")
@takes("state", "job", "handler", "cursor", "limit")
def list_deliveries() -> Response:
    """Deliveries, those of the newest events first, each with every attempt."""
    given = request.args
    state, faults = given.get("state"), list[Fault]()
    if state is not None and state not in STATES:
        faults.append(Fault("state", f"must be one of {', '.join(STATES)}", STATES))
    most = page_size(given.get("limit"), faults)
    cursor = cursor_of(given.get("cursor"), is_delivery_id, faults)
    job = deliveries.job_named(given.get("job"), faults)
    if faults:
        raise InvalidRequest(faults)
    if (tenant := only()) is not None:
        if job is None:
            return forbidden(caller(), "read, or one of its own jobs: ?job=job_…")
        hide_job(tenant, job)
    wanted = Filter(state, given.get("handler"), job)
    behind = deliveries.matching(wiring(), wanted, before=cursor)
    found = list(islice(behind, most + 1))
    items = [delivery_document(one) for one in found[:most]]
    return answer({"items": items, "next": items[-1]["id"] if len(found) > most else None})


@blueprint.get("/deliveries/<delivery_id>")
@open_to("read", "submit")
def get_delivery(delivery_id: str) -> Response:
    """One delivery."""
    return answer(delivery_document(wiring().store.deliveries.get(delivery_id)))


@blueprint.post("/deliveries/<delivery_id>/redeliver")
@open_to("admin")
def redeliver(delivery_id: str) -> Response:
    """Hand one to its handler again: 202, with a `note` if no process has the handler now."""
    again = deliveries.redeliver(wiring(), delivery_id)
    note = word_of_absence(wiring(), again.lane, again.handler)
    return answer(delivery_document(again) | ({"note": note} if note else {}), 202)


@blueprint.post("/deliveries/redeliver")
@open_to("admin")
def redeliver_many() -> Response:
    """Hand all that match to their handlers again; dead ones unless `state` says otherwise.

    `{"state"?, "handler"?, "job"?, "since"?, "until"?, "dry_run"?}`
    """
    wanted, dry_run = deliveries.read_filter(wiring(), json_body(LARGEST, empty=True))
    with RECOVERING.take(caller().name):
        told, skipped = deliveries.redeliver_all(wiring(), wanted, dry_run=dry_run)
    found = {"redelivered": told, "skipped": skipped, "dry_run": dry_run}
    return answer(found, 200 if dry_run else 202)


@blueprint.post("/recover")
@open_to("admin")
def post_recover() -> Response:
    """Make good what is missing of a span.

    `{"since", "until"?, "handler"?, "new_handlers"?, "dry_run"?}`
    """
    span, dry_run = recover.read_range(wiring(), json_body(LARGEST))
    with RECOVERING.take(caller().name):
        found = recover.recover(wiring(), span, dry_run=dry_run)
    return answer(found.document() | {"dry_run": dry_run})
