"""One job's trouble is its own: it stands aside, ends free, and holds nobody else up."""

from pathlib import Path
from typing import Any

import pytest

from runhook.worker.domain import policy
from runhook.worker.domain.jobs import Job, State
from runhook.worker.errors import StorageUnavailable
from runhook.worker.flows import create
from runhook.worker.flows.steps import prepare
from tests.conftest import Build, House

VIDU = "vidu/image-to-video-q2-pro"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000001000000010008060000005c72a866"
    "0000000c49444154789c6360606000000004000160e3a7a20000000049454e44ae426082"
)


@pytest.fixture
def kept(build: Build, tmp_path: Path) -> House:
    """A house that keeps files, one job at a time."""
    return build(RUNHOOK_STORAGE_URL=f"file://{tmp_path}/kept", RUNHOOK_CONCURRENCY=1)


def _with_file(house: House, tmp_path: Path, **more: Any) -> Job:
    file = tmp_path / "x.png"
    file.write_bytes(PNG)
    with file.open("rb") as stream:
        asset = create.keep(house.w, "x.png", stream)
    given = {"prompt": "a cat", "imageUrl": f"asset:{asset.id}"}
    return house.ask(VIDU, input=given, **more)


def _wait_out(house: House, job: Job) -> Job:
    """Let time pass until it has ended."""
    for seconds in policy.OWN_TROUBLE:
        house.later(seconds + 1)
    return house.job(job)


@pytest.mark.parametrize("fault", ["upload_reset", "upload_outage"])
def test_a_file_that_never_goes_through_stops_nobody_and_ends_free(
    kept: House, tmp_path: Path, fault: str
) -> None:
    kept.sandbox.faults({"fault": fault})
    troubled = _with_file(kept, tmp_path, priority=9)
    others = [kept.ask(prompt=str(number)) for number in range(31)]
    for other in others:
        kept.until(other, "succeeded")
    assert kept.job(troubled).state is State.QUEUED
    assert kept.w.store.queue.state().gate == "open"
    ended = _wait_out(kept, troubled)
    assert ended.state is State.FAILED
    assert ended.attempt.error
    assert "Nothing was paid" in ended.attempt.error.message
    assert f"{len(policy.OWN_TROUBLE) + 1} times" in ended.attempt.error.message
    assert kept.sandbox.accepted() == len(others)


def test_a_file_that_is_too_large_for_runninghub_fails_its_job_at_once(
    kept: House, tmp_path: Path
) -> None:
    kept.sandbox.faults({"fault": "upload_too_large"})
    troubled = _with_file(kept, tmp_path)
    kept.settle()
    error = kept.job(troubled).attempt.error
    assert error
    assert (error.code, error.provider_code) == ("rejected", "809")
    kept.until(kept.ask(), "succeeded")


def test_a_price_page_that_is_missing_leaves_it_to_the_catalogue(house: House) -> None:
    house.sandbox.faults({"fault": "price_missing"})
    house.until(house.ask(options={"max_price": "0.40"}), "succeeded")


def test_a_storage_error_that_nobody_foresaw_is_that_jobs_own(
    kept: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    troubled = _with_file(kept, tmp_path)
    opened = kept.w.storage.open

    class Broken:
        def read(self, size: int = -1) -> bytes:
            raise OSError(5, "Input/output error")

        def __enter__(self) -> "Broken":
            return self

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(type(kept.w.storage), "open", lambda *_: Broken())
    kept.settle()
    assert kept.job(troubled).state is State.QUEUED
    kept.until(kept.ask(), "succeeded")
    monkeypatch.setattr(type(kept.w.storage), "open", lambda _, name: opened(name))
    kept.later(policy.OWN_TROUBLE[0] + 1)
    kept.until(troubled, "succeeded")


def test_what_nobody_foresaw_while_it_was_prepared_gives_its_place_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("nobody foresaw this")

    monkeypatch.setattr("runhook.worker.flows.submit.request_of", fail)
    troubled = house.ask()
    house.settle()
    found = house.job(troubled)
    assert (found.state, found.attempt.unready) == (State.QUEUED, 1)
    ended = _wait_out(house, troubled)
    assert ended.state is State.FAILED
    assert house.w.store.queue.state().in_flight == 0


def test_an_answer_that_raises_is_doubted_and_not_sent_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("nobody foresaw this")

    monkeypatch.setattr("runhook.worker.runninghub.wire.read_submit", fail)
    house.sandbox.faults({"fault": "callback_unrecorded"})
    job = house.until(house.ask(), "unconfirmed")
    assert job.attempt.doubt
    assert "an unforeseen error: nobody foresaw this" in job.attempt.doubt.message


def test_a_turn_that_raises_lets_those_behind_it_go(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    troubled = house.ask(priority=9)
    place, known = "runhook.worker.flows.dispatch.of_a_known_model", prepare.of_a_known_model

    def fail_on_it(job: Job) -> None:
        if job.id == troubled.id:
            raise ZeroDivisionError("nobody foresaw this")
        known(job)

    monkeypatch.setattr(place, fail_on_it)
    house.until(house.ask(), "succeeded")
    assert house.job(troubled).state is State.QUEUED
    monkeypatch.setattr(place, known)
    house.later(policy.DISPATCH_FAILED_ASIDE + 1)
    house.until(troubled, "succeeded")


def test_after_a_failed_probe_another_job_probes(house: House) -> None:
    house.sandbox.faults({"fault": "busy", "match": "always refused"})
    troubled = house.ask(prompt="always refused", priority=9)
    other = house.ask(prompt="a cat")
    house.settle()
    for _ in range(3):
        house.later(11)
    house.until(other, "succeeded")
    assert house.job(troubled).state is State.QUEUED


@pytest.mark.parametrize("refusal", ["capacity_refused", "capacity_forbidden", "capacity_outage"])
def test_a_key_that_may_not_ask_for_its_queue_is_no_outage(house: House, refusal: str) -> None:
    house.sandbox.faults({"fault": refusal}, {"fault": "outage", "times": 1})
    left_unconfirmed, other = house.ask(), house.ask()
    house.settle()
    assert house.job(left_unconfirmed).state is State.UNCONFIRMED
    house.later(6)
    house.until(other, "succeeded")


def test_a_job_that_stands_aside_can_be_cancelled_and_expires(kept: House, tmp_path: Path) -> None:
    kept.sandbox.faults({"fault": "upload_reset"})
    mortal = _with_file(kept, tmp_path, options={"expires_in": 60})
    kept.settle()
    kept.later(61)
    assert kept.job(mortal).state is State.FAILED
    assert kept.raw.zcard("runhook:aside") == 0


def test_while_the_gate_is_closed_a_file_is_not_prepared_again_and_again(
    kept: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "why_not_there", lambda _: "RunningHub is away")
    kept.sandbox.faults({"fault": "upload_outage"})
    job = _with_file(kept, tmp_path)
    kept.settle()
    found = kept.job(job)
    assert (found.state, found.attempt.unready) == (State.QUEUED, 0)
    assert kept.w.store.queue.state().gate == "closed"


def test_a_job_that_stands_in_the_line_by_mistake_lets_those_behind_it_go(house: House) -> None:
    ended = house.until(house.ask(), "succeeded")
    house.raw.zadd("runhook:line:main", {ended.id: 1})
    house.raw.sadd("runhook:lines", "main")
    house.until(house.ask(), "succeeded")
    assert house.raw.zcard("runhook:line:main") == 0


def test_an_asset_whose_record_is_broken_holds_no_slot(kept: House, tmp_path: Path) -> None:
    troubled = _with_file(kept, tmp_path)
    (name,) = kept.raw.hkeys("runhook:asset")
    kept.raw.hset("runhook:asset", name, "{broken")
    kept.settle()
    kept.until(kept.ask(), "succeeded")
    assert _wait_out(kept, troubled).state is State.FAILED


def test_a_file_that_cannot_be_removed_keeps_no_other(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = house.clock.now().timestamp()
    house.raw.zadd("runhook:assets", {"bad": now - 91 * 86400, "good": now - 90 * 86400})
    remove = house.w.storage.remove

    def fail_on_bad(name: str) -> None:
        if name == "bad":
            raise StorageUnavailable("permission denied")
        remove(name)

    monkeypatch.setattr(house.w.storage, "remove", fail_on_bad)
    house.w.store.duties.wake("reconcile", "sweep")
    house.settle()
    assert house.raw.zrange("runhook:assets", 0, -1) == [b"bad"]
    house.raw.delete("runhook:assets")
