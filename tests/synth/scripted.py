"""A model that says what a test wrote down, and keeps what it was asked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.errors import EngineError
from schemas.model import (
    Done,
    ModelChunk,
    ModelRequest,
    ModelResponse,
    Part,
    StopReason,
    TextDelta,
    TextPart,
    ToolCallDelta,
    ToolCallPart,
)

Reply = Sequence[ModelChunk] | EngineError


def call(name: str, arguments: dict[str, Any], call_id: str = "") -> ToolCallPart:
    """A valid tool call."""
    return ToolCallPart(call_id=call_id or f"c-{name}", name=name, arguments=arguments, raw=json.dumps(arguments))


def reply(text: str = "", *calls: ToolCallPart, size: int = 0, stop: StopReason = "end") -> list[ModelChunk]:
    """A streamed reply: text in pieces of ``size`` characters, then the calls, then the whole."""
    pieces = [text[at : at + size] for at in range(0, len(text), size)] if size else [text] * bool(text)
    chunks: list[ModelChunk] = [TextDelta(text=piece) for piece in pieces]
    for index, one in enumerate(calls):
        chunks.append(ToolCallDelta(index=index, call_id=one.call_id, name=one.name))
        chunks += [ToolCallDelta(index=index, arguments=one.raw[at : at + 7]) for at in range(0, len(one.raw), 7)]
    parts: tuple[Part, ...] = ((TextPart(text=text),) if text else ()) + calls
    return [*chunks, Done(response=ModelResponse(model="scripted", parts=parts, stop_reason=stop))]


@dataclass
class ScriptedModel:
    """Gives its replies one after another; an error is raised where it stands."""

    replies: list[Reply]
    requests: list[ModelRequest] = field(default_factory=list[ModelRequest])
    roles: list[tuple[str, str | None, int | None]] = field(default_factory=list[tuple[str, str | None, int | None]])

    sent: list[str] = field(default_factory=list[str])

    async def stream(
        self, request: ModelRequest, *, role: str, step_id: str | None = None, revision: int | None = None
    ) -> AsyncIterator[ModelChunk]:
        """Stream the next reply."""
        self.requests.append(request)
        self.roles.append((role, step_id, revision))
        chunks = self.replies[len(self.requests) - 1]
        if isinstance(chunks, EngineError):
            raise chunks
        for chunk in chunks:
            self.sent.append(chunk.kind)
            yield chunk

    async def complete(
        self, request: ModelRequest, *, role: str, step_id: str | None = None, revision: int | None = None
    ) -> ModelResponse:
        """Give the next reply whole."""
        done: ModelChunk | None = None
        async for chunk in self.stream(request, role=role, step_id=step_id, revision=revision):
            done = chunk
        assert isinstance(done, Done)
        return done.response

    def planner_dialect(self, role: str) -> tuple[str, str]:
        """Any."""
        return "unions", "schema"
