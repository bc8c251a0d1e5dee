"""Files: kept once, sent to RunningHub when a job needs them, checked before anything is paid."""

import base64
import io
import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runhook.worker.catalogue import Asset, Reach
from runhook.worker.domain.jobs import State
from runhook.worker.domain.lanes import LANES
from runhook.worker.errors import Conflict, InvalidRequest, ProviderSilent, StorageUnavailable
from runhook.worker.flows import create
from runhook.worker.flows.create import JobRequest
from runhook.worker.flows.steps import prepare
from runhook.worker.net.http import Form
from runhook.worker.runninghub.sandbox.outputs import make
from tests.conftest import Build, House, Sandbox, eventually, provider_at, web_app

VIDU = "vidu/image-to-video-q2-pro"
LIP_SYNC = "kling-lip-sync/identify-face"
PNG = make("image", "a picture", "1")[1]
MP4 = make("video", "a clip", "1")[1]
WAV = make("audio", "a sound", "1")[1]


@pytest.fixture
def kept(build: Build, tmp_path: Path) -> House:
    """A house whose files are in a folder of the test's own."""
    return build(RUNHOOK_STORAGE_URL=f"file://{tmp_path}/kept")


def _keep(house: House, data: bytes, name: str = "x.png") -> Asset:
    return create.keep(house.w, name, io.BytesIO(data))


def _sweep(house: House, days: float) -> None:
    house.clock.advance(days * 86400)
    house.w.store.duties.wake("reconcile", "sweep")
    house.settle()


def _vidu(value: str) -> dict[str, str]:
    return {"prompt": "waves", "imageUrl": value}


def _faults(house: House, model: str, given: dict[str, Any]) -> list[str]:
    with pytest.raises(InvalidRequest) as caught:
        house.ask(model, input=given)
    return [f"{fault.path} {fault.message}" for fault in caught.value.faults]


def test_a_model_gets_the_url_of_the_upload(kept: House) -> None:
    asset = _keep(kept, PNG)
    job = kept.ask(VIDU, input=_vidu(f"asset:{asset.id}"))
    kept.until(job, "succeeded")
    body = kept.sandbox.books()["tasks"][0]["body"]
    assert body["imageUrl"].startswith(f"{kept.sandbox.url}/view/")
    assert kept.job(job).spec.input["imageUrl"] == f"asset:{asset.id}"
    assert list(kept.sandbox.books()["uploads"].values()) == [len(PNG)]


def test_a_node_gets_the_file_name_of_the_upload_it_needs(kept: House) -> None:
    asset = _keep(kept, PNG)
    given = {"52.image": f"asset:{asset.id}", "53.image": f"asset:{asset.id}?upload=old"}
    kept.until(kept.ask("workflow/12", input=given), "succeeded")
    nodes = kept.sandbox.books()["tasks"][0]["body"]["nodeInfoList"]
    values = {node["nodeId"]: node["fieldValue"] for node in nodes}
    assert values["52"].startswith("openapi/")
    assert values["53"].startswith("api/")


def test_assets_in_lists_and_objects_are_sent_too(kept: House) -> None:
    asset = _keep(kept, PNG)
    given = {"prompt": "a", "refImages": [{"type": "image", "url": f"asset:{asset.id}"}]}
    kept.until(kept.ask("skyreels-v4/omni-reference", input=given), "succeeded")
    body = kept.sandbox.books()["tasks"][0]["body"]
    assert body["refImages"][0]["url"].startswith("http")


def test_a_text_that_looks_like_an_asset_stays_a_text(kept: House) -> None:
    asset = _keep(kept, PNG)
    kept.until(kept.ask(prompt=f"asset:{asset.id}"), "succeeded")
    assert kept.sandbox.books()["tasks"][0]["body"]["prompt"] == f"asset:{asset.id}"
    assert kept.sandbox.books()["uploads"] == {}


def test_the_same_content_is_uploaded_once_while_it_lives_there(kept: House) -> None:
    first, again = _keep(kept, PNG, "a.png"), _keep(kept, PNG, "b.png")
    assert first.id == again.id
    for _ in range(3):
        kept.until(kept.ask(VIDU, input=_vidu(f"asset:{first.id}")), "succeeded")
    assert kept.sandbox.calls("/openapi/v2/media/upload/binary") == 1


def test_two_jobs_at_once_upload_it_once_and_the_second_holds_no_place_meanwhile(
    kept: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset = _keep(kept, PNG)
    second = kept.ask(VIDU, input=_vidu(f"asset:{asset.id}"))
    upload = kept.w.client.upload

    def meeting_the_second(name: str, file: Any, size: int, *, old: bool) -> object:
        kept.settle()
        assert kept.job(second).state is State.QUEUED
        return upload(name, file, size, old=old)

    monkeypatch.setattr(kept.w.client, "upload", meeting_the_second)
    prepare.uploaded(kept.w, asset.id, old=False)
    kept.later(5.1)
    kept.until(second, "succeeded")
    assert kept.sandbox.calls("/openapi/v2/media/upload/binary") == 1


@pytest.mark.parametrize(
    ("data", "name", "words"),
    [
        (MP4, "x.png", "is a video (mp4), must be an image"),
        (b"GIF89a" + b"\0" * 100, "x.gif", "must be"),
        (PNG + b"\0" * (50 * 1024 * 1024), "x.png", "at most 50 MB"),
        (b"nothing", "x.bin", "must be an image"),
    ],
)
def test_a_file_of_the_wrong_kind_or_size_is_refused_before_anything_is_paid(
    kept: House, data: bytes, name: str, words: str
) -> None:
    asset = _keep(kept, data, name)
    faults = _faults(kept, VIDU, _vidu(f"asset:{asset.id}"))
    assert len(faults) == 1
    assert words in faults[0]


def test_an_asset_that_is_not_here_is_refused(kept: House) -> None:
    assert "names no asset" in _faults(kept, VIDU, _vidu("asset:" + "0" * 32))[0]
    assert "names no asset" in _faults(kept, "workflow/12", {"6.image": "asset:" + "0" * 32})[0]


def test_a_clip_that_is_too_short_is_refused_in_the_rules_words(kept: House) -> None:
    clip = _keep(kept, MP4, "x.mp4")
    assert clip.media.seconds == 2
    given = {"imageUrl": f"asset:{_keep(kept, PNG).id}", "videoUrl": f"asset:{clip.id}"}
    assert "at least 3 s" in _faults(kept, "kling-v3.0-pro/motion-control", given)[0]


def test_a_data_uri_is_checked_by_its_content(kept: House) -> None:
    good = "data:image/png;base64," + base64.b64encode(PNG).decode()
    kept.ask(VIDU, input=_vidu(good))
    lying = "data:image/png;base64," + base64.b64encode(WAV).decode()
    assert "is an audio file (wav)" in _faults(kept, VIDU, _vidu(lying))[0]


def _uri(data: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64," + base64.b64encode(data).decode()


def test_a_data_uri_is_kept_as_an_asset_and_no_record_holds_it(kept: House) -> None:
    uri = _uri(PNG)
    job = kept.ask(VIDU, input=_vidu(uri))
    name = kept.job(job).spec.input["imageUrl"]
    assert name.startswith("asset:")
    assert kept.w.storage.open(name.removeprefix("asset:")).read() == PNG
    kept.until(job, "succeeded")
    sent = kept.sandbox.books()["tasks"][0]["body"]["imageUrl"]
    assert sent.startswith(f"{kept.sandbox.url}/view/")
    held = [kept.raw.hgetall(f"runhook:job:{job.id}"), kept.raw.xrange("runhook:events")]
    assert uri not in str(held)
    assert name in str(held)


def test_a_data_uri_in_an_object_and_in_a_node_is_kept_too(kept: House) -> None:
    deep = {"prompt": "a", "refImages": [{"type": "image", "url": _uri(PNG)}]}
    job = kept.ask("skyreels-v4/omni-reference", input=deep)
    assert kept.job(job).spec.input["refImages"][0]["url"].startswith("asset:")
    node = kept.ask("workflow/12", input={"52.image": _uri(PNG), "6.text": "data: a cat"})
    given = kept.job(node).spec.input
    assert (given["52.image"][:6], given["6.text"]) == ("asset:", "data: a cat")
    kept.until(job, "succeeded")
    kept.until(node, "succeeded")
    nodes = kept.sandbox.books()["tasks"][1]["body"]["nodeInfoList"]
    assert {row["nodeId"]: row["fieldValue"][:8] for row in nodes}["52"] == "openapi/"


def test_a_text_that_looks_like_a_data_uri_stays_a_text(kept: House) -> None:
    job = kept.ask(prompt=_uri(PNG))
    assert kept.job(job).spec.input["prompt"] == _uri(PNG)


@pytest.mark.parametrize("text", ["####", "AAAAA", "\u00e4\u00e4\u00e4\u00e4"])
def test_a_data_uri_that_cannot_be_read_is_named_where_it_is(kept: House, text: str) -> None:
    bad = f"data:image/png;base64,{text}"
    deep = {"prompt": "a", "refImages": [{"type": "image", "url": bad}]}
    words = "is not valid base64 after its comma"
    assert _faults(kept, VIDU, _vidu(bad)) == [f"input.imageUrl {words}"]
    assert _faults(kept, "workflow/12", {"52.image": bad}) == [f"input.52.image {words}"]
    found = _faults(kept, "skyreels-v4/omni-reference", deep)
    assert found == [f"input.refImages[0].url {words}"]


def test_the_same_key_means_the_same_data_uri_that_was_sent(kept: House) -> None:
    first = JobRequest(model=VIDU, input=_vidu(_uri(PNG)))
    new, job = create.request(kept.w, first, key="order-7")
    again = create.request(kept.w, first, key="order-7")
    assert (new, again[0], again[1].id) == (True, False, job.id)
    with pytest.raises(Conflict):
        create.request(
            kept.w, JobRequest(model=VIDU, input=_vidu(job.spec.input["imageUrl"])), key="order-7"
        )


def test_a_storage_that_does_not_answer_keeps_no_job_with_a_data_uri(build: Build) -> None:
    house = build(RUNHOOK_STORAGE_URL="file:///proc/nowhere")
    before = sorted(house.raw.scan_iter("*"))
    client = web_app(house.w).test_client()
    answer = client.post("/v1/jobs", json={"model": VIDU, "input": _vidu(_uri(PNG))})
    assert answer.status_code == 503
    assert "Nothing is paid" in answer.get_json()["detail"]
    assert sorted(house.raw.scan_iter("*")) == before


def test_what_a_sandbox_made_is_the_next_jobs_input(kept: House) -> None:
    first = kept.until(kept.ask(), "succeeded")
    assert first.attempt.outputs[0].url
    again = kept.ask(VIDU, input=_vidu(first.attempt.outputs[0].url))
    kept.until(again, "succeeded")


@pytest.mark.parametrize(
    "spelling",
    [
        "http://127.0.0.1:1/view/a.png",
        "http://user@{own}/view/a.png",
        "http://{own}@10.0.0.1/view/a.png",
        "http://{own}\\@10.0.0.1/view/a.png",
        "http://{own}.example.com/view/a.png",
        "https://{own}/view/a.png",
        "http://{own}1/view/a.png",
        "//{own}/view/a.png",
    ],
)
def test_nothing_else_on_this_machine_is_an_input_beside_a_sandbox(
    kept: House, spelling: str
) -> None:
    url = spelling.replace("{own}", kept.sandbox.url.removeprefix("http://"))
    assert len(_faults(kept, VIDU, _vidu(url))) == 1


def test_a_base_url_elsewhere_opens_no_private_address() -> None:
    for site in ("http://10.0.0.7:8090", "https://www.runninghub.ai", ""):
        assert not Reach(sandbox=site).is_own(f"{site}/view/a.png")


def test_an_upload_that_fails_is_done_again_and_nothing_is_paid_meanwhile(kept: House) -> None:
    kept.sandbox.faults({"fault": "upload_outage", "times": 1})
    asset = _keep(kept, PNG)
    job = kept.ask(VIDU, input=_vidu(f"asset:{asset.id}"))
    kept.settle()
    assert kept.job(job).state is State.QUEUED
    assert kept.sandbox.accepted() == 0
    kept.later(6)
    kept.until(job, "succeeded")


def test_an_upload_that_is_refused_fails_the_job_free(kept: House) -> None:
    kept.sandbox.faults({"fault": "upload_refused", "value": 809})
    job = kept.ask(VIDU, input=_vidu(f"asset:{_keep(kept, PNG).id}"))
    kept.settle()
    error = kept.job(job).attempt.error
    assert error
    assert (error.code, error.provider_code) == ("rejected", "809")
    assert "nothing was paid" in error.message
    assert kept.sandbox.accepted() == 0


def test_a_file_that_runninghub_never_takes_holds_nobody_up_for_ever(kept: House) -> None:
    kept.sandbox.faults({"fault": "upload_refused", "value": 808})
    job = kept.ask(VIDU, input=_vidu(f"asset:{_keep(kept, PNG).id}"))
    kept.settle()
    kept.until(kept.ask(prompt="behind it"), "succeeded")
    for _ in range(16):
        kept.later(121)
    error = kept.job(job).attempt.error
    assert error
    assert (error.code, error.provider_code) == ("rejected", "808")
    assert "6 times" in error.message
    assert kept.sandbox.accepted() == 1


def test_a_sender_that_died_holds_up_the_others_only_for_a_while(kept: House) -> None:
    asset = _keep(kept, PNG)
    with kept.w.store.assets.uploading(asset.id, "new") as beat:
        assert beat
        with kept.w.store.assets.uploading(asset.id, "new") as second:
            assert second is None
        key = next(iter(kept.raw.scan_iter("runhook:uploading:*")))
        assert 0 < kept.raw.ttl(key) <= 90
    assert not list(kept.raw.scan_iter("runhook:uploading:*"))


def test_a_file_that_was_lost_from_the_storage_fails_the_job_free(
    kept: House, tmp_path: Path
) -> None:
    asset = _keep(kept, PNG)
    job = kept.ask(VIDU, input=_vidu(f"asset:{asset.id}"))
    (tmp_path / "kept" / "assets" / asset.id).unlink()
    kept.settle()
    error = kept.job(job).attempt.error
    assert error
    assert (error.code, kept.sandbox.accepted()) == ("asset", 0)


def test_a_storage_that_is_away_is_waited_for_a_while(kept: House, tmp_path: Path) -> None:
    asset = _keep(kept, PNG)
    first, second = (kept.ask(VIDU, input=_vidu(f"asset:{asset.id}")) for _ in range(2))
    file = tmp_path / "kept" / "assets" / asset.id
    file.rename(tmp_path / "aside")
    file.mkdir()  # neither there nor gone
    kept.settle()
    kept.later(6)
    assert kept.job(first).state is State.QUEUED
    file.rmdir()
    (tmp_path / "aside").rename(file)
    for _ in range(3):
        kept.later(60)
    kept.until(first, "succeeded")
    kept.until(second, "succeeded")


def test_files_that_nobody_used_are_removed_with_their_records(kept: House, tmp_path: Path) -> None:
    asset = _keep(kept, PNG)
    kept.w.store.duties.wake("reconcile", "sweep")
    kept.settle()
    assert (tmp_path / "kept" / "assets" / asset.id).exists()
    kept.later(31 * 86400)
    assert not (tmp_path / "kept" / "assets" / asset.id).exists()
    assert kept.w.store.assets.many([asset.id]) == {}


def test_a_file_stays_as_long_as_a_job_that_needs_it_has_not_ended(kept: House) -> None:
    asset = _keep(kept, PNG)
    kept.w.store.queue.pause(True)
    job = kept.ask(VIDU, input=_vidu(f"asset:{asset.id}"))
    for _ in range(3):
        _sweep(kept, days=20)
    kept.w.store.queue.pause(False)
    kept.until(job, "succeeded")
    _sweep(kept, days=31)
    assert kept.w.store.assets.many([asset.id]) == {}


def test_no_file_is_removed_while_a_job_that_may_need_it_cannot_be_read(kept: House) -> None:
    asset = _keep(kept, PNG)
    kept.w.store.queue.pause(True)
    job = kept.ask()
    kept.raw.hset(f"runhook:job:{job.id}", "ask", b'{"v": 99}')
    _sweep(kept, days=31)
    assert asset.id in kept.w.store.assets.many([asset.id])


def test_no_upload_counts_on_a_file_that_is_being_removed(
    kept: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset, remove = _keep(kept, PNG), kept.w.storage.remove

    def as_it_comes_again(asset_id: str) -> None:
        with pytest.raises(StorageUnavailable, match="this very file is being removed"):
            _keep(kept, PNG)
        with pytest.raises(InvalidRequest):
            kept.ask(VIDU, input=_vidu(f"asset:{asset.id}"))
        remove(asset_id)

    with monkeypatch.context() as patched:
        patched.setattr(kept.w.storage, "remove", as_it_comes_again)
        _sweep(kept, days=31)
    assert not list(kept.raw.scan_iter("runhook:asset*"))
    assert _keep(kept, PNG) == replace(asset, created_at=kept.clock.now())
    assert (tmp_path / "kept" / "assets" / asset.id).exists()


def test_a_file_that_came_again_since_it_was_looked_at_is_not_removed(
    kept: House, tmp_path: Path
) -> None:
    asset = _keep(kept, PNG)
    kept.clock.advance(31 * 86400)
    ((_, used),) = kept.w.store.assets.unused_since(kept.clock.now(), 9)
    _keep(kept, PNG)
    assert not kept.w.store.assets.let_go(asset.id, used)
    assert kept.w.store.assets.many([asset.id])


def test_a_file_that_another_sweep_removes_is_left_to_it(kept: House) -> None:
    """It may be done first, and the file here again."""
    asset = _keep(kept, PNG)
    kept.clock.advance(31 * 86400)
    ((_, used),) = kept.w.store.assets.unused_since(kept.clock.now(), 9)
    assert kept.w.store.assets.let_go(asset.id, used)
    assert not kept.w.store.assets.let_go(asset.id, used)


def test_a_sweep_holds_its_duty_for_as_long_as_removing_takes(
    kept: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    _keep(kept, PNG)
    lane, removed = replace(LANES["reconcile"], lease=1.0), []
    monkeypatch.setitem(LANES, "reconcile", lane)

    def slow(asset_id: str) -> None:
        over = kept.raw.zscore("runhook:due:reconcile", "sweep")
        kept.clock.advance(lane.lease)
        eventually(lambda: kept.raw.zscore("runhook:due:reconcile", "sweep") > over)
        removed.append(asset_id)

    monkeypatch.setattr(kept.w.storage, "remove", slow)
    _sweep(kept, days=31)
    assert removed


def test_a_file_that_comes_again_is_said_to_be_as_it_was_first_kept(kept: House) -> None:
    first = _keep(kept, PNG, "first.png")
    kept.clock.advance(3600)
    assert _keep(kept, PNG, "again.png") == kept.w.store.assets.get(first.id) == first


def test_a_large_file_is_streamed_and_memory_stays_flat(kept: House, tmp_path: Path) -> None:
    """The sandbox runs in this process too, so it is not asked; a sink counts what comes."""
    import resource
    import socket

    size = 300 * 1024 * 1024
    sink = socket.create_server(("127.0.0.1", 0))
    seen: list[int] = []

    def count() -> None:
        connection, _ = sink.accept()
        with connection:
            taken, piece = 0, memoryview(bytearray(1024 * 1024))
            while taken < size:
                got = connection.recv_into(piece)
                if not got:
                    break
                taken += got
            seen.append(taken)
            body = b'{"code":0,"message":"success","data":{"fileName":"a","download_url":"b"}}'
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    thread = threading.Thread(target=count, daemon=True)
    thread.start()
    path = tmp_path / "large.bin"
    path.touch()
    os.truncate(path, size)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with path.open("rb") as file:
        asset = create.keep(kept.w, "large.bin", file)
    provider_at(kept.w, f"http://127.0.0.1:{sink.getsockname()[1]}")
    with kept.w.storage.open(asset.id) as stored:
        assert kept.w.client.upload("large.bin", stored, size).url == "b"
    thread.join(10)
    assert seen[0] >= size
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 60 * 1024, f"{grown} KiB"


def test_two_accounts_share_no_upload(kept: House, build: Build, sandbox: Sandbox) -> None:
    asset = _keep(kept, PNG)
    prepare.uploaded(kept.w, asset.id, old=False)
    other = build(RUNHOOK_STORAGE_URL=kept.w.settings.storage_url, RUNNINGHUB_API_KEY="another-key")
    prepare.uploaded(other.w, asset.id, old=False)
    assert sandbox.calls("/openapi/v2/media/upload/binary") == 2


@pytest.mark.parametrize(
    "url", ["http://elsewhere.example/a", "https://127.0.0.%31/a", "file:///a"]
)
def test_a_file_goes_to_no_private_address_and_not_over_http_because_runninghub_says_so(
    house: House, url: str
) -> None:
    with pytest.raises(ProviderSilent, match="for the upload"):
        house.w.client.put(url, Form({}, "a", io.BytesIO(b"a"), 1))
