"""Responses as neutral parts, whole or put together from a stream.

Items of OpenAI's own tools have no neutral form and are left out: a request that is translated never offers them.

Source: OpenAI's API reference, "Responses" and its streaming events; recorded replies of OpenAI, Azure and OpenRouter.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

from gateway.providers.base import broken_off, tool_call
from gateway.wire.base import SseEvent
from gateway.wire.halves import Halves
from gateway.wire.reading import parsed, told
from gateway.wire.responses.shapes import Event, Item, WireResponse, WireUsage
from gateway.wire.responses.thinking import BETWEEN, kept
from schemas.errors import ModelOutputError
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

_OVER = frozenset(("response.completed", "response.incomplete", "response.failed"))


def read_response(content: bytes, *, provider: str, model: str) -> ModelResponse:
    """Return the answer in a body.

    Raises:
        ModelError: It says an error, or that it failed.
        ModelOutputError: It is no answer, or one that is not over yet.
    """
    where = f"{provider}/{model}"
    answer = parsed(WireResponse, content, where)
    if answer.output is None and not answer.status and not answer.error:
        raise broken_off(where, began=False)
    return _response(answer, answer.output or (), provider, where)


def _response(answer: WireResponse, items: Sequence[Item], provider: str, where: str) -> ModelResponse:
    if answer.error or answer.status == "failed":
        raise told(where, {"error": answer.error or "the answer failed, and it says no reason"})
    if answer.status in ("queued", "in_progress", "cancelled"):
        raise ModelOutputError(f"{where} sent an answer that is {answer.status}", details={"model": where})
    parts = tuple(part for item in items for part in _parts(item))
    return ModelResponse(
        model=answer.model,
        provider=provider,
        parts=parts,
        stop_reason=_stop_reason(answer, parts),
        usage=(answer.usage or WireUsage()).neutral(),
        response_id=answer.id,
        service_tier=answer.service_tier,
    )


def _stop_reason(answer: WireResponse, parts: Sequence[Part]) -> StopReason:
    reason = answer.incomplete_details.reason if answer.incomplete_details else ""
    if reason == "content_filter" or any(part.kind == "text" and part.refusal for part in parts):
        return "refusal"
    if reason == "max_output_tokens":
        return "length"
    if reason or answer.status == "incomplete":
        return "other"
    return "tool_calls" if any(part.kind == "tool_call" for part in parts) else "end"


def _parts(item: Item) -> Iterator[Part]:
    read = _ITEMS.get(item.type)
    return read(item) if read is not None else iter(())


def _error(data: bytes) -> object:
    """Return what an error event says: in ``error``, or flat as it is documented."""
    try:
        said: Any = json.loads(data)
    except ValueError:
        return data.decode(errors="replace")
    if not isinstance(said, dict):
        return said
    known = cast("dict[str, Any]", said)
    return known.get("error") or {name: value for name, value in known.items() if name != "type"}


def _message(item: Item) -> Iterator[Part]:
    for piece in item.content:
        if piece.type == "refusal":
            yield TextPart(text=piece.refusal, refusal=True)
        elif piece.text or piece.annotations:
            yield TextPart(text=piece.text, annotations=tuple(piece.annotations))


def _reasoning(item: Item) -> Iterator[Part]:
    said = BETWEEN.join(piece.text for piece in (*item.summary, *item.content) if piece.text)
    data = kept(item.model_dump(include=_KEPT))
    if said or data is not None:
        yield ReasoningPart(text=said, data=data)


def _function_call(item: Item) -> Iterator[Part]:
    yield tool_call(item.call_id or item.id, item.name, item.arguments)


_KEPT = {"id", "summary", "content", "encrypted_content"}
_ITEMS: Mapping[str, Callable[[Item], Iterator[Part]]] = {
    "message": _message,
    "reasoning": _reasoning,
    "function_call": _function_call,
}


class ResponseReader:
    """Puts one streamed answer together (implements ``gateway.wire.base.StreamReader``).

    Args:
        provider: The configured name.
        model: The model asked.
    """

    def __init__(self, provider: str, model: str) -> None:
        self._halves = Halves()
        self._provider = provider
        self._where = f"{provider}/{model}"
        self._began = False
        self._over: WireResponse | None = None
        self._items: dict[int, Item] = {}
        self._calls: dict[int, int] = {}
        self._written: set[int] = set()

    def feed(self, event: SseEvent) -> Iterator[ModelChunk]:
        """Take one event in and yield what it adds; events of an unknown type add nothing.

        Raises:
            ModelError: An error inside the stream, or an event that is none of the format.
        """
        if not event.data or event.data == b"[DONE]":
            return
        if event.name == "error":
            raise told(self._where, _error(event.data))
        known = parsed(Event, self._halves.joined(event.data), self._where)
        if known.type == "error":
            raise told(self._where, _error(event.data))
        self._began = True
        if known.type in _OVER and known.response is not None:
            self._over = known.response
        else:
            yield from self._take(known)

    def response(self) -> ModelResponse:
        """Return the whole answer.

        Raises:
            ModelUnavailableError: The stream broke off before its end.
            ModelOutputError: Nothing of the format came at all.
            ModelError: The provider says that it failed.
        """
        if self._over is None:
            raise broken_off(self._where, began=self._began)
        items = self._over.output or [item for _, item in sorted(self._items.items())]
        return _response(self._over, items, self._provider, self._where)

    def _take(self, event: Event) -> Iterator[ModelChunk]:
        match event.type:
            case "response.output_text.delta" | "response.refusal.delta":
                yield from self._text(event)
            case "response.function_call_arguments.delta":
                yield from self._arguments(event)
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                yield from self._thought(event)
            case "response.output_item.added":
                yield from self._item_added(event)
            case "response.output_item.done":
                yield from self._item_done(event)
            case "response.output_text.annotation.added":
                yield from self._cited(event)
            case "response.reasoning_summary_part.added":
                yield from self._next_thought(event)
            case _:
                pass

    def _item_added(self, event: Event) -> Iterator[ModelChunk]:
        item = event.item
        if item is not None and item.type == "function_call":
            yield self._call(event.output_index, item)

    def _call(self, at: int, item: Item) -> ToolCallDelta:
        index = self._calls[at] = len(self._calls)
        if item.arguments:
            self._written.add(at)
        return ToolCallDelta(index=index, call_id=item.call_id or item.id, name=item.name, arguments=item.arguments)

    def _item_done(self, event: Event) -> Iterator[ModelChunk]:
        """What was not streamed before comes with the whole item."""
        item, at = event.item, event.output_index
        if item is None:
            return
        self._items[at] = item
        if item.type == "function_call":
            yield from self._call_done(at, item)
            return
        for part in _parts(item):
            if part.kind == "reasoning":
                said = "" if at in self._written else part.text
                if said or part.data is not None:
                    yield ReasoningDelta(text=said, data=part.data)
            elif part.kind == "text" and at not in self._written:
                yield TextDelta(text=part.text, refusal=part.refusal, annotations=part.annotations)

    def _call_done(self, at: int, item: Item) -> Iterator[ModelChunk]:
        if at not in self._calls:
            yield self._call(at, item)
        elif at not in self._written and item.arguments:
            self._written.add(at)
            yield ToolCallDelta(index=self._calls[at], arguments=item.arguments)

    def _arguments(self, event: Event) -> Iterator[ModelChunk]:
        index, said = self._calls.get(event.output_index), self._said(event)
        if index is not None and said:
            yield ToolCallDelta(index=index, arguments=said)

    def _text(self, event: Event) -> Iterator[ModelChunk]:
        said = self._said(event)
        if said:
            yield TextDelta(text=said, refusal=event.type == "response.refusal.delta")

    def _cited(self, event: Event) -> Iterator[ModelChunk]:
        if event.annotation is not None:
            yield TextDelta(text="", annotations=(event.annotation,))

    def _thought(self, event: Event) -> Iterator[ModelChunk]:
        said = self._said(event)
        if said:
            yield ReasoningDelta(text=said)

    def _next_thought(self, event: Event) -> Iterator[ModelChunk]:
        if event.summary_index and event.output_index in self._written:
            yield ReasoningDelta(text=BETWEEN)

    def _said(self, event: Event) -> str:
        """Return the text of a delta, and note that its item is streamed."""
        if not isinstance(event.delta, str) or not event.delta:
            return ""
        self._written.add(event.output_index)
        return event.delta
