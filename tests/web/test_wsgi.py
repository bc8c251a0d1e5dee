"""`runhook.webhook.wsgi:app`: the same under another WSGI server than ours."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from runhook.worker.cli.processes import free_port
from runhook.worker.secrets.signing import callback_url
from tests.conftest import IMAGE, SECRET, House, eventually

# The standard library's server, in a process of its own as gunicorn would have it.
SERVE = """
import sys
from wsgiref.simple_server import make_server
from runhook.webhook.wsgi import app
make_server("127.0.0.1", int(sys.argv[1]), app).serve_forever()
"""


@contextmanager
def _served(port: int, folder: Path, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "RUNHOOK_SECRET": SECRET}
    command = [sys.executable, "-c", SERVE, str(port)]
    with (folder / "served.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environ | settings, stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _call(url: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    """The status and JSON of an answer; with a body it is a POST."""
    headers["Content-Type"] = "application/json"
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers)) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)


def test_another_wsgi_server_takes_jobs_and_callbacks(house: House, tmp_path: Path) -> None:
    port = free_port()
    url, redis_url = f"http://127.0.0.1:{port}", house.w.settings.redis_url
    job = {"model": IMAGE, "input": {"prompt": "a cat"}}

    def answers() -> bool:
        try:
            return _call(f"{url}/healthz")[0] == 200
        except OSError:
            return False

    with _served(port, tmp_path, REDIS_URL=redis_url):
        eventually(answers, 30, (tmp_path / "served.log").read_text)
        status, made = _call(f"{url}/v1/jobs", job)
        assert (status, _call(f"{url}/v1/jobs/{made['id']}")[1]["id"]) == (202, made["id"])
        assert _call(f"{url}/v1/jobs", job | {"modle": 1})[0] == 422
        signed = callback_url(url, (SECRET,), made["id"], 1)
        assert _call(signed, {"event": "TASK_END"}) == (200, {"received": True})
        assert _call(f"{signed}x", {"event": "TASK_END"})[0] == 404
        assert _call(f"{url}/v1/jobs", **{"X-Forwarded-For": "203.0.113.7"})[0] == 401


def test_a_wrong_setting_stops_it_in_one_line(tmp_path: Path) -> None:
    with _served(free_port(), tmp_path) as process:
        assert process.wait(60) == 4, "by which gunicorn knows not to start it again"
    (line,) = (tmp_path / "served.log").read_text().splitlines()
    assert line.startswith("runhook: REDIS_URL is missing")
