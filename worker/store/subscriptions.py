"""Subscriptions: who is told over HTTP, of what, under which sealed secrets, and how that goes."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import orjson

from worker.errors import NotFound, StoreUnavailable
from worker.events import TYPES
from worker.store.connection import reaching
from worker.store.scripts import Scripts, stream_moment

TRIES = 20


@dataclass(frozen=True)
class Subscription:
    """A URL that wants to hear.

    Attributes:
        events: Types; empty: all.
        models: Globs; empty: all.
        why: Why it is disabled, where its owner did not do it himself.
        secret: The signing secret, sealed.
        old_secrets: Those before, sealed, each with the time until which it signs too.
        rev: How often it was changed.
    """

    id: str
    url: str
    events: tuple[str, ...]
    models: tuple[str, ...]
    enabled: bool
    secret: str
    created_at: datetime
    updated_at: datetime
    why: str = ""
    old_secrets: tuple[tuple[str, datetime], ...] = ()
    rev: int = 0


@dataclass(frozen=True)
class Health:
    """How telling a subscriber goes.

    Attributes:
        failing_since: It has answered with nothing but failures since then.
        rests_until: It is left alone until then.
    """

    failing_since: datetime | None
    rests_until: datetime | None


class Subscriptions:
    """Every subscription."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts
        self._redis = scripts.client
        self._root = scripts.root

    def get(self, subscription_id: str) -> Subscription:
        """One subscription.

        Raises:
            NotFound: There is none of this id.
        """
        with reaching():
            record = self._redis.hgetall(f"{self._root}subscription:{subscription_id}")
        if not record:
            raise NotFound(f"subscription {subscription_id}")
        return _subscription(subscription_id, record)

    def all(self) -> list[Subscription]:
        """Every one, the oldest first."""
        with reaching():
            found = self._redis.zrange(f"{self._root}subscriptions", 0, -1)
            names = [name.decode() for name in found]
            pipe = self._redis.pipeline(transaction=False)
            for name in names:
                pipe.hgetall(f"{self._root}subscription:{name}")
            records = pipe.execute() if names else []
        return [_subscription(n, r) for n, r in zip(names, records, strict=True) if r]

    def create(self, subscription: Subscription) -> None:
        """Write a new one; who was told before it came is not told again."""
        self._write(subscription, 0)

    def change(
        self, subscription_id: str, decide: Callable[[Subscription], Subscription]
    ) -> Subscription:
        """Change one if nobody did meanwhile; else read it again and decide again.

        Raises:
            NotFound: There is none of this id.
        """
        for _ in range(TRIES):
            found = self.get(subscription_id)
            wanted = replace(decide(found), updated_at=self._scripts.clock.now())
            if self._write(wanted, found.rev):
                return wanted
        raise StoreUnavailable(f"{subscription_id} changed {TRIES} times while it was read")

    def remove(self, subscription_id: str) -> None:
        """Remove one.

        Raises:
            NotFound: There is none of this id.
        """
        if self._scripts.waking("remove_subscription", 1, subscription_id) == ["gone"]:
            raise NotFound(f"subscription {subscription_id}")

    def health(self, subscription_id: str) -> Health:
        """How telling it goes."""
        with reaching():
            since, till = self._redis.hmget(
                f"{self._root}endpoint:{subscription_id}", ["since", "until"]
            )
        return Health(
            stream_moment(since) if since else None, stream_moment(till) if till else None
        )

    def _write(self, subscription: Subscription, read_at: int) -> bool:
        old = [[sealed, _milliseconds(until)] for sealed, until in subscription.old_secrets]
        fields = {
            "url": subscription.url,
            "events": orjson.dumps(subscription.events).decode(),
            "models": orjson.dumps(subscription.models).decode(),
            "enabled": "1" if subscription.enabled else "0",
            "why": subscription.why,
            "secret": subscription.secret,
            "old_secrets": orjson.dumps(old).decode(),
            "created": str(_milliseconds(subscription.created_at)),
            "updated": str(_milliseconds(subscription.updated_at)),
        }
        pairs, wanted = (
            orjson.dumps(list(fields.items())),
            orjson.dumps(subscription.events or TYPES),
        )
        words = self._scripts.waking(
            "change_subscription", 1, subscription.id, read_at, pairs, wanted, uuid.uuid4().hex
        )
        return words == ["done"]


def _subscription(name: str, record: Mapping[bytes, bytes]) -> Subscription:
    text = {k.decode(): v.decode() for k, v in record.items()}
    return Subscription(
        id=name,
        url=text["url"],
        events=tuple(orjson.loads(text["events"])),
        models=tuple(orjson.loads(text["models"])),
        enabled=text["enabled"] == "1",
        secret=text["secret"],
        created_at=stream_moment(text["created"]),
        updated_at=stream_moment(text["updated"]),
        why=text["why"],
        old_secrets=tuple(
            (sealed, stream_moment(str(until)))
            for sealed, until in orjson.loads(text["old_secrets"])
        ),
        rev=int(text["rev"]),
    )


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
