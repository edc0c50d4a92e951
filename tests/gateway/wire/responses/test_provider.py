"""A provider that speaks the Responses format, over HTTP."""

from __future__ import annotations

import json

import pytest

from gateway.wire import client_format
from gateway.wire.responses.answers import response_object
from gateway.wire.responses.chunks import EventWriter
from schemas.errors import ContextLengthError
from schemas.model import Done, ModelResponse, ReasoningPart, TextPart, ToolCallPart
from schemas.result import Usage
from tests.wire.connect import called, wired
from tests.wire.server import Reply

pytestmark = pytest.mark.anyio
CALL = ToolCallPart(call_id="c1", name="search", arguments={"query": "ü"}, raw='{"query": "ü"}')
USED = Usage(calls=1, input_tokens=9, cached_tokens=4, output_tokens=5, reasoning_tokens=2, cost_usd=None)
ANSWER = ModelResponse(
    model="m-1", provider="wire", parts=(TextPart(text="Grüße 🌍"), CALL), stop_reason="tool_calls", usage=USED
)


@pytest.fixture
def anyio_backend() -> str:
    """Providers over HTTP are tested on asyncio."""
    return "asyncio"


@pytest.mark.parametrize("split", [0, 1])
@pytest.mark.parametrize("stream", [True, False])
async def test_a_model_of_another_format_is_reached(stream: bool, split: int) -> None:
    """B72: what is asked in any format is asked of a server that knows only responses, and answered whole."""
    whole = json.dumps(response_object(ANSWER, {})).encode()
    events = Reply(EventWriter({}).feed(Done(response=ANSWER)), 200, "text/event-stream", {}, split)
    async with wired("openai", [events if stream else Reply(whole)], formats=("responses",)) as (provider, server):
        answer = await called(provider, stream=stream)
    assert (answer.parts, answer.stop_reason, answer.usage) == (ANSWER.parts, "tool_calls", USED)
    asked = server.requests[0].json
    assert (asked["instructions"], asked["store"], asked["tools"][0]["name"]) == ("Be brief.", False, "search")


async def test_a_refused_request_is_a_typed_error() -> None:
    """The envelope of errors is OpenAI's usual one."""
    told = {"error": {"code": "context_length_exceeded", "message": "too long", "type": "invalid_request_error"}}
    async with wired("openai", [Reply(json.dumps(told).encode(), 400)], formats=("responses",)) as (provider, _):
        with pytest.raises(ContextLengthError, match="too long"):
            await called(provider, stream=False)


async def test_what_a_messages_client_asks_comes_back_as_messages() -> None:
    """B72: from the Messages format to a responses server and back: text, call, thinking, reason to stop, usage."""
    sealed = ReasoningPart(text="hm", data='{"format":"openai-responses-v1","id":"rs_1","data":"gA","summary":["hm"]}')
    answer = ANSWER.model_copy(update={"parts": (sealed, *ANSWER.parts)})
    messages = client_format("messages")
    asked = {"model": "m", "max_tokens": 99, "messages": [{"role": "user", "content": "hi"}]}
    whole = Reply(json.dumps(response_object(answer, {})).encode())
    async with wired("openai", [whole, whole], formats=("responses",)) as (provider, server):
        told = messages.reply(await called(provider, messages.request(asked), stream=False), asked)
        result = {"type": "tool_result", "tool_use_id": "c1", "content": "7"}
        turns = [{"role": "assistant", "content": told["content"]}, {"role": "user", "content": [result]}]
        asked["messages"] += turns
        await called(provider, messages.request(asked), stream=False)
    assert [block["type"] for block in told["content"]] == ["thinking", "text", "tool_use"]
    assert told["stop_reason"] == "tool_use"
    back = server.requests[1].json["input"]
    assert [item["type"] for item in back] == [
        "message",
        "reasoning",
        "message",
        "function_call",
        "function_call_output",
    ]
    assert (back[1]["id"], back[1]["encrypted_content"]) == ("rs_1", "gA")
