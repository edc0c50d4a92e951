"""A whole answer as the chunks it might have come in."""

from __future__ import annotations

from schemas.model import Done, ModelChunk, ModelResponse, ReasoningDelta, TextDelta, ToolCallDelta


def as_chunks(response: ModelResponse) -> list[ModelChunk]:
    """Return a whole answer in chunks, the last of them ``Done``."""
    chunks: list[ModelChunk] = []
    calls = 0
    for part in response.parts:
        if part.kind == "text":
            chunks.append(TextDelta(text=part.text, refusal=part.refusal, annotations=part.annotations))
        elif part.kind == "reasoning" and (part.text or part.data or part.signature):
            chunks.append(ReasoningDelta(text=part.text, signature=part.signature, data=part.data))
        elif part.kind == "tool_call":
            chunks.append(ToolCallDelta(index=calls, call_id=part.call_id, name=part.name, arguments=part.raw))
            calls += 1
    return [*chunks, Done(response=response)]
