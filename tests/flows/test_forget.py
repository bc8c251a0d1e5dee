"""A job is forgotten with all that is its own: by its owner's word, or when its time is over."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from runhook.worker.domain import policy
from runhook.worker.domain.handlers import Handler, Registry
from runhook.worker.domain.jobs import Job
from runhook.worker.errors import Conflict, NotFound
from runhook.worker.flows.forget import forget
from runhook.worker.flows.pump import published
from runhook.worker.store import Change, TimelineEntry
from tests.conftest import Build, House

DAY = 86400.0
DELIVERY = "runhook:deliver*"


class Shop:
    """A house that archives, with a handler that can be closed."""

    def __init__(self, build: Build, folder: Path) -> None:
        self.closed = False
        self.heard: list[Any] = []
        self.folder = folder
        registry = Registry()
        types = ("job.succeeded", "job.queued", "job.archived")
        registry.add(Handler(name="shop", types=types, model=None, target=self.hear))
        self.house: House = build(
            registry, RUNHOOK_ARCHIVE="true", RUNHOOK_STORAGE_URL=f"file://{folder}"
        )
        self.house.w.store.processes.publish_handlers(published(self.house.w))

    def hear(self, event: Any) -> None:
        """Listen, or not."""
        if self.closed:
            raise ConnectionError("closed")
        self.heard.append(event)

    def ended(self, **more: Any) -> Job:
        """One job."""
        return self.house.until(self.house.ask(**more), "succeeded")

    def keys_of(self, job: Job) -> list[str]:
        """What there is of a job, by name or in a list."""
        raw, found = self.house.raw, []
        for key in raw.scan_iter("*"):
            kind, name = raw.type(key), key.decode()
            held = {b"zset": lambda k: raw.zrange(k, 0, -1), b"set": raw.smembers}
            members = held.get(kind, lambda _: [])(key)
            if job.id in name or any(job.id.encode() in member for member in members):
                found.append(name)
        return found

    def files(self, job: Job) -> list[str]:
        """What is kept of it."""
        return [file.name for file in (self.folder / "outputs" / job.id).glob("*")]


@pytest.fixture
def shop(build: Build, tmp_path: Path) -> Shop:
    """One that is open."""
    return Shop(build, tmp_path / "kept")


def test_it_goes_with_its_record_files_deliveries_events_and_places(shop: Shop) -> None:
    other = shop.ended(prompt="kept")
    job = shop.ended(prompt="forgotten", options={"expires_in": 3600})
    about_other = len(shop.house.events()) // 2
    assert shop.files(job)
    forget(shop.house.w, job.id)
    shop.house.settle()
    assert shop.keys_of(job) == []
    assert not (shop.folder / "outputs" / job.id).exists()
    assert len(shop.house.events()) == about_other
    assert shop.files(other)
    assert len(shop.house.w.store.deliveries.of_job(other.id)) == 3
    assert shop.house.raw.zcard("runhook:receivers") == 1
    with pytest.raises(NotFound):
        forget(shop.house.w, job.id)


def test_what_nobody_has_heard_yet_is_not_told_any_more(shop: Shop) -> None:
    shop.closed = True
    job = shop.ended()
    assert shop.house.raw.zcard("runhook:outbox:shop") > 0
    forget(shop.house.w, job.id)
    shop.closed = False
    shop.house.later(DAY)
    assert shop.heard == []
    assert shop.house.raw.keys(DELIVERY) == []
    # And the handler is told of others as before.
    shop.ended()
    assert all(one.state == "done" for one in _deliveries(shop))


def _deliveries(shop: Shop) -> list[Any]:
    (page,) = [shop.house.w.store.listing.page(_all(), None, 10)]
    return [one for job in page.jobs for one in shop.house.w.store.deliveries.of_job(job.id)]


def _all() -> Any:
    from runhook.worker.store import JobFilter

    return JobFilter()


def test_one_that_has_not_ended_stays_as_it_is(shop: Shop) -> None:
    job = shop.house.ask()
    before = shop.keys_of(job)
    with pytest.raises(Conflict, match="is queued"):
        forget(shop.house.w, job.id)
    assert shop.keys_of(job) == before


def test_a_repeat_of_its_idempotency_key_pays_nothing(shop: Shop) -> None:
    job = shop.house.w.store.jobs.get(_asked(shop, "order-7").id)
    shop.house.until(job, "succeeded")
    forget(shop.house.w, job.id)
    with pytest.raises(Conflict, match="forgotten"):
        _asked(shop, "order-7")
    assert shop.house.sandbox.accepted() == 1


def _asked(shop: Shop, key: str) -> Job:
    from runhook.worker.flows import create
    from tests.conftest import IMAGE

    return create.accept(shop.house.w, {"model": IMAGE, "input": {"prompt": "a cat"}}, key=key)[1]


def test_files_go_with_what_is_kept_no_longer(shop: Shop) -> None:
    job = shop.ended()
    shop.house.clock.advance(31 * DAY)
    shop.house.w.store.duties.wake("reconcile", "sweep")
    shop.house.settle()
    assert shop.keys_of(job) == []
    assert not (shop.folder / "outputs" / job.id).exists()


def test_files_go_once_the_storage_is_back(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    job = shop.ended()
    away = shop.folder.with_name("away")
    shop.folder.rename(away)
    shop.folder.write_text("in the way")
    with monkeypatch.context() as patch:
        patch.setattr(shop.house.w.outputs._place, "_reached", _unreachable)
        forget(shop.house.w, job.id)
        shop.house.settle()
    assert shop.house.w.store.upkeep.waiting("archive") == [f"remove/{job.id}"]
    assert shop.house.events()[-1] == "runhook.alert"
    shop.folder.unlink()
    away.rename(shop.folder)
    assert shop.files(job)
    shop.house.later(policy.ARCHIVE_MOST)
    assert not (shop.folder / "outputs" / job.id).exists()
    assert shop.house.w.store.upkeep.waiting("archive") == []


def _unreachable() -> Any:
    raise ConnectionError("the place of files does not answer")


def test_one_that_is_forgotten_while_it_is_fetched_leaves_no_file(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch = shop.house.w.downloads.fetch
    job = shop.house.ask()

    def forgetting(url: str, file: Any, largest: int) -> None:
        fetch(url, file, largest)
        forget(shop.house.w, job.id)

    monkeypatch.setattr(shop.house.w.downloads, "fetch", forgetting)
    for _ in range(100):
        shop.house.settle()
        if not shop.house.raw.exists(f"runhook:job:{job.id}"):
            break
    assert shop.keys_of(job) == []
    assert not (shop.folder / "outputs" / job.id).exists()
    assert shop.house.w.store.upkeep.waiting("archive") == []


def test_a_job_goes_when_its_answer_was_lost_too(shop: Shop) -> None:
    job = shop.ended()
    jobs = shop.house.w.store.jobs
    assert jobs.forget(shop.house.job(job), []) == "done"
    assert jobs.forget(job, []) == "gone"


def test_an_event_of_the_moment_in_which_it_is_forgotten_goes_too(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = shop.ended()
    events, looks = shop.house.w.store.events, list[str]()
    look = events.of_job

    def archived_meanwhile(job_id: str, moments: Iterable[datetime]) -> list[str]:
        found = look(job_id, moments)
        if not looks:
            kept = (TimelineEntry("archived", {}),)
            event = "job.archived"
            shop.house.w.store.jobs.change(
                job_id, lambda now: Change(job=now, notes=kept, event=event)
            )
        looks.append(job_id)
        return found

    monkeypatch.setattr(events, "of_job", archived_meanwhile)
    forget(shop.house.w, job.id)
    shop.house.settle()
    assert len(looks) == 2
    assert shop.house.events() == []
    assert shop.keys_of(job) == []
