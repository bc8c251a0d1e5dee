"""Probe: what RunningHub answers against what is believed; nothing is paid unasked, or twice."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server
from werkzeug.wrappers import Response

from runhook.worker.domain import policy
from runhook.worker.domain.beliefs import Compared
from runhook.worker.errors import Conflict, OverBudget
from runhook.worker.flows import probe
from tests.conftest import Build, House, provider_at

MUCH = Decimal("0.50")
AFTERWARDS = {
    "end of a paid job",
    "callback",
    "query of an ended task",
    "output",
    "cost",
    "record of the callback",
    "resend",
}


def _found(house: House) -> dict[str, Compared]:
    return {one.what: one for one in probe.ask(house.w)}


def _words(house: House) -> set[str]:
    return {one.word for one in _found(house).values()}


def _waits(house: House, times: int = 20) -> Callable[[], bool]:
    """Waits by working, and so many times."""
    left = iter(range(times))

    def wait() -> bool:
        house.settle()
        return next(left, None) is not None

    return wait


@contextmanager
def _who_answers(house: House, body: Any) -> Iterator[None]:
    """In RunningHub's place somebody who gives everything the same answer."""
    text = json.dumps(body)

    def app(environ: Any, start: Any) -> Any:
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        return Response(text, content_type="application/json")(environ, start)

    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    provider_at(house.w, f"http://127.0.0.1:{server.server_port}")
    yield
    server.shutdown()


def test_the_sandbox_answers_as_is_believed_and_nothing_of_it_is_paid(house: House) -> None:
    found = _found(house)
    assert {one.word for one in found.values()} == {"agrees"}, found
    assert len(found) > 15
    assert house.sandbox.accepted() == 0
    assert house.raw.keys("runhook:job*") == []


def test_every_belief_has_its_row_in_the_docs(house: House) -> None:
    page = (Path(__file__).parents[2] / "docs" / "probe.md").read_text()
    rows = [line.split(" | ")[0].strip("| ") for line in page.splitlines() if line[:2] == "| "]
    assert set(_found(house)) | AFTERWARDS <= set(rows)


def test_what_differs_says_what_it_means(house: House) -> None:
    house.sandbox.faults(
        {"fault": "price_refused"}, {"fault": "upload_refused", "value": 809, "times": 1}
    )
    found = _found(house)
    assert found["price"].word == found["file upload"].word == "differs"
    assert "error 1014" in found["price"].answered
    assert "error 809" in found["file upload"].answered
    assert all(one.means for one in found.values() if one.word == "differs")
    assert found["older file upload"].word == "agrees", "one that differs stops no other"


def test_an_outage_says_nothing_of_what_was_asked(house: House) -> None:
    house.sandbox.faults({"fault": "capacity_outage"}, {"fault": "upload_reset", "times": 1})
    found = _found(house)
    assert found["limit"].word == found["file upload"].word == "not asked"
    assert found["limit"].answered == "HTTP 503"
    assert found["older file upload"].word == "agrees"


def test_a_key_that_is_refused_is_not_tried_further(house: House) -> None:
    house.sandbox.faults({"fault": "key_refused"})
    found = list(probe.ask(house.w))
    assert [one.word for one in found[:2]] == ["differs", "not asked"]
    assert {one.word for one in found[1:]} == {"not asked"}
    assert house.sandbox.calls("/openapi/v2/queue/status") == 0
    with pytest.raises(Conflict, match="nothing was paid"):
        probe.choose(house.w, found, MUCH)


def test_nobody_who_answers_is_not_waited_for_again_and_again(house: House) -> None:
    provider_at(house.w, "http://127.0.0.1:9")
    found = list(probe.ask(house.w))
    assert {one.word for one in found} == {"not asked"}
    assert sum("refused" in one.answered for one in found) == policy.PROBE_SILENCES


def test_a_submit_that_is_taken_although_it_must_be_refused_is_said_to_cost(house: House) -> None:
    with _who_answers(house, {"taskId": "2013508786110730241", "status": "RUNNING"}):
        found = _found(house)
    for what in ("submit of an unknown model", "submit without a prompt", "submit of workflow 0"):
        assert found[what].word == "differs"
        assert "task 2013508786110730241; it may be charged" in found[what].means


def test_a_key_that_runninghub_repeats_is_not_shown(build: Build) -> None:
    key = "k9f3a71c5e2b4d8890aa61c7d2e45b31"
    house = build(RUNNINGHUB_API_KEY=key)
    with _who_answers(house, {"errorCode": "9999", "errorMessage": key, "code": key, "data": key}):
        found = list(probe.ask(house.w))
    assert key not in repr(found)


def test_any_answer_is_held_against_what_is_believed(house: House) -> None:
    odd: list[Any] = [[], {}, {"code": 0, "data": None}, {"code": 0, "data": {"x": "\ud800"}}]
    for body in odd:
        with _who_answers(house, body):
            found = list(probe.ask(house.w))
        assert {one.word for one in found} <= {"agrees", "differs"}
        assert sum(one.word == "differs" for one in found) > 10


def test_a_paid_job_is_the_cheapest_that_fits_and_is_paid_once(house: House) -> None:
    house.w.store.processes.beat("worker", "here:1", 4)
    found = list(probe.ask(house.w))
    choice = probe.choose(house.w, found, MUCH)
    assert (choice.model, choice.money) == ("rhart-audio/suno/lyrics", Decimal("0.014"))
    job = probe.submit(house.w, choice, MUCH)
    job = house.until(job, "succeeded")
    seen = list(probe.follow_up(house.w, job, choice, _waits(house)))
    assert {one.what: one.word for one in seen} == dict.fromkeys(AFTERWARDS, "agrees")
    assert house.sandbox.accepted() == 1
    assert job.attempt.cost is not None
    assert job.attempt.cost.money == "0.014"


def test_a_callback_that_never_came_is_told(house: House) -> None:
    house.w.store.processes.beat("worker", "here:1", 4)
    house.sandbox.faults({"fault": "callback_lost"})
    choice = probe.choose(house.w, list(probe.ask(house.w)), MUCH)
    job = probe.submit(house.w, choice, MUCH)
    house.settle()
    house.callback_is_over()
    house.later(120)
    job = house.until(job, "succeeded")
    seen = {one.what: one for one in probe.follow_up(house.w, job, choice, _waits(house))}
    assert seen["callback"].word == "differs"
    assert seen["callback"].answered == "the end was told by detail"
    assert seen["resend"].word == "agrees"


def test_an_answer_that_is_lost_is_paid_once_and_said_to_be_open(house: House) -> None:
    house.w.store.processes.beat("worker", "here:1", 4)
    house.sandbox.faults({"fault": "answer_lost"}, {"fault": "callback_unrecorded"})
    choice = probe.choose(house.w, list(probe.ask(house.w)), MUCH)
    job = probe.submit(house.w, choice, MUCH)
    house.settle()
    job = house.job(job)
    assert job.state == "unconfirmed"
    (told,) = probe.follow_up(house.w, job, choice, _waits(house))
    assert (told.word, told.answered) == ("differs", "unconfirmed")
    assert "may be charged" in told.means
    assert house.sandbox.accepted() == 1


def _standing(house: House) -> None:
    house.w.store.processes.beat("worker", "here:1", 4)


def _paused(house: House) -> None:
    _standing(house)
    house.w.store.queue.pause(paused=True)


def _anothers(house: House) -> None:
    _standing(house)
    house.w.store.installation.take_over_account("another")


@pytest.mark.parametrize(
    ("prepare", "most", "why"),
    [
        (lambda _: None, MUCH, "no worker is alive"),
        (_anothers, MUCH, "another account's key"),
        (_paused, MUCH, "the queue is paused"),
        (_standing, Decimal("0.001"), "no price is known to be 0.001 or less"),
    ],
)
def test_nothing_is_submitted_that_would_not_be_sent_or_costs_more(
    house: House, prepare: Callable[[House], None], most: Decimal, why: str
) -> None:
    prepare(house)
    with pytest.raises(Conflict, match=why):
        probe.choose(house.w, list(probe.ask(house.w)), most)
    assert house.sandbox.accepted() == 0


def test_nothing_is_submitted_where_nobody_knows_the_price(build: Build, house: House) -> None:
    # There RunningHub does not say what an account pays in, so the catalogue's price says nothing.
    url = "https://www.runninghub.ai"
    live = build(RUNNINGHUB_BASE_URL=url, RUNHOOK_PUBLIC_URL="https://runhook.example")
    provider_at(live.w, house.sandbox.url)
    _standing(live)
    house.sandbox.faults({"fault": "price_refused"})
    with pytest.raises(Conflict, match="is not known for this account"):
        probe.choose(live.w, list(probe.ask(live.w)), MUCH)


def test_a_price_that_rose_meanwhile_ends_the_job_free(house: House) -> None:
    _standing(house)
    choice = probe.choose(house.w, list(probe.ask(house.w)), Decimal("0.02"))
    house.sandbox.faults({"fault": "price", "value": 0.03})
    job = house.until(probe.submit(house.w, choice, Decimal("0.02")), "failed")
    assert job.attempt.error is not None
    assert job.attempt.error.code == "max_price"
    assert house.sandbox.accepted() == 0


def test_a_budget_without_room_refuses_the_job(build: Build) -> None:
    house = build(RUNHOOK_BUDGET_DAY="0.01")
    _standing(house)
    choice = probe.choose(house.w, list(probe.ask(house.w)), MUCH)
    with pytest.raises(OverBudget):
        probe.submit(house.w, choice, MUCH)
    assert house.sandbox.accepted() == 0
