"""Plots: round numbers on the axis, one named picture to a screen reader, nothing drawn that is
not there, and nobody's text taken for markup."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runhook.webhook.pages.plots import HEIGHT, LABELS, WIDTH, Plot, Series, axis_for, picture

SVG = "{http://www.w3.org/2000/svg}"


def _plot(*series: Series, labels: int = 3, **more: object) -> Plot:
    values: dict[str, object] = {
        "id": "p",
        "title": "Jobs by hour",
        "summary": "Three hours.",
        "labels": [f"{hour}:00" for hour in range(labels)],
        "series": series,
        "say": lambda number: f"{number:g}",
    }
    return Plot(**values | more)  # type: ignore[arg-type]


def _drawn(plot: Plot) -> ElementTree.Element:
    return ElementTree.fromstring(
        str(picture(plot)).replace("<svg ", f'<svg xmlns="{SVG[1:-1]}" ', 1)
    )


def _bars(*values: float | None, name: str = "failed") -> Series:
    return Series(name=name, style=f"s-{name}", values=values)


@pytest.mark.parametrize(
    ("highest", "ticks"),
    [
        (7, [0, 2, 4, 6, 8]),
        (1, [0, 0.5, 1]),
        (0, [0, 1]),
        (0.34, [0, 0.1, 0.2, 0.3, 0.4]),
        (100, [0, 50, 100]),
        (1234, [0, 500, 1000, 1500]),
    ],
)
def test_an_axis_has_round_numbers(highest: float, ticks: list[float]) -> None:
    assert axis_for(highest).ticks == pytest.approx(ticks)


def test_an_axis_of_counts_has_no_halves() -> None:
    assert axis_for(1, whole=True).ticks == [0, 1]
    assert axis_for(2, whole=True).ticks == [0, 1, 2]


@given(st.floats(1e-9, 1e15), st.booleans())
def test_an_axis_holds_everything_and_wastes_little(highest: float, whole: bool) -> None:
    axis = axis_for(highest, whole=whole)
    assert highest <= axis.top * (1 + 1e-9)
    assert 1 <= axis.count <= 5
    assert whole or axis.step <= highest


def test_a_picture_has_a_name_and_a_description() -> None:
    svg = _drawn(_plot(_bars(1, 2, 3)))
    said = [svg.attrib[f"aria-{kind}"] for kind in ("labelledby", "describedby")]
    named = [svg.find(f".//*[@id='{name}']") for name in said]
    assert svg.attrib["role"] == "img"
    assert [one.text for one in named if one is not None] == ["Jobs by hour", "Three hours."]


def test_what_is_nothing_is_not_drawn_and_what_is_little_is_seen() -> None:
    svg = _drawn(_plot(_bars(0, None, 0.0001), _bars(1000, 0, 1000, name="succeeded")))
    paths = {one.attrib["class"]: one.attrib["d"] for one in svg.iter(f"{SVG}path")}
    assert paths["bar s-failed"].count("M") == 1
    assert "v-1.5" in paths["bar s-failed"]
    assert paths["bar s-succeeded"].count("M") == 2


def test_a_line_has_a_gap_where_nothing_is_known() -> None:
    series = Series(name="p95", style="p95", values=(1, 2, None, 4), line=True)
    svg = _drawn(_plot(series, labels=4))
    paths = {one.attrib["class"]: one.attrib["d"] for one in svg.iter(f"{SVG}path")}
    assert (paths["line p95"].count("L"), paths["point p95"].count("M")) == (1, 3)


@given(st.lists(st.floats(0, 1e12) | st.none(), min_size=1, max_size=60))
def test_everything_is_inside_the_picture(values: list[float | None]) -> None:
    line = Series(name="line", style="line", values=values, line=True)
    svg = _drawn(_plot(line, labels=len(values)))
    for path in svg.iter(f"{SVG}path"):
        for x, y in re.findall(r"[ML](\S+?) (\S+?)(?=[MLHhv]|$)", path.attrib["d"]):
            assert 0 <= float(x) <= WIDTH
            assert -0.1 <= float(y) <= HEIGHT


@pytest.mark.parametrize("count", [1, 7, 12, 24, 30, 31])
def test_there_are_no_more_labels_than_have_room_and_the_last_is_among_them(count: int) -> None:
    svg = _drawn(_plot(_bars(*[1.0] * count), labels=count))
    labels = [one.text for one in svg.iter(f"{SVG}text") if one.attrib.get("class") == "x"]
    assert len(labels) <= LABELS
    assert labels[-1] == f"{count - 1}:00"


def test_nobodys_text_is_taken_for_markup() -> None:
    hostile = "</title><script>alert(1)</script>"
    series = Series(name=hostile, style="s-failed", values=(1, 1, 1))
    svg = _drawn(_plot(series, title=hostile, summary=hostile, labels=3))
    assert list(svg.iter(f"{SVG}script")) == []
    assert svg.findtext(f"{SVG}title") == hostile


def test_a_picture_needs_no_style_of_its_own() -> None:
    """The pages' policy would not take one."""
    text = picture(_plot(_bars(1, 2, 3)))
    assert "style" not in re.sub(r"class=\"[^\"]*\"", "", text)
