"""Passed-on calls to servers that answer in the other form."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.providers.http import HttpProvider
from gateway.sse import SseDecoder
from schemas.errors import ModelOutputError
from schemas.gateway import WireFormat
from tests.wire.connect import Kind, wired
from tests.wire.replies import json_reply, say

pytestmark = pytest.mark.anyio
TEXT = "Grüße, 世界 🌍"
CALLS = [("search", {"query": "π"})]
KINDS = pytest.mark.parametrize(
    ("kind", "wire", "path"),
    [("openai", "chat", "/v1/chat/completions"), ("anthropic", "messages", "/v1/messages")],
)


async def passed(kind: Kind, wire: WireFormat, reply: Any, *, streamed: bool) -> tuple[bytes, Any]:
    """What a client gets, and what the meter made of it."""
    body = {"model": "m", "messages": [], "stream": streamed, "stream_options": {"include_usage": True}}
    async with wired(kind, [reply], maker="http1") as (provider, _):
        assert isinstance(provider, HttpProvider)
        meter = provider.meter(wire)
        sent = json.dumps(body).encode()
        answer = await provider.relay(wire, "m", sent, {}, timeout_s=5, streamed=streamed)
        content = await answer.read()
        await answer.close()
        if streamed:
            for event in SseDecoder().feed(content):
                meter.event(event)
        else:
            meter.whole(content)
    return content, meter


@KINDS
async def test_a_whole_answer_to_a_streamed_call_becomes_a_stream(kind: Kind, wire: WireFormat, path: str) -> None:
    """The client that asked for events gets events, to the last one, with the same usage."""
    content, meter = await passed(kind, wire, say({"model": "m"}, path, TEXT, CALLS, output_tokens=7), streamed=True)
    assert (meter.complete, meter.error, meter.usage.output_tokens) == (True, None, 7)
    assert content.startswith((b"data: ", b"event: "))
    assert TEXT in content.decode() or json.dumps(TEXT).strip('"').encode() in content


@KINDS
async def test_a_stream_to_a_whole_call_becomes_whole(kind: Kind, wire: WireFormat, path: str) -> None:
    """The client that asked for one body gets one, with text, calls and usage."""
    reply = say({"model": "m", "stream": True}, path, TEXT, CALLS, output_tokens=7)
    content, meter = await passed(kind, wire, reply, streamed=False)
    assert (meter.complete, meter.error, meter.usage.output_tokens) == (True, None, 7)
    assert TEXT in json.dumps(json.loads(content), ensure_ascii=False)
    assert "search" in str(json.loads(content))


@KINDS
async def test_an_error_in_the_other_form_is_raised(kind: Kind, wire: WireFormat, path: str) -> None:
    """A 200 with an error inside is an error, not an empty stream."""
    with pytest.raises(ModelOutputError, match="boom"):
        await passed(kind, wire, json_reply({"error": {"message": "boom"}}), streamed=True)
