"""/v1/deliveries and /v1/recover: what was told to whom, and making good what is missing."""

from contextlib import ExitStack
from typing import Any

import pytest
from flask.testing import FlaskClient

from runhook import Event
from runhook.webhook.edge.limits import RECOVERING
from runhook.worker.domain import moves
from runhook.worker.domain.handlers import Handler, Registry
from runhook.worker.domain.jobs import Job
from runhook.worker.domain.moves import Move
from runhook.worker.domain.reports import Error
from runhook.worker.flows.pump import published
from runhook.worker.store import Change
from tests.conftest import Build, House

SINCE = {"since": "2h"}


class Shop:
    """A handler that can be closed."""

    def __init__(self, build: Build, **settings: Any) -> None:
        self.closed = False
        self.heard: list[str] = []
        registry = Registry()
        registry.add(Handler(name="shop", types=("job.succeeded",), model=None, target=self.hear))
        self.house: House = build(registry, RUNHOOK_RETRY_SCHEDULE="0", **settings)
        self.client: FlaskClient = self.house.app.test_client()

    def opens(self) -> None:
        """From now on there is such a handler."""
        self.house.w.store.processes.publish_handlers(published(self.house.w))

    def hear(self, event: Event) -> None:
        """Listen, or not."""
        if self.closed:
            raise ConnectionError("closed")
        self.heard.append(event.job.id)

    def ended(self, count: int = 1) -> list[Job]:
        """So many jobs."""
        return [self.house.until(self.house.ask(), "succeeded") for _ in range(count)]

    def get(self, path: str) -> Any:
        """Read."""
        return self.client.get(path).get_json()

    def post(self, path: str, body: Any) -> Any:
        """Ask for something."""
        return self.client.post(path, json=body).get_json()


@pytest.fixture
def shop(build: Build) -> Shop:
    """One that is open."""
    found = Shop(build)
    found.opens()
    return found


def test_deliveries_are_listed_newest_first_with_every_attempt(shop: Shop) -> None:
    (first,) = shop.ended()
    shop.closed = True
    (second,) = shop.ended()
    page = shop.get("/v1/deliveries?limit=1")
    assert [item["job"] for item in page["items"]] == [second.id]
    dead = page["items"][0]
    assert (dead["state"], dead["handler"], dead["type"]) == ("dead", "shop", "job.succeeded")
    (attempt,) = dead["attempts"]
    assert attempt["outcome"] == "failed"
    assert "ConnectionError: closed" in attempt["why"]
    assert attempt["at"].endswith("Z")
    rest = shop.get(f"/v1/deliveries?cursor={page['next']}")
    assert [item["job"] for item in rest["items"]] == [first.id]
    assert rest["next"] is None


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("state=dead", [1]),
        ("state=done", [0]),
        ("state=pending", []),
        ("handler=shop", [1, 0]),
        ("handler=shop&state=done", [0]),
        ("handler=other", []),
        ("job={0}", [0]),
        ("job={0}&state=dead", []),
    ],
)
def test_deliveries_are_picked_by_state_job_and_handler(
    shop: Shop, query: str, wanted: list[int]
) -> None:
    made = shop.ended()
    shop.closed = True
    made += shop.ended()
    found = shop.get("/v1/deliveries?" + query.format(made[0].id))["items"]
    assert [item["job"] for item in found] == [made[number].id for number in wanted]


def test_a_wrong_filter_is_refused(shop: Shop) -> None:
    shop.ended()
    assert shop.client.get("/v1/deliveries?state=lost").status_code == 422
    assert shop.client.get("/v1/deliveries?limit=0").status_code == 422
    assert shop.client.get("/v1/deliveries?job=state:done").status_code == 422
    wrong = ({"stat": "dead"}, {"since": "soon"}, {"dry_run": "yes"}, {"handler": 7})
    for body in (*wrong, {"job": 7}, {"job": "state:done"}):
        assert shop.client.post("/v1/deliveries/redeliver", json=body).status_code == 422


def test_one_delivery_is_redelivered(shop: Shop) -> None:
    shop.closed = True
    (job,) = shop.ended()
    dead = shop.get("/v1/deliveries")["items"][0]
    shop.closed = False
    answer = shop.client.post(f"/v1/deliveries/{dead['id']}/redeliver")
    assert (answer.status_code, answer.get_json()["state"]) == (202, "pending")
    shop.house.settle()
    assert shop.heard == [job.id]
    done = shop.get(f"/v1/deliveries/{dead['id']}")
    assert (done["state"], len(done["attempts"])) == ("done", 2)
    assert shop.client.post("/v1/deliveries/dlv_none/redeliver").status_code == 404


def test_what_was_done_can_be_told_again_too(shop: Shop) -> None:
    (job,) = shop.ended()
    done = shop.get("/v1/deliveries")["items"][0]
    shop.client.post(f"/v1/deliveries/{done['id']}/redeliver")
    shop.house.settle()
    assert shop.heard == [job.id, job.id]


def test_all_that_match_are_redelivered_and_a_dry_run_only_counts(shop: Shop) -> None:
    shop.closed = True
    shop.ended(2)
    shop.house.clock.advance(3600)
    late = shop.ended()
    shop.closed = False
    body = {"handler": "shop", "since": "30m"}
    assert shop.post("/v1/deliveries/redeliver", body | {"dry_run": True})["redelivered"] == 1
    shop.house.later(1)
    assert shop.heard == []
    assert shop.post("/v1/deliveries/redeliver", body)["redelivered"] == 1
    shop.house.later(1)
    assert shop.heard == [job.id for job in late]
    assert shop.post("/v1/deliveries/redeliver", {})["redelivered"] == 2


def test_who_asks_for_a_receiver_that_there_is_not_is_told_the_nearest(shop: Shop) -> None:
    shop.ended()
    for path, body in {"recover": SINCE, "deliveries/redeliver": {}}.items():
        answer = shop.client.post(f"/v1/{path}", json=body | {"handler": "shp"})
        assert answer.status_code == 404
        assert "no handler or subscription 'shp'; did you mean shop?" in answer.text


def test_a_handler_that_came_later_is_reached_by_recover(build: Build) -> None:
    shop = Shop(build)
    made = shop.ended(2)
    shop.opens()
    wanted = SINCE | {"new_handlers": True}
    dry = shop.post("/v1/recover", wanted | {"dry_run": True})
    assert (dry["opened"], dry["dry_run"]) == (2, True)
    shop.house.later(1)
    assert shop.heard == []
    assert shop.post("/v1/recover", wanted)["opened"] == 2
    shop.house.later(1)
    assert shop.heard == [job.id for job in made]
    assert shop.post("/v1/recover", wanted)["opened"] == 0


def test_what_happened_before_a_handler_came_is_not_told_to_it_unasked(build: Build) -> None:
    shop = Shop(build)
    shop.ended(2)
    shop.house.clock.advance(60)
    shop.opens()
    shop.closed = True
    (dead,) = shop.ended()
    shop.closed = False
    shop.house.clock.advance(1)
    subscriber = shop.post("/v1/subscriptions", {"url": "https://shop.example.com/hook"})["id"]
    dry = shop.post("/v1/recover", SINCE | {"dry_run": True})
    nothing = {"opened": 0, "redelivered": 0, "skipped": 0}
    assert dry["handlers"] == {
        "shop": nothing | {"redelivered": 1, "younger": 2},
        subscriber: nothing | {"younger": 9},
    }
    assert (dry["opened"], dry["redelivered"], dry["younger"]) == (0, 1, 11)
    assert shop.post("/v1/recover", SINCE)["handlers"] == dry["handlers"]
    shop.house.later(1)
    assert shop.heard == [dead.id]


def test_a_handler_that_restarts_is_as_old_as_it_was(shop: Shop) -> None:
    shop.house.clock.advance(60)
    shop.house.lost = ["fanout"]
    shop.ended()
    shop.house.clock.advance(20)
    shop.opens()
    found = shop.post("/v1/recover", SINCE | {"dry_run": True})
    assert (found["opened"], found["younger"]) == (1, 0)


def test_recover_tells_dead_deliveries_of_its_span_again(shop: Shop) -> None:
    shop.closed = True
    shop.ended()
    shop.house.clock.advance(3 * 3600)
    late = shop.ended()
    shop.closed = False
    assert shop.post("/v1/recover", SINCE | {"dry_run": True})["redelivered"] == 1
    shop.house.later(1)
    assert shop.heard == []
    assert shop.post("/v1/recover", SINCE | {"handler": "shop"})["redelivered"] == 1
    shop.house.later(1)
    assert shop.heard == [job.id for job in late]


def test_recover_asks_about_jobs_whose_callback_never_came(shop: Shop) -> None:
    shop.house.sandbox.faults({"fault": "callback_lost"})
    asked = shop.house.ask()
    shop.house.settle()
    assert shop.house.job(asked).state == "running"
    assert shop.post("/v1/recover", SINCE | {"dry_run": True})["asked"] == 1
    assert shop.house.job(asked).state == "running"
    assert shop.post("/v1/recover", SINCE)["asked"] == 1
    shop.house.later(1)
    assert shop.house.job(asked).state == "succeeded"
    assert shop.heard == [asked.id]


def test_recover_brings_home_what_was_given_up_when_its_time_was_over(build: Build) -> None:
    shop = Shop(build, RUNHOOK_JOB_TIMEOUT=60)
    shop.opens()
    shop.house.sandbox.faults({"fault": "callback_lost"})
    asked = shop.house.ask()
    shop.house.settle()
    late = Error(code="timeout", message="RunningHub did not end it within 60 s.")

    def time_is_over(job: Job) -> Change:
        ended = moves.end(job, Move.FAIL, "query", shop.house.clock.now(), error=late)
        return Change(job=ended, event="job.failed")

    shop.house.w.store.jobs.change(asked.id, time_is_over)
    shop.house.settle()
    assert shop.post("/v1/recover", SINCE)["asked"] == 1
    shop.house.later(1)
    assert shop.house.job(asked).state == "succeeded"
    assert shop.heard == [asked.id]


def test_events_of_removed_jobs_hide_nothing_behind_them(build: Build) -> None:
    shop = Shop(build)
    gone = {"job": "job_gone", "type": "job.queued", "state": "queued", "previous": "", "life": ""}
    moment = round(shop.house.clock.now().timestamp() * 1000)
    for number in range(450):
        shop.house.raw.xadd("runhook:events", gone, id=f"{moment - 1000}-{number}")
    (job,) = shop.ended()
    shop.opens()
    assert shop.post("/v1/recover", SINCE)["opened"] == 1
    shop.house.later(1)
    assert shop.heard == [job.id]
    first = shop.get("/v1/events?limit=100")
    assert [one["type"] for one in first["items"]] == ["job.queued", "job.running", "job.succeeded"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"since": 7},
        {"since": "yesterday"},
        {"since": "2h", "until": "3h"},
        {"since": "2h", "handler": []},
        {"since": "2h", "dry": True},
        {"since": "2h", "new_handlers": "yes"},
        {"since": "999999999d"},
        {"since": "0001-01-01T00:00:00Z"},
        {"since": "2026-11-22", "x": 1},
    ],
)
def test_a_wrong_span_is_refused(shop: Shop, body: dict[str, Any]) -> None:
    assert shop.client.post("/v1/recover", json=body).status_code == 422


def test_a_span_may_begin_with_time_itself(shop: Shop) -> None:
    assert shop.post("/v1/recover", {"since": "1970-01-01", "dry_run": True})["opened"] == 0


@pytest.mark.parametrize("path", ["/v1/recover", "/v1/deliveries/redeliver"])
def test_few_recover_at_once_and_the_next_is_told_to_come_again(house: House, path: str) -> None:
    client = house.app.test_client()
    body = {"dry_run": True} | ({"since": "1h"} if path == "/v1/recover" else {})
    with ExitStack() as held:
        for number in range(RECOVERING.together):
            held.enter_context(RECOVERING.take(f"caller {number}"))
        assert client.post(path, json=body).status_code == 503
    assert client.post(path, json=body).status_code == 200


def test_a_delivery_that_was_heard_at_once_lies_flat_in_redis(build: Build) -> None:
    registry = Registry()
    registry.add(Handler(name="shop", types=("job.succeeded",), model=None, target=lambda _: None))
    house = build(registry)
    house.w.store.processes.publish_handlers(published(house.w))
    job = house.until(house.ask(), "succeeded")
    (delivery,) = house.w.store.deliveries.of_job(job.id)
    assert delivery.state == "done"
    key = f"runhook:delivery:{delivery.id}"
    assert house.raw.object("encoding", key) in (b"listpack", b"ziplist")
    # A copy takes what it needs; the hash keeps what it once took, at least with mimalloc.
    other = f"{key[:-1]}2"
    house.raw.copy(key, other)
    sizes = [house.raw.memory_usage(name) for name in (key, other)]
    house.raw.delete(other)
    assert sizes[0] == sizes[1]
    shown = house.app.test_client().get(f"/v1/deliveries/{delivery.id}").get_json()
    (attempt,) = shown["attempts"]
    assert attempt.keys() == {"n", "at", "outcome", "status", "answer", "why", "took"}
    assert (attempt["n"], attempt["outcome"], attempt["status"]) == (1, "done", None)
