"""A client's call over HTTP, through the same pipeline as the engine's own calls.

The head of the answer is known once its first bytes are: until then a failure is raised, retried or falls back, and
has a true status. From then on a failure is an event in the client's format.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

from gateway.attempt import CallContext
from gateway.exchange import ClientCall, WireReply
from gateway.wire.base import ClientFormat
from schemas.errors import EngineError
from schemas.model import ModelChunk, ModelRequest, ModelResponse

Stream = Callable[[ModelRequest, CallContext], AsyncGenerator[ModelChunk]]


@asynccontextmanager
async def relayed(
    call: ClientCall, context: CallContext, wire: ClientFormat, chunks: AsyncGenerator[ModelChunk]
) -> AsyncGenerator[WireReply]:
    """Yield the answer to a client's call. Raises what ``Gateway.relay`` raises."""
    async with aclosing(chunks):
        first = await anext(chunks)
        if not call.streamed:
            assert first.kind == "done"
            content = json.dumps(wire.reply(first.response, call.parsed), ensure_ascii=False).encode()
            head = _head("application/json", first.response)
            head.append((b"content-length", str(len(content)).encode()))
            yield WireReply(200, head, _once(content))
            return
        async with aclosing(_written(call, context, wire, first, chunks)) as body:
            yield WireReply(200, _head("text/event-stream", None), body)


async def _once(content: bytes) -> AsyncGenerator[bytes]:
    yield content


async def _written(
    call: ClientCall, context: CallContext, wire: ClientFormat, first: ModelChunk, rest: AsyncGenerator[ModelChunk]
) -> AsyncGenerator[bytes]:
    writer = wire.stream(call.parsed)
    chunk: ModelChunk | None = first
    try:
        while chunk is not None:
            written = writer.feed(chunk)
            if written:
                yield written
            chunk = await anext(rest, None)
    except EngineError as exc:
        yield writer.fail(exc, context.request_id or call.request_id)


def _head(content_type: str, response: ModelResponse | None) -> list[tuple[bytes, bytes]]:
    facts: list[tuple[str, Any]] = [("content-type", content_type)]
    if response is not None:
        facts += [("x-engine-model", f"{response.provider}/{response.model}"), ("x-engine-route", response.route)]
    return [(name.encode(), str(value).encode("latin-1", "replace")) for name, value in facts if value]
