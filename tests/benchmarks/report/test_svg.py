"""Plots as SVG."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from benchmarks.report.svg import Bar, Piece, Place, bars, heat, lines, standalone, strips, ticked, timeline

PLOTS = {
    "bars": bars("T <&>", "seconds", [Bar("plan", 2.0, 1.5, 2.5, "2.0 s"), Bar("react", 9.0, text="9.0 s")]),
    "strips": strips("T", "×", [("plan", [2.0, 3.0]), ("a", [1.0])], (2.15, "published")),
    "lines": lines("T", "calls", "seconds", [("plan", [(1, 2.0), (9, 2.0)]), ("react", [(1, 2.0), (9, 2.1)])]),
    "timeline": timeline("T", [("model", [Piece("planner", 0, 2, "red")]), ("tools", [])], 3.0),
    "heat": heat(
        "T",
        "steps",
        "width",
        [Place(1, 1, -0.5, "0.5"), Place(2, 1, 1.0, "2", framed=True, marked=True)],
        "blue: plan",
    ),
}


@pytest.mark.parametrize("name", PLOTS)
def test_a_plot_is_well_formed_and_says_what_it_shows(name: str) -> None:
    """Each picture is XML with a title, alone too, and keeps within its frame."""
    root = ElementTree.fromstring(standalone(PLOTS[name]))
    _, _, wide, high = map(float, root.attrib["viewBox"].split())
    assert (root[0].text or "").startswith("T")
    texts = [one for one in root.iter() if one.tag.endswith("text")]
    assert all(0 <= float(one.attrib["x"]) <= wide and 0 <= float(one.attrib["y"]) <= high for one in texts)


def test_labels_at_the_ends_of_lines_do_not_overlap() -> None:
    """Two lines that end at nearly the same place have their names a line of text apart."""
    root = ElementTree.fromstring(PLOTS["lines"])
    heights = [float(one.attrib["y"]) for one in root.iter("text") if one.text in ("plan", "react")]
    assert abs(heights[0] - heights[1]) >= 12


@pytest.mark.parametrize("most", [0.00731, 1.0, 20.6, 4321.0])
def test_axes_end_at_a_round_number_above_the_data(most: float) -> None:
    """Ticks are even, few, and reach beyond what is shown by less than one of them."""
    ticks = ticked(most)
    assert 3 <= len(ticks) <= 7
    assert ticks[-2] < most <= ticks[-1] * 1.001
