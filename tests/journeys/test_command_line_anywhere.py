"""The command line far from Redis: all that it knows is where `web` is, and a token."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import IMAGE, eventually
from tests.journeys.conftest import Town, a_town
from tests.serving import Ending, serving

TOKEN = "token-Of-the-office-77bd3e"
COMMAND = (sys.executable, "-m", "runhook.worker.cli")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A town with a token, a budget and an indexed key, which only its own processes know."""
    with a_town(
        tmp_path_factory.mktemp("town"),
        RUNHOOK_API_TOKENS=f"local:{TOKEN}",
        RUNHOOK_INDEX_METADATA="order",
        RUNHOOK_BUDGET_DAY="20",
        RUNHOOK_ALLOW_PRIVATE_URLS="true",
    ) as found:
        yield found


class Office:
    """A machine elsewhere."""

    def __init__(self, town: Town, folder: Path) -> None:
        self.folder = folder
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "RUNHOOK_URL": town.web,
            "RUNHOOK_TOKEN": TOKEN,
        }

    def run(self, *words: str, **environ: str) -> Any:
        """A command, and what it printed."""
        return subprocess.run(
            [*COMMAND, *words],
            env=self.environ | environ,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def begin(self, *words: str) -> "subprocess.Popen[str]":
        """A command that goes on until Ctrl-C."""
        return subprocess.Popen(
            [*COMMAND, *words],
            env=self.environ,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # What a shell starts in the background ignores SIGINT, and so would what it starts.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def said(self, *words: str) -> str:
        """What one prints that succeeds."""
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return str(done.stdout.strip())

    def told(self, *words: str) -> Any:
        """The same as JSON."""
        return json.loads(self.said(*words, "--json"))


@pytest.fixture
def office(town: Town, tmp_path: Path) -> Office:
    """A folder in which nothing says where Redis is."""
    return Office(town, tmp_path)


def _submitted(office: Office, *words: str) -> str:
    return office.said("submit", IMAGE, "-i", "prompt=far", "-o", "max_price=1", *words)


def test_a_job_is_submitted_waited_for_read_and_fetched(office: Office) -> None:
    words = ("submit", IMAGE, "-i", "prompt=far", "-o", "max_price=1", "--metadata", "order=7")
    done = office.run(*words, "--group", "night", "--group-size", "1", "--wait")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("http"), "standard output has the outputs alone"
    assert "/jobs/job_" in done.stderr, "and the dashboard's page stands beside it"
    (job,) = office.told("jobs", "--metadata", "order=7")["items"]
    shown = office.said("job", job["id"])
    for text in ("prompt\tfar", "order\t7", "max_price\t", f"1\t{IMAGE}\tsucceeded", "dashboard"):
        assert text in shown
    assert office.told("group", "night")["states"]["succeeded"] == 1
    paths = office.said("download", job["id"], "made").splitlines()
    assert [(office.folder / path).stat().st_size > 0 for path in paths] == [True]
    assert office.said("forget", job["id"]).endswith("is forgotten")
    assert office.run("job", job["id"]).returncode == 1


def test_a_folder_that_cannot_be_made_for_a_jobs_files_is_wrong_usage(office: Office) -> None:
    (office.folder / "taken").touch()
    job = office.told("submit", IMAGE, "-i", "prompt=far", "--wait")
    done = office.run("download", job["id"], "taken/by/a/file")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert done.stderr.endswith("FOLDER: taken/by/a/file: not a directory\n")


def test_a_job_is_named_by_as_much_of_its_id_as_is_one_jobs(office: Office) -> None:
    first, second = _submitted(office), _submitted(office)
    assert office.told("job", first[:20])["id"] == first
    assert office.told("job", second.removeprefix("job_")[:17])["id"] == second
    # Six digits of a moment are some hours, in which both were born.
    wrong = office.run("cancel", first[:10])
    assert (wrong.returncode, "say more of it" in wrong.stderr) == (2, True)
    assert office.run("job", "job_00000000").returncode == 1


def test_a_list_of_deliveries_says_where_it_goes_on(office: Office) -> None:
    for _ in range(2):
        _submitted(office, "--wait", "--json")
    eventually(lambda: office.told("deliveries")["items"][1:])
    first, second, *_ = office.told("deliveries")["items"]
    page = office.run("deliveries", "--limit", "1")
    assert f"there are more: --cursor {first['id']}" in page.stderr
    assert office.told("deliveries", "--limit", "1")["next"] == first["id"]
    behind = office.told("deliveries", "--limit", "1", "--cursor", first["id"])
    assert [one["id"] for one in behind["items"]] == [second["id"]]
    assert office.told("deliveries")["next"] is None


def test_a_delivery_is_named_by_as_much_of_its_id_as_is_one_deliverys(office: Office) -> None:
    job = _submitted(office, "--wait", "--json")
    name = json.loads(job)["id"]
    found = eventually(lambda: office.told("deliveries", "--job", name)["items"])
    last = found[-1]["id"]
    assert office.told("deliveries", last[:-1])["id"] == last
    moment, _, _ = last.removeprefix("dlv_").rpartition("_")
    event = [one["id"] for one in found if moment in one["id"]]
    wrong = office.run("redeliver", f"dlv_{moment}")
    if len(event) > 1:
        assert wrong.returncode == 2
        assert all(one in wrong.stderr for one in event)
    again = office.said("redeliver", last[:-1], "--dry-run")
    assert "would be delivered" in again


def test_what_is_watched_as_json_is_a_record_a_line_at_each_change(
    office: Office, town: Town
) -> None:
    job = _submitted(office)
    done = office.run("watch", job, "--json")
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert {one["id"] for one in told} == {job}
    assert (told[-1]["state"], bool(told[-1]["outputs"][0]["archived_url"])) == ("succeeded", True)
    marks = [(one["state"], one["updated_at"]) for one in told]
    assert len(set(marks)) == len(marks), "nothing is told twice"
    town.sandbox.faults({"fault": "failed", "match": "doomed"})
    doomed = office.said("submit", IMAGE, "-i", "prompt=doomed", "--parent", job)
    tree = office.run("watch", job, "--json")
    town.sandbox.faults()
    assert tree.returncode == 1, "one of the tree has failed"
    last = {one["id"]: one["state"] for one in map(json.loads, tree.stdout.splitlines())}
    assert last == {job: "succeeded", doomed: "failed"}
    assert office.run("watch", job, "--json", "--output", "compact").returncode == 2


def test_the_newest_are_watched_as_json_until_ctrl_c(office: Office) -> None:
    watching = office.begin("watch", "--json")
    assert watching.stdout
    job = _submitted(office)
    states = []
    for line in watching.stdout:
        one = json.loads(line)
        if one["id"] == job:
            states.append(one["state"])
        if states[-1:] == ["succeeded"]:
            break
    watching.send_signal(signal.SIGINT)
    assert watching.wait(20) == 0


def test_a_list_is_read_page_by_page_and_a_record_is_a_line(office: Office) -> None:
    made = [_submitted(office) for _ in range(3)]
    page = office.run("jobs", "--limit", "2")
    rows = [line.split("\t") for line in page.stdout.splitlines()]
    assert [row[0] for row in rows] == made[:0:-1]
    assert {len(row) for row in rows} == {10}
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", rows[0][3]), "when it was created"
    cursor = page.stderr.split()[-1]
    assert office.said("jobs", "--limit", "1", "--cursor", cursor).startswith(made[0])


def test_a_tree_ends_in_a_line_for_each_of_its_jobs(office: Office) -> None:
    lines = [
        {"as": "pic", "model": IMAGE, "input": {"prompt": "a"}, "metadata": {"step": "one"}},
        {
            "model": "vidu/image-to-video-q2-pro",
            "input": {"prompt": "b", "imageUrl": "output:@pic/0"},
            "metadata": {"step": "two"},
        },
    ]
    for line in lines:
        line["options"] = {"max_price": "5"}
    (office.folder / "h.jsonl").write_text("\n".join(map(json.dumps, lines)))
    root = json.loads(office.said("submit", "--batch", "h.jsonl").splitlines()[0])["id"]
    done = office.run("watch", root)
    assert done.returncode == 0, done.stderr
    rows = [row.split("\t") for row in done.stdout.splitlines()]
    assert [(row[2], row[5]) for row in rows] == [
        ("succeeded", "step=one"),
        ("succeeded", "step=two"),
    ]
    assert all(row[-1].startswith("http") for row in rows)
    assert len(office.said("tree", root).splitlines()) == 2
    quiet = office.run("watch", root, "--output", "quiet")
    assert (quiet.stderr, quiet.stdout) == ("", done.stdout)


def test_a_dry_run_says_where_todays_budget_has_no_room(office: Office) -> None:
    # Nobody knows what a workflow costs, so its max_price is what must fit.
    words = ("submit", "workflow/12", "-i", "6.text=far")
    assert "no room" not in office.said(*words, "-o", "max_price=1", "--dry-run")
    before = office.told("jobs")["items"]
    shown = office.said(*words, "-o", "max_price=50", "--dry-run")
    assert "has no room for this job" in shown
    refused = office.run(*words, "-o", "max_price=50")
    assert (refused.returncode, "budget of 20" in refused.stderr) == (1, True)
    assert office.told("jobs")["items"] == before


def test_a_sample_event_reaches_handlers_and_pays_for_nothing(town: Town, office: Office) -> None:
    paid = town.sandbox.accepted()
    assert office.said("trigger", "job.failed").splitlines() == ["book"]
    ignored = office.run("trigger", "group.ended", "--model", IMAGE)
    assert (ignored.returncode, "--model has no effect" in ignored.stderr) == (2, True)
    eventually(lambda: any("job.failed job_test" in line for line in town.told()))
    assert town.sandbox.accepted() == paid


class _Reluctant(BaseHTTPRequestHandler):
    """Fails twice, then takes what is sent."""

    came: list[str] = []  # noqa: RUF012 - of one test

    def do_POST(self) -> None:
        self.came.append(self.headers["webhook-id"])
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200 if len(self.came) > 2 else 500)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_what_is_forwarded_is_sent_again_while_its_server_fails(office: Office) -> None:
    with serving(Ending(_Reluctant)) as server:
        url = f"http://127.0.0.1:{server.server_port}/hook"
        words = ("listen", "--forward", url, "--type", "job.cancelled", "--json")
        listening = office.begin(*words)
        try:
            assert listening.stderr
            assert "signed with whsec_" in listening.stderr.readline()
            sending = threading.Event()

            def send() -> None:
                while not sending.wait(1):
                    office.run("trigger", "job.cancelled")

            # Until it is heard: nothing says from when on the stream is open.
            threading.Thread(target=send, daemon=True).start()
            eventually(lambda: len(_Reluctant.came) >= 3, 40)
            sending.set()
        finally:
            listening.send_signal(signal.SIGINT)
            _, said = listening.communicate(timeout=20)
    assert len(set(_Reluctant.came[:3])) == 1, "the same event each time"
    assert said.count("it answered HTTP 500") == 2
    assert "go on" in said
    assert listening.returncode == 0


def test_subscriptions_are_made_changed_tried_and_removed(office: Office) -> None:
    url = "http://127.0.0.1:9/hook"  # nobody listens there
    made = office.run("subscriptions", "create", url, "--event", "job.failed")
    assert made.returncode == 0, made.stderr
    assert "secret\twhsec_" in made.stdout
    name = made.stdout.split()[1]
    assert office.said("subscriptions", "list").split("\t")[:2] == [name, url]
    assert office.told("subscriptions", "show", name[:20])["id"] == name
    edited = office.told("subscriptions", "edit", name, "--disable", "--all-events")
    assert (edited["enabled"], edited["events"]) == (False, None)
    assert "secret" not in office.told("subscriptions", "show", name)
    assert office.told("subscriptions", "rotate", name)["secret"].startswith("whsec_")
    tried = office.run("subscriptions", "test", name)
    assert (tried.returncode, "not delivered" in tried.stderr) == (1, True)
    assert office.run("subscriptions", "edit", name).returncode == 2
    wrong = office.run("subscriptions", "create", "nonsense")
    assert (wrong.returncode, "Invalid value for 'URL'" in wrong.stderr) == (2, True)
    assert office.said("subscriptions", "remove", name) == f"{name} is removed"
    assert office.run("subscriptions", "show", name).returncode == 1


def test_every_reading_command_speaks_json(office: Office) -> None:
    job = _submitted(office)
    for words in (
        ("jobs",),
        ("job", job),
        ("tree", job),
        ("account",),
        ("costs",),
        ("handlers",),
        ("deliveries",),
        ("subscriptions", "list"),
        ("workflow", "12"),
        ("app", "12"),
        ("app", "12", "--styles", "1"),
        ("recover", "--since", "1h", "--dry-run"),
    ):
        assert office.told(*words), words


@pytest.mark.parametrize(
    ("environ", "status", "said"),
    [
        ({"RUNHOOK_TOKEN": "wrong-token-4f0c2a91e7"}, 1, "Bearer. Set RUNHOOK_TOKEN to one of"),
        ({"RUNHOOK_URL": "http://127.0.0.1:9"}, 3, "Is `runhook up` running"),
        ({"RUNHOOK_URL": ""}, 3, "RUNHOOK_URL is missing"),
    ],
)
def test_who_cannot_reach_the_service_is_told_so_in_one_line(
    office: Office, environ: dict[str, str], status: int, said: str
) -> None:
    done = office.run("jobs", **environ)
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert TOKEN not in done.stderr


def test_waiting_goes_on_through_a_restart_of_web(town: Town, office: Office) -> None:
    town.sandbox.faults({"fault": "slow", "match": "restart", "value": 8})
    words = ("submit", IMAGE, "-i", "prompt=restart", "-o", "max_price=1", "--wait")
    waiting = office.begin(*words)
    assert waiting.stderr
    waiting.stderr.readline()
    town.kill("web")
    out, said = waiting.communicate(timeout=90)
    assert (waiting.returncode, out.startswith("http")) == (0, True), said


def test_bytes_that_are_no_text_are_wrong_usage(office: Office) -> None:
    done = office.run("job", "\udcff")
    assert (done.returncode, "no text in UTF-8" in done.stderr) == (2, True), done.stderr
    done = office.run("submit", IMAGE, "-i", "prompt=\udcff")
    assert (done.returncode, "input.prompt" in done.stderr) == (1, True), done.stderr


def test_ctrl_c_says_what_goes_on_without_you(town: Town, office: Office) -> None:
    town.sandbox.faults({"fault": "slow", "match": "endless", "value": 600})
    words = ("submit", IMAGE, "-i", "prompt=endless", "-o", "max_price=1", "--wait")
    waiting = office.begin(*words)
    assert waiting.stderr
    job = waiting.stderr.readline().split()[0]
    eventually(lambda: office.told("job", job)["state"] == "running")
    waiting.send_signal(signal.SIGINT)
    _, said = waiting.communicate(timeout=20)
    assert (waiting.returncode, f"{job} goes on without you" in said) == (130, True)
    assert office.said("cancel", job) == "cancelled"
