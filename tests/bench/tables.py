"""Findings as tables: for a terminal, and in Markdown."""

from collections.abc import Sequence

from tests.bench.figures import Figure, Finding, spread, systems

RATIO = "better than naive"


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
    head = ["", *names]
    if "naive" in names:
        head.append(RATIO)
    head.append("goal")
    return [head, *(_row(figure, names) for figure in finding.figures)]


def _row(figure: Figure, names: Sequence[str]) -> list[str]:
    cells = [f"{figure.what}, {figure.unit}".removesuffix(", ")]
    cells += [_cell(figure, name) for name in names]
    if "naive" in names:
        cells.append(_ratio(figure))
    return [*cells, figure.goal]


def _cell(figure: Figure, name: str) -> str:
    values = figure.values.get(name)
    return spread(values) if values else ""


def _ratio(figure: Figure) -> str:
    if not {"runhook", "naive"} <= figure.values.keys() or figure.unit == "bytes":
        return ""
    ratios = figure.ratio("runhook")
    return f"{spread(ratios)} ×" if ratios else ""
