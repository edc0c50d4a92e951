"""Pictures of a plan."""

from __future__ import annotations

import html
import re

from hypothesis import given
from hypothesis import strategies as st

from engine.dag.render import edges, label, to_dot, to_mermaid, to_text
from schemas.plan import Condition, Plan
from tests.dag.graphs import plan, step

QUOTED = r'"((?:[^"\\]|\\.)*)"'
PLAN = plan(
    step(1, "search", tool_input={"query": 'say "hi" <b> & #1; `x` \\ \n'}),
    step(2, "look", 1, 1, tool_input={"x": "{{1.a}} {{1.b}}"}),
    step(3, foreach="{{1.rows}}", tool_input={"x": "{{item}}"}),
    step(4, "look", 3, when=[Condition(value="{{2}}", op="eq", to="{{3}}")]),
    step(5, "look", 4, 4),
)
EDGES = [("1", "2"), ("1", "3"), ("3", "4"), ("2", "4"), ("4", "5")]


def read_mermaid(picture: str) -> tuple[list[str], list[tuple[str, str]]]:
    nodes = dict(re.findall(r'^  (s\d+)\["(\S+): .*"\]$', picture, re.M))
    return list(nodes.values()), [(nodes[a], nodes[b]) for a, b in re.findall(r"^  (s\d+) --> (s\d+)$", picture, re.M)]


def read_dot(picture: str) -> tuple[list[str], list[tuple[str, str]]]:
    nodes = re.findall(rf"^  {QUOTED} \[label=", picture, re.M)
    return nodes, re.findall(rf"^  {QUOTED} -> {QUOTED};$", picture, re.M)


def read_text(picture: str) -> tuple[list[str], list[tuple[str, str]]]:
    rows = [re.match(r"^ *(\S+)\. .*?(?:  ← ([\w, ]+))?$", line) for line in picture.splitlines()]
    found = [(row[1], row[2].split(", ") if row[2] else []) for row in rows if row]
    return [node for node, _ in found], [(need, node) for node, needs in found for need in needs]


def test_every_step_and_edge_once() -> None:
    """B66: Mermaid, DOT and text hold every step and every edge, declared or implied, exactly once."""
    for read, draw in ((read_mermaid, to_mermaid), (read_dot, to_dot), (read_text, to_text)):
        nodes, arrows = read(draw(PLAN))
        assert nodes == ["1", "2", "3", "4", "5"]
        assert sorted(arrows) == sorted(EDGES)


@given(st.data(), st.integers(0, 12))
def test_every_step_and_edge_of_any_plan_once(data: st.DataObject, size: int) -> None:
    """B66: The pictures of any plan, repeated dependencies included, agree with its graph."""
    needs = [data.draw(st.lists(st.integers(0, max(0, i - 1)), max_size=4)) if i else [] for i in range(size)]
    drawn = plan(*(step(i, "look", *before) for i, before in enumerate(needs)))
    wanted = sorted({(str(before), str(i)) for i, all_before in enumerate(needs) for before in all_before})
    for read, draw in ((read_mermaid, to_mermaid), (read_dot, to_dot), (read_text, to_text)):
        nodes, arrows = read(draw(drawn))
        assert sorted(nodes, key=int) == [str(i) for i in range(size)]
        assert sorted(arrows) == wanted


def test_edges_outside_the_plan_are_left_out() -> None:
    """A dependency on a step of an earlier plan is no edge of this picture."""
    assert edges(plan(step(7, "look", 1, 6), step(8, "look", 7))) == [("7", "8")]


def test_labels_keep_what_is_written() -> None:
    """What a label holds is escaped for its format: nothing ends it early, and Mermaid reads no list or Markdown."""
    (mermaid,) = re.findall(r's0\["(.*)"\]', to_mermaid(PLAN))
    restored = html.unescape(re.sub(r"#(\d+);", r"&#\1;", re.sub(r"#([a-z]+);", r"&\1;", mermaid)))
    assert restored == label(PLAN.steps[0]).replace("1. ", "1: ", 1)
    assert not set('"<>`') & set(mermaid)
    (dot,) = re.findall(rf'^  "1" \[label={QUOTED}\];$', to_dot(PLAN), re.M)
    assert re.sub(r"\\(.)", r"\1", dot) == label(PLAN.steps[0])


def test_states_are_shown() -> None:
    """The state of each step that ran is a colour or a sign."""
    states = {"1": "done", "2": "failed"}
    assert "style s0 fill:" in to_mermaid(PLAN, states)
    assert "✓ 1. search" in to_text(PLAN, states)
    assert "✗ 2. look" in to_text(PLAN, states)
    assert to_dot(PLAN, states).count("fillcolor=") == 3


def test_steps_that_wait_for_each_other_can_be_seen() -> None:
    """A plan with a cycle, which will not run, is still drawn."""
    ring = plan(step(1, "look", 2), step(2, "look", 1), step(3, "look", 3))
    for draw in (to_mermaid, to_dot, to_text):
        assert draw(ring).count("look") == 3


def test_no_steps() -> None:
    """A plan of no steps is an empty picture."""
    assert to_mermaid(Plan()) == "flowchart TD\n"
    assert to_text(Plan()) == "\n"


def test_a_line_break_does_not_break_a_line() -> None:
    """Whatever separates lines in an id or tool of an unchecked plan, a step stays on its line."""
    odd = plan(step("a\r\nb\u2028c", "look\x0bx"))
    assert len(to_mermaid(odd).splitlines()) == 2
    assert len(to_dot(odd).splitlines()) == 4
    assert len(to_text(odd).splitlines()) == 1
