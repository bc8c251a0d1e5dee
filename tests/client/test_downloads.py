"""Outputs, written into a folder: whole or not at all."""

import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from runhook import DownloadFailed, Output
from tests.client.between import answering
from tests.client.conftest import Shop
from tests.conftest import IMAGE

CAT = {"prompt": "a cat"}


def test_every_output_is_written_whole_under_the_jobs_name(shop: Shop, tmp_path: Path) -> None:
    shop.house.sandbox.faults({"fault": "many_outputs", "value": 3})
    job = shop.runhook.submit(IMAGE, CAT)
    shop.ended(job.id)
    done = job.wait(timeout=5)
    paths = done.download(tmp_path / "new" / "folder")
    assert [path.name for path in paths] == [f"{job.id}-{n}.png" for n in range(3)]
    for path, output in zip(paths, done.outputs, strict=True):
        assert output.url is not None
        with urllib.request.urlopen(output.url) as answer:
            assert path.read_bytes() == answer.read()
    assert sorted((tmp_path / "new" / "folder").iterdir()) == sorted(paths)


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


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_what_does_not_come_whole_leaves_nothing(
    shop: Shop, tmp_path: Path, answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runhook.worker.domain.policy.CALL_SECONDS", 1)
    job = shop.runhook.submit(IMAGE, CAT)
    with answering(answer) as url:
        outputs = (Output(job=job.id, n=0, url=f"{url}/x.png", type="png"),)
        with pytest.raises(DownloadFailed, match=f"output:{job.id}/0 did not come whole"):
            shop.runhook.download(replace(job, outputs=outputs), tmp_path)
    assert list(tmp_path.iterdir()) == []
