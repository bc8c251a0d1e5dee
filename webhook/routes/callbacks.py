"""Where RunningHub reports: verify, write down raw, answer. One Redis round trip, no handler runs.

A URL is unique to one attempt and signed; who has it not can put nothing into Redis.
"""

import re
from collections.abc import Sequence
from typing import Literal

from flask import Blueprint, Response, current_app, request
from werkzeug.exceptions import NotFound, RequestEntityTooLarge, ServiceUnavailable

from runhook.webhook.edge.receiving import body_within
from runhook.webhook.edge.refusals import Refusals
from runhook.webhook.edge.scopes import open_to
from runhook.worker.errors import StoreUnavailable
from runhook.worker.secrets.signing import PATH, PROBE, probe_answer, signed_by_us
from runhook.worker.store import TimelineEntry
from runhook.worker.telemetry import report
from runhook.worker.wiring import Wiring

# Bytes, as the contract has it. Of a larger one nothing is kept: RunningHub is asked instead.
LARGEST = 4 * 1024 * 1024
# Seconds after which RunningHub is asked to send what Redis did not take. It tries again when it
# likes; whatever it does, the job is asked about when it is overdue.
AGAIN_IN = 10
VIA: dict[str, Literal["resend"]] = {"resend": "resend"}  # what `?via=` may say

blueprint = Blueprint("callbacks", __name__)
SIGNED = re.compile(rf"{PATH}/([^/]+)/([0-9]{{1,9}})/([^/]+)")

# What is answered by how one was taken. Of what was enough RunningHub itself is asked about.
RECEIVED = b'{"received":true}'
ANSWERS = {
    "taken": RECEIVED,
    "stray": RECEIVED,
    "enough": b'{"received":true,"kept":false}',
}

wrong_signatures = Refusals("callback.refused", "wrong signature")


def genuine(secrets: Sequence[str], path: str) -> tuple[str, int] | None:
    """Job and attempt of a callback URL of ours; None: it is none."""
    found = SIGNED.fullmatch(path)
    if found is None or not signed_by_us(secrets, found[1], int(found[2]), found[3]):
        return None
    return found[1], int(found[2])


def not_kept(job_id: str, attempt: int, error: StoreUnavailable) -> ServiceUnavailable:
    """503, on record. Never 200: RunningHub would not send it again, and the news would be lost
    until the job is overdue.
    """
    report("callback.not_kept", job=job_id, attempt=attempt, why=str(error))
    return ServiceUnavailable("it could not be written down; send it again", retry_after=AGAIN_IN)


@blueprint.post(f"{PATH}/<job_id>/<int:attempt>/<signature>")
@open_to("anybody")
def callback(job_id: str, attempt: int, signature: str) -> Response:
    """RunningHub says that an attempt ended."""
    w: Wiring = current_app.extensions["runhook"]
    # Before Redis is asked anything, so that strangers cost it nothing. 404 and not 403, as for any
    # path that is not there.
    if not signed_by_us(w.settings.secrets, job_id, attempt, signature):
        wrong_signatures.add()
        raise NotFound("there is no such callback")
    # doctor's probe: answered before Redis, and only a web with the same secret can say this.
    if job_id == PROBE:
        return Response(probe_answer(w.settings.secrets[0], attempt), 200, mimetype="text/plain")
    try:
        body = body_within(request, LARGEST)
        if body is None:
            w.store.jobs.reconcile_now(
                job_id, attempt, TimelineEntry("callback too large", {"attempt": attempt})
            )
            raise RequestEntityTooLarge(f"a callback is at most {LARGEST} bytes")
        # An unknown `via` is a callback still: what it says counts, and not how it came.
        via = VIA.get(request.args.get("via", ""), "callback")
        status = w.store.callbacks.take(job_id, attempt, via, body)
    except StoreUnavailable as error:
        raise not_kept(job_id, attempt, error) from None
    return Response(ANSWERS[status], 200, content_type="application/json")
