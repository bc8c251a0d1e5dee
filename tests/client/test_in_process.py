"""In a process of the user's own: its Redis, its forks and threads, its Celery and its settings."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from celery import Celery, current_app

from runhook import NotFound, Runhook, SettingsError, Unavailable
from runhook.worker import telemetry
from runhook.worker.client.in_process import InProcess
from runhook.worker.errors import StoreUnavailable
from runhook.worker.store import embedded
from tests.conftest import IMAGE, SECRET, Build, House, eventually

CAT = {"prompt": "a cat"}


@pytest.fixture
def settings(
    monkeypatch: pytest.MonkeyPatch, raw: Any, server: embedded.EmbeddedServer
) -> pytest.MonkeyPatch:
    """The environment of a process that reaches a Redis."""
    monkeypatch.setenv("REDIS_URL", server.url)
    monkeypatch.setenv("RUNHOOK_SECRET", SECRET)
    return monkeypatch


def test_nothing_but_redis_and_a_secret_is_needed(settings: pytest.MonkeyPatch) -> None:
    with Runhook() as runhook:
        job = runhook.submit(IMAGE, CAT)
        assert runhook.get(job.id) == job
        assert runhook.cancel(job).state == "cancelled"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"REDIS_URL": ""}, "REDIS_URL is missing, and no server of `runhook up` answers"),
        ({"REDIS_URL": "http://nowhere"}, "REDIS_URL"),
        ({"RUNHOOK_SECRET": ""}, "RUNHOOK_SECRET is missing"),
        ({"RUNHOOK_SECRET": "too short"}, "RUNHOOK_SECRET"),
    ],
)
def test_a_setting_that_is_missing_or_wrong_is_one_clear_line_at_the_first_call(
    settings: pytest.MonkeyPatch, change: dict[str, str], said: str
) -> None:
    for name, value in change.items():
        settings.setenv(name, value)
    runhook = Runhook()  # nothing is read before it is needed
    with pytest.raises(SettingsError) as caught:
        runhook.submit(IMAGE, CAT)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_secret_than_the_others_is_refused_before_anything_is_queued(
    settings: pytest.MonkeyPatch, build: Build
) -> None:
    house = build()
    house.w.store.installation.knows_secrets(("0123456789abcdef",))
    with pytest.raises(SettingsError, match="RUNHOOK_SECRET: it differs"):
        Runhook().submit(IMAGE, CAT)
    assert house.standing("queued") == 0


def test_a_redis_that_is_away_is_asked_again_and_told_in_the_end(
    tmp_path: Path, settings: pytest.MonkeyPatch, elsewhere: ThreadPoolExecutor
) -> None:
    server = embedded.EmbeddedServer(tmp_path, Path("/tmp") / f"runhook-away-{os.getpid()}.s")
    settings.setenv("REDIS_URL", server.url)
    with pytest.raises(Unavailable, match="Redis does not answer") as caught:
        Runhook(timeout=1).submit(IMAGE, CAT)
    assert caught.value.key is not None
    asked = elsewhere.submit(Runhook(timeout=30).submit, IMAGE, CAT, key=caught.value.key)
    server.start()
    try:
        job = asked.result(30)
        waiting = elsewhere.submit(job.wait, timeout=40)
        server.stop()
        server.start()
        eventually(lambda: job.refresh().state == "queued")
        job.cancel()
        assert waiting.result(30).state == "cancelled"
    finally:
        server.stop()


def test_a_redis_that_goes_away_while_a_batch_is_read_is_unavailable_too(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StoreUnavailable("Redis does not answer")

    monkeypatch.setattr(house.w.store.groups, "close", away)
    runhook = Runhook(transport=InProcess(5, lambda: house.w))
    lines = runhook.batch([{"model": IMAGE, "input": CAT, "group": "g"}], key="tuesday")
    assert next(lines).job
    with pytest.raises(Unavailable, match="Redis does not answer") as caught:
        next(lines)
    assert caught.value.key == "tuesday"


def test_a_process_that_is_forked_connects_anew(
    settings: pytest.MonkeyPatch, elsewhere: ThreadPoolExecutor
) -> None:
    runhook = Runhook()
    job = runhook.submit(IMAGE, CAT)
    waiting = elsewhere.submit(job.wait, timeout=40)
    children = []
    for _ in range(3):
        if child := os.fork():
            children.append(child)
            continue
        signal.alarm(20)
        ended = 1
        try:
            runhook.submit(IMAGE, CAT)
            with pytest.raises(TimeoutError):
                job.wait(timeout=0.1)
            ended = 0
        finally:
            os._exit(ended)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    assert len(list(runhook.jobs())) == 4
    job.cancel()
    assert waiting.result(30).state == "cancelled"


def test_threads_share_one(settings: pytest.MonkeyPatch, elsewhere: ThreadPoolExecutor) -> None:
    runhook = Runhook()
    made = list(elsewhere.map(lambda n: runhook.submit(IMAGE, {"prompt": str(n)}), range(40)))
    assert len({job.id for job in made}) == 40
    waiting = [elsewhere.submit(job.wait, timeout=30) for job in made[:16]]
    list(map(runhook.cancel, made))
    assert {one.result(30).state for one in waiting} == {"cancelled"}


def test_a_closed_one_connects_anew(settings: pytest.MonkeyPatch) -> None:
    runhook = Runhook()
    job = runhook.submit(IMAGE, CAT)
    runhook.close()
    assert runhook.get(job.id) == job


def test_it_leaves_the_users_own_celery_signals_and_logging_alone(
    settings: pytest.MonkeyPatch,
) -> None:
    import logging

    own = Celery("shop", broker="memory://")
    own.set_current()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    logs = (logging.root.level, list(logging.root.handlers), logging.getLogger("celery").propagate)
    Runhook().submit(IMAGE, CAT)
    assert current_app.main == "shop"
    assert {number: signal.getsignal(number) for number in handlers} == handlers
    assert logs == (
        logging.root.level,
        list(logging.root.handlers),
        logging.getLogger("celery").propagate,
    )


def test_what_it_has_to_say_goes_to_the_users_own_logging(
    settings: pytest.MonkeyPatch,
    build: Build,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    # A test before this one may have made the process one of runhook's own.
    settings.setattr(telemetry, "_ours", False)
    settings.setattr(telemetry, "_out", telemetry._to_stderr)
    house = build(RUNHOOK_OVERDUE_AFTER=1000)
    settings.setenv("RUNNINGHUB_API_KEY", "key")
    settings.setenv("RUNNINGHUB_BASE_URL", house.sandbox.url)
    house.sandbox.faults({"fault": "callback_lost"})
    runhook = Runhook()
    job = runhook.submit(IMAGE, CAT)
    house.until(house.w.store.jobs.get(job.id), "running")
    capfd.readouterr()
    with caplog.at_level("INFO", "runhook"):
        eventually(lambda: runhook.reconcile(job).state == "succeeded")
    assert [record.name for record in caplog.records if "job.moved" in record.message] == [
        "runhook"
    ]
    assert capfd.readouterr().err == ""


def test_nobody_hears_the_log_once_nobody_waits(house: House) -> None:
    transport = InProcess(5, lambda: house.w)
    job = Runhook(transport=transport).submit(IMAGE, CAT)
    list(zip(range(2), transport.follow(job.id, 0.2), strict=False))
    listener = transport.parts().listener
    eventually(lambda: not listener._hears)
    with pytest.raises(NotFound):
        list(transport.follow("job_nope", 5))


def test_to_import_runhook_is_cheap_and_help_does_without_the_client() -> None:
    told = "import sys, runhook; print([m for m in sys.modules if m.startswith('runhook.')])"
    ran = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
    told = "import sys; from runhook import Runhook; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert not {"celery", "redis", "flask", "requests", "urllib3"} & set(ran.stdout.split())
    told = (
        "import sys; sys.argv = ['runhook', '--help']\n"
        "from runhook.worker.cli import main\n"
        "try: main()\n"
        "except SystemExit: print(*sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert "runhook.worker.client" not in ran.stdout.split()
