"""Where text stands in the Responses API: requests, answers, and the events of a stream.

Its events repeat themselves: each text comes in pieces, then whole, then again in its item and in the last response.
Source: OpenAI's API reference, "Responses" and its streaming events.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.filters.base import Encoding, Kind
from gateway.filters.formats.base import Channel, Said, Scan
from gateway.filters.formats.slots import Slot, chained, descriptions, member, members, meta, string, texts_of

_ROLES: dict[str, Kind] = {"system": "system", "developer": "system", "assistant": "assistant"}
_PARTS = ("text", "refusal", "transcript")

# What a text is called in its events: (whose, how it is written, the member that holds it whole).
_TEXTS: dict[str, tuple[Kind, Encoding, str]] = {
    "response.output_text": ("assistant", "text", "text"),
    "response.refusal": ("assistant", "text", "refusal"),
    "response.audio.transcript": ("assistant", "text", "transcript"),
    "response.reasoning_text": ("reasoning", "text", "text"),
    "response.reasoning_summary_text": ("reasoning", "text", "text"),
    "response.function_call_arguments": ("tool_call", "json", "arguments"),
    "response.mcp_call_arguments": ("tool_call", "json", "arguments"),
    "response.custom_tool_call_input": ("tool_call", "text", "input"),
    "response.code_interpreter_call_code": ("tool_call", "text", "code"),
    "response.shell_call_command": ("tool_call", "text", "command"),
}
_WHERE = ("item_id", "output_index", "content_index", "summary_index", "command_index")
_LAST = ("response.completed", "response.incomplete", "response.failed")


def request(body: Mapping[str, Any]) -> Iterator[Slot]:
    """Yield the texts of a request in the order in which providers put them before the model."""
    for tool in members(body.get("tools")):
        yield from string(tool, "description", "tool")
        yield from descriptions(tool.get("parameters"))
    answer = member(member(body, "text"), "format")
    yield from string(answer, "description", "tool")
    yield from descriptions(answer.get("schema"))
    yield from string(body, "instructions", "system")
    variables = member(member(body, "prompt"), "variables")
    for name in variables:
        yield from string(variables, name, "user")
        yield from string(member(variables, name), "text", "user")
    yield from string(body, "input", "user")
    for item in members(body.get("input")):
        yield from _item(item)
    yield from meta(body, "user", "safety_identifier")


def reply(body: Mapping[str, Any]) -> Iterator[Slot]:
    """Yield the texts of an answer; it repeats the instructions."""
    yield from string(body, "instructions", "system")
    for item in members(body.get("output")):
        yield from _item(item)


def _item(item: Mapping[str, Any]) -> Iterator[Slot]:
    kind = str(item.get("type", "message"))
    if kind == "message":
        yield from texts_of(item, "content", _ROLES.get(str(item.get("role")), "user"), _PARTS)
    elif kind == "reasoning":
        yield from texts_of(item, "summary", "reasoning")
        yield from texts_of(item, "content", "reasoning")
    elif kind.endswith("_output"):
        yield from texts_of(item, "output", "tool_result", ("text", "stdout", "stderr"))
    else:
        yield from _call(item)


def _call(item: Mapping[str, Any]) -> Iterator[Slot]:
    yield from chained(string(item, "arguments", "tool_call", "json"), string(item, "input", "tool_call"))
    yield from string(item, "code", "tool_call")
    yield from texts_of(member(item, "action"), "commands", "tool_call")
    yield from texts_of(member(item, "action"), "command", "tool_call")
    yield from string(item, "output", "tool_result")
    for found in members(item.get("results")):
        yield from string(found, "text", "tool_result")


class ResponsesEvents:
    """Reads the events of one streamed response."""

    def __init__(self) -> None:
        self._response: dict[str, Any] = {}
        self._templates: dict[Channel, dict[str, Any]] = {}
        self._added = 0  # events of ours so far: the numbers of what follows move up
        self._number = 0

    def visit(self, event: dict[str, Any], scan: Scan) -> list[Said]:
        """Rewrite an event in place; return events that go before it."""
        kind = str(event.get("type"))
        text, _, what = kind.rpartition(".")
        before: list[Said] = []
        if text in _TEXTS and what == "delta":
            self._grow(event, text, scan)
        elif text in _TEXTS and what == "done":
            before = self._done(event, text, scan)
        elif kind in ("response.content_part.done", "response.reasoning_summary_part.done"):
            scan.whole(texts_of({"parts": [event.get("part")]}, "parts", "assistant", _PARTS))
        elif kind == "response.output_item.done":
            scan.whole(_item(member(event, "item")))
        elif kind in _LAST:
            before = self.flush(scan)
        response = member(event, "response")
        if response:
            self._response = response
            scan.whole(reply(response))
        self._count(event, scan)
        return before

    def ends(self, data: bytes) -> bool:
        """Whether these data end the stream: none but an object do."""
        del data
        return False

    def flush(self, scan: Scan) -> list[Said]:
        """Return events with all that is still held back."""
        return [said for channel in scan.channels for said in self._held(channel, scan)]

    def refuse(self, reason: str) -> list[Said]:
        """Return the event that ends a response as OpenAI's content filter ends it, with the reason beside it."""
        frame: dict[str, Any] = {"id": "resp_blocked", "object": "response", "created_at": 0, "model": "", "output": []}
        tools: dict[str, Any] = {"tools": [], "tool_choice": "auto", "parallel_tool_calls": True}
        response = self.refusal({**frame, **tools, **self._response}, reason)
        event = {"type": "response.incomplete", "response": response, "sequence_number": self._number + 1}
        return [("response.incomplete", event)]

    def refusal(self, body: Mapping[str, Any], reason: str) -> dict[str, Any]:
        """Return a whole response that says only why there is none; its usage stays."""
        part = {"type": "refusal", "refusal": reason}
        said = {"id": "msg_blocked", "type": "message", "role": "assistant", "status": "incomplete", "content": [part]}
        why = {"reason": "content_filter"}
        return {**body, "status": "incomplete", "incomplete_details": why, "error": None, "output": [said]}

    def _grow(self, event: dict[str, Any], text: str, scan: Scan) -> None:
        delta = event.get("delta")
        if not isinstance(delta, str):
            return
        channel = _channel(event, text)
        self._templates.setdefault(channel, _template(event))
        kind, encoding, _ = _TEXTS[text]
        event["delta"] = scan.grow(channel, kind, encoding, delta)
        if event["delta"] != delta and "logprobs" in event:
            event["logprobs"] = []  # they spell the text out

    def _done(self, event: dict[str, Any], text: str, scan: Scan) -> list[Said]:
        kind, encoding, whole = _TEXTS[text]
        before = self._held(_channel(event, text), scan)
        scan.whole(string(event, whole, kind, encoding))
        return before

    def _held(self, channel: Channel, scan: Scan) -> list[Said]:
        text = scan.finish(channel)
        template = self._templates.pop(channel, None)
        if not text or template is None:
            return []
        self._added += 1
        self._number += 1
        return [(template["type"], {**template, "delta": text, "sequence_number": self._number})]

    def _count(self, event: dict[str, Any], scan: Scan) -> None:
        number = event.get("sequence_number")
        if isinstance(number, int):
            self._number = number + self._added
            if self._added:
                event["sequence_number"] = self._number
                scan.changed = True


def _template(event: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: event[key] for key in ("type", *_WHERE) if key in event}
    return kept | ({"logprobs": []} if "logprobs" in event else {})


def _channel(event: Mapping[str, Any], text: str) -> Channel:
    return (text, *(event.get(key) for key in _WHERE))
