"""Jobs, as users' code asks for them and follows them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from runhook import Conflict, InvalidRequest, Job, NotFound, WaitTimeout
from tests.client.conftest import Shop
from tests.conftest import IMAGE, eventually

CAT = {"prompt": "a cat"}
VIDEO = "vidu/text-to-video-q3-turbo"


def test_a_job_is_a_typed_value_from_its_birth_to_its_end(shop: Shop) -> None:
    job = shop.runhook.submit(IMAGE, CAT, metadata={"order": 7}, priority=9, tenant="shop-7")
    assert (job.state, job.metadata, job.priority) == ("queued", {"order": 7}, 9)
    assert (job.tenant, job.queue_position, job.ended) == ("shop-7", 1, False)
    assert job.created_at.tzinfo is UTC or job.created_at.utcoffset() is not None
    shop.ended(job.id)
    done = job.refresh()
    assert (done.state, done.ended, done.settled_by) == ("succeeded", True, "callback")
    assert done.outputs[0].type == "png"
    assert str(done.outputs[0]) == f"output:{job.id}/0"
    assert done.attempts[0].outputs == done.outputs
    assert done.cost is not None
    assert isinstance(done.cost.money or done.cost.coins, Decimal)
    assert done.document["id"] == done.id
    assert job.state == "queued", "a job is what it was when it was asked for"
    with pytest.raises(AttributeError):
        job.state = "running"  # type: ignore[misc]


def test_every_fault_is_told_at_once_with_what_was_meant(shop: Shop) -> None:
    with pytest.raises(InvalidRequest) as caught:
        shop.runhook.submit(IMAGE, {"promt": "a cat"}, priority=11, handlers=["bok"])
    error = caught.value
    faults = {fault.path: fault for fault in error.errors}
    assert {"input.promt", "priority", "handlers[0]"} <= faults.keys()
    assert faults["input.promt"].nearest == "prompt"
    assert faults["handlers[0]"].allowed == ("book",)
    assert (error.status, error.title, error.type) == (
        422,
        "Invalid request",
        "/docs/problems/invalid-request",
    )
    assert "nothing is paid" in error.detail
    assert "nothing is paid. priority: must" in str(error)
    assert "did you mean prompt?" in str(error)
    assert shop.house.standing("queued") == 0


@pytest.mark.parametrize("key", ["", " ", "order-7 ", "order\n7", "ключ"])
def test_what_no_header_can_carry_whole_is_no_key(shop: Shop, key: str) -> None:
    for call in (
        lambda: shop.runhook.submit(IMAGE, CAT, key=key),
        lambda: list(shop.runhook.batch([{"model": IMAGE, "input": CAT}], key=key)),
    ):
        with pytest.raises(InvalidRequest, match="key: must be"):
            call()
    assert list(shop.runhook.jobs()) == []


def test_the_same_key_is_the_same_job_and_another_job_under_it_a_conflict(shop: Shop) -> None:
    first = shop.runhook.submit(IMAGE, CAT, key="order-7")
    assert shop.runhook.submit(IMAGE, CAT, key="order-7") == first
    assert shop.runhook.submit(IMAGE, CAT).id != first.id, "each call without one is a job"
    with pytest.raises(Conflict, match="used for another request") as caught:
        shop.runhook.submit(IMAGE, {"prompt": "a dog"}, key="order-7")
    assert caught.value.status == 409


def test_what_is_not_there_is_not_found(shop: Shop) -> None:
    for name in ("job_nope", "", "..", "a/b", "%2e%2e"):
        with pytest.raises(NotFound):
            shop.runhook.get(name)
    with pytest.raises(NotFound):
        shop.runhook.timeline("job_nope")
    job = shop.runhook.submit(IMAGE, CAT)
    for call in ("timeline", "stream", "outputs/0"):
        with pytest.raises(NotFound):  # another call's path is no job
            shop.runhook.get(f"{job.id}/{call}")
    with pytest.raises(NotFound):
        shop.runhook.model(f"{IMAGE}/schema")
    with pytest.raises(NotFound):
        shop.runhook.wait("job_nope", timeout=5)


def test_jobs_are_listed_page_by_page_and_narrowed(shop: Shop) -> None:
    jobs = [shop.house.ask(prompt=str(number)) for number in range(105)]
    shop.house.ask(VIDEO, tenant="shop-7")
    listed = list(shop.runhook.jobs(model=IMAGE))
    assert [job.id for job in listed] == [job.id for job in reversed(jobs)]
    assert [job.model for job in shop.runhook.jobs(model="vidu/*")] == [VIDEO]
    assert [job.tenant for job in shop.runhook.jobs(tenant="shop-7")] == ["shop-7"]
    assert list(shop.runhook.jobs(state=["failed", "cancelled"])) == []
    assert list(shop.runhook.jobs(until=datetime(2020, 1, 1, tzinfo=UTC))) == []
    assert len(list(shop.runhook.jobs(state="queued", since="2h"))) == 106
    newest = next(shop.runhook.jobs())
    assert newest.model == VIDEO


def test_what_cannot_narrow_a_list_is_refused_and_not_left_out(shop: Shop) -> None:
    with pytest.raises(InvalidRequest) as caught:
        list(shop.runhook.jobs(state="faild", since="yesterday"))
    faults = {fault.path: fault for fault in caught.value.errors}
    assert faults["state"].nearest == "failed"
    assert "since" in faults
    with pytest.raises(NotFound):
        list(shop.runhook.jobs(model="vidu/nope"))


def test_a_job_that_has_ended_is_not_waited_for(shop: Shop) -> None:
    job = shop.runhook.submit(IMAGE, CAT)
    shop.ended(job.id)
    assert job.wait(timeout=5).state == "succeeded"


def test_who_waits_is_told_of_each_change_and_of_the_end(
    shop: Shop, elsewhere: ThreadPoolExecutor
) -> None:
    job = shop.runhook.submit(IMAGE, CAT)
    seen: list[str] = []

    def watch() -> Job | None:
        last = None
        for last in shop.runhook.watch(job, timeout=20):
            seen.append(last.state)
        return last

    watching = elsewhere.submit(watch)
    waiting = [elsewhere.submit(job.wait, timeout=20) for _ in range(4)]
    eventually(lambda: seen == ["queued"])
    shop.ended(job.id)
    last = watching.result(10)
    assert last is not None
    assert last.state == "succeeded"
    assert seen[-1] == "succeeded"
    assert {one.result(10).state for one in waiting} == {"succeeded"}


@pytest.mark.parametrize("seconds", [0, 0.2])
def test_a_wait_that_is_over_says_that_the_job_goes_on(shop: Shop, seconds: float) -> None:
    job = shop.runhook.submit(IMAGE, CAT)
    with pytest.raises(WaitTimeout, match="goes on") as caught:
        job.wait(timeout=seconds)
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.job.state == "queued"
    shop.ended(job.id)
    assert job.wait(timeout=seconds).state == "succeeded", "one look is made in any case"


def test_a_job_is_cancelled_retried_and_asked_about(shop: Shop) -> None:
    job = shop.runhook.submit(IMAGE, CAT)
    assert job.cancel().state == "cancelled"
    assert shop.runhook.cancel(job).state == "cancelled", "once more changes nothing"
    again = shop.runhook.retry(job)
    assert (again.id, again.state, len(again.attempts)) == (job.id, "queued", 2)
    with pytest.raises(Conflict, match="only failed and cancelled"):
        shop.runhook.retry(job)
    with pytest.raises(Conflict, match="no task id yet"):
        shop.runhook.reconcile(job)
    shop.ended(job.id)
    assert shop.runhook.reconcile(job).state == "succeeded"
    with pytest.raises(Conflict, match="This request changed nothing"):
        shop.runhook.cancel(job)


def test_an_unconfirmed_job_is_settled_by_its_owner(shop: Shop) -> None:
    shop.house.sandbox.faults({"fault": "answer_lost"}, callback_lost=1.0)
    job = shop.runhook.submit(IMAGE, CAT)
    shop.ended(job.id, "unconfirmed")
    found = shop.runhook.get(job.id)
    assert found.error is not None
    with pytest.raises(InvalidRequest):
        shop.runhook.resolve(job)
    settled = shop.runhook.resolve(job, "failed")
    assert (settled.state, settled.settled_by) == ("failed", "user")
    with pytest.raises(Conflict, match="not unconfirmed"):
        shop.runhook.resolve(job, "resubmit")
    with pytest.raises(Conflict, match="knows no task"):
        shop.runhook.resolve(job, ref="1900000000000000000", force=True)


def test_the_timeline_tells_what_happened(shop: Shop) -> None:
    job = shop.runhook.submit(IMAGE, CAT)
    shop.ended(job.id)
    assert [line["what"] for line in shop.runhook.timeline(job)][:1] == ["queued"]


def test_a_tree_is_read_and_cancelled_whole(shop: Shop) -> None:
    shop.house.w.store.queue.pause(True)
    picture = shop.runhook.submit(IMAGE, CAT)
    given = {"prompt": "it moves", "imageUrl": f"output:{picture.id}/0"}
    film = shop.runhook.submit("vidu/image-to-video-q2-pro", given)
    assert [job.id for job in shop.runhook.tree(picture)] == [picture.id, film.id]
    assert picture.cancel(tree=True).state == "cancelled"
    shop.ended(film.id, "cancelled")
    with pytest.raises(NotFound):
        list(shop.runhook.tree("job_" + "0" * 28))


def test_a_group_is_counted(shop: Shop) -> None:
    job = shop.runhook.submit(IMAGE, CAT, group="tuesday", group_size=1)
    shop.ended(job.id)
    shop.until(lambda: shop.runhook.group("tuesday").ended_at)
    group = shop.runhook.group("tuesday")
    assert (group.name, group.jobs, group.size, group.closed) == ("tuesday", 1, 1, True)
    assert group.states["succeeded"] == 1
    with pytest.raises(NotFound):
        shop.runhook.group("tuesday", tenant="other")


def test_a_job_that_has_ended_is_forgotten(shop: Shop) -> None:
    job = shop.runhook.submit(IMAGE, CAT)
    with pytest.raises(Conflict, match="only a job that has ended"):
        shop.runhook.forget(job)
    shop.ended(job.id)
    shop.runhook.forget(job)
    with pytest.raises(NotFound):
        job.refresh()


def test_a_tree_that_has_ended_is_forgotten_as_a_whole(shop: Shop) -> None:
    root = shop.runhook.submit(IMAGE, CAT)
    grown = shop.runhook.submit(IMAGE, CAT, parent=root)
    with pytest.raises(Conflict, match="only a tree that has ended"):
        shop.runhook.forget(root, tree=True)
    for job in (root, grown):
        shop.ended(job.id)
    with pytest.raises(NotFound):
        shop.runhook.forget(grown, tree=True)
    assert shop.runhook.get(grown).root == root.id
    assert shop.runhook.forget(root, tree=True) == 2
    for job in (root, grown):
        with pytest.raises(NotFound):
            job.refresh()


def test_what_grew_from_a_job_is_forgotten_also_once_that_is(shop: Shop) -> None:
    root = shop.runhook.submit(IMAGE, CAT)
    grown = shop.runhook.submit(IMAGE, CAT, parent=root)
    for job in (root, grown):
        shop.ended(job.id)
    shop.runhook.forget(root)
    assert shop.runhook.forget(root, tree=True) == 1
    for tree in (root, grown):
        with pytest.raises(NotFound):
            shop.runhook.forget(tree, tree=True)
