"""When Redis is away: callbacks get 503 in time, and the API says that nothing was made."""

import math
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runhook.config.settings import Settings
from runhook.webhook.edge.problems import away
from runhook.webhook.pages.errors import AWAY, AWAY_SENT
from runhook.worker.store.embedded import EmbeddedServer
from runhook.worker.wiring import Wiring, assemble
from tests.conftest import IMAGE, SECRET, web_app


@pytest.fixture
def own(tmp_path: Path) -> Iterator[tuple[EmbeddedServer, Wiring]]:
    """A server that a test may hurt."""
    server = EmbeddedServer(tmp_path, Path("/tmp") / f"runhook-own-{tmp_path.stat().st_ino}.s")
    server.start()
    settings = Settings.load(
        "web",
        REDIS_URL=server.url,
        RUNNINGHUB_BASE_URL="http://127.0.0.1:1",
        RUNHOOK_SECRET=SECRET,
        RUNHOOK_PUBLIC_URL="http://127.0.0.1:1",
    )
    yield server, assemble(settings, patience="door")
    server.stop()


def test_a_callback_gets_503_while_redis_is_stopped(own: tuple[EmbeddedServer, Wiring]) -> None:
    server, w = own
    client = web_app(w).test_client()
    url = w.callback_url("job_1", 1)
    assert url
    path = url.removeprefix("http://127.0.0.1:1")
    assert client.post(path, data=b"{}").status_code == 200
    server.stop()
    answer = client.post(path, data=b"{}")
    assert answer.status_code == 503
    assert (
        client.post("/v1/jobs", json={"model": IMAGE, "input": {"prompt": "a"}}).status_code == 503
    )
    assert client.get("/v1/jobs").get_json()["maybe_done"] is False, "it only reads"
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").status_code == 200


def test_the_log_says_once_that_redis_is_away_and_not_for_each_who_asks(
    own: tuple[EmbeddedServer, Wiring], capfd: pytest.CaptureFixture[str]
) -> None:
    server, w = own
    client = web_app(w).test_client()
    server.stop()
    away._until = -math.inf  # whatever other tests had it say
    asked = [client.get(path).status_code for path in ("/v1/jobs", "/readyz", "/v1/queue")]
    assert asked == [503, 503, 503]
    assert capfd.readouterr().err.count("redis.away") == 1


def test_people_are_told_what_to_do_at_their_page(own: tuple[EmbeddedServer, Wiring]) -> None:
    server, w = own
    client = web_app(w).test_client()
    browser = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
    word = re.search(r'csrf-token" content="(\w+)"', client.get("/", headers=browser).text)
    assert word
    server.stop()
    looked = client.get("/jobs", headers=browser)
    assert looked.status_code == 503
    assert AWAY in looked.text
    form = {"csrf_token": word[1], "paused": "1"}
    sent = client.post("/system/pause", data=form, headers=browser)
    assert sent.status_code == 503
    assert AWAY_SENT in sent.text
    assert "Idempotency-Key" not in looked.text + sent.text


def test_a_hanging_redis_is_given_up_within_three_seconds(
    own: tuple[EmbeddedServer, Wiring],
) -> None:
    server, w = own
    client = web_app(w).test_client()
    url = w.callback_url("job_1", 1)
    assert url
    path = url.removeprefix("http://127.0.0.1:1")
    client.post(path, data=b"{}")
    assert server.process_id
    os.kill(server.process_id, signal.SIGSTOP)
    try:
        start = time.monotonic()
        assert client.post(path, data=b"{}").status_code == 503
        assert time.monotonic() - start < 3, "the contract's bound, not a measure of speed"
    finally:
        os.kill(server.process_id, signal.SIGCONT)


def test_the_embedded_server_has_its_data_again_after_a_kill(tmp_path: Path) -> None:
    socket = Path("/tmp") / f"runhook-kill-{tmp_path.stat().st_ino}.s"
    server = EmbeddedServer(tmp_path, socket)
    server.start()
    settings = Settings.load("web", REDIS_URL=server.url, RUNHOOK_SECRET=SECRET)
    assemble(settings).store.duties.wake("fanout", "kept", after=60)
    time.sleep(1.2)  # appendfsync everysec
    assert server.process_id
    os.kill(server.process_id, signal.SIGKILL)
    again = EmbeddedServer(tmp_path, socket)
    again.start()
    client = assemble(settings).store.client
    assert client.zscore("runhook:due:fanout", "kept")
    again.stop()
    server.stop()
