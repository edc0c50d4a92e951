"""ReWOO's plan text."""

from __future__ import annotations

from typing import Any

import pytest

from engine.planner.formats.loading import load_plan
from schemas.errors import PlanError
from tests.planner.formats.catalogue import TOOLS


def read(text: str) -> list[tuple[str, str, Any]]:
    """The steps of a plan: id, tool, arguments."""
    plan, _ = load_plan(text, "rewoo", tools=TOOLS)
    return [(step.id, step.tool, step.tool_input) for step in plan.steps]


def test_a_plan_as_the_paper_writes_it() -> None:
    """Each evidence is a step, the plan before it its description, LLM the model tool; a plan may share the line."""
    text = (
        "Task: how long did Rebecca work?\nPlan: Solve it.\n#E1 = search[Solve x + (2x - 10) [hours]]\n"
        "Plan: Find the number. #E2 = LLM[What is x, given #E1?]\nPlan: Compute.\n#E3 = calculator[(2 * #E2 - 10) - 8]"
    )
    plan, _ = load_plan(text, tools=TOOLS)
    assert (plan.goal, plan.steps[1].description) == ("how long did Rebecca work?", "Find the number.")
    assert read(text) == [
        ("E1", "search", {"query": "Solve x + (2x - 10) [hours]"}),
        ("E2", "ask_model", {"prompt": "What is x, given {{E1}}?"}),
        ("E3", "Calculator", {"expression": "(2 * {{E2}} - 10) - 8"}),
    ]


def test_more_than_nine() -> None:
    """#E10 is evidence 10, not #E1 and a zero."""
    text = "\n".join(f"#E{number} = search[x]" for number in range(1, 11)) + "\n#E11 = search[#E10 and #E1]"
    assert read(text)[-1] == ("E11", "search", {"query": "{{E10}} and {{E1}}"})


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("#E1", {"first": "{{E1}}", "second": "x"}),
        ("a, b", {"first": "a", "second": "b"}),
        ('"a, c", b', {"first": "a, c", "second": "b"}),
        ('{"first": "#E1.rows[0]", "second": "b"}', {"first": "{{E1.rows[0]}}", "second": "b"}),
        ("second=#E1, first='a'", {"second": "{{E1}}", "first": "a"}),
        ("a, b, 3", {"first": "a", "second": "b", "times": 3}),
    ],
)
def test_inputs_of_several_arguments(written: str, meant: dict[str, Any]) -> None:
    """A tool that requires more than one argument takes them by comma, by keyword or as an object."""
    written = written if written != "#E1" else "#E1, x"
    assert read(f"#E1 = search[x]\n#E2 = pair[{written}]")[1][2] == meant


def test_an_input_over_several_lines() -> None:
    """An input goes on to its last bracket before the next plan."""
    assert read("#E1 = search[one\ntwo [3]]\n\nPlan: x\n#E2 = search[y]")[0][2] == {"query": "one\ntwo [3]"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Plan: a\n#E1 = serch[x]", "line 2: there is no tool 'serch' (did you mean 'search'?"),
        ("#E1 = search[#E7]", "line 1: there is no #E7 (did you mean 'E1'?)"),
        ("#E1 = search[x]\n#E2 =", "line 2: '#E2 =' is no step (write #E1 = Tool[input])"),
        ("#E1 = search[x\nPlan: y", "line 1: the bracket of search[ is not closed"),
        ("#E1 = search[x]\n#E1 = search[y]", "line 2: id 'E1' is already used by line 1"),
        ("Plan: think", "line 1: there is no step"),
    ],
)
def test_what_is_wrong_is_named_by_its_line(text: str, said: str) -> None:
    """B16: each error names the line and the nearest word."""
    with pytest.raises(PlanError) as caught:
        read(text)
    assert f"{caught.value.message} ({caught.value.hint})".startswith(said)
