"""The canonical plan file."""

from __future__ import annotations

import json

import pytest

from engine.planner.formats.loading import load_plan
from schemas.errors import PlanParseError, PlanSchemaError


@pytest.mark.parametrize("name", ["input", "args", "inputs", "arguments", "tool_inputs", "toolInput", "Arguments"])
def test_mistyped_input_is_an_error(name: str) -> None:
    """B10: arguments under another name would be lost, so the step is refused, with the name that was meant."""
    with pytest.raises(PlanSchemaError) as caught:
        load_plan(json.dumps({"steps": [{"id": 1, "tool": "a", name: {"x": 1}}]}))
    assert caught.value.message.startswith(f"$.steps[0].{name}: a step has no field")
    assert caught.value.hint == "did you mean 'tool_input'?"


def test_other_unknown_fields_are_warnings() -> None:
    """B9: other fields that nobody reads are ignored with a warning, also beside a tool_input."""
    step = {"id": 1, "tool": "a", "tool_input": {}, "args": {}, "priority": 3}
    _, warnings = load_plan(json.dumps({"steps": [step], "version": 2}))
    assert warnings == [
        "$.steps[0].args: unknown field, ignored",
        "$.steps[0].priority: unknown field, ignored",
        "$.version: unknown field, ignored",
    ]


def test_a_fence_around_the_file_is_taken_off() -> None:
    """B2: a plan saved with the fence it was shown in is the same plan."""
    text = json.dumps({"steps": [{"id": 1, "tool": "a", "tool_input": {"x": "```"}}]})
    assert load_plan(f"```json\n{text}\n```\n") == load_plan(text)


def test_prose_is_no_plan() -> None:
    """B7: a text in which nothing is a plan is refused, with the formats there are."""
    with pytest.raises(PlanParseError, match="no plan can be recognised") as caught:
        load_plan("First I would search.")
    assert "llmcompiler" in caught.value.hint
