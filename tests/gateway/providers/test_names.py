"""Tool names that providers refuse."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.providers.names import ToolNames
from schemas.model import Message, ModelRequest, ModelResponse, ToolCallDelta, ToolCallPart, ToolDefinition
from tests.wire.connect import Kind, called, streamed, wired
from tests.wire.replies import say
from tests.wire.server import Reply


def request(*names: str, choice: str = "auto", called_before: str = "") -> ModelRequest:
    """A request that offers those tools, maybe after a call."""
    past = ToolCallPart(call_id="c", name=called_before)
    messages = (Message.user("hi"), *([Message(role="assistant", parts=(past,))] if called_before else []))
    tools = tuple(ToolDefinition(name=name, input_schema={}) for name in names)
    return ModelRequest(messages=messages, model="m", tools=tools, tool_choice=choice)


def test_usual_names_change_nothing() -> None:
    """A request whose names every provider takes is the same object."""
    usual = request("search", "read-file_2")
    assert ToolNames(usual).sent(usual) is usual


def test_dots_become_underscores_everywhere_in_a_request() -> None:
    """Tools, the forced choice and earlier calls agree on the name sent."""
    ours = request("files.read", choice="files.read", called_before="files.read")
    sent = ToolNames(ours).sent(ours)
    part = sent.messages[1].parts[0]
    assert part.kind == "tool_call"
    assert (sent.tools[0].name, sent.tool_choice, part.name) == ("files_read",) * 3


def test_names_never_run_together() -> None:
    """A name that is taken gets a number, and each comes back as its own."""
    long = "x" * 63
    ours = request("a.b", "a_b", "a b", f"{long}.", f"{long}_")
    names = ToolNames(ours)
    sent = [tool.name for tool in names.sent(ours).tools]
    calls = tuple(ToolCallPart(call_id="c", name=name) for name in sent)
    back = names.received(ModelResponse(model="m", parts=calls))
    assert len(set(sent)) == 5
    assert all(len(name) <= 64 for name in sent)
    assert [call.name for call in back.tool_calls] == [tool.name for tool in ours.tools]


def test_deltas_come_back_with_our_name() -> None:
    """The first delta of a call names the tool as we do; later ones have no name."""
    names = ToolNames(request("a.b"))
    assert names.chunk(ToolCallDelta(index=0, name="a_b")) == ToolCallDelta(index=0, name="a.b")
    assert names.chunk(ToolCallDelta(index=0, arguments="{")) == ToolCallDelta(index=0, arguments="{")


def call_the_first_tool(body: dict[str, Any], path: str) -> Reply:
    """A server whose model calls the first tool it is offered."""
    tool = body["tools"][0]
    return say(body, path, calls=[(tool.get("name") or tool["function"]["name"], {})])


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["anthropic", "openai"])
async def test_a_dotted_tool_is_called_by_its_name(kind: Kind) -> None:
    """Over the wire the tool has a name that is allowed, to us it has its own."""
    async with wired(kind, call_the_first_tool) as (provider, server):
        whole = await called(provider, request("files.read"), stream=False)
        chunks = await streamed(provider, request("files.read"))
    assert "files_read" in str(server.requests[0].json["tools"])
    assert whole.tool_calls[0].name == "files.read"
    assert chunks[-1].kind == "done"
    assert chunks[-1].response.tool_calls == whole.tool_calls
    assert [chunk.name for chunk in chunks if chunk.kind == "tool_call" and chunk.name] == ["files.read"]
