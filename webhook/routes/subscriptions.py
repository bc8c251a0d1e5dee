"""/v1/subscriptions: who is told over HTTP. A secret is shown once, when it is made."""

from collections.abc import Iterator
from typing import Any

import orjson
from flask import Blueprint, Response, url_for

from runhook.webhook.edge.answers import answer, known_parameters, wiring
from runhook.webhook.edge.bodies import json_body
from runhook.webhook.edge.limits import TESTS
from runhook.webhook.edge.scopes import caller, open_to
from runhook.worker.delivery import subscriptions
from runhook.worker.delivery.subscriptions import LONGEST_OVERLAP, OVERLAP, subscription_document
from runhook.worker.errors import Fault, InvalidRequest
from runhook.worker.store import Subscription

LARGEST = 64 * 1024

blueprint = Blueprint("subscriptions", __name__, url_prefix="/v1/subscriptions")
blueprint.before_request(known_parameters)


@blueprint.post("")
@open_to("admin")
def post_subscription() -> Response:
    """Have events posted to a URL: 201 with the secret that signs them."""
    wish = subscriptions.read(wiring(), json_body(LARGEST), new=True)
    made, secret = subscriptions.create(wiring(), wish)
    response = answer(_document(made) | {"secret": secret}, 201)
    response.headers["Location"] = url_for(".get_subscription", subscription_id=made.id)
    return response


@blueprint.get("")
@open_to("read")
def list_subscriptions() -> Response:
    """Every subscription, the oldest first."""
    found = wiring().store.subscriptions.all()
    return answer({"items": [_document(one) for one in found], "next": None})


@blueprint.get("/<subscription_id>")
@open_to("read")
def get_subscription(subscription_id: str) -> Response:
    """One subscription, how telling it goes, and how much it has missed."""
    return answer(_document(wiring().store.subscriptions.get(subscription_id)))


@blueprint.patch("/<subscription_id>")
@open_to("admin")
def patch_subscription(subscription_id: str) -> Response:
    """Change what the body names. Enabled again, it says how much it missed and how to send it."""
    wish = subscriptions.read(wiring(), json_body(LARGEST), new=False)
    return answer(_document(subscriptions.change(wiring(), subscription_id, wish)))


@blueprint.delete("/<subscription_id>")
@open_to("admin")
def delete_subscription(subscription_id: str) -> Response:
    """Tell it nothing any more, and forget what it missed."""
    wiring().store.subscriptions.remove(subscription_id)
    return Response(status=204)


@blueprint.post("/<subscription_id>/rotate")
@open_to("admin")
def rotate_secret(subscription_id: str) -> Response:
    """A new secret; the old one signs too for a day, or for `{"overlap": seconds}`."""
    given = json_body(LARGEST, empty=True)
    overlap = given.get("overlap", OVERLAP)
    fine = isinstance(overlap, int | float) and not isinstance(overlap, bool)
    if not fine or not 0 <= overlap <= LONGEST_OVERLAP or set(given) - {"overlap"}:
        text = f'must be nothing, or {{"overlap": 0 to {LONGEST_OVERLAP:g}}} in seconds'
        raise InvalidRequest([Fault("overlap", text)])
    changed, secret = subscriptions.rotate(wiring(), subscription_id, overlap)
    return answer(_document(changed) | {"secret": secret})


@blueprint.post("/<subscription_id>/test")
@open_to("admin")
def test_subscription(subscription_id: str) -> Response:
    """Post a sample of `{"type": ...}` there now, and say how it went."""
    given = json_body(LARGEST, empty=True)
    kind = given.get("type", "job.succeeded")
    if not isinstance(kind, str) or set(given) - {"type"}:
        raise InvalidRequest([Fault("type", "must be an event type, and nothing else is taken")])
    w = wiring()
    subscription = subscriptions.testable(w, subscription_id, kind)
    place = TESTS.take(caller().name)

    def tested() -> Iterator[bytes]:
        outcome = subscriptions.try_out(w, subscription, kind)
        said = {
            "delivered": outcome.word == "done",
            "type": kind,
            "status": outcome.status,
            "answer": outcome.answer,
            "why": outcome.why,
            "took": round(outcome.took, 3),
        }
        yield orjson.dumps(said)

    # Streamed, so that the wait for the subscriber takes no other's thread.
    response = Response(tested(), content_type="application/json")
    response.call_on_close(place.leave)
    return response


def _document(subscription: Subscription) -> dict[str, Any]:
    store = wiring().store
    health = store.subscriptions.health(subscription.id)
    missed = store.deliveries.count("dead", subscription.id)
    return subscription_document(subscription, health, missed)
