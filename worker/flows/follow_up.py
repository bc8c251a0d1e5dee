"""Jobs that handlers submit: the next of a pipeline, one for each call however often it is made."""

from itertools import count
from typing import Any

from runhook.worker.delivery.handlers import attributes
from runhook.worker.delivery.telling import Submitter
from runhook.worker.domain.events import Event
from runhook.worker.domain.jobs import LOCAL
from runhook.worker.domain.views import job_view
from runhook.worker.errors import Conflict
from runhook.worker.flows import create
from runhook.worker.flows.steps.upstream import Asker
from runhook.worker.wiring import Wiring


def submitter(w: Wiring, event: Event, handler: str) -> Submitter:
    """What a handler that is told of an event submits jobs with.

    They are of the tenant whom the event is about, and see nobody else's. A handler is told at
    least once; the same call of it in the same event is one job, for it has one idempotency key.
    """
    ordinals, tenant = count(1), str(event.detail.get("tenant", LOCAL))
    above: dict[str, Any] = {}
    told_of = w.store.deliveries.name(event.id, handler)
    if event.job:
        tenant, above, told_of = event.job.tenant, {"parent": event.job.id}, event.job.id
    asker = Asker(tenant=tenant, only=tenant, told_of=told_of)

    def submit(given: dict[str, Any]) -> Any:
        if event.sample:
            raise Conflict(f"{event.id} is a sample, so {handler} submits nothing by it")
        # No key of a user's holds a line's end, so none can be like this one.
        key = f"{event.id}\n{handler}\n{next(ordinals)}"
        _, job = create.accept(w, above | given, owner=tenant, key=key, asker=asker)
        return attributes(job_view(job, base=w.settings.public_url))

    return submit
