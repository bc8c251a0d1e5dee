"""A script's text as Redis gets it: itself, behind what it uses of lua/lib/ and of Python.

A script names its libraries in lines `-- uses: duties, places`. Keys, numbers of policy and the
version of records it says as Python has them, `keys.due(lane)`, `policy.PACE_MOST`,
`records.VERSION`. So nothing is written down twice, and a script's bytes are the same in every
process of a release: Redis keeps each once.

Redis runs a whole text with each call, its definitions too, and they cost more than most calls do.
So of a library only what is used comes along, and keys and numbers stand where they are said. And
what runs with every job is a function besides: Redis 7 and Valkey define it once and keep it.

It is written within Redis 6.2's Lua. Redis Cluster cannot run it: keys are made of KEYS[1].
"""

import re
from dataclasses import dataclass
from functools import cache, cached_property
from hashlib import sha1
from importlib.resources import files
from typing import Any

from runhook.worker.domain import policy
from runhook.worker.store import keys, records

USES = re.compile(r"^-- uses: (.*)$", re.MULTILINE)
NUMBER = re.compile(r"\b(policy|records)\.(\w+)")
KEY = re.compile(r"\bkeys\.(\w+)\(")
STRING = re.compile(r"'[^']*'")
WORD = re.compile(r"\b[A-Za-z_]\w*")
DEFINED = re.compile(r"local (?:function )?([\w, ]+)")
FIRST = re.compile(r"(?:local )?(\w+)")
PLAIN = re.compile(r"[\w.]+")  # an expression that needs no brackets beside `..`
FUNCTIONS = "runhook_"  # what all that Redis keeps of ours begin with; they are not a database's


@dataclass(frozen=True)
class Block:
    """A definition of a library, or something that it does.

    Attributes:
        text: Its lines.
        names: What it defines; none: it is wanted wherever its library is.
    """

    text: str
    names: frozenset[str]

    @cached_property
    def words(self) -> set[str]:
        """Every name that it says."""
        return said(self.text)

    @property
    def lasts(self) -> bool:
        """Whether it is the same in every call: a function, or a constant, which is in capitals."""
        if self.text.startswith(("local function", "function")):
            return True
        first = FIRST.match(self.text)
        return first is not None and first[1].isupper() and "ARGV" not in self.text

    @property
    def renewed(self) -> str:
        """As it begins a call, where what it defines is there from the call before."""
        if self.names and "=" not in self.text:
            return f"{', '.join(self.names)} = nil"
        return self.text.removeprefix("local ")


@dataclass(frozen=True)
class Function:
    """A script that Redis keeps as a function.

    Attributes:
        name: Its own, and that of the library that it is alone in; another text has another name.
        text: What FUNCTION LOAD takes.
    """

    name: str
    text: str


@cache
def source(name: str) -> str:
    """The whole text of a script, without comments and without what it does not use.

    Raises:
        KeyError, AttributeError: It says a key or a number that Python does not have.
    """
    blocks, body = _parts(name)
    return _filled("\n".join(("local root = KEYS[1]", *(one.text for one in blocks), body)))


@cache
def function(name: str) -> Function:
    """The same for Redis to keep: only what differs from call to call is in its function.

    Raises:
        KeyError, AttributeError: It says a key or a number that Python does not have.
    """
    blocks, body = _parts(name)
    passing = [one for one in blocks if not one.lasts]
    names = ("root", *sorted(set().union(*(one.names for one in passing))))
    lines = (
        f"local {', '.join(names)}",
        *(one.text for one in blocks if one.lasts),
        "local function run(KEYS, ARGV)",
        "root = KEYS[1]",
        *(one.renewed for one in passing),
        body,
        "end",
    )
    code = _filled("\n".join(lines))
    own = f"{FUNCTIONS}{name}_{sha1(code.encode(), usedforsecurity=False).hexdigest()[:12]}"
    return Function(own, f"#!lua name={own}\n{code}\nredis.register_function('{own}', run)")


def _parts(name: str) -> tuple[list[Block], str]:
    """What a script needs of its libraries, and the script itself."""
    script = _read(f"{name}.lua")
    libraries: dict[str, str] = {}
    _include(script, libraries)
    body = _bare(script)
    blocks = [block for text in libraries.values() for block in _blocks(_bare(text))]
    return _wanted(blocks, said(body)), body


def used(text: str) -> list[str]:
    """The libraries that a script or a library names."""
    return [name for line in USES.findall(text) for name in line.split(", ")]


def said(code: str) -> set[str]:
    """Every name that a piece of Lua says."""
    return set(WORD.findall(STRING.sub("", code)))


def _include(text: str, libraries: dict[str, str]) -> None:
    """Add what a text uses, each once and behind what it uses itself."""
    for name in used(text):
        if name not in libraries:
            library = _read(f"lib/{name}.lua")
            _include(library, libraries)
            libraries[name] = library


def _bare(text: str) -> str:
    """Without comments and empty lines: Redis keeps each text in memory."""
    lines = (line.rstrip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.lstrip().startswith("--"))


def _blocks(text: str) -> list[Block]:
    """A library's top level: what begins at a line's start, up to the next that does so.

    The line that ends a block, `end` or `}`, begins there too, and so does an `else`.
    """
    found: list[list[str]] = []
    for line in text.splitlines():
        goes_on = line[0].isspace() or line.startswith(("end", "else", "}", ")"))
        if goes_on:
            found[-1].append(line)
        else:
            found.append([line])
    return [_block("\n".join(lines)) for lines in found]


def _block(text: str) -> Block:
    defined = DEFINED.match(text)
    names = frozenset(defined[1].replace(" ", "").split(",")) if defined else frozenset()
    return Block(text=text, names=names)


def _wanted(blocks: list[Block], words: set[str]) -> list[Block]:
    """Of all blocks those that a script needs, in their order."""
    kept = [block for block in blocks if not block.names]
    words = words.union(*(block.words for block in kept))
    while more := [one for one in blocks if one not in kept and one.names & words]:
        kept += more
        words = words.union(*(block.words for block in more))
    return [block for block in blocks if block in kept]


def _filled(text: str) -> str:
    """With numbers and keys where they are said."""
    return _with_keys(NUMBER.sub(_number, text))


def _number(found: re.Match[str]) -> str:
    value: Any = getattr({"policy": policy, "records": records}[found[1]], found[2])
    if isinstance(value, tuple):
        return "{" + ", ".join(map(repr, value)) + "}"
    return repr(value)


def _with_keys(text: str) -> str:
    """With each key put together where it is said."""
    start = 0
    while call := KEY.search(text, start):
        end = _end_of(text, call.end())
        made = _key(call[1], _arguments(text[call.end() : end]))
        text = f"{text[: call.start()]}{made}{text[end + 1 :]}"
        start = call.start()  # its arguments may say keys, too
    return text


def _key(name: str, arguments: list[str]) -> str:
    """An expression that makes a key of what stands in its holes."""
    first, *others = keys.HOLE.split(keys.ALL[name].name)
    parts = ["root", repr(first)]
    for argument, literal in zip(arguments, others, strict=True):
        parts.append(argument if PLAIN.fullmatch(argument) else f"({argument})")
        parts.append(repr(literal))
    return f"({' .. '.join(part for part in parts if part != repr(''))})"


def _end_of(text: str, start: int) -> int:
    """Where the bracket closes that was opened before `start`."""
    depth = 1
    for at in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        if not depth:
            return at
    raise ValueError(f"a bracket is never closed: {text[start : start + 40]}")


def _arguments(text: str) -> list[str]:
    """The arguments of a call, which may be calls with arguments themselves."""
    if not text:
        return []
    found, depth = [""], 0
    for letter in text:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and not depth:
            found.append("")
        else:
            found[-1] += letter
    return [argument.strip() for argument in found]


def _read(path: str) -> str:
    return files("runhook.worker.store").joinpath("lua", path).read_text()
