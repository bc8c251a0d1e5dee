"""Runs of lines that stand in two places."""

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise

from tests.shape.sources import Source

SHORTEST = 6  # lines: fewer are a habit of speech
Place = tuple[int, int]  # a file's number, and which of its lines of code


def doubled_runs(sources: Iterable[Source]) -> list[tuple[int, str]]:
    """How many lines, and where, longest first. Imports, docstrings and comments do not count."""
    files = [(source.name, list(_code(source))) for source in sources]
    twice = set(_same_windows([lines for _, lines in files]))
    runs = []
    for one, other in twice:
        if _both_beside(one, other, -1) in twice:
            continue  # inside a run that began before
        length = SHORTEST
        while _both_beside(one, other, length + 1 - SHORTEST) in twice:
            length += 1
        places = [f"{files[n][0]}:{files[n][1][at][0]}" for n, at in (one, other)]
        runs.append((length, " and ".join(places)))
    return sorted(runs, key=lambda run: (-run[0], run[1]))


def _same_windows(files: list[list[tuple[int, str]]]) -> Iterator[tuple[Place, Place]]:
    """Every two places from which on the shortest run of lines is the same."""
    places: dict[tuple[str, ...], list[Place]] = defaultdict(list)
    for file, lines in enumerate(files):
        for start in range(len(lines) - SHORTEST + 1):
            window = tuple(text for _, text in lines[start : start + SHORTEST])
            places[window].append((file, start))
    for same in places.values():
        for one, other in pairwise(same):
            if one[0] != other[0] or other[1] - one[1] >= SHORTEST:
                yield one, other


def _both_beside(one: Place, other: Place, lines: int) -> tuple[Place, Place]:
    return (one[0], one[1] + lines), (other[0], other[1] + lines)


def _code(source: Source) -> Iterator[tuple[int, str]]:
    """Lines that do something, with their numbers, and without what stands before them."""
    silent: set[int] = set()
    for node in source.nodes:
        if isinstance(node, ast.Import | ast.ImportFrom) or _is_docstring(node):
            first = getattr(node, "lineno", 0)
            silent.update(range(first, (getattr(node, "end_lineno", None) or first) + 1))
    for number, line in enumerate(source.lines, start=1):
        text = line.strip()
        if text and number not in silent and not text.startswith("#"):
            yield number, text


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
