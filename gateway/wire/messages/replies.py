"""Replies of the Messages API as neutral parts, whole or put together from a stream.

Blocks of the provider's own server tools have no neutral form and are left out.

Source: the Messages API reference, "Streaming messages".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict

from gateway.providers.base import broken_off, tool_call
from gateway.wire.base import SseEvent
from gateway.wire.halves import Halves
from gateway.wire.messages.citations import annotation
from gateway.wire.messages.seals import redacted_part, thinking_part
from gateway.wire.reading import Count, parsed, told
from schemas.model import (
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

_STOP_REASONS: Mapping[str, StopReason] = {
    "end_turn": "end",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "stop_sequence": "stop_sequence",
    "tool_use": "tool_calls",
    "refusal": "refusal",
}


class _Wire(BaseModel):
    """A piece of a reply: only what is read here."""

    model_config = ConfigDict(extra="ignore", defer_build=True)


class OutputDetails(_Wire):
    """Parts of the output tokens."""

    thinking_tokens: Count = None


class CacheCreation(_Wire):
    """For how long what was written to the cache is kept."""

    ephemeral_1h_input_tokens: Count = None


class WireUsage(_Wire):
    """Token counts; in a stream each later one replaces the earlier, where it is given."""

    input_tokens: Count = None
    output_tokens: Count = None
    cache_creation_input_tokens: Count = None
    cache_creation: CacheCreation | None = None
    cache_read_input_tokens: Count = None
    output_tokens_details: OutputDetails | None = None
    service_tier: str | None = None

    def neutral(self) -> Usage:
        """Return the counts of one call; the total input is what was sent, written to the cache and read from it."""
        written, read = self.cache_creation_input_tokens or 0, self.cache_read_input_tokens or 0
        details, created = self.output_tokens_details, self.cache_creation
        return Usage(
            calls=1,
            input_tokens=(self.input_tokens or 0) + written + read,
            cached_tokens=read,
            cache_write_tokens=written,
            cache_write_1h_tokens=(created.ephemeral_1h_input_tokens or 0) if created else 0,
            output_tokens=self.output_tokens or 0,
            reasoning_tokens=(details.thinking_tokens or 0) if details else 0,
            cost_usd=None,
        )


class Block(_Wire):
    """A content block, of any type."""

    type: str
    text: str = ""
    thinking: str = ""
    signature: str | None = None
    data: str | None = None
    id: str = ""
    name: str = ""
    input: Any = None
    citations: list[dict[str, Any]] | None = None


class StopDetails(_Wire):
    """Why it was refused, in the provider's words."""

    explanation: str | None = None


class WireMessage(_Wire):
    """A whole reply, or the head of a streamed one."""

    id: str = ""
    model: str = ""
    content: list[Block]
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None
    usage: WireUsage | None = None


class Delta(_Wire):
    """What one event adds."""

    type: str = ""
    text: str = ""
    thinking: str = ""
    signature: str = ""
    partial_json: str = ""
    citation: dict[str, Any] | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None


class Event(_Wire):
    """A stream event, of any type."""

    type: str
    index: int = 0
    message: WireMessage | None = None
    content_block: Block | None = None
    delta: Delta | None = None
    usage: WireUsage | None = None
    error: Any = None


def read_message(content: bytes, *, provider: str, model: str) -> ModelResponse:
    """Return the reply in a body.

    Raises:
        ModelError: An error inside it.
        ModelOutputError: The body is not a message.
    """
    message = parsed(WireMessage, content, f"{provider}/{model}")
    return _response(message, [_part(block) for block in message.content], message.usage, message, provider)


def _response(
    message: WireMessage,
    parts: list[Part | None],
    usage: WireUsage | None,
    ending: WireMessage | Delta,
    provider: str,
) -> ModelResponse:
    details = ending.stop_details
    return ModelResponse(
        model=message.model,
        provider=provider,
        parts=tuple(part for part in parts if part is not None),
        stop_reason=_STOP_REASONS.get(ending.stop_reason or "", "other"),
        usage=(usage or WireUsage()).neutral(),
        response_id=message.id,
        stop_sequence=ending.stop_sequence or "",
        refusal=(details.explanation or "") if details is not None else "",
        service_tier=(usage.service_tier or "") if usage is not None else "",
    )


def _part(block: Block) -> Part | None:
    make = _PARTS.get(block.type)
    return make(block) if make else None


def _text(block: Block) -> Part | None:
    cited = tuple(annotation(each) for each in block.citations or ())
    return TextPart(text=block.text, annotations=cited) if block.text else None


def _thinking(block: Block) -> Part:
    return thinking_part(block.thinking, block.signature) if block.signature else ReasoningPart(text=block.thinking)


def _redacted(block: Block) -> Part:
    return redacted_part(block.data or "")


def _tool_use(block: Block) -> Part:
    raw = block.input if isinstance(block.input, str) else json.dumps(block.input)
    return tool_call(block.id, block.name, raw)


_PARTS: Mapping[str, Callable[[Block], Part | None]] = {
    "text": _text,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "tool_use": _tool_use,
}


@dataclass(slots=True)
class _Growing:
    """A block whose deltas are still coming."""

    block: Block
    call_index: int = -1
    text: list[str] = field(default_factory=list[str])
    signature: list[str] = field(default_factory=list[str])
    citations: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def part(self) -> Part | None:
        grown = "".join(self.text)
        if self.block.type == "tool_use":
            return tool_call(self.block.id, self.block.name, grown) if grown else _tool_use(self.block)
        update: dict[str, Any] = {"text": self.block.text + grown, "thinking": self.block.thinking + grown}
        if self.citations:
            update["citations"] = [*(self.block.citations or ()), *self.citations]
        if self.signature:
            update["signature"] = (self.block.signature or "") + "".join(self.signature)
        return _part(self.block.model_copy(update=update))


class MessageBuilder:
    """Puts one streamed message together.

    Args:
        provider: The configured name.
        model: The model asked.
    """

    def __init__(self, provider: str, model: str) -> None:
        self._provider = provider
        self._model = model
        self._message: WireMessage | None = None
        self._blocks: dict[int, _Growing] = {}
        self._calls = 0
        self._halves = Halves()
        self._usage: dict[str, Any] = {}
        self._ending: WireMessage | Delta = Delta()
        self._ended = False

    def feed(self, event: SseEvent) -> Iterator[ModelChunk]:
        """Take one event in and yield what it adds; events of an unknown type, and any after the last, add nothing.

        Raises:
            ModelError: An error inside the stream.
            ModelOutputError: The event has not the shape of the format.
        """
        if not event.data.strip() or self._ended:
            return
        read = parsed(Event, self._halves.joined(event.data), f"{self._provider}/{self._model}")
        if read.type == "error" or read.error:
            raise told(f"{self._provider}/{self._model}", {"error": read.error or "no reason given"})
        chunk = self._take(read)
        if chunk is not None:
            yield chunk

    def response(self) -> ModelResponse:
        """Return the whole reply.

        Raises:
            ModelUnavailableError: The stream broke off before its end.
            ModelOutputError: Nothing of the format came at all.
        """
        if self._message is None or not self._ended:
            raise broken_off(f"{self._provider}/{self._model}", began=self._message is not None)
        parts = [growing.part() for _, growing in sorted(self._blocks.items())]
        usage = WireUsage.model_validate(self._usage)
        return _response(self._message, parts, usage, self._ending, self._provider)

    def _take(self, event: Event) -> ModelChunk | None:
        match event.type:
            case "message_start":
                self._message_start(event)
            case "content_block_start":
                return self._block_start(event)
            case "content_block_delta":
                return self._block_delta(event)
            case "content_block_stop":
                return self._block_stop(event)
            case "message_delta":
                self._message_delta(event)
            case "message_stop":
                self._ended = True
            case _:
                pass
        return None

    def _message_start(self, event: Event) -> None:
        self._message = event.message
        if event.message is not None:
            self._ending = event.message
            self._count(event.message.usage)

    def _block_start(self, event: Event) -> ModelChunk | None:
        block = event.content_block
        if block is None:
            return None
        growing = self._blocks[event.index] = _Growing(block)
        if block.type == "tool_use":
            growing.call_index = self._calls
            self._calls += 1
            raw = json.dumps(block.input) if block.input else ""
            return ToolCallDelta(index=growing.call_index, call_id=block.id, name=block.name, arguments=raw)
        if block.type == "thinking":
            return ReasoningDelta(text=block.thinking) if block.thinking else None
        if block.type == "redacted_thinking":
            return ReasoningDelta(text="", data=redacted_part(block.data or "").data)
        return TextDelta(text=block.text) if block.type == "text" and block.text else None

    def _block_delta(self, event: Event) -> ModelChunk | None:
        growing, delta = self._blocks.get(event.index), event.delta
        if growing is None or delta is None:
            return None
        growing.signature.extend([delta.signature] if delta.signature else [])
        if delta.citation is not None:
            growing.citations.append(delta.citation)
            return TextDelta(text="", annotations=(annotation(delta.citation),))
        added = delta.text or delta.thinking or delta.partial_json
        if not added:
            return None
        growing.text.append(added)
        if delta.text:
            return TextDelta(text=added)
        if delta.thinking:
            return ReasoningDelta(text=added)
        return ToolCallDelta(index=growing.call_index, arguments=added) if growing.call_index >= 0 else None

    def _block_stop(self, event: Event) -> ModelChunk | None:
        """Thinking is complete with its signature."""
        growing = self._blocks.get(event.index)
        if growing is None or growing.block.type != "thinking":
            return None
        part = growing.part()
        assert part is not None
        if part.kind != "reasoning" or (part.signature is None and part.data is None):
            return None
        return ReasoningDelta(text="", signature=part.signature, data=part.data)

    def _message_delta(self, event: Event) -> None:
        if event.delta is not None and event.delta.stop_reason is not None:
            self._ending = event.delta
        self._count(event.usage)

    def _count(self, usage: WireUsage | None) -> None:
        if usage is not None:
            self._usage |= usage.model_dump(exclude_none=True)
