"""What earlier versions left in Redis is read, shown as it was, and gone on with."""

import json
from pathlib import Path
from typing import Any

import pytest

from runhook.worker.delivery import subscriptions
from runhook.worker.domain.handlers import Handler, Registry
from runhook.worker.domain.views import job_view
from runhook.worker.flows import create
from runhook.worker.flows.create import JobRequest
from runhook.worker.flows.doctor import examine
from runhook.worker.store import JobFilter, LeasedDelivery, records
from tests.conftest import IMAGE, Build, House, eventually
from tests.records import keys
from tests.records.scenes import NOWHERE

HERE = Path(__file__).parent
SAMPLES = sorted(HERE.glob("v*.json"))


@pytest.fixture(params=SAMPLES, ids=lambda path: path.stem)
def sample(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What a version left, and how it showed it."""
    found: dict[str, Any] = json.loads(request.param.read_text())
    return found


@pytest.fixture
def house(build: Build, sample: dict[str, Any], raw: Any) -> House:
    """A house of today that moves in where that version was."""
    registry = Registry()
    registry.add(
        Handler(name="shop", types=("job.succeeded",), model=None, target=lambda event: None)
    )
    house = build(registry, RUNHOOK_ALLOW_PRIVATE_URLS="true", RUNHOOK_RETRY_SCHEDULE="0")
    keys.loaded(raw, sample["keys"])
    house.w.store.upkeep.end_what_older_versions_left()
    house.w.store.duties.pump("test", 3)  # as a pump begins: it looks into every lane
    house.later(1)
    return house


def _standing(sample: dict[str, Any], state: str) -> list[str]:
    return [job_id for job_id, shown in sample["shown"].items() if shown["state"] == state]


def test_every_version_of_records_has_a_sample() -> None:
    assert [path.stem for path in SAMPLES] == [f"v{n}" for n in range(records.VERSION + 1)]


def test_every_job_is_shown_as_it_was(build: Build, sample: dict[str, Any], raw: Any) -> None:
    house = build()
    keys.loaded(raw, sample["keys"])
    house.w.store.upkeep.end_what_older_versions_left()
    found = {job.id: job_view(job) for job in house.w.store.jobs.many(list(sample["shown"]))}
    for job_id, shown in sample["shown"].items():
        assert _with(found[job_id], shown) == found[job_id]


def _with(found: Any, shown: Any) -> Any:
    """What is found, and in it what was shown; members that came since stay, in attempts too."""
    if isinstance(found, dict) and isinstance(shown, dict):
        return found | {name: _with(found.get(name), value) for name, value in shown.items()}
    if isinstance(found, list) and isinstance(shown, list) and len(found) == len(shown):
        return [_with(*pair) for pair in zip(found, shown, strict=True)]
    return shown


def test_nothing_of_it_is_unreadable(house: House, sample: dict[str, Any]) -> None:
    assert house.w.store.upkeep.unreadable() == []
    (found,) = [finding for finding in examine(house.w, {}) if finding.what == "records"]
    assert found.word == "good"
    page = house.w.store.listing.page(JobFilter(), None, 100)
    assert {job.id for job in page.jobs} == set(sample["shown"])


def test_every_event_and_delivery_can_be_read_and_told_again(
    house: House, sample: dict[str, Any]
) -> None:
    entries = sample["keys"]["runhook:events"]["value"]
    found, _ = house.w.store.events.after(None, 1000)
    assert [event.type for event in found][: len(entries)] == [what["type"] for _, what in entries]
    dead = next(house.w.store.deliveries.listed("dead", None, None))
    assert {one.handler.partition("_")[0] for one in dead} == {"sub"}
    told = [LeasedDelivery(delivery=one, n=one.begun) for one in dead]
    assert all(house.w.store.delivering.event_of(one).event.job for one in told)


def test_subscriptions_and_files_are_as_they_were(house: House, sample: dict[str, Any]) -> None:
    found = house.w.store.subscriptions.all()
    assert {one.url: one.enabled for one in found} == {
        NOWHERE: True,
        NOWHERE + "/rotated": True,
        NOWHERE + "/disabled": False,
    }
    signing = {one.url: len(subscriptions.open_secrets(house.w, one)) for one in found}
    assert signing == {NOWHERE: 1, NOWHERE + "/rotated": 2, NOWHERE + "/disabled": 1}
    (asset_id,) = sample["keys"]["runhook:asset"]["value"]
    assert house.w.store.assets.get(asset_id).name == "note.txt"


def test_its_duties_and_wake_ups_are_gone_on_with(house: House, sample: dict[str, Any]) -> None:
    called_back, queued = _standing(sample, "running")[-1], _standing(sample, "queued")
    jobs = house.w.store.jobs
    house.later(40)  # its wake-up may have been lost
    assert jobs.get(called_back).state == "succeeded", "its callback lay there"
    for job_id in queued:

        def ended(job_id: str = job_id) -> bool:
            house.settle()
            return jobs.get(job_id).state == "succeeded"

        eventually(ended)
    assert house.sandbox.accepted() == len(queued), "nothing that had left left again"


def test_an_idempotency_key_of_then_makes_no_second_job(
    house: House, sample: dict[str, Any]
) -> None:
    asked = JobRequest(
        model=IMAGE, input={"prompt": "a cat"}, options={}, metadata={"order": 7}, priority=9
    )  # as in scenes.ends
    new, job = create.request(house.w, asked, key="order-7")
    assert not new
    assert job.id in sample["shown"]
