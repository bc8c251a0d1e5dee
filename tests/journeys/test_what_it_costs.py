"""A day's money through the real processes: a budget, the ledger, the command line."""

import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.journeys.conftest import Town, a_town

MODEL = "vidu/text-to-video-q3-turbo"
VIDEO: dict[str, Any] = {"model": MODEL, "input": {"prompt": "Waves", "duration": "1"}}
PRICE = Decimal("0.27")  # of that
CROWD, FIT = 200, 3


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A town with a budget of 1.00, in which orders are counted."""
    folder = tmp_path_factory.mktemp("money")
    with a_town(folder, RUNHOOK_BUDGET_DAY="1.00", RUNHOOK_INDEX_METADATA="order,shop") as found:
        yield found


def _run(town: Town, *words: str) -> Any:
    command = [sys.executable, "-m", "runhook.worker.cli", *words]
    return subprocess.run(command, env=town.environ, capture_output=True, text=True, timeout=60)


def _post(town: Town, body: dict[str, Any], ready: threading.Barrier) -> tuple[int, Any]:
    place = urlsplit(town.web)
    line = HTTPConnection(str(place.hostname), place.port, timeout=60)
    ready.wait()
    line.request("POST", "/v1/jobs", json.dumps(body), {"Content-Type": "application/json"})
    answer = line.getresponse()
    found = answer.status, json.loads(answer.read())
    line.close()
    return found


def test_a_crowd_gets_as_many_jobs_as_have_room_and_the_day_says_what_they_cost(
    town: Town,
) -> None:
    """Two hundred at the same moment, through granian; then they run, and the books agree."""
    ready = threading.Barrier(CROWD)
    asked = [VIDEO | {"metadata": {"order": n % 2, "shop": "west"}} for n in range(CROWD)]
    with ThreadPoolExecutor(CROWD) as crowd:
        found = list(crowd.map(lambda body: _post(town, body, ready), asked))
    assert Counter(status for status, _ in found) == {202: FIT, 402: CROWD - FIT}
    for status, body in found:
        if status == 402:
            assert body["left"] == "0.19"
        else:
            assert town.ended(body["id"])["state"] == "succeeded"
    told = town.get("/v1/costs")
    assert Decimal(told["totals"][0]["money"]) == FIT * PRICE
    assert (told["budgets"][0]["held"], told["budgets"][0]["left"]) == ("0.81", "0.19")
    books = town.sandbox.books()
    assert books["accepted"] == FIT
    by_order = town.get("/v1/costs?by=metadata.order")["items"]
    assert sum(Decimal(one["money"]) for one in by_order) == FIT * PRICE
    listed = [town.get(f"/v1/jobs?metadata.order={n}")["items"] for n in (0, 1)]
    assert [len(jobs) for jobs in listed] == [
        next((one["jobs"] for one in by_order if one["metadata.order"] == str(n)), 0)
        for n in (0, 1)
    ]


def test_the_command_line_tells_the_same(town: Town) -> None:
    costs = _run(town, "costs", "--json")
    assert costs.returncode == 0, costs.stderr
    assert json.loads(costs.stdout) == town.get("/v1/costs")
    (line,) = _run(town, "costs", "--by", "day,metadata.shop").stdout.splitlines()
    assert line.split("\t")[1:3] == ["west", "0.81"]
    jobs = _run(town, "jobs", "--metadata", "shop=west").stdout.splitlines()
    assert len(jobs) == FIT
    assert _run(town, "jobs", "--metadata", "shop=east").stdout == ""
    refused = _run(town, "submit", MODEL, "-i", "prompt=a", "-i", "duration=1")
    assert refused.returncode == 1
    assert "0.19 is left of everybody's budget of 1.00" in refused.stderr
    assert "This request changed nothing and cost nothing" in refused.stderr
    dry = _run(town, "submit", MODEL, "-i", "prompt=a", "-i", "duration=1", "--dry-run")
    assert "Left of today's budget: 0.19" in dry.stdout
    assert "budget\teverybody: 0.19 left today of 1.00" in _run(town, "account").stdout
    shown = _run(town, "job", jobs[0].split("\t")[0]).stdout
    assert "cost\t0.27" in shown


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("jobs", "--metadata", "ordr=7"), "order, shop"),
        (("costs", "--metadata", "ordr=7"), "order, shop"),
        (("costs", "--by", "week"), "day, model, tenant, metadata.order, metadata.shop"),
        (("costs", "--by", "shop"), "did you mean metadata.shop?"),
        (("costs", "--since", "soon"), "--since"),
        (("costs", "--since", "1h", "--until", "2h"), "--until"),
        (("jobs", "--metadata", "order"), "NAME=VALUE"),
        (("submit", "m", "--metadata", "a=1", "--metadata", "a=2"), "twice"),
    ],
)
def test_what_it_does_not_know_is_wrong_usage(
    town: Town, words: tuple[str, ...], named: str
) -> None:
    done = _run(town, *words)
    assert (done.returncode, named in done.stderr) == (2, True), done.stderr


def test_metadata_is_given_back_as_it_was_typed(town: Town) -> None:
    typed = ("--metadata", "order=7", "--metadata", "sum=7.10", "--metadata", "shop=west coast")
    dry = _run(town, "submit", "workflow/12", *typed, "-o", "max_price=0.05", "--json")
    assert dry.returncode == 0, dry.stderr
    job = json.loads(dry.stdout)
    assert job["metadata"] == {"order": 7, "sum": "7.10", "shop": "west coast"}
    (one,) = town.get("/v1/jobs?metadata.shop=west%20coast")["items"]
    assert one["id"] == job["id"]


def test_doctor_compares_both_ledgers_and_repairs_what_is_provable(town: Town) -> None:
    def ledger(*words: str) -> list[str]:
        checks = json.loads(_run(town, "doctor", *words, "--json").stdout)["items"]
        return [one["word"] for one in checks if one["what"] == "ledger"]

    assert ledger() == ["good"]
    job = town.get("/v1/jobs?metadata.shop=west")["items"][0]["id"]
    # As an older process leaves it, which writes a job's cost and counts nothing.
    redis: Any = town.w.store.client
    life = redis.hget(f"runhook:job:{job}", "life")
    redis.hset(f"runhook:job:{job}", "life", life.replace(b'"0.27"', b'"0.29"'))
    assert ledger() == ["warning"]
    assert ledger("--fix") == ["good"]
    assert town.get("/v1/costs?metadata.shop=west")["totals"][0]["money"] == "0.83"
