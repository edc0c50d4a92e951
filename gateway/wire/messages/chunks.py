"""A streamed answer as the events of a message.

One block is open at a time, as Anthropic has it; only calls whose arguments come interleaved are open together.

Source: "Streaming messages" of Anthropic's documentation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.wire.fields import parsed
from gateway.wire.messages.answers import ending, error_body, new_id, tokens
from gateway.wire.messages.citations import citation
from gateway.wire.messages.seals import seal, thinking_block
from schemas.errors import EngineError
from schemas.model import Done, ModelChunk, ReasoningDelta, ReasoningPart, Restart, TextDelta, ToolCallDelta
from schemas.result import Usage

PING = b'event: ping\ndata: {"type": "ping"}\n\n'
_STOP = b'event: message_stop\ndata: {"type": "message_stop"}\n\n'


@dataclass(slots=True)
class _Call:
    """A call whose arguments are coming.

    Attributes:
        block: Its number among the blocks.
    """

    block: int
    arguments: list[str] = field(default_factory=list[str])
    open: bool = True

    def whole(self) -> bool:
        """Whether nothing more can come: the arguments are a JSON object already."""
        raw = "".join(self.arguments)
        return raw.rstrip().endswith("}") and parsed(raw) is not None


class EventWriter:
    """Writes one streamed answer.

    Args:
        asked: The client's body.
    """

    def __init__(self, asked: Mapping[str, Any]) -> None:
        self._model = asked.get("model") or ""
        self._begun = False
        self._blocks = 0
        self._open = ""
        self._calls: dict[int, _Call] = {}

    def feed(self, chunk: ModelChunk) -> bytes:
        """Return the events that a chunk becomes."""
        match chunk.kind:
            case "text":
                return self._text(chunk)
            case "reasoning":
                return self._reasoning(chunk)
            case "tool_call":
                return self._call(chunk)
            case "restart":
                return self._anew(chunk)
            case "done":
                return self._end(chunk)

    def fail(self, error: EngineError, request_id: str) -> bytes:
        """Return the event of an error; nothing follows it."""
        return _event("error", json.dumps(error_body(error, request_id)))

    def _anew(self, chunk: Restart) -> bytes:
        """Close what is open and say, in a ping, that the blocks so far are to be dropped: others go on after them."""
        events = self._begin() + self._close()
        self._calls = {}
        ping = {"type": "ping", "engine_restart": chunk.reason, "drop_before": self._blocks}
        return events + _event("ping", json.dumps(ping))

    def _begin(self) -> bytes:
        """The head, once: the counts come at the end."""
        if self._begun:
            return b""
        self._begun = True
        head: dict[str, Any] = {
            "id": new_id(),
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": tokens(Usage()),
        }
        return _event("message_start", f'{{"type": "message_start", "message": {json.dumps(head)}}}') + PING

    def _block(self, kind: str, block: str) -> bytes:
        """Close what is open and begin a block."""
        return self._begin() + self._close() + self._start(kind, block)

    def _start(self, kind: str, block: str) -> bytes:
        self._open = kind
        start = f'{{"type": "content_block_start", "index": {self._blocks}, "content_block": {block}}}'
        self._blocks += 1
        return _event("content_block_start", start)

    def _delta(self, inner: str, block: int = -1) -> bytes:
        index = self._blocks - 1 if block < 0 else block
        return _event(
            "content_block_delta", f'{{"type": "content_block_delta", "index": {index}, "delta": {{{inner}}}}}'
        )

    def _close(self) -> bytes:
        """Close the open block, or all open calls; thinking that nobody signed gets our mark for a signature."""
        kind, self._open = self._open, ""
        if not kind:
            return b""
        if kind == "tool_use":
            return b"".join(_stop(call) for call in self._calls.values() if call.open)
        sealed = self._signature(seal(None)) if kind == "thinking" else b""
        return sealed + _stop_block(self._blocks - 1)

    def _text(self, chunk: TextDelta) -> bytes:
        if not chunk.text and not chunk.annotations:
            return b""
        events = b"" if self._open == "text" else self._block("text", '{"type": "text", "text": ""}')
        if chunk.text:
            events += self._delta(f'"type": "text_delta", "text": {json.dumps(chunk.text)}')
        if not chunk.annotations:
            return events
        cited = [found for each in chunk.annotations if (found := citation(each)) is not None]
        return events + b"".join(
            self._delta(f'"type": "citations_delta", "citation": {json.dumps(each)}') for each in cited
        )

    def _reasoning(self, chunk: ReasoningDelta) -> bytes:
        """Thinking; its signature closes the block, and what is encrypted is a block of its own."""
        events = b""
        if chunk.text:
            events = b"" if self._open == "thinking" else self._block("thinking", _THINKING)
            events += self._delta(f'"type": "thinking_delta", "thinking": {json.dumps(chunk.text)}')
        if chunk.signature is None and chunk.data is None:
            return events
        if self._open != "thinking":
            block = thinking_block(ReasoningPart(text="", signature=chunk.signature, data=chunk.data))
            if block["type"] == "redacted_thinking":
                return events + self._block("redacted_thinking", json.dumps(block)) + self._close()
            events += self._block("thinking", _THINKING)
        signature = chunk.signature if chunk.data is None and chunk.signature is not None else seal(chunk.data)
        events += self._signature(signature) + _stop_block(self._blocks - 1)
        self._open = ""
        return events

    def _signature(self, signature: str) -> bytes:
        return self._delta(f'"type": "signature_delta", "signature": {json.dumps(signature)}')

    def _call(self, chunk: ToolCallDelta) -> bytes:
        call, events = self._calls.get(chunk.index), b""
        if call is None:
            events = self._begin() + self._before_call()
            call = self._calls[chunk.index] = _Call(self._blocks)
            block: dict[str, Any] = {"type": "tool_use", "id": chunk.call_id, "name": chunk.name, "input": {}}
            events += self._start("tool_use", json.dumps(block))
        if not chunk.arguments or not call.open:
            return events
        call.arguments.append(chunk.arguments)
        raw = json.dumps(chunk.arguments)
        return events + self._delta(f'"type": "input_json_delta", "partial_json": {raw}', call.block)

    def _before_call(self) -> bytes:
        """Close what comes before a new call: any other block, and the calls that are whole."""
        if self._open != "tool_use":
            return self._close()
        return b"".join(_stop(call) for call in self._calls.values() if call.open and call.whole())

    def _end(self, chunk: Done) -> bytes:
        events = self._begin() + self._close()
        end = {"type": "message_delta", "delta": ending(chunk.response), "usage": tokens(chunk.response.usage)}
        return events + _event("message_delta", json.dumps(end)) + _STOP


_THINKING = '{"type": "thinking", "thinking": "", "signature": ""}'


def _event(name: str, data: str) -> bytes:
    return f"event: {name}\ndata: {data}\n\n".encode()


def _stop(call: _Call) -> bytes:
    call.open = False
    return _stop_block(call.block)


def _stop_block(block: int) -> bytes:
    return _event("content_block_stop", f'{{"type": "content_block_stop", "index": {block}}}')
