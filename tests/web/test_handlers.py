"""/v1/handlers: who is told inside, what waits for each, and how what waits in vain ends."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

from runhook import Event
from runhook.worker.cli.root import cli
from runhook.worker.domain.handlers import Handler, Registry
from runhook.worker.domain.jobs import Job
from runhook.worker.flows.doctor import examine
from runhook.worker.flows.pump import published
from tests.claimed import hold
from tests.conftest import IMAGE, SHOP, Build, House

DAY = 86400.0
OPS = "token-Of-the-admin-77bd3"


class Shop:
    """A handler whose process can go away."""

    def __init__(self, build: Build) -> None:
        self.heard: list[str] = []
        self.handler = Handler(name="shop", types=("job.succeeded",), model=None, target=self.hear)
        self.house: House = build(Registry(), RUNHOOK_RETRY_SCHEDULE="0,1")
        self.client: FlaskClient = self.house.app.test_client()

    def hear(self, event: Event) -> None:
        """Listen."""
        self.heard.append(event.job.id)

    def opens(self) -> None:
        """A process has it from now on."""
        self.house.w.handlers.add(self.handler)
        self.house.w.store.processes.publish_handlers(published(self.house.w))

    def leaves(self) -> None:
        """Its process is gone."""
        self.house.w.handlers._handlers.clear()

    def ended(self) -> Job:
        """A job that succeeded."""
        return self.house.until(self.house.ask(), "succeeded")

    def listed(self) -> dict[str, Any]:
        """What the API says of it."""
        (item,) = self.client.get("/v1/handlers").get_json()["items"]
        return dict(item)


@pytest.fixture
def shop(build: Build) -> Shop:
    """One that is open."""
    found = Shop(build)
    found.opens()
    return found


def test_a_handler_is_listed_with_what_waits_for_it(shop: Shop) -> None:
    assert shop.listed() == {
        "name": "shop",
        "events": ["job.succeeded"],
        "model": None,
        "alive": True,
        "pending": 0,
        "dead": 0,
        "since": "2027-01-15T08:00:00.000Z",
        "seen_at": "2027-01-15T08:00:00.000Z",
        "oldest": None,
    }
    shop.leaves()
    shop.house.clock.advance(3600)
    shop.ended()
    shop.ended()
    found = shop.listed()
    assert (found["alive"], found["pending"], found["dead"]) == (False, 2, 0)
    assert found["oldest"] == "2027-01-15T09:00:00.000Z"


def test_what_waits_for_a_handler_that_is_gone_can_be_ended(shop: Shop) -> None:
    shop.leaves()
    job = shop.ended()
    shop.house.later(61)
    answer = shop.client.delete("/v1/handlers/shop")
    assert (answer.status_code, answer.get_json()) == (200, {"name": "shop", "ended": 1})
    (ended,) = shop.house.w.store.deliveries.of_job(job.id)
    assert (ended.state, ended.tries[-1]["why"]) == ("dead", "its handler was ended")
    shop.house.later(3600)
    assert shop.client.get("/v1/handlers").get_json()["items"] == []
    assert shop.client.delete("/v1/handlers/shop").get_json()["ended"] == 0, "asked again"
    shop.house.clock.advance(31 * DAY)
    shop.house.w.store.duties.wake("reconcile", "sweep")
    shop.house.settle()
    left = [
        key for key in shop.house.raw.scan_iter("*") if b"shop" in key or job.id.encode() in key
    ]
    assert left == []
    assert shop.client.delete("/v1/handlers/shop").status_code == 404
    assert shop.house.raw.zcard("runhook:due:handlers") == 0, "nobody looks for it any more"


def test_what_a_process_took_with_it_when_it_died_is_ended_too(shop: Shop) -> None:
    shop.house.lost = ["handlers"]
    job = shop.ended()
    with_it = hold(shop.house.w.store.duties, "handlers", "shop/1")
    assert with_it
    assert shop.house.w.store.delivering.take(with_it)
    shop.leaves()
    shop.house.lost = []
    shop.house.later(61)
    assert shop.client.delete("/v1/handlers/shop").get_json()["ended"] == 1
    assert [one.state for one in shop.house.w.store.deliveries.of_job(job.id)] == ["dead"]


def test_a_handler_that_lives_is_not_ended(shop: Shop) -> None:
    answer = shop.client.delete("/v1/handlers/shop")
    assert answer.status_code == 409
    assert "a running process has the handler 'shop'" in answer.get_json()["detail"]
    shop.ended()
    assert len(shop.heard) == 1


def test_ending_a_handler_that_there_never_was_names_the_nearest(shop: Shop) -> None:
    answer = shop.client.delete("/v1/handlers/shpo")
    assert (answer.status_code, answer.get_json()["nearest"]) == (404, ["shop"])


def test_a_subscription_is_not_ended_as_a_handler(build: Build) -> None:
    shop = Shop(build)
    body = {"url": "https://shop.example.com/hook", "enabled": False}
    made = shop.client.post("/v1/subscriptions", json=body).get_json()["id"]
    shop.ended()
    assert shop.client.delete(f"/v1/handlers/{made}").status_code == 404
    assert shop.house.w.store.deliveries.count("dead", made)


def test_a_handler_that_was_gone_for_a_day_gets_nothing_new(shop: Shop) -> None:
    shop.leaves()
    shop.house.clock.advance(DAY - 1)
    assert shop.house.w.store.deliveries.of_job(shop.ended().id)
    shop.house.clock.advance(2)
    assert not shop.house.w.store.deliveries.of_job(shop.ended().id)
    body = {"model": IMAGE, "input": {"prompt": "a cat"}, "handlers": ["shop"]}
    refused = shop.client.post("/v1/jobs", json=body)
    assert refused.status_code == 422
    (fault,) = refused.get_json()["errors"]
    assert fault["path"] == "handlers[0]"
    assert "no process has had the handler 'shop' for a day" in fault["message"]


def test_who_may_not_list_handlers_is_told_the_nearest_alone(build: Build) -> None:
    tokens = f"shop:{SHOP}:submit,ops:{OPS}"
    house = build(Registry(), RUNHOOK_API_TOKENS=tokens)
    for name in ("publish", "canary-secret"):
        house.w.handlers.add(Handler(name=name, types=("job.succeeded",), model=None, target=print))
    house.w.store.processes.publish_handlers(published(house.w))
    body = {"model": IMAGE, "input": {"prompt": "a cat"}, "handlers": ["publsh"]}
    told = {}
    for token in (SHOP, OPS):
        headers = {"Authorization": f"Bearer {token}"}
        refused = house.app.test_client().post("/v1/jobs", json=body, headers=headers)
        (fault,) = refused.get_json()["errors"]
        assert fault["nearest"] == "publish"
        told[token] = "canary" in refused.text
    assert told == {SHOP: False, OPS: True}


def test_a_delivery_whose_handler_is_away_waits_and_says_so(shop: Shop) -> None:
    job = shop.ended()
    (done,) = shop.house.w.store.deliveries.of_job(job.id)
    shop.leaves()
    shop.house.clock.advance(120)
    again = shop.client.post(f"/v1/deliveries/{done.id}/redeliver")
    assert again.status_code == 202
    assert "the delivery waits until one has it" in again.get_json()["note"]
    shop.house.later(120)
    assert shop.listed()["pending"] == 1
    shop.opens()
    shop.house.later(61)
    assert shop.heard == [job.id, job.id]


def test_the_doctor_names_who_is_awaited_and_how_to_end_that(shop: Shop) -> None:
    shop.leaves()
    shop.ended()
    shop.house.clock.advance(120)
    (found,) = (one for one in examine(shop.house.w, {}) if "wait for 'shop'" in one.says)
    assert "which no living process has: 1, the oldest since 2027-01-15 08:00" in found.says
    assert "runhook handlers --end shop" in found.advice


@pytest.fixture
def runhook(shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., str]:
    """The command line, over its web."""
    monkeypatch.setenv("RUNHOOK_URL", shop.house.web)
    monkeypatch.setenv("RUNHOOK_DATA_DIR", str(tmp_path))

    def call(*words: str) -> str:
        found = CliRunner().invoke(cli, words)
        assert found.exit_code == 0, found.output
        return found.output

    return call


def test_the_command_line_lists_and_ends(shop: Shop, runhook: Callable[..., str]) -> None:
    shop.leaves()
    shop.ended()
    # The command line lives in today's time, and the house in a later one.
    long_gone = {"types": ["job.succeeded"], "model": None, "seen": 0}
    shop.house.raw.hset("runhook:handlers", "shop", json.dumps(long_gone))
    assert json.loads(runhook("handlers", "--json"))["items"][0]["name"] == "shop"
    assert json.loads(runhook("handlers", "--end", "shop", "--json")) == {
        "name": "shop",
        "ended": 1,
    }
    assert json.loads(runhook("handlers", "--json"))["items"] == []
