"""ValueCell's planner answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.planner.formats.loading import load_plan
from schemas.errors import PlanError
from tests.planner.formats.catalogue import TOOLS


def answer(*tasks: Any, **fields: Any) -> str:
    """Return a planner's answer as JSON."""
    return json.dumps({"tasks": list(tasks), "adequate": True, "reason": "why", **fields})


def test_tasks_become_steps_side_by_side() -> None:
    """Each task is a step of its agent, with the query unchanged, and none waits for another."""
    tasks = [{"title": "T", "query": "what {{1}}?", "agent_name": "search"}, {"query": "b", "agent_name": "Ask-Model"}]
    plan, _ = load_plan(answer(*tasks), tools=TOOLS)
    assert [(step.tool, step.tool_input, step.depends_on) for step in plan.steps] == [
        ("search", {"query": "what \\{{1}}?"}, ()),
        ("ask_model", {"prompt": "b"}, ()),
    ]
    assert plan.steps[0].description == "T"


def test_an_inadequate_request_is_a_question() -> None:
    """B19: adequate false is a plan without steps whose question is the guidance, else the reason."""
    asked, _ = load_plan(answer(adequate=False, guidance_message="Which {{one}}?"), tools=TOOLS)
    unsaid, _ = load_plan(answer({"query": "a", "agent_name": "search"}, adequate=False), tools=TOOLS)
    assert (asked.question, asked.steps) == ("Which {{one}}?", ())
    assert (unsaid.question, unsaid.steps) == ("why", ())


def test_no_tasks_is_an_answer() -> None:
    """B19: an adequate request without tasks ends with the guidance as its answer."""
    plan, _ = load_plan(answer(guidance_message="Nothing to do in {{x}}."))
    assert (plan.answer, plan.steps) == ("Nothing to do in \\{{x}}.", ())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            answer({"query": "a", "agent_name": "search", "pattern": "recurring"}),
            "$.tasks[0].pattern: a recurring task cannot be applied as a plan, which runs once",
        ),
        (answer({"query": "a", "agent_name": "search", "pattern": "onse"}), "$.tasks[0].pattern: 'onse' is not one of"),
        (answer({"query": "a", "agent_name": "serch"}), "$.tasks[0].agent_name: there is no tool 'serch'"),
        (answer({"query": "a", "agent": "search"}), "$.tasks[0].agent_name: this field is missing (did you mean"),
        (answer({"agent_name": "search"}), "$.tasks[0].query: this field is missing"),
        (answer(3, adequate=True), "$.tasks[0]: expected a task, an object, got the number 3"),
        ('{"adequate": "no"}', "$.adequate: expected true or false"),
        ('{"adequate": false}', "$.guidance_message: there are no tasks, and nothing says why"),
    ],
)
def test_what_is_wrong_is_named_by_its_path(text: str, said: str) -> None:
    """B10: each error names its path in the file and what is allowed there."""
    with pytest.raises(PlanError) as caught:
        load_plan(text, tools=TOOLS)
    assert f"{caught.value.message} ({caught.value.hint})".startswith(said)
