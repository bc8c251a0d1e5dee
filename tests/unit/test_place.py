"""A place of files: one alone waits for it when it hangs, and every process must find its files."""

from pathlib import Path

import fsspec
import pytest

from runhook.worker.domain import policy
from runhook.worker.errors import NotFound, StorageUnavailable
from runhook.worker.files.answering import Answering, Hangs
from runhook.worker.files.place import Place


@pytest.fixture(autouse=True)
def whatever_fails_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """In these tests nobody waits for five seconds."""
    monkeypatch.setattr(policy, "STORAGE_HANGS", 0.0)


def _fails(answering: Answering) -> None:
    with pytest.raises(TimeoutError), answering.asked():
        raise TimeoutError


def test_once_it_hangs_nobody_waits_for_it() -> None:
    answering = Answering()
    _fails(answering)
    with pytest.raises(Hangs), answering.asked():
        raise AssertionError("nobody asks")


def test_one_alone_tries_it_again_and_with_its_answer_all_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(policy, "STORAGE_LEFT_ALONE", 0.0)
    answering = Answering()
    _fails(answering)
    with answering.asked(), pytest.raises(Hangs), answering.asked():
        raise AssertionError("one is trying")
    with answering.asked(), answering.asked():
        pass


def test_who_tries_it_in_vain_keeps_nobody_from_trying_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(policy, "STORAGE_LEFT_ALONE", 0.0)
    monkeypatch.setattr(policy, "STORAGE_TRIED", 0.0)
    answering = Answering()
    _fails(answering)
    with answering.asked(), answering.asked():
        pass


def test_what_is_refused_at_once_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "STORAGE_HANGS", 60.0)
    answering = Answering()
    _fails(answering)
    with answering.asked():
        pass


def test_of_those_who_ask_a_place_that_hangs_the_second_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(f"file://{tmp_path}")
    monkeypatch.setattr(fsspec.get_filesystem_class("file"), "info", _nothing)
    with pytest.raises(StorageUnavailable, match="nothing came"):
        place.size("a")
    with pytest.raises(StorageUnavailable, match="tried again in some seconds"):
        place.open("a")


def test_a_file_that_is_not_there_is_an_answer(tmp_path: Path) -> None:
    place = Place(f"file://{tmp_path}")
    for _ in range(2):
        assert place.size("a") is None
        with pytest.raises(NotFound):
            place.open("a")
        place.remove("a")


def test_what_no_other_process_would_find_is_no_place_of_files() -> None:
    with pytest.raises(ValueError, match="no other would find"):
        Place("memory://kept").check()


def _nothing(*_: object) -> None:
    raise TimeoutError("nothing came")


def test_a_place_without_a_name_is_said_to_have_none() -> None:
    with pytest.raises(ValueError, match="names no bucket"):
        Place("s3://").check()
