"""Everybody hears, through the real processes: functions, tasks, HTTP, streams, listen."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runhook.webhook.edge.streams import EACH
from tests.conftest import IMAGE, eventually
from tests.journeys.conftest import Town, a_town
from tests.receiver import Receiver, Reply, a_receiver

HANDLERS = """
import time
from runhook import on

on("job.succeeded").to_celery("elsewhere.done", queue="shop")

@on("job.succeeded")
def hang(event):
    if event.job.metadata.get("hang"):
        time.sleep(6)
"""
ELSEWHERE = """
import os
from celery import Celery

app = Celery("elsewhere", broker=os.environ["SHOP_BROKER"])
app.conf.broker_connection_retry_on_startup = True

@app.task(name="elsewhere.done")
def done(event):
    with open(os.environ["SHOP_BOOK"], "a") as book:
        book.write(f"{event['id']} {event['type']} {event['data']['id']}\\n")
"""
PLUGIN = """
import os
from runhook import on

@on("job.succeeded")
def plugged(event):
    with open(os.environ["BOOK"], "a") as book:
        book.write(f"plugged {event.job.id}\\n")
"""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A town with a plugin, another app, and room for private addresses."""
    folder = tmp_path_factory.mktemp("town")
    (folder / "more_handlers.py").write_text(HANDLERS)
    (folder / "elsewhere.py").write_text(ELSEWHERE)
    (folder / "plugin.py").write_text(PLUGIN)
    info = folder / "plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[runhook.handlers]\nplugin = plugin\n")
    with a_town(
        folder,
        RUNHOOK_HANDLERS="town_handlers,more_handlers",
        RUNHOOK_ALLOW_PRIVATE_URLS="true",
        SHOP_BOOK=str(folder / "shop"),
    ) as found:
        yield found


def _call(town: Town, method: str, path: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} if data else {}
    request = urllib.request.Request(town.web + path, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read() or b"null")


def _submit(town: Town, **metadata: Any) -> str:
    body = {"model": IMAGE, "input": {"prompt": "a cat"}, "metadata": metadata}
    return str(town.post(body)["id"])


def test_a_subscriber_hears_what_verifies(town: Town, receiver: Receiver) -> None:
    made = _call(town, "POST", "/v1/subscriptions", {"url": receiver.url, "models": ["rhart*"]})
    job = _submit(town)
    town.ended(job)
    eventually(lambda: "job.succeeded" in receiver.types())
    for request in receiver.requests:
        request.verify(made["secret"])
    tested = _call(town, "POST", f"/v1/subscriptions/{made['id']}/test", {"type": "job.failed"})
    assert tested["delivered"] is True
    _call(town, "DELETE", f"/v1/subscriptions/{made['id']}")


def test_an_installed_package_is_told_by_its_entry_point(town: Town) -> None:
    job = _submit(town)
    eventually(lambda: f"plugged {job}" in town.told(), 30)


def test_a_task_of_another_app_gets_the_event_from_its_own_queue(town: Town) -> None:
    folder = Path(town.environ["HOME"])
    broker = town.environ["REDIS_URL"].replace("unix://", "redis+socket://")
    command = (sys.executable, "-m", "celery", "-A", "elsewhere", "worker", "-P", "solo")
    with (folder / "logs" / "elsewhere.log").open("ab") as log:
        other = subprocess.Popen(
            [*command, "-Q", "shop", "--without-gossip", "--without-mingle"],
            cwd=folder,
            env=town.environ | {"SHOP_BROKER": broker},
            stdout=log,
            stderr=log,
        )
    try:
        job = _submit(town)
        book = folder / "shop"
        eventually(lambda: book.exists() and job in book.read_text(), 30)
        lines = [line.split() for line in book.read_text().splitlines() if job in line]
        assert [line[1] for line in lines] == ["job.succeeded"]
        # Its worker may be done with it before ours has written down that its broker took it.
        path = f"/v1/deliveries?job={job}&handler=elsewhere.done"
        eventually(lambda: [one["state"] for one in town.get(path)["items"]] == ["done"])
    finally:
        other.terminate()
        other.wait(20)


def test_who_hangs_takes_nobody_along(town: Town, receiver: Receiver) -> None:
    with a_receiver() as stuck:
        stuck.answers(Reply(wait=60))
        subscriptions = [
            _call(town, "POST", "/v1/subscriptions", {"url": url, "events": ["job.succeeded"]})
            for url in (stuck.url, receiver.url)
        ]
        jobs = [_submit(town, hang=True) for _ in range(4)]
        start = time.monotonic()
        eventually(lambda: len(receiver.types()) == 4, 12)
        eventually(lambda: all(f"plugged {job}" in town.told() for job in jobs), 12)
        assert time.monotonic() - start < 14
        assert len(stuck.requests) <= 2, "one subscriber holds at most two threads"
        for made in subscriptions:
            _call(town, "DELETE", f"/v1/subscriptions/{made['id']}")


def test_streams_beyond_the_usual_threads_do_not_hang_the_site(town: Town) -> None:
    heard: list[str] = []

    def listen() -> None:
        with urllib.request.urlopen(f"{town.web}/v1/events/stream", timeout=30) as answer:
            for line in answer:
                if line.startswith(b"event: job.succeeded"):
                    heard.append("yes")
                    return

    listeners = [threading.Thread(target=listen, daemon=True) for _ in range(12)]
    for listener in listeners:
        listener.start()
    time.sleep(1)
    job = _submit(town)
    town.ended(job)
    eventually(lambda: len(heard) == 12)
    for _ in range(40):
        with urllib.request.urlopen(f"{town.web}/v1/jobs/{job}/stream", timeout=10) as answer:
            assert b"event: job.succeeded" in answer.read()


def test_a_stream_that_was_hung_up_makes_room_within_its_heartbeat(town: Town) -> None:
    def opened() -> bool:
        try:
            with urllib.request.urlopen(f"{town.web}/v1/events/stream", timeout=10) as answer:
                return bool(answer.readline())
        except urllib.error.HTTPError:
            return False

    for _ in range(EACH + 4):
        opened()
    eventually(opened)
    assert town.get("/healthz") == {"status": "ok"}


def test_listen_replays_and_follows_to_a_local_server_signed(
    town: Town, receiver: Receiver
) -> None:
    before = _submit(town)
    town.ended(before)
    command = [sys.executable, "-m", "runhook.worker.cli", "listen", "--since", "1h"]
    command += ["--forward", receiver.url, "--type", "job.succeeded"]
    listening = subprocess.Popen(
        command,
        env=town.environ,
        cwd=town.environ["HOME"],
        stderr=subprocess.PIPE,
        text=True,
        # What a shell starts in the background ignores SIGINT, and so would what it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        assert listening.stderr
        secret = listening.stderr.readline().split()[-1]
        eventually(lambda: before in [request.event["subject"] for request in receiver.requests])
        after = _submit(town)
        eventually(lambda: receiver.requests[-1].event["subject"] == after, 20)
        receiver.requests[-1].verify(secret)
        assert set(receiver.types()) == {"job.succeeded"}
    finally:
        listening.send_signal(signal.SIGINT)
        assert listening.wait(20) == 0


def test_a_handler_module_that_cannot_be_imported_stops_the_process_with_its_name(
    town: Town,
) -> None:
    environ = town.environ | {"RUNHOOK_HANDLERS": "town_handlers,no_such_module"}
    app = ["-A", "runhook.worker.tasks"]
    command = [sys.executable, "-m", "celery", *app, "worker", "-Q", "handlers"]
    found = subprocess.run(
        command, env=environ, cwd=town.environ["HOME"], capture_output=True, text=True, timeout=60
    )
    assert found.returncode != 0
    assert "RUNHOOK_HANDLERS: cannot import no_such_module" in found.stderr


@pytest.mark.kills
def test_a_subscriber_is_told_though_the_worker_dies_in_the_act(
    town: Town, receiver: Receiver
) -> None:
    receiver.answers(Reply(wait=3), 200)
    body = {"url": receiver.url, "events": ["job.succeeded"]}
    made = _call(town, "POST", "/v1/subscriptions", body)
    _submit(town)
    eventually(lambda: len(receiver.requests) == 1, 20)
    town.kill("worker")
    eventually(lambda: len(receiver.requests) >= 2, 80)
    ids = {request.headers["webhook-id"] for request in receiver.requests}
    assert len(ids) == 1
    eventually(
        lambda: (
            [one["state"] for one in town.get(f"/v1/deliveries?handler={made['id']}")["items"]]
            == ["done"]
        )
    )


@pytest.mark.kills
def test_a_stream_goes_on_when_redis_was_away(town: Town) -> None:
    heard: list[str] = []

    def listen() -> None:
        with urllib.request.urlopen(f"{town.web}/v1/events/stream", timeout=60) as answer:
            heard.append("open")
            heard.extend(line.decode().split()[1] for line in answer if line.startswith(b"event: "))

    threading.Thread(target=listen, daemon=True).start()
    eventually(lambda: heard == ["open"])
    running = town.server.process_id
    assert running
    os.kill(running, signal.SIGKILL)
    time.sleep(2)
    town.server.start()
    eventually(lambda: town.get("/readyz").get("status") == "ready", 30)
    job = _submit(town)
    town.ended(job)
    eventually(lambda: "job.succeeded" in heard, 20, lambda: heard)
