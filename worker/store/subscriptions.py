"""Subscriptions: who is told over HTTP, of what, under which sealed secrets, and how that goes."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from math import isfinite

import orjson

from runhook.worker.domain.events import TYPES
from runhook.worker.domain.receivers import Health
from runhook.worker.errors import NotFound, StoreUnavailable, UnreadableRecord
from runhook.worker.store import keys, records
from runhook.worker.store.claims import Claim
from runhook.worker.store.connection import reaching
from runhook.worker.store.records import Members
from runhook.worker.store.scripts import Scripts, milliseconds, pairs, stream_moment

TRIES = 20  # nobody changes one so often while it is read


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """A URL that wants to hear.

    Attributes:
        id: `sub_…`.
        url: Where it is told.
        events: Types; empty: all.
        models: Globs; empty: all.
        include: Fields of a job that it wants besides those that every event has; empty: all.
        enabled: Whether it is told; what it misses else is kept as dead deliveries.
        created_at: When it was.
        updated_at: When it last was changed.
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
    include: tuple[str, ...] = ()
    rev: int = 0


class Subscriptions:
    """Every subscription."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts
        self._redis = scripts.client

    def get(self, subscription_id: str) -> Subscription:
        """One subscription.

        Raises:
            NotFound: There is none of this id.
            UnreadableRecord: It is not for this version.
        """
        return _subscription(subscription_id, self._held(subscription_id))

    def all(self) -> list[Subscription]:
        """Every one that can be read here, the oldest first."""
        return [one for one in self._look() if isinstance(one, Subscription)]

    def unreadable(self) -> list[UnreadableRecord]:
        """Those that cannot be read here, and why."""
        return [one for one in self._look() if isinstance(one, UnreadableRecord)]

    def read(self) -> tuple[list[Subscription], list[UnreadableRecord]]:
        """Every one that can be read here, and those that cannot."""
        found = self._look()
        readable = [one for one in found if isinstance(one, Subscription)]
        return readable, [one for one in found if isinstance(one, UnreadableRecord)]

    def of(self, claim: Claim) -> Subscription:
        """The one that a slot's claim brought, or as it is in Redis.

        Raises:
            NotFound: There is none of this id.
            UnreadableRecord: It is not for this version.
        """
        name = claim.attempt[0]
        if brought := pairs(next(iter(claim.brought[8:]), ())):
            return _subscription(name, records.texts(brought))
        return self.get(name)

    def _look(self) -> list[Subscription | UnreadableRecord]:
        with reaching():
            found = self._redis.zrange(keys.subscriptions(), 0, -1)
            names = [name.decode() for name in found]
            pipe = self._redis.pipeline(transaction=False)
            for name in names:
                pipe.hgetall(keys.subscription(name))
            held = pipe.execute()
        return [readable(n, r) for n, r in zip(names, held, strict=True) if r]

    def _held(self, subscription_id: str) -> Members:
        with reaching():
            record = self._redis.hgetall(keys.subscription(subscription_id))
        if not record:
            raise NotFound(f"subscription {subscription_id}")
        return records.texts(record)

    def create(self, subscription: Subscription) -> None:
        """Write a new one; who was told before it came is not told again."""
        self._write(subscription, None, {})

    def change(
        self, subscription_id: str, decide: Callable[[Subscription], Subscription]
    ) -> Subscription:
        """Change one if nobody did meanwhile; else read it again and decide again.

        Raises:
            NotFound: There is none of this id.
            UnreadableRecord: It is not for this version.
        """
        # The revision is compared, not locked: a process that dies meanwhile holds nobody up.
        for _ in range(TRIES):
            held = self._held(subscription_id)
            found = _subscription(subscription_id, held)
            wanted = replace(decide(found), updated_at=self._scripts.clock.now())
            if self._write(wanted, found, held):
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
        return self.healths([subscription_id])[0]

    def healths(self, receivers: Sequence[str]) -> list[Health]:
        """How telling each receiver goes, a handler too, in one round trip."""
        with reaching():
            pipe = self._redis.pipeline(transaction=False)
            for name in receivers:
                pipe.hgetall(keys.endpoint(name))
            return [health_of(record) for record in pipe.execute()]

    def _write(self, one: Subscription, before: Subscription | None, held: Members) -> bool:
        """Write what is different; all else stays as a newer version may have written it."""
        members = records.brought_up("subscription", f"subscription {one.id}", held)
        known: Members = {}
        rev = 0  # it is new
        if before:
            known, rev = _fields(before), before.rev
        fields = records.merged(members, known, _fields(one), deep=1)
        texts = {k: str(v) for k, v in records.stamped("subscription", fields).items()}
        changed = [[name, text] for name, text in texts.items() if held.get(name) != text]
        words = self._scripts.waking(
            "change_subscription",
            1,
            one.id,
            rev,
            orjson.dumps(changed),
            orjson.dumps(one.events or TYPES),
            uuid.uuid4().hex,
        )
        return words == ["done"]


def _fields(one: Subscription) -> Members:
    old = [[sealed, milliseconds(until)] for sealed, until in one.old_secrets]
    return {
        "url": one.url,
        "events": orjson.dumps(one.events).decode(),
        "models": orjson.dumps(one.models).decode(),
        "include": orjson.dumps(one.include).decode(),
        "enabled": str(int(one.enabled)),
        "why": one.why,
        "secret": one.secret,
        "old_secrets": orjson.dumps(old).decode(),
        "created": str(milliseconds(one.created_at)),
        "updated": str(milliseconds(one.updated_at)),
    }


def readable(name: str, record: Mapping[bytes, bytes]) -> Subscription | UnreadableRecord:
    """A subscription from its hash, or why this version cannot read it."""
    try:
        return _subscription(name, records.texts(record))
    except UnreadableRecord as unreadable:
        return unreadable


def _subscription(name: str, record: Members) -> Subscription:
    what = f"subscription {name}"
    text = records.brought_up("subscription", what, record)
    return records.made(what, text, lambda: _of(name, text))


def _of(name: str, text: Members) -> Subscription:
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
            for sealed, until, *_ in orjson.loads(text["old_secrets"])
        ),
        include=tuple(orjson.loads(text.get("include", "[]"))),
        rev=int(text["rev"]),
    )


def health_fields(health: Health) -> list[tuple[str, str]]:
    """A health as Redis keeps it, those fields alone that there are.

    Scripts read `pace`, `until` (milliseconds: it is left alone) and `rest` (one at a time).
    """
    moments = {
        "since": health.failing_since,
        "rests": health.rests_until,
        "asked": health.asked_until,
        "until": health.left_alone_until,
    }
    numbers = {"took": health.took, "rest": health.rest}
    return [
        ("recent", health.recent),
        ("pace", health.pace),
        ("failed", " ".join(health.failed)),
        *((name, f"{value:.3f}") for name, value in numbers.items() if value is not None),
        *((name, str(milliseconds(at))) for name, at in moments.items() if at is not None),
    ]


def unpacked_health(packed: bytes) -> tuple[Health, int]:
    """A health and its revision, from fields and values in turn."""
    flat = orjson.loads(packed) or []  # Lua's empty table is {} in JSON
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    return _health(fields), int(fields.get("rev", 0))


def health_of(record: Mapping[bytes, bytes]) -> Health:
    """A health from its hash."""
    return _health(records.texts(record))


def _health(fields: Mapping[str, str]) -> Health:
    """What is known of it; a member that cannot be read is not known, and is written anew."""

    def number(name: str) -> float | None:
        with suppress(KeyError, ValueError):
            found = float(fields[name])
            if isfinite(found):
                return found
        return None

    def moment(name: str) -> datetime | None:
        with suppress(KeyError, ValueError, OverflowError, OSError):
            return stream_moment(fields[name])
        return None

    return Health(
        recent=fields.get("recent", ""),
        took=number("took"),
        failing_since=moment("since"),
        failed=tuple(fields.get("failed", "").split()),
        rest=number("rest"),
        rests_until=moment("rests"),
        asked_until=moment("asked"),
    )
