"""Outputs on S3: kept there, and given out from there, against a real server that speaks S3."""

import hashlib
import io
import os
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import s3fs
from moto.server import ThreadedMotoServer

from runhook.config.settings import Settings, SettingsError
from runhook.worker.domain import policy
from runhook.worker.files.place import CHUNK, Place
from runhook.worker.flows.forget import forget
from runhook.worker.wiring import check_storage
from tests.conftest import Build, House

BUCKET = "s3://gallery/of-runhook"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadedMotoServer]:
    """A server with one bucket, which the environment names as AWS's own tools read it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    values = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    s3fs.S3FileSystem().mkdir("gallery")
    yield server
    reset = urllib.request.Request(f"{values['AWS_ENDPOINT_URL']}/moto-api/reset", method="POST")
    urllib.request.urlopen(reset, timeout=5).close()
    server.stop()
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def gallery(build: Build, s3: ThreadedMotoServer) -> House:
    """A house that archives there."""
    return build(RUNHOOK_ARCHIVE="true", RUNHOOK_STORAGE_URL=BUCKET)


def _names() -> list[str]:
    found: list[str] = s3fs.S3FileSystem(use_listings_cache=False).find("gallery")
    return [name.removeprefix("gallery/of-runhook/") for name in found]


def test_what_is_kept_there_is_served_in_parts_and_goes_with_its_job(gallery: House) -> None:
    job = gallery.until(gallery.ask(), "succeeded")
    (output,) = gallery.job(job).attempt.outputs
    assert output.archived
    names = [f"outputs/{job.id}/1-0.png", f"outputs/{job.id}/1-0.thumbnail.webp"]
    assert _names() == names
    client, path = gallery.app.test_client(), f"/v1/jobs/{job.id}/outputs/0"
    whole = client.get(path, buffered=True)
    assert hashlib.sha256(whole.data).hexdigest() == output.archived.sha256
    known = {"If-None-Match": whole.headers["ETag"]}
    part = client.get(path, headers={"Range": "bytes=10-19"}, buffered=True)
    assert (part.status_code, part.data) == (206, whole.data[10:20])
    assert client.get(path, headers=known, buffered=True).status_code == 304
    assert client.get(path, headers={"Range": "bytes=99999999-"}, buffered=True).status_code == 416
    assert client.head(path, buffered=True).headers["Content-Length"] == str(len(whole.data))
    assert client.get(f"{path}/thumbnail").data[8:12] == b"WEBP"
    forget(gallery.w, job.id)
    gallery.settle()
    assert _names() == []


def test_a_part_of_a_large_file_is_read_alone(s3: ThreadedMotoServer) -> None:
    place = Place(BUCKET)
    size = 40 * CHUNK
    with open("/dev/zero", "rb") as zeros:
        place.put("film.bin", _first(zeros, size))
    assert place.size("film.bin") == size
    with place.open("film.bin") as film:
        film.seek(size // 2)
        assert film.read(10) == bytes(10)
        held = film.cache.cache  # type: ignore[attr-defined]  # of fsspec's files
        assert len(held) <= 2 * CHUNK


def test_a_folder_there_is_looked_into_for_the_names_directly_in_it(
    s3: ThreadedMotoServer,
) -> None:
    place = Place(BUCKET)
    assert place.names("marks") == []
    for name in ("marks/a/web", "marks/a/worker", "marks/b/web"):
        place.put(name, io.BytesIO(b"mine"))
    assert (place.names("marks"), place.names("marks/a")) == (["a", "b"], ["web", "worker"])


def _first(file: Any, size: int) -> Any:
    """So many bytes of an endless file."""

    class Part:
        left = size

        def seek(self, _: int) -> int:
            return 0

        def read(self, most: int) -> bytes:
            found: bytes = file.read(min(most, self.left))
            self.left -= len(found)
            return found

    return Part()


def test_it_is_waited_for_while_it_is_away(gallery: House, s3: ThreadedMotoServer) -> None:
    """A bucket that is gone stands for a store that refuses."""
    fs = s3fs.S3FileSystem()
    fs.rm("gallery", recursive=True)
    job = gallery.until(gallery.ask(), "succeeded")
    assert gallery.job(job).attempt.outputs[0].archived or gallery.w.store.upkeep.waiting("archive")
    fs.invalidate_cache()
    if not fs.exists("gallery"):
        fs.mkdir("gallery")
    gallery.later(policy.ARCHIVE_MOST)
    assert gallery.job(job).attempt.outputs[0].archived


def test_one_that_cannot_be_written_stops_the_process_at_its_start(
    s3: ThreadedMotoServer,
) -> None:
    check_storage(Settings.load("client", RUNHOOK_STORAGE_URL=BUCKET))
    host = os.environ["AWS_ENDPOINT_URL"]
    assert urllib.request.urlopen(host, timeout=5).status == 200
    wrong = Settings.load("client", RUNHOOK_STORAGE_URL="s3://Not_A_Bucket!/x")
    with pytest.raises(SettingsError, match=r"^RUNHOOK_STORAGE_URL: it cannot be written"):
        check_storage(wrong)
