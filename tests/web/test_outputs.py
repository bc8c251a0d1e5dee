"""/v1/jobs/{id}/outputs/{n}: the file that is kept, in parts and with care, else where it is."""

import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image

from runhook.webhook.edge.limits import GIVING
from runhook.worker.domain import moves
from runhook.worker.domain.jobs import Job
from runhook.worker.store import Change
from tests.bodies import asked
from tests.conftest import SHOP, Build, House

DAY = 86400.0
TEXT = "kling-lip-sync/tts"
SOUND = "minimax/speech-2.8-hd"
FILM = "vidu/text-to-video-q3-turbo"
SHAPE = "hunyuan3d-v3.1/text-to-3d"


class Gallery:
    """A web over a house that archives, and one job with an output."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.client: FlaskClient = house.app.test_client()

    def ended(self, **more: Any) -> Job:
        """A job that succeeded."""
        return self.house.until(self.house.ask(**more), "succeeded")

    def get(self, job: Job, path: str = "0", **headers: str) -> Any:
        """A whole answer about an output."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        where = f"/v1/jobs/{job.id}/outputs/{path}"
        return self.client.get(where, headers=names, buffered=True)


@pytest.fixture
def open_gallery(build: Build, tmp_path: Path) -> Callable[..., Gallery]:
    """Builds one."""

    def make(**settings: Any) -> Gallery:
        values = {"RUNHOOK_ARCHIVE": "true", "RUNHOOK_STORAGE_URL": f"file://{tmp_path}/kept"}
        return Gallery(build(**{**values, **settings}))

    return make


@pytest.fixture
def gallery(open_gallery: Callable[..., Gallery]) -> Gallery:
    """One with the usual settings."""
    return open_gallery()


@pytest.fixture(autouse=True)
def no_place_is_kept() -> Iterator[None]:
    """Whatever was answered, its place was given back; those before may have left answers open."""
    before = GIVING._taken.total()
    yield
    assert GIVING._taken.total() <= before


def test_the_file_comes_whole_and_says_what_it_is(gallery: Gallery) -> None:
    job = gallery.ended()
    kept = gallery.house.job(job).attempt.outputs[0].archived
    assert kept
    answer = gallery.get(job)
    assert answer.status_code == 200
    assert hashlib.sha256(answer.data).hexdigest() == kept.sha256
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["Content-Length"] == str(kept.size)
    assert answer.headers["ETag"] == f'"{kept.sha256}"'
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "sandbox"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["Content-Disposition"] == f'inline; filename="{job.id}-1-0.png"'


@pytest.mark.parametrize(
    ("wanted", "part"),
    [
        ("bytes=0-9", slice(0, 10)),
        ("bytes=100-", slice(100, None)),
        ("bytes=-7", slice(-7, None)),
        ("bytes=5-5", slice(5, 6)),
        ("bytes=0-99999999", slice(0, None)),
        ("bytes=-99999999", slice(0, None)),
        (f"bytes=0-{'9' * 23}", slice(0, None)),
        (f"bytes=-{'9' * 5000}", slice(0, None)),
    ],
)
def test_a_part_comes_alone(gallery: Gallery, wanted: str, part: slice) -> None:
    job = gallery.ended()
    whole = gallery.get(job).data
    answer = gallery.get(job, Range=wanted)
    assert (answer.status_code, answer.data) == (206, whole[part])
    first = range(len(whole))[part][0]
    last = first + len(answer.data) - 1
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{len(whole)}"
    assert answer.headers["Content-Length"] == str(len(answer.data))


def test_a_part_beyond_its_end_is_416_with_its_length(gallery: Gallery) -> None:
    job = gallery.ended()
    size = len(gallery.get(job).data)
    answer = gallery.get(job, Range=f"bytes={size}-")
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{size}"
    assert answer.content_type == "application/problem+json"


@pytest.mark.parametrize(
    "wanted", ["bytes=0-1,5-6", "items=0-1", "bytes=a-b", "bytes=", "bytes=" + "9" * 5000 + "-"]
)
def test_what_is_no_single_part_is_answered_with_the_whole(gallery: Gallery, wanted: str) -> None:
    job = gallery.ended()
    whole = gallery.get(job).data
    answer = gallery.get(job, Range=wanted)
    assert (answer.status_code, answer.data) == (200, whole)


def test_who_wants_another_file_gets_none(gallery: Gallery) -> None:
    job = gallery.ended()
    answer = gallery.get(job, If_Match='"another"')
    assert (answer.status_code, answer.content_type) == (412, "application/problem+json")
    assert answer.get_json()["detail"].startswith("it is not as If-Match")
    assert gallery.get(job, If_Match=gallery.get(job).headers["ETag"]).status_code == 200


def test_a_part_of_what_may_be_another_file_is_not_given(gallery: Gallery) -> None:
    job = gallery.ended()
    tag = gallery.get(job).headers["ETag"]
    assert gallery.get(job, If_Range=f"W/{tag}", Range="bytes=0-9").status_code == 200


def test_who_has_it_already_is_told_so(gallery: Gallery) -> None:
    job = gallery.ended()
    tag = gallery.get(job).headers["ETag"]
    answer = gallery.get(job, If_None_Match=tag)
    assert (answer.status_code, answer.data) == (304, b"")
    assert gallery.get(job, If_None_Match='"another"').status_code == 200
    assert gallery.get(job, If_Range='"another"', Range="bytes=0-9").status_code == 200
    assert gallery.get(job, If_Range=tag, Range="bytes=0-9").status_code == 206


@pytest.mark.parametrize("part", ["bytes=0-9", "bytes=99999999-"])
def test_who_has_it_already_or_wants_another_gets_no_part(gallery: Gallery, part: str) -> None:
    job = gallery.ended()
    tag = gallery.get(job).headers["ETag"]
    answer = gallery.get(job, If_None_Match=tag, Range=part)
    assert (answer.status_code, answer.data) == (304, b"")
    assert gallery.get(job, If_Match='"another"', Range=part).status_code == 412
    assert gallery.get(job, If_None_Match='"another"', Range="bytes=0-9").status_code == 206


def test_head_says_the_same_without_the_file(gallery: Gallery) -> None:
    job = gallery.ended()
    whole = gallery.get(job)
    answer = gallery.client.head(f"/v1/jobs/{job.id}/outputs/0", buffered=True)
    assert (answer.status_code, answer.data) == (200, b"")
    for name in ("Content-Length", "ETag", "Content-Type", "Accept-Ranges"):
        assert answer.headers[name] == whole.headers[name]


def test_its_thumbnail_is_a_small_webp(gallery: Gallery) -> None:
    job = gallery.ended()
    answer = gallery.get(job, "0/thumbnail")
    assert (answer.status_code, answer.content_type) == (200, "image/webp")
    assert answer.headers["Content-Security-Policy"] == "sandbox"
    with Image.open(io.BytesIO(answer.data)) as small:
        assert max(small.size) <= 320
    tag = answer.headers["ETag"]
    assert gallery.get(job, "0/thumbnail", If_None_Match=tag).status_code == 304
    sound = gallery.ended(**asked(SOUND))
    assert gallery.get(sound, "0/thumbnail").status_code == 404


def test_a_film_without_a_poster_says_what_one_takes(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    answer = gallery.get(gallery.ended(**asked(FILM)), "0/thumbnail")
    assert answer.status_code == 404
    assert "ffmpeg" in answer.get_json()["detail"]


def test_what_a_browser_might_run_is_saved_and_not_shown(gallery: Gallery) -> None:
    job = gallery.ended(**asked(SHAPE))
    answer = gallery.get(job)
    assert answer.content_type == "model/gltf-binary"
    assert answer.headers["Content-Disposition"].startswith("attachment; ")


def test_what_is_not_kept_here_is_where_runninghub_has_it_while_it_does(
    open_gallery: Callable[..., Gallery],
) -> None:
    gallery = open_gallery(RUNHOOK_ARCHIVE="false")
    job = gallery.ended()
    answer = gallery.get(job)
    assert answer.status_code == 302
    assert answer.headers["Location"] == gallery.house.job(job).attempt.outputs[0].url
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    gallery.house.clock.advance(DAY + 1)
    gone = gallery.get(job)
    assert (gone.status_code, gone.content_type) == (410, "application/problem+json")


@pytest.mark.parametrize(
    "url",
    [
        *("javascript:alert(1)", "file:///etc/passwd", "//evil.example/x", "x.png"),
        *("http://a.example/\r\nSet-Cookie: a=b", "http://[::1", "http:///x"),
    ],
)
def test_a_browser_is_sent_to_no_url_but_one_of_the_web(
    open_gallery: Callable[..., Gallery], url: str
) -> None:
    gallery = open_gallery(RUNHOOK_ARCHIVE="false")
    job, now = gallery.ended(), gallery.house.clock.now()

    def reported(job: Job) -> Change:
        outputs = tuple(replace(output, url=url) for output in job.attempt.outputs)
        return Change(job=moves.with_attempt(job, 1, now, outputs=outputs))

    gallery.house.w.store.jobs.change(job.id, reported)
    answer = gallery.get(job)
    assert (answer.status_code, answer.headers.get("Location")) == (410, None)


def test_a_copy_that_somebody_removed_is_no_error_while_the_original_lives(
    gallery: Gallery, tmp_path: Path
) -> None:
    job = gallery.ended()
    for file in (tmp_path / "kept" / "outputs" / job.id).iterdir():
        file.unlink()
    assert gallery.get(job).status_code == 302
    assert gallery.get(job, "0/thumbnail").status_code == 404
    gallery.house.clock.advance(DAY + 1)
    assert gallery.get(job).status_code == 410


def test_a_text_is_said_at_once(gallery: Gallery) -> None:
    job = gallery.ended(**asked(TEXT, text="<script>alert(1)</script>"))
    answer = gallery.get(job)
    assert (answer.status_code, answer.content_type) == (200, "text/plain; charset=utf-8")
    assert b"<script>" in answer.data
    assert answer.headers["Content-Security-Policy"] == "sandbox"


def test_what_is_not_there_is_404_and_what_is_wrong_422(gallery: Gallery) -> None:
    job = gallery.ended()
    for path in ("1", "-1", "x", "99999999999999999999", "0?attempt=2", "1/thumbnail"):
        assert gallery.get(job, path).status_code == 404, path
    for path in ("0?attempt=x", "0?size=3", "0?attempt=99999"):
        assert gallery.get(job, path).status_code == 422, path
    nobody = gallery.client.get(f"/v1/jobs/job_{'0' * 28}/outputs/0")
    assert nobody.status_code == 404


def test_an_earlier_attempts_output_is_had_by_its_number(gallery: Gallery) -> None:
    job = gallery.ended()
    assert gallery.get(job, "0?attempt=1").data == gallery.get(job).data


def test_more_at_once_than_there_are_places_are_told_to_come_again(gallery: Gallery) -> None:
    job = gallery.ended()
    where = f"/v1/jobs/{job.id}/outputs/0"
    held = [gallery.client.get(where) for _ in range(GIVING.each)]
    full = gallery.get(job)
    assert (full.status_code, full.headers["Retry-After"]) == (503, "5")
    for answer in held:
        answer.close()
    assert gallery.get(job).status_code == 200


def test_a_tenants_token_has_its_own_tenants_files_alone(
    open_gallery: Callable[..., Gallery],
) -> None:
    gallery = open_gallery(RUNHOOK_API_TOKENS=f"shop:{SHOP}:submit")
    mine, theirs = gallery.ended(tenant="shop"), gallery.ended(tenant="other")
    token = {"Authorization": f"Bearer {SHOP}"}
    assert gallery.get(mine, **token).status_code == 200
    for path in ("0", "0/thumbnail"):
        assert gallery.get(theirs, path, **token).status_code == 404
    assert gallery.client.delete(f"/v1/jobs/{theirs.id}", headers=token).status_code == 404
    assert gallery.get(mine).status_code == 401


def test_a_job_is_forgotten_by_delete(gallery: Gallery) -> None:
    job = gallery.ended()
    queued = gallery.house.ask()
    assert gallery.client.delete(f"/v1/jobs/{queued.id}").status_code == 409
    answer = gallery.client.delete(f"/v1/jobs/{job.id}")
    assert (answer.status_code, answer.data) == (204, b"")
    assert gallery.client.get(f"/v1/jobs/{job.id}").status_code == 404
    assert gallery.get(job).status_code == 404
    assert gallery.client.delete(f"/v1/jobs/{job.id}").status_code == 404
