"""Filters around the engine's own calls: neutral requests and replies instead of a client's bytes.

Built-in filters read them where they stand. Filters of somebody else's are asked in chat completions; for one that
looks at answers the reply is held back until it is whole, since what was shown cannot be taken back.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from gateway.filters.base import Encoding, Facts, Kind
from gateway.filters.formats import NEUTRAL_REPLY
from gateway.filters.formats.base import Channel
from gateway.filters.member import Member
from gateway.filters.scan import Texts
from gateway.filters.translated import reply_body, with_reply
from schemas.errors import FilterFailedError
from schemas.model import (
    Done,
    ModelChunk,
    ModelResponse,
    ReasoningDelta,
    Restart,
    TextDelta,
    ToolCallDelta,
)

Decide = Callable[[Member, dict[str, Any], Facts], Awaitable[dict[str, Any]]]
_Delta = TextDelta | ReasoningDelta | ToolCallDelta


class Chunks:
    """What one streamed reply passes.

    Args:
        members: The filters, in the order in which they see answers.
        decide: Asks one of somebody else's about a body, and returns the body to go on with.
        facts: What those are told.
    """

    def __init__(self, members: Sequence[Member], decide: Decide, facts: Facts) -> None:
        self._members = members
        self._decide = decide
        self._facts = facts
        self._waits = any(member.body is not None for member in members)
        self._texts = Texts(members)
        self._last: dict[Channel, _Delta] = {}

    async def passed(self, chunk: ModelChunk) -> list[ModelChunk]:
        """Return the chunks to give on in place of one; a chunk that no filter changed is the same object.

        Raises:
            FilterBlockedError: A filter says stop.
            FilterFailedError: One failed, and nothing goes on without it.
        """
        if not self._waits:
            return self.feed(chunk)
        if isinstance(chunk, Restart):
            return [chunk]
        if not isinstance(chunk, Done):
            return []
        response = chunk.response
        for member in self._members:
            if member.body is None:
                response = _whole(Texts((member,)), response)
                continue
            body = reply_body(response)
            new = await self._decide(member, body, self._facts)
            response = response if new is body else with_reply(response, new)
        return [*_replayed(response), Done(response=response)]

    def feed(self, chunk: ModelChunk) -> list[ModelChunk]:
        """Do what ``passed`` does, where all filters are built in. Raises as it.

        Raises:
            FilterFailedError: One is not: it has to be waited for.
        """
        if self._waits:
            raise FilterFailedError("a filter that is not built in cannot look at an answer without waiting")
        if isinstance(chunk, Restart):
            self._texts.reset()
            self._last.clear()
            return [chunk]
        if isinstance(chunk, Done):
            return [*self._held(), Done(response=_whole(self._texts, chunk.response))]
        channel, kind, encoding, field = _place(chunk)
        text: str = getattr(chunk, field)
        if not text:
            return [chunk]
        self._last[channel] = chunk
        new = self._texts.grow(channel, kind, encoding, text, fixed=_signed(chunk))
        return [chunk if new == text else chunk.model_copy(update={field: new})]

    def _held(self) -> list[ModelChunk]:
        held: list[ModelChunk] = []
        for channel in self._texts.channels:
            text = self._texts.finish(channel)
            if text:
                held.append(_bare(self._last[channel], text))
        return held


def _whole(texts: Texts, response: ModelResponse) -> ModelResponse:
    body: dict[str, Any] = response.model_dump(mode="json")
    texts.changed = False
    texts.whole(NEUTRAL_REPLY(body))
    return ModelResponse.model_validate(body) if texts.changed else response


def _replayed(response: ModelResponse) -> list[ModelChunk]:
    """Return the chunks that a whole reply would have come in."""
    chunks: list[ModelChunk] = []
    calls = 0
    for part in response.parts:
        if part.kind == "text":
            chunks.append(TextDelta(text=part.text, refusal=part.refusal, annotations=part.annotations))
        elif part.kind == "reasoning":
            chunks.append(ReasoningDelta(text=part.text, signature=part.signature, data=part.data))
        elif part.kind == "tool_call":
            arguments = part.raw or json.dumps(part.arguments)
            chunks.append(ToolCallDelta(index=calls, call_id=part.call_id, name=part.name, arguments=arguments))
            calls += 1
    return chunks


def _place(chunk: _Delta) -> tuple[Channel, Kind, Encoding, str]:
    match chunk:
        case TextDelta():
            return ("text", chunk.refusal), "assistant", "text", "text"
        case ReasoningDelta():
            return ("reasoning",), "reasoning", "text", "text"
        case ToolCallDelta():
            return ("tool", chunk.index), "tool_call", "json", "arguments"


def _signed(chunk: _Delta) -> bool:
    return isinstance(chunk, ReasoningDelta) and (chunk.signature is not None or chunk.data is not None)


def _bare(chunk: _Delta, text: str) -> ModelChunk:
    """Return a chunk that adds a text to what another one added to."""
    match chunk:
        case TextDelta():
            return TextDelta(text=text, refusal=chunk.refusal)
        case ReasoningDelta():
            return ReasoningDelta(text=text)
        case ToolCallDelta():
            return ToolCallDelta(index=chunk.index, arguments=text)
