"""Subscribers, good, moody and hanging, and their book: every end is heard by who can hear."""

import random
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from runhook.worker.delivery import deliveries, subscriptions
from runhook.worker.delivery.deliveries import Filter
from runhook.worker.errors import RunhookError
from runhook.worker.store import Delivery, Subscription
from tests.chaos.backwards import WentBack
from tests.chaos.kinds import UNWRITABLE, calm
from tests.chaos.plan import HUNG, Plan
from tests.chaos.spread import spread
from tests.journeys.conftest import Town
from tests.receiver import Receiver, Reply, Request, a_receiver

ENDS = ["job.succeeded", "job.failed", "job.cancelled"]
MOODS = (Reply(200), Reply(500), Reply(503, {"Retry-After": "1"}), Reply(200, wait=20), Reply(302))
WEIGHTS = (88, 6, 3, 1, 2)
DIRTY = b"\xff\xfe" + UNWRITABLE.encode("utf-8", "surrogatepass")
DIRT = (
    Reply(200, body=DIRTY),
    Reply(500, body=DIRTY),
    Reply(500, body=b"x" * 3_000_000),  # its sender may hang up while it is written
    Reply(500, {"Retry-After": "-" + "7" * 300}),
    Reply(500, {"Retry-After": "1e999999999"}, body=b"[" * 500 + b"]" * 500),
)
CALM = 120.0  # seconds that a calm subscriber has to hear the rest
HANGING = 10
HANGS = 20.0  # seconds, longer than a subscriber has to answer
FAIR = 60.0  # seconds that good receivers have to hear the rest while others hang


class Listener(Receiver):
    """Counts what it answered well, and how long after it happened."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: Counter[str] = Counter()
        self.delays: list[float] = []

    def answered(self, request: Request, status: int) -> None:
        """Count what was heard."""
        if status == 200:
            self.taken[request.headers["webhook-id"]] += 1
            happened = datetime.fromisoformat(request.event["time"])
            self.delays.append(time.time() - happened.timestamp())


class Moody(Listener):
    """Mostly fine."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self._chance = random.Random(f"{plan.seed} moods")
        self.calm = False
        dirt = DIRT if "bytes" in plan.kinds else ()
        self._moods = (*MOODS, *dirt)
        self._weights = (*WEIGHTS, *(1 for _ in dirt))

    def next_reply(self) -> Reply:
        """By its mood."""
        return Reply(200) if self.calm else self._chance.choices(self._moods, self._weights)[0]


class Hanging(Receiver):
    """Takes what comes and says nothing in time."""

    def next_reply(self) -> Reply:
        """Always the same."""
        return Reply(200, wait=HANGS)


@dataclass(frozen=True)
class SubscriberBook:
    """What there was to hear, and what was heard.

    Attributes:
        good: How long after it happened the good subscriber heard of each end.
        waited: Events that good receivers had not heard of while others hung.
    """

    deliveries: list[Delivery]
    taken: Counter[str]
    ends: int
    good: list[float]
    waited: list[str]
    backs: Sequence[WentBack]

    def breaches(self) -> dict[str, list[str]]:
        """What must never be."""
        by_event = {d.event: d for d in self.deliveries}
        done = [d for d in self.deliveries if d.state == "done"]
        return {
            "ends without a delivery": ["events"] * (self.ends - len(by_event)),
            "never heard": [
                d.id
                for d in self.deliveries
                if d.state in ("dead", "pending") and not self._forgotten(d)
            ],
            "said to be heard and was not": [d.id for d in done if not self.taken[d.event]],
            "heard twice without cause": [
                d.id for d in done if self.taken[d.event] > 1 and not self._cause(d)
            ],
            "kept waiting by others that hang": self.waited,
        }

    def _cause(self, delivery: Delivery) -> bool:
        """Whether an attempt was killed in the act, its answer came too late to be heard, or Redis
        had forgotten that it was told."""
        happened = delivery.happened_at.timestamp()
        if any(back.copied - CALM < happened < back.back for back in self.backs):
            return True
        return delivery.begun > len(delivery.tries) or any(
            tried["outcome"] == "failed" for tried in delivery.tries
        )

    def _forgotten(self, delivery: Delivery) -> bool:
        """Whether Redis, gone back, knows nothing of what it tells: nobody can be told any more."""
        happened = delivery.happened_at.timestamp()
        return any(back.copied - 1 < happened < back.back for back in self.backs)

    def page(self) -> str:
        """For people."""
        states = dict(Counter(d.state for d in self.deliveries))
        tries = sum(len(d.tries) for d in self.deliveries)
        again = sum(count - 1 for count in self.taken.values())
        return (
            f"subscriber: {self.ends} ends, {states}, {tries} attempts, "
            f"heard {len(self.taken)}, heard again {again}\n"
            f"from an end to a good subscriber: {spread(self.good)}"
        )


@dataclass
class Audience:
    """Everybody who is told over HTTP."""

    town: Town
    plan: Plan
    moody: Moody
    good: Listener
    hanging: list[Receiver]

    def subscribe(self) -> None:
        """Have every end told."""
        self._of_moody = self._subscription(self.moody, events=ENDS)
        self._of_good = self._subscription(self.good, events=ENDS)
        self._of_hanging = [
            self._subscription(one, events=ENDS, models=[HUNG]) for one in self.hanging
        ]

    def _subscription(self, receiver: Receiver, **given: Any) -> Subscription:
        wish = subscriptions.read_new(self.town.w, {"url": receiver.url, **given})
        return subscriptions.create(self.town.w, wish)[0]

    def wait_for_the_good(self, jobs: Sequence[str]) -> list[str]:
        """Those of the ends that good receivers have not heard of, though others still hang."""
        until = time.monotonic() + FAIR
        missing = ["?"]
        while missing and time.monotonic() < until:
            told = {line.split()[2] for line in self.town.told() if " job." in line}
            missing = [job for job in jobs if job not in told]
            missing += [d.id for d in self._listed("pending", self._of_good)]
            time.sleep(0.5)
        return missing

    def let_go_of_hanging(self) -> None:
        """They are removed, and the handlers that hang return."""
        calm(self.town.book).touch()
        for subscription in self._of_hanging:
            url = f"{self.town.web}/v1/subscriptions/{subscription.id}"
            urllib.request.urlopen(urllib.request.Request(url, method="DELETE"), timeout=20).close()

    def calm_down(self) -> None:
        """Let it hear the rest: what is dead is redelivered."""
        self.moody.calm = True
        mine = self._of_moody.id
        deadline = time.monotonic() + CALM
        while time.monotonic() < deadline:
            with suppress(RunhookError):
                deliveries.redeliver_all(
                    self.town.w, Filter(state="dead", handler=mine), dry_run=False
                )
            time.sleep(2)
            counts = [self.town.w.store.deliveries.count(s, mine) for s in ("pending", "dead")]
            if not any(counts):
                break

    def book(self, waited: list[str], backs: Sequence[WentBack]) -> SubscriberBook:
        """What was heard."""
        found = list(deliveries.matching(self.town.w, Filter(handler=self._of_moody.id)))
        delays = sorted(self.good.delays)
        return SubscriberBook(found, self.moody.taken, _ends(self.town), delays, waited, backs)

    def _listed(self, state: str, subscription: Subscription) -> list[Delivery]:
        with suppress(RunhookError):
            return list(
                deliveries.matching(self.town.w, Filter(state=state, handler=subscription.id))
            )
        return []


@contextmanager
def an_audience(town: Town, plan: Plan) -> Iterator[Audience]:
    """Their servers, listening."""
    hanging = [Hanging() for _ in range(HANGING * ("hanging" in plan.kinds))]
    found = Audience(town, plan, Moody(plan), Listener(), list(hanging))
    with ExitStack() as stack:
        for receiver in (found.moody, found.good, *hanging):
            stack.enter_context(a_receiver(receiver))
        yield found


def _ends(town: Town) -> int:
    redis: Any = town.w.store.client
    kinds = [fields[b"type"].decode() for _, fields in redis.xrange("runhook:events")]
    return sum(kind in ENDS for kind in kinds)
