from __future__ import annotations

from typing import Any

import pytest

from gateway.gateway import CallContext, Gateway
from gateway.providers.replay import PIECE, Recording, ReplayProvider
from schemas.errors import EngineError, ModelOutputError, ModelUnavailableError
from schemas.events import ModelCalled
from schemas.model import Done, Message, ModelRequest, ReasoningPart, TextPart, ToolCallPart

pytestmark = pytest.mark.anyio
ASKED = ModelRequest(messages=(Message.user("anything"),), model="planner")


def call(text: str, **fields: Any) -> ModelCalled:
    """Return a recorded call of the planner."""
    return ModelCalled(**{"role": "planner", "model": "m", "parts": (TextPart(text=text),), **fields})


async def answer(gateway: Gateway, role: str = "planner", **fields: Any) -> str:
    """Return the text that a caller gets."""
    return (await gateway.complete(ASKED, CallContext(role=role, **fields))).text


async def test_each_caller_gets_its_own_calls_in_order() -> None:
    """Calls are replayed in their order for each role, step and revision, whatever order the callers come in."""
    calls = [call("p1"), call("e1", role="executor", step_id="1"), call("p2"), call("r2", revision=2)]
    made = Gateway.replaying(calls)
    assert await answer(made, revision=2) == "r2"
    assert await answer(made) == "p1"
    assert await answer(made, "executor", step_id="1") == "e1"
    assert await answer(made) == "p2"


async def test_a_call_that_was_not_recorded_is_an_error() -> None:
    """Asking for more than was recorded is one clear error that says who asked."""
    with pytest.raises(ModelOutputError, match="no further call of the executor for step 7 in revision 1"):
        await answer(Gateway.replaying([call("p")]), "executor", step_id="7", revision=1)


async def test_a_recorded_error_is_raised_again_once() -> None:
    """A call that had failed fails again with the same error, and isn't retried."""
    error = ModelUnavailableError("down", details={"attempts": 3}).to_info()
    made = Gateway.replaying([call("", error=error), call("next")])
    with pytest.raises(EngineError) as caught:
        await answer(made)
    assert caught.value.to_info() == error
    assert await answer(made) == "next"


async def test_a_stream_comes_in_pieces_and_ends_in_the_recorded_reply() -> None:
    """Text, thinking and tool calls come in small pieces; the reply at the end is the recorded one."""
    parts = (
        ReasoningPart(text="hm " * 20),
        TextPart(text="plan " * 20),
        ToolCallPart(call_id="a", name="f", arguments={"x": 1}),
        ToolCallPart(call_id="b", name="g", raw='{"y": ', valid=False),
    )
    provider = ReplayProvider(Recording([call("", parts=parts, stop_reason="tool_calls")]), role="planner")
    chunks = [chunk async for chunk in provider.stream("m", ASKED, timeout_s=1)]
    texts = [chunk.text for chunk in chunks if chunk.kind == "text"]
    assert "".join(texts) == "plan " * 20
    assert max(map(len, texts)) == PIECE
    written = ["".join(c.arguments for c in chunks if c.kind == "tool_call" and c.index == i) for i in (0, 1)]
    assert written == ['{"x": 1}', '{"y": ']
    assert isinstance(chunks[-1], Done)
    assert (chunks[-1].response.parts, chunks[-1].response.stop_reason) == (parts, "tool_calls")


async def test_the_dialect_is_the_recorded_runs() -> None:
    """A replay says it speaks what the recorded run was planned in."""
    assert Gateway.replaying([], dialect="strings", tier="tool").planner_dialect("planner") == ("strings", "tool")
    provider = ReplayProvider(Recording([call("x")]))
    assert provider.recording.left == 1
