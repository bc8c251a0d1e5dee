"""What a paid request waits for, once its departure is written down."""

import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import redis

from runhook.config.settings import Settings
from runhook.webhook.pages.system_page import DURABLE
from runhook.worker.domain.jobs import Job, State
from runhook.worker.flows.drain import drain
from runhook.worker.flows.steps.persistence import (
    Waits,
    persistence,
    tell_what_leaves_early,
    waits_for,
)
from runhook.worker.store import appended
from runhook.worker.store.appended import Appended
from runhook.worker.store.durability import Durability
from runhook.worker.store.embedded import EmbeddedServer
from runhook.worker.store.server import Server
from runhook.worker.wiring import check_server
from tests.conftest import Build, House, eventually

YES = [1, 0]  # of WAITAOF: here it is on disk, on no replica
WORD = b":a word\r\n"


@pytest.fixture
def beside(build: Build, tmp_path: Path) -> Iterator[House]:
    """A house beside an embedded server of its own, as `runhook up` has it."""
    data = tmp_path / ".runhook"
    server = EmbeddedServer(data, Settings(RUNHOOK_DATA_DIR=data).embedded_socket)
    server.start()
    try:
        house = build(REDIS_URL="", RUNHOOK_DATA_DIR=str(data), RUNHOOK_DURABLE="auto")
        house.raw = redis.Redis(unix_socket_path=str(server.socket))
        yield house
        house.raw.close()
    finally:
        server.stop()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited for long."""
    monkeypatch.setattr(appended, "PATIENCE", 0.05)


def _left(house: House, job: Job) -> bytes:
    return bytes(house.raw.hget(f"runhook:job:{job.id}", "left:1"))


def _did_not_leave(house: House, job: Job) -> bool:
    found = house.job(job)
    there = (found.state, found.attempt.left_at) == (State.QUEUED, None)
    return there and house.sandbox.accepted() == 0


def _transaction(*words: bytes) -> bytes:
    """What a script wrote, as the file has it."""
    return b"".join(b":%s\r\n" % word for word in words) + b"*1\r\n$4\r\nEXEC\r\n"


def _file(folder: Path, number: int, text: bytes) -> Path:
    path = folder / "appendonlydir" / f"appendonly.aof.{number}.incr.aof"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text)
    return path


def test_the_embedded_servers_file_is_on_disk_before_the_first_byte(
    beside: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, bool, int]] = []
    flush = os.fdatasync

    def watched(file: int) -> None:
        there = _left(beside, asked) in os.pread(file, os.fstat(file).st_size, 0)
        flush(file)
        seen.append((os.fstat(file).st_ino, there, beside.sandbox.accepted()))

    monkeypatch.setattr(os, "fdatasync", watched)
    asked = beside.ask()
    beside.until(asked, "succeeded")
    folder = beside.w.settings.data_dir / "appendonlydir"
    assert seen == [(path.stat().st_ino, True, 0) for path in folder.glob("*.incr.aof")]
    assert "cmdstat_waitaof" not in beside.raw.info("commandstats")


def test_a_rewrite_of_the_file_between_departures_keeps_none_waiting(beside: House) -> None:
    for _ in range(3):
        beside.until(beside.ask(), "succeeded")
        beside.raw.bgrewriteaof()
        eventually(lambda: not beside.raw.info("persistence")["aof_rewrite_in_progress"])
    assert beside.sandbox.accepted() == 3


def test_departures_of_one_moment_share_a_flush(
    beside: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    flush, flushed, go_on = os.fdatasync, [0], threading.Event()

    def slow(file: int) -> None:
        flushed[0] += 1
        assert go_on.wait(10)
        flush(file)

    monkeypatch.setattr(os, "fdatasync", slow)
    jobs = [beside.ask() for _ in range(5)]
    beside.w.store.duties.pump("test", 3, thorough=False)
    drain(beside.w, "line")
    marks = beside.w.store.departures._marks
    with ThreadPoolExecutor(5) as threads:
        drains = [threads.submit(drain, beside.w, "send")]
        try:
            eventually(lambda: flushed[0])
            drains += [threads.submit(drain, beside.w, "send") for _ in jobs[1:]]
            eventually(lambda: len(marks._waiting) == len(jobs) - 1)
        finally:
            go_on.set()
    assert sum(one.result() for one in drains) == len(jobs)
    assert beside.sandbox.accepted() == len(jobs)
    assert flushed == [2]


def test_nothing_leaves_while_the_embedded_servers_file_cannot_be_flushed(
    beside: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: int) -> None:
        raise OSError("the disk does not answer")

    monkeypatch.setattr(os, "fdatasync", broken)
    job = beside.ask()
    beside.settle()
    assert _did_not_leave(beside, job)
    assert "the disk does not answer" in capsys.readouterr().err


@pytest.mark.usefixtures("impatient")
def test_nothing_leaves_while_the_embedded_server_does_not_write(
    beside: House, capsys: pytest.CaptureFixture[str]
) -> None:
    beside.raw.config_set("appendonly", "no")
    job = beside.ask()
    beside.settle()
    assert _did_not_leave(beside, job)
    assert "appendonly yes?" in capsys.readouterr().err


def test_nothing_is_written_where_there_is_no_file(beside: House) -> None:
    folder = beside.w.settings.data_dir
    (folder / "appendonlydir").rename(folder / "elsewhere")
    job = beside.ask()
    beside.settle()
    (folder / "elsewhere").rename(folder / "appendonlydir")
    assert _did_not_leave(beside, job)
    assert "request left" not in str(beside.notes(job))
    beside.later(60)
    beside.until(job, "succeeded")


def test_nothing_leaves_while_the_embedded_servers_file_cannot_be_read(
    beside: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: object) -> list[str]:
        raise PermissionError("not yours")

    job = beside.ask()
    monkeypatch.setattr(os, "listdir", away)
    beside.settle()
    assert _did_not_leave(beside, job)


def test_what_is_written_late_is_waited_for(tmp_path: Path) -> None:
    _file(tmp_path, 1, _transaction(b"before"))
    late = threading.Timer(0.05, _file, [tmp_path, 2, _transaction(b"a word")])
    with Appended(tmp_path).watch() as kept:
        late.start()
        assert kept((), [WORD]) == {WORD}
    late.join()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (_transaction(b"one", b"two"), {b":one\r\n", b":two\r\n"}),
        (_transaction(b"one"), {b":one\r\n"}),
        (_transaction(b"one") + b":two\r\n", {b":one\r\n"}),  # its transaction has no end yet
        (_transaction(b"1one", b"two.and"), set()),  # others' names
        (b"", set()),
    ],
)
def test_each_is_kept_that_stands_there_whole(
    text: bytes, kept: set[bytes], tmp_path: Path
) -> None:
    path = _file(tmp_path, 1, b"")
    with Appended(tmp_path).watch() as kept_of:
        path.write_bytes(text)
        assert set(kept_of((), [b":one\r\n", b":two\r\n"])) == kept


@pytest.mark.usefixtures("impatient")
def test_what_only_stood_there_before_is_not_taken_for_it(tmp_path: Path) -> None:
    path = tmp_path / "appendonly.aof"  # as Redis before 7 has it
    path.write_bytes(_transaction(b"a word"))
    with Appended(tmp_path).watch() as kept:
        assert not kept((), [WORD])
        path.write_bytes(2 * _transaction(b"a word"))
        assert kept((), [WORD])


@pytest.mark.usefixtures("impatient")
def test_what_a_server_takes_back_from_its_file_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _file(tmp_path, 1, b"")
    monkeypatch.setattr(os, "fdatasync", lambda _: os.truncate(path, 5))
    with Appended(tmp_path).watch() as kept:
        path.write_bytes(_transaction(b"a word"))
        assert not kept((), [WORD])


def test_all_files_are_flushed_for_a_rewrite_may_have_left_one_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [_file(tmp_path, 1, b"before")]
    flushed: set[int] = set()
    monkeypatch.setattr(os, "fdatasync", lambda file: flushed.add(os.fstat(file).st_ino))
    with Appended(tmp_path).watch() as kept:
        paths.append(_file(tmp_path, 2, _transaction(b"a word")))
        assert kept((), [WORD])
    assert flushed == {path.stat().st_ino for path in paths}


def test_a_file_that_a_rewrite_has_removed_is_no_fault_and_none_stays_open(tmp_path: Path) -> None:
    paths = [_file(tmp_path, 1, b"before"), _file(tmp_path, 2, b"")]
    file, opened = Appended(tmp_path), len(os.listdir("/proc/self/fd"))
    with file.watch():
        assert len(os.listdir("/proc/self/fd")) == opened + 2
    paths[0].unlink()
    with file.watch() as kept:
        paths[1].write_bytes(_transaction(b"a word"))
        assert kept((), [WORD])
    with pytest.raises(ZeroDivisionError), file.watch():
        raise ZeroDivisionError
    assert len(os.listdir("/proc/self/fd")) == opened


def test_a_long_transaction_is_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(appended, "PIECE", 7)
    path = _file(tmp_path, 1, b"")
    with Appended(tmp_path).watch() as kept:
        path.write_bytes(b"x" * 70 + _transaction(b"a word"))
        assert kept((), [WORD])


def _kept(server: Durability, answers: Sequence[Any]) -> bool:
    with server.watch() as kept:
        return kept(answers, [WORD]) == [WORD]


def test_another_servers_word_is_believed() -> None:
    assert _kept(Durability("auto"), [YES])
    assert _kept(Durability("fsync"), [YES])
    assert not _kept(Durability("fsync"), [[0, 0]])
    assert _kept(Durability("replica"), [1])


def test_a_server_that_cannot_say_when_it_is_on_disk_is_named_once_and_used() -> None:
    mute = redis.ResponseError("unknown command 'WAITAOF'")
    auto = Durability("auto")
    assert auto.commands
    assert _kept(auto, [mute])
    assert auto.commands == ()
    assert not _kept(Durability("fsync"), [mute])


@pytest.mark.parametrize("mode", ["auto", "fsync"])
def test_a_server_that_says_too_early_what_is_on_disk_is_named_at_start(
    mode: str, build: Build, raw: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    w = build(RUNHOOK_DURABLE=mode).w
    tell_what_leaves_early(w.settings, check_server(w, {}))
    assert "may be paid for twice" in capsys.readouterr().err
    raw.config_set("appendfsync", "always")
    try:
        tell_what_leaves_early(w.settings, check_server(w, {}))
    finally:
        raw.config_set("appendfsync", "everysec")
    assert "redis.not_durable" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("redis_version", "valkey_version", "right"),
    [
        ("7.0.15", None, False),  # has no WAITAOF
        ("7.2.4", None, True),
        ("7.4.2", None, False),
        ("7.4.3", None, True),
        ("8.0.0-rc1", None, True),
        ("7.2.4", "7.2.11", True),
        ("7.2.4", "8.0.0", False),
        ("7.2.4", "9.1.2", False),
    ],
)
def test_whose_word_counts_is_told_by_its_version(
    redis_version: str, valkey_version: str | None, right: bool
) -> None:
    info = {"redis_version": redis_version, "aof_enabled": 1}
    if valkey_version:
        info["valkey_version"] = valkey_version
    assert Server.of(info, "everysec").tells_when_on_disk is right
    assert Server.of(info, "").tells_when_on_disk is right
    assert Server.of(info, "always").tells_when_on_disk


EARLY = {"redis_version": "7.2.4", "valkey_version": "9.1.2", "aof_enabled": 1}
RIGHT = {"redis_version": "8.0.3", "aof_enabled": 1}
OLD = {"redis_version": "7.0.15", "aof_enabled": 1}
NO_FILE = {**RIGHT, "aof_enabled": 0}


@pytest.mark.parametrize(
    ("info", "appendfsync", "settings", "waits", "word"),
    [
        (EARLY, "everysec", {}, "early", "warning"),
        (EARLY, "", {}, "early", "warning"),
        (EARLY, "everysec", {"RUNHOOK_DURABLE": "fsync"}, "early", "warning"),
        (EARLY, "everysec", {"RUNHOOK_DURABLE": "none"}, "memory", "good"),
        (EARLY, "everysec", {"RUNHOOK_DURABLE": "replica"}, "replica", "good"),
        (EARLY, "everysec", {"REDIS_URL": ""}, "disk", "good"),
        (EARLY, "everysec", {"REDIS_URL": "", "RUNHOOK_DURABLE": "replica"}, "never", "bad"),
        (EARLY, "no", {}, "never", "bad"),
        (EARLY, "always", {}, "disk", "good"),
        (RIGHT, "everysec", {}, "disk", "warning"),
        (RIGHT, "always", {}, "disk", "good"),
        (OLD, "everysec", {}, "early", "warning"),
        (OLD, "everysec", {"REDIS_URL": ""}, "disk", "good"),
        (OLD, "always", {}, "disk", "good"),
        (OLD, "always", {"RUNHOOK_DURABLE": "fsync"}, "never", "bad"),
        (OLD, "no", {}, "early", "warning"),
        (NO_FILE, "always", {}, "memory", "warning"),
        (NO_FILE, "always", {"RUNHOOK_DURABLE": "fsync"}, "never", "bad"),
        (NO_FILE, "everysec", {"REDIS_URL": ""}, "never", "bad"),
        (NO_FILE, "", {"REDIS_URL": "", "RUNHOOK_DURABLE": "none"}, "memory", "warning"),
    ],
)
def test_what_a_departure_waits_for_is_known_to_doctor_and_page(
    info: dict[str, Any], appendfsync: str, settings: dict[str, Any], waits: Waits, word: str
) -> None:
    chosen: dict[str, Any] = {"REDIS_URL": "redis://here", "RUNNINGHUB_API_KEY": "key", **settings}
    ours, server = Settings.load("client", **chosen), Server.of(info, appendfsync)
    assert waits_for(ours, server) == waits
    assert persistence(ours, server).word == word
    assert DURABLE[waits]
