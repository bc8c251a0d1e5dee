"""A subscriber of moods, and its book: every end is heard, and none only said to be."""

import random
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from tests.journeys.conftest import Town
from tests.receiver import Receiver, Reply
from worker import deliveries, subscriptions
from worker.deliveries import Filter
from worker.store import Delivery, Subscription

ENDS = ["job.succeeded", "job.failed", "job.cancelled"]
MOODS = (Reply(200), Reply(500), Reply(503, {"Retry-After": "1"}), Reply(200, wait=20), Reply(302))
WEIGHTS = (88, 6, 3, 1, 2)
CALM = 120.0  # seconds that a calm subscriber has to hear the rest


class Moody(Receiver):
    """Mostly fine."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._chance = random.Random(f"{seed} moods")
        self.calm = False
        self.taken: Counter[str] = Counter()

    def next_reply(self) -> Reply:
        """By its mood."""
        return Reply(200) if self.calm else self._chance.choices(MOODS, WEIGHTS)[0]

    def answered(self, request: Any, status: int) -> None:
        """Count what was heard."""
        if status == 200:
            self.taken[request.headers["webhook-id"]] += 1


@dataclass(frozen=True)
class SubscriberBook:
    """What there was to hear, and what was heard."""

    deliveries: list[Delivery]
    taken: Counter[str]
    ends: int

    def breaches(self) -> dict[str, list[str]]:
        """What must never be."""
        by_event = {d.event: d for d in self.deliveries}
        done = [d for d in self.deliveries if d.state == "done"]
        return {
            "ends without a delivery": ["events"] * (self.ends - len(by_event)),
            "never heard": [d.id for d in self.deliveries if d.state in ("dead", "pending")],
            "said to be heard and was not": [d.id for d in done if not self.taken[d.event]],
            "heard twice without cause": [
                d.id for d in done if self.taken[d.event] > 1 and not _cause(d)
            ],
        }

    def page(self) -> str:
        """For people."""
        states = dict(Counter(d.state for d in self.deliveries))
        tries = sum(len(d.tries) for d in self.deliveries)
        again = sum(count - 1 for count in self.taken.values())
        return (
            f"subscriber: {self.ends} ends, {states}, {tries} attempts, "
            f"heard {len(self.taken)}, heard again {again}"
        )


def subscribe(town: Town, moody: Moody) -> Subscription:
    """Have every end told."""
    given = {"url": moody.url, "events": ENDS}
    return subscriptions.create(town.w, subscriptions.read(town.w, given, new=True))[0]


def calm_down(town: Town, moody: Moody, subscription: Subscription) -> SubscriberBook:
    """Let it hear the rest: what is dead is redelivered."""
    moody.calm = True
    deadline = time.monotonic() + CALM
    while time.monotonic() < deadline:
        deliveries.redeliver_all(town.w, Filter("dead", subscription.id), dry_run=False)
        time.sleep(2)
        counts = [town.w.store.deliveries.count(s, subscription.id) for s in ("pending", "dead")]
        if not any(counts):
            break
    found = list(deliveries.matching(town.w, Filter(handler=subscription.id)))
    return SubscriberBook(found, moody.taken, _ends(town))


def _ends(town: Town) -> int:
    redis: Any = town.w.store.client
    kinds = [fields[b"type"].decode() for _, fields in redis.xrange("runhook:events")]
    return sum(kind in ENDS for kind in kinds)


def _cause(delivery: Delivery) -> bool:
    """Whether an attempt was killed in the act, or its answer came too late to be heard."""
    return delivery.begun > len(delivery.tries) or any(
        tried["outcome"] == "failed" for tried in delivery.tries
    )
