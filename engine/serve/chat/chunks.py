"""A reply of an assistant in its client's format: chunk by chunk, or whole.

As a chat completion, which tells the most; the other formats get the same words through the gateway's own writers.

Beside what OpenAI's clients know stand ``reasoning_content`` (as DeepSeek and its clients have it), ``usage.cost`` in
USD (as OpenRouter's), and one top-level key, ``engine``, for programs. Never a named event: clients take any event for
a chunk.

Source: OpenAI's API reference, "Streaming events of chat completions" and "The chat completion object".
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from engine.serve.chat.turn import Delta, Finish
from gateway.exchange import ClientCall
from gateway.wire import CLIENT_FORMATS
from gateway.wire.base import ClientFormat
from gateway.wire.chat.answers import usage as usage_of
from schemas.model import (
    Done,
    ModelResponse,
    Part,
    ReasoningDelta,
    ReasoningPart,
    StopReason,
    TextDelta,
    TextPart,
    ToolCallDelta,
    ToolCallPart,
)
from schemas.result import Usage

KEEP_ALIVE = b": still here\n\n"
DONE = b"data: [DONE]\n\n"
_NO_CHOICE = '"logprobs": null, "finish_reason": null}'
Wire = dict[str, Any]
_STOPS: Mapping[Finish, StopReason] = {"stop": "end", "length": "length", "tool_calls": "tool_calls"}


@dataclass(frozen=True, slots=True)
class Said:
    """A whole reply.

    Attributes:
        content, reasoning: The answer, and what was told on the way.
        calls: Of the client's own tools, as chat completions write them.
        about: What programs are told of its run.
        refused: The client wished an answer of a form, and this is none: it must not be read as one.
    """

    content: str
    reasoning: str
    calls: Sequence[Wire]
    finish: Finish
    usage: Usage
    about: Wire
    refused: bool = False


class Writer(Protocol):
    """Writes one reply in a client's format."""

    def begin(self) -> bytes:
        """Return what is sent before anything is known of the reply."""
        ...

    def delta(self, delta: Delta) -> bytes:
        """Return what a piece of the reply becomes, maybe nothing."""
        ...

    def end(self, said: Said) -> bytes:
        """Return the end of a streamed reply: the calls that the client is to make, why it ends, what it used."""
        ...

    def whole(self, said: Said) -> Wire:
        """Return a reply that is not streamed."""
        ...


def writer_for(call: ClientCall, name: str, run_id: str) -> Writer:
    """Return what writes the reply to a call.

    Args:
        call: The request.
        name: The assistant.
        run_id: Its run; empty for none.
    """
    if call.format == "chat":
        return Chunks(call.parsed, name, run_id)
    return _Others(CLIENT_FORMATS[call.format], call.parsed, name, run_id)


class Chunks:
    """Writes one streamed reply.

    Args:
        asked: The client's body.
        model: What the reply says it is of.
        run_id: The run; empty for none.
    """

    def __init__(self, asked: Mapping[str, Any], model: str, run_id: str) -> None:
        head = {"id": reply_id(run_id), "object": "chat.completion.chunk", "created": int(time.time()), "model": model}
        self._head = json.dumps(head)[:-1]
        self._model = model
        self._run_id = run_id
        options: Any = asked.get("stream_options")
        self._counts = isinstance(options, dict) and cast("Wire", options).get("include_usage") is True
        self._null_usage = ', "usage": null' if self._counts else ""

    def begin(self) -> bytes:
        """Return the first chunk: an assistant speaks."""
        about = {"run_id": self._run_id} if self._run_id else None
        return self._delta('"role": "assistant", "content": ""', about)

    def delta(self, delta: Delta) -> bytes:
        """Return the chunk that a piece of the reply becomes."""
        fields: list[str] = []
        if delta.reasoning:
            fields.append(f'"reasoning_content": {json.dumps(delta.reasoning)}')
        if delta.content:
            fields.append(f'"{"refusal" if delta.refused else "content"}": {json.dumps(delta.content)}')
        return self._delta(", ".join(fields), delta.about)

    def end(self, said: Said) -> bytes:
        """Return the last chunks; the usage only where the client asks for it."""
        told = {**said.about, "cost_usd": said.usage.cost_usd}
        numbered = [{"index": number, **call} for number, call in enumerate(said.calls)]
        last = self._delta(f'"tool_calls": {json.dumps(numbered)}', None) if numbered else b""
        choice = f'{{"index": 0, "delta": {{}}, "logprobs": null, "finish_reason": "{said.finish}"}}'
        last += self._chunk(choice, told)
        if self._counts:
            counts = f', "usage": {json.dumps(counted(said.usage))}, "engine": {json.dumps(told)}'
            last += f'data: {self._head}, "choices": []{counts}}}\n\n'.encode()
        return last + DONE

    def whole(self, said: Said) -> Wire:
        """Return a chat completion."""
        message: Wire = {"role": "assistant", "content": said.content or (None if said.calls else ""), "refusal": None}
        if said.refused and said.content:
            message |= {"content": None, "refusal": said.content}
        if said.reasoning:
            message["reasoning_content"] = said.reasoning
        if said.calls:
            message["tool_calls"] = list(said.calls)
        return {
            "id": reply_id(self._run_id),
            "object": "chat.completion",
            "created": int(time.time()),
            "model": self._model,
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": said.finish}],
            "usage": counted(said.usage),
            "engine": {**said.about, "cost_usd": said.usage.cost_usd},
        }

    def _delta(self, inner: str, about: Wire | None) -> bytes:
        return self._chunk(f'{{"index": 0, "delta": {{{inner}}}, {_NO_CHOICE}', about)

    def _chunk(self, choice: str, about: Wire | None) -> bytes:
        engine = f', "engine": {json.dumps(about)}' if about is not None else ""
        return f'data: {self._head}, "choices": [{choice}]{self._null_usage}{engine}}}\n\n'.encode()


class _Others:
    """Writes a reply in a format that has no room for more than a model says.

    Args:
        form: The format.
        asked: The client's body.
        model: What the reply says it is of.
        run_id: The run; empty for none.
    """

    def __init__(self, form: ClientFormat, asked: Mapping[str, Any], model: str, run_id: str) -> None:
        self._form = form
        self._asked = asked
        self._model = model
        self._run_id = run_id
        self._stream = form.stream(asked)

    def begin(self) -> bytes:
        """Return nothing: the format's own first event comes with the first words."""
        return KEEP_ALIVE

    def delta(self, delta: Delta) -> bytes:
        """Return the words."""
        told = self._stream.feed(ReasoningDelta(text=delta.reasoning)) if delta.reasoning else b""
        return told + (
            self._stream.feed(TextDelta(text=delta.content, refusal=delta.refused)) if delta.content else b""
        )

    def end(self, said: Said) -> bytes:
        """Return the calls and the end."""
        calls = b""
        for number, part in enumerate(_call_parts(said.calls)):
            chunk = ToolCallDelta(index=number, call_id=part.call_id, name=part.name, arguments=part.raw)
            calls += self._stream.feed(chunk)
        return calls + self._stream.feed(Done(response=self._response(said)))

    def whole(self, said: Said) -> Wire:
        """Return the reply."""
        return self._form.reply(self._response(said), self._asked)

    def _response(self, said: Said) -> ModelResponse:
        parts: list[Part] = []
        if said.reasoning:
            parts.append(ReasoningPart(text=said.reasoning))
        if said.content:
            parts.append(TextPart(text=said.content, refusal=said.refused))
        return ModelResponse(
            model=self._model,
            parts=(*parts, *_call_parts(said.calls)),
            stop_reason=_STOPS[said.finish],
            usage=said.usage,
            response_id=reply_id(self._run_id),
        )


def _call_parts(calls: Sequence[Wire]) -> list[ToolCallPart]:
    return [
        ToolCallPart(
            call_id=call["id"],
            name=call["function"]["name"],
            arguments=json.loads(call["function"]["arguments"]),
            raw=call["function"]["arguments"],
        )
        for call in calls
    ]


def reply_id(run_id: str) -> str:
    """Return the id of a reply: that of its run, as chat completions write ids."""
    return f"chatcmpl-{run_id or 'none'}"


def counted(usage: Usage) -> Wire:
    """Return usage as clients read it, with its cost in USD where all of it is known."""
    told = usage_of(usage)
    return told if usage.cost_usd is None else {**told, "cost": usage.cost_usd}
