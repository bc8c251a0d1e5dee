"""What jobs make is kept here before RunningHub removes it, whatever goes wrong on the way."""

import errno
import hashlib
import io
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from runhook.worker.domain import policy
from runhook.worker.domain.jobs import Job
from runhook.worker.domain.reports import Cost, Error, Output, Report
from runhook.worker.domain.views import job_view
from runhook.worker.errors import NotFound
from runhook.worker.flows import doctor
from runhook.worker.flows.cancel import cancel
from runhook.worker.flows.resolve import retry
from runhook.worker.flows.steps.accept import accept
from runhook.worker.flows.steps.archiving import open_output
from tests.bodies import asked
from tests.conftest import Build, House

TEXT = "kling-lip-sync/tts"
DAY = 86400.0


class Keeping:
    """A house that archives, and what lies in its storage."""

    def __init__(self, house: House, folder: Path) -> None:
        self.house, self.folder = house, folder

    def ended(self, **more: Any) -> Job:
        """A job that succeeded, and whose first look at its outputs is over."""
        return self.house.until(self.house.ask(**more), "succeeded", 90)

    def outputs(self, job: Job) -> tuple[Output, ...]:
        """Those of the job as it is now."""
        return self.house.job(job).attempt.outputs

    def files(self, job: Job) -> dict[str, bytes]:
        """What is kept of a job, by name."""
        there = self.folder / "outputs" / job.id
        return {file.name: file.read_bytes() for file in there.glob("*")}

    def until_kept(self, job: Job, looks: int = 60) -> None:
        """Let time pass until all of a job is kept."""
        for _ in range(looks):
            if all(output.archived for output in self.outputs(job)):
                return
            self.house.later(policy.ARCHIVE_MOST)
        raise AssertionError(f"not all is kept: {self.outputs(job)}")

    def waiting(self) -> list[str]:
        """The duties of the archive."""
        return self.house.w.store.upkeep.waiting("archive")


@pytest.fixture
def keep(build: Build, tmp_path: Path) -> Callable[..., Keeping]:
    """Builds one."""

    def make(**settings: Any) -> Keeping:
        folder = tmp_path / "kept"
        values = {"RUNHOOK_ARCHIVE": "true", "RUNHOOK_STORAGE_URL": f"file://{folder}"}
        return Keeping(build(**{**values, **settings}), folder)

    return make


@pytest.fixture
def keeping(keep: Callable[..., Keeping]) -> Keeping:
    """One with the usual settings."""
    return keep()


def _at_runninghub(output: Output) -> bytes:
    assert output.url
    with urllib.request.urlopen(output.url, timeout=10) as answer:
        found: bytes = answer.read()
    return found


def test_an_output_is_kept_under_its_jobs_name_with_what_is_known_of_it(keeping: Keeping) -> None:
    job = keeping.ended()
    (output,) = keeping.outputs(job)
    kept = output.archived
    assert kept is not None
    assert (kept.name, kept.media_type, kept.thumbnail) == ("1-0.png", "image/png", True)
    data = keeping.files(job)["1-0.png"]
    assert data == _at_runninghub(output)
    assert (kept.size, kept.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert keeping.waiting() == []
    assert "archived" in keeping.house.notes(job)


def test_the_job_says_where_it_is_and_so_does_the_event(keeping: Keeping) -> None:
    job = keeping.ended()
    base = keeping.house.w.settings.public_url
    (shown,) = job_view(keeping.house.job(job), base=base)["outputs"]
    assert shown["archived_url"] == f"{base}/v1/jobs/{job.id}/outputs/0"
    assert shown["thumbnail_url"] == f"{base}/v1/jobs/{job.id}/outputs/0/thumbnail"
    events, _ = keeping.house.w.store.events.after(None, 100, types=["job.archived"])
    (event,) = events
    assert event.data(base)["outputs"] == [shown]
    (bare,) = job_view(keeping.house.job(job))["outputs"]
    assert bare["archived_url"] == f"/v1/jobs/{job.id}/outputs/0"


def test_success_waits_for_nothing(keeping: Keeping) -> None:
    keeping.house.lost.append("archive")
    job = keeping.ended()
    assert "job.archived" not in keeping.house.events()
    assert keeping.outputs(job)[0].archived is None
    keeping.house.lost.clear()
    keeping.house.later(1)
    assert keeping.house.events().count("job.archived") == 1
    keeping.house.w.store.duties.wake("archive", f"{job.id}/1")
    keeping.house.settle()
    assert keeping.house.events().count("job.archived") == 1


def test_a_text_is_no_file_and_nothing_is_said_to_be_archived(keeping: Keeping) -> None:
    job = keeping.ended(**asked(TEXT))
    assert keeping.outputs(job)[0].text
    assert keeping.files(job) == {}
    assert "job.archived" not in keeping.house.events()
    assert keeping.waiting() == []


def test_nothing_is_kept_where_that_is_turned_off(keep: Callable[..., Keeping]) -> None:
    keeping = keep(RUNHOOK_ARCHIVE="false")
    job = keeping.ended()
    assert keeping.files(job) == {}
    assert keeping.waiting() == []


def test_more_than_a_hundred_outputs_with_faults_are_all_there_and_all_right(
    keeping: Keeping,
) -> None:
    keeping.house.sandbox.faults(
        {"fault": "many_outputs", "value": 120},
        {"fault": "output_cut", "rate": 0.2},
        {"fault": "output_outage", "rate": 0.1},
        {"fault": "output_short", "rate": 0.1},
        {"fault": "output_html", "rate": 0.1},
        {"fault": "output_gone", "rate": 0.1},
    )
    job = keeping.ended()
    assert len(keeping.outputs(job)) == 120
    keeping.until_kept(job)
    keeping.house.sandbox.faults()
    files = keeping.files(job)
    for output in keeping.outputs(job):
        assert output.archived
        data = files[output.archived.name]
        assert hashlib.sha256(data).hexdigest() == output.archived.sha256
        assert data == _at_runninghub(output)
    assert len(files) == 240, "each with its thumbnail, and nothing else"
    assert keeping.house.events().count("job.archived") == 1
    assert "runhook.alert" not in keeping.house.events()
    assert keeping.waiting() == []


def test_one_that_cannot_be_had_stops_no_other_and_is_given_up_once_when_its_time_is_over(
    keeping: Keeping,
) -> None:
    keeping.house.sandbox.faults(
        {"fault": "many_outputs", "value": 12}, {"fault": "output_gone", "match": "-1."}
    )
    job = keeping.ended()
    outputs = keeping.outputs(job)
    assert [k for k, output in enumerate(outputs) if not output.archived] == [1]
    for _ in range(20):
        keeping.house.later(policy.ARCHIVE_MOST)
    assert "runhook.alert" not in keeping.house.events()
    keeping.house.later(DAY)
    keeping.house.later(policy.ARCHIVE_MOST)
    assert "HTTP 404" in str(keeping.outputs(job)[1].lost)
    assert keeping.house.events().count("runhook.alert") == 1
    assert keeping.house.notes(job).count("not archived") == 1
    assert "job.archived" not in keeping.house.events()
    assert keeping.waiting() == []


def test_a_page_that_says_why_there_is_no_picture_is_not_kept_as_one(keeping: Keeping) -> None:
    keeping.house.sandbox.faults({"fault": "output_html", "times": 1})
    job = keeping.ended()
    assert keeping.files(job) == {}
    keeping.until_kept(job)
    assert keeping.files(job)["1-0.png"].startswith(b"\x89PNG")


def test_what_is_larger_than_is_kept_is_given_up_at_once(
    keeping: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "LARGEST_OUTPUT", 1000)
    job = keeping.ended()
    assert "more than 1000 bytes" in str(keeping.outputs(job)[0].lost)
    assert keeping.house.events()[-1] == "runhook.alert"
    assert keeping.waiting() == []


def test_a_storage_that_is_away_fails_no_job_and_loses_nothing(keeping: Keeping) -> None:
    keeping.folder.write_text("in the way")
    jobs = [keeping.ended(prompt=f"{n}") for n in range(3)]
    for _ in range(3):
        keeping.house.later(60)
    assert {keeping.house.job(job).state for job in jobs} == {"succeeded"}
    assert keeping.house.events().count("runhook.alert") == 1, "once, and not each try"
    assert sorted(keeping.waiting()) == sorted(f"{job.id}/1" for job in jobs)
    keeping.folder.unlink()
    for job in jobs:
        keeping.until_kept(job)
    assert keeping.house.events().count("job.archived") == 3


def test_a_full_disk_loses_nothing(keeping: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    full = [True]

    def refuse(name: str, file: Any) -> None:
        if full[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        put(name, file)

    put = keeping.house.w.outputs._place.put
    monkeypatch.setattr(keeping.house.w.outputs._place, "put", refuse)
    job = keeping.ended()
    assert keeping.waiting() == [f"{job.id}/1"]
    assert "runhook.alert" in keeping.house.events()
    full[0] = False
    keeping.until_kept(job)


def test_an_outage_of_redis_in_the_middle_leaves_the_duty(keeping: Keeping) -> None:
    job = keeping.ended()
    key = f"runhook:job:{job.id}"
    assert keeping.house.raw.hget(key, "files") == b"1"
    data = keeping.files(job)["1-0.png"]
    # As if the process had died between the file and the record.
    life = keeping.house.raw.hget(key, "life").replace(b'"archived"', b'"unknown"')
    keeping.house.raw.hset(key, "life", life)
    keeping.house.w.store.duties.wake("archive", f"{job.id}/1")
    keeping.house.settle()
    assert keeping.outputs(job)[0].archived
    assert keeping.files(job)["1-0.png"] == data


def test_a_file_that_may_have_killed_processes_gets_no_thumbnail(keeping: Keeping) -> None:
    keeping.house.lost.append("archive")
    job = keeping.ended()
    keeping.house.lost.clear()
    killed = policy.THUMBNAILS_KILLED
    keeping.house.raw.hset("runhook:failures:archive", f"{job.id}/1", killed)
    keeping.house.later(1)
    (output,) = keeping.outputs(job)
    assert output.archived is not None
    assert not output.archived.thumbnail


def test_a_late_success_is_kept_too(keeping: Keeping) -> None:
    (output,) = keeping.outputs(keeping.ended())
    keeping.house.sandbox.faults(failed=1.0)
    job = keeping.house.until(keeping.house.ask(prompt="late"), "failed")
    told = Report(
        ref=str(job.attempt.ref), state="succeeded", outputs=(Output(url=output.url, type="png"),)
    )
    accept(keeping.house.w, job.id, 1, told, "query")
    keeping.house.settle()
    assert keeping.house.job(job).state == "succeeded"
    assert keeping.files(job)["1-0.png"] == _at_runninghub(output)


def _made_after_a_cancel(keeping: Keeping) -> tuple[Job, Report]:
    """A cancelled job that made something all the same, and what was said of it."""
    (output,) = keeping.outputs(keeping.ended())
    keeping.house.sandbox.faults(slow=1.0)
    job = keeping.house.until(keeping.house.ask(prompt="late"), "running")
    cancel(keeping.house.w, job.id)
    made = (Output(url=output.url, type="png"),)
    told = Report(ref=str(job.attempt.ref), state="succeeded", outputs=made)
    accept(keeping.house.w, job.id, 1, told, "callback")
    keeping.house.settle()
    return job, told


def test_what_a_cancelled_job_made_after_all_is_kept_too(keeping: Keeping) -> None:
    job, _ = _made_after_a_cancel(keeping)
    assert keeping.house.job(job).state == "cancelled"
    assert keeping.files(job)


@pytest.mark.parametrize("again", ["succeeded", "cancelled"])
def test_later_news_of_an_attempt_leaves_its_outputs_kept(keeping: Keeping, again: Any) -> None:
    job, told = _made_after_a_cancel(keeping)
    before = keeping.outputs(job), keeping.house.events().count("job.archived")
    priced = replace(
        told, state=again, outputs=told.outputs[: again == "succeeded"], cost=Cost(money="1")
    )
    accept(keeping.house.w, job.id, 1, priced, "query")
    keeping.house.w.store.queue.pause(True)
    retry(keeping.house.w, job.id)
    accept(keeping.house.w, job.id, 1, told, "resend")
    keeping.house.settle()
    after = keeping.outputs(job), keeping.house.events().count("job.archived")
    assert (keeping.house.job(job).state, after) == ("succeeded", before)


def test_what_an_earlier_attempt_made_is_kept_beside_and_named_by_its_number(
    keeping: Keeping,
) -> None:
    (output,) = keeping.outputs(keeping.ended())
    keeping.house.sandbox.faults({"fault": "failed", "times": 1}, {"fault": "slow"})
    house = keeping.house
    job = house.until(house.ask(prompt="twice"), "running")
    first = Report(ref=str(job.attempt.ref), state="failed", error=Error(code="1", message="no"))
    accept(house.w, job.id, 1, first, "callback")
    retry(house.w, job.id)
    house.until(job, "running")
    made = (Output(url=output.url, type="png"),)
    accept(house.w, job.id, 1, replace(first, state="succeeded", outputs=made), "callback")
    before = house.events().count("job.archived")
    house.settle()
    shown = job_view(house.job(job))
    (kept,) = shown["attempts"][0]["outputs"]
    assert kept["archived_url"] == f"/v1/jobs/{job.id}/outputs/0?attempt=1"
    assert kept["thumbnail_url"] == f"/v1/jobs/{job.id}/outputs/0/thumbnail?attempt=1"
    assert shown["outputs"] == []
    assert house.events().count("job.archived") == before, "it is not what the job stands for"


def test_whoever_needs_an_archived_output_opens_it_by_job_and_place(keeping: Keeping) -> None:
    job = keeping.house.job(keeping.ended())
    opened = open_output(keeping.house.w, job, 0)
    with opened.file as file:
        assert len(file.read()) == opened.kept.size
    assert opened.kept.media_type == "image/png"
    with pytest.raises(NotFound):
        open_output(keeping.house.w, job, 1)


def test_doctor_names_what_should_be_kept_by_now(keeping: Keeping) -> None:
    keeping.house.sandbox.faults(output_gone=1.0)
    job = keeping.ended()

    def found() -> list[str]:
        return [one.says for one in doctor.examine(keeping.house.w, {}) if one.what == "archive"]

    assert found() == []
    keeping.house.later(600)
    (says,) = found()
    assert f"1 of 1 of {job.id}/1" in says
    keeping.house.sandbox.faults()
    keeping.until_kept(job)
    assert found() == []


def test_a_thumbnail_has_320_pixels_at_most(keeping: Keeping) -> None:
    job = keeping.ended()
    with Image.open(io.BytesIO(keeping.files(job)["1-0.thumbnail.webp"])) as small:
        assert (small.format, max(small.size)) == ("WEBP", 320)
