"""Who is told of events, what was delivered, and the log: calls of the flows of this process."""

import time
from collections.abc import Iterator, Sequence
from functools import partial

import orjson

from runhook.worker.client.process import Process, request_of
from runhook.worker.client.transport import Document, Query
from runhook.worker.delivery import deliveries, roster, subscriptions
from runhook.worker.delivery.deliveries import DeliveriesQuery, RedeliverRequest
from runhook.worker.delivery.log import StreamQuery, beginning
from runhook.worker.delivery.roster import word_of_absence
from runhook.worker.delivery.subscriptions import SampleRequest, SecretRotation
from runhook.worker.delivery.trigger import TriggerRequest, trigger
from runhook.worker.delivery.views import (
    delivery_view,
    handler_view,
    sample_view,
    subscription_view,
)
from runhook.worker.domain.events import cloud_event
from runhook.worker.domain.views import recovered_view
from runhook.worker.flows import recover
from runhook.worker.flows.recover import RecoverRequest
from runhook.worker.store import Subscription
from runhook.worker.wiring import Wiring

AT_ONCE = 100  # events that one look reads, so that a long replay needs few
BREATH = 1.0  # seconds that one question waits at most: shorter than a connection's own time-out


class ReceiversHere(Process):
    """Calls about receivers."""

    def deliveries(self, query: Query) -> Document:
        def found(w: Wiring) -> Document:
            page = deliveries.page(w, request_of(w, DeliveriesQuery, query))
            return {"items": [delivery_view(one) for one in page.items], "next": page.next}

        return self.ask(found)

    def redeliver(self, delivery_id: str) -> Document:
        def again(w: Wiring) -> Document:
            found = deliveries.redeliver(w, delivery_id)
            note = word_of_absence(w, found.lane, found.handler)
            return delivery_view(found) | {"note": note}

        return self.ask(again, may_repeat=False)

    def recover(self, body: Document) -> Document:
        def recovered(w: Wiring) -> Document:
            asked = request_of(w, RecoverRequest, body)
            found = recover.recover(w, asked.range(w.clock.now()), dry_run=asked.dry_run)
            return recovered_view(found, dry_run=asked.dry_run)

        return self.ask(recovered, may_repeat=False)

    def delivery(self, delivery_id: str) -> Document:
        return self.ask(lambda w: delivery_view(w.store.deliveries.get(delivery_id)))

    def redeliver_all(self, body: Document) -> Document:
        def again(w: Wiring) -> Document:
            asked = request_of(w, RedeliverRequest, body)
            count, skipped = deliveries.redeliver_all(w, asked, dry_run=asked.dry_run)
            return {"redelivered": count, "skipped": skipped, "dry_run": asked.dry_run}

        return self.ask(again, may_repeat=False)

    def handlers(self) -> Document:
        return self.ask(lambda w: {"items": [handler_view(one) for one in roster.members(w)]})

    def end_handler(self, name: str) -> Document:
        return self.ask(lambda w: {"name": name, "ended": roster.end(w, name)}, may_repeat=False)

    def subscriptions(self) -> Document:
        return self.ask(
            lambda w: {"items": [_subscription(w, one) for one in w.store.subscriptions.all()]}
        )

    def subscription(self, name: str) -> Document:
        return self.ask(lambda w: _subscription(w, w.store.subscriptions.get(name)))

    def subscribe(self, body: Document) -> Document:
        def made(w: Wiring) -> Document:
            found, secret = subscriptions.create(w, subscriptions.read_new(w, body))
            return {**_subscription(w, found), "secret": secret}

        return self.ask(made, may_repeat=False)

    def change_subscription(self, name: str, body: Document) -> Document:
        def changed(w: Wiring) -> Document:
            patch = subscriptions.read_patch(w, body)
            return _subscription(w, subscriptions.change(w, name, patch))

        return self.ask(changed)

    def unsubscribe(self, name: str) -> None:
        self.ask(lambda w: w.store.subscriptions.remove(name), may_repeat=False)

    def rotate(self, name: str, body: Document) -> Document:
        def rotated(w: Wiring) -> Document:
            overlap = request_of(w, SecretRotation, body).overlap
            found, secret = subscriptions.rotate(w, name, overlap)
            return {**_subscription(w, found), "secret": secret}

        return self.ask(rotated, may_repeat=False)

    def try_subscription(self, name: str, body: Document) -> Document:
        def tried(w: Wiring) -> Document:
            kind = request_of(w, SampleRequest, body).type
            return sample_view(
                kind, subscriptions.try_out(w, w.store.subscriptions.get(name), kind)
            )

        return self.ask(tried, may_repeat=False)

    def trigger(self, body: Document) -> Document:
        return self.ask(lambda w: trigger(w, request_of(w, TriggerRequest, body)), may_repeat=False)

    def listening_secret(self) -> Document:
        return self.ask(lambda w: {"secret": subscriptions.listening_secret(w)})

    def hear(self, query: Query, seconds: float) -> Iterator[tuple[str, Document | None]]:
        until = time.monotonic() + seconds
        cursor, types = self.once(lambda w: _beginning(w, request_of(w, StreamQuery, query)))
        yield cursor, None
        while time.monotonic() < until:
            found, behind = self.once(partial(_behind, cursor))
            for event in found:
                if not types or event["type"] in types:
                    yield event["id"], event
            if behind == cursor:
                self.once(partial(_wait, cursor))
            cursor = behind


def _beginning(w: Wiring, asked: StreamQuery) -> tuple[str, Sequence[str]]:
    """The event behind which it begins, the newest where nothing says so; and the types."""
    return beginning(asked) or w.store.events.newest(), asked.types


def _wait(cursor: str, w: Wiring) -> None:
    w.store.events.wait(cursor, BREATH)


def _behind(cursor: str, w: Wiring) -> tuple[list[Document], str]:
    """The next events as JSON has them, and the cursor behind those looked at."""
    found, behind = w.store.events.after(cursor, AT_ONCE, gaps=True)
    told = [cloud_event(event, w.settings.public_url) for event in found]
    return [orjson.loads(orjson.dumps(event)) for event in told], behind or cursor


def _subscription(w: Wiring, found: Subscription) -> Document:
    health = w.store.subscriptions.health(found.id)
    return subscription_view(found, health, w.store.deliveries.count("dead", found.id))
