"""HTTP subscribers: taken, changed, told with a signature, rested when they fail, given up at last.

The signature is Standard Webhooks'. Whoever answers 2xx has heard.
"""

import base64
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from standardwebhooks import Webhook

from runhook.worker.catalogue import nearest
from runhook.worker.domain import jobs
from runhook.worker.domain.events import (
    ANSWER_HEAD,
    CONTENT_TYPE,
    TYPES,
    Event,
    Outcome,
    cloud_event,
    sample,
    unknown_types,
)
from runhook.worker.domain.faults import unknown_members
from runhook.worker.domain.jobs import iso
from runhook.worker.domain.receivers import Health
from runhook.worker.domain.views import View
from runhook.worker.errors import Fault, InvalidRequest, NotFound, UnreadableRecord
from runhook.worker.net.outbound import Heard
from runhook.worker.net.untrusted import excerpt
from runhook.worker.secrets.deriving import Kind, derived
from runhook.worker.secrets.sealing import seal, unseal
from runhook.worker.store import Again, Answer, Claim, Subscription
from runhook.worker.store.deliveries import AT_ONCE
from runhook.worker.wiring import Wiring

SECRET_BYTES = 32
OVERLAP = 24 * 3600.0  # seconds that the secret before signs too
LONGEST_OVERLAP = 7 * 24 * 3600.0
LONGEST_WISH, LEAST_WISH = 24 * 3600.0, 1.0  # seconds that Retry-After may ask for
MOST_SECRETS = 4  # that sign beside the newest
MOST_FILTERS, LONGEST_GLOB = 100, 300
FIELDS = ("url", "events", "models", "enabled")


@dataclass(frozen=True)
class SubscriptionPatch:
    """What a request wants of a subscription; None where it says nothing."""

    url: str | None
    events: tuple[str, ...] | None
    models: tuple[str, ...] | None
    enabled: bool | None


def read(w: Wiring, given: Mapping[str, Any], *, new: bool) -> SubscriptionPatch:
    """What a request's JSON wants.

    Raises:
        InvalidRequest: With every fault.
    """
    faults = unknown_members(given, FIELDS)
    url, enabled = given.get("url"), given.get("enabled")
    if url is None and new:
        faults.append(Fault("url", "is missing: where events are posted to"))
    elif url is not None:
        refusal = w.outbound.refusal(url) if isinstance(url, str) else "must be a text"
        faults += [Fault("url", refusal)] if refusal else []
    faults += _type_faults(given) + _list_faults(given, "models")
    if enabled is not None and not isinstance(enabled, bool):
        faults.append(Fault("enabled", "must be true or false"))
    if faults:
        raise InvalidRequest(faults)
    return SubscriptionPatch(url, _texts(given, "events"), _texts(given, "models"), enabled)


def create(w: Wiring, wish: SubscriptionPatch) -> tuple[Subscription, str]:
    """A new subscription and its secret, which is shown this once."""
    now, secret = w.clock.now(), new_secret()
    subscription = Subscription(
        id=jobs.new_id("sub"),
        url=wish.url or "",
        events=wish.events or (),
        models=wish.models or (),
        enabled=wish.enabled is not False,
        secret=seal(w.settings.secrets, secret),
        created_at=now,
        updated_at=now,
    )
    w.store.subscriptions.create(subscription)
    return subscription, secret


def change(w: Wiring, subscription_id: str, wish: SubscriptionPatch) -> Subscription:
    """A subscription changed in what the wish names.

    Raises:
        NotFound: There is none of this id.
    """

    def decide(found: Subscription) -> Subscription:
        enabled = found.enabled if wish.enabled is None else wish.enabled
        return replace(
            found,
            url=found.url if wish.url is None else wish.url,
            events=found.events if wish.events is None else wish.events,
            models=found.models if wish.models is None else wish.models,
            enabled=enabled,
            why="" if wish.enabled is not None else found.why,
        )

    return w.store.subscriptions.change(subscription_id, decide)


def rotate(w: Wiring, subscription_id: str, overlap: float = OVERLAP) -> tuple[Subscription, str]:
    """A new secret, shown this once; those before sign too for `overlap` seconds.

    Raises:
        NotFound: There is none of this id.
    """
    secret = new_secret()
    sealed = seal(w.settings.secrets, secret)
    now = w.clock.now()
    until = now + timedelta(seconds=overlap)

    def decide(found: Subscription) -> Subscription:
        old = [(found.secret, until), *((one, min(end, until)) for one, end in found.old_secrets)]
        living = tuple((one, end) for one, end in old if end > now)
        return replace(found, secret=sealed, old_secrets=living[:MOST_SECRETS])

    return w.store.subscriptions.change(subscription_id, decide), secret


def testable(w: Wiring, subscription_id: str, kind: str) -> Subscription:
    """A subscription that a sample of this type can be posted to.

    Raises:
        InvalidRequest: There is no such type.
        NotFound: There is no such subscription.
    """
    if unknown_types([kind]):
        text = f"must be one of {', '.join(TYPES)}"
        raise InvalidRequest([Fault("type", text, TYPES, _near(kind))])
    return w.store.subscriptions.get(subscription_id)


def try_out(w: Wiring, subscription: Subscription, kind: str) -> Outcome:
    """How a subscriber takes a sample of an event; nothing is recorded, and nothing follows."""
    return tell(w, subscription, sample(kind, w.clock.now()))


def tell(w: Wiring, subscription: Subscription, event: Event) -> Outcome:
    """Post an event, signed."""
    signing = open_secrets(w, subscription)
    if not signing:
        why = "its secret cannot be read with RUNHOOK_SECRET; rotate it"
        return Outcome(word="failed", took=0, why=why)
    body = orjson.dumps(cloud_event(event, w.source))
    heard = w.outbound.post(subscription.url, body, signed(signing, event.id, body))
    return outcome_of(heard)


def signed(signing: list[str], event_id: str, body: bytes) -> dict[str, str]:
    """A request's headers: whoever has one of the secrets can verify it."""
    # The receiver holds the time against his own clock, so it is this machine's and not Redis's.
    now = datetime.now(UTC)
    signatures = [Webhook(secret).sign(event_id, now, body.decode()) for secret in signing]
    return {
        "Content-Type": CONTENT_TYPE,
        "User-Agent": "runhook",
        "webhook-id": event_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def outcome_of(heard: Heard) -> Outcome:
    """What an answer means: 2xx is done, 410 wants nothing any more, all else is told again."""
    if heard.status is None:
        return Outcome(word="failed", took=heard.took, why=heard.why)
    head = excerpt(heard.answer)[:ANSWER_HEAD]
    answered = Outcome(word="done", took=heard.took, status=heard.status, answer=head or None)
    if 200 <= heard.status < 300:
        return answered
    if heard.status == 410:
        return replace(answered, word="dead", why="it answered 410 Gone", gone=True)
    moved = "; redirects are not followed" if 300 <= heard.status < 400 else ""
    why = f"it answered HTTP {heard.status}{moved}"
    if heard.after is None:
        return replace(answered, word="failed", why=why)
    after = min(LONGEST_WISH, max(LEAST_WISH, heard.after))
    return replace(answered, word="again", why=f"{why} and asks for {after:g} s", after=after)


def miss(w: Wiring, subscription: Subscription) -> Answer:
    """What a disabled subscription was to be told is kept as dead, until somebody redelivers it."""
    why = "the subscription is disabled"
    ids = next(w.store.deliveries.listed("pending", subscription.id, None), [])
    w.store.deliveries.end(subscription.id, [one.id for one in ids], why, final=False)
    if len(ids) == AT_ONCE:
        return Again(0)  # there may be more
    return None


def forget(w: Wiring, claim: Claim) -> None:
    """What a removed subscription was to be told ends, and is removed in time."""
    name, _ = claim.attempt
    for state in ("pending", "dead"):
        for piece in w.store.deliveries.listed(state, name, None):
            ids = [delivery.id for delivery in piece]
            w.store.deliveries.end(name, ids, "the subscription was removed", final=True)


def new_secret() -> str:
    """A signing secret as Standard Webhooks spells it."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def reseal(w: Wiring) -> None:
    """Seal every secret with the first of RUNHOOK_SECRET, so that the others may be taken away."""
    newest = w.settings.secrets[:1]

    def sealed_anew(sealed: str) -> str:
        text = unseal(w.settings.secrets, sealed)
        return seal(newest, text) if text and unseal(newest, sealed) is None else sealed

    def decide(found: Subscription) -> Subscription:
        old = tuple((sealed_anew(one), end) for one, end in found.old_secrets)
        return replace(found, secret=sealed_anew(found.secret), old_secrets=old)

    for subscription in w.store.subscriptions.all():
        if decide(subscription) != subscription:
            with suppress(NotFound, UnreadableRecord):
                w.store.subscriptions.change(subscription.id, decide)


def listening_secret(w: Wiring) -> str:
    """What `runhook listen` signs with: always the same, so that it can be kept in a setting."""
    made = derived(w.settings.secrets[0], Kind.LISTENING)
    return "whsec_" + base64.b64encode(made).decode()


def open_secrets(w: Wiring, subscription: Subscription) -> list[str]:
    """What signs now: the secret, and those before while they still count."""
    now = w.clock.now()
    sealed = [subscription.secret, *(one for one, end in subscription.old_secrets if now < end)]
    return [text for one in sealed if (text := unseal(w.settings.secrets, one))]


def _list_faults(given: Mapping[str, Any], name: str) -> list[Fault]:
    value = given.get(name)
    if value is None:
        return []
    fine = isinstance(value, list) and all(
        isinstance(one, str) and 0 < len(one) <= LONGEST_GLOB for one in value
    )
    if fine and len(value) <= MOST_FILTERS:
        return []
    return [Fault(name, f"must be a list of at most {MOST_FILTERS} texts; left out: all")]


def _near(kind: str) -> str | None:
    return next(iter(nearest(kind, TYPES)), None)


def _type_faults(given: Mapping[str, Any]) -> list[Fault]:
    return _list_faults(given, "events") or [
        Fault("events", f"{kind!r} is no event type", TYPES, _near(kind))
        for kind in unknown_types(given.get("events") or ())
    ]


def _texts(given: Mapping[str, Any], name: str) -> tuple[str, ...] | None:
    value = given.get(name)
    return None if value is None else tuple(dict.fromkeys(value))


def subscription_document(subscription: Subscription, health: Health, missed: int) -> View:
    """A subscription without its secret."""
    resting = health.left_alone_until
    told: View = {
        "id": subscription.id,
        "url": subscription.url,
        "events": list(subscription.events) or None,
        "models": list(subscription.models) or None,
        "enabled": subscription.enabled,
        "why_disabled": subscription.why or None,
        "failing_since": iso(health.failing_since) if health.failing_since else None,
        "rests_until": iso(resting) if resting else None,
        "missed": missed,
        "created_at": iso(subscription.created_at),
        "updated_at": iso(subscription.updated_at),
    }
    if missed:
        told["send_missed"] = {
            "POST": "/v1/deliveries/redeliver",
            "body": {"handler": subscription.id},
        }
    return told
