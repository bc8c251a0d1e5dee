"""What users are told of deliveries and of who is told, member by member. Pure."""

from typing import NotRequired

from typing_extensions import TypedDict

from runhook.worker.domain.answers import When
from runhook.worker.store.delivered import DeliveryState


class TryView(TypedDict):
    """How one attempt to deliver went; null: it is not known.

    Attributes:
        n: Its number.
        at: When it began.
        outcome: done, again, failed, dead or superseded.
        status: The HTTP status of a subscriber's answer.
        answer: The head of that answer.
        why: Why it is not done.
        took: Seconds.
    """

    n: int | None
    at: When | None
    outcome: str | None
    status: int | None
    answer: str | None
    why: str | None
    took: float | None


class DeliveryView(TypedDict):
    """One handler's turn at one event; `status` and `why` are its last attempt's.

    Attributes:
        id: Its own, `dlv_…`.
        event: The event's id.
        type: The event's type.
        job: The event's job, if it is about one.
        handler: Who is told: a handler's name, or a subscription's id.
        state: What became of it so far.
        created_at: When it was opened.
        next_at: When it is tried next; of one that is due, since when it waits for its turn.
        attempts: Each attempt that came back.
        status: The HTTP status of a subscriber's last answer.
        why: Why it is not done.
        note: Said of one just redelivered whose handler no process has.
    """

    id: str
    event: str
    type: str
    job: str | None
    handler: str
    state: DeliveryState
    created_at: When | None
    next_at: When | None
    attempts: list[TryView]
    status: int | None
    why: str | None
    note: NotRequired[str]


class RedeliveredView(TypedDict):
    """What many deliveries were handed to again.

    Attributes:
        redelivered: How many.
        skipped: How many cannot be delivered now.
        dry_run: They were only counted.
    """

    redelivered: int
    skipped: int
    dry_run: bool


# Written so because ruff takes `POST` for a constant.
class SendMissed(TypedDict):
    POST: str
    body: dict[str, str]


class SubscriptionView(TypedDict):
    """Who gets events over HTTP.

    Attributes:
        id: Its own, `sub_…`.
        url: Where events are posted to.
        events: Their types; null: all.
        models: Globs over the job's model; null: all.
        include: Fields of a job that events have besides its id, model and state; null: all.
        enabled: Whether events are delivered to it.
        why_disabled: Why they are not, where its owner did not say so.
        failing_since: Since when no delivery went well.
        rests_until: Until when it is left alone.
        missed: Deliveries that wait for somebody to redeliver them.
        created_at: When it was made.
        updated_at: When it was last changed.
        send_missed: The call that redelivers those.
    """

    id: str
    url: str
    events: list[str] | None
    models: list[str] | None
    include: list[str] | None
    enabled: bool
    why_disabled: str | None
    failing_since: When | None
    rests_until: When | None
    missed: int
    created_at: When | None
    updated_at: When | None
    send_missed: NotRequired[SendMissed]


class SecretView(SubscriptionView):
    """A subscription with the secret that signs its events, which is shown this once.

    Attributes:
        secret: As Standard Webhooks has it, `whsec_…`.
    """

    secret: str


class SampleView(TypedDict):
    """How a subscriber took a sample.

    Attributes:
        delivered: It acknowledged it.
        type: The sample's event type.
        status: The HTTP status of its answer.
        answer: The head of that answer.
        why: Why it is not delivered.
        took: Seconds.
    """

    delivered: bool
    type: str
    status: int | None
    answer: str | None
    why: str | None
    took: float


class HandlerView(TypedDict):
    """A handler: whether a process has it, and what waits for it.

    Attributes:
        name: Its own.
        events: The types that it wants; null: all, or nobody has said.
        model: A glob over the job's model; null: all.
        alive: A process has it now.
        pending: Deliveries still to be made.
        dead: Deliveries that wait for somebody to redeliver them.
        since: When a process first had it.
        seen_at: When a process last had it.
        oldest: When the oldest pending event happened.
    """

    name: str
    events: list[str] | None
    model: str | None
    alive: bool
    pending: int
    dead: int
    since: When | None
    seen_at: When | None
    oldest: When | None


class EndedView(TypedDict):
    """What waited for a handler, ended.

    Attributes:
        name: The handler's.
        ended: How many deliveries were still to be made.
    """

    name: str
    ended: int
