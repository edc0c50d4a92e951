"""Where text stands in chat completions: requests, answers, and the chunks of a stream.

Source: OpenAI's API reference, "Chat completions"; the reasoning fields of DeepSeek, vLLM and OpenRouter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.filters.base import Encoding, Kind
from gateway.filters.formats.base import Channel, Said, Scan
from gateway.filters.formats.slots import Slot, chained, descriptions, fixed, member, members, meta, string, texts_of

_ROLES: dict[str, Kind] = {
    "system": "system",
    "developer": "system",
    "assistant": "assistant",
    "tool": "tool_result",
    "function": "tool_result",
}
_FIELDS: tuple[tuple[str, Kind], ...] = (
    ("reasoning_content", "reasoning"),
    ("reasoning", "reasoning"),
    ("content", "assistant"),
    ("refusal", "assistant"),
)


def request(body: Mapping[str, Any]) -> Iterator[Slot]:
    """Yield the texts of a request in the order in which providers put them before the model."""
    for tool in members(body.get("tools")):
        for function in (member(tool, "function"), member(tool, "custom")):
            yield from string(function, "description", "tool")
            yield from descriptions(function.get("parameters"))
    answer = member(member(body, "response_format"), "json_schema")
    yield from string(answer, "description", "tool")
    yield from descriptions(answer.get("schema"))
    for message in members(body.get("messages")):
        yield from fixed(string(message, "name", "meta"))
        yield from _message(message, _ROLES.get(str(message.get("role")), "user"))
    yield from texts_of(body, "input", "user")  # embeddings
    yield from texts_of(member(body, "prediction"), "content", "user")
    yield from meta(body, "user", "safety_identifier")


def reply(body: Mapping[str, Any]) -> Iterator[Slot]:
    """Yield the texts of an answer."""
    for choice in members(body.get("choices")):
        yield from _message(member(choice, "message"), "assistant")


def _message(message: Mapping[str, Any], kind: Kind) -> Iterator[Slot]:
    yield from chained(string(message, "reasoning_content", "reasoning"), string(message, "reasoning", "reasoning"))
    for detail in members(message.get("reasoning_details")):
        signed = isinstance(detail.get("signature"), str)
        for slot in chained(string(detail, "text", "reasoning"), string(detail, "summary", "reasoning")):
            slot.fixed = signed
            yield slot
    yield from texts_of(message, "content", kind, ("text", "refusal"))
    yield from string(message, "refusal", kind)
    yield from string(member(message, "audio"), "transcript", kind)
    for call in members(message.get("tool_calls")):
        yield from string(member(call, "function"), "arguments", "tool_call", "json")
        yield from string(member(call, "custom"), "input", "tool_call")
    yield from string(member(message, "function_call"), "arguments", "tool_call", "json")


class ChatEvents:
    """Reads the chunks of one streamed chat completion."""

    def __init__(self) -> None:
        self._frame: dict[str, Any] = {}

    def visit(self, event: dict[str, Any], scan: Scan) -> list[Said]:
        """Rewrite a chunk in place; return chunks that go before it."""
        choices = members(event.get("choices"))
        if choices and not self._frame:
            self._frame = {key: value for key, value in event.items() if key not in ("choices", "usage")}
        before: list[Said] = []
        for choice in choices:
            index = choice.get("index", 0)
            changed = self._delta(index, member(choice, "delta"), scan)
            if changed and choice.get("logprobs"):
                choice["logprobs"] = None  # they spell the text out
            if choice.get("finish_reason") is not None:
                before += self._flush(scan, index)
        return before

    def ends(self, data: bytes) -> bool:
        """Whether these data, which are no JSON object, end the stream."""
        return data.strip() == b"[DONE]"

    def flush(self, scan: Scan) -> list[Said]:
        """Return chunks with all that is still held back."""
        return self._flush(scan, None)

    def refuse(self, reason: str) -> list[Said]:
        """Return the chunks that end a stream as a content filter of OpenAI's ends it, with the reason."""
        last = self._chunk(0, {}, finish_reason="content_filter")
        return [("", self._chunk(0, {"refusal": reason})), ("", last), ("", None)]

    def refusal(self, body: Mapping[str, Any], reason: str) -> dict[str, Any]:
        """Return a whole answer that says only why there is none; its usage stays."""
        message = {"role": "assistant", "content": None, "refusal": reason}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "content_filter"}
        return {**body, "choices": [choice]}

    def _delta(self, index: Any, delta: dict[str, Any], scan: Scan) -> bool:
        """Rewrite what a chunk adds to one choice; return whether its own words changed."""
        changed = False
        for name, kind in _FIELDS:
            text = delta.get(name)
            if isinstance(text, str) and text:
                delta[name] = scan.grow((index, name), kind, "text", text)
                changed = changed or delta[name] != text
        for detail in members(delta.get("reasoning_details")):
            for name in ("text", "summary"):
                text = detail.get(name)
                if isinstance(text, str) and text:
                    channel = (index, "reasoning_details", name, detail.get("index", 0))
                    detail[name] = scan.grow(channel, "reasoning", "text", text)
        for call in members(delta.get("tool_calls")):
            self._call(index, call, scan)
        return changed

    def _call(self, index: Any, call: dict[str, Any], scan: Scan) -> None:
        for part, name, encoding in _CALLS:
            holder = member(call, part)
            text = holder.get(name)
            if isinstance(text, str) and text:
                holder[name] = scan.grow((index, part, name, call.get("index", 0)), "tool_call", encoding, text)

    def _flush(self, scan: Scan, index: Any) -> list[Said]:
        return [
            ("", self._chunk(channel[0], _delta_of(channel, text)))
            for channel in scan.channels
            if index is None or channel[0] == index
            if (text := scan.finish(channel))
        ]

    def _chunk(self, index: Any, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        choice = {"index": index, "delta": delta, "finish_reason": finish_reason}
        return {"object": "chat.completion.chunk", **self._frame, "choices": [choice]}


_CALLS: tuple[tuple[str, str, Encoding], ...] = (("function", "arguments", "json"), ("custom", "input", "text"))


def _delta_of(channel: Channel, text: str) -> dict[str, Any]:
    if len(channel) == 2:
        return {channel[1]: text}
    _, part, name, number = channel
    if part == "reasoning_details":
        return {part: [{"type": f"reasoning.{name}", "index": number, name: text}]}
    return {"tool_calls": [{"index": number, part: {name: text}}]}
