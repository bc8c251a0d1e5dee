"""/live: which jobs changed, as it happens; an open page then fetches what it shows of them."""

import random
import time
from collections.abc import Iterator, Sequence

import orjson
from flask import Blueprint, Response, current_app, g

from runhook.webhook.edge.responses import wiring
from runhook.webhook.edge.scopes import caller, only, open_to
from runhook.webhook.edge.streams import HEARTBEAT, Hub, Message
from runhook.worker.errors import StoreUnavailable

# ms until a browser connects again, so that a restart of web is hardly seen.
AGAIN = b"retry: 2000\n\n"
# Seconds in which what happens is told together: a page fetches twice a second at most, and a busy
# second is one message to each viewer and not a hundred.
TOGETHER = 0.25
# Seconds at most that one viewer hears of it later than another: pages that all were fetched at one
# moment would keep callbacks waiting.
APART = 0.25
NAMED = 200  # jobs that one message names; of more it says only that there are more

blueprint = Blueprint("live", __name__)


@blueprint.get("/live")
@open_to("read", "submit")
def stream() -> Response:
    """Server-sent events, `{"jobs": [ids], "more": whether there were others}`."""
    hub: Hub = current_app.extensions["runhook.hub"]
    # What it needs is handed to it here: by the time that it is sent, the request is over.
    told = _told(hub, wiring().store.events.newest(), only())
    return hub.stream(caller().name, told, g.session)


def _told(hub: Hub, cursor: str, tenant: str | None) -> Iterator[bytes]:
    yield AGAIN
    while True:
        try:
            found, cursor = hub.after(cursor, HEARTBEAT)
        except StoreUnavailable:
            found = []
            time.sleep(HEARTBEAT)
        seen = _visible(found, tenant)
        if not seen:
            yield b""
            continue
        time.sleep(random.uniform(0, APART))  # noqa: S311 - no secret
        said = {"jobs": seen[:NAMED], "more": len(seen) > NAMED}
        yield b"data: %s\n\n" % orjson.dumps(said)
        time.sleep(TOGETHER)


def _visible(found: Sequence[Message], tenant: str | None) -> list[str]:
    """What changed, each once; of another tenant's jobs nothing is said."""
    jobs = dict.fromkeys(
        message.what.subject
        for message in found
        if tenant is None or (message.what.job and message.what.job.tenant == tenant)
    )
    return list(jobs)
