"""What is Anthropic's own: where it is reached, and how its SDK is told."""

from __future__ import annotations

from typing import Any

import anthropic
import pytest

from gateway.providers import make_provider
from schemas.errors import ConfigError, ModelRequestError
from schemas.model import Message, ModelRequest, OutputSchema
from schemas.settings import ModelProvider
from tests.wire.connect import HELLO, SECRET, called, streamed, wired
from tests.wire.replies import json_reply, messages_events, say, sse_reply
from tests.wire.server import WireServer

pytestmark = pytest.mark.anyio


async def test_temperature_and_structured_output_reach_the_wire() -> None:
    """The SDK has no argument for temperature any more; it is sent all the same."""
    output = OutputSchema(name="o", json_schema={"type": "object", "properties": {"a": {"type": "string"}}})
    request = ModelRequest(messages=(Message.user("hi"),), model="m", temperature=0.25, output=output)
    async with wired("anthropic", lambda body, path: say(body, path, "{}")) as (provider, server):
        await called(provider, request, stream=True)
    sent = server.requests[0].json
    assert (server.requests[0].path, sent["temperature"]) == ("/v1/messages", 0.25)
    assert sent["output_config"]["format"]["schema"]["additionalProperties"] is False


async def test_thinking_is_streamed_and_can_be_sent_back() -> None:
    """Thinking comes as reasoning deltas; with its signature it goes back unchanged in the next turn."""
    events: list[Any] = messages_events("m", "", (), (1, 1))
    block = {"type": "thinking", "thinking": "", "signature": ""}
    deltas = [{"type": "thinking_delta", "thinking": "hm"}, {"type": "signature_delta", "signature": "sig"}]
    added: list[Any] = [{"type": "content_block_start", "index": 0, "content_block": block}]
    added += [{"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas]
    events[2:2] = [(event["type"], event) for event in added]
    async with wired("anthropic", [sse_reply(events), sse_reply(events)]) as (provider, server):
        first = await streamed(provider)
        assert [chunk.kind for chunk in first] == ["reasoning", "done"]
        assert first[-1].kind == "done"
        turn = Message(role="assistant", parts=first[-1].response.parts)
        await streamed(provider, HELLO.model_copy(update={"messages": (*HELLO.messages, turn)}))
    back = server.requests[1].json["messages"][-1]["content"]
    assert back == [{"type": "thinking", "thinking": "hm", "signature": "sig"}]


async def test_a_spending_limit_is_not_a_rate_limit() -> None:
    """A 429 about money isn't retried; the SDK's own error code says which it is."""
    details = {"error_code": "enforced_spend_limit_reached"}
    body = {"type": "error", "error": {"type": "rate_limit_error", "message": "limit", "details": details}}
    async with wired("anthropic", [json_reply(body, 429)]) as (provider, _):
        with pytest.raises(ModelRequestError) as caught:
            await called(provider, stream=False)
    assert not caught.value.retryable


async def test_the_environment_says_where_and_with_which_key() -> None:
    """Without a base_url ANTHROPIC_BASE_URL is heeded, and ANTHROPIC_API_KEY goes to it."""
    settings = ModelProvider(name="p", kind="anthropic")
    with WireServer(lambda body, path: say(body, path, "hi")) as server:
        provider = make_provider(settings, {"ANTHROPIC_BASE_URL": server.url, "ANTHROPIC_API_KEY": SECRET})
        await called(provider, stream=False)
        await provider.aclose()
    assert SECRET in str(server.requests[0].headers)


async def test_the_official_service_needs_its_key() -> None:
    """With nothing configured the missing variable is named and nothing is sent."""
    with pytest.raises(ConfigError, match="ANTHROPIC_API_KEY is not set"):
        await called(make_provider(ModelProvider(name="p", kind="anthropic"), {}), stream=False)


async def test_the_sdk_reads_no_credentials_and_traces_nothing_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token in the process's environment is not sent, and no span is made beside ours."""
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "token-of-someone")
    made: list[dict[str, Any]] = []
    client = anthropic.AsyncAnthropic

    def spy(**arguments: Any) -> anthropic.AsyncAnthropic:
        made.append(arguments)
        return client(**arguments)

    monkeypatch.setattr(anthropic, "AsyncAnthropic", spy)
    async with wired("anthropic", lambda body, path: say(body, path, "hi"), api_key=None) as (provider, server):
        await called(provider, stream=False)
    assert "token-of-someone" not in str(server.requests[0].headers)
    assert (made[0]["open_telemetry"], made[0]["max_retries"]) == ({"traces": False}, 0)
