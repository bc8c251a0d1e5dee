"""Records that this version cannot read: left as they are, named by doctor, and in nobody's way."""

import json
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient

from runhook.worker.delivery import deliveries, subscriptions
from runhook.worker.domain import policy
from runhook.worker.domain.handlers import Handler, Registry
from runhook.worker.domain.jobs import Job
from runhook.worker.errors import UnreadableRecord
from runhook.worker.flows import create
from runhook.worker.flows.create import JobRequest
from runhook.worker.flows.doctor import examine
from runhook.worker.flows.pump import published
from runhook.worker.store import records
from tests.conftest import IMAGE, Build, House, eventually, web_app
from tests.receiver import Receiver

NEWER = records.VERSION + 1


def _members(house: House, key: str, field: str, **more: Any) -> None:
    """Write members into a record as a newer version would."""
    held = json.loads(house.raw.hget(f"runhook:{key}", field))
    house.raw.hset(f"runhook:{key}", field, orjson.dumps(held | more))


def _newer(house: House, job: Job) -> None:
    """Only a newer version may touch this job."""
    _members(house, f"job:{job.id}", "ask", v=NEWER, needs=NEWER)


def _readable(house: House, job: Job) -> None:
    """The newer version is this one after all."""
    _members(house, f"job:{job.id}", "ask", v=records.VERSION, needs=records.VERSION)


def _broken(house: House, job: Job) -> None:
    """Metadata that nest deeper than can be read."""
    ask_text = house.raw.hget(f"runhook:job:{job.id}", "ask")
    deep = b'"metadata":' + b'{"a":' * 230 + b"1" + b"}" * 230
    broken = ask_text[:-1] + b"," + deep + b"}"
    house.raw.hset(f"runhook:job:{job.id}", "ask", broken)


def _dreaming(house: House, job: Job) -> None:
    """A state that only a newer version knows."""
    _members(house, f"job:{job.id}", "life", v=NEWER)
    house.raw.hset(f"runhook:job:{job.id}", "state", "dreaming")


SPOIL = pytest.mark.parametrize("spoil", [_newer, _broken, _dreaming])


def _records(house: House) -> Any:
    (found,) = [finding for finding in examine(house.w, {}) if finding.what == "records"]
    return found


@pytest.fixture
def client(house: House) -> FlaskClient:
    return web_app(house.w).test_client()


def test_what_a_newer_version_wrote_survives_a_whole_life_here(house: House) -> None:
    house.sandbox.faults({"fault": "infrastructure", "times": 1})
    job = house.ask(options={"retries": 1})
    life = json.loads(house.raw.hget(f"runhook:job:{job.id}", "life"))
    attempts = [life["attempts"][0] | {"mood": "good", "settled_by": None}]
    _members(house, f"job:{job.id}", "life", v=NEWER, weather="rain", attempts=attempts)
    _members(house, f"job:{job.id}", "ask", v=NEWER, season="spring")
    house.until(job, "succeeded")
    held = house.raw.hgetall(f"runhook:job:{job.id}")
    life, asked = json.loads(held[b"life"]), json.loads(held[b"ask"])
    assert (life["v"], life["weather"], life["attempts"][0]["mood"]) == (NEWER, "rain", "good")
    assert (asked["v"], asked["season"]) == (NEWER, "spring")
    assert len(life["attempts"]) == 2
    events = [fields for _, fields in house.raw.xrange("runhook:events")]
    told = [json.loads(fields[b"life"]).get("weather") for fields in events[1:]]
    assert set(told) == {"rain"}


def test_words_of_a_newer_version_are_shown_and_written_back(
    house: House, client: FlaskClient
) -> None:
    house.sandbox.faults({"fault": "failed"})
    job = house.until(house.ask(), "failed")
    life = json.loads(house.raw.hget(f"runhook:job:{job.id}", "life"))
    error = {"code": "overslept", "message": "It overslept.", "hours": 9}
    attempts = [life["attempts"][0] | {"settled_by": "oracle", "error": error}]
    _members(house, f"job:{job.id}", "life", v=NEWER, attempts=attempts)
    house.raw.xadd(
        "runhook:events",
        {
            "job": job.id,
            "type": "job.overslept",
            "state": "failed",
            "previous": "",
            "life": house.raw.hget(f"runhook:job:{job.id}", "life"),
            "why": "",
        },
        id="9999999999999-0",
    )
    shown = client.get(f"/v1/jobs/{job.id}").get_json()
    assert (shown["settled_by"], shown["error"]["code"]) == ("oracle", "overslept")
    types = [event["type"] for event in client.get("/v1/events").get_json()["items"]]
    assert types[-1] == "job.overslept"
    house.sandbox.faults()
    client.post(f"/v1/jobs/{job.id}/retry")
    house.until(job, "succeeded")
    first = json.loads(house.raw.hget(f"runhook:job:{job.id}", "life"))["attempts"][0]
    assert (first["settled_by"], first["error"]) == ("oracle", error)


@SPOIL
def test_lists_and_events_go_on_without_it(house: House, client: FlaskClient, spoil: Any) -> None:
    first, spoilt, last = house.ask(), house.ask(), house.ask()
    spoil(house, spoilt)
    listed = client.get("/v1/jobs").get_json()["items"]
    assert [one["id"] for one in listed] == [last.id, first.id]
    told = client.get("/v1/events").get_json()["items"]
    assert [event["subject"] for event in told] == [first.id, last.id]
    assert client.get(f"/v1/jobs/{spoilt.id}").status_code == 503
    assert "left as it is" in client.get(f"/v1/jobs/{spoilt.id}").get_json()["detail"]
    assert client.post(f"/v1/jobs/{spoilt.id}/cancel").status_code == 503


@SPOIL
def test_doctor_counts_and_names_it_and_repair_leaves_it(house: House, spoil: Any) -> None:
    assert _records(house).word == "good"
    job = house.ask()
    spoil(house, job)
    before = house.raw.hgetall(f"runhook:job:{job.id}")
    assert (_records(house).word, "1 left alone" in _records(house).says) == ("bad", True)
    assert job.id in _records(house).says
    house.w.store.upkeep.repair()
    assert house.raw.hgetall(f"runhook:job:{job.id}") == before


@SPOIL
def test_the_line_passes_it_over_and_its_place_is_kept(house: House, spoil: Any) -> None:
    spoilt, other = house.ask(priority=9), house.ask()
    held = house.raw.hget(f"runhook:job:{spoilt.id}", "ask")
    spoil(house, spoilt)
    house.until(other, "succeeded")
    assert house.standing("queued") == 1
    assert house.sandbox.accepted() == 1
    assert [name.decode() for name in house.raw.zrange("runhook:line:main", 0, -1)] == [spoilt.id]
    house.raw.hset(f"runhook:job:{spoilt.id}", mapping={"ask": held, "state": "queued"})
    house.later(policy.UNREADABLE_LOOK + 1)
    house.until(spoilt, "succeeded")


def test_more_of_them_than_one_look_takes_do_not_close_the_line(house: House) -> None:
    spoilt = [house.ask(priority=9) for _ in range(120)]
    for job in spoilt:
        _newer(house, job)
    house.until(house.ask(), "succeeded")
    assert house.standing("queued") == 120


@pytest.mark.parametrize("lane", ["send", "intake", "reconcile", "fanout"])
def test_its_duty_waits_for_a_newer_process(build: Build, lane: str) -> None:
    house = build(RUNHOOK_PUBLIC_URL="") if lane == "reconcile" else build()
    house.lost = [lane]
    job = house.ask()
    eventually(lambda: (house.step(), house.raw.zcard(f"runhook:due:{lane}"))[1])
    _newer(house, job)
    house.lost = []
    for _ in range(20):
        house.later(policy.UNREADABLE_LOOK + 1)
        assert house.raw.zcard(f"runhook:due:{lane}") >= 1
    _readable(house, job)
    house.later(policy.UNREADABLE_LOOK + 1)
    house.until(job, "succeeded")
    assert house.sandbox.accepted() == 1


def test_a_duty_of_a_newer_version_is_left_to_it(house: House) -> None:
    for lane, duty in (
        ("reconcile", "archive/job_1"),
        ("send", "job_1/first"),
        ("intake", "x"),
        ("fanout", "new/shop"),
    ):
        house.w.store.duties.wake(lane, duty)
        house.settle()
        house.later(policy.UNREADABLE_LOOK + 1)
        assert house.raw.zscore(f"runhook:due:{lane}", duty)
        house.raw.delete(f"runhook:due:{lane}")


def test_a_model_of_a_newer_catalogue_waits_for_it_unpaid(house: House) -> None:
    job, other = house.ask(priority=9), house.ask()
    _members(house, f"job:{job.id}", "ask", model="rhart-image-z/text-to-image")
    house.until(other, "succeeded")
    assert house.job(job).state == "queued"
    assert "rhart-image-z" in _records(house).says
    _members(house, f"job:{job.id}", "ask", model=IMAGE)
    house.later(policy.UNREADABLE_LOOK + 1)
    house.until(job, "succeeded")


def _told(registry: Registry) -> list[str]:
    heard: list[str] = []
    tell = Handler(
        name="shop",
        types=("job.succeeded",),
        model=None,
        target=lambda event: heard.append(event.job.id),
    )
    registry.add(tell)
    return heard


@pytest.mark.parametrize("what", ["delivery", "event"])
def test_a_delivery_that_is_not_for_this_version_delays_none_and_is_not_counted(
    build: Build, what: str
) -> None:
    registry = Registry()
    heard = _told(registry)
    house = build(registry, RUNHOOK_RETRY_SCHEDULE="0,10")
    house.w.store.processes.publish_handlers(published(house.w))
    house.lost = ["handlers"]
    first, second = (house.until(house.ask(), "succeeded") for _ in range(2))
    (delivery,) = house.w.store.deliveries.of_job(first.id)
    key = f"runhook:delivery:{delivery.id}"
    if what == "delivery":
        house.raw.hset(key, mapping={"v": NEWER, "needs": NEWER})
    else:
        _newer(house, first)
    house.lost = []
    for _ in range(10):
        house.later(policy.UNREADABLE_LOOK + 31)
    assert heard == [second.id]
    assert house.raw.hget(key, "begun") == b"0"
    assert house.raw.hget(key, "state") == b"pending"
    house.raw.hdel(key, "needs")
    _readable(house, first)
    house.later(policy.UNREADABLE_LOOK + 31)
    assert heard == [second.id, first.id]


def test_a_subscriber_only_a_newer_process_can_read_is_told_by_it(
    open_house: House, receiver: Receiver
) -> None:
    house = open_house
    wish = subscriptions.read_new(house.w, {"url": receiver.url, "events": ["job.succeeded"]})
    theirs, _ = subscriptions.create(house.w, wish)
    ours, _ = subscriptions.create(house.w, wish)
    house.raw.hset(f"runhook:subscription:{theirs.id}", mapping={"v": NEWER, "needs": NEWER})
    house.until(house.ask(), "succeeded")
    assert len(receiver.requests) == 1
    assert [one.id for one in house.w.store.subscriptions.all()] == [ours.id]
    assert theirs.id in _records(house).says
    house.raw.hset(f"runhook:subscription:{theirs.id}", mapping={"v": 1, "needs": 1})
    house.later(policy.UNREADABLE_LOOK + 1)
    house.later(1)
    assert len(receiver.requests) == 2


def test_a_subscription_keeps_what_a_newer_version_wrote(open_house: House) -> None:
    house = open_house
    wish = subscriptions.read_new(house.w, {"url": "http://127.0.0.1:9/"})
    made, _ = subscriptions.create(house.w, wish)
    key = f"runhook:subscription:{made.id}"
    house.raw.hset(key, mapping={"v": NEWER, "format": "binary"})
    subscriptions.rotate(house.w, made.id)
    off = subscriptions.read_patch(house.w, {"enabled": False})
    subscriptions.change(house.w, made.id, off)
    held = house.raw.hgetall(key)
    assert (held[b"v"], held[b"format"], held[b"enabled"]) == (b"%d" % NEWER, b"binary", b"0")
    house.raw.hset(key, "needs", NEWER)
    with pytest.raises(UnreadableRecord):
        subscriptions.rotate(house.w, made.id)
    assert house.raw.hgetall(key) == held | {b"needs": b"%d" % NEWER}


def test_a_handlers_row_keeps_what_a_newer_process_published(build: Build) -> None:
    registry = Registry()
    _told(registry)
    house = build(registry)
    publish = house.w.store.processes.publish_handlers
    publish(published(house.w))
    _members(house, "handlers", "shop", v=NEWER, queue="fast")
    publish(published(house.w))
    row = json.loads(house.raw.hget("runhook:handlers", "shop"))
    assert (row["v"], row["queue"]) == (NEWER, "fast")
    _members(house, "handlers", "shop", needs=NEWER)
    before = house.raw.hget("runhook:handlers", "shop")
    publish(published(house.w))
    assert house.raw.hget("runhook:handlers", "shop") == before
    assert house.w.store.processes.handlers() == []
    assert "handler shop" in _records(house).says


def test_an_asset_kept_again_keeps_what_a_newer_version_wrote(house: House) -> None:
    from io import BytesIO

    kept = create.keep(house.w, "note.txt", BytesIO(b"a note"))
    _members(house, "asset", kept.id, v=NEWER, owner="shop-7")
    create.keep(house.w, "again.txt", BytesIO(b"a note"))
    row = json.loads(house.raw.hget("runhook:asset", kept.id))
    assert (row["v"], row["owner"]) == (NEWER, "shop-7")
    _members(house, "asset", kept.id, needs=NEWER)
    with pytest.raises(UnreadableRecord):
        create.keep(house.w, "again.txt", BytesIO(b"a note"))
    with pytest.raises(UnreadableRecord):
        create.request(
            house.w, JobRequest(model=IMAGE, input={"prompt": "x", "imageUrl": f"asset:{kept.id}"})
        )


def test_every_record_says_its_version(open_house: House, receiver: Receiver) -> None:
    house = open_house
    wish = subscriptions.read_new(house.w, {"url": receiver.url})
    made, _ = subscriptions.create(house.w, wish)
    job = house.until(house.ask(), "succeeded")
    version = records.VERSION
    for field in ("ask", "life"):
        assert json.loads(house.raw.hget(f"runhook:job:{job.id}", field))["v"] == version
    texts = [fields[b"v"] for _, fields in house.raw.xrange("runhook:events")]
    texts += [house.raw.hget(f"runhook:subscription:{made.id}", "v")]
    texts += [house.raw.hget(key, "v") for key in house.raw.scan_iter("runhook:delivery:*")]
    assert set(texts) == {b"%d" % version}


def test_a_subscription_that_cannot_be_read_stops_no_redelivery_to_others(
    open_house: House, receiver: Receiver
) -> None:
    house = open_house
    receiver.answers(410)
    wish = subscriptions.read_new(house.w, {"url": receiver.url, "events": ["job.succeeded"]})
    both = [subscriptions.create(house.w, wish)[0].id for _ in range(2)]
    house.until(house.ask(), "succeeded")
    receiver.answers(200)
    on = subscriptions.read_patch(house.w, {"enabled": True})
    for name in both:
        subscriptions.change(house.w, name, on)
    house.raw.hset(f"runhook:subscription:{both[0]}", mapping={"v": NEWER, "needs": NEWER})
    dead = deliveries.Filter(state="dead")
    assert deliveries.redeliver_all(house.w, dead, dry_run=False) == (1, 1)


def test_a_callback_whose_record_is_broken_keeps_none_behind_it_waiting(house: House) -> None:
    house.lost = ["intake"]
    job = house.until(house.ask(), "running")
    key = f"runhook:raw:{job.id}/1"
    eventually(lambda: house.raw.exists(key))
    house.raw.lpush(key, b"\xff no record")
    house.lost = []
    house.later(31)
    assert house.job(job).state == "succeeded"
    assert not house.raw.exists(key)
    assert "callback not believed" in house.notes(job)
