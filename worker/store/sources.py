"""A script's text as Redis gets it: itself, behind what it uses of lua/lib/ and of Python.

A script names its libraries in lines `-- uses: duties, places`. Keys, numbers of policy and the
version of records it says as Python has them, `keys.due(lane)`, `policy.PACE_MOST`,
`records.VERSION`, and gets those that it says. So nothing is written down twice, and a script's
bytes are the same in every process of a release: Redis keeps each once.

It is written within Redis 6.2's Lua. Redis Cluster cannot run it: keys are made of KEYS[1].
"""

import re
from functools import cache
from importlib.resources import files

from runhook.worker.domain import policy
from runhook.worker.store import keys, records

USES = re.compile(r"^-- uses: (.*)$", re.MULTILINE)
NAMED = re.compile(r"\b(keys|policy|records)\.(\w+)")


@cache
def source(name: str) -> str:
    """The whole text of a script, without comments.

    Raises:
        KeyError, AttributeError: It says a key or a number that Python does not have.
    """
    script = _read(f"{name}.lua")
    libraries: dict[str, str] = {}
    _include(script, libraries)
    text = "".join((*libraries.values(), script))
    # A fifth shorter without comments, and Redis keeps each text in memory.
    lines = (line.strip() for line in f"{_of_python(text)}\n{text}".splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("--"))


def used(text: str) -> list[str]:
    """The libraries that a script or a library names."""
    return [name for line in USES.findall(text) for name in line.split(", ")]


def _include(text: str, libraries: dict[str, str]) -> None:
    """Add what a text uses, each once and behind what it uses itself."""
    for name in used(text):
        if name not in libraries:
            library = _read(f"lib/{name}.lua")
            _include(library, libraries)
            libraries[name] = library


def _of_python(text: str) -> str:
    """What a text says of Python, as Lua; a number is written alike in both."""
    # In the text and not in ARGV: arguments are sent with each call, a text once.
    lines = ["local root = KEYS[1]", "local keys, policy, records = {}, {}, {}"]
    for table, name in sorted(set(NAMED.findall(text))):
        match table:
            case "keys":
                lines.append(_key_function(name))
            case "policy":
                lines.append(f"policy.{name} = {_value(getattr(policy, name))}")
            case _:
                lines.append(f"records.{name} = {getattr(records, name)!r}")
    return "\n".join(lines)


def _value(value: float | tuple[str, ...]) -> str:
    """A number, or names, as Lua has them."""
    if isinstance(value, tuple):
        return "{" + ", ".join(map(repr, value)) + "}"
    return repr(value)


def _key_function(name: str) -> str:
    """A function that makes a key of what stands in its holes."""
    literals = keys.HOLE.split(keys.ALL[name].name)
    holes = [f"hole{n}" for n in range(1, len(literals))]
    parts = [f"'{literals[0]}'"]
    for hole, literal in zip(holes, literals[1:], strict=True):
        parts += [hole, f"'{literal}'"]
    joined = " .. ".join(part for part in parts if part != "''")
    return f"function keys.{name}({', '.join(holes)}) return root .. {joined} end"


def _read(path: str) -> str:
    return files("runhook.worker.store").joinpath("lua", path).read_text()
