"""Replies of chat completions as neutral parts, whole or put together from a stream.

Source: OpenAI's API reference; recorded replies of ten compatible servers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

from gateway.providers.base import broken_off, tool_call
from gateway.wire.base import SseEvent
from gateway.wire.chat.shapes import Call, Completion, Function, WireMessage, WireUsage
from gateway.wire.reading import parsed, told
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

_STOP_REASONS: Mapping[str, StopReason] = {
    "stop": "end",
    "eos": "end",
    "": "end",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "refusal",
}


def read_completion(content: bytes, *, provider: str, model: str) -> ModelResponse:
    """Return the reply in a body.

    Raises:
        ModelError: An error inside it.
        ModelOutputError: The body is no completion, or holds no answer.
    """
    where = f"{provider}/{model}"
    completion = parsed(Completion, content, where)
    if completion.error and not completion.choices:
        raise told(where, {"error": completion.error})
    if not completion.choices:
        raise broken_off(where, began=False)
    builder = CompletionBuilder(provider, model)
    for _ in builder.take(completion):
        pass
    return builder.so_far()


class _GrowingCall:
    """A tool call whose argument text is still coming."""

    def __init__(self, call_id: str, name: str) -> None:
        self.call_id = call_id
        self.name = name
        self.arguments: list[str] = []


class CompletionBuilder:
    """Puts the first answer of one completion together.

    Args:
        provider: The configured name.
        model: The model asked.
    """

    def __init__(self, provider: str, model: str) -> None:
        self._provider = provider
        self._model = model
        self._named = ""
        self._id = ""
        self._text: list[str] = []
        self._thinking: list[dict[str, Any]] = []
        self._calls: list[_GrowingCall] = []
        self._at: dict[int | None, int] = {}
        self._usage: WireUsage | None = None
        self._closed = False
        self._finish: str | None = None
        self._refused = False
        self._began = False
        self._done = False

    def feed(self, event: SseEvent) -> Iterator[ModelChunk]:
        """Take one event in and yield what it adds; nothing after ``[DONE]`` counts.

        Raises:
            ModelError: An error inside the stream.
            ModelOutputError: The event has not the shape of the format.
        """
        data = event.data.strip()
        if not data or self._done:
            return
        if data == b"[DONE]":
            self._done = True
            return
        chunk = parsed(Completion, data, f"{self._provider}/{self._model}")
        if chunk.error:
            raise told(f"{self._provider}/{self._model}", {"error": chunk.error})
        yield from self.take(chunk)

    def take(self, chunk: Completion) -> Iterator[ModelChunk]:
        """Take one chunk, or a whole reply, in and yield what it adds. Raises ModelError: as ``feed``."""
        self._named = self._named or chunk.model
        self._id = self._id or chunk.id
        if chunk.usage is not None:
            self._usage, self._closed = chunk.usage, not chunk.choices  # some servers count in every chunk
        for choice in chunk.choices:
            if choice.index != 0:
                continue
            if choice.error:
                raise told(f"{self._provider}/{self._model}", {"error": choice.error})
            self._began = True
            if choice.finish_reason is not None:
                self._finish = choice.finish_reason or self._finish or ""
            if choice.delta is not None:
                yield from self._take(choice.delta)

    def response(self) -> ModelResponse:
        """Return the whole reply. A stream counts as whole once it gave a reason to stop, or the usage.

        Raises:
            ModelUnavailableError: The stream broke off before its end.
            ModelOutputError: Nothing of the format came at all.
        """
        if not self._began or not (self._closed or self._done or self._finish is not None):
            raise broken_off(f"{self._provider}/{self._model}", began=self._began)
        return self.so_far()

    def so_far(self) -> ModelResponse:
        """Return what has come as a reply."""
        stop: StopReason = "other" if self._finish is None else _STOP_REASONS.get(self._finish, "other")
        return ModelResponse(
            model=self._named,
            provider=self._provider,
            parts=tuple(self._parts()),
            stop_reason="refusal" if self._refused else stop,
            usage=(self._usage or WireUsage()).neutral(),
            response_id=self._id,
        )

    def _take(self, delta: WireMessage) -> Iterator[ModelChunk]:
        for thought in delta.thinking():
            text = self._think(thought)
            if text:
                yield ReasoningDelta(text=text)
        self._refused = self._refused or bool(delta.refusal)
        if delta.text:
            self._text.append(delta.text)
            yield TextDelta(text=delta.text)
        for call in delta.calls():
            yield self._call(call)

    def _think(self, thought: Mapping[str, Any]) -> str:
        """Add thinking to the part it goes on with, or begin another; return its text."""
        key = next((key for key in ("text", "summary") if isinstance(thought.get(key), str)), "text")
        last = self._thinking[-1] if self._thinking else {}
        same = all(last.get(name) == thought.get(name) for name in ("field", "type", "index"))
        if not last or not same or "data" in thought:
            self._thinking.append(dict(thought))
        else:
            grown = (last.get(key) or "") + (thought.get(key) or "")
            last.update({name: value for name, value in thought.items() if value is not None})
            last[key] = grown
        return thought.get(key) or ""

    def _call(self, call: Call) -> ToolCallDelta:
        """Add to the call a delta belongs to, or begin another.

        A new id begins a new call even under a known index: some servers number all of them 0.
        """
        function = call.function or Function()
        at = self._at.get(call.index, len(self._calls) - 1 if call.index is None else None)
        begins = at is None or at < 0 or (call.id not in ("", self._calls[at].call_id) and function.name != "")
        if begins:
            at = len(self._calls)
            self._calls.append(_GrowingCall(call.id or f"call_{at}", function.name))
            self._at[call.index] = at
        index = cast("int", at)
        growing = self._calls[index]
        growing.arguments.append(function.arguments)
        if begins:
            return ToolCallDelta(index=index, call_id=growing.call_id, name=growing.name, arguments=function.arguments)
        growing.name = growing.name or function.name
        return ToolCallDelta(index=index, arguments=function.arguments)

    def _parts(self) -> Iterator[Part]:
        for thought in self._thinking:
            yield _reasoning_part(thought)
        text = "".join(self._text)
        if text:
            yield TextPart(text=text)
        for call in self._calls:
            yield tool_call(call.call_id, call.name, "".join(call.arguments))


def _reasoning_part(thought: Mapping[str, Any]) -> ReasoningPart:
    """Keep in ``data`` what ``chat.requests`` needs to send the thinking back."""
    text = thought.get("text") or thought.get("summary") or ""
    kept = {"field": thought["field"]} if "field" in thought else thought
    return ReasoningPart(text=text, data=json.dumps(kept))
