"""A backup holds everything of one installation, and what is not one never reaches Redis."""

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from runhook.config.settings import SettingsError
from runhook.worker.domain.copies import KeyCopy
from runhook.worker.domain.jobs import State
from runhook.worker.errors import BadBackup, Conflict, StoreRefuses
from runhook.worker.files import backup as files
from runhook.worker.flows.backup import backup
from runhook.worker.flows.restore import restore
from runhook.worker.store import keys
from runhook.worker.wiring import check_server
from tests.conftest import House

OTHERS = "another:app"


@pytest.fixture(autouse=True)
def _tidy(house: House) -> Iterator[None]:
    """What somebody else kept there goes with the test."""
    yield
    house.raw.delete(OTHERS)


def _quiet(_count: int) -> None:
    """Nobody looks how far it is."""


def _kept(house: House, folder: Path) -> Path:
    file = folder / "kept"
    backup(house.w, file, _quiet)
    return file


def _forgotten(house: House, folder: Path) -> Path:
    """A backup of a Redis that is empty since, but for somebody else's key."""
    file = _kept(house, folder)
    house.raw.flushall()
    house.raw.set(OTHERS, "theirs")
    return file


def test_jobs_are_there_again_and_the_queue_is_paused_as_after_lost_writes(
    house: House, tmp_path: Path
) -> None:
    ended, queued = house.until(house.ask(), "succeeded"), house.ask()
    idempotency = list(house.raw.scan_iter("runhook:idempotency:*"))
    before = house.w.store.copies.fence()
    restore(house.w, _forgotten(house, tmp_path), _quiet)
    assert house.job(ended) == ended
    assert house.job(queued).state is State.QUEUED
    assert all(house.raw.pttl(key) > 0 for key in idempotency)
    state = house.w.store.queue.state()
    assert state.paused
    assert "restored from a backup" in state.why_paused
    assert house.w.store.copies.fence() > before
    assert house.raw.hget(keys.queue_settings(), "losses")
    paid = house.sandbox.accepted()
    house.settle()
    assert house.sandbox.accepted() == paid
    house.w.store.queue.pause(False)
    house.until(queued, "succeeded")


def test_keys_of_others_in_one_redis_are_neither_copied_nor_touched(
    house: House, tmp_path: Path
) -> None:
    house.ask()
    house.raw.set(OTHERS, "theirs")
    file = _forgotten(house, tmp_path)
    assert b"theirs" not in file.read_bytes()
    restore(house.w, file, _quiet)
    assert house.raw.get(OTHERS) == b"theirs"


def test_a_backup_is_its_owners_alone_and_overwrites_nothing(house: House, tmp_path: Path) -> None:
    house.ask()
    file = _kept(house, tmp_path)
    assert file.stat().st_mode & 0o777 == 0o600
    before = file.read_bytes()
    with pytest.raises(BadBackup, match="is there already"):
        _kept(house, tmp_path)
    assert file.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["kept"]


def test_a_full_disk_leaves_no_file(house: House) -> None:
    house.ask()
    with pytest.raises(BadBackup, match="no backup was written"):
        backup(house.w, Path("/proc/kept"), _quiet)


def test_nothing_is_no_backup(house: House, tmp_path: Path) -> None:
    house.raw.flushall()
    with pytest.raises(Conflict, match="holds nothing"):
        _kept(house, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_installation_that_is_not_empty_is_left_as_it_is(house: House, tmp_path: Path) -> None:
    job = house.ask()
    file = _kept(house, tmp_path)
    with pytest.raises(Conflict, match=r"not empty: its Redis holds runhook:.* Nothing was chang"):
        restore(house.w, file, _quiet)
    assert house.job(job).state is State.QUEUED
    assert not house.w.store.queue.state().paused
    assert not house.w.store.copies.is_half_restored()


def _cut(data: bytes) -> bytes:
    return data[:-100]


def _changed(data: bytes) -> bytes:
    return data[:-200] + bytes([data[-200] ^ 1]) + data[-199:]


def _longer(data: bytes) -> bytes:
    return data + b"x"


def _newer(data: bytes) -> bytes:
    at = len(files.MAGIC)
    return data[:at] + struct.pack(">H", 99) + data[at + 2 :]


def _huge(data: bytes) -> bytes:
    at = len(files.MAGIC)
    return data[: at + 2] + struct.pack(">I", 2**32 - 1) + data[at + 6 :]


def _foreign(_data: bytes) -> bytes:
    return b"REDIS0011" + b"\0" * 100


def _nothing(_data: bytes) -> bytes:
    return b""


@pytest.mark.parametrize(
    ("hurt", "why"),
    [
        (_cut, "cut short"),
        (_changed, "was changed"),
        (_longer, "was changed"),
        (_newer, "a newer one made it"),
        (_huge, "header is too long"),
        (_foreign, "no backup"),
        (_nothing, "no backup"),
    ],
)
def test_what_is_no_whole_backup_changes_nothing(
    house: House, tmp_path: Path, hurt: object, why: str
) -> None:
    house.ask()
    file = _forgotten(house, tmp_path)
    file.write_bytes(hurt(file.read_bytes()))  # type: ignore[operator]
    with pytest.raises(BadBackup, match=why):
        restore(house.w, file, _quiet)
    assert house.raw.keys() == [OTHERS.encode()]


def test_a_backup_of_another_secret_says_what_to_do(house: House, tmp_path: Path) -> None:
    house.ask()
    file = _kept(house, tmp_path)
    with (
        pytest.raises(BadBackup, match="set that one"),
        files.opened(file, ("another-secret-0123456789-abcdefghijkl",)),
    ):
        pass


class Killed(BaseException):
    """Ends a restore as a signal does."""


def _die(_count: int) -> None:
    raise Killed


def test_after_half_a_restore_nothing_starts_until_it_was_done_again(
    house: House, tmp_path: Path
) -> None:
    job = house.until(house.ask(), "succeeded")
    file = _forgotten(house, tmp_path)
    with pytest.raises(Killed):
        restore(house.w, file, _die)
    with pytest.raises(SettingsError, match="has not ended"):
        check_server(house.w)
    with pytest.raises(Conflict, match="has not ended"):
        backup(house.w, tmp_path / "half", _quiet)
    with pytest.raises(Conflict, match="another restore is under way"):
        restore(house.w, file, _quiet)
    house.raw.delete(keys.restorer())  # as it ends by itself
    restore(house.w, file, _quiet)
    check_server(house.w)
    assert house.job(job) == job


def test_what_a_server_refuses_is_told_without_what_was_to_be_written(
    house: House, tmp_path: Path
) -> None:
    house.ask()
    file = tmp_path / "of a newer server"
    with files.written(file) as to:
        writer = files.Writer(to, house.w.settings.secrets[0], {"redis": "99.0"})
        writer.add(KeyCopy(b"pace", 0, b"somebody's prompt"))
        writer.end()
    house.raw.flushall()
    with pytest.raises(StoreRefuses, match=r"payload.* Redis 99\.0") as refused:
        restore(house.w, file, _quiet)
    assert "prompt" not in str(refused.value)
    assert house.raw.keys() == []


def test_a_restore_whose_place_another_took_does_not_say_that_all_is_there(
    house: House, tmp_path: Path
) -> None:
    house.ask()
    file = _forgotten(house, tmp_path)

    def _taken(_count: int) -> None:
        house.raw.set(keys.restoring(), "another")

    with pytest.raises(Conflict, match="taken the place"):
        restore(house.w, file, _taken)
    assert house.w.store.copies.is_half_restored()
    house.raw.delete(keys.restoring(), keys.restorer())


def test_a_restore_stays_the_only_one_while_it_repairs_lists(house: House, tmp_path: Path) -> None:
    """Its lease runs out before the end of any long repair, unless it is renewed."""
    house.until(house.ask(), "succeeded")
    file = _forgotten(house, tmp_path)
    copies, seen = house.w.store.copies, []
    copies.begin("one", "why")
    with files.opened(file, house.w.settings.secrets) as reader:
        copies.put("one", reader.keys(), "why", _quiet)
    house.raw.delete(keys.restorer())  # as it ends by itself

    def meanwhile() -> None:
        copies.renew("one")
        with pytest.raises(Conflict, match="another restore is under way"):
            restore(house.w, file, _quiet)
        seen.append(house.raw.ttl(keys.restorer()))

    house.w.store.upkeep.repair(meanwhile)
    assert len(seen) > 2
    assert min(seen) > 50
    copies.end("one")
    copies.end("one")  # as when its reply was lost
    assert not house.raw.exists(keys.restoring(), keys.restorer())


def test_who_was_overtaken_writes_nothing_more_and_takes_back_no_mark_but_its_own(
    house: House, tmp_path: Path
) -> None:
    house.until(house.ask(), "succeeded")
    file = _forgotten(house, tmp_path)
    copies = house.w.store.copies
    copies.begin("one", "why")
    house.raw.delete(keys.restorer())
    copies.begin("two", "why")
    with files.opened(file, house.w.settings.secrets) as reader:
        for late in (
            lambda: copies.put("one", reader.keys(), "why", _quiet),
            lambda: copies.renew("one"),
            lambda: copies.give_up("one"),
            lambda: copies.end("one"),
        ):
            with pytest.raises(Conflict, match="taken the place"):
                late()
    assert house.raw.get(keys.restorer()) == house.raw.get(keys.restoring()) == b"two"
    assert list(house.raw.scan_iter("runhook:job:*")) == []
    copies.give_up("two")
    assert house.raw.keys() == [OTHERS.encode()]
