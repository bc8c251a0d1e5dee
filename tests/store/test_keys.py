"""Keys have one place, and scripts say what they use of it and of each other."""

import ast
import re
from datetime import timedelta
from pathlib import Path

import pytest

from runhook.worker.queue import broker
from runhook.worker.store import keys
from runhook.worker.store.sources import source, used
from tests.conftest import Build
from tests.redis_page import PAGE, page

ROOT = Path(__file__).parents[2]
LUA = ROOT / "worker" / "store" / "lua"
LIBRARIES = {file.stem: file.read_text() for file in sorted(LUA.glob("lib/*.lua"))}
SCRIPTS = {file.stem: file.read_text() for file in sorted(LUA.glob("*.lua"))}
CODE = [file for room in ("config", "worker", "webhook") for file in (ROOT / room).rglob("*.py")]
# Celery is told what is before all its queues, and its wing knows nothing of the store's.
BEFORE_QUEUES = ROOT / "worker" / "queue" / "broker.py"


def test_the_page_is_made_of_the_keys_as_they_are() -> None:
    """`make redis` writes it."""
    assert PAGE.read_text() == page()


def test_a_key_is_made_of_as_many_parts_as_it_has_holes() -> None:
    assert keys.due("send") == "runhook:due:send"
    assert keys.deliveries_of("shop", "dead") == "runhook:deliveries:of:shop:dead"
    with pytest.raises(TypeError):
        keys.due()


def test_no_two_keys_have_one_name() -> None:
    names = [key.name for key in keys.ALL.values()]
    assert len(set(names)) == len(names)


def test_every_sorted_set_says_what_it_is_ordered_by_in_milliseconds() -> None:
    for name, key in keys.ALL.items():
        assert bool(key.score) == (key.type == "zset"), name
        in_ms = key.score.startswith(("ms: ", "(9 - priority)"))
        by_itself = key.score in ("", keys.BY_NAME, keys.BY_TEXT)
        assert in_ms or by_itself or name == "alive"


def _texts(file: Path) -> list[str]:
    nodes = ast.walk(ast.parse(file.read_text()))
    return [
        node.value for node in nodes if isinstance(node, ast.Constant) and type(node.value) is str
    ]


def test_no_other_file_of_python_spells_a_key() -> None:
    named = [
        (file, text)
        for file in CODE
        if file.name != "keys.py"
        for text in _texts(file)
        if re.match(rf"{keys.ROOT}(?! )", text)  # "runhook: …" is a message
    ]
    assert named == [(BEFORE_QUEUES, broker.KEYS)]
    assert keys.queue("") == broker.KEYS
    root = [file.name for file in CODE if re.search(r"\bkeys\.ROOT\b", file.read_text())]
    assert root == ["scripts.py"]


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_script_spells_a_key(name: str) -> None:
    code = _code(SCRIPTS[name] + "".join(LIBRARIES.values()))
    assert keys.ROOT not in code
    assert not re.search(r"\broot\b|\bKEYS\b", code)
    assert source(name).startswith("local root = KEYS[1]")


def _code(text: str) -> str:
    return re.sub(r"--.*", "", text)


def _defines(text: str) -> set[str]:
    """The names that a library offers."""
    rows = re.findall(r"^local (?:function )?([\w, ]+)", text, re.MULTILINE)
    return {name.strip() for row in rows for name in row.split(",")}


OFFERED = {name: library for library, text in LIBRARIES.items() for name in _defines(text)}


BRINGERS = {name for name in LIBRARIES if name.startswith("bringing_")}


def test_no_two_libraries_offer_one_name() -> None:
    assert len(OFFERED) == sum(len(_defines(text)) for text in LIBRARIES.values())


@pytest.mark.parametrize(
    ("own", "text"), [*LIBRARIES.items(), *((None, text) for text in SCRIPTS.values())]
)
def test_what_is_used_is_named_and_what_is_named_is_used(own: str | None, text: str) -> None:
    code = re.sub(r"'[^']*'", "", _code(text))
    mine = set(re.findall(r"local (?:function )?(\w+)", code))
    mine |= {n.strip() for row in re.findall(r"local ([\w, ]+) =", code) for n in row.split(",")}
    said = set(re.findall(r"(?<![.\w])[A-Za-z_]\w*", code)) - mine
    needed = {OFFERED[name] for name in said if name in OFFERED} - {own}
    named = set(used(text))
    assert named - BRINGERS == needed
    # A claim brings what a flow reads without calling it by name.
    claims = own is None and bool(said & {"next_of", "close", "put_down"})
    assert bool(named & BRINGERS) == claims


def test_a_scripts_text_has_each_library_once_and_no_comments() -> None:
    for name in SCRIPTS:
        text = source(name)
        assert "--" not in re.sub(r"'[^']*'", "", text).replace("  --", "")
        functions = re.findall(r"^local function (\w+)", text, re.MULTILINE)
        assert len(functions) == len(set(functions)), name


def test_a_file_counts_as_used_in_whichever_unit_its_last_use_was_written(build: Build) -> None:
    house = build()
    now = house.clock.now()
    seconds = now.timestamp()
    scores = {
        "long ago, by the release before": seconds - 1000,
        "lately, by the release before": seconds - 10,
        "long ago": (seconds - 1000) * 1000,
        "lately": (seconds - 10) * 1000,
    }
    house.raw.zadd(keys.assets(), scores)
    unused = house.w.store.assets.unused_since(now - timedelta(seconds=100), 10)
    assert [name for name, _ in unused] == ["long ago, by the release before", "long ago"]
