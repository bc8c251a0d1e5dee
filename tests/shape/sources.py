"""One file of Python, and what can be counted in it."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
PARTS = ("config", "worker", "webhook")
MANY_FIELDS = 4  # from so many on, nobody knows by heart what the third one was
KEYS = "worker/store/keys.py"
KEY = re.compile(r"runhook:[\w:<>*]*")  # but not "runhook: what went wrong", which is said
NOT_KEYS = {"worker/queue/broker.py"}  # kombu's prefix, put before names that are kombu's own

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One file of Python, in the folder that the names of files begin at."""

    path: Path
    root: Path = ROOT

    @property
    def name(self) -> str:
        """As a reader types it."""
        return str(self.path.relative_to(self.root))

    @property
    def wing(self) -> str:
        """`worker/flows` for `worker/flows/steps/accept.py`; what lies at the top is `worker`."""
        return "/".join(self.path.relative_to(self.root).parts[:-1][:2])

    @property
    def module(self) -> str:
        """What it is imported as."""
        parts = self.path.relative_to(self.root).with_suffix("").parts
        return ".".join(("runhook", *parts)).removesuffix(".__init__")

    @cached_property
    def text(self) -> str:
        """What stands in it."""
        return self.path.read_text()

    @cached_property
    def lines(self) -> list[str]:
        """The same, line by line."""
        return self.text.splitlines()

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node of its syntax."""
        return list(ast.walk(ast.parse(self.text)))

    @property
    def functions(self) -> list[tuple[int, str]]:
        """Length in lines without decorators, and place and name, of each function."""
        return [
            ((node.end_lineno or 0) - node.lineno + 1, f"{self.name}:{node.lineno} {node.name}")
            for node in self.nodes
            if isinstance(node, Function)
        ]

    @property
    def conditionals(self) -> int:
        """How many `a if b else c` it has."""
        return sum(isinstance(node, ast.IfExp) for node in self.nodes)

    @property
    def comments(self) -> int:
        """How many of its lines have a comment."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return sum(token.type == tokenize.COMMENT for token in tokens)


def source_files() -> list[Source]:
    """Every file of the program."""
    return [Source(file) for part in PARTS for file in sorted((ROOT / part).rglob("*.py"))]


def positional_dataclasses(source: Source) -> Iterator[str]:
    """Dataclasses with so many fields that a call should name them, and need not."""
    for node in source.nodes:
        if not isinstance(node, ast.ClassDef):
            continue
        how = " ".join(ast.unparse(one) for one in node.decorator_list)
        fields = [ast.unparse(one) for one in node.body if isinstance(one, ast.AnnAssign)]
        given = [one for one in fields if "ClassVar" not in one and "init=False" not in one]
        if "dataclass" in how and "kw_only=True" not in how and len(given) >= MANY_FIELDS:
            yield f"{source.name}:{node.lineno} {node.name}, {len(given)} fields"


def spelled_keys(source: Source) -> Iterator[str]:
    """Names of Redis keys that are written out, or put together behind the root of all keys."""
    if source.name == KEYS or source.name in NOT_KEYS:
        return
    for node in source.nodes:
        if _is_key(node):
            yield f"{source.name}:{getattr(node, 'lineno', 0)} {ast.unparse(node)}"


def _is_key(node: ast.AST) -> bool:
    match node:
        case ast.Constant(value=str(text)):
            return KEY.fullmatch(text) is not None
        case ast.JoinedStr(values=[ast.FormattedValue(value=first), *rest]):
            in_a_folder = rest and ast.unparse(rest[0]).startswith("'/")  # another kind of root
            return _is_root(first) and not in_a_folder
        case ast.BinOp(left=first, op=ast.Add()):
            return _is_root(first)
    return False


def _is_root(node: ast.AST) -> bool:
    name = getattr(node, "attr", None) or getattr(node, "id", "")
    return str(name).strip("_").lower() == "root"
