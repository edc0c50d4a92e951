"""A streamed answer as chunks of a chat completion.

Source: OpenAI's API reference, "Streaming events of chat completions".
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, cast

from gateway.wire.chat.answers import (
    citations,
    detail,
    error_body,
    finish_reason,
    legacy_functions,
    new_id,
    service_tier,
    usage,
)
from schemas.errors import EngineError
from schemas.model import Done, ModelChunk, ReasoningDelta, ReasoningPart, Restart, ToolCallDelta

_DONE = b"data: [DONE]\n\n"


class ChunkWriter:
    """Writes one streamed answer.

    Args:
        asked: The client's body.
    """

    def __init__(self, asked: Mapping[str, Any]) -> None:
        self._model = asked.get("model") or ""
        self._head = self._new_head()
        options: Any = asked.get("stream_options")
        self._counts = isinstance(options, dict) and cast("Mapping[str, Any]", options).get("include_usage") is True
        self._legacy = legacy_functions(asked)
        self._null_usage = ', "usage": null' if self._counts else ""
        self._begun = False
        self._thinking: list[str] = []
        self._thoughts = 0
        self._refused = False

    def feed(self, chunk: ModelChunk) -> bytes:
        """Return the events that a chunk becomes."""
        if self._thinking and chunk.kind != "reasoning":  # a thought that nobody signed is over
            self._thinking.clear()
            self._thoughts += 1
        match chunk.kind:
            case "text":
                self._refused = self._refused or chunk.refusal
                field = "refusal" if chunk.refusal else "content"
                return self._delta(f'"{field}": {json.dumps(chunk.text)}') if chunk.text else b""
            case "reasoning":
                return self._reasoning(chunk)
            case "tool_call":
                return self._call(chunk)
            case "restart":
                return self._anew(chunk)
            case "done":
                return self._end(chunk)

    def fail(self, error: EngineError, request_id: str) -> bytes:
        """Return the event of an error, and the end."""
        return f"data: {json.dumps(error_body(error, request_id))}\n\n".encode() + _DONE

    def _new_head(self) -> str:
        head = {"id": new_id(), "object": "chat.completion.chunk", "created": int(time.time()), "model": self._model}
        return json.dumps(head)[:-1]

    def _anew(self, chunk: Restart) -> bytes:
        """Begin another completion, which its new id and a field of ours tell: what came before is to be dropped."""
        self._head, self._begun, self._refused, self._thoughts = self._new_head(), False, False, 0
        self._thinking.clear()
        choice = '{"index": 0, "delta": {"content": ""}, "logprobs": null, "finish_reason": null}'
        return self._chunk(choice, f'{self._null_usage}, "engine_restart": {json.dumps(chunk.reason)}')

    def _delta(self, inner: str) -> bytes:
        """One chunk; the first says whose words these are."""
        role = ""
        if not self._begun:
            self._begun = True
            role = '"role": "assistant", '
        return self._chunk(f'{{"index": 0, "delta": {{{role}{inner}}}, "logprobs": null, "finish_reason": null}}')

    def _chunk(self, choice: str, more: str | None = None) -> bytes:
        more = self._null_usage if more is None else more
        return f'data: {self._head}, "choices": [{choice}]{more}}}\n\n'.encode()

    def _reasoning(self, chunk: ReasoningDelta) -> bytes:
        """Text as it comes; once a part of it is signed, also whole, as the client has to give it back."""
        told = self._delta(f'"reasoning_content": {json.dumps(chunk.text)}') if chunk.text else b""
        self._thinking.append(chunk.text)
        if chunk.signature is None and chunk.data is None:
            return told
        part = ReasoningPart(text="", signature=chunk.signature, data=chunk.data)
        whole = detail("".join(self._thinking), part, self._thoughts)
        self._thinking.clear()
        self._thoughts += 1
        return told if whole is None else told + self._delta(f'"reasoning_details": [{json.dumps(whole)}]')

    def _call(self, chunk: ToolCallDelta) -> bytes:
        arguments = json.dumps(chunk.arguments)
        if self._legacy:
            name = f'"name": {json.dumps(chunk.name)}, ' if chunk.name else ""
            return self._delta(f'"function_call": {{{name}"arguments": {arguments}}}') if chunk.index == 0 else b""
        head, name = f'"index": {chunk.index}', ""
        if chunk.name:
            head += f', "id": {json.dumps(chunk.call_id)}, "type": "function"'
            name = f'"name": {json.dumps(chunk.name)}, '
        return self._delta(f'"tool_calls": [{{{head}, "function": {{{name}"arguments": {arguments}}}}}]')

    def _end(self, chunk: Done) -> bytes:
        response = chunk.response
        events: list[bytes] = []
        cited = citations(response.parts)
        if cited:
            events.append(self._delta(f'"annotations": {json.dumps(cited)}'))
        if response.refusal and not self._refused:
            events.append(self._delta(f'"refusal": {json.dumps(response.refusal)}'))
        if not self._begun:
            events.append(self._delta('"content": ""'))
        finish = finish_reason(response, legacy=self._legacy)
        tier = service_tier(response)
        more = f', "service_tier": "{tier["service_tier"]}"' if tier else ""
        events.append(
            self._chunk(
                f'{{"index": 0, "delta": {{}}, "logprobs": null, "finish_reason": "{finish}"}}',
                self._null_usage + more,
            )
        )
        if self._counts:
            events.append(self._chunk("", f', "usage": {json.dumps(usage(response.usage))}'))
        events.append(_DONE)
        return b"".join(events)
