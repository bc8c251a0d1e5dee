"""HTTP subscribers: signed, told until they have heard, rested when they fail, given up at last."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from standardwebhooks import WebhookVerificationError

from runhook.worker.delivery import deliveries, subscriptions
from runhook.worker.delivery.trigger import TriggerRequest, trigger
from runhook.worker.domain.jobs import Job
from runhook.worker.errors import Conflict, InvalidRequest
from runhook.worker.flows.doctor import examine
from runhook.worker.store import Delivery, Subscription
from tests.conftest import IMAGE, SECRET, Build, House
from tests.receiver import Receiver, Reply

DAY = 86400.0


def _subscribe(house: House, url: str, **more: Any) -> tuple[Subscription, str]:
    given = {"url": url, "events": ["job.succeeded"], **more}
    return subscriptions.create(house.w, subscriptions.read_new(house.w, given))


def _delivery(house: House, job: Job) -> Delivery:
    found = house.w.store.deliveries.of_job(job.id)
    assert len(found) == 1
    return found[0]


def _ended(house: House, **more: Any) -> Job:
    return house.until(house.ask(**more), "succeeded")


def test_a_subscriber_gets_a_cloud_event_that_its_secret_verifies(
    open_house: House, receiver: Receiver
) -> None:
    _, secret = _subscribe(open_house, receiver.url)
    job = _ended(open_house)
    (request,) = receiver.requests
    request.verify(secret)
    event = request.event
    assert (event["specversion"], event["type"], event["subject"]) == (
        "1.0",
        "job.succeeded",
        job.id,
    )
    assert event["data"]["outputs"][0]["url"]
    assert request.headers["webhook-id"] == event["id"]
    assert request.headers["content-type"].startswith("application/cloudevents+json")
    delivery = _delivery(open_house, job)
    assert (delivery.state, delivery.tries[0]["status"]) == ("done", 200)
    assert delivery.tries[0]["answer"] == "thanks"


def test_another_secret_does_not_verify(open_house: House, receiver: Receiver) -> None:
    _subscribe(open_house, receiver.url)
    _ended(open_house)
    with pytest.raises(WebhookVerificationError):
        receiver.requests[0].verify(subscriptions.new_secret())


def test_after_a_rotation_both_secrets_verify_for_a_day(
    open_house: House, receiver: Receiver
) -> None:
    made, old = _subscribe(open_house, receiver.url)
    _, new = subscriptions.rotate(open_house.w, made.id)
    _ended(open_house)
    receiver.requests[0].verify(old)
    receiver.requests[0].verify(new)
    open_house.later(DAY + 1)
    _ended(open_house)
    receiver.requests[-1].verify(new)
    with pytest.raises(WebhookVerificationError):
        receiver.requests[-1].verify(old)


def test_a_rotation_that_is_asked_for_twice_takes_no_secret_away(
    open_house: House, receiver: Receiver
) -> None:
    made, first = _subscribe(open_house, receiver.url)
    secrets = [first, *(subscriptions.rotate(open_house.w, made.id)[1] for _ in range(2))]
    _ended(open_house)
    for secret in secrets:
        receiver.requests[0].verify(secret)
    subscriptions.rotate(open_house.w, made.id, 0)
    _ended(open_house)
    for secret in secrets:
        with pytest.raises(WebhookVerificationError):
            receiver.requests[-1].verify(secret)


def test_secrets_outlive_a_change_of_runhooks_own(build: Build, receiver: Receiver) -> None:
    before, after = SECRET[::-1], SECRET.upper()
    old = build(RUNHOOK_ALLOW_PRIVATE_URLS="true", RUNHOOK_SECRET=before)
    _, secret = _subscribe(old, receiver.url)
    both = build(RUNHOOK_ALLOW_PRIVATE_URLS="true", RUNHOOK_SECRET=f"{after},{before}")
    subscriptions.reseal(both.w)
    new = build(RUNHOOK_ALLOW_PRIVATE_URLS="true", RUNHOOK_SECRET=after)
    _ended(new)
    receiver.requests[0].verify(secret)


def test_no_secret_lies_in_redis_readable(open_house: House, receiver: Receiver) -> None:
    made, secret = _subscribe(open_house, receiver.url)
    record = open_house.raw.hgetall(f"runhook:subscription:{made.id}")
    assert all(secret.removeprefix("whsec_").encode() not in value for value in record.values())


def test_filters_pick_types_and_models(open_house: House, receiver: Receiver) -> None:
    _subscribe(open_house, receiver.url, models=["vidu/*"])
    _subscribe(open_house, receiver.url, events=["job.queued", "job.running"], models=[IMAGE])
    _ended(open_house)
    assert receiver.types() == ["job.queued", "job.running"]


def test_a_job_that_names_its_handlers_still_tells_subscribers(
    open_house: House, receiver: Receiver
) -> None:
    _subscribe(open_house, receiver.url)
    _ended(open_house, handlers=[])
    assert receiver.types() == ["job.succeeded"]


def test_a_failing_subscriber_is_told_again_with_the_same_id(
    open_house: House, receiver: Receiver
) -> None:
    _subscribe(open_house, receiver.url)
    receiver.answers(500, Reply(302, {"Location": receiver.url}), 200)
    job = _ended(open_house)
    open_house.later(12.1)
    open_house.later(121)
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1
    delivery = _delivery(open_house, job)
    assert [tried["status"] for tried in delivery.tries] == [500, 302, 200]
    assert "redirects are not followed" in str(delivery.tries[1]["why"])
    assert delivery.state == "done"


@pytest.mark.parametrize(("asked", "kept"), [("42", 42.0), ("900000", DAY), ("0", 1.0)])
def test_retry_after_is_kept_up_to_a_day(
    open_house: House, receiver: Receiver, asked: str, kept: float
) -> None:
    _subscribe(open_house, receiver.url)
    receiver.answers(Reply(429, {"Retry-After": asked}), 200)
    first = _ended(open_house)
    second = _ended(open_house)
    assert len(receiver.requests) == 1, "others wait too, while the endpoint asks to be left alone"
    open_house.later(kept - 0.5)
    assert len(receiver.requests) == 1
    open_house.later(1)
    assert len(receiver.requests) == 3
    for job in (first, second):
        assert _delivery(open_house, job).state == "done"


def test_410_disables_the_subscription_with_an_alert(open_house: House, receiver: Receiver) -> None:
    made, _ = _subscribe(open_house, receiver.url)
    receiver.answers(410)
    job = _ended(open_house)
    now = open_house.w.store.subscriptions.get(made.id)
    assert not now.enabled
    assert "410" in now.why
    assert _delivery(open_house, job).state == "dead"
    assert open_house.events()[-1] == "runhook.alert"
    alert = open_house.w.store.events.get(open_house.w.store.events.newest())
    assert (alert.subject, "410" in alert.data("")["alert"]) == (made.id, True)


def test_what_a_disabled_subscription_misses_is_kept_and_sent_when_asked(
    open_house: House, receiver: Receiver
) -> None:
    made, _ = _subscribe(open_house, receiver.url, enabled=False)
    job = _ended(open_house)
    assert receiver.requests == []
    missed = _delivery(open_house, job)
    assert (missed.state, missed.tries[0]["outcome"]) == ("dead", "missed")
    with pytest.raises(Conflict, match="disabled"):
        deliveries.redeliver(open_house.w, missed.id)
    wish = subscriptions.read_patch(open_house.w, {"enabled": True})
    subscriptions.change(open_house.w, made.id, wish)
    open_house.settle()
    assert receiver.requests == [], "it is offered, not sent"
    told, skipped = deliveries.redeliver_all(
        open_house.w, deliveries.Filter(state="dead", handler=made.id), dry_run=False
    )
    open_house.later(1)
    assert (told, skipped, receiver.types()) == (1, 0, ["job.succeeded"])


def test_a_sample_names_those_alone_who_are_told_of_it(
    open_house: House, receiver: Receiver
) -> None:
    _subscribe(open_house, receiver.url, enabled=False)
    made, _ = _subscribe(open_house, receiver.url)
    asked = TriggerRequest(type="job.succeeded")
    assert trigger(open_house.w, asked)["receivers"] == [made.id]
    open_house.settle()
    told = [one for some in open_house.w.store.deliveries.listed(None, None, None) for one in some]
    assert [(one.handler, one.state) for one in told] == [(made.id, "done")]


def test_a_redelivery_has_the_whole_schedule_again(open_house: House, receiver: Receiver) -> None:
    _subscribe(open_house, receiver.url)
    receiver.answers(500)
    job = _ended(open_house)
    for _ in range(2):
        open_house.later(130)
    dead = _delivery(open_house, job)
    assert (dead.state, len(dead.tries)) == ("dead", 3)
    open_house.w.store.duties.wake("reconcile", "sweep", 31 * DAY)
    open_house.later(40 * DAY)
    assert open_house.events() == [], "the log is trimmed, and the dead delivery keeps its event"
    deliveries.redeliver(open_house.w, dead.id)
    open_house.settle()
    open_house.later(13)
    assert len(_delivery(open_house, job).tries) == 5
    receiver.answers(200)
    open_house.later(130)
    done = _delivery(open_house, job)
    assert (done.state, len(done.tries)) == ("done", 6)
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1


def test_five_days_of_nothing_but_failures_disable_a_subscription(
    build: Build, receiver: Receiver
) -> None:
    house = build(RUNHOOK_ALLOW_PRIVATE_URLS="true", RUNHOOK_RETRY_SCHEDULE="0")
    made, _ = _subscribe(house, receiver.url)
    receiver.answers(500)
    for _ in range(5):
        _ended(house)
        house.later(DAY)
        assert house.w.store.subscriptions.get(made.id).enabled
    _ended(house)
    now = house.w.store.subscriptions.get(made.id)
    assert (now.enabled, "5 days" in now.why) == (False, True)
    assert "runhook.alert" in house.events()


def test_one_success_begins_the_five_days_anew(build: Build, receiver: Receiver) -> None:
    house = build(RUNHOOK_ALLOW_PRIVATE_URLS="true", RUNHOOK_RETRY_SCHEDULE="0")
    made, _ = _subscribe(house, receiver.url)
    receiver.answers(500, 500, 500, 200, 500)
    for _ in range(8):
        _ended(house)
        house.later(DAY)
    assert house.w.store.subscriptions.get(made.id).enabled


def test_a_removed_subscription_is_told_nothing_and_leaves_nothing(
    open_house: House, receiver: Receiver
) -> None:
    made, _ = _subscribe(open_house, receiver.url)
    receiver.answers(500)
    job = _ended(open_house)
    open_house.w.store.subscriptions.remove(made.id)
    open_house.later(200)
    assert len(receiver.requests) == 1
    assert _delivery(open_house, job).state == "dead"
    open_house.clock.advance(31 * DAY)
    open_house.w.store.duties.wake("reconcile", "sweep")
    open_house.settle()
    left = [key for key in open_house.raw.scan_iter("*") if made.id.encode() in key]
    assert left == []


def test_a_private_address_is_refused_at_the_time_of_telling_too(
    build: Build, receiver: Receiver
) -> None:
    house = build(RUNHOOK_ALLOW_PRIVATE_URLS="true")
    _subscribe(house, receiver.url)
    strict = build(RUNHOOK_RETRY_SCHEDULE="0,10")
    job = _ended(strict)
    assert receiver.requests == []
    assert "private address 127.0.0.1" in str(_delivery(strict, job).tries[0]["why"])


def test_a_test_posts_a_sample_and_changes_nothing(open_house: House, receiver: Receiver) -> None:
    made, secret = _subscribe(open_house, receiver.url)
    receiver.answers(Reply(201, body=b"made"))
    for kind in ("job.failed", "job.unconfirmed", "runhook.alert"):
        outcome = subscriptions.try_out(open_house.w, made, kind)
        assert (outcome.word, outcome.status, outcome.answer) == ("done", 201, "made")
        receiver.requests[-1].verify(secret)
    assert receiver.types() == ["job.failed", "job.unconfirmed", "runhook.alert"]
    assert list(open_house.w.store.deliveries.names("done", None, None)) == []


def test_a_subscriber_whose_secret_cannot_be_opened_is_told_to_rotate(
    build: Build, receiver: Receiver
) -> None:
    house = build(RUNHOOK_ALLOW_PRIVATE_URLS="true")
    _subscribe(house, receiver.url)
    other = build(RUNHOOK_ALLOW_PRIVATE_URLS="true", RUNHOOK_SECRET=SECRET[::-1])
    job = _ended(other)
    assert "rotate it" in str(_delivery(other, job).tries[0]["why"])
    assert receiver.requests == []


def test_whatever_users_do_meanwhile_every_delivery_ends_and_nothing_is_left_in_hand(
    build: Build, receiver: Receiver
) -> None:
    house = build(RUNHOOK_ALLOW_PRIVATE_URLS="true", RUNHOOK_RETRY_SCHEDULE="0,1,1")
    made = [_subscribe(house, receiver.url)[0].id for _ in range(4)]
    over = threading.Event()

    def meddle(seed: int) -> None:
        chance = random.Random(seed)
        while not over.is_set():
            one = chance.choice(made)
            match chance.choice(["enable", "disable", "rotate", "redeliver"]):
                case "rotate":
                    subscriptions.rotate(house.w, one)
                case "redeliver":
                    wanted = deliveries.Filter(state="dead", handler=one)
                    deliveries.redeliver_all(house.w, wanted, dry_run=False)
                case word:
                    wish = subscriptions.read_patch(house.w, {"enabled": word == "enable"})
                    subscriptions.change(house.w, one, wish)

    with ThreadPoolExecutor(3) as users:
        meddling = [users.submit(meddle, seed) for seed in range(3)]
        for _ in range(10):
            _ended(house)
            house.later(2)
        over.set()
    for task in meddling:
        task.result()
    for one in made:
        wish = subscriptions.read_patch(house.w, {"enabled": True})
        subscriptions.change(house.w, one, wish)
    for _ in range(3):
        deliveries.redeliver_all(house.w, deliveries.Filter(state="dead"), dry_run=False)
        house.later(10)
    assert sum(map(len, house.w.store.deliveries.names("done", None, None))) == 40
    assert house.raw.keys("runhook:outbox:*") == house.raw.keys("runhook:held:*") == []


def test_where_only_https_is_allowed_http_is_refused_named_and_not_told(
    build: Build, receiver: Receiver
) -> None:
    before = build(RUNHOOK_ALLOW_PRIVATE_URLS="true")
    wish = subscriptions.read_new(before.w, {"url": receiver.url})
    made, _ = subscriptions.create(before.w, wish)
    house = build(RUNHOOK_ALLOW_PRIVATE_URLS="true", RUNHOOK_HTTPS_ONLY="true")
    for url in (receiver.url, receiver.url.upper()):
        with pytest.raises(InvalidRequest, match="RUNHOOK_HTTPS_ONLY"):
            subscriptions.read_new(house.w, {"url": url})
    job = house.until(house.ask(), "succeeded")
    assert receiver.requests == []
    assert {
        "must be https" in str(one.tries[0]["why"])
        for one in house.w.store.deliveries.of_job(job.id)
    } == {True}
    said = [one for one in examine(house.w, {}) if one.what == "subscriber"]
    assert made.id in said[0].says
    assert "RUNHOOK_HTTPS_ONLY" in said[0].advice
