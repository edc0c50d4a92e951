"""Where text stands in the Messages API: requests, answers, and the events of a stream.

Signed thinking is ``fixed``: the provider refuses it when it comes back changed.
Source: the Messages API reference, "Streaming messages", "Extended thinking".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.filters.base import Encoding, Kind
from gateway.filters.formats.base import Said, Scan
from gateway.filters.formats.slots import Slot, descriptions, leaves, member, members, meta, string, texts_of

_DELTAS: dict[str, tuple[str, Kind, Encoding]] = {
    "text_delta": ("text", "assistant", "text"),
    "thinking_delta": ("thinking", "reasoning", "text"),
    "input_json_delta": ("partial_json", "tool_call", "json"),
}


def request(body: Mapping[str, Any]) -> Iterator[Slot]:
    """Yield the texts of a request in the order in which the provider puts them before the model."""
    for tool in members(body.get("tools")):
        yield from string(tool, "description", "tool")
        yield from descriptions(tool.get("input_schema"))
    for answer in (member(member(body, "output_config"), "format"), member(body, "output_format")):
        yield from descriptions(answer.get("schema"))
    yield from texts_of(body, "system", "system")
    for message in members(body.get("messages")):
        kind: Kind = "assistant" if message.get("role") == "assistant" else "user"
        yield from _content(message, "content", kind)
    yield from meta(body)


def reply(body: Mapping[str, Any]) -> Iterator[Slot]:
    """Yield the texts of an answer."""
    return _content(body, "content", "assistant")


def _content(holder: Mapping[str, Any], key: str, kind: Kind) -> Iterator[Slot]:
    yield from string(holder, key, kind)
    for block in members(holder.get(key)):
        yield from _block(block, kind)


def _block(block: Mapping[str, Any], kind: Kind) -> Iterator[Slot]:
    for slot in string(block, "thinking", "reasoning"):
        slot.fixed = True
        yield slot
    yield from string(block, "text", kind)
    if isinstance(block.get("input"), dict):
        yield from leaves(block, "input", "tool_call")
    if "tool_use_id" in block:
        kind = "tool_result"
    source = member(block, "source")
    yield from string(block, "title", kind)
    yield from string(block, "context", kind)
    if source.get("type") == "text":
        yield from string(source, "data", kind)
    yield from _content(source, "content", kind)
    yield from _content(block, "content", kind)


class MessagesEvents:
    """Reads the events of one streamed message."""

    def __init__(self) -> None:
        self._deltas: dict[Any, str] = {}
        self._open: list[Any] = []
        self._began = False

    def visit(self, event: dict[str, Any], scan: Scan) -> list[Said]:
        """Rewrite an event in place; return events that go before it."""
        kind, index = event.get("type"), event.get("index")
        if kind == "message_start":
            self._began = True
        elif kind == "content_block_start":
            self._grow(index, "text_delta", member(event, "content_block"), scan)
            self._open.append(index)
        elif kind == "content_block_delta":
            delta = member(event, "delta")
            self._grow(index, str(delta.get("type")), delta, scan)
        elif kind == "content_block_stop":
            if index in self._open:
                self._open.remove(index)
            return self._held(index, scan)
        elif kind == "message_stop":
            return self.flush(scan)
        return []

    def ends(self, data: bytes) -> bool:
        """Whether these data end the stream: none but an object do."""
        del data
        return False

    def flush(self, scan: Scan) -> list[Said]:
        """Return events with all that is still held back."""
        return [said for (index,) in scan.channels for said in self._held(index, scan)]

    def refuse(self, reason: str) -> list[Said]:
        """Return the events that end a message as the provider's own classifiers end it."""
        events: list[dict[str, Any]] = []
        if not self._began:
            usage = {"input_tokens": 0, "output_tokens": 0}
            message: dict[str, Any] = {"id": "msg_blocked", "type": "message", "role": "assistant", "model": ""}
            start: dict[str, Any] = {
                **message,
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": usage,
            }
            events.append({"type": "message_start", "message": start})
        events += [{"type": "content_block_stop", "index": index} for index in self._open]
        events.append({"type": "message_delta", "delta": _refused(reason), "usage": {"output_tokens": 0}})
        events.append({"type": "message_stop"})
        return [(event["type"], event) for event in events]

    def refusal(self, body: Mapping[str, Any], reason: str) -> dict[str, Any]:
        """Return a whole message that says only why there is none; its usage stays."""
        return {**body, "content": [], **_refused(reason)}

    def _grow(self, index: Any, name: str, delta: dict[str, Any], scan: Scan) -> None:
        if name not in _DELTAS:
            return
        field, kind, encoding = _DELTAS[name]
        text = delta.get(field)
        if isinstance(text, str) and text:
            self._deltas[index] = name
            delta[field] = scan.grow((index,), kind, encoding, text, fixed=kind == "reasoning")

    def _held(self, index: Any, scan: Scan) -> list[Said]:
        text = scan.finish((index,))
        if not text:
            return []
        name = self._deltas[index]
        delta = {"type": name, _DELTAS[name][0]: text}
        return [("content_block_delta", {"type": "content_block_delta", "index": index, "delta": delta})]


def _refused(reason: str) -> dict[str, Any]:
    details = {"type": "refusal", "category": None, "explanation": reason}
    return {"stop_reason": "refusal", "stop_sequence": None, "stop_details": details}
