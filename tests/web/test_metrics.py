"""/metrics: what a Prometheus reads says what the jobs say, whatever their names, and no secret."""

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from runhook.webhook.routes.metrics import FORMAT, exposition
from runhook.worker.domain import policy
from runhook.worker.domain.handlers import Handler, Registry
from runhook.worker.domain.jobs import State
from runhook.worker.domain.lanes import LANES
from runhook.worker.flows.metrics import NO_CURRENCY, OTHERS, Metric, metrics
from runhook.worker.flows.pump import published
from tests.conftest import IMAGE, Build, House
from tests.trips import trips

READER, BUYER = "token-Of-the-reader-2c94e7-and-more", "token-Of-the-buyer-5be21-and-more"
TOKENS = f"reader:{READER}:read,buyer:{BUYER}:submit"
# What would end a label, a line or a comment, or look like another series.
HOSTILE = ['a"} 1\nevil{x="', "a\\", "a\nevil 1", "# HELP", "a\r\n", "", "ünï\u2028", "a'b,c=d"]


@pytest.fixture
def shop(build: Build) -> House:
    """A house whose metrics a token reads, and whose handler will not hear."""

    def refuse(event: Any) -> None:
        raise ValueError("never")

    registry = Registry()
    registry.add(Handler(name="book", types=("job.succeeded",), model=None, target=refuse))
    house = build(registry, RUNHOOK_API_TOKENS=TOKENS, RUNHOOK_RETRY_SCHEDULE="0")
    house.w.store.processes.publish_handlers(published(house.w))
    return house


def _client(house: House) -> FlaskClient:
    return house.app.test_client()


def _text(house: House) -> str:
    answer = _client(house).get("/metrics", headers={"Authorization": f"Bearer {READER}"})
    assert answer.status_code == 200
    assert answer.content_type == FORMAT
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.get_data(as_text=True)


def _read(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    """Every series, as Prometheus' own parser has it; none stands there twice."""
    found: dict[str, dict[tuple[str, ...], float]] = defaultdict(dict)
    for family in text_string_to_metric_families(text):
        assert family.type == "gauge"
        assert family.documentation
        for sample in family.samples:
            labels = tuple(sample.labels.values())
            assert labels not in found[sample.name]
            found[sample.name][labels] = sample.value
    return found


def test_the_numbers_say_what_the_jobs_say(shop: House) -> None:
    shop.sandbox.faults({"fault": "failed", "times": 1})
    shop.until(shop.ask(), "failed")
    shop.until(shop.ask(), "succeeded")
    shop.w.store.queue.pause(True)
    shop.ask()
    shop.clock.advance(90)
    found = _read(_text(shop))
    jobs = {state.value: found["runhook_jobs"][state.value,] for state in State}
    assert {state: count for state, count in jobs.items() if count} == {
        "queued": 1,
        "succeeded": 1,
        "failed": 1,
    }
    assert found["runhook_queue_length"][()] == 1
    assert found["runhook_queue_paused"][()] == 1
    assert 60 < found["runhook_queue_oldest_seconds"][()] < 120
    assert found["runhook_in_flight"][()] == 0
    assert found["runhook_in_flight_limit"][()] == 10
    assert found["runhook_queue_gate"]["open",] == 1
    assert sum(found["runhook_queue_gate"].values()) == 1
    assert found["runhook_jobs_ended_today"]["succeeded",] == 1
    assert sum(found["runhook_jobs_settled_today"].values()) == 2
    assert set(found["runhook_duties_due"]) == {(lane,) for lane in LANES}


def test_money_is_what_the_ledger_says(shop: House) -> None:
    job = shop.until(shop.ask(), "succeeded")
    assert job.attempt.cost
    found = _read(_text(shop))
    (paid,) = found["runhook_money_today"].values()  # of no other currency than what was paid in
    assert paid == float(job.attempt.cost.money or 0)
    assert not any(found["runhook_money_at_risk_today"].values())


def test_what_may_have_been_charged_is_at_risk(build: Build) -> None:
    house = build(RUNHOOK_API_TOKENS=TOKENS, RUNHOOK_PUBLIC_URL="")
    house.sandbox.faults({"fault": "answer_lost", "times": 1})
    house.until(house.ask(), "unconfirmed")
    found = _read(_text(house))
    assert found["runhook_jobs"]["unconfirmed",] == 1
    assert sum(found["runhook_money_at_risk_today"].values()) > 0


def test_deliveries_that_nobody_took_and_work_that_is_parked_are_counted(shop: House) -> None:
    shop.until(shop.ask(), "succeeded")
    shop.raw.hset("runhook:parked:intake", "a/1", orjson.dumps({"failures": 9, "why": "b"}))
    shop.raw.zadd("runhook:alive:worker", {"here:1:9h:8": shop.clock.now().timestamp()})
    shop.raw.zadd("runhook:alive:worker", {"here:2:9h:4": shop.clock.now().timestamp() - 3600})
    found = _read(_text(shop))
    assert found["runhook_deliveries"]["book", "dead"] == 1
    assert found["runhook_duties_parked"]["intake",] == 1
    assert found["runhook_processes"]["worker",] == 1
    assert found["runhook_process_threads"]["worker",] == 8
    assert found["runhook_processes"]["handlers",] == 0


def test_an_empty_redis_has_every_series_but_receivers(shop: House) -> None:
    found = _read(_text(shop))
    assert found["runhook_money_today"]
    assert set(found["runhook_money_today"].values()) == {0.0}
    assert found["runhook_queue_oldest_seconds"][()] == 0
    assert "runhook_deliveries" not in found


def test_receivers_without_end_make_no_series_without_end(shop: House) -> None:
    count = policy.MEASURED_RECEIVERS + 50
    for number in range(count):
        name = f"handler-{number:03}"
        shop.raw.zadd("runhook:receivers", {name: 0})
        shop.raw.zadd(f"runhook:deliveries:of:{name}:dead", {"dlv": 0})
    found = _read(_text(shop))["runhook_deliveries"]
    assert len(found) == 2 * (policy.MEASURED_RECEIVERS + 1)
    assert found[OTHERS, "dead"] == 50
    assert sum(found.values()) == count


def test_hostile_names_cannot_break_the_format(shop: House) -> None:
    for name in [*HOSTILE, b"\xff", b"\xfe", b"\xed\xa0\x80", "x" * 5000]:
        shop.raw.zadd("runhook:receivers", {name: 0})
    found = _read(_text(shop))
    assert all(name.startswith("runhook_") for name in found)
    told = {receiver for receiver, _ in found["runhook_deliveries"]}
    assert set(HOSTILE) <= told


def test_any_label_comes_back_as_it_was() -> None:
    values: dict[tuple[str, ...], float] = {(name,): float(at) for at, name in enumerate(HOSTILE)}
    text = exposition(
        [Metric(name="a", means='with \\ and\nline "ends"', values=values, labels=("name",))]
    ).decode()
    assert _read(text) == {"runhook_a": values}


def test_neither_secrets_nor_tenants_are_told(shop: House) -> None:
    shop.until(shop.ask(tenant="a-quiet-tenant", metadata={"order": "a-quiet-order"}), "succeeded")
    text = _text(shop)
    for secret in (*shop.w.settings.to_hide, "a-quiet-tenant", "a-quiet-order", IMAGE):
        assert secret not in text or len(secret) < 8  # "key" is the sandbox's


def test_who_may_not_read_everything_reads_none_of_it(shop: House, build: Build) -> None:
    client = _client(shop)
    assert client.get("/metrics").status_code == 401
    buyer = {"Authorization": f"Bearer {BUYER}"}
    assert client.get("/metrics", headers=buyer).status_code == 403
    reader = {"Authorization": f"Bearer {READER}"}
    assert client.get("/metrics?of=jobs", headers=reader).status_code == 422
    owner = _client(build())
    assert owner.get("/metrics").status_code == 200
    proxied = {"X-Forwarded-For": "203.0.113.1"}
    assert owner.get("/metrics", headers=proxied).status_code == 401


def test_it_costs_three_round_trips(shop: House) -> None:
    shop.until(shop.ask(), "succeeded")
    metrics(shop.w)
    assert trips(lambda: metrics(shop.w)) == 3


def test_two_webs_tell_the_same(shop: House) -> None:
    shop.until(shop.ask(), "succeeded")
    assert _text(shop) == _text(shop)


def test_the_page_names_every_metric_there_is(shop: House) -> None:
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
    rows = re.findall(r"^\| `(runhook_\w+)(?:\{[\w, ]+\})?` \|", page, re.M)
    assert rows == [f"runhook_{one.name}" for one in metrics(shop.w)]
    assert set(re.findall(r"runhook_\w+", page)) == set(rows)
    assert NO_CURRENCY in page
