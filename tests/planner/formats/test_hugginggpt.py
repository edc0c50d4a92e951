"""HuggingGPT's tasks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.planner.formats.loading import load_plan
from engine.testing import FakeTool, ScriptedProvider, scripted_engine
from schemas.errors import PlanError
from tests.planner.formats.catalogue import TOOLS


def task(number: int, *dep: int, tool: str = "search", **args: Any) -> dict[str, Any]:
    """Return a task."""
    return {"task": tool, "id": number, "dep": list(dep) or [-1], "args": args}


def test_tasks_become_steps() -> None:
    """dep [-1] is none, a generated resource is the result it names, inside text too."""
    tasks = [
        task(0, tool="image-to-text", image="/e.jpg"),
        task(1, 0, query="what is <GENERATED>-0?"),
        task(10, 1, query="<GENERATED>-1"),
        task(11, 10, query="<GENERATED>-10 is not <GENERATED>-1"),
    ]
    plan, _ = load_plan(json.dumps(tasks), tools=TOOLS)
    needs = {step.id: step.depends_on for step in plan.steps}
    assert needs == {"0": (), "1": ("0",), "10": ("1",), "11": ("10",)}
    assert [step.tool_input for step in plan.steps[1:]] == [
        {"query": "what is {{0}}?"},
        {"query": "{{1}}"},
        {"query": "{{10}} is not {{1}}"},
    ]


@pytest.mark.anyio
async def test_an_argument_of_several_results_runs_once_for_each() -> None:
    """ "<GENERATED>-0,<GENERATED>-1" calls the tool for both, and what needs it gets both results."""
    tool = FakeTool("search", lambda given: f"<{given['query']}>")
    engine = scripted_engine(ScriptedProvider([]), tools=[tool])
    several = task(2, 0, 1, query="<GENERATED>-0,<GENERATED>-1")
    tasks = [task(0, query="a"), task(1, query="b"), several, task(3, 2, query="<GENERATED>-2")]
    plan, _ = engine.load(json.dumps(tasks))
    result = await engine.apply(plan.model_copy(update={"answer": "{{2}}"}))
    assert result.steps["2"].value == ["<<a>>", "<<b>>"]
    assert result.status == "completed"


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        ([task(0, tool="serch", query="a")], "$[0].task: there is no tool 'serch' (did you mean 'search'?"),
        ([task(0, query="<GENERATED>-7")], "$[0].args: <GENERATED>-7: there is no task of id 7"),
        ([task(0, 5, query="a")], "$[0].dep[0]: there is no task of id 5"),
        ([task(0, 1, query="a"), task(1, 0, query="b")], "$[0]: the steps wait for each other: 0 → 1 → 0"),
        ([task(0, query=3)], "$[0].args.query: expected string, got 3"),
        ([{"task": "search", "Id": 0, "args": {}}], "$[0].id: this field is missing (did you mean 'Id'?)"),
        ([], "$.steps: the plan has no steps"),
    ],
)
def test_what_is_wrong_is_named_by_its_index(tasks: list[Any], said: str) -> None:
    """B16: each error names the task by its place, in the file's own words, and the nearest word."""
    with pytest.raises(PlanError) as caught:
        load_plan(json.dumps(tasks), "hugginggpt", tools=TOOLS)
    assert f"{caught.value.message} ({caught.value.hint})".startswith(said)
