"""Outputs, written into a folder: whole or not at all."""

import shutil
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from runhook import Conflict, DownloadFailed, Output
from tests.client.conftest import Shop
from tests.conftest import IMAGE

CAT = {"prompt": "a cat"}


def test_every_output_is_written_whole_under_the_jobs_name(shop: Shop, tmp_path: Path) -> None:
    shop.house.sandbox.faults({"fault": "many_outputs", "value": 3})
    job = shop.runhook.submit(IMAGE, CAT)
    shop.ended(job.id)
    done = job.wait(timeout=5)
    folder = tmp_path / "new" / "folder"
    paths = done.download(folder)
    assert [path.name for path in paths] == [f"{job.id}-{n}.png" for n in range(3)]
    for path, output in zip(paths, done.outputs, strict=True):
        assert output.url is not None
        with urllib.request.urlopen(output.url) as answer:
            assert path.read_bytes() == answer.read()
    assert sorted(folder.iterdir()) == sorted(paths)


def test_a_job_is_looked_at_anew_and_one_without_outputs_is_refused(
    shop: Shop, tmp_path: Path
) -> None:
    job = shop.runhook.submit(IMAGE, CAT)
    with pytest.raises(Conflict, match=f"{job.id} is queued and has no outputs"):
        job.download(tmp_path)
    shop.ended(job.id)
    (path,) = job.download(tmp_path)
    assert shop.runhook.download(job.id, tmp_path) == [path]


def test_a_text_is_written_as_one_and_a_strange_type_moves_no_file(
    shop: Shop, tmp_path: Path
) -> None:
    job = shop.runhook.submit(IMAGE, CAT)
    outputs = (
        Output(job=job.id, n=0, text="prose", type="txt"),
        Output(job=job.id, n=1, text="more", type="/../../etc"),
    )
    paths = shop.runhook.download(replace(job, outputs=outputs), tmp_path)
    assert [path.name for path in paths] == [f"{job.id}-0.txt", f"{job.id}-1.txt"]
    assert paths[0].read_text() == "prose"


def test_a_copy_that_is_kept_is_there_when_runninghubs_is_gone(shop: Shop, tmp_path: Path) -> None:
    job = shop.runhook.submit(IMAGE, CAT)
    shop.ended(job.id)
    shop.until(lambda: shop.runhook.get(job).outputs[0].archived_url)
    shop.house.sandbox.faults({"fault": "output_gone"})
    (path,) = job.wait(timeout=5).download(tmp_path / "here")
    with Image.open(path) as picture:
        assert picture.format == "PNG"


def test_a_copy_that_is_gone_is_had_from_runninghub(shop: Shop, tmp_path: Path) -> None:
    job = shop.runhook.submit(IMAGE, CAT)
    shop.ended(job.id)
    shop.until(lambda: shop.runhook.get(job).outputs[0].archived_url)
    shutil.rmtree(tmp_path / "outputs")
    (path,) = job.wait(timeout=5).download(tmp_path / "here")
    with Image.open(path) as picture:
        assert picture.format == "PNG"


@pytest.mark.parametrize("fault", ["output_cut", "output_short", "output_gone"])
def test_what_does_not_come_whole_leaves_nothing(
    shop: Shop, tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runhook.worker.domain.policy.CALL_SECONDS", 1)
    shop.house.sandbox.faults({"fault": fault})
    job = shop.runhook.submit(IMAGE, CAT)
    shop.ended(job.id)
    with pytest.raises(DownloadFailed, match=f"output:{job.id}/0 did not come whole"):
        job.wait(timeout=5).download(tmp_path / "here")
    assert list((tmp_path / "here").iterdir()) == []
