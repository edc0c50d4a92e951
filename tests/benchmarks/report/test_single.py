"""Each case by itself."""

from __future__ import annotations

from benchmarks.report.document import Code, Folded, Picture, Table
from benchmarks.report.single import every
from tests.benchmarks.report.outcomes import outcome

PLAN = {"goal": "g", "steps": [{"search": "x"}, {"search": "y"}], "answer": "{{1}}"}


def test_a_case_has_its_figures_its_timeline_and_its_plan() -> None:
    """One picture of all systems; a plan that several wrote is shown once, a step a line."""
    systems = {
        "react": [outcome("react", "1", 9.0), outcome("react", "2", 8.0)],
        "plan": [outcome("plan", "1", 3.0, plans=[PLAN])],
        "plan-no-stream": [outcome("plan-no-stream", "1", 4.0, plans=[PLAN])],
    }
    (folded,) = every(systems, "trips-plain")
    assert isinstance(folded, Folded)
    assert folded.long
    one, two = folded.blocks
    assert isinstance(one, Folded)
    assert isinstance(two, Folded)
    assert one.summary == "Case 1: react 9.0 s, plan 3.0 s, plan-no-stream 4.0 s"
    assert [type(block) for block in one.blocks] == [Table, Picture, Folded]
    assert isinstance(one.blocks[2], Folded)
    assert one.blocks[2].blocks == [Code('{"search": "x"}\n{"search": "y"}\n{"answer": "{{1}}"}')]
    assert [type(block) for block in two.blocks] == [Table, Picture]
