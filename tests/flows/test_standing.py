"""How receivers stand, those that somebody should look at first; and redelivering some of many."""

from runhook import Event
from runhook.worker.delivery import deliveries, standing, subscriptions
from runhook.worker.domain.handlers import Handler, Registry
from runhook.worker.flows.pump import published
from runhook.worker.store import Delivery, Subscription
from tests.conftest import Build, House
from tests.receiver import Receiver


def _subscribe(house: House, url: str, *, enabled: bool = True) -> Subscription:
    given = {"url": url, "events": ["job.succeeded"], "enabled": enabled}
    return subscriptions.create(house.w, subscriptions.read_new(house.w, given))[0]


def _ended(house: House, count: int) -> list[Delivery]:
    jobs = [house.until(house.ask(), "succeeded") for _ in range(count)]
    return [one for job in jobs for one in house.w.store.deliveries.of_job(job.id)]


def test_receivers_are_listed_with_what_waits_for_them_the_worst_first(
    build: Build, receiver: Receiver
) -> None:
    registry = Registry()
    registry.add(Handler(name="shop", types=("job.failed",), model=None, target=_hear))
    house = build(registry, RUNHOOK_ALLOW_PRIVATE_URLS="true", RUNHOOK_RETRY_SCHEDULE="0,60")
    house.w.store.processes.publish_handlers(published(house.w))
    failing = _subscribe(house, receiver.url)
    disabled = _subscribe(house, receiver.url, enabled=False)
    receiver.answers(500)
    _ended(house, 2)
    found = {one.name: one for one in standing.receivers(house.w)}
    assert [one.standing for one in found.values()] == ["disabled", "failing", "listening"]
    assert (found[failing.id].waiting.pending, found[disabled.id].waiting.dead) == (2, 2)
    assert (found["shop"].lane, found[failing.id].url) == ("handlers", receiver.url)


def test_a_subscriber_whose_breaker_is_open_is_paused_until_a_moment(
    open_house: House, receiver: Receiver
) -> None:
    made = _subscribe(open_house, receiver.url)
    receiver.answers(500)
    _ended(open_house, 6)
    for _ in range(3):
        open_house.later(13)
    (found,) = standing.receivers(open_house.w)
    assert (found.name, found.standing) == (made.id, "paused")
    assert found.until
    assert found.until > open_house.w.clock.now()


def test_of_those_that_are_selected_each_is_redelivered_once(
    build: Build, receiver: Receiver
) -> None:
    house = build(RUNHOOK_ALLOW_PRIVATE_URLS="true", RUNHOOK_RETRY_SCHEDULE="0")
    _subscribe(house, receiver.url)
    receiver.answers(500)
    first, second, _ = (one.id for one in _ended(house, 3))
    gone = first.replace("dlv_1", "dlv_0")
    ids = [first, second, first, gone, "a*"]
    assert deliveries.redeliver_these(house.w, ids, dry_run=True) == (2, 1)
    assert len(receiver.requests) == 3
    receiver.answers(200)
    assert deliveries.redeliver_these(house.w, ids, dry_run=False) == (2, 1)
    house.later(200)
    house.later(200)
    states = [one.state for one in house.w.store.deliveries.many([first, second])]
    assert (states, len(receiver.requests)) == (["done", "done"], 5)


def _hear(event: Event) -> None:
    pass
