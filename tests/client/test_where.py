"""Where `web` is, and which token goes there."""

from pathlib import Path
from typing import Any

import pytest

from runhook import Runhook, SettingsError
from runhook.config.settings import Settings
from runhook.config.web import web_of

HERE, FAR = "http://127.0.0.1:8080", "https://runhook.example"
TOKEN, OWN = "token-Of-the-shop-2c94e7", "token-That-up-made-6b21"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder in which `runhook up` runs."""
    (tmp_path / "url").write_text(HERE)
    (tmp_path / "token").write_text(OWN)
    return tmp_path


def _found(folder: Path, url: str | None = None, **values: Any) -> tuple[str, str]:
    found = web_of(Settings.load(RUNHOOK_DATA_DIR=folder, **values), url)
    return found.url, found.token


def test_what_up_wrote_is_found_unless_something_else_is_set(folder: Path) -> None:
    assert _found(folder) == (HERE, OWN)
    set_by_hand = {"RUNHOOK_URL": f"{FAR}/", "RUNHOOK_TOKEN": TOKEN}
    assert _found(folder, **set_by_hand) == (FAR, TOKEN)
    assert _found(folder, RUNHOOK_TOKEN=TOKEN) == (HERE, TOKEN)


def test_where_up_runs_the_first_token_that_is_set_for_it_is_shown(folder: Path) -> None:
    tokens = f"shop:{TOKEN},office:token-Of-the-office-91d3:read"
    assert _found(folder, RUNHOOK_API_TOKENS=tokens) == (HERE, TOKEN)
    assert _found(folder, FAR, RUNHOOK_API_TOKENS=tokens) == (FAR, "")


def test_a_token_goes_to_no_other_web_than_its_own(folder: Path) -> None:
    assert _found(folder, FAR) == (FAR, "")
    assert _found(folder, RUNHOOK_URL=FAR) == (FAR, "")
    set_by_hand = {"RUNHOOK_URL": FAR, "RUNHOOK_TOKEN": TOKEN}
    assert _found(folder, "https://other.example", **set_by_hand) == ("https://other.example", "")
    assert _found(folder, HERE, **set_by_hand) == (HERE, OWN)


def test_where_nobody_says_it_one_line_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNHOOK_DATA_DIR", str(tmp_path))
    with pytest.raises(SettingsError, match="RUNHOOK_URL is missing, and no `runhook up` runs"):
        Runhook.over_http()
    with pytest.raises(SettingsError, match="RUNHOOK_URL: must be an http or https URL"):
        Runhook("runhook.example")
    with pytest.raises(SettingsError, match="needs a url"):
        Runhook(token=TOKEN)
    with pytest.raises(SettingsError, match="a line's end read along"):
        Runhook(FAR, f"{TOKEN}\n")


def test_a_token_is_shown_in_no_representation(folder: Path) -> None:
    assert TOKEN not in repr(Runhook(FAR, TOKEN))
    assert TOKEN not in repr(web_of(Settings.load(RUNHOOK_DATA_DIR=folder, RUNHOOK_TOKEN=TOKEN)))
