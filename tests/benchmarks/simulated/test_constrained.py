"""What a model writes when it is held to a schema."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from benchmarks.orchestration.ours import spec_of
from benchmarks.orchestration.suites import SUITES, cases_of
from benchmarks.simulated.constrained import UnfitError, constrained
from benchmarks.simulated.oracle import Asked, plan, plan_with_answer
from engine.dag.build import check_plan
from engine.planner.arguments import Dialect
from engine.planner.grammar import compile_grammar
from engine.planner.read import read_reply
from tests.planner.doubles import CONVERT, SEARCH, tool

PLAIN = compile_grammar([SEARCH, CONVERT], "unions")


def test_the_form_that_is_taken() -> None:
    """Null stands for what may be left out, text for a value where only text is taken, nothing for no form at all."""
    call = {"convert": {"value": 5, "to": "ft"}}
    assert constrained({"steps": [call]}, PLAIN) == {"steps": [call]}
    assert constrained({"steps": [{"convert": {"value": 5, "to": "ft"}}]}, compile_grammar([CONVERT], "strings")) == {
        "steps": [{"convert": {"value": "5", "to": "ft"}}]
    }
    step = {"step": {"search": "a"}, "foreach": "{{1}}"}
    assert constrained({"steps": [step]}, PLAIN) == {
        "steps": [{"step": {"search": "a"}, "when": None, "foreach": "{{1}}"}]
    }
    filled = constrained({"steps": [{"step": {"search": {"query": "a"}}}]}, compile_grammar([SEARCH], "filled"))
    assert filled["steps"][0] == {"step": {"search": {"query": "a", "limit": ""}}, "when": [], "foreach": ""}
    with pytest.raises(UnfitError):
        constrained({"steps": [{"convert": {"value": 5, "to": "miles"}}]}, PLAIN)


def test_optional_arguments() -> None:
    """A call writes null for what it leaves out only if it needs another optional argument."""
    pick = tool("pick", ["a"], a="number", b="string", c="string")
    grammar = compile_grammar([pick], "unions")
    items = [{"pick": {"a": 1}}, {"pick": {"a": 1, "c": "x"}}]
    assert constrained({"steps": items}, grammar)["steps"] == [
        {"pick": {"a": 1}},
        {"pick": {"b": None, "a": 1, "c": "x"}},
    ]


@pytest.mark.parametrize("dialect", ["unions", "strings", "filled"])
@pytest.mark.parametrize("suite", ["parallelqa", "nestful", "finance", "hotpot"])
def test_the_oracle_keeps_to_the_grammar(suite: str, dialect: Dialect, bench_data: Path) -> None:
    """What the ideal planner writes is what its request's schema takes, and reads as the right plan."""
    for case in cases_of(SUITES[suite], bench_data, 4):
        tools = {one.name: spec_of(one, 1.0, case.approves) for one in case.tools}
        grammar = compile_grammar(list(tools.values()), dialect)
        written = plan(case, Asked("planner", (), schema=grammar)).text
        assert Draft202012Validator(grammar).is_valid(json.loads(written)), written
        read = read_reply(written, tools, dialect=dialect)
        assert [*read.problems, *read.warnings, *check_plan(read.plan, tools, fills=False)] == []
        assert [step.tool_input for step in read.plan.steps] == [dict(step.arguments) for step in case.steps]


def test_one_result_is_the_answer(bench_data: Path) -> None:
    """The planner that writes answers does so in 39 of the 56 questions, and only where one step's result is it."""
    written = [plan_with_answer(case, Asked("planner", ())).text for case in cases_of(SUITES["parallelqa"], bench_data)]
    assert sum('"answer"' in text for text in written) == 39
    assert not any(
        '"answer"' in plan(case, Asked("planner", ())).text for case in cases_of(SUITES["parallelqa"], bench_data)
    )
