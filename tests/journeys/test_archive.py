"""Outputs through the real processes: kept under kills and faults, given out by the real web."""

import hashlib
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from runhook.worker.cli.processes import COMMANDS, free_port
from tests.conftest import IMAGE, eventually
from tests.journeys.conftest import Town, a_town

MIB = 1024 * 1024


def _asked(town: Town, path: str, method: str = "GET", **headers: str) -> Any:
    """Status, headers and body of an answer."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(town.web + path, headers=names, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def _archived(town: Town, job_id: str, seconds: float = 60) -> Any:
    """The job once all of its outputs are kept."""

    def there() -> Any:
        job = town.get(f"/v1/jobs/{job_id}")
        outputs = job.get("outputs") or [{"archived_url": None}]
        return job if all(output["archived_url"] for output in outputs) else None

    return eventually(there, seconds, lambda: town.get(f"/v1/jobs/{job_id}/timeline"))


def _post(town: Town, prompt: str) -> str:
    job_id: str = town.post({"model": IMAGE, "input": {"prompt": prompt}})["id"]
    return job_id


def test_a_large_output_is_given_out_in_pieces_and_parts(town: Town) -> None:
    town.sandbox.faults({"fault": "output_padded", "value": 20 * MIB})
    (output,) = _archived(town, _post(town, "large"))["outputs"]
    path = output["archived_url"].removeprefix(town.web)
    status, headers, body = _asked(town, path)
    assert (status, len(body)) == (200, int(headers["Content-Length"]))
    assert len(body) > 20 * MIB
    assert headers["ETag"] == f'"{hashlib.sha256(body).hexdigest()}"'
    assert headers["Transfer-Encoding"] is None
    status, headers, part = _asked(town, path, Range="bytes=100-5000100")
    assert (status, part) == (206, body[100:5_000_101])
    assert headers["Content-Range"] == f"bytes 100-5000100/{len(body)}"
    status, headers, nothing = _asked(town, path, "HEAD")
    assert (status, nothing, headers["Content-Length"]) == (200, b"", str(len(body)))
    assert _asked(town, path, If_None_Match=headers["ETag"])[0] == 304
    assert _asked(town, path, Range="bytes=999999999-")[0] == 416
    status, headers, small = _asked(town, path + "/thumbnail")
    assert (status, headers["Content-Type"], small[8:12]) == (200, "image/webp", b"WEBP")
    assert _asked(town, path + "/thumbnail", "HEAD")[1]["Content-Length"] == str(len(small))


def test_the_command_line_says_where_the_copy_is(town: Town) -> None:
    town.sandbox.faults()
    job = _archived(town, _post(town, "shown"))
    (url,) = [output["archived_url"] for output in job["outputs"]]
    for command in ("job", "watch"):
        said = subprocess.run(
            (sys.executable, "-m", "runhook.worker.cli", command, job["id"]),
            env=town.environ,
            cwd=town.book.parent,
            capture_output=True,
            timeout=60,
        )
        assert said.returncode == 0, said.stderr
        assert url in said.stdout.decode()


def test_who_hangs_up_in_the_middle_keeps_no_place(town: Town) -> None:
    town.sandbox.faults({"fault": "output_padded", "value": 20 * MIB})
    (output,) = _archived(town, _post(town, "large too"))["outputs"]
    for _ in range(40):
        answer = urllib.request.urlopen(output["archived_url"], timeout=10)
        answer.read(1000)
        answer.close()

    def given() -> bool:
        return bool(_asked(town, output["archived_url"].removeprefix(town.web))[0] == 200)

    eventually(given)


@pytest.mark.kills
def test_outputs_are_all_kept_under_faults_and_kills_and_told_of_once(tmp_path: Path) -> None:
    with a_town(tmp_path) as town:
        town.sandbox.faults(
            {"fault": "many_outputs", "value": 10},
            {"fault": "output_cut", "rate": 0.2},
            {"fault": "output_outage", "rate": 0.1},
            {"fault": "output_padded", "value": MIB},
        )
        ids = [_post(town, f"picture {n}") for n in range(8)]
        for _ in range(3):
            time.sleep(0.7)
            town.kill("worker")
        jobs = [_archived(town, job_id, 110) for job_id in ids]
        for output in [output for job in jobs for output in job["outputs"]]:
            _, headers, body = _asked(town, output["archived_url"].removeprefix(town.web))
            assert headers["ETag"] == f'"{hashlib.sha256(body).hexdigest()}"'
            assert body.startswith(b"\x89PNG")
        archived = [
            event["subject"]
            for event in town.get("/v1/events?types=job.archived&limit=100")["items"]
        ]
        assert sorted(archived) == sorted(ids)
        for job_id in ids:
            assert _asked(town, f"/v1/jobs/{job_id}", "DELETE")[0] == 204
        kept = tmp_path / ".runhook" / "storage" / "outputs"
        eventually(lambda: not list(kept.glob("*")), 20, lambda: list(kept.rglob("*")))


@pytest.mark.parametrize("name", ["web", "worker"])
def test_a_storage_that_cannot_be_written_stops_a_process_at_its_start(
    town: Town, name: str
) -> None:
    environ = {**town.environ, "RUNHOOK_STORAGE_URL": "file:///proc/nowhere"}
    environ["PORT"] = str(free_port())
    ended = subprocess.run(
        COMMANDS[name], env=environ, cwd=town.book.parent, capture_output=True, timeout=60
    )
    said = ended.stderr.decode().strip().splitlines()
    assert ended.returncode == 1
    assert said[-1].startswith("runhook: RUNHOOK_STORAGE_URL: it cannot be written")
