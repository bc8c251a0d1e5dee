"""Who keeps files in a place: all processes of one installation, and nobody of another."""

import json
from pathlib import Path

import pytest

from runhook.worker.files.marks import Marks
from runhook.worker.files.place import Place
from runhook.worker.flows.doctor import examine
from runhook.worker.flows.steps.storing import keep_files
from runhook.worker.wiring import Wiring
from tests.conftest import Build


def _said(w: Wiring) -> list[str]:
    return [finding.says for finding in examine(w, {}) if finding.what == "storage"]


def test_processes_that_keep_files_in_one_place_are_fine(build: Build, tmp_path: Path) -> None:
    w = build(RUNHOOK_STORAGE_URL=f"file://{tmp_path}").w
    for role in ("worker", "web", "worker"):
        keep_files(w, role)
    assert _said(w) == []
    installation = w.store.installation.named()
    assert (tmp_path / "marks" / installation / "web").read_text().startswith("web of runhook on ")


def test_a_web_that_keeps_files_where_the_worker_does_not_look_is_named_at_its_start(
    build: Build, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep_files(build(RUNHOOK_STORAGE_URL=f"file://{tmp_path}/a").w, "web")
    capsys.readouterr()
    worker = build(RUNHOOK_STORAGE_URL=f"file://{tmp_path}/b").w
    keep_files(worker, "worker")
    said = "web kept files in another place than this one"
    (line,) = [json.loads(line) for line in capsys.readouterr().err.splitlines() if "why" in line]
    assert (line["event"], line["why"]) == ("storage.not_ours_alone", said)
    assert _said(worker) == [said]
    keep_files(build(RUNHOOK_STORAGE_URL=f"file://{tmp_path}/b").w, "web")
    assert _said(worker) == [], "it was started again with the same place"


def test_another_installation_in_the_same_place_is_named_by_its_mark(
    build: Build, tmp_path: Path
) -> None:
    Marks(Place(f"file://{tmp_path}")).leave("0ther", "worker", "worker of runhook on far\n")
    w = build(RUNHOOK_STORAGE_URL=f"file://{tmp_path}").w
    keep_files(w, "worker")
    assert _said(w) == ["another installation keeps its files here too: marks/0ther"]


def test_a_doctor_before_the_first_start_leaves_no_mark_and_no_name(
    build: Build, tmp_path: Path
) -> None:
    house = build(RUNHOOK_STORAGE_URL=f"file://{tmp_path}")
    assert _said(house.w) == []
    assert list(tmp_path.iterdir()) == []
    assert not house.raw.exists("runhook:installation")
