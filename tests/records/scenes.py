"""A life of every kind, so that every kind of record is written."""

import io
from typing import Any

from runhook.worker.delivery import subscriptions
from runhook.worker.domain.handlers import Handler
from runhook.worker.domain.jobs import Job
from runhook.worker.domain.reports import App, AppField, Uploaded
from runhook.worker.domain.views import job_view
from runhook.worker.flows import create, resolve
from runhook.worker.flows.cancel import cancel
from runhook.worker.flows.create import JobRequest
from runhook.worker.flows.pump import published
from tests.conftest import IMAGE, House, eventually

VIDEO = "vidu/text-to-video-q3-turbo"
NOWHERE = "http://127.0.0.1:9/hook"  # nobody listens there, so its deliveries die


def play(house: House) -> dict[str, Any]:
    """Jobs in every state, with deliveries, subscriptions and files; each as it is shown."""
    listeners(house)
    files(house)
    ended = [ends(house), fails(house), cancelled(house), retried(house), fell_back(house)]
    ended.append(unconfirmed(house))
    standing = [running(house), called_back(house), *waiting(house), queued(house)]
    jobs = [house.job(job) for job in (*ended, *standing)]
    return {job.id: job_view(job) for job in jobs}


def listeners(house: House) -> None:
    """A Python handler that hears, a subscriber that does not, one of two secrets, one disabled."""
    house.w.handlers.add(
        Handler(name="shop", types=("job.succeeded",), model=None, target=lambda event: None)
    )
    house.w.store.processes.publish_handlers(published(house.w))
    for path in ("", "/rotated", "/disabled"):
        given = {"url": NOWHERE + path, "events": ["job.succeeded"], "models": ["rhart-*"]}
        wanted = subscriptions.read_new(house.w, given)
        made, _ = subscriptions.create(house.w, wanted)
        if path == "/rotated":
            subscriptions.rotate(house.w, made.id)
        elif path == "/disabled":
            off = subscriptions.read_patch(house.w, {"enabled": False})
            subscriptions.change(house.w, made.id, off)


def files(house: House) -> None:
    """An asset that RunningHub has, and an app whose fields it told."""
    asset = create.keep(house.w, "note.txt", io.BytesIO(b"a note"))
    kept = house.w.store.assets
    kept.was_uploaded(asset.id, "model", Uploaded("note.txt", "https://example.com/note.txt"))
    field = AppField(key="6.text", node_name="Prompt", type="STRING", default="a cat")
    kept.app_is("1900000000000000001", App("Cats", (field,)))


def ends(house: House) -> Job:
    """One that succeeds, asked for with a key."""
    asked = JobRequest(
        model=IMAGE, input={"prompt": "a cat"}, options={}, metadata={"order": 7}, priority=9
    )
    job = create.request(house.w, asked, key="order-7")[1]
    return house.until(job, "succeeded")


def fails(house: House) -> Job:
    """One that RunningHub fails."""
    house.sandbox.faults({"fault": "failed"})
    job = house.until(house.ask(VIDEO), "failed")
    house.sandbox.faults()
    return job


def cancelled(house: House) -> Job:
    """One cancelled before it left, with a password that lies here sealed."""
    house.w.store.queue.pause(True)
    options = {"accessPassword": "open sesame", "expires_in": 3600}
    job = house.ask("workflow/1900000000000000002", input={"6.text": "a cat"}, options=options)
    cancel(house.w, job.id)
    house.w.store.queue.pause(False)
    house.settle()
    return job


def retried(house: House) -> Job:
    """One with two attempts."""
    house.sandbox.faults({"fault": "failed"})
    job = house.until(house.ask(), "failed")
    house.sandbox.faults()
    resolve.retry(house.w, job.id)
    return house.until(job, "succeeded")


def fell_back(house: House) -> Job:
    """One that went on with another model."""
    house.sandbox.faults({"fault": "failed", "model": IMAGE})
    job = house.ask(options={"fallback": ["rhart-image-n-pro-official/text-to-image"]})
    job = house.until(job, "succeeded")
    house.sandbox.faults()
    return job


def unconfirmed(house: House) -> Job:
    """One whose answer is missing."""
    house.sandbox.faults({"fault": "answer_lost_unaccepted"})
    job = house.until(house.ask(), "unconfirmed")
    house.sandbox.faults()
    house.later(10)
    return job


def running(house: House) -> Job:
    """One that RunningHub is still at."""
    house.sandbox.faults({"fault": "slow", "value": 600})
    job = house.until(house.ask(), "running")
    house.sandbox.faults()
    return job


def called_back(house: House) -> Job:
    """One whose callback lies here and was not taken in."""
    house.lost = ["intake"]
    job = house.until(house.ask(), "running")
    eventually(lambda: house.raw.exists(f"runhook:raw:{job.id}/1"))
    return job


def waiting(house: House) -> tuple[Job, Job]:
    """A group of two, one of which waits for what the other is still to make."""
    picture = house.ask(group="two", group_size=2)
    given = {"prompt": "it moves", "imageUrl": f"output:{picture.id}/0"}
    return picture, house.ask("vidu/image-to-video-q2-pro", input=given, group="two")


def queued(house: House) -> Job:
    """One that waits for its turn, its wake-up in the queue."""
    return house.ask(VIDEO, metadata={"last": True})
