"""Streamed answers as clients of ``POST /v1/responses`` get them, event by event.

Every piece goes out as it comes. A message and a stretch of thinking end when something else begins; a call ends when
its arguments are whole and something else begins, for some servers write several calls by turns.

Source: OpenAI's API reference, "Responses", streaming events.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.wire.chat.answers import error_body
from gateway.wire.chunks import as_chunks
from gateway.wire.fields import parsed
from gateway.wire.responses.answers import (
    Wire,
    call_item,
    ended_object,
    made_object,
    message_item,
    new_id,
    text_piece,
)
from gateway.wire.responses.citations import annotations
from gateway.wire.responses.thinking import matched, packed_item, summary
from schemas.errors import EngineError
from schemas.model import (
    ModelChunk,
    ModelResponse,
    Part,
    ReasoningDelta,
    ReasoningPart,
    TextDelta,
    TextPart,
    ToolCallDelta,
)

_FAILED = {402: "rate_limit_exceeded", 429: "rate_limit_exceeded", 400: "invalid_prompt", 422: "invalid_prompt"}
_EMPTY = {"type": "summary_text", "text": ""}


@dataclass(slots=True)
class _Piece:
    """A piece of a message that grows."""

    refusal: bool
    text: list[str] = field(default_factory=list[str])
    annotations: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def wire(self) -> Wire:
        part = TextPart(text="".join(self.text), refusal=self.refusal, annotations=tuple(self.annotations))
        return text_piece(part)


@dataclass(slots=True)
class _Growing:
    """An item that grows.

    Attributes:
        at: Its place in the output.
        ends: The fields that name it in an event.
        item: As it was last told.
        text: Of thinking, or of a call's arguments.
        pieces: Of a message.
        open: Whether more may come.
    """

    at: int
    item: Wire
    ends: Wire
    text: list[str] = field(default_factory=list[str])
    pieces: list[_Piece] = field(default_factory=list[_Piece])
    open: bool = True


class EventWriter:
    """Writes one streamed answer (implements ``gateway.wire.base.StreamWriter``).

    Args:
        asked: The client's body.
    """

    def __init__(self, asked: Mapping[str, Any]) -> None:
        self._made = made_object(new_id(), asked)
        self._stem: str = self._made["id"].removeprefix("resp_")
        self._events: list[str] = []
        self._number = 0
        self._places = 0
        self._items: list[_Growing] = []
        self._current: _Growing | None = None
        self._calls: dict[int, _Growing] = {}

    def feed(self, chunk: ModelChunk) -> bytes:
        """Return the events that a chunk becomes."""
        if not self._number:
            self._begin()
        self._take(chunk)
        return self._written()

    def fail(self, error: EngineError, request_id: str) -> bytes:
        """Return the events that end a stream with an error.

        Both forms are written: the ``error`` event, at which SDKs raise, and ``response.failed``.
        """
        if not self._number:
            self._begin()
        facts: Wire = error_body(error, request_id)["error"]
        flat = {name: facts[name] for name in ("code", "message", "param")}
        self._event("error", **flat, error=facts, request_id=request_id)
        told = {"code": _FAILED.get(error.http_status, "server_error"), "message": facts["message"]}
        failed = self._made | {"status": "failed", "error": told}
        failed["output"] = [growing.item for growing in self._items if not growing.open]
        self._event("response.failed", response=failed)
        return self._written()

    def _take(self, chunk: ModelChunk) -> None:
        match chunk.kind:
            case "text":
                self._text(chunk)
            case "reasoning":
                self._think(chunk)
            case "tool_call":
                self._call(chunk)
            case "restart":
                self._restart()
            case "done":
                self._end(chunk.response)

    def _written(self) -> bytes:
        written = "".join(self._events).encode()
        self._events.clear()
        return written

    def _event(self, kind: str, **fields: Any) -> None:
        data = json.dumps({"type": kind, **fields, "sequence_number": self._number}, separators=(",", ":"))
        self._events.append(f"event: {kind}\ndata: {data}\n\n")
        self._number += 1

    def _begin(self) -> None:
        self._event("response.created", response=self._made)
        self._event("response.in_progress", response=self._made)

    def _open(self, prefix: str, item: Wire) -> _Growing:
        """Begin an item at the next place."""
        at, self._places = self._places, self._places + 1
        item["id"] = f"{prefix}_{at:x}_{self._stem}"
        growing = _Growing(at, item, {"output_index": at, "item_id": item["id"]})
        self._items.append(growing)
        self._event("response.output_item.added", output_index=at, item=item)
        return growing

    def _close(self, growing: _Growing, item: Wire) -> None:
        growing.open = False
        growing.item = item
        self._event("response.output_item.done", output_index=growing.at, item=item)

    def _text(self, chunk: TextDelta) -> None:
        if not chunk.text and not chunk.annotations:
            return
        message = self._current
        if message is None or message.item["type"] != "message":
            self._close_current()
            self._close_calls(whole_only=True)
            message = self._current = self._open("msg", message_item("", [], "in_progress"))
        if not message.pieces or message.pieces[-1].refusal != chunk.refusal:
            self._close_piece(message)
            message.pieces.append(_Piece(chunk.refusal))
            self._piece_event("response.content_part.added", message, part=message.pieces[-1].wire())
        piece = message.pieces[-1]
        if chunk.text:
            piece.text.append(chunk.text)
            if chunk.refusal:
                self._piece_event("response.refusal.delta", message, delta=chunk.text)
            else:
                self._piece_event("response.output_text.delta", message, delta=chunk.text, logprobs=[])
        self._cite(message, piece, chunk.annotations)

    def _cite(self, message: _Growing, piece: _Piece, cited: Iterable[dict[str, Any]]) -> None:
        for note in annotations(cited, "".join(piece.text)):
            place = len(piece.annotations)
            piece.annotations.append(note)
            self._piece_event("response.output_text.annotation.added", message, annotation_index=place, annotation=note)

    def _piece_event(self, kind: str, message: _Growing, **fields: Any) -> None:
        self._event(kind, **message.ends, content_index=len(message.pieces) - 1, **fields)

    def _close_piece(self, message: _Growing) -> None:
        if not message.pieces:
            return
        piece = message.pieces[-1]
        said = "".join(piece.text)
        if piece.refusal:
            self._piece_event("response.refusal.done", message, refusal=said)
        else:
            self._piece_event("response.output_text.done", message, text=said, logprobs=[])
        self._piece_event("response.content_part.done", message, part=piece.wire())

    def _think(self, chunk: ReasoningDelta) -> None:
        complete = chunk.signature is not None or chunk.data is not None
        if not chunk.text and not complete:
            return
        growing = self._current
        if growing is None or growing.item["type"] != "reasoning":
            self._close_current()
            self._close_calls(whole_only=True)
            item: Wire = {"id": "", "type": "reasoning", "summary": []}
            growing = self._current = self._open("rs", item)
        if chunk.text:
            if not growing.text:
                self._summary_event("response.reasoning_summary_part.added", growing, part=_EMPTY)
            growing.text.append(chunk.text)
            self._summary_event("response.reasoning_summary_text.delta", growing, delta=chunk.text)
        if complete:
            self._close_thinking(growing, chunk.signature, chunk.data)

    def _summary_event(self, kind: str, growing: _Growing, **fields: Any) -> None:
        self._event(kind, **growing.ends, summary_index=0, **fields)

    def _close_thinking(self, growing: _Growing, signature: str | None = None, data: str | None = None) -> None:
        said = "".join(growing.text)
        if said:
            self._summary_event("response.reasoning_summary_text.done", growing, text=said)
            self._summary_event("response.reasoning_summary_part.done", growing, part=summary(said)[0])
        part = ReasoningPart(text=said, signature=signature, data=data)
        self._close(growing, packed_item((part,), growing.item["id"]))
        self._current = None

    def _call(self, chunk: ToolCallDelta) -> None:
        growing = self._calls.get(chunk.index)
        if growing is None:
            self._close_current()
            self._close_calls(whole_only=True)
            growing = self._open("fc", call_item("", chunk.call_id, chunk.name, "", "in_progress"))
            self._calls[chunk.index] = growing
        if chunk.arguments and growing.open:
            growing.text.append(chunk.arguments)
            self._event("response.function_call_arguments.delta", **growing.ends, delta=chunk.arguments)

    def _close_calls(self, *, whole_only: bool, status: str = "completed") -> None:
        for growing in self._calls.values():
            if not growing.open:
                continue
            written = "".join(growing.text)
            if whole_only and parsed(written) is None:
                continue
            arguments = written or "{}"
            name = growing.item["name"]
            self._event("response.function_call_arguments.done", **growing.ends, name=name, arguments=arguments)
            self._close(growing, growing.item | {"arguments": arguments, "status": status})

    def _close_current(self, status: str = "completed") -> None:
        growing, self._current = self._current, None
        if growing is None:
            return
        if growing.item["type"] == "reasoning":
            self._close_thinking(growing)
            return
        self._close_piece(growing)
        content = [piece.wire() for piece in growing.pieces]
        self._close(growing, message_item(growing.item["id"], content, status))

    def _restart(self) -> None:
        """What came before stays where clients have it, marked as broken off; the whole answer leaves it out."""
        self._close_current("incomplete")
        self._close_calls(whole_only=False, status="incomplete")
        self._calls.clear()
        self._items.clear()

    def _end(self, response: ModelResponse) -> None:
        if not self._items:
            for chunk in as_chunks(response)[:-1]:
                self._take(chunk)
        status = "incomplete" if response.stop_reason == "length" else "completed"
        self._close_current(status)
        self._close_calls(whole_only=False, status=status)
        self._keep_thinking(response.parts)
        whole = ended_object(self._made, response, [growing.item for growing in self._items])
        self._event("response.completed" if whole["status"] == "completed" else "response.incomplete", response=whole)

    def _keep_thinking(self, parts: Iterable[Part]) -> None:
        """Put into the whole answer what a provider needs of its thinking where that was known too late to stream.

        Thinking that was not streamed at all, for it has no text, is an item of its own.
        """
        told = [growing for growing in self._items if growing.item["type"] == "reasoning"]
        found, left = matched(["".join(growing.text) for growing in told], parts)
        for growing, covered in zip(told, found, strict=True):
            if covered and "encrypted_content" not in growing.item:
                growing.item = packed_item(covered, growing.item["id"])
        for part in left:
            if not part.text:
                self._take(ReasoningDelta(text="", signature=part.signature, data=part.data))
