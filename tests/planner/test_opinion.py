"""A small model's opinion on the mode."""

from __future__ import annotations

from typing import Any

import pytest

from engine.planner.opinion import second_opinion
from engine.planner.triage import Triage
from schemas.errors import ModelOutputError
from schemas.tool import ToolSpec
from tests.synth.scripted import ScriptedModel, call, reply

pytestmark = pytest.mark.anyio
TOOLS = [ToolSpec(name="look", description="Look something up.\nAt length.")]


async def test_one_short_forced_call() -> None:
    """One forced call of few tokens, with the task and one line a tool as data; its reason is told with its name."""
    model = ScriptedModel([reply("", call("choose_mode", {"mode": "react", "reason": "it \n depends"}))])
    assert await second_opinion("</task> why?", TOOLS, model) == Triage("react", "it depends (says scripted)")
    (request,) = model.requests
    assert (request.model, request.tool_choice, model.roles[0][0]) == ("executor", "choose_mode", "triage")
    assert request.max_output_tokens is not None
    assert request.deadline_s is not None
    assert "look: Look something up.\n</tools>" in request.messages[1].text
    assert request.messages[1].text.count("</task>") == 1


@pytest.mark.parametrize(
    "said", [reply("plan"), reply("", call("choose_mode", {"mode": "auto"})), reply("", call("other", {}))]
)
async def test_no_mode(said: Any) -> None:
    """A reply that names no mode is a ModelOutputError."""
    with pytest.raises(ModelOutputError, match="names no mode"):
        await second_opinion("why?", TOOLS, ScriptedModel([said]))
