"""Findings as tables: for a terminal, and in Markdown."""

from collections.abc import Sequence

from tests.bench.figures import Figure, Finding, spread, systems


def text(finding: Finding) -> str:
    """For a terminal."""
    rows = _rows(finding)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join(["", finding.title, "", *lines, *finding.notes])


def markdown(finding: Finding) -> str:
    """For the page."""
    head, *rows = _rows(finding)
    lines = [_line(head), _line(["---"] * len(head)), *map(_line, rows)]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _rows(finding: Finding) -> list[list[str]]:
    names = systems(finding.figures)
    heading, mine, other = finding.compared
    head = ["", *names]
    beside = {mine, other} <= set(names)
    if beside:
        head.append(heading)
    rows = []
    for figure in finding.figures:
        cells = [f"{figure.what}, {figure.unit}".removesuffix(", ")]
        cells += [_cell(figure, name) for name in names]
        if beside:
            cells.append(_ratio(figure, mine, other))
        rows.append([*cells, figure.goal])
    return [[*head, "goal"], *rows]


def _cell(figure: Figure, name: str) -> str:
    values = figure.values.get(name)
    return spread(values) if values else ""


def _ratio(figure: Figure, mine: str, other: str) -> str:
    if not {mine, other} <= figure.values.keys():
        return ""
    ratios = figure.ratio(mine, other)
    return f"{spread(ratios)} ×" if ratios and any(ratios) else ""
