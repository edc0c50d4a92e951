"""Replies of chat completions as neutral parts, whole or put together from a stream.

Source: OpenAI's API reference; recorded replies of ten compatible servers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from gateway.providers.base import broken_off, tool_call
from gateway.wire.base import SseEvent
from gateway.wire.chat.shapes import Call, Choice, Completion, Function, WireMessage, WireUsage
from gateway.wire.chat.thoughts import Thoughts
from gateway.wire.halves import Halves
from gateway.wire.reading import parsed, told
from schemas.model import (
    ModelChunk,
    ModelResponse,
    Part,
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
        self._halves = Halves()
        self._named = ""
        self._id = ""
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._cited: list[dict[str, Any]] = []
        self._thoughts = Thoughts()
        self._calls: list[_GrowingCall] = []
        self._at: dict[int | None, int] = {}
        self._usage: WireUsage | None = None
        self._closed = False
        self._finish: str | None = None
        self._tier = ""
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
        chunk = parsed(Completion, self._halves.joined(data), f"{self._provider}/{self._model}")
        if chunk.error:
            raise told(f"{self._provider}/{self._model}", {"error": chunk.error})
        yield from self.take(chunk)

    def take(self, chunk: Completion) -> Iterator[ModelChunk]:
        """Take one chunk, or a whole reply, in and yield what it adds. Raises ModelError: as ``feed``."""
        self._named = self._named or chunk.model
        self._id = self._id or chunk.id
        if chunk.usage is not None:
            self._usage, self._closed = chunk.usage, not chunk.choices  # some servers count in every chunk
        self._tier = chunk.service_tier or self._tier
        for choice in chunk.choices:
            if choice.index == 0:
                yield from self._choice(choice)

    def _choice(self, choice: Choice) -> Iterator[ModelChunk]:
        if choice.error:
            raise told(f"{self._provider}/{self._model}", {"error": choice.error})
        self._began = True
        if choice.delta is not None:
            yield from self._take(choice.delta)
        if choice.finish_reason is not None:
            self._finish = choice.finish_reason or self._finish or ""
            yield from self._thoughts.end()

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
            stop_reason="refusal" if self._refusal else stop,
            usage=(self._usage or WireUsage()).neutral(),
            response_id=self._id,
            service_tier=self._tier,
        )

    def _take(self, delta: WireMessage) -> Iterator[ModelChunk]:
        for thought in delta.thinking():
            yield from self._thoughts.add(thought)
        if delta.text or delta.annotations:
            cited = delta.cited()
            self._text.append(delta.text)
            self._cited.extend(cited)
            yield from self._thoughts.end()
            yield TextDelta(text=delta.text, annotations=cited)
        if delta.refusal:
            self._refusal.append(delta.refusal)
            yield from self._thoughts.end()
            yield TextDelta(text=delta.refusal, refusal=True)
        for call in delta.calls():
            yield from self._thoughts.end()
            yield self._call(call)

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
        yield from self._thoughts.parts()
        text = "".join(self._text)
        if text:
            yield TextPart(text=text, annotations=tuple(self._cited))
        if self._refusal:
            yield TextPart(text="".join(self._refusal), refusal=True)
        for call in self._calls:
            yield tool_call(call.call_id, call.name, "".join(call.arguments))
