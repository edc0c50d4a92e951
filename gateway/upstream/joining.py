"""Chunks of a reply that came in one piece: what belongs together is handed on together.

A model writes a word at a time, and where many answers come at once, or its server sends many words in one packet,
what is done for each word would be done for nobody: they are shown in the same moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from schemas.model import ModelChunk, TextDelta, ToolCallDelta


def joined(chunks: Iterable[ModelChunk]) -> Iterator[ModelChunk]:
    """Yield the chunks, with words of the same text, and arguments of the same call, in one.

    What raises does so behind what came before it.

    >>> [chunk.text for chunk in joined([TextDelta(text="It "), TextDelta(text="is.")])]
    ['It is.']
    """
    held: list[TextDelta | ToolCallDelta] = []
    try:
        for chunk in chunks:
            if held and not _goes_on(held[0], chunk):
                yield _one(held)
                held = []
            if chunk.kind == "text" or chunk.kind == "tool_call":
                held.append(chunk)
            else:
                yield chunk
    except Exception:
        if held:
            yield _one(held)
        raise
    if held:
        yield _one(held)


def _goes_on(first: TextDelta | ToolCallDelta, chunk: ModelChunk) -> bool:
    if first.kind == "text":
        plain = chunk.kind == "text" and not (first.annotations or chunk.annotations)
        return plain and chunk.kind == "text" and chunk.refusal is first.refusal
    return chunk.kind == "tool_call" and chunk.index == first.index and not (chunk.name or chunk.call_id)


def _one(held: list[TextDelta | ToolCallDelta]) -> ModelChunk:
    first = held[0]
    if len(held) == 1:
        return first
    if first.kind == "text":
        return TextDelta(text="".join(one.text for one in held if one.kind == "text"), refusal=first.refusal)
    arguments = "".join(one.arguments for one in held if one.kind == "tool_call")
    return ToolCallDelta(index=first.index, call_id=first.call_id, name=first.name, arguments=arguments)
