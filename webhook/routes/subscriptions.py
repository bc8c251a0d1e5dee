"""/v1/subscriptions: who gets events over HTTP. A secret is shown once, when it is made."""

from collections.abc import Iterator
from functools import partial

import orjson
from flask import Blueprint, url_for

from runhook.webhook.edge.bodies import body, body_as, no_body, reads
from runhook.webhook.edge.declared import gives
from runhook.webhook.edge.limits import TESTS
from runhook.webhook.edge.queries import read_query
from runhook.webhook.edge.responses import Answer, Done, answer, wiring
from runhook.webhook.edge.scopes import caller, open_to
from runhook.worker.delivery import subscriptions
from runhook.worker.delivery.answers import SampleView, SecretView, SubscriptionView
from runhook.worker.delivery.subscriptions import (
    NewSubscription,
    SampleRequest,
    SecretRotation,
    SubscriptionPatch,
)
from runhook.worker.delivery.views import sample_view, subscription_view
from runhook.worker.domain.answers import Page
from runhook.worker.store import Subscription

LARGEST = 64 * 1024  # bytes of a body: filters, the longest URL, and room
A_SUBSCRIPTION = {
    "url": "https://example.com/hook",
    "events": ["job.succeeded"],
    "models": ["vidu/*"],
}

blueprint = Blueprint("subscriptions", __name__, url_prefix="/v1/subscriptions")
blueprint.before_request(read_query)


@blueprint.post("")
@open_to("admin")
@reads(NewSubscription, largest=LARGEST, example=A_SUBSCRIPTION)
@gives(201)
def post_subscription() -> Answer[SecretView]:
    """Have events posted to a URL: 201 with the secret that signs them."""
    wanted = body_as(partial(subscriptions.read_new, wiring()))
    made, secret = subscriptions.create(wiring(), wanted)
    response = answer(_with_secret(made, secret), 201)
    response.headers["Location"] = url_for(".get_subscription", subscription_id=made.id)
    return response


@blueprint.get("")
@open_to("read")
def list_subscriptions() -> Answer[Page[SubscriptionView]]:
    """Every subscription, the oldest first."""
    found = wiring().store.subscriptions.all()
    return answer({"items": [_view(one) for one in found], "next": None})


@blueprint.get("/<subscription_id>")
@open_to("read")
def get_subscription(subscription_id: str) -> Answer[SubscriptionView]:
    """One subscription, how deliveries to it go, and how much it has missed."""
    return answer(_view(wiring().store.subscriptions.get(subscription_id)))


@blueprint.patch("/<subscription_id>")
@open_to("admin")
@reads(SubscriptionPatch, largest=LARGEST, example={"enabled": False})
def patch_subscription(subscription_id: str) -> Answer[SubscriptionView]:
    """Change what the body names. Enabled again, it says how much it missed and how to send it."""
    patch = body_as(partial(subscriptions.read_patch, wiring()))
    return answer(_view(subscriptions.change(wiring(), subscription_id, patch)))


@blueprint.delete("/<subscription_id>")
@open_to("admin")
@gives(204)
def delete_subscription(subscription_id: str) -> Done:
    """Tell it nothing any more, and forget what it missed."""
    no_body()
    wiring().store.subscriptions.remove(subscription_id)
    return Done()


@blueprint.post("/<subscription_id>/rotate")
@open_to("admin")
@reads(SecretRotation, largest=LARGEST, empty=True, example={"overlap": 3600})
def rotate_secret(subscription_id: str) -> Answer[SecretView]:
    """A new secret; the old one signs too for a day, or for `{"overlap": seconds}`."""
    overlap = body(SecretRotation).overlap
    changed, secret = subscriptions.rotate(wiring(), subscription_id, overlap)
    return answer(_with_secret(changed, secret))


@blueprint.post("/<subscription_id>/test")
@open_to("admin")
@reads(SampleRequest, largest=LARGEST, empty=True, example={"type": "job.failed"})
def test_subscription(subscription_id: str) -> Answer[SampleView]:
    """Post a sample of `{"type": ...}` there now, and say how it went."""
    event_type = body(SampleRequest).type
    w = wiring()
    subscription = w.store.subscriptions.get(subscription_id)
    # Refused before the answer begins: afterwards the status is sent and nothing can be said.
    place = TESTS.take(caller().name)

    def tested() -> Iterator[bytes]:
        outcome = subscriptions.try_out(w, subscription, event_type)
        yield orjson.dumps(sample_view(event_type, outcome))

    # Streamed, so that the wait for the subscriber takes no other's thread.
    response: Answer[SampleView] = Answer(tested(), content_type="application/json")
    response.call_on_close(place.leave)
    return response


def _with_secret(subscription: Subscription, secret: str) -> SecretView:
    return {**_view(subscription), "secret": secret}


def _view(subscription: Subscription) -> SubscriptionView:
    store = wiring().store
    health = store.subscriptions.health(subscription.id)
    missed = store.deliveries.count("dead", subscription.id)
    return subscription_view(subscription, health, missed)
