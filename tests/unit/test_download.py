"""Files that RunningHub reported: all of them, going on where they break off, from nowhere else."""

import io
import os
from collections.abc import Iterator
from typing import Any

import pytest

from runhook.worker.net import download
from runhook.worker.net.download import Downloads, NoRoom, NotFetched
from tests.file_server import FileServer, Giving, a_file_server

DATA = os.urandom(300_000)
ELSEWHERE = "http://127.0.0.1:9"  # where RunningHub is asked, when files lie on another server
LARGEST = 10**7


@pytest.fixture
def server() -> Iterator[FileServer]:
    """One that gives out DATA."""
    with a_file_server(DATA) as found:
        yield found


def _downloads(base: str, **settings: Any) -> Downloads:
    return Downloads(base, **{"allow_private": False, "https_only": False, **settings})


def _fetched(server: FileServer, largest: int = LARGEST) -> bytes:
    file = io.BytesIO()
    _downloads(server.base).fetch(server.url, file, largest)
    return file.getvalue()


def _missed(downloads: Downloads, url: str, largest: int = LARGEST) -> NotFetched:
    with pytest.raises(NotFetched) as caught:
        downloads.fetch(url, io.BytesIO(), largest)
    return caught.value


def test_a_whole_file_comes_in_one_connection(server: FileServer) -> None:
    assert _fetched(server) == DATA
    assert server.asked == [None]


def test_it_goes_on_where_it_broke_off(server: FileServer) -> None:
    server.gives(Giving(after=100_000), Giving(after=50_000), Giving())
    assert _fetched(server) == DATA
    assert server.asked == [None, "bytes=100000-", "bytes=150000-"]


def test_it_begins_anew_where_no_part_can_be_asked_for(server: FileServer) -> None:
    server.gives(Giving(after=100_000), Giving(ranges=False))
    assert _fetched(server) == DATA


def test_it_begins_anew_where_the_file_is_another_by_now(server: FileServer) -> None:
    server.gives(Giving(after=100_000, headers={"ETag": '"before"'}), Giving())
    assert _fetched(server) == DATA


def test_one_without_a_length_is_whole_when_the_connection_ends(server: FileServer) -> None:
    server.gives(Giving(length=False))
    assert _fetched(server) == DATA


def test_one_that_brings_nothing_is_left_for_later(server: FileServer) -> None:
    server.gives(Giving(after=0))
    missed = _missed(_downloads(server.base), server.url)
    assert not missed.final
    assert len(server.asked) == 1


def test_one_that_breaks_off_again_and_again_is_left_for_later(server: FileServer) -> None:
    server.gives(Giving(after=10))
    missed = _missed(_downloads(server.base), server.url)
    assert not missed.final
    assert len(server.asked) == download.CONNECTIONS


@pytest.mark.parametrize("status", [403, 404, 410, 429, 500, 503])
def test_a_status_without_a_file_brings_none(server: FileServer, status: int) -> None:
    server.gives(Giving(status=status))
    missed = _missed(_downloads(server.base), server.url)
    assert (str(missed), missed.final) == (f"HTTP {status}", False)


@pytest.mark.parametrize("length", [True, False])
def test_no_more_is_taken_than_is_kept(server: FileServer, length: bool) -> None:
    server.gives(Giving(length=length))
    missed = _missed(_downloads(server.base), server.url, 1000)
    assert missed.final
    assert "1000 bytes" in str(missed)


def test_what_is_packed_is_not_taken_for_the_file(server: FileServer) -> None:
    server.gives(Giving(headers={"Content-Encoding": "gzip"}))
    assert "compressed" in str(_missed(_downloads(server.base), server.url))


def test_a_private_address_is_dialled_only_where_runninghub_itself_is_asked(
    server: FileServer,
) -> None:
    missed = _missed(_downloads(ELSEWHERE), server.url)
    assert "private address" in str(missed)
    assert server.asked == []
    file = io.BytesIO()
    _downloads(ELSEWHERE, allow_private=True).fetch(server.url, file, LARGEST)
    assert file.getvalue() == DATA


def test_a_redirect_is_judged_like_the_first_url(server: FileServer) -> None:
    with a_file_server(DATA) as private:
        server.gives(Giving(status=302, headers={"Location": private.url}))
        assert "private address" in str(_missed(_downloads(server.base), server.url))
        assert private.asked == []
    server.gives(Giving(status=302, headers={"Location": "/other.png"}), Giving())
    assert _fetched(server) == DATA
    server.gives(Giving(status=302, headers={"Location": "/file.png"}))
    assert "redirected" in str(_missed(_downloads(server.base), server.url))
    server.gives(Giving(status=302, headers={"Location": "file:///etc/passwd"}))
    assert _missed(_downloads(server.base), server.url)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://example.com/a", "http://", "", "data:,x", "//a/b"]
)
def test_what_is_no_url_of_the_web_is_not_fetched(url: str) -> None:
    assert _missed(_downloads(ELSEWHERE), url)


def test_a_url_with_credentials_is_not_taken() -> None:
    assert _missed(_downloads(ELSEWHERE), "https://key@example.com/a.png").final


def test_one_that_could_be_changed_on_the_way_is_not_fetched(server: FileServer) -> None:
    missed = _missed(_downloads(ELSEWHERE, allow_private=True, https_only=True), server.url)
    assert "RUNHOOK_HTTPS_ONLY" in str(missed)
    assert server.asked == []


def test_one_that_drips_is_given_up(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "STALL", 0.3)
    server.gives(Giving(drip=0.05))
    assert "slowly" in str(_missed(_downloads(server.base), server.url))


def test_a_full_disk_is_said_as_what_it_is(server: FileServer) -> None:
    class Full(io.BytesIO):
        def write(self, _: Any) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(NoRoom, match="No space left"):
        _downloads(server.base).fetch(server.url, Full(), LARGEST)
