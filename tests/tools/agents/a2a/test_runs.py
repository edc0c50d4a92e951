"""A2A agents in runs."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from engine.testing import ScriptedProvider, scripted_engine
from schemas.live import LiveText
from schemas.plan import Plan
from tests.runs import no_model, plan_of, step
from tests.tools.agents.a2a.sky import Sky, sky

pytestmark = pytest.mark.anyio


def _team(url: str) -> Any:
    return scripted_engine(ScriptedProvider(no_model), agents=[{"name": "weather", "a2a": url}])


def _plan() -> Plan:
    return plan_of(step("1", "weather", tool_input={"query": "Paris?"}), answer=None)


async def test_its_stream_is_the_answers() -> None:
    """Where nothing else was done, what the agent streams is the answer's text as it comes."""
    with sky(Sky(streams=True, states=["working", "+It ", "+rains.", "completed"])) as server:
        engine, live = _team(server.url), list[str]()
        async with engine.start(plan=_plan()) as run:
            async for item in run.events():
                if isinstance(item, LiveText) and item.stream == "answer":
                    live.append(item.text)
            result = await run.result()
    assert (result.status, result.answer, live) == ("completed", "It rains.", ["It ", "rains."])


async def test_what_it_asks_waits_for_a_person() -> None:
    """Input-required makes the run wait; the answer goes to the agent's task, and its result is the step's."""
    agent = Sky(states=["input-required: Which Paris?", "completed"])
    with sky(agent) as server:
        async with _team(server.url).start(plan=_plan()) as run:
            async for item in run.events():
                if getattr(getattr(item, "event", None), "kind", "") == "approval_requested":
                    assert item.event.question == "Which Paris?"
                    await run.answer(item.event.approval_id, "done", result="Paris, Texas", by="ann")
            result = await run.result()
    assert (result.status, result.answer) == ("completed", "Rain.")
    assert agent.calls[-1][1]["message"]["parts"] == [{"text": "Paris, Texas"}]


async def test_a_question_that_is_refused_fails_the_step() -> None:
    """A person who does not answer leaves a failed step, and the agent's task is cancelled."""
    agent = Sky(states=["input-required: Which Paris?"])
    with sky(agent) as server:
        async with _team(server.url).start(plan=_plan()) as run:
            async for item in run.events():
                if getattr(getattr(item, "event", None), "kind", "") == "approval_requested":
                    await run.reject(item.event.approval_id, "no idea")
            result = await run.result()
    assert result.steps["1"].status == "failed"
    assert agent.acts()[-1] == "CancelTask"


async def test_a_run_that_is_cancelled_cancels_the_task() -> None:
    """Cancelling the run ends the agent's task, too."""
    agent = Sky(states=["working: On it"])
    with sky(agent) as server:
        async with _team(server.url).start(plan=_plan()) as run:
            async for item in run.events():
                if getattr(item, "message", "") == "On it":
                    await run.cancel()
            await run.result()
    assert "CancelTask" in agent.acts()


async def test_an_agent_without_a_card_is_down() -> None:
    """B56: the engine starts although an agent's card cannot be read; the agent is not there for plans until it is."""
    with sky(Sky()) as server:
        address = server.url
    engine = _team(address)
    async with engine:
        with anyio.fail_after(30):
            while "weather" not in engine.tools.unavailable():
                await anyio.sleep(0.01)
