"""A secret that comes back from outside is kept nowhere and shown to nobody."""

import base64
import json
import urllib.request
from typing import Any
from urllib.parse import quote

import pytest

from runhook import Event, Retry, Stop
from runhook.worker.delivery import subscriptions
from runhook.worker.domain.handlers import Handler, Registry
from runhook.worker.domain.jobs import Job
from runhook.worker.flows.pump import published
from runhook.worker.store import notes
from tests.conftest import SECRET, Build, House
from tests.flows.test_poison import event, running, send_callback
from tests.receiver import Receiver, Reply

KEY = 'canary/key+of "an" account'.replace(" ", "_")
TOKEN = "canary-token-of-a-caller-5d20"
SPELLINGS = [
    KEY,
    TOKEN,
    SECRET,
    quote(KEY, safe=""),
    json.dumps(KEY)[1:-1],
    base64.b64encode(f"user:{KEY}:end".encode()).decode(),
    base64.b64encode(f"Bearer {KEY}".encode()).decode(),
    base64.urlsafe_b64encode(f"a{KEY}".encode()).decode(),
]
SETTINGS = {
    "RUNNINGHUB_API_KEY": KEY,
    "RUNHOOK_API_TOKENS": f"shop:{TOKEN}",
    "RUNHOOK_ALLOW_PRIVATE_URLS": "true",
    "RUNHOOK_RETRY_SCHEDULE": "0,1000",
}
ECHO = " | ".join(SPELLINGS)
CORES = [
    *SPELLINGS[:5],
    *(base64.b64encode(KEY.encode()[n:]).decode()[4:20] for n in range(3)),
]


def everything(raw: Any) -> str:
    """All that Redis holds."""
    found: list[Any] = []
    for key in raw.scan_iter():
        kind = raw.type(key).decode()
        found.append(key)
        if kind == "string":
            found.append(raw.get(key))
        elif kind == "hash":
            found.append(raw.hgetall(key))
        elif kind == "list":
            lines = raw.lrange(key, 0, -1)
            found += (lines, [notes.opened(line.partition(b" ")[2]) for line in lines])
        elif kind == "zset":
            found.append(raw.zrange(key, 0, -1))
        elif kind == "set":
            found.append(raw.smembers(key))
        else:
            found.append(raw.xrange(key))
    return repr(found).replace("\\\\", "\\")


def answers(house: House, *paths: str) -> str:
    """What /v1 says."""
    said = ""
    for path in paths:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        request = urllib.request.Request(house.web + path, headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            said += answer.read().decode()
    return said


def nothing_told(house: House, job: Job, capfd: pytest.CaptureFixture[str]) -> None:
    """No secret is in Redis, the answers or the log, and what came beside it is."""
    paths = [f"/v1/jobs/{job.id}", f"/v1/jobs/{job.id}/timeline", f"/v1/deliveries?job={job.id}"]
    said = answers(house, *paths)
    assert "***" in said
    for text in (everything(house.raw), said, "".join(capfd.readouterr())):
        assert [core for core in CORES if core in text] == []


@pytest.mark.parametrize("status", [200, 400, 500])
def test_an_answer_of_runninghub_that_echoes_every_secret(
    build: Build, receiver: Receiver, status: int, capfd: pytest.CaptureFixture[str]
) -> None:
    said = {"errorCode": "1505", "errorMessage": ECHO, "code": 1505, "msg": ECHO, ECHO: ECHO}
    receiver.answers(Reply(status, {"X-Echo": "a"}, json.dumps(said).encode()))
    house = build(RUNNINGHUB_BASE_URL=receiver.url.rstrip("/"), **SETTINGS)
    job = house.ask()
    house.settle()
    assert receiver.requests
    nothing_told(house, job, capfd)


def test_a_callback_that_brings_every_secret_in_every_member(
    build: Build, capfd: pytest.CaptureFixture[str]
) -> None:
    house = build(**SETTINGS)
    job = running(house)
    url = house.callback_url(job)
    body = event(
        job,
        status="FAILED",
        errorCode="1000",
        errorMessage=f"{url} {quote(url, safe='')} {ECHO}",
        failedReason={"node_name": ECHO, "exception_message": url + ECHO, "traceback": [ECHO]},
        usage={"consumeMoney": ECHO, "taskCostTime": KEY},
        results=[{"url": f"https://a.example/{quote(KEY, safe='')}", "text": ECHO}],
    )
    send_callback(house, job, body)
    kept = everything(house.raw)
    assert KEY not in kept
    assert SECRET not in kept
    house.settle()
    assert house.job(job).state == "failed"
    assert url.rpartition("/")[2] not in everything(house.raw)
    nothing_told(house, job, capfd)


def test_a_callback_that_nobody_can_read_and_brings_every_secret(
    build: Build, capfd: pytest.CaptureFixture[str]
) -> None:
    house = build(**SETTINGS)
    job = running(house)
    send_callback(house, job, f"not JSON: {ECHO}".encode() + b"\xff")
    house.settle()
    nothing_told(house, job, capfd)


def test_a_subscriber_that_answers_with_every_secret_and_its_own(
    build: Build, receiver: Receiver, capfd: pytest.CaptureFixture[str]
) -> None:
    house = build(**SETTINGS)
    wish = subscriptions.read_new(house.w, {"url": receiver.url})
    _, own = subscriptions.create(house.w, wish)
    receiver.answers(Reply(500, body=f"{own} {ECHO}"[:480].encode()))
    job = house.until(house.ask(), "succeeded")
    assert receiver.requests
    nothing_told(house, job, capfd)
    assert own not in everything(house.raw)


@pytest.mark.parametrize("kind", [ValueError, Retry, Stop])
def test_a_handler_that_raises_with_every_secret(
    build: Build, kind: type[Exception], capfd: pytest.CaptureFixture[str]
) -> None:
    def leaks(event: Event) -> None:
        raise kind(ECHO)

    registry = Registry()
    registry.add(Handler(name="leaks", types=("job.succeeded",), model=None, target=leaks))
    house = build(registry, **SETTINGS)
    house.w.store.processes.publish_handlers(published(house.w))
    job = house.until(house.ask(), "succeeded")
    nothing_told(house, job, capfd)
