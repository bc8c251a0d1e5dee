"""What a process looks at before it starts to work."""

import pytest

from config.settings import SettingsError
from tests.conftest import SECRET, Build, House
from worker.wiring import check_server


def test_an_evicting_server_is_refused(house: House) -> None:
    house.raw.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(SettingsError, match="allkeys-lru"):
            check_server(house.w, {})
    finally:
        house.raw.config_set("maxmemory-policy", "noeviction")


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


@pytest.mark.parametrize("url", ["nowhere://bucket/folder", "s3://bucket/folder"])
def test_a_place_for_files_that_cannot_be_reached_from_here_is_refused(
    build: Build, url: str
) -> None:
    """s3 needs s3fs, which is an extra of its own."""
    with pytest.raises(SettingsError, match=r"RUNHOOK_STORAGE_URL: .*(s3fs|nowhere)"):
        check_server(build(RUNHOOK_STORAGE_URL=url).w, {})
