"""What `make shape` counts, on files made up for it."""

from pathlib import Path

import pytest

from tests.shape.doubled import doubled_runs
from tests.shape.sources import Source, positional_dataclasses, spelled_keys
from tests.shape.walls import outside_walls

RUN = "\n".join(f"    call({n})" for n in range(8))


def _source(root: Path, text: str, name: str = "worker/store/new.py") -> Source:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return Source(file, root)


@pytest.mark.parametrize(
    "key",
    [
        '"runhook:jobs"',
        '"runhook:"',
        'f"{self._root}job:{id}"',
        'f"{scripts.root}{index}"',
        'ROOT + "job"',
    ],
)
def test_a_key_that_is_spelled_anywhere_but_in_its_file_is_found(tmp_path: Path, key: str) -> None:
    assert len(list(spelled_keys(_source(tmp_path, f"x = {key}\n")))) == 1
    assert not list(spelled_keys(_source(tmp_path, f"x = {key}\n", "worker/store/keys.py")))


@pytest.mark.parametrize(
    "text", ['f"runhook: {wrong}"', '"runhook"', 'f"{root}/assets/{id}"', '"a runhook:job"']
)
def test_what_only_looks_like_a_key_is_none(tmp_path: Path, text: str) -> None:
    assert not list(spelled_keys(_source(tmp_path, f"x = {text}\n")))


@pytest.mark.parametrize(
    ("name", "outside"),
    [
        ("worker/store/new/__init__.py", True),  # store is split into floors
        ("worker/domain/new.py", False),  # domain is a floor of its own
        ("worker/new/one.py", True),
        ("webhook/routes/new.py", False),
        ("config/new.py", False),
    ],
)
def test_a_new_file_is_inside_a_wall_or_named(tmp_path: Path, name: str, outside: bool) -> None:
    assert outside_walls([_source(tmp_path, "", name)]) == [name] * outside


def test_a_dataclass_of_four_fields_is_built_by_keyword(tmp_path: Path) -> None:
    fields = "".join(f"    f{n}: int\n" for n in range(4))
    text = (
        f"@dataclass(frozen=True)\nclass A:\n{fields}\n@dataclass(kw_only=True)\nclass B:\n{fields}"
    )
    assert list(positional_dataclasses(_source(tmp_path, text))) == [
        "worker/store/new.py:2 A, 4 fields"
    ]


def test_a_run_that_stands_twice_is_named_once_and_whole(tmp_path: Path) -> None:
    one = _source(tmp_path, f"def f():\n{RUN}\n", "worker/one.py")
    other = _source(tmp_path, f"def g():\n    # why\n{RUN}\n    end()\n", "worker/other.py")
    assert doubled_runs([one, other]) == [(8, "worker/one.py:2 and worker/other.py:3")]
