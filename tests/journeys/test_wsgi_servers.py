"""`runhook.webhook.wsgi:app` under gunicorn, uWSGI and waitress: the same promises under each.

What they differ in stands in docs/servers.md.
"""

import hashlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from runhook.worker.cli.processes import COMMANDS
from runhook.worker.secrets.signing import callback_url
from tests.agents import over_http, session
from tests.conftest import IMAGE, eventually
from tests.journeys.conftest import Town, a_town
from tests.receiver import Receiver, Reply

pytestmark = pytest.mark.programs
BIN = Path(sys.executable).parent
APP = "runhook.webhook.wsgi:app"
# As docs/servers.md says to start each.
SERVERS = {
    "gunicorn": f"gunicorn --bind 127.0.0.1:$PORT --threads 16 --graceful-timeout 20 {APP}",
    "uwsgi": "uwsgi --http-socket 127.0.0.1:$PORT --master --need-app --lazy-apps "
    "--hook-master-start 'unix_signal:15 gracefully_kill_them_all' --worker-reload-mercy 20 "
    f"--enable-threads --threads 16 --add-header 'Connection: close' --module {APP}",
    "waitress": f"waitress-serve --listen 127.0.0.1:$PORT --threads 16 {APP}",
}
# What has each stop gracefully: Python's own SIGINT, where a server does not hear SIGTERM.
STOPS = {"gunicorn": signal.SIGTERM, "uwsgi": signal.SIGTERM, "waitress": signal.SIGINT}
LARGEST = 4 * 1024 * 1024  # bytes of a callback
# Who starts a program in the background has it ignore SIGINT, and its children too.
HEARING = (
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "os.execvp(sys.argv[1], sys.argv[1:])"
)
TRIES = 5  # of a request whose server hangs up before its answer is read
JOB = {"model": IMAGE, "input": {"prompt": "a cat"}}


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> str:
    """Under which one."""
    return str(request.param)


@pytest.fixture(scope="module")
def town(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """All processes, with web under another server."""
    web = (sys.executable, "-c", HEARING, "sh", "-c", f"exec {BIN}/{SERVERS[server]}")
    folder = tmp_path_factory.mktemp(server)
    with a_town(folder, COMMANDS | {"web": web}, RUNHOOK_ALLOW_PRIVATE_URLS="true") as found:
        yield found


def _sent(town: Town, path: str, body: Any, kind: str = "application/json") -> tuple[int, bytes]:
    """Status and body of the answer; a body of several pieces goes in chunks."""
    pieces = body if isinstance(body, bytes) else list(body)
    for _ in range(TRIES):
        try:
            return _sent_once(town, path, pieces, kind)
        except ConnectionError as error:
            hung_up = error  # on who goes on sending what it refuses, which drops the answer
    raise hung_up


def _sent_once(town: Town, path: str, body: Any, kind: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(town.web.removeprefix("http://"), timeout=30)
    try:
        chunks, whole = not isinstance(body, bytes), body
        if chunks:
            whole = iter(body)
        with suppress(ConnectionError):  # who refuses early closes; its answer is there to read
            connection.request("POST", path, whole, {"Content-Type": kind}, encode_chunked=chunks)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_a_job_is_submitted_and_its_callback_ends_it(town: Town) -> None:
    job = town.ended(town.post(JOB)["id"])
    assert (job["state"], job["settled_by"]) == ("succeeded", "callback")
    assert eventually(lambda: [line for line in town.told() if job["id"] in line])


def test_a_stream_brings_each_change_as_it_happens_until_the_job_ends(town: Town) -> None:
    town.sandbox.faults({"fault": "slow", "value": 20})
    job = town.post(JOB)["id"]
    with urllib.request.urlopen(f"{town.web}/v1/jobs/{job}/stream", timeout=40) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        first = stream.readline()
        assert town.get(f"/v1/jobs/{job}")["ended_at"] is None, "it came before the end"
        town.sandbox.faults()
        rest = stream.read().decode()
    assert first
    assert "event: job.succeeded" in rest


def test_a_kept_file_is_given_out_whole_and_in_part(town: Town) -> None:
    job = town.post(JOB)["id"]

    def kept() -> Any:
        outputs = town.get(f"/v1/jobs/{job}").get("outputs")
        return outputs and outputs[0]["archived_url"]

    url = eventually(kept, 40)
    with urllib.request.urlopen(url, timeout=10) as whole:
        body = whole.read()
        assert whole.headers["ETag"] == f'"{hashlib.sha256(body).hexdigest()}"'
    part = urllib.request.Request(url, headers={"Range": "bytes=10-19"})
    with urllib.request.urlopen(part, timeout=10) as answer:
        assert (answer.status, answer.read()) == (206, body[10:20])
        assert answer.headers["Content-Range"] == f"bytes 10-19/{len(body)}"
    with pytest.raises(urllib.error.HTTPError, match="416"):
        urllib.request.urlopen(
            urllib.request.Request(url, headers={"Range": "bytes=999999999-"}), timeout=10
        )


def test_an_agent_submits_and_waits(town: Town, server: str) -> None:
    async def talk() -> Any:
        async with over_http(town.web, None) as agent:
            asked = JOB | {"idempotency_key": f"agent-{server}", "max_price": "1.00"}
            made = await agent.ask("submit_job", **asked)
            while not made["ended"]:
                made = await agent.ask("wait_for_job", job=made["job"]["id"])
            return made

    waited = session(talk)
    assert (waited["ended"], waited["job"]["state"]) == (True, "succeeded")


def test_a_callback_over_4_mib_is_refused_and_one_of_4_mib_is_taken(town: Town) -> None:
    signed = callback_url("", town.w.settings.secrets, town.post(JOB)["id"], 1)
    assert _sent(town, signed, b" " * LARGEST)[0] == 200
    job = signed.split("/")[2]
    # Some hang up on who goes on sending what they refuse, and its system drops the answer then.
    with suppress(ConnectionError):
        assert _sent(town, signed, b" " * (LARGEST + 1))[0] == 413
    entries = town.get(f"/v1/jobs/{job}/timeline")["items"]
    assert "callback too large" in {entry["what"] for entry in entries}
    assert _sent(town, f"{signed}x", b"{}")[0] == 404


def test_a_body_in_chunks_is_taken_whole_or_refused_and_never_taken_for_empty(
    town: Town, server: str
) -> None:
    takes = server != "uwsgi"
    before = town.post(JOB)["id"]
    pieces = [json.dumps(JOB).encode()[:20], json.dumps(JOB).encode()[20:]]
    status, body = _sent(town, "/v1/jobs", iter(pieces))
    assert status == (202 if takes else 411)
    if not takes:
        assert "Content-Length" in json.loads(body)["detail"]
        assert town.get("/v1/jobs?limit=1")["items"][0]["id"] == before
    line = json.dumps(JOB).encode() + b"\n"
    batched, answers = _sent(town, "/v1/jobs/batch", iter([line, line]), "application/x-ndjson")
    assert (batched, len(answers.splitlines())) == ((200, 2) if takes else (411, 1))
    retried, _ = _sent(town, f"/v1/jobs/{before}/retry", iter([b'{"dry_', b'run": true}']))
    assert retried == (422 if takes else 411), "what it says is not left out"
    signed = callback_url("", town.w.settings.secrets, before, 1)
    assert _sent(town, signed, iter([b"{", b"}"]))[0] == 200


def test_a_stop_lets_requests_under_way_end_and_streams_hold_nothing_up(
    town: Town, server: str, receiver: Receiver
) -> None:
    made = json.loads(
        _sent(town, "/v1/subscriptions", json.dumps({"url": receiver.url}).encode())[1]
    )
    receiver.replies = [Reply(wait=2.0)]
    answers: list[tuple[int, bytes]] = []

    def ask() -> None:
        answers.append(_sent(town, f"/v1/subscriptions/{made['id']}/test", b"{}"))

    asking = threading.Thread(target=ask)
    asking.start()
    eventually(lambda: "job.succeeded" in receiver.types())
    web = town.fleet._members["web"].process
    os.kill(web.pid, STOPS[server])
    asking.join(30)
    # An interrupt is lost where it comes while waitress catches everything; it is sent again then.
    for _ in range(TRIES):
        with suppress(subprocess.TimeoutExpired):
            assert web.wait(10) == 0
            break
        os.kill(web.pid, STOPS[server])
    assert web.poll() == 0
    ((status, body),) = answers
    assert (status, json.loads(body)["delivered"]) == (200, True)
