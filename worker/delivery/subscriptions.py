"""HTTP subscribers: created, changed, sent signed events, and disabled when they are gone.

The signature is Standard Webhooks'. An answer of 2xx acknowledges an event.
"""

import base64
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar

import orjson
from pydantic import AfterValidator, Field, JsonValue, ValidationInfo
from standardwebhooks import Webhook

from runhook.worker.catalogue import listed_as, nearest
from runhook.worker.domain import jobs, policy
from runhook.worker.domain.bodies import Body, fact, one_of, read, refused, shaped
from runhook.worker.domain.events import (
    ANSWER_HEAD,
    CONTENT_TYPE,
    JOB_FIELDS,
    TYPES,
    Event,
    Outcome,
    cloud_event,
    sample,
)
from runhook.worker.errors import NotFound, UnreadableRecord
from runhook.worker.net.outbound import Heard
from runhook.worker.net.untrusted import excerpt
from runhook.worker.secrets.deriving import Kind, derived
from runhook.worker.secrets.sealing import seal, unseal
from runhook.worker.store import Again, Answer, Claim, Subscription
from runhook.worker.store.deliveries import AT_ONCE
from runhook.worker.wiring import Wiring

A_URL: dict[str, JsonValue] = {"format": "uri", "examples": ["https://example.com/hook"]}
SECRET_BYTES = 32  # as Standard Webhooks advises: 24 to 64
MOST_SECRETS = 4  # that sign beside the newest: each is a header's worth in every request
# Filters of one kind, and characters of each: they are held against every event.
MOST_FILTERS, LONGEST_GLOB = 100, 300
UNSENT = "job.archived"  # without RUNHOOK_ARCHIVE
FILTERS = {"events", "models", "include"}  # of each null means all, and an empty list too


def _allowed(url: str, info: ValidationInfo) -> str:
    if why := fact(info, "refusal")(url):
        raise refused(why)
    return url


def _filters(value: object) -> tuple[str, ...]:
    """Each of them once. A fault is of the whole list: there is no more to say of one."""
    if isinstance(value, list) and len(value) <= MOST_FILTERS and all(map(_is_filter, value)):
        return tuple(dict.fromkeys(value))
    raise refused(
        f"must be a list of at most {MOST_FILTERS} strings of 1 to {LONGEST_GLOB} characters; "
        "leave it out for all"
    )


def _is_filter(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_GLOB


def _among(known: tuple[str, ...]) -> AfterValidator:
    """Filters that are some of these words."""

    def check(words: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [word for word in words if word not in known]:
            near = next(iter(nearest(unknown[0], known)), None)
            names = ", ".join(map(repr, unknown))
            raise refused(f"has {names}; expected some of {', '.join(known)}", known, nearest=near)
        return words

    return AfterValidator(check)


def _sent(words: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    if UNSENT in words and not fact(info, "archive"):
        raise refused(
            f"has {UNSENT!r}, which is never sent here: RUNHOOK_ARCHIVE is false, so no output is "
            "kept; leave it out, or turn that on"
        )
    return words


def _models(globs: tuple[str, ...]) -> tuple[str, ...]:
    """Globs, and models by their endpoints, as jobs have them; of any other name nothing comes."""
    found = []
    for glob in globs:
        try:
            found.append(listed_as(glob) or glob)
        except NotFound as unknown:
            near = next(iter(unknown.nearest), None)
            raise refused(
                f"has {glob!r}, and there is no such model; a pattern has a *", nearest=near
            ) from None
    return tuple(dict.fromkeys(found))


# Read with `refusal`, which says why one is not.
Url = Annotated[str, AfterValidator(_allowed), Field(json_schema_extra=A_URL)]
SOME_GLOBS = {
    "type": "array",
    "items": {"type": "string", "minLength": 1, "maxLength": LONGEST_GLOB},
    "maxItems": MOST_FILTERS,
}
SOME_TYPES = SOME_GLOBS | {"items": {"type": "string", "enum": list(TYPES)}}
SOME_FIELDS = SOME_GLOBS | {"items": {"type": "string", "enum": list(JOB_FIELDS)}}
Models = Annotated[tuple[str, ...], shaped(_filters, SOME_GLOBS), AfterValidator(_models)]
Types = Annotated[
    tuple[str, ...], shaped(_filters, SOME_TYPES), _among(TYPES), AfterValidator(_sent)
]
Fields = Annotated[tuple[str, ...], shaped(_filters, SOME_FIELDS), _among(JOB_FIELDS)]


class _Wanted(Body):
    """Which events, what of them, and where to.

    Attributes:
        url: Where events are posted to.
        events: Their types; empty or None: all.
        models: Globs over the job's model; empty or None: all.
        include: The fields of a job that events have besides its id, model and state; empty or
            None: all.
    """

    member: ClassVar[str] = "a field of a subscription"

    # No default is ever read, and no document names it: a patch counts for what it says.
    url: Url = Field(default_factory=str)
    events: Types | None = None
    models: Models | None = None
    include: Fields | None = None


class SubscriptionPatch(_Wanted):
    """What a request changes of a subscription. What it leaves out stays as it is.

    Attributes:
        enabled: Whether events are delivered to it.
    """

    enabled: bool = Field(default_factory=bool)


class NewSubscription(_Wanted):
    """A subscription to be made.

    Attributes:
        enabled: Whether events are delivered to it.
    """

    url: Annotated[Url, Field(description="where events are posted to")]
    enabled: bool | None = None


class SecretRotation(Body):
    """How a secret is replaced.

    Attributes:
        overlap: Seconds for which the one before signs too.
    """

    overlap: Annotated[float, Field(ge=0, le=policy.LONGEST_SECRET_OVERLAP)] = policy.SECRET_OVERLAP


class SampleRequest(Body):
    """A sample to be posted to a subscriber now.

    Attributes:
        type: The sample's event type.
    """

    type: Annotated[str, one_of(TYPES)] = "job.succeeded"


def read_new(w: Wiring, given: Mapping[str, Any]) -> NewSubscription:
    """A subscription to be made, from its JSON.

    Raises:
        InvalidRequest: With every fault, a URL that must not be posted to among them.
    """
    return read(NewSubscription, given, **_facts(w))


def read_patch(w: Wiring, given: Mapping[str, Any]) -> SubscriptionPatch:
    """A change of one, from its JSON; raises as `read_new` does."""
    return read(SubscriptionPatch, given, **_facts(w))


def _facts(w: Wiring) -> dict[str, object]:
    """What a subscription is judged by besides."""
    return {"refusal": w.outbound.refusal, "archive": w.settings.archive}


def create(w: Wiring, wish: NewSubscription) -> tuple[Subscription, str]:
    """A new subscription and its secret, which is shown this once."""
    now, secret = w.clock.now(), new_secret()
    subscription = Subscription(
        id=jobs.new_id("sub"),
        url=wish.url,
        events=wish.events or (),
        models=wish.models or (),
        include=wish.include or (),
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
    changes: dict[str, Any] = wish.model_dump(exclude_unset=True)
    for name in changes.keys() & FILTERS:
        changes[name] = changes[name] or ()
    if "enabled" in changes:
        # Why it was disabled holds no more once its owner decides, either way.
        changes["why"] = ""
    return w.store.subscriptions.change(subscription_id, lambda found: replace(found, **changes))


def rotate(
    w: Wiring, subscription_id: str, overlap: float = policy.SECRET_OVERLAP
) -> tuple[Subscription, str]:
    """A new secret, shown this once; those before sign too for `overlap` seconds.

    Raises:
        NotFound: There is none of this id.
    """
    secret = new_secret()
    sealed = seal(w.settings.secrets, secret)
    now = w.clock.now()
    until = now + timedelta(seconds=overlap)

    def decide(found: Subscription) -> Subscription:
        # Those before keep their own end if it is sooner: a rotation must not make a leaked secret
        # live longer.
        old = [(found.secret, until), *((one, min(end, until)) for one, end in found.old_secrets)]
        living = tuple((one, end) for one, end in old if end > now)
        return replace(found, secret=sealed, old_secrets=living[:MOST_SECRETS])

    return w.store.subscriptions.change(subscription_id, decide), secret


def try_out(w: Wiring, subscription: Subscription, kind: str) -> Outcome:
    """How a subscriber takes a sample of an event; nothing is recorded, and nothing follows."""
    return tell(w, subscription, sample(kind, w.clock.now()))


def tell(w: Wiring, subscription: Subscription, event: Event) -> Outcome:
    """Post an event, signed with every secret that still counts.

    Returns:
        How it was taken; `failed` without a request where no secret can be opened.
    """
    signing = open_secrets(w, subscription)
    # Not posted unsigned: the receiver would refuse it, or worse, believe it.
    if not signing:
        why = "its secret cannot be read with RUNHOOK_SECRET; rotate it"
        return Outcome(word="failed", took=0, why=why)
    body = orjson.dumps(cloud_event(event, w.settings.public_url, subscription.include))
    heard = w.outbound.post(subscription.url, body, signed(signing, event.id, body))
    return outcome_of(heard)


def signed(signing: list[str], event_id: str, body: bytes) -> dict[str, str]:
    """A request's headers: whoever has one of the secrets can verify it."""
    # The receiver holds the time against its own clock, so it is this machine's and not Redis's.
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
    """What an answer means: 2xx acknowledges, 410 wants no more events, all else is tried again."""
    if heard.status is None:
        return Outcome(word="failed", took=heard.took, why=heard.why)
    head = excerpt(heard.answer)[:ANSWER_HEAD]
    answered = Outcome(word="done", took=heard.took, status=heard.status, answer=head or None)
    if 200 <= heard.status < 300:
        return answered
    # Standard Webhooks: Gone means that the receiver wants nothing any more.
    if heard.status == 410:
        return replace(answered, word="dead", why="it answered 410 Gone", gone=True)
    why = f"it answered HTTP {heard.status}"
    if 300 <= heard.status < 400:
        why += "; redirects are not followed"
    # Of a refusal without Retry-After the schedule says when.
    if heard.after is None:
        return replace(answered, word="failed", why=why)
    after = min(policy.RETRY_AFTER_MOST, max(policy.RETRY_AFTER_LEAST, heard.after))
    return replace(answered, word="again", why=f"{why} and asks for {after:g} s", after=after)


def miss(w: Wiring, subscription: Subscription) -> Answer:
    """Keep what waits for a disabled subscription as dead, until somebody redelivers it."""
    why = "the subscription is disabled"
    ids = next(w.store.deliveries.listed("pending", subscription.id, None), [])
    w.store.deliveries.end(subscription.id, [one.id for one in ids], why, final=False)
    if len(ids) == AT_ONCE:
        return Again(0)  # there may be more
    return None


def forget(w: Wiring, claim: Claim) -> None:
    """End what waits for a removed subscription; they are removed in time."""
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
        # What cannot be opened stays as it is: the RUNHOOK_SECRET that opens it may be put back.
        if not text or unseal(newest, sealed) is not None:
            return sealed
        return seal(newest, text)

    def decide(found: Subscription) -> Subscription:
        old = tuple((sealed_anew(one), end) for one, end in found.old_secrets)
        return replace(found, secret=sealed_anew(found.secret), old_secrets=old)

    for subscription in w.store.subscriptions.all():
        if decide(subscription) != subscription:
            # Removed, or written by a newer process, since it was listed: neither is ours to seal.
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
