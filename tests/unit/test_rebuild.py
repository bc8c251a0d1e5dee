"""Rebuilding the catalogue: one command, checked before anything is written."""

import json
from pathlib import Path
from typing import Any

import pytest

from runhook.config import rebuild
from runhook.config.catalogue import KINDS, RECORDS, models

NEW: dict[str, Any] = {
    "name": "Acme-text-to-video",
    "group": ["video", "text-to-video", "acme"],
    "endpoint": "acme/text-to-video",
    "output": "video",
    "params": [
        {"name": "prompt", "type": "string", "required": True, "note": "seen somewhere"},
        {"name": "duration", "type": "enum", "required": True, "default": "5", "values": ["5"]},
    ],
    "source": "somebody",
    "confidence": "certain",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where records are written in this test."""
    monkeypatch.setattr(rebuild, "FOLDER", tmp_path / "models")
    return tmp_path / "models"


def _written(folder: Path) -> dict[str, Any]:
    texts = [json.loads((folder / f"{kind}.json").read_text()) for kind in KINDS]
    return {row["endpoint"]: row for rows in texts for row in rows}


def _facts(folder: Path, *rows: Any) -> str:
    path = folder.parent / "facts.json"
    path.write_text(json.dumps(rows))
    return str(path)


def test_new_facts_extend_the_catalogue_and_replace_what_they_name(folder: Path) -> None:
    known = models()[0]
    renamed = NEW | {"endpoint": known.endpoint, "name": "Renamed", "output": known.output}
    rebuild.main([_facts(folder, NEW, renamed)])
    rows = _written(folder)
    assert len(rows) == len(models()) + 1
    assert rows["acme/text-to-video"]["group"] == "video/text-to-video/acme"
    assert "note" not in rows["acme/text-to-video"]["params"][0]
    assert rows[known.endpoint]["name"] == "Renamed"


@pytest.mark.parametrize(("name", "kind"), [("imageUrl", "image"), ("videoUrls", "video")])
def test_a_parameter_that_takes_a_files_url_takes_files_whatever_its_page_calls_it(
    folder: Path, name: str, kind: str
) -> None:
    param = {"name": name, "type": "string", "required": False, "max_length": 2048}
    rebuild.main([_facts(folder, NEW | {"params": [param]})])
    (written,) = _written(folder)["acme/text-to-video"]["params"]
    assert written == {"name": name, "type": kind, "required": False}


def test_anew_starts_from_nothing_and_prices_are_taken_in(folder: Path) -> None:
    prices = folder.parent / "prices.json"
    price = {"currency": "CNY", "unit": "second", "price": 0.5, "source": "x", "from": True}
    prices.write_text(json.dumps({"prices": {"acme/text-to-video": price}}))
    rebuild.main(["--anew", _facts(folder, NEW), "--prices", str(prices)])
    rows = _written(folder)
    assert list(rows) == ["acme/text-to-video"]
    assert rows["acme/text-to-video"]["price"] == {
        "currency": "CNY",
        "unit": "second",
        "price": "0.5",
        "at_least": True,
    }


@pytest.mark.parametrize(
    "wrong",
    [
        NEW | {"output": "smell"},
        {key: value for key, value in NEW.items() if key != "params"},
        NEW | {"params": [{"name": "x", "type": "string", "required": True, "requird": 1}]},
        NEW | {"rules": [{"kind": "exactly_two", "params": ["a"]}]},
    ],
)
def test_what_does_not_fit_the_schema_is_refused_and_nothing_is_written(
    folder: Path, wrong: Any
) -> None:
    with pytest.raises(SystemExit, match="nothing was written"):
        rebuild.main([_facts(folder, wrong)])
    assert not folder.exists()


def test_rebuilding_from_what_there_is_changes_nothing(folder: Path) -> None:
    here = Path(rebuild.__file__).parent / "models"
    rebuild.main([])
    for name in (*(f"{kind}.json" for kind in KINDS), "schema.json"):
        assert (folder / name).read_text() == (here / name).read_text(), name


def test_the_schema_for_editors_is_the_one_that_is_enforced() -> None:
    here = Path(rebuild.__file__).parent / "models" / "schema.json"
    assert json.loads(here.read_text()) == RECORDS.json_schema()
