"""Filters around the engine's own calls: neutral requests and replies instead of a client's bytes.

Built-in filters read them where they stand. Filters of somebody else's are asked in chat completions; for one that
looks at answers the reply is held back until it is whole, since what was shown cannot be taken back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.filters.base import Encoding, Kind
from gateway.filters.formats import NEUTRAL_REPLY
from gateway.filters.formats.base import Channel
from gateway.filters.member import Member
from gateway.filters.scan import Texts
from schemas.model import (
    Done,
    ModelChunk,
    ModelResponse,
    ReasoningDelta,
    Restart,
    TextDelta,
    ToolCallDelta,
)

_Delta = TextDelta | ReasoningDelta | ToolCallDelta


class Chunks:
    """What one streamed reply passes.

    Args:
        members: Built-in filters, in the order in which they see answers.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self._texts = Texts(members)
        self._last: dict[Channel, _Delta] = {}

    def feed(self, chunk: ModelChunk) -> list[ModelChunk]:
        """Return the chunks to give on in place of one; a chunk that no filter changed is the same object.

        Raises:
            FilterBlockedError: A filter says stop.
            FilterFailedError: One failed, and nothing goes on without it.
        """
        if isinstance(chunk, Restart):
            self._texts.reset()
            self._last.clear()
            return [chunk]
        if isinstance(chunk, Done):
            return [*self._held(), Done(response=self._whole(chunk.response))]
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

    def _whole(self, response: ModelResponse) -> ModelResponse:
        body: dict[str, Any] = response.model_dump()
        self._texts.changed = False
        self._texts.whole(NEUTRAL_REPLY(body))
        return ModelResponse.model_validate(body) if self._texts.changed else response


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
