"""What keys.py says of a key in Redis: its type, its score, who owns it and when it ends."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

Type = Literal["string", "hash", "list", "set", "zset", "stream"]
HOLE = re.compile(r"<[^>]+>")


@dataclass(frozen=True, kw_only=True)
class Family:
    """Keys that have one owner and one end.

    Attributes:
        title: What they are, as a heading.
        owner: The module and the scripts that write them.
        end: What removes them.
        expires: Redis itself does, so each has a time to live.
    """

    title: str
    owner: str
    end: str
    expires: bool = False

    def key(self, name: str, type: Type, holds: str, *, by: str = "") -> "Key":
        """One of them; `by` is what a sorted set is ordered by, and the unit."""
        return Key(name=name, type=type, holds=holds, score=by, family=self)


# A row and not a function each: a table can be printed, read by scripts and compared with what is
# in Redis, and sixty functions would be twice as long.
@dataclass(frozen=True, kw_only=True)
class Key:
    """One kind of key.

    Attributes:
        root: What stands before every key.
        name: Behind the root, with `<holes>`.
        type: What Redis holds there.
        holds: What that is to us.
        score: Of a sorted set: what its members are ordered by, and the unit.
    """

    root: ClassVar[str]

    name: str
    type: Type
    holds: str
    family: Family
    score: str = ""

    def __call__(self, *parts: str) -> str:
        """The key's whole name.

        Args:
            parts: What stands in its holes, in their order.

        Raises:
            TypeError: They are not as many as there are holes.
        """
        return self._template % parts

    @property
    def pattern(self) -> str:
        """As SCAN takes it, behind the root."""
        return HOLE.sub("*", self.name)

    @cached_property
    def _template(self) -> str:
        return "".join((self.root, HOLE.sub("%s", self.name)))
