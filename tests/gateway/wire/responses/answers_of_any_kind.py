"""Answers of any kind, and streams of them, for properties."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st

from gateway.providers.base import tool_call
from gateway.sse import SseDecoder
from gateway.wire.base import SseEvent
from gateway.wire.responses.replies import ResponseReader
from gateway.wire.responses.thinking import reasoning_item, reasoning_parts
from schemas.model import (
    Done,
    ModelChunk,
    ModelResponse,
    Part,
    ReasoningDelta,
    ReasoningPart,
    StopReason,
    TextDelta,
    TextPart,
    ToolCallDelta,
)
from schemas.result import Usage

WORDS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12)
_NUMBERS = st.integers(0, 9_999)
_CITATIONS = st.fixed_dictionaries(
    {
        "type": st.just("url_citation"),
        "url": st.just("https://example.com/a"),
        "title": WORDS,
        "start_index": _NUMBERS,
        "end_index": _NUMBERS,
    }
)
_THINKING = st.builds(
    ReasoningPart,
    text=WORDS,
    signature=st.none() | WORDS,
    data=st.none() | WORDS.map(lambda word: json.dumps({"field": word})),
)


@st.composite
def _parts(draw: st.DrawFn) -> tuple[Part, ...]:
    """Thinking, texts and calls in any order; of two texts in a row one is a refusal, for nothing else parts them."""
    parts: list[Part] = []
    for number, kind in enumerate(
        draw(st.lists(st.sampled_from(("text", "refusal", "reasoning", "call")), max_size=6))
    ):
        last = parts[-1] if parts else None
        if kind == "reasoning":
            part: Part = draw(_THINKING)
            if last is not None and last.kind == "reasoning" and last.signature is None and last.data is None:
                continue
        elif kind == "call":
            part = tool_call(f"call_{number}", draw(WORDS), json.dumps(draw(st.dictionaries(WORDS, WORDS, max_size=2))))
        else:
            refusal = kind == "refusal"
            if last is not None and last.kind == "text" and last.refusal == refusal:
                continue
            cited = () if refusal else draw(st.lists(_CITATIONS, max_size=2).map(tuple))
            part = TextPart(text=draw(WORDS), refusal=refusal, annotations=cited)
        parts.append(part)
    return tuple(parts)


@st.composite
def answers(draw: st.DrawFn) -> ModelResponse:
    """An answer whose reason to stop fits what it says."""
    parts = draw(_parts())
    stop: StopReason = draw(st.sampled_from(("end", "length", "refusal")))
    if any(part.kind == "text" and part.refusal for part in parts):
        stop = "refusal"
    elif stop == "end" and any(part.kind == "tool_call" for part in parts):
        stop = "tool_calls"
    cached, thought = draw(_NUMBERS), draw(_NUMBERS)
    used = Usage(
        calls=1,
        input_tokens=cached + draw(_NUMBERS),
        cached_tokens=cached,
        output_tokens=thought + draw(_NUMBERS),
        reasoning_tokens=thought,
        cost_usd=None,
    )
    return ModelResponse(model="m-1", provider="p", parts=parts, stop_reason=stop, usage=used)


@st.composite
def streams(draw: st.DrawFn) -> tuple[ModelResponse, list[ModelChunk]]:
    """An answer, and the chunks it came in."""
    answer = draw(answers())
    chunks: list[ModelChunk] = []
    calls = 0
    for part in answer.parts:
        if part.kind == "text":
            chunks += [TextDelta(text=piece, refusal=part.refusal) for piece in draw(_cut(part.text))]
            chunks += [TextDelta(text="", annotations=(cited,)) for cited in part.annotations]
        elif part.kind == "reasoning":
            chunks += [ReasoningDelta(text=piece) for piece in draw(_cut(part.text))]
            if part.signature is not None or part.data is not None:
                chunks.append(ReasoningDelta(text="", signature=part.signature, data=part.data))
        elif part.kind == "tool_call":
            chunks.append(ToolCallDelta(index=calls, call_id=part.call_id, name=part.name))
            chunks += [ToolCallDelta(index=calls, arguments=piece) for piece in draw(_cut(part.raw))]
            calls += 1
    return answer, [*chunks, Done(response=answer)]


@st.composite
def _cut(draw: st.DrawFn, text: str) -> list[str]:
    at = draw(st.integers(0, len(text)))
    return [piece for piece in (text[:at], text[at:]) if piece]


def events(content: bytes, size: int = 0) -> list[SseEvent]:
    """Return the events in the bytes of a stream, taken in by so many at a time."""
    decoder, size = SseDecoder(), size or len(content)
    return [event for at in range(0, len(content), size) for event in decoder.feed(content[at : at + size])]


def read(stream: Iterable[SseEvent]) -> tuple[ModelResponse, list[ModelChunk]]:
    """Return what our own reader makes of a stream."""
    reader = ResponseReader("p", "m")
    chunks = [chunk for event in stream for chunk in reader.feed(event)]
    return reader.response(), chunks


def returned(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Return parts as they are once a client gave their thinking back, which unpacks what was packed."""
    found: list[Part] = []
    for part in parts:
        if part.kind == "reasoning":
            item: dict[str, Any] = reasoning_item(part, "rs_0")
            found += reasoning_parts(item, "input[0]")
        else:
            found.append(part)
    return tuple(found)
