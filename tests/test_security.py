"""SECURITY.md: every attack names a test that there is; what is installed is pinned by its hash."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SECURITY = (ROOT / "SECURITY.md").read_text()
REQUIREMENTS = (ROOT / "requirements.txt").read_text()
SETTINGS = (ROOT / "config" / "env.example").read_text()


@pytest.mark.parametrize("named", re.findall(r"`(tests/[^`]+)`", SECURITY))
def test_every_attack_names_a_test_that_there_is(named: str) -> None:
    file, _, name = named.partition("::")
    assert f"def {name}(" in (ROOT / file).read_text()


def test_every_group_of_attacks_is_in_the_table() -> None:
    groups = {
        path.name
        for path in (ROOT / "tests" / "attacks").glob("*.py")
        if path.name not in ("__init__.py", "__main__.py", "ground.py")
    }
    assert groups == set(re.findall(r"`tests/attacks/(\w+\.py)::", SECURITY))


@pytest.mark.parametrize("setting", sorted(set(re.findall(r"RUNHOOK_[A-Z_]+", SECURITY))))
def test_every_setting_that_is_named_is_one(setting: str) -> None:
    assert setting in SETTINGS


def test_every_requirement_has_a_hash_and_no_address() -> None:
    pins = re.findall(
        r"^(\S+)==\S+.*\\\n((?: +--hash=sha256:[0-9a-f]{64}.*\n)+)", REQUIREMENTS, re.M
    )
    assert len(pins) == len(re.findall("==[0-9]\\S* .*\\\\$", REQUIREMENTS, re.M)) > 80
    assert "://" not in REQUIREMENTS
    assert "--index" not in REQUIREMENTS
