"""Recorded exchanges through both providers, against the official SDKs' own parse of the same bytes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anthropic
import openai
import pytest

from gateway.providers import make_provider
from gateway.providers.base import Provider
from schemas.errors import ModelError
from schemas.model import ModelRequest, ModelResponse
from schemas.settings import ModelProvider
from tests.wire.recorded import Exchange, exchanges, neutral, said
from tests.wire.server import WireServer

SPLIT = 61
OPENAI_STOPS = {"stop": "end", "eos": "end", "": "end", "length": "length", "content_filter": "refusal"}
ANTHROPIC_STOPS = {
    "end_turn": "end",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "stop_sequence": "stop_sequence",
}
KEY = "key-for-the-wire"


@pytest.fixture
def anyio_backend() -> str:
    """The SDKs' clients are used on asyncio."""
    return "asyncio"


Facts = dict[str, Any]


def ours(response: ModelResponse) -> Facts:
    """What we made of a reply."""
    usage = response.usage
    return {
        "text": response.text,
        "calls": [(call.call_id, call.name, call.arguments) for call in response.tool_calls],
        "stop": response.stop_reason,
        "usage": (usage.input_tokens, usage.cached_tokens, usage.output_tokens, usage.reasoning_tokens),
        "model": response.model,
    }


async def by_openai(client: openai.AsyncOpenAI, streamed: bool) -> Facts:
    """What the OpenAI SDK makes of it: its parsed reply, or its parsed chunks with their deltas joined."""
    reply: Any = await client.chat.completions.create(model="m", messages=[], stream=streamed)
    chunks = [chunk async for chunk in reply] if streamed else [reply]
    first = [choice for chunk in chunks for choice in chunk.choices[:1]]
    deltas = [delta for choice in first if (delta := getattr(choice, "delta" if streamed else "message", None))]
    usage = next((chunk.usage for chunk in reversed(chunks) if chunk.usage), None)
    prompt, completed = usage and usage.prompt_tokens_details, usage and usage.completion_tokens_details
    refusal = "".join(delta.refusal or "" for delta in deltas)
    finish = [choice.finish_reason for choice in first if choice.finish_reason is not None]
    return {
        "text": "".join(sdk_text(delta) for delta in deltas) + refusal,
        "calls": sdk_calls(deltas),
        "stop": "refusal" if refusal else OPENAI_STOPS.get(finish[-1], "tool_calls") if finish else "other",
        "usage": (
            usage.prompt_tokens if usage else 0,
            (prompt and prompt.cached_tokens) or 0,
            usage.completion_tokens if usage else 0,
            (completed and completed.reasoning_tokens) or 0,
        ),
        "model": chunks[0].model or chunks[-1].model,
    }


def sdk_text(delta: Any) -> str:
    """The text of the SDK's message; one recorded server sends text and thinking as a list of pieces."""
    content = delta.content or ""
    return content if isinstance(content, str) else "".join(piece.get("text", "") for piece in content)


def sdk_calls(deltas: list[Any]) -> list[Any]:
    """The tool calls of the SDK's messages, joined by index, and the older function call."""
    joined: dict[int, list[str]] = {}
    for delta in deltas:
        calls = list(enumerate(delta.tool_calls or ()))
        if delta.function_call and delta.function_call.name:
            calls.append((0, SimpleNamespace(index=0, id="call_0", function=delta.function_call)))
        for number, call in calls:
            known = joined.setdefault(getattr(call, "index", None) or number, ["", "", ""])
            known[0] = known[0] or call.id or ""
            known[1] = known[1] or call.function.name or ""
            known[2] += call.function.arguments or ""
    return [(call_id, name, json.loads(raw or "{}")) for call_id, name, raw in joined.values()]


async def by_anthropic(client: anthropic.AsyncAnthropic, streamed: bool) -> Facts:
    """What the Anthropic SDK makes of it: its stream helper's final message, or its parsed reply."""
    arguments: Any = {"model": "m", "messages": [], "max_tokens": 10}
    if streamed:
        async with client.messages.stream(**arguments) as stream:
            message: Any = await stream.get_final_message()
    else:
        message = await client.messages.create(**arguments)
    usage, details = message.usage, message.usage.output_tokens_details
    read, written = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
    return {
        "text": "".join(block.text for block in message.content if block.type == "text"),
        "calls": [(block.id, block.name, block.input) for block in message.content if block.type == "tool_use"],
        "stop": ANTHROPIC_STOPS.get(message.stop_reason, "other"),
        "usage": (
            usage.input_tokens + read + written,
            read,
            usage.output_tokens,
            details.thinking_tokens if details else 0,
        ),
        "model": message.model,
    }


async def once(provider: Provider, request: ModelRequest, streamed: bool) -> ModelResponse:
    """Make one call in the recorded form."""
    if not streamed:
        return await provider.complete(request.model, request, timeout_s=10)
    chunks = [chunk async for chunk in provider.stream(request.model, request, timeout_s=10)]
    assert chunks[-1].kind == "done"
    assert "".join(chunk.text for chunk in chunks if chunk.kind == "text") == chunks[-1].response.text
    return chunks[-1].response


async def replayed(exchange: Exchange, server: WireServer, providers: dict[str, Provider], sdks: dict[str, Any]) -> str:
    """Replay one exchange both ways and return how they agree."""
    parse: Callable[..., Any] = by_anthropic if exchange.format == "anthropic" else by_openai
    try:
        mine: Any = ours(await once(providers[exchange.format], neutral(exchange), exchange.streamed))
    except ModelError as exc:
        mine = exc
    sent = server.requests[-1].json
    if said(exchange.format, sent) != said(exchange.format, exchange.request):
        return f"{exchange.label}: sent {said(exchange.format, sent)} for {said(exchange.format, exchange.request)}"
    try:
        theirs: Any = await parse(sdks[exchange.format], exchange.streamed)
    except (openai.APIError, anthropic.APIError):
        theirs = None
    except AttributeError:  # the reply is text, which the SDK hands on as it is
        return "unreadable" if isinstance(mine, ModelError) and mine.code == "model.output" else f"got {mine}"
    if isinstance(mine, ModelError):
        return mine.code if theirs is None and KEY not in str(mine) else f"error {mine} for {theirs}"
    return "same" if mine == theirs else f"{exchange.label}: {mine} is not {theirs}"


@pytest.mark.anyio
@pytest.mark.filterwarnings("ignore:The model .* is deprecated:DeprecationWarning")
@pytest.mark.parametrize("stride", [3, pytest.param(1, marks=pytest.mark.slow)])
async def test_every_recorded_reply_reads_as_the_official_sdk_reads_it(bench_data: Path, stride: int) -> None:
    """Every recorded 200 gives the SDK's text, tool calls, stop reason and usage; every error is a typed error."""
    known, others = exchanges(bench_data)
    known = known[::stride]
    now: list[Exchange] = []
    outcomes: Counter[tuple[str, str]] = Counter()
    with WireServer(lambda request, path: now[-1].reply(SPLIT)) as server:
        urls = {"anthropic": server.url, "openai": f"{server.url}/v1"}
        settings = [ModelProvider(name=kind, kind=kind, base_url=url, api_key=KEY) for kind, url in urls.items()]  # type: ignore[arg-type]
        providers = {entry.kind: make_provider(entry, {}) for entry in settings}
        sdks: dict[str, Any] = {
            "anthropic": anthropic.AsyncAnthropic(api_key=KEY, base_url=urls["anthropic"], max_retries=0),
            "openai": openai.AsyncOpenAI(api_key=KEY, base_url=urls["openai"], max_retries=0),
        }
        for exchange in known:
            now.append(exchange)
            outcomes[exchange.format, await replayed(exchange, server, providers, sdks)] += 1
        for client in (*providers.values(), *sdks.values()):
            await (client.aclose() if hasattr(client, "aclose") else client.close())
    print(f"{len(known)} replayed, {others} of other formats:", dict(outcomes))
    counts = Counter(outcome for _, outcome in outcomes.elements())
    assert counts.keys() <= {"same", "unreadable", "model.request", "model.request.access", "model.output"}, counts
    assert counts["same"] >= sum(exchange.status == 200 for exchange in known) * 0.98
