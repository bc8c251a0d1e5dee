"""Calls about who is told of events: handlers, subscriptions, deliveries, and the log itself."""

from collections.abc import Iterable, Iterator
from typing import Any

from runhook.worker.client.answers import Model, read
from runhook.worker.client.following import hearing
from runhook.worker.client.inputs import Moment, name_of, said, words
from runhook.worker.client.jobs import Job
from runhook.worker.client.pages import pages, query_of
from runhook.worker.client.receivers import (
    Delivery,
    Handler,
    Recovered,
    Redelivered,
    Subscription,
    Tried,
    Triggered,
)
from runhook.worker.client.transport import Transport


class ReceiverCalls:
    """What can be asked about receivers."""

    _transport: Transport

    def deliveries(
        self,
        *,
        state: str | None = None,
        job: str | Job | None = None,
        handler: str | Handler | Subscription | None = None,
        cursor: str | None = None,
    ) -> Iterator[Delivery]:
        """Deliveries, those of the newest events first, read page by page as they are asked for.

        Args:
            state: What became of them.
            job: Of this job.
            handler: To this one.
            cursor: Those behind the delivery of this id, whether there is one or not.
        """
        query = query_of(state=state, job=job, handler=handler, cursor=cursor)
        for document in pages(self._transport.deliveries, query):
            yield read(Delivery, document)

    def redeliver(self, delivery: str | Delivery) -> Delivery:
        """Hand a delivery to its handler again.

        Raises:
            Conflict: It is being delivered now, or its subscription is disabled or removed.
        """
        return read(Delivery, self._transport.redeliver(name_of(delivery)))

    def recover(
        self,
        since: Moment,
        until: Moment | None = None,
        *,
        handler: str | Handler | Subscription | None = None,
        new_handlers: bool | None = None,
        dry_run: bool | None = None,
    ) -> Recovered:
        """Make good what is missing of a period: callbacks that never came, dead deliveries.

        Args:
            since: Its start; `2h` is two hours ago.
            until: Its end; None: now.
            handler: Only deliveries to this one.
            new_handlers: Tell handlers also of what happened before they came.
            dry_run: Only count.

        Raises:
            NotFound: There is no such handler or subscription.
        """
        body = said(
            since=since, until=until, handler=handler, new_handlers=new_handlers, dry_run=dry_run
        )
        return read(Recovered, self._transport.recover(body))

    def delivery(self, delivery_id: str | Delivery) -> Delivery:
        """One delivery, with every attempt.

        Raises:
            NotFound: There is none of this id.
        """
        return read(Delivery, self._transport.delivery(name_of(delivery_id)))

    def redeliver_all(
        self,
        *,
        state: str | None = None,
        handler: str | Handler | Subscription | None = None,
        job: str | Job | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        dry_run: bool | None = None,
    ) -> Redelivered:
        """Hand all deliveries that match to their handlers again.

        Args:
            state: In this one; None: dead ones.
            handler: Of this handler or subscription.
            job: Of this job.
            since: Of events from then on; `2h` is two hours ago.
            until: Of events before then.
            dry_run: Only count them.

        Raises:
            NotFound: There is no such handler or subscription.
        """
        body = said(
            state=state, handler=handler, job=job, since=since, until=until, dry_run=dry_run
        )
        return read(Redelivered, self._transport.redeliver_all(body))

    def handlers(self) -> list[Handler]:
        """Every handler that a process ever had, and what waits for it."""
        return [read(Handler, one) for one in self._transport.handlers()["items"]]

    def end_handler(self, name: str | Handler) -> int:
        """End what waits for a handler that will not come back; how many deliveries that were.

        Raises:
            Conflict: A process has it.
            NotFound: Nobody knows it.
        """
        ended: int = self._transport.end_handler(name_of(name))["ended"]
        return ended

    def subscriptions(self) -> list[Subscription]:
        """Every subscription, the oldest first."""
        return [read(Subscription, one) for one in self._transport.subscriptions()["items"]]

    def subscription(self, name: str | Subscription) -> Subscription:
        """One subscription.

        Raises:
            NotFound: There is none of this id.
        """
        return read(Subscription, self._transport.subscription(name_of(name)))

    def subscribe(self, url: str, **more: Any) -> Subscription:
        """Have events posted to a URL. Its secret is told this once, in the answer.

        Args:
            url: Where.
            more: What else a subscription says: `events`, `models`, `include`, `enabled`.
        """
        return read(Subscription, self._transport.subscribe(said(url=url, **more)))

    def change_subscription(self, name: str | Subscription, **more: Any) -> Subscription:
        """Change what is named of it: `url`, `events`, `models`, `include`, `enabled`."""
        patch = said(**more)
        return read(Subscription, self._transport.change_subscription(name_of(name), patch))

    def unsubscribe(self, name: str | Subscription) -> None:
        """Tell a subscription nothing any more, and forget what it missed."""
        self._transport.unsubscribe(name_of(name))

    def rotate_secret(
        self, name: str | Subscription, *, overlap: float | None = None
    ) -> Subscription:
        """A subscription with a new secret, which is told this once.

        Args:
            name: Its id.
            overlap: Seconds for which the one before signs too; None: a day.
        """
        return read(Subscription, self._transport.rotate(name_of(name), said(overlap=overlap)))

    def try_subscription(self, name: str | Subscription, type: str | None = None) -> Tried:
        """Post a sample of an event to a subscriber now, and say how it went."""
        return read(Tried, self._transport.try_subscription(name_of(name), said(type=type)))

    def trigger(self, type: str, *, model: str | Model | None = None) -> Triggered:
        """Send a sample of an event to all that want it, as if it had happened. Nothing is paid.

        Args:
            type: Of which event.
            model: Of a job of which model, where receivers choose by it.
        """
        return read(Triggered, self._transport.trigger(said(type=type, model=model)))

    def events(
        self,
        types: str | Iterable[str] | None = None,
        *,
        after: str | None = None,
        since: Moment | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Events as they happen, each as the JSON of its CloudEvent, until you read no more.

        A restart of runhook is waited for, and nothing of it is missed.

        Args:
            types: Only these.
            after: First those behind this event.
            since: First those from then on; `1h` is an hour ago. Without either: from now on.

        Raises:
            Gone: What came behind that event is kept no longer.
        """
        query = query_of(types=words(types), after=after, since=since)
        return ({**one} for one in hearing(self._transport, query))

    def listening_secret(self) -> str:
        """What `runhook listen --forward` signs with; it is always the same."""
        found: str = self._transport.listening_secret()["secret"]
        return found
