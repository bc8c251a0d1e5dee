"""Programs that know nothing but the document: a public tester, and a generated client."""

import logging
import math
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from runhook.webhook.edge.refusals import Refusals
from tests.conftest import IMAGE, Build

pytestmark = pytest.mark.programs
HERE = Path(__file__).parent
TOKEN = "token-Of-the-office-90e2"
EXAMPLES = 5  # of each call and kind; more find more and take longer
BIN = Path(sys.executable).parent


@pytest.fixture
def web(build: Build) -> Iterator[str]:
    """A running web that bears any number of wrong tokens."""
    app = build(RUNHOOK_API_TOKENS=f"office:{TOKEN}", RUNHOOK_RATE_LIMIT=0).app
    app.extensions["runhook.wrong_tokens"] = Refusals("token.refused", "wrong", limit=math.inf)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.mark.timeout(600)
def test_schemathesis_finds_nothing_with_all_its_checks(web: str, tmp_path: Path) -> None:
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    command = [
        str(BIN / "schemathesis"),
        "--config-file",
        str(HERE / "schemathesis.toml"),
        "run",
        f"{web}/openapi.json",
        *("-H", f"Authorization: Bearer {TOKEN}"),
        *("--checks", "all", "--max-examples", str(EXAMPLES), "--seed", "1"),
        *("--phases", "examples,coverage,fuzzing"),
        # They go on for ever, by design.
        *("--exclude-path-regex", "/stream$"),
    ]
    hooks = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.web.schemathesis_hooks"}
    hooks["PYTHONPATH"] = str(HERE.parents[1])
    found = subprocess.run(command, cwd=tmp_path, env=hooks, capture_output=True, text=True)
    print(found.stdout)
    assert found.returncode == 0, found.stdout[-8000:]


@pytest.mark.timeout(300)
def test_a_generated_client_asks_for_a_job_and_reads_it(web: str, tmp_path: Path) -> None:
    document = tmp_path / "openapi.json"
    asked = document_of(web)
    document.write_bytes(asked)
    made = subprocess.run(
        [str(BIN / "openapi-python-client"), "generate", "--path", str(document), "--meta", "none"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
    )
    assert made.returncode == 0, made.stdout + made.stderr
    used = subprocess.run(
        [sys.executable, "-c", USE, web, TOKEN, IMAGE],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert used.returncode == 0, used.stderr
    assert used.stdout.split() == ["queued", "cancelled", IMAGE, "invalid-request"]


def document_of(web: str) -> bytes:
    """The document as it is served."""
    import requests

    answer = requests.get(
        f"{web}/openapi.json", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10
    )
    assert answer.status_code == 200
    found: Any = answer.content
    return bytes(found)


# What a user of the generated client writes.
USE = """
import sys
from runhook_client import AuthenticatedClient
from runhook_client.api.jobs import cancel_job, get_job, post_job
from runhook_client.api.models import get_model
from runhook_client.models import Cancel, JobRequest

web, token, model = sys.argv[1:]
client = AuthenticatedClient(base_url=web, token=token)
asked = JobRequest.from_dict({"model": model, "input": {"prompt": "a harbour"}})
job = post_job.sync(client=client, body=asked)
print(get_job.sync(job.id, client=client).state)
print(cancel_job.sync(job.id, client=client, body=Cancel()).state)
print(get_model.sync(model, client=client).endpoint)
refused = post_job.sync(client=client, body=JobRequest(model="no/such-model"))
print(refused.type_.rpartition("/")[2])
"""
