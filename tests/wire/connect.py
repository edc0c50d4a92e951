"""A provider of ours connected to a wire server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

from gateway.providers import Maker, make_provider
from gateway.providers.base import Provider
from schemas.model import Message, ModelChunk, ModelRequest, ModelResponse, ToolDefinition
from schemas.settings import ModelProvider
from tests.wire.server import Reply, Script, WireServer

Kind = Literal["anthropic", "openai"]
SECRET = "secret-of-the-wire"
SEARCH = ToolDefinition(
    name="search",
    description="Find pages.",
    input_schema={"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
)
HELLO = ModelRequest(messages=(Message.system("Be brief."), Message.user("hello")), model="m", tools=(SEARCH,))


def settings(kind: Kind, url: str, **more: Any) -> ModelProvider:
    """Return the configuration of a provider that reaches a wire server."""
    base_url = url if kind == "anthropic" else f"{url}/v1"
    return ModelProvider(**{"name": "wire", "kind": kind, "base_url": base_url, "api_key": SECRET, **more})


@asynccontextmanager
async def wired(
    kind: Kind, script: Sequence[Reply] | Script, *, maker: Maker = "sdk", **more: Any
) -> AsyncIterator[tuple[Provider, WireServer]]:
    """Run a wire server and a provider that reaches it; both are closed at the end."""
    with WireServer(script) as server:
        provider = make_provider(settings(kind, server.url, **more), {}, maker)
        try:
            yield provider, server
        finally:
            await provider.aclose()


async def streamed(provider: Provider, request: ModelRequest = HELLO, timeout_s: float = 5) -> list[ModelChunk]:
    """Stream one call to its end."""
    return [chunk async for chunk in provider.stream("m", request, timeout_s=timeout_s)]


async def called(
    provider: Provider, request: ModelRequest = HELLO, *, stream: bool, timeout_s: float = 5
) -> ModelResponse:
    """Make one call in either form and return the whole reply."""
    if not stream:
        return await provider.complete("m", request, timeout_s=timeout_s)
    last = (await streamed(provider, request, timeout_s))[-1]
    assert last.kind == "done"
    return last.response
