"""Rebuild the catalogue from files of facts: `python -m runhook.config.rebuild FACTS...`.

A facts file is a list of models, in the keys of `runhook.config.catalogue` or as they were gathered
from RunningHub's registry. A record replaces the one of the same endpoint; new ones go to the
end of their kind. Prices are an object of endpoints. What does not fit the schema is refused before
anything is written. `--anew` forgets the records there are.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from runhook.config.catalogue import KINDS, RECORDS, Model, models

FOLDER = Path(__file__).parent / "models"  # beside this file: the wheel holds it too
Json = dict[str, Any]
# Parameters that take a file although some pages call them a text: as a text, `asset:…` and
# `output:…` would be sent, and paid, as they are written.
TAKES_A_FILE = re.compile(r"(image|video|audio)Urls?", re.IGNORECASE)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m runhook.config.rebuild", description=__doc__)
    parser.add_argument("facts", nargs="*", type=Path, help="models, as JSON")
    parser.add_argument("--unlisted", nargs="*", type=Path, default=[], help="models that the "
                        "reference's table of contents does not list")  # fmt: skip
    parser.add_argument("--prices", type=Path, help="prices by endpoint, as JSON")
    parser.add_argument("--anew", action="store_true", help="forget the records there are")
    given = parser.parse_args(arguments)
    try:
        records: dict[str, Json] = {}
        if not given.anew:
            records = {m.endpoint: m.model_dump(mode="json") for m in models()}
        for path in given.facts:
            records |= _read(path, listed=True)
        for path in given.unlisted:
            records |= _read(path, listed=False)
        if given.prices:
            _price(records, json.loads(given.prices.read_text())["prices"])
        _mark_repeated(records.values())
        # The whole catalogue is checked before the first file is written, so none is half of it.
        checked = RECORDS.validate_python(tuple(records.values()))
    except (OSError, ValueError, KeyError, ValidationError) as wrong:
        sys.exit(f"nothing was written: {type(wrong).__name__}: {wrong}")
    _write(checked)
    print(f"{len(checked)} models, {sum(m.listed for m in checked)} of them listed")


def _read(path: Path, *, listed: bool) -> dict[str, Json]:
    rows = json.loads(path.read_text())
    return {row["endpoint"]: _record(row, listed) for row in rows}


def _record(row: Json, listed: bool) -> Json:
    """A model's facts without where they were found."""
    record = {key: row[key] for key in ("name", "endpoint", "output")}
    record["group"] = row["group"]
    if not isinstance(row["group"], str):
        record["group"] = "/".join(row["group"])
    # A withdrawn model stays: jobs of it are still in Redis, and who asks for it gets a reason.
    gone = str(row.get("note", "")).startswith("withdrawn") or row["endpoint"].endswith(
        ("deprecated", "[Deprecated]")
    )
    record["listed"] = row.get("listed", listed)
    record["deprecated"] = row.get("deprecated", gone)
    record["params"] = [_param(param) for param in row["params"]]
    rules = row.get("rules", ())
    record["rules"] = [_without(rule, "note", "from", "stated_for") for rule in rules]
    if "price" in row:
        record["price"] = row["price"]
    return record


def _param(row: Json) -> Json:
    param = _without(row, "note", "from")
    takes = TAKES_A_FILE.fullmatch(param["name"])
    if takes is None or param["type"] != "string":
        return param
    return _without(param, "max_length") | {"type": takes[1].lower()}


def _without(row: Json, *names: str) -> Json:
    return {key: value for key, value in row.items() if key not in names}


def _price(records: dict[str, Json], prices: dict[str, Json]) -> None:
    for endpoint, facts in prices.items():
        if endpoint not in records:
            raise ValueError(f"a price for {endpoint}, which is no model")
        found = _without(facts, "source", "note", "gaps", "from", "unit_text")
        if facts.get("from"):
            found["at_least"] = True
        if "unit_text" in facts:
            found["text"] = facts["unit_text"]
        placeholder = "placeholder" in facts.get("note", "") or (
            "table" in facts and not any(facts["table"].values())
        )
        records[endpoint]["price"] = found
        if placeholder:  # its page shows a price of 0 for what is not free
            records[endpoint]["price"] = None


def _mark_repeated(records: Iterable[Json]) -> None:
    """Of two listed models that share a name the second is the withdrawn copy."""
    seen: set[str] = set()
    for record in records:
        if record["listed"]:
            record["deprecated"] |= record["name"] in seen
            seen.add(record["name"])


def _write(checked: Iterable[Model]) -> None:
    FOLDER.mkdir(exist_ok=True)
    by_kind: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for model in checked:
        said = model.model_dump(mode="json", exclude_defaults=True)
        for param, whole in zip(said["params"], model.params, strict=True):
            numbers = {"min": whole.min, "max": whole.max, "step": whole.step}
            param |= {name: _plain(n) for name, n in numbers.items() if n is not None}
        by_kind[model.output].append("  " + json.dumps(said, ensure_ascii=False))
    for kind, lines in by_kind.items():
        text = "[]\n"
        if lines:
            text = "[\n" + ",\n".join(lines) + "\n]\n"
        (FOLDER / f"{kind}.json").write_text(text)
    schema = json.dumps(RECORDS.json_schema(), ensure_ascii=False, indent=1)
    (FOLDER / "schema.json").write_text(schema + "\n")


def _plain(number: float) -> float:
    """A whole number without its point, so that the files stay as they were written."""
    if number == int(number):
        return int(number)
    return number


if __name__ == "__main__":
    main()
