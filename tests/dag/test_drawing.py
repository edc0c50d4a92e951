"""Plans drawn as SVG."""

from __future__ import annotations

import re
import time
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from engine.dag.drawing import HEIGHT, WIDTH, to_svg
from schemas.plan import Plan
from tests.dag.graphs import plan, step
from tests.dag.test_render import EDGES, PLAN

SVG = "{http://www.w3.org/2000/svg}"


def read_svg(picture: str) -> tuple[list[str], list[tuple[str, str]]]:
    root = ET.fromstring(picture)
    nodes = [each.attrib["data-step"] for each in root.iter(f"{SVG}g")]
    paths = [each.attrib for each in root.iter(f"{SVG}path") if each.attrib.get("class") == "e"]
    return nodes, [(each["data-from"], each["data-to"]) for each in paths]


def test_every_step_and_edge_once() -> None:
    """B66: The SVG holds every step and every edge, declared or implied, exactly once, and hostile text as text."""
    nodes, arrows = read_svg(to_svg(PLAN))
    assert nodes == ["1", "2", "3", "4", "5"]
    assert sorted(arrows) == sorted(EDGES)


@given(st.data(), st.integers(0, 12))
def test_steps_never_overlap(data: st.DataObject, size: int) -> None:
    """B66: In the SVG of any plan every step and edge stands once, and no step on another."""
    needs = [data.draw(st.lists(st.integers(0, max(0, i - 1)), max_size=4)) if i else [] for i in range(size)]
    picture = to_svg(plan(*(step(i, "look", *before) for i, before in enumerate(needs))))
    nodes, arrows = read_svg(picture)
    assert sorted(nodes, key=int) == [str(i) for i in range(size)]
    assert sorted(arrows) == sorted(
        {(str(before), str(i)) for i, all_before in enumerate(needs) for before in all_before}
    )
    places = [(float(x), float(y)) for x, y in re.findall(r'<g .*transform="translate\(([\d.]+) (\d+)\)"', picture)]
    for index, (x, y) in enumerate(places):
        assert all(abs(x - a) >= WIDTH or abs(y - b) >= HEIGHT for a, b in places[:index])


def test_states_are_marked_not_only_coloured() -> None:
    """A step's state stands in the picture as a mark and as words."""
    picture = to_svg(PLAN, {"1": "done", "2": "failed"})
    assert "✓" in picture
    assert "(failed)" in picture
    assert "✗" in picture


def test_a_plan_without_steps_and_one_that_waits_for_itself() -> None:
    """No plan is refused: not an empty one, not one with a circle."""
    assert read_svg(to_svg(Plan())) == ([], [])
    assert read_svg(to_svg(plan(step(1, "look", 2), step(2, "look", 1))))[0] == ["1", "2"]


def test_control_characters_leave_it_xml() -> None:
    """What XML cannot hold, half a surrogate pair included, is replaced, and the picture is read."""
    picture = to_svg(plan(step(1, "look", tool_input={"x": "\x00\ud800"})).model_copy(update={"goal": "a\x08\ud800b"}))
    assert ET.fromstring(picture).findtext(f"{SVG}title") == "a\ufffd\ufffdb"


def test_two_hundred_steps_in_a_second() -> None:
    """A plan of 200 steps is laid out in well under a second of CPU."""
    drawn = plan(*(step(i, "look", *range(max(0, i - 9), i, 3)) for i in range(200)))
    began = time.process_time()
    to_svg(drawn)
    assert time.process_time() - began < 1.5
