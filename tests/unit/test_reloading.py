"""Changed files are noticed, once, and nothing else is."""

import os
from pathlib import Path

from runhook.worker.cli.processes import free_port, listening
from runhook.worker.cli.reloading import Sources


def test_a_change_is_told_once_and_only_of_python_files(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("a = 1")
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "more.py").write_text("b = 1")
    sources = Sources(tmp_path)
    assert sources.changed() == []
    (tmp_path / "part" / "more.py").write_text("b = 22")
    (tmp_path / "new.py").write_text("c = 1")
    (tmp_path / "notes.txt").write_text("d")
    assert sources.changed() == ["new.py", "part/more.py"]
    assert sources.changed() == []
    (tmp_path / "new.py").unlink()
    assert sources.changed() == ["new.py"]


def test_what_holds_no_handlers_is_not_looked_at(tmp_path: Path) -> None:
    sources = Sources(tmp_path)
    for folder in (".venv", "__pycache__", "node_modules", ".runhook"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.py").write_text("")
    os.symlink(tmp_path, tmp_path / "loop")
    assert sources.changed() == []


def test_two_that_start_at_once_never_take_one_port() -> None:
    wanted = free_port()
    with listening(wanted) as one, listening(wanted) as two:
        assert one.getsockname()[1] == wanted
        assert two.getsockname()[1] != wanted
