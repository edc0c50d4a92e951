"""The official A2A SDK's server, unmodified, in an environment of its own, as an agent of ours."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from benchmarks.baselines.environment import python_with
from engine.tools.agents.a2a import A2AAgent, made
from engine.tools.agents.base import Place
from schemas.agents import AgentSettings
from schemas.errors import ToolFailedError
from schemas.planning import StepCall
from tests.tools.context import Context

HERE = Path(__file__).parent
pytestmark = [pytest.mark.slow, pytest.mark.anyio]


@pytest.fixture(scope="module", params=["stream 1.0", "poll 1.0", "stream 0.3", "poll 0.3"])
def peer(request: pytest.FixtureRequest) -> Iterator[tuple[A2AAgent, subprocess.Popen[str]]]:
    """An agent of each kind, and its process."""
    python = python_with("a2a-sdk", HERE / "pins")
    if python is None:
        pytest.fail("the environment of a2a-sdk cannot be made")
    command = [python, str(HERE / "scripts" / "a2a_agent.py"), *request.param.split()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        settings = AgentSettings(name="weather", a2a=f"http://127.0.0.1:{port}")
        yield made(settings, Place(HERE, {})), process
        process.kill()


async def _ready(agent: A2AAgent) -> Any:
    """Look until it is there: the port is bound before it is served."""
    return await agent.look()


async def test_its_card_is_read(peer: tuple[A2AAgent, subprocess.Popen[str]]) -> None:
    """Its card of either version is understood."""
    card = await _ready(peer[0])
    assert (card.version, card.capabilities) == ("1.2.3", ("forecast", "rain"))


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("message", "Just rain."),
        ("Oslo", "Rain in Oslo."),
        (
            "data",
            {
                "text": "Rain.",
                "data": {"c": 11.5},
                "files": [{"name": "a.txt", "media_type": "text/plain", "base64": "YWJj"}],
            },
        ),
        ("ask", "Rain in Paris."),
        ("auth", "Rain in Paris."),
    ],
)
async def test_what_it_gives_is_the_result(
    peer: tuple[A2AAgent, subprocess.Popen[str]], query: str, value: Any
) -> None:
    """Messages, artifacts with data and files, and what comes after a question."""
    context = Context(answers=["Paris"])
    assert await peer[0].call({"query": query}, context) == value
    assert len(context.questions) == (query in ("ask", "auth"))


async def test_pieces_are_one_text(
    peer: tuple[A2AAgent, subprocess.Popen[str]], request: pytest.FixtureRequest
) -> None:
    """An artifact that is streamed in pieces is one text."""
    text = await peer[0].call({"query": "pieces"}, Context())
    assert text.replace("\n", "") == "Rain in Paris."
    assert "poll" in request.node.name or "\n" not in text


@pytest.mark.parametrize(("query", "says"), [("fail", "weather failed: fail"), ("reject", "weather rejected the task")])
async def test_what_fails_is_a_failure(peer: tuple[A2AAgent, subprocess.Popen[str]], query: str, says: str) -> None:
    """Failed and rejected tasks are failures with the agent's words."""
    with pytest.raises(ToolFailedError, match=says):
        await peer[0].call({"query": query}, Context())


async def test_a_conversation_goes_on(peer: tuple[A2AAgent, subprocess.Popen[str]]) -> None:
    """It takes the context that it began for a run's next call."""
    call = StepCall(run_id="one", step_id="1", tool="weather", input={}, idempotency_key="one:1")
    assert await peer[0].call({"query": "Oslo"}, Context(call)) == await peer[0].call({"query": "Oslo"}, Context(call))


async def test_it_is_told_to_cancel(peer: tuple[A2AAgent, subprocess.Popen[str]]) -> None:
    """A call that is given up ends the agent's task."""
    agent, process = peer
    context = Context()
    async with anyio.create_task_group() as group:
        group.start_soon(agent.call, {"query": "long"}, context)
        while not context.messages:
            await anyio.sleep(0.05)
        group.cancel_scope.cancel()
    assert process.stdout is not None
    assert await anyio.to_thread.run_sync(process.stdout.readline) == "cancelled\n"
