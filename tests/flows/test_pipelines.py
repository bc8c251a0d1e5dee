"""Pipelines: outputs as inputs, waiting outside the queue, what becomes of those who wait."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from runhook.worker.domain import moves, policy
from runhook.worker.domain.jobs import Job, State
from runhook.worker.domain.reports import Output, Report, Uploaded
from runhook.worker.domain.views import job_view
from runhook.worker.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    ProviderRefused,
    ProviderSilent,
    StorageUnavailable,
)
from runhook.worker.files.outputs import Outputs
from runhook.worker.flows import create
from runhook.worker.flows.cancel import cancel
from runhook.worker.flows.create import JobRequest
from runhook.worker.flows.forget import forget, forget_tree
from runhook.worker.flows.resolve import retry
from runhook.worker.flows.steps.accept import accept
from runhook.worker.flows.steps.upstream import Asker
from runhook.worker.store import Change, records
from tests.conftest import IMAGE, Build, House, provider_at

EDIT = "rhart-image-n-pro/edit"
VIDEO = "vidu/image-to-video-q2-pro"
UPSCALE = "topazlabs/video-upscale"
TEXT = "rhart-text-g-25-flash/text-to-text"
WORKFLOW = "workflow/1904136902449209346"
NOBODYS = "job_" + "0" * 28


def _edit(house: House, *urls: str, **more: Any) -> Job:
    return house.ask(EDIT, input={"prompt": "a sheet", "imageUrls": list(urls)}, **more)


def _film(house: House, url: str, **more: Any) -> Job:
    return house.ask(VIDEO, input={"prompt": "it moves", "imageUrl": url}, **more)


def _faults(house: House, model: str, given: dict[str, Any], **more: Any) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as refused:
        create.check(house.w, JobRequest(model=model, input=given, **more))
    return {fault.path: fault.message for fault in refused.value.faults}


def _body(house: House, job: Job) -> dict[str, Any]:
    """What RunningHub was sent for a job that it took."""
    ref = house.job(job).attempt.ref
    (task,) = [one for one in house.sandbox.books()["tasks"] if str(one["taskId"]) == ref]
    body: dict[str, Any] = task["body"]
    return body


def _paused(house: House) -> None:
    house.w.store.queue.pause(True)


def test_an_output_of_a_job_that_has_succeeded_is_sent_by_its_url(house: House) -> None:
    picture = house.until(house.ask(), "succeeded")
    film = _film(house, f"output:{picture.id}/0")
    assert house.job(film).history.waits_for == ()
    house.until(film, "succeeded")
    assert _body(house, film)["imageUrl"] == picture.attempt.outputs[0].url


def test_a_job_waits_outside_the_queue_for_one_that_has_not_ended(house: House) -> None:
    _paused(house)
    picture, other = house.ask(), house.ask(prompt="a dog")
    film = _film(house, f"output:{picture.id}/0", priority=9)
    assert film.state is State.QUEUED
    assert job_view(film)["waits_for"] == [picture.id]
    assert house.w.store.queue.place("main", film.id).position is None
    assert house.w.store.queue.place("main", other.id).position == 2
    house.w.store.queue.pause(False)
    film = house.until(film, "succeeded")
    assert film.history.waits_for == ()
    assert "input ready" in house.notes(film)
    assert house.sandbox.accepted() == 3


def test_it_takes_its_place_by_priority_and_age_once_all_have_succeeded(build: Build) -> None:
    house = build(RUNHOOK_CONCURRENCY=1)
    first = house.ask(prompt="first", priority=9)
    sheet = _edit(house, f"output:{first.id}/0")
    house.clock.advance(1)
    young, _ = house.ask(prompt="young"), house.ask(prompt="urgent", priority=9)
    house.until(young, "succeeded")
    sent = [task["prompt"] for task in house.sandbox.books()["tasks"]]
    assert sent == ["first", "urgent", "a sheet", "young"]
    assert house.job(sheet).state is State.SUCCEEDED


def test_of_two_inputs_the_one_that_is_ready_is_waited_for_no_more(house: House) -> None:
    first = house.until(house.ask(prompt="one"), "succeeded")
    _paused(house)
    second = house.ask(prompt="two")
    sheet = _edit(house, f"output:{first.id}/0", f"output:{second.id}/0")
    assert sheet.history.waits_for == (second.id,)
    assert sheet.spec.upstream == (first.id, second.id)


def test_a_chain_of_four_goes_through_by_itself(house: House) -> None:
    picture = house.ask()
    better = _edit(house, f"output:{picture.id}/0")
    film = _film(house, f"output:{better.id}/0")
    large = house.ask(UPSCALE, input={"videoUrl": f"output:{film.id}/0"})
    house.until(large, "succeeded")
    assert house.sandbox.accepted() == 4
    assert house.job(film).history.updated_at


@pytest.mark.parametrize("how", ["failed", "cancelled"])
def test_a_failed_input_fails_what_waits_for_it_free_and_names_it(house: House, how: str) -> None:
    _paused(house)
    picture = house.ask(prompt="no [broken]")
    film = _film(house, f"output:{picture.id}/0")
    large = house.ask(UPSCALE, input={"videoUrl": f"output:{film.id}/0"})
    if how == "cancelled":
        cancel(house.w, picture.id)
    else:
        house.sandbox.faults({"fault": "failed", "match": "[broken]"})
        house.w.store.queue.pause(False)
    house.until(large, "failed")
    for waiter, above in ((film, picture), (large, film)):
        error = house.job(waiter).attempt.error
        assert error
        assert error.code == "input_failed"
        assert above.id in error.message
        assert error.detail == {"job": above.id}
    assert house.job(picture).state == how
    assert house.sandbox.accepted() == (how == "failed")


def test_what_waits_for_a_job_that_an_older_process_ends_is_settled_within_the_hour(
    house: House,
) -> None:
    house.sandbox.faults({"fault": "slow", "value": 600})
    picture = house.until(house.ask(group="g", group_size=1), "running")
    film = _film(house, f"output:{picture.id}/0")
    house.sandbox.faults()
    ended = house.w.store.jobs.get(picture.id)
    url = "https://files.example/a.png"
    done = Report(ref=str(ended.attempt.ref), state="succeeded", outputs=(Output(url=url),))
    accept(house.w, picture.id, 1, done, "query")
    # It moves only the list of a state, calls nobody and knows no groups.
    house.raw.zrem("runhook:due:intake", f"waiters/{picture.id}")
    for whose in ("", "local"):
        house.raw.zrem(f"runhook:listed:succeeded:{whose}:{IMAGE}", picture.id)
        house.raw.zadd(f"runhook:listed:running:{whose}:{IMAGE}", {picture.id: 0})
    house.raw.zrem("runhook:grouped:succeeded:local:g", picture.id)
    house.raw.zadd("runhook:grouped:running:local:g", {picture.id: 0})
    house.raw.hdel("runhook:group:local:g", "ended")
    house.settle()
    assert house.job(film).history.waits_for == (picture.id,)
    house.w.store.duties.wake("reconcile", "sweep")
    house.until(film, "succeeded")
    group = house.w.store.groups.state("local", "g")
    assert group
    assert group.ended_at
    assert group.states[State.SUCCEEDED] == 1


def test_an_input_that_is_forgotten_fails_what_waits_for_it(house: House) -> None:
    _paused(house)
    picture = house.ask()
    film = _film(house, f"output:{picture.id}/0")
    house.raw.delete(f"runhook:job:{picture.id}")
    house.w.store.duties.wake("intake", f"waiters/{picture.id}")
    house.settle()
    error = house.job(film).attempt.error
    assert error
    assert error.code == "input_failed"
    assert "is not kept any more" in error.message


def test_an_input_that_made_fewer_outputs_than_are_wanted_fails_what_waits(house: House) -> None:
    picture = house.ask()
    film = _film(house, f"output:{picture.id}/3")
    house.until(film, "failed")
    error = house.job(film).attempt.error
    assert error
    assert "has no output 3: it made 1, counted from 0" in error.message
    assert house.sandbox.accepted() == 1


def test_whoever_was_cancelled_or_expired_while_waiting_stays_so(house: House) -> None:
    _paused(house)
    picture = house.ask()
    gone = _film(house, f"output:{picture.id}/0")
    late = _film(house, f"output:{picture.id}/0", options={"expires_in": 5})
    cancel(house.w, gone.id)
    house.later(6)
    assert house.job(late).attempt.error
    house.w.store.queue.pause(False)
    house.until(picture, "succeeded")
    house.settle()
    assert house.job(gone).state is State.CANCELLED
    error = house.job(late).attempt.error
    assert error
    assert error.code == "expired"
    assert house.sandbox.accepted() == 1
    assert not house.raw.exists(f"runhook:waiters:{picture.id}")


def test_settling_twice_changes_nothing(house: House) -> None:
    picture = house.ask()
    film = _film(house, f"output:{picture.id}/0")
    house.until(film, "succeeded")
    before = house.job(film)
    house.w.store.duties.wake("intake", f"waiters/{picture.id}")
    house.settle()
    assert house.job(film) == before


def test_one_that_nobody_can_read_holds_up_no_other(house: House) -> None:
    _paused(house)
    picture = house.ask()
    broken, film = (_film(house, f"output:{picture.id}/0") for _ in range(2))
    house.raw.hset(f"runhook:job:{broken.id}", "life", "no JSON")
    house.w.store.queue.pause(False)
    house.until(film, "succeeded")
    assert house.raw.zrange(f"runhook:waiters:{picture.id}", 0, -1) == [broken.id.encode()]


def test_more_than_one_turn_settles_are_settled_in_several(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "SETTLED_AT_ONCE", 3)
    _paused(house)
    picture = house.ask()
    films = [_film(house, f"output:{picture.id}/0") for _ in range(8)]
    cancel(house.w, picture.id)
    house.settle()
    assert {house.job(film).state for film in films} == {State.FAILED}


def test_late_success_leaves_a_failed_waiter_failed_and_its_retry_runs(house: House) -> None:
    _paused(house)
    picture = house.ask()
    film = _film(house, f"output:{picture.id}/0")
    cancel(house.w, picture.id)
    house.settle()
    with pytest.raises(Conflict, match="was cancelled; retry that first"):
        retry(house.w, film.id)
    retry(house.w, picture.id)
    assert house.job(film).state is State.FAILED
    waiting = retry(house.w, film.id)
    assert (waiting.state, waiting.history.waits_for) == (State.QUEUED, (picture.id,))
    assert house.w.store.queue.place("main", film.id).position is None
    house.w.store.queue.pause(False)
    house.until(film, "succeeded")
    assert house.sandbox.accepted() == 2


def test_a_retry_of_a_success_is_refused_for_that_and_not_for_its_inputs(house: House) -> None:
    picture = house.until(house.ask(), "succeeded")
    film = house.until(_film(house, f"output:{picture.id}/0"), "succeeded")
    forget(house.w, picture.id)
    with pytest.raises(Conflict, match="is succeeded; only failed and cancelled"):
        retry(house.w, film.id)


def test_a_retry_whose_inputs_are_all_there_runs_again(house: House) -> None:
    picture = house.until(house.ask(), "succeeded")
    _paused(house)
    film = _film(house, f"output:{picture.id}/0")
    cancel(house.w, film.id)
    assert retry(house.w, film.id).history.waits_for == ()
    house.w.store.queue.pause(False)
    house.until(film, "succeeded")


def test_a_cancel_of_the_tree_cancels_all_that_waits(house: House) -> None:
    _paused(house)
    picture = house.ask()
    film = _film(house, f"output:{picture.id}/0")
    large = house.ask(UPSCALE, input={"videoUrl": f"output:{film.id}/0"})
    cancel(house.w, picture.id, tree=True)
    house.settle()
    states = [house.job(job).state for job in (picture, film, large)]
    assert states == [State.CANCELLED] * 3


def test_a_job_is_retried_only_once_its_tree_is_cancelled(house: House) -> None:
    _paused(house)
    picture = house.ask()
    film = _film(house, f"output:{picture.id}/0")
    cancel(house.w, picture.id, tree=True)
    with pytest.raises(Conflict, match="what waits for it is being cancelled with it"):
        retry(house.w, picture.id)
    house.settle()
    assert house.job(film).state is State.CANCELLED
    assert retry(house.w, picture.id).state is State.QUEUED


def test_a_cancel_of_the_tree_that_is_refused_is_forgotten(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.sandbox.faults({"fault": "slow", "value": 600})
    picture = house.until(house.ask(), "running")
    film = _film(house, f"output:{picture.id}/0")

    def refuse(*_: object) -> None:
        raise ProviderRefused("not now", code="1")

    with monkeypatch.context() as patched:
        patched.setattr(type(house.w.client), "cancel", refuse)
        with pytest.raises(Conflict, match="refuses to cancel it"):
            cancel(house.w, picture.id, tree=True)
    assert "cancel refused" in house.notes(picture)
    cancel(house.w, picture.id)
    error = house.until(film, "failed").attempt.error
    assert error
    assert error.code == "input_failed"


def test_of_what_waits_the_last_word_counts_where_runninghub_did_not_answer(house: House) -> None:
    house.sandbox.faults({"fault": "slow", "value": 600})
    picture = house.until(house.ask(), "running")
    film = _film(house, f"output:{picture.id}/0")
    provider_at(house.w, "http://127.0.0.1:1")
    with pytest.raises(ProviderSilent):
        cancel(house.w, picture.id, tree=True)
    provider_at(house.w, house.sandbox.url)
    cancel(house.w, picture.id)
    error = house.until(film, "failed").attempt.error
    assert error
    assert error.code == "input_failed"


def test_a_running_job_is_cancelled_with_its_tree_too(house: House) -> None:
    house.sandbox.faults({"fault": "slow", "value": 600})
    picture = house.until(house.ask(), "running")
    film = _film(house, f"output:{picture.id}/0")
    cancel(house.w, picture.id, tree=True)
    house.settle()
    assert house.job(film).state is State.CANCELLED


@pytest.fixture
def keeping(build: Build, tmp_path: Path) -> House:
    """A house that keeps a copy of every output."""
    return build(RUNHOOK_ARCHIVE="true", RUNHOOK_STORAGE_URL=f"file://{tmp_path}")


def test_of_an_output_whose_file_dies_too_soon_our_copy_is_sent_once(keeping: House) -> None:
    picture = keeping.until(keeping.ask(), "succeeded")
    keeping.later(86400 - policy.OUTPUT_LIVES + 1)
    for _ in range(2):
        film = keeping.until(_film(keeping, f"output:{picture.id}/0"), "succeeded")
        assert _body(keeping, film)["imageUrl"] != picture.attempt.outputs[0].url
    assert len(keeping.sandbox.books()["uploads"]) == 1


def test_a_copy_for_which_no_url_is_named_is_not_sent_as_nothing(
    keeping: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def upload(*given: Any, **more: Any) -> Uploaded:
        return replace(really(*given, **more), url=None)

    picture = keeping.until(keeping.ask(), "succeeded")
    keeping.later(86400 - policy.OUTPUT_LIVES + 1)
    really = keeping.w.client.upload
    monkeypatch.setattr(keeping.w.client, "upload", upload)
    film = _film(keeping, f"output:{picture.id}/0")
    keeping.settle()
    assert "never left" in keeping.notes(film)
    assert keeping.sandbox.accepted() == 1


def test_a_node_gets_our_copy_as_a_file(keeping: House) -> None:
    picture = keeping.until(keeping.ask(), "succeeded")
    given = {"10.image": f"output:{picture.id}/0"}
    job = keeping.until(keeping.ask(WORKFLOW, input=given), "succeeded")
    (name,) = keeping.sandbox.books()["uploads"]
    assert name in str(_body(keeping, job))


def test_a_node_waits_for_our_copy(keeping: House) -> None:
    keeping.lost = ["archive"]
    picture = keeping.until(keeping.ask(), "succeeded")
    job = keeping.ask(WORKFLOW, input={"10.image": f"output:{picture.id}/0"})
    keeping.settle()
    assert "never left" in keeping.notes(job)
    keeping.lost = []
    keeping.settle()
    keeping.later(6)
    keeping.until(job, "succeeded")


@pytest.mark.parametrize("kept", [True, False])
def test_a_node_waits_for_our_copy_as_long_as_it_may_still_come(
    keeping: House, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise StorageUnavailable("the disk is full")

    monkeypatch.setattr(Outputs, "keep", away)
    picture = keeping.until(keeping.ask(), "succeeded")
    job = keeping.ask(WORKFLOW, input={"10.image": f"output:{picture.id}/0"})
    for _ in range(20):  # ten hours
        keeping.later(1800)
    assert keeping.job(job).state is State.QUEUED
    if kept:
        monkeypatch.undo()
    for _ in range(30):
        keeping.later(1800)
    if kept:
        keeping.until(job, "succeeded")
        return
    error = keeping.until(job, "failed").attempt.error
    assert error
    assert error.code == "input_gone"


def test_without_a_copy_it_is_not_sent_and_nothing_is_paid(build: Build) -> None:
    house = build()  # which keeps none
    picture = house.until(house.ask(), "succeeded")
    _paused(house)
    film = _film(house, f"output:{picture.id}/0")
    house.later(86400 - policy.OUTPUT_LIVES + 1)
    house.w.store.queue.pause(False)
    house.until(film, "failed")
    error = house.job(film).attempt.error
    assert error
    assert error.code == "input_gone"
    assert "Nothing was paid" in error.message
    assert house.sandbox.accepted() == 1


@pytest.mark.parametrize("ended", [True, False])
def test_a_node_is_refused_a_file_where_none_is_kept(house: House, ended: bool) -> None:
    _paused(house)
    picture, text = house.ask(), house.ask(TEXT)
    if ended:
        house.w.store.queue.pause(False)
        house.until(picture, "succeeded")
        house.until(text, "succeeded")
    given = {"10.image": f"output:{picture.id}/0", "6.text": f"output:{text.id}/0"}
    found = _faults(house, WORKFLOW, given)
    assert set(found) == {"input.10.image"}
    assert "takes only a file that is kept here" in found["input.10.image"]


def test_an_output_that_dies_too_soon_and_is_not_kept_is_refused(house: House) -> None:
    picture = house.until(house.ask(), "succeeded")
    house.clock.advance(86400 - policy.OUTPUT_LIVES + 1)
    found = _faults(house, VIDEO, {"prompt": "a", "imageUrl": f"output:{picture.id}/0"})
    assert "no copy of it is kept here" in found["input.imageUrl"]


def test_what_came_while_nothing_was_kept_is_not_waited_for_without_end(
    build: Build, tmp_path: Path
) -> None:
    picture = (house := build()).until(house.ask(), "succeeded")
    keeping = build(RUNHOOK_ARCHIVE="true", RUNHOOK_STORAGE_URL=f"file://{tmp_path}")
    job = keeping.ask(WORKFLOW, input={"10.image": f"output:{picture.id}/0"})
    keeping.settle()
    assert keeping.job(job).state is State.QUEUED
    for _ in range(2):
        keeping.later(86400)
    error = keeping.until(job, "failed").attempt.error
    assert error
    assert error.code == "input_gone"


def test_what_a_job_names_is_kept_until_it_has_ended(keeping: House) -> None:
    picture = keeping.until(keeping.ask(), "succeeded")
    _paused(keeping)
    film = _film(keeping, f"output:{picture.id}/0")
    _swept(keeping)
    keeping.w.store.queue.pause(False)
    keeping.until(film, "succeeded")
    _swept(keeping)
    assert keeping.w.store.jobs.many([picture.id, film.id]) == []


def _swept(house: House) -> None:
    house.clock.advance(31 * 86400)
    house.w.store.duties.wake("reconcile", "sweep")
    house.settle()


def test_an_input_that_was_forgotten_fails_the_job_before_it_is_sent(house: House) -> None:
    picture = house.until(house.ask(), "succeeded")
    _paused(house)
    film = _film(house, f"output:{picture.id}/0")
    forget(house.w, picture.id)
    house.w.store.queue.pause(False)
    house.until(film, "failed")
    error = house.job(film).attempt.error
    assert error
    assert error.code == "input_gone"


def test_a_text_output_is_a_nodes_value(house: House) -> None:
    text = house.until(house.ask(TEXT), "succeeded")
    job = house.ask(WORKFLOW, input={"6.text": f"output:{text.id}/0"})
    house.until(job, "succeeded")
    assert str(text.attempt.outputs[0].text) in str(_body(house, job))


def test_all_that_cannot_be_is_refused_at_once(house: House) -> None:
    picture = house.until(house.ask(), "succeeded")
    _paused(house)
    dead = house.ask()
    cancel(house.w, dead.id)
    urls = [
        f"output:{picture.id}/1",
        f"output:{dead.id}/0",
        f"output:{NOBODYS}/0",
        "output:@pic/0",
        "output:job_7/0",
        f"output:{picture.id}/0",
    ]
    found = _faults(house, EDIT, {"prompt": "a", "imageUrls": urls, "aspectRatio": "9"})
    assert set(found) == {*(f"input.imageUrls[{n}]" for n in range(5)), "input.aspectRatio"}
    said = [found[f"input.imageUrls[{n}]"] for n in range(5)]
    assert "which has 1, counted from 0" in said[0]
    assert said[1] == f"names an output of {dead.id}, which was cancelled"
    assert said[2] == f"names an output of {NOBODYS}, and local has no such job"
    assert "this is no batch" in said[3]
    assert said[4].startswith("must be output:<job id>/<n>")


def test_what_another_tenant_has_is_as_unknown_as_what_nobody_has(house: House) -> None:
    theirs = house.until(house.ask(tenant="other"), "succeeded")

    def told(name: str) -> list[str]:
        asked = JobRequest(model=VIDEO, input={"prompt": "a", "imageUrl": f"output:{name}/0"})
        with pytest.raises(InvalidRequest) as refused:
            create.check(house.w, asked, Asker(tenant="shop", only="shop"))
        return [fault.message.replace(name, "JOB") for fault in refused.value.faults]

    assert told(theirs.id) == told(NOBODYS)


def test_who_sees_every_tenant_feeds_none_of_their_outputs_into_anothers_job(house: House) -> None:
    theirs = house.until(house.ask(tenant="shop8"), "succeeded")
    ours = house.until(house.ask(tenant="shop7"), "succeeded")

    def film(job: Job) -> dict[str, Any]:
        given = {"prompt": "it moves", "imageUrl": f"output:{job.id}/0"}
        return {"model": VIDEO, "input": given, "tenant": "shop7"}

    for ask in (create.accept, create.trial):
        with pytest.raises(InvalidRequest, match=f"{theirs.id}, and shop7 has no such job"):
            ask(house.w, film(theirs))
    assert create.accept(house.w, film(ours))[1].root == ours.id


@pytest.mark.parametrize(
    ("above", "model", "param", "said"),
    [
        (TEXT, VIDEO, "imageUrl", "is a text, must be an image"),
        (IMAGE, UPSCALE, "videoUrl", "must be a video"),
    ],
)
def test_an_output_of_another_kind_is_refused_before_and_after_it_is_made(
    house: House, above: str, model: str, param: str, said: str
) -> None:
    _paused(house)
    job = house.ask(above)
    given = {"prompt": "a", param: f"output:{job.id}/0"}
    if model == UPSCALE:
        del given["prompt"]
    assert said in _faults(house, model, given)[f"input.{param}"]
    house.w.store.queue.pause(False)
    house.until(job, "succeeded")
    assert said in _faults(house, model, given)[f"input.{param}"]


def test_too_many_inputs_are_refused(house: House) -> None:
    names = [f"output:job_{n:028x}/0" for n in range(policy.MOST_UPSTREAM + 1)]
    found = _faults(house, WORKFLOW, {f"{n}.image": name for n, name in enumerate(names)})
    assert found["input"] == "names outputs of 51 jobs; at most 50 are taken"


def test_a_text_that_begins_like_one_is_a_text(house: House) -> None:
    job = house.ask(WORKFLOW, input={"6.text": "output: a cat"})
    assert job.spec.upstream == ()
    asked = house.ask(prompt=f"output:{NOBODYS}/0")
    assert asked.spec.upstream == ()


def test_a_tree_follows_from_the_parent_or_from_the_first_input(house: House) -> None:
    _paused(house)
    picture, other = house.ask(), house.ask(prompt="a dog")
    film = _film(house, f"output:{picture.id}/0")
    sheet = _edit(house, f"output:{other.id}/0", f"output:{picture.id}/0", parent=film.id)
    assert (picture.spec.parent, picture.root) == (None, picture.id)
    assert (film.spec.parent, film.root) == (picture.id, picture.id)
    assert (sheet.spec.parent, sheet.root, sheet.spec.generation) == (film.id, picture.id, 2)
    whole = sorted(job.id for job in (picture, film, sheet))
    assert house.w.store.lineage.grown(picture.id, 100) == (whole, True)
    assert house.w.store.lineage.grown(other.id, 100) == (sorted([other.id, sheet.id]), True)
    assert house.w.store.lineage.grown(picture.id, 2) == (whole[:2], False)


def test_a_parent_is_a_job_of_the_same_tenant(house: House) -> None:
    theirs = house.ask(tenant="other")
    for name in (theirs.id, NOBODYS):
        found = _faults(house, IMAGE, {"prompt": "a"}, parent=name)
        assert found == {"parent": f"names {name}, and local has no such job"}


def test_a_tree_has_an_end(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "DEEPEST_TREE", 2)
    _paused(house)
    first = house.ask()
    second = house.ask(parent=first.id)
    third = house.ask(parent=second.id)
    found = _faults(house, IMAGE, {"prompt": "a"}, parent=third.id)
    assert "generation 3 of a tree" in found["parent"]


def test_what_is_swept_leaves_nothing_of_its_tree(house: House) -> None:
    picture = house.ask()
    film = house.until(_film(house, f"output:{picture.id}/0"), "succeeded")
    _swept(house)
    left = [key for key in house.raw.scan_iter("*") if film.id.encode() in key]
    left += [key for key in house.raw.scan_iter("*") if picture.id.encode() in key]
    assert left == []


def test_repair_puts_one_that_waits_back_to_where_it_waits(house: House) -> None:
    _paused(house)
    picture = house.ask()
    film = _film(house, f"output:{picture.id}/0")
    for key in ("waiters", "children", "tree"):
        house.raw.delete(f"runhook:{key}:{picture.id}")
    house.raw.zadd("runhook:line:main", {film.id: 1})
    assert house.w.store.upkeep.repair() == 4
    assert house.w.store.lineage.grown(picture.id, 9) == ([picture.id, film.id], True)
    assert house.w.store.upkeep.repair() == 0
    assert house.w.store.queue.place("main", film.id).position is None
    house.w.store.queue.pause(False)
    house.until(film, "succeeded")


def test_an_older_process_is_told_to_leave_what_names_an_output_alone(house: House) -> None:
    _paused(house)
    picture = house.ask()
    film = _film(house, f"output:{picture.id}/0")
    asked = {
        job.id: orjson.loads(house.raw.hget(f"runhook:job:{job.id}", "ask"))
        for job in (picture, film)
    }
    assert asked[film.id]["needs"] == records.CHAINED
    assert "needs" not in asked[picture.id]


def test_what_left_and_redis_forgot_waits_for_nobody_any_more(house: House) -> None:
    _paused(house)
    picture = house.ask()
    film = _film(house, f"output:{picture.id}/0")
    lost = moves.move(house.job(film), moves.Move.LOSE_SIGHT, house.clock.now())
    house.w.store.jobs.change(film.id, lambda _: Change(job=lost))
    assert house.job(film).history.waits_for == ()
    assert not house.raw.exists(f"runhook:waiters:{picture.id}")
    assert not house.raw.hexists(f"runhook:job:{film.id}", "waits")


def test_a_tree_is_forgotten_whole_once_all_of_it_has_ended(house: House) -> None:
    picture = house.until(house.ask(), "succeeded")
    _paused(house)
    film = _film(house, f"output:{picture.id}/0")
    with pytest.raises(Conflict, match="is queued: only a tree that has ended"):
        forget_tree(house.w, picture.id, None)
    cancel(house.w, film.id)
    with pytest.raises(NotFound):
        forget_tree(house.w, picture.id, "other")
    assert forget_tree(house.w, picture.id, None) == 2
    house.settle()
    left = [
        key for key in house.raw.scan_iter("*") for job in (picture, film) if job.id.encode() in key
    ]
    assert left == []
    with pytest.raises(NotFound):
        forget_tree(house.w, picture.id, None)


def test_a_tree_is_whole_also_where_one_in_its_middle_was_forgotten(house: House) -> None:
    picture = house.ask()
    film = _film(house, f"output:{picture.id}/0")
    large = house.ask(UPSCALE, input={"videoUrl": f"output:{film.id}/0"})
    house.until(large, "succeeded")
    forget(house.w, film.id)
    names, whole = house.w.store.lineage.grown(picture.id, 1000)
    assert (names, whole) == (sorted([picture.id, large.id]), True)


def test_what_waits_for_one_that_is_forgotten_fails_naming_it(house: House) -> None:
    _paused(house)
    first, second = house.ask(), house.ask(prompt="a dog")
    sheet = _edit(house, f"output:{first.id}/0", f"output:{second.id}/0")
    house.lost = ["intake"]
    cancel(house.w, first.id)
    forget(house.w, first.id)
    house.lost = []
    house.later(1)
    error = house.job(sheet).attempt.error
    assert error
    assert error.message.startswith(f"It needs an output of {first.id}, which is not kept any more")
