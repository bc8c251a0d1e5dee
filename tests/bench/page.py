"""docs/benchmarks.md and its picture, made of the figures that were kept last of each row."""

import json
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median

from tests.bench.figures import Figure, Finding, short
from tests.bench.svg import Bar, Chart, picture
from tests.bench.tables import markdown

DOCS = Path(__file__).parents[2] / "docs"
PAGE, PICTURE = DOCS / "benchmarks.md", DOCS / "benchmarks.svg"
HERE = Path(__file__).parent
FIGURES, TRIED, UNREACHED = HERE / "figures.json", HERE / "tried.md", HERE / "unreached.md"
HEAD = """# Benchmarks

Written by `make bench` from one run; rows that take long are kept from the last `make bench
BENCH=--all`, and each says when and at which commit it was measured. Nothing here is asserted by a
test: clocks differ from machine to machine, ratios within one run much less.

![CPU and memory of runhook beside others](benchmarks.svg)
"""
METHOD = """
## Method

Every system is real processes with a Redis of its own, from the wheel that the tests use, with
append-only file `everysec`; runhook has all its durability on, and flushes that file before a paid
request leaves. Systems take turns round by round, and who is first changes, so a slow minute of the
machine counts for all. A figure is the median of the rounds, with the least and the most behind it;
a ratio is taken within each round and then treated the same.

`naive` is what a good engineer writes in an afternoon (`tests/bench/naive/`): a Flask view that
parses JSON and calls `task.delay()`, Celery with its defaults (prefork, as many children as cores),
a submit with `requests`, and a task for each of three handlers. It loses jobs when a worker is
killed and pays twice when it is retried; that is not measured here. With ten threads instead of two
children it takes about a seventh less CPU and a quarter less memory. `flask` and `wsgi` are
`tests/bench/bare.py`, `go` is `tests/bench/limit/`, `polling` is `tests/bench/polling.py`.

The provider is `tests/bench/provider.py`, which costs next to nothing, where many jobs are made at
once: the sandbox draws a picture for each, which is 11 ms of CPU.
"""
LINE = 104  # characters, as the other pages have it
# Of sections.
ORDER = (
    *("job", "callback", "begun", "known", "idle"),
    *("flat", "recovery", "workers", "pages", "viewers", "told", "start"),
)
ROLES = ("web", "worker", "handlers", "redis")


def kept() -> tuple[dict[str, Finding], list[str]]:
    """What was measured last, by row, and the machine it was measured on."""
    if not FIGURES.exists():
        return {}, []
    plain = json.loads(FIGURES.read_text())
    return {row: Finding.of(found) for row, found in plain["rows"].items()}, plain["machine"]


def keep(findings: Iterable[Finding], machine: list[str]) -> None:
    """Take new findings in, and write page and picture."""
    found = kept()[0] | {finding.row: finding for finding in findings}
    rows = {row: found[row].plain() for row in sorted(found, key=_place)}
    plain = {"machine": machine, "rows": rows}
    FIGURES.write_text(json.dumps(plain, indent=1, ensure_ascii=False) + "\n")
    PAGE.write_text(page(*kept()))
    PICTURE.write_text(drawn(kept()[0]))


def drawn(found: dict[str, Finding]) -> str:
    """The picture."""
    return picture(list(charts(found)))


def page(found: dict[str, Finding], machine: Sequence[str]) -> str:
    """The page."""
    parts = [HEAD, *(_section(finding) for finding in found.values()), METHOD]
    parts += ["## Machine\n\n" + "".join(f"- {fact}\n" for fact in machine)]
    parts += ["## Goals that are not reached, and why\n\n" + UNREACHED.read_text()]
    parts += ["## What was tried, and what it gave\n\n" + TRIED.read_text()]
    parts += ["## Raw figures\n\nOne value a round, in their order.\n"]
    parts += ["\n".join(_raw(finding)) + "\n" for finding in found.values()]
    return "\n".join(part.strip("\n") + "\n" for part in parts)


def _place(row: str) -> tuple[int, int]:
    """Where a row stands in the page; of several sizes the smaller is first."""
    name, _, size = row.partition("-")
    return ORDER.index(name), int(size or 0)


def _section(finding: Finding) -> str:
    notes = "".join(f"\n{note}\n" for note in finding.notes)
    when = f"\nMeasured {finding.at} at {finding.revision}.\n"
    how = textwrap.fill(finding.how, LINE)
    return f"## {finding.title}\n\n{how}\n\n{markdown(finding)}\n{notes}{when}"


def _raw(finding: Finding) -> Iterator[str]:
    yield f"### {finding.title}\n\n| | system | rounds |\n|---|---|---|"
    for figure in finding.figures:
        for system, values in figure.values.items():
            name = f"{figure.what}, {figure.unit}".removesuffix(", ")
            yield f"| {name} | {system} | {' · '.join(map(short, values))} |"


def charts(found: dict[str, Finding]) -> Iterator[Chart]:
    """What the picture shows, as far as it was measured."""
    bursts = [finding for row, finding in found.items() if row.startswith("job-")]
    if bursts:
        yield from _whole_job(bursts[-1])
    for row, drawn in (("callback", _callback), ("flat", _flat)):
        if row in found:
            yield drawn(found[row])
    if bursts:
        yield _left_behind(bursts[-1])
    if "workers" in found:
        yield _curve(found["workers"])


def _whole_job(finding: Finding) -> Iterator[Chart]:
    title = finding.title.removeprefix("A burst of ")
    cpu = _stacked(finding, "of it ")
    half = finding.figure("CPU a job", "ms").median("naive") / 2
    marks = {"goal: half of naive": half}
    yield Chart(title=f"CPU of a whole job ({title} in a burst)", unit="ms", bars=cpu, marks=marks)
    memory = _stacked(finding, "PSS of ")
    yield Chart(title="Memory of all processes afterwards", unit="MB", bars=memory)


def _stacked(finding: Finding, before: str) -> list[Bar]:
    """A bar a system, of a part a role."""
    wanted = {before + role: role for role in ROLES}
    figures = [figure for figure in finding.figures if figure.what in wanted]
    return [
        Bar(name=name, parts=_parts(figures, name, wanted), ours=name == "runhook")
        for name in ("runhook", "naive")
    ]


def _parts(figures: Iterable[Figure], system: str, names: dict[str, str]) -> dict[str, float]:
    return {
        names[figure.what]: figure.median(system) for figure in figures if system in figure.values
    }


def _callback(finding: Finding) -> Chart:
    cost = finding.figure("CPU a request", "µs")
    costs = sorted((cost.median(name), name) for name in cost.values)
    bars = [Bar(name=name, parts={"": value}, ours=name == "runhook") for value, name in costs]
    marks = {
        "goal: a fifth of naive": cost.median("naive") / 5,
        "goal: twice the empty view": 2 * cost.median("flask"),
    }
    return Chart(title="CPU of a callback, durable and answered", unit="µs", bars=bars, marks=marks)


def _left_behind(finding: Finding) -> Chart:
    whole = finding.figure("keys of an ended job", "bytes").median("runhook") / 1024
    parts = {
        figure.what.removeprefix("of it ").removesuffix(":…"): figure.median("runhook") / 1024
        for figure in finding.figures
        if figure.unit == "bytes" and figure.what.startswith("of it ")
    }
    large = {name: size for name, size in parts.items() if size >= LEAST}
    large["the rest"] = whole - sum(large.values())
    bars = [Bar(name="runhook", parts=large, ours=True)]
    title = "Redis memory of an ended job with three deliveries"
    return Chart(title=title, unit="KiB", bars=bars, marks={"goal": 5.0})


BUSY = ": CPU µs"  # behind the name of an operation
LEAST = 0.25  # KiB of a part that is shown by itself


def _curve(finding: Finding) -> Chart:
    cost = finding.figure("of it Redis", "ms")
    bars = [Bar(name=name, parts={"": cost.median(name)}) for name in cost.values]
    return Chart(title="Redis's part of a job, by worker processes", unit="ms", bars=bars)


def _flat(finding: Finding) -> Chart:
    few, many = finding.compared[1:]
    bars = []
    for figure in finding.figures:
        if figure.what.endswith(BUSY):
            times = median(figure.ratio(few, many))
            bars.append(Bar(name=figure.what.removesuffix(BUSY), parts={"": times}))
    title = f"Redis's time with {many}, beside {few}"
    return Chart(title=title, unit="×", bars=bars, marks={"goal": 1.2})
