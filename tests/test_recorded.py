"""The replies of a recorded run: each to who made the call, whole, broken off as it was."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, cast

import anyio
import pytest

from engine.journal import Inbox
from engine.recorded import RecordedModel
from schemas.errors import EngineError, ModelOutputError, ModelUnavailableError, RunCancelledError
from schemas.events import BegunAnew, LoggedRecord, ModelCalled, RunStarted
from schemas.model import Done, Message, ModelChunk, ModelRequest, ReasoningPart, TextPart, ToolCallPart

pytestmark = pytest.mark.anyio
ASKED = ModelRequest(messages=(Message.user("anything"),), model="planner")
STARTED = RunStarted(task="t", mode="plan", dialect="strings", tier="tool")


def call(text: str, **fields: Any) -> ModelCalled:
    """Return a recorded call of the planner."""
    return ModelCalled.model_validate({"role": "planner", "model": "m", "parts": (TextPart(text=text),), **fields})


def model_of(*calls: ModelCalled) -> tuple[RecordedModel, Inbox[Any]]:
    """Return a model that knows these calls, and where it reports them."""
    inbox: Inbox[Any] = Inbox()
    records = [LoggedRecord("r", seq, 0.0, event) for seq, event in enumerate(calls, 2)]
    return RecordedModel(records, STARTED, inbox), inbox


async def streamed(model: RecordedModel, seen: list[ModelChunk]) -> None:
    """Stream one call of the planner's."""
    async with aclosing(cast("AsyncGenerator[ModelChunk]", model.stream(ASKED, role="planner"))) as chunks:
        async for chunk in chunks:
            seen.append(chunk)


async def test_each_caller_gets_its_own_calls_in_order() -> None:
    """Calls are given back in their order for each role, step and revision, whatever order the callers come in."""
    model, _ = model_of(call("p1"), call("e1", role="executor", step_id="1"), call("p2"), call("r2", revision=2))
    assert (await model.complete(ASKED, role="planner", revision=2)).text == "r2"
    assert (await model.complete(ASKED, role="planner")).text == "p1"
    assert (await model.complete(ASKED, role="executor", step_id="1")).text == "e1"
    assert (await model.complete(ASKED, role="planner")).text == "p2"


async def test_a_call_that_was_not_recorded_is_an_error() -> None:
    """Asking for more than was recorded is one clear error that says who asked."""
    model, _ = model_of(call("p"))
    with pytest.raises(ModelOutputError, match="no further call of the executor for step 7 in revision 1"):
        await model.complete(ASKED, role="executor", step_id="7", revision=1)


async def test_a_recorded_error_is_raised_again_once() -> None:
    """A call that had failed fails again with the same error, and is reported once."""
    failed = call("", error=ModelUnavailableError("down", details={"attempts": 3}).to_info())
    model, inbox = model_of(failed, call("next"))
    with pytest.raises(EngineError) as caught:
        await model.complete(ASKED, role="planner")
    assert caught.value.to_info() == failed.error
    assert await inbox.take() == [failed]
    assert (await model.complete(ASKED, role="planner")).text == "next"


async def test_a_reply_comes_as_it_was_recorded() -> None:
    """Thinking, text and tool calls come again, what was written before the reply began anew first."""
    parts = (
        ReasoningPart(text="hm"),
        TextPart(text="plan"),
        ToolCallPart(call_id="a", name="f", arguments={"x": 1}),
        ToolCallPart(call_id="b", name="g", raw='{"y": ', valid=False),
    )
    model, _ = model_of(call("", parts=parts, anew=(BegunAnew(reason="broke off", parts=(TextPart(text="pl"),)),)))
    seen: list[ModelChunk] = []
    await streamed(model, seen)
    assert [getattr(chunk, "text", chunk.kind) for chunk in seen[:4]] == ["pl", "restart", "hm", "plan"]
    written = ["".join(c.arguments for c in seen if c.kind == "tool_call" and c.index == i) for i in (0, 1)]
    assert written == ['{"x": 1}', '{"y": ']
    assert isinstance(seen[-1], Done)
    assert seen[-1].response.parts == parts


async def test_a_call_that_was_broken_off_waits_to_be_broken_off() -> None:
    """B65: what a call had written when it was cancelled comes again, then nothing; nobody reports it twice."""
    model, inbox = model_of(call('{"steps":[', error=RunCancelledError("no more").to_info()))
    seen: list[ModelChunk] = []
    with anyio.move_on_after(0.05) as scope:
        await streamed(model, seen)
    assert scope.cancelled_caught
    assert [chunk.kind for chunk in seen] == ["text"]
    assert not inbox.waiting


async def test_who_is_broken_off_again_leaves_an_answered_call_to_the_next() -> None:
    """A caller that never came so far in the recorded run takes no reply from the one that did."""
    model, _ = model_of(call("p1"))
    stream = cast("AsyncGenerator[ModelChunk]", model.stream(ASKED, role="planner"))
    await anext(stream)
    await stream.aclose()
    assert (await model.complete(ASKED, role="planner")).text == "p1"


def test_the_dialect_is_the_recorded_runs() -> None:
    """A replay says it speaks what the recorded run was planned in."""
    assert model_of()[0].planner_dialect("planner") == ("strings", "tool")
