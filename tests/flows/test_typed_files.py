"""Files named on the command line: what could go on for ever is refused, and nothing is kept."""

import io
import os
import threading
from pathlib import Path

import click
import pytest

from runhook import Runhook
from runhook.worker.cli.inputs import (
    LARGEST_FILE,
    LARGEST_JSON,
    from_file,
    job_lines,
    keep_file,
    option,
)
from runhook.worker.client.in_process import InProcess
from runhook.worker.domain.typed import exactly, guess
from tests.conftest import House


def _runhook(house: House) -> Runhook:
    return Runhook(transport=InProcess(5, lambda: house.w))


def _nothing_kept(house: House) -> bool:
    return not house.raw.exists("runhook:assets")


def test_a_device_is_no_file(house: House) -> None:
    with pytest.raises(click.UsageError, match="/dev/zero is not a regular file"):
        keep_file(_runhook(house), Path("/dev/zero"))
    with pytest.raises(click.UsageError, match="/dev/zero is not a regular file"):
        option("workflow", "@/dev/zero")
    assert _nothing_kept(house)


def test_a_pipe_is_refused_and_not_waited_for(house: House, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for name in ("pipe", "link"):
        with pytest.raises(click.UsageError, match="not a regular file"):
            keep_file(_runhook(house), tmp_path / name)
    assert _nothing_kept(house)


def test_a_huge_file_is_refused_before_a_byte_is_read(house: House, tmp_path: Path) -> None:
    huge = tmp_path / "huge.mp4"
    huge.touch()
    os.truncate(huge, LARGEST_FILE + 1)  # without its blocks
    with pytest.raises(click.UsageError, match="over 2048 MiB"):
        keep_file(_runhook(house), huge)
    with pytest.raises(click.UsageError, match="over 64 MiB"):
        from_file(io.BytesIO(b" " * (LARGEST_JSON + 1)))
    assert _nothing_kept(house)


def test_a_number_that_json_cannot_keep_is_refused_in_a_file_and_stays_text_where_it_is_typed(
    house: House,
) -> None:
    beyond = "99999999999999999999"
    with pytest.raises(click.UsageError, match=r"o\.seed: is a whole number of more than 64 bits"):
        from_file(io.BytesIO(b'{"o": {"seed": %s}}' % beyond.encode()))
    with pytest.raises(click.UsageError, match="--input must be a JSON object"):
        from_file(io.BytesIO(b"[]"))
    for text in (beyond, f'{{"id": {beyond}}}', f"[{beyond}]"):
        assert (guess(text), exactly(text)) == (text, text)
    assert guess(beyond[1:]) == int(beyond[1:])


def test_a_file_that_grows_while_it_is_read_ends_where_it_ended(
    house: House, tmp_path: Path
) -> None:
    growing, stop = tmp_path / "growing.log", threading.Event()
    growing.write_bytes(b"x" * 1024)

    def grow() -> None:
        with growing.open("ab", buffering=0) as file:
            while not stop.is_set():
                file.write(b"y" * 65536)
                if file.tell() > 50_000_000:
                    return

    writer = threading.Thread(target=grow)
    writer.start()
    size = growing.stat().st_size
    asset = keep_file(_runhook(house), growing)
    stop.set()
    writer.join()
    assert size <= (asset.size or 0) <= growing.stat().st_size


def test_a_link_to_a_file_is_that_file(house: House, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "b.txt").symlink_to(tmp_path / "a.txt")
    assert (
        keep_file(_runhook(house), tmp_path / "b.txt").id
        == keep_file(_runhook(house), tmp_path / "a.txt").id
    )


def test_a_batch_without_line_ends_is_refused_where_a_line_is_too_long() -> None:
    lines = job_lines(io.BytesIO(b"{}\n\n[]\n" + b"0" * (LARGEST_JSON + 1)))
    assert [next(lines), next(lines), next(lines)] == [b"{}\n", b"\n", b"[]\n"]
    with pytest.raises(click.UsageError, match="over 64 MiB; nothing was sent"):
        next(lines)
