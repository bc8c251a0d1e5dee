"""The main road: asked, sent, called back, told."""

from runhook import Event
from runhook.worker.domain.handlers import Handler, Registry
from runhook.worker.domain.jobs import State
from runhook.worker.domain.reports import Cost
from runhook.worker.flows.pump import published
from tests.conftest import IMAGE, Build, House


def test_a_job_is_sent_once_and_ended_by_its_callback(house: House) -> None:
    job = house.until(house.ask(), "succeeded")
    assert job.attempt.settled_by == "callback"
    assert job.attempt.outputs[0].type == "png"
    assert job.attempt.outputs[0].url is not None
    assert job.cost == Cost(money="0.4", seconds="0")
    assert house.sandbox.accepted() == 1
    assert house.events() == ["job.queued", "job.running", "job.succeeded"]


def test_the_timeline_tells_every_step_in_order(house: House) -> None:
    job = house.until(house.ask(), "succeeded")
    told = house.notes(job)
    # RunningHub's callback may be here before its answer to the submit.
    assert told.index("callback came") > told.index("request left")
    told.remove("callback came")
    sent = ["queued", "turn", "request left", "asked RunningHub", "accepted"]
    assert told == [*sent, "succeeded"]


def test_an_ended_job_leaves_no_duty_behind(house: House) -> None:
    house.until(house.ask(), "succeeded")
    duties = [house.raw.zrange(key, 0, -1) for key in house.raw.scan_iter("runhook:due:*")]
    assert duties == []


def test_defaults_are_filled_in_before_anything_is_sent(house: House) -> None:
    job = house.ask()
    assert job.spec.input == {"prompt": "a cat", "resolution": "1k"} | job.spec.input
    assert set(job.spec.input) > {"prompt"}


def test_a_workflow_is_created_and_its_legacy_callback_understood(house: House) -> None:
    asked = house.ask("workflow/1904136902449209346", input={"6.text": "a harbour"})
    job = house.until(asked, "succeeded")
    assert job.attempt.outputs[0].node_id == "9"
    assert job.cost == Cost(coins="1", seconds="3")
    assert house.sandbox.calls("/task/openapi/create") == 1


def test_results_in_the_submits_answer_end_the_job_at_once(house: House) -> None:
    house.sandbox.faults({"fault": "results_at_once"}, {"fault": "callback_unrecorded"})
    job = house.until(house.ask(), "succeeded")
    assert job.attempt.settled_by == "submit"


def test_without_a_public_url_jobs_end_by_asking(build: Build) -> None:
    house = build(RUNHOOK_PUBLIC_URL="")
    asked = house.ask()
    house.settle()
    assert house.job(asked).state is State.RUNNING
    house.later(5.1)
    job = house.job(asked)
    assert (job.state, job.attempt.settled_by) == (State.SUCCEEDED, "query")
    assert house.sandbox.books()["tasks"][0]["webhookUrl"] is None


def test_a_handler_hears_the_job_as_it_was_when_the_event_happened(build: Build) -> None:
    heard: list[Event] = []
    registry = Registry()
    registry.add(
        Handler(
            name="listen",
            types=("job.running", "job.succeeded"),
            model="rhart-*",
            target=heard.append,
        )
    )
    house = build(registry)
    house.w.store.processes.publish_handlers(published(house.w))
    house.until(house.ask(metadata={"order": 7}), "succeeded")
    assert [event.type for event in heard] == ["job.running", "job.succeeded"]
    assert [event.job.state for event in heard] == ["running", "succeeded"]
    assert heard[1].job.metadata == {"order": 7}
    assert heard[1].job.outputs[0].type == "png"
    assert heard[1].job.model == IMAGE


def test_the_line_is_left_by_priority_and_then_by_age(build: Build) -> None:
    house = build(RUNHOOK_CONCURRENCY=1)
    order = [("old", 5), ("urgent", 9), ("young", 5), ("idle", 0)]
    for name, priority in order:
        house.ask(prompt=name, priority=priority)
        house.clock.advance(1)
    last = house.ask(prompt="last", priority=0)
    house.until(last, "succeeded")
    sent = [task["prompt"] for task in house.sandbox.books()["tasks"]]
    assert sent == ["urgent", "old", "young", "idle", "last"]


def test_never_more_are_in_flight_than_the_limit(build: Build) -> None:
    house = build(RUNHOOK_CONCURRENCY=3, RUNHOOK_PUBLIC_URL="")
    for _ in range(8):
        house.ask()
    house.settle()
    assert house.standing("running") == 3
    assert house.sandbox.accepted() == 3


def test_the_limit_is_what_runninghub_says_of_the_key(build: Build) -> None:
    house = build(RUNHOOK_CONCURRENCY=None, RUNHOOK_PUBLIC_URL="")
    for _ in range(3):
        house.ask()
    house.settle()
    assert house.standing("running") == 1, "one while it is unknown"
    house.w.store.duties.wake("reconcile", "limit")
    house.settle()
    assert house.standing("running") == 3
