"""/v1/deliveries and /v1/recover: what was delivered to whom, and delivering it again."""

from flask import Blueprint

from runhook.webhook.edge.bodies import body, no_body, reads
from runhook.webhook.edge.declared import gives
from runhook.webhook.edge.limits import RECOVERING
from runhook.webhook.edge.queries import query, read_query, takes
from runhook.webhook.edge.responses import Answer, answer, wiring
from runhook.webhook.edge.scopes import caller, forbidden, hide_job, only, open_to
from runhook.worker.delivery import deliveries
from runhook.worker.delivery.answers import DeliveryView, RedeliveredView
from runhook.worker.delivery.deliveries import DeliveriesQuery, RedeliverRequest
from runhook.worker.delivery.roster import word_of_absence
from runhook.worker.delivery.views import delivery_view
from runhook.worker.domain.answers import Page, RecoveredView
from runhook.worker.domain.problem_kinds import CONFLICT, NOT_FOUND
from runhook.worker.domain.views import recovered_view
from runhook.worker.flows import recover
from runhook.worker.flows.recover import RecoverRequest

LARGEST = 4096  # bytes of a body, which has a few words
OF_ONE_JOB = "`?job=` of its own tenant"  # what a list may be narrowed to by tenant

blueprint = Blueprint("deliveries", __name__, url_prefix="/v1")
blueprint.before_request(read_query)


@blueprint.get("/deliveries")
@open_to("read", "submit", submit_with=OF_ONE_JOB)
@takes(DeliveriesQuery)
@gives(problems=(NOT_FOUND,))
def list_deliveries() -> Answer[Page[DeliveryView]]:
    """Deliveries, those of the newest events first, each with every attempt."""
    asked = query(DeliveriesQuery)
    # Deliveries carry no tenant, so a list of many jobs could not be narrowed to its own.
    if (tenant := only()) is not None:
        if asked.job is None:
            raise forbidden(caller(), f"read, or submit with {OF_ONE_JOB}")
        hide_job(tenant, asked.job)
    found = deliveries.page(wiring(), asked)
    return answer({"items": [delivery_view(one) for one in found.items], "next": found.next})


@blueprint.get("/deliveries/<delivery_id>")
@open_to("read", "submit")
def get_delivery(delivery_id: str) -> Answer[DeliveryView]:
    """One delivery."""
    return answer(delivery_view(wiring().store.deliveries.get(delivery_id)))


@blueprint.post("/deliveries/<delivery_id>/redeliver")
@open_to("admin")
@gives(202, problems=(CONFLICT,))
def redeliver(delivery_id: str) -> Answer[DeliveryView]:
    """Hand one to its handler again: 202, with a `note` if no process has the handler now."""
    no_body()
    again = deliveries.redeliver(wiring(), delivery_id)
    view = delivery_view(again)
    # Done all the same: the handler may come back. But whoever waits for it must know.
    if note := word_of_absence(wiring(), again.lane, again.handler):
        view["note"] = note
    return answer(view, 202)


@blueprint.post("/deliveries/redeliver")
@open_to("admin")
@reads(RedeliverRequest, largest=LARGEST, empty=True, example={"since": "2h", "dry_run": True})
@gives(202, 200, problems=(NOT_FOUND,))
def redeliver_many() -> Answer[RedeliveredView]:
    """Hand all that match to their handlers again; dead ones unless `state` says otherwise."""
    asked = body(RedeliverRequest)
    with RECOVERING.take(caller().name):
        count, skipped = deliveries.redeliver_all(wiring(), asked, dry_run=asked.dry_run)
    found: RedeliveredView = {"redelivered": count, "skipped": skipped, "dry_run": asked.dry_run}
    if asked.dry_run:
        return answer(found)
    return answer(found, 202)


@blueprint.post("/recover")
@open_to("admin")
@reads(RecoverRequest, largest=LARGEST, example={"since": "2h", "dry_run": True})
@gives(problems=(NOT_FOUND,))
def post_recover() -> Answer[RecoveredView]:
    """Make good what is missing of a period."""
    asked = body(RecoverRequest)
    period = asked.range(wiring().clock.now())
    with RECOVERING.take(caller().name):
        found = recover.recover(wiring(), period, dry_run=asked.dry_run)
    return answer(recovered_view(found, dry_run=asked.dry_run))
