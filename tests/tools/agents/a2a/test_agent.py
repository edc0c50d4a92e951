"""An A2A agent as an agent of the engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.tools.agents.a2a import made
from engine.tools.agents.a2a.agent import A2AAgent
from engine.tools.agents.base import Place, spec_of
from schemas.agents import AgentSettings
from schemas.errors import ConfigError, ElicitationDeclinedError, ToolFailedError, ToolUnavailableError
from schemas.planning import StepCall
from tests.tools.agents.a2a.sky import Sky, sky
from tests.tools.context import Context

pytestmark = pytest.mark.anyio


def _agent(address: str, **settings: Any) -> A2AAgent:
    environ = {"KEY": "s3cret-key"}
    return made(AgentSettings(name="weather", a2a=address, **settings), Place(Path(), environ))


def _call(run: str) -> StepCall:
    return StepCall(run_id=run, step_id="3", tool="weather", input={}, idempotency_key=f"{run}:3")


async def test_a_card_fills_in_what_the_configuration_leaves_out() -> None:
    """Description, version and capabilities are the card's; a changed card is seen at the next look."""
    agent = Sky()
    with sky(agent) as server:
        weather = _agent(server.url)
        spec = spec_of(AgentSettings(name="weather", a2a=server.url), await weather.look())
        assert spec.description == "Knows the weather.\n- forecast: Tomorrow's weather"
        assert spec.agent is not None
        assert (spec.agent.version, spec.agent.capabilities) == ("1.0.0", ("forecast", "rain"))
        assert (await weather.look()).version == "1.0.0"  # unchanged: not sent again
        agent.tag, agent.card = '"2"', {"version": "2.0.0", "skills": []}
        assert (await weather.look()).version == "2.0.0"
    with pytest.raises(ToolUnavailableError, match="cannot be reached"):
        await weather.look()


async def test_the_calls_of_a_run_are_one_conversation() -> None:
    """The agent's context goes along with the run's next call, and not with another run's."""
    agent = Sky()
    with sky(agent) as server:
        weather = _agent(server.url)
        for run in ("r1", "r1", "r2"):
            await weather.call({"query": "Paris?"}, Context(_call(run)))
    sent = [params["message"] for _, params in agent.calls]
    assert [message.get("contextId") for message in sent] == [None, "c", None]
    assert [message["parts"] for message in sent] == [[{"text": "Paris?"}]] * 3


async def test_a_call_says_whose_it_is() -> None:
    """Key and headers are looked up; run, step and what is left of the budget go along."""
    with sky(Sky()) as server:
        weather = _agent(server.url, api_key="$KEY", headers={"X-Team": "blue"})
        await weather.call({"query": "Paris?"}, Context(_call("r1")))
        headers = server.requests[-1].headers
    assert (headers["authorization"], headers["x-team"]) == ("Bearer s3cret-key", "blue")
    assert (headers["x-engine-run"], headers["x-engine-step"], headers["idempotency-key"]) == ("r1", "3", "r1:3")
    assert headers["a2a-version"] == "1.0"


async def test_secrets_are_in_no_error() -> None:
    """What an agent repeats of our headers is not told, and a secret that is not set is named."""
    with sky(Sky(status=403)) as server:
        with pytest.raises(ToolFailedError) as failure:
            await _agent(server.url, api_key="$KEY").call({"query": "x"}, Context())
        assert "s3cret" not in failure.value.message
        with pytest.raises(ToolFailedError, match=r"agents\.weather: the environment variable NONE is not set"):
            await _agent(server.url, api_key="$NONE").call({"query": "x"}, Context())


async def test_a_question_that_nobody_can_answer_fails() -> None:
    """Where there will be no answer, the step fails and the agent's task is cancelled."""
    agent, context = Sky(states=["input-required: Which Paris?"]), Context()
    with sky(agent) as server, pytest.raises(ElicitationDeclinedError):
        await _agent(server.url).call({"query": "x"}, context)
    assert context.questions == [("Which Paris?", None)]
    assert agent.acts()[-1] == "CancelTask"


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ({"data": json.loads("[" * 700 + "]" * 700)}, "nested too deeply"),
        ({"data": float("nan")}, "the number at its top is nan"),
    ],
)
async def test_a_value_that_is_no_json_fails(part: dict[str, Any], says: str) -> None:
    """What no plan could hold is a failed step."""
    with sky(Sky(parts=[part])) as server, pytest.raises(ToolFailedError, match=says):
        await _agent(server.url).call({"query": "x"}, Context())


async def test_half_a_character_is_replaced() -> None:
    """Text that is no valid Unicode is made valid."""
    with sky(Sky(parts=[{"text": "rain \ud800"}])) as server:
        assert await _agent(server.url).call({"query": "x"}, Context()) == "rain ?"


def test_an_address_is_an_address() -> None:
    """What is no http address is a mistake of the configuration."""
    with pytest.raises(ConfigError, match=r"'weather\.example' is no address"):
        _agent("weather.example")
