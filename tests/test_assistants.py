"""What a run in an assistant's name is started with."""

from __future__ import annotations

import pytest

from engine.assistants import DEFAULT, Assistants
from engine.testing import FakeTool, ScriptedProvider, scripted_engine
from schemas.errors import NotFoundError
from schemas.events import RunLimits


def assistants(*configured: dict[str, object]) -> Assistants:
    """Assistants of an engine that may make two plans of five steps and spend a dollar."""
    limits, budget = {"max_replans": 2, "max_steps": 5}, {"run_usd": 1.0}
    provider = ScriptedProvider([])
    return Assistants(
        scripted_engine(provider, [FakeTool("look")], assistants=configured, limits=limits, budget=budget)
    )


def test_without_any_there_is_the_engine_itself() -> None:
    """Where no assistant is configured there is one, ``engine``, that may use everything."""
    found = assistants()
    assert list(found) == [DEFAULT]
    assert found.options(DEFAULT)["tools"] is None


def test_an_assistant_gives_all_options_of_its_runs() -> None:
    """Mode, who is asked, team and instructions are the assistant's."""
    options = assistants(
        {"name": "t", "agents": ["weather"], "tools": ["look"], "mode": "plan", "approve": "all", "instructions": "Hi."}
    ).options("t")
    assert options["tools"] == ("look", "agent:weather")
    assert (options["mode"], options["approve"], options["instructions"]) == ("plan", "all", "Hi.")


def test_no_cap_is_above_the_engines() -> None:
    """An assistant's caps, and those asked for of it, only ever lower the engine's."""
    found = assistants({"name": "t", "run_usd": 5.0, "max_steps": 3})
    limits = found.options("t", RunLimits(budget_usd=0.2, max_steps=9))["limits"]
    assert limits is not None
    assert (limits.budget_usd, limits.max_steps, limits.max_replans) == (0.2, 3, 2)
    assert found.limits("t").budget_usd == 1.0


def test_an_unknown_name_is_said_with_the_nearest() -> None:
    """Who asks for an assistant that is not there is told the nearest name."""
    with pytest.raises(NotFoundError) as refused:
        assistants({"name": "travel"})["travle"]
    assert "travel" in refused.value.hint


def test_a_passthrough_assistant_knows_its_agent_and_nothing_else() -> None:
    """Runs of a passthrough assistant are offered that agent alone: no tool, no other agent."""
    assert assistants({"name": "t", "passthrough": "legal"}).options("t")["tools"] == ("agent:legal",)


def test_a_name_that_is_not_there_is_said() -> None:
    """An assistant that names a tool or agent nobody has does without it, which is said with the nearest name."""
    found = assistants({"name": "t", "tools": ["lok", "x*"], "agents": ["wether", "*"]})
    assert list(found.lacks("t")) == [
        "the assistant 't' does without the tool 'lok', for there is none (did you mean 'look'?)",
        "the assistant 't' does without the tool 'x*', for there is none (there are look)",
        "the assistant 't' does without the agent 'wether', for there is none (there are look)",
    ]
