"""What a process looks at before it starts to work."""

from pathlib import Path

import pytest

from runhook.config.settings import Settings, SettingsError
from runhook.worker.errors import StoreUnavailable
from runhook.worker.flows.cancel import cancel
from runhook.worker.store.installation import Installation
from runhook.worker.wiring import check_server, check_storage
from tests.conftest import SECRET, Build, House


def test_an_evicting_server_is_refused(house: House) -> None:
    house.raw.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(SettingsError, match="allkeys-lru"):
            check_server(house.w, {})
    finally:
        house.raw.config_set("maxmemory-policy", "noeviction")


def test_a_server_that_cannot_say_when_it_is_on_disk_is_refused_where_that_is_wanted(
    build: Build,
) -> None:
    house = build(RUNHOOK_DURABLE="fsync")
    check_server(house.w, {})
    house.raw.config_set("appendonly", "no")
    try:
        with pytest.raises(SettingsError, match="RUNHOOK_DURABLE"):
            check_server(house.w, {})
        check_server(build(RUNHOOK_DURABLE="auto").w, {})
    finally:
        house.raw.config_set("appendonly", "yes")


def test_a_process_with_other_secrets_is_refused(build: Build) -> None:
    check_server(build().w, {})
    with pytest.raises(SettingsError, match="RUNHOOK_SECRET"):
        check_server(build(RUNHOOK_SECRET="another-secret-of-at-least-32-chars").w, {})


def test_a_secret_is_changed_by_one_start_with_both(build: Build) -> None:
    new = "the-new-secret-that-replaces-the-old"
    check_server(build().w, {})
    check_server(build(RUNHOOK_SECRET=f"{new},{SECRET}").w, {})
    check_server(build(RUNHOOK_SECRET=new).w, {})


def test_secrets_are_known_by_their_fingerprint_only(house: House) -> None:
    check_server(house.w, {})
    kept = house.raw.smembers("runhook:secrets")
    assert len(kept) == 1
    assert SECRET.encode() not in kept.pop()


def test_another_accounts_jobs_are_not_taken_over_while_any_is_under_way(build: Build) -> None:
    ours = build(RUNHOOK_PUBLIC_URL="", RUNNINGHUB_BASE_URL="https://www.runninghub.ai")
    check_server(ours.w, {})
    job = ours.ask()
    values = {"RUNHOOK_PUBLIC_URL": "", "RUNNINGHUB_BASE_URL": "https://www.runninghub.ai"}
    for other in ({"RUNNINGHUB_API_KEY": "other"}, {"RUNNINGHUB_BASE_URL": "https://a.example"}):
        with pytest.raises(SettingsError, match="another account"):
            check_server(build(**{**values, **other}).w, {})
    cancel(ours.w, job.id)
    ours.w.store.processes.beat("worker", "lives", 1)
    with pytest.raises(SettingsError, match="RUNNINGHUB_API_KEY"):
        check_server(build(**values, RUNNINGHUB_API_KEY="other").w, {})
    ours.w.store.processes.ended("worker", "lives", 1)
    check_server(build(**values, RUNNINGHUB_API_KEY="other").w, {})


def test_a_sandbox_is_the_same_account_at_any_port(build: Build) -> None:
    check_server(build(RUNNINGHUB_BASE_URL="http://127.0.0.1:8090").w, {})
    other = build(RUNNINGHUB_BASE_URL="http://127.0.0.1:8091")
    other.ask()
    check_server(other.w, {})


def test_accounts_are_known_by_their_fingerprint_only(house: House) -> None:
    check_server(house.w, {})
    assert house.w.settings.api_key.encode() not in house.raw.get("runhook:account")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nowhere://bucket/folder", "nowhere"),
        ("sftp://example.com/folder", "paramiko"),  # as s3 needs s3fs, an extra of its own
        ("file:///proc/nowhere", "it cannot be written"),
        ("file:///dev/null/folder", "it cannot be written"),
    ],
)
def test_a_place_for_files_that_cannot_be_written_from_here_is_refused(url: str, says: str) -> None:
    with pytest.raises(SettingsError, match=rf"^RUNHOOK_STORAGE_URL: .*{says}.*$"):
        check_storage(Settings.load(RUNHOOK_STORAGE_URL=url))


def test_a_place_for_files_that_can_be_written_is_left_as_it_was(tmp_path: Path) -> None:
    check_storage(Settings.load(RUNHOOK_STORAGE_URL=f"file://{tmp_path}/a/b"))
    assert list((tmp_path / "a" / "b").iterdir()) == []
    check_storage(Settings.load(RUNHOOK_DATA_DIR=tmp_path / "own"))
    assert (tmp_path / "own").stat().st_mode & 0o777 == 0o700


def test_a_reply_that_is_lost_while_a_process_starts_does_not_end_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    knows, lost = Installation.knows_secrets, [True]

    def lose_once(installation: Installation, prints: tuple[str, ...]) -> bool:
        if lost:
            lost.clear()
            raise StoreUnavailable("Redis does not answer: Connection closed by server.")
        return knows(installation, prints)

    monkeypatch.setattr(Installation, "knows_secrets", lose_once)
    check_server(house.w, {})
    assert not lost
