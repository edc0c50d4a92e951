"""A reply of an assistant as a chat completion: chunk by chunk, or whole.

Beside what OpenAI's clients know stand ``reasoning_content`` (as DeepSeek and its clients have it), ``usage.cost`` in
USD (as OpenRouter's), and one top-level key, ``engine``, for programs. Never a named event: clients take any event for
a chunk.

Source: OpenAI's API reference, "Streaming events of chat completions" and "The chat completion object".
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

from engine.serve.chat.turn import Delta, Finish
from gateway.wire.chat.answers import usage as usage_of
from schemas.result import Usage

KEEP_ALIVE = b": still here\n\n"
DONE = b"data: [DONE]\n\n"
_NO_CHOICE = '"logprobs": null, "finish_reason": null}'
Wire = dict[str, Any]


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
            fields.append(f'"content": {json.dumps(delta.content)}')
        return self._delta(", ".join(fields), delta.about)

    def calls(self, calls: Sequence[Wire]) -> bytes:
        """Return the chunks of calls that the client is to make."""
        numbered = [{"index": number, **call} for number, call in enumerate(calls)]
        return self._delta(f'"tool_calls": {json.dumps(numbered)}', None) if numbered else b""

    def end(self, finish: Finish, usage: Usage, about: Wire) -> bytes:
        """Return the last chunks: why the reply ends, what it used where the client asks for that, and the end."""
        told = {**about, "cost_usd": usage.cost_usd}
        choice = f'{{"index": 0, "delta": {{}}, "logprobs": null, "finish_reason": "{finish}"}}'
        last = self._chunk(choice, told)
        if self._counts:
            counts = f', "usage": {json.dumps(counted(usage))}, "engine": {json.dumps(told)}'
            last += f'data: {self._head}, "choices": []{counts}}}\n\n'.encode()
        return last + DONE

    def _delta(self, inner: str, about: Wire | None) -> bytes:
        return self._chunk(f'{{"index": 0, "delta": {{{inner}}}, {_NO_CHOICE}', about)

    def _chunk(self, choice: str, about: Wire | None) -> bytes:
        engine = f', "engine": {json.dumps(about)}' if about is not None else ""
        return f'data: {self._head}, "choices": [{choice}]{self._null_usage}{engine}}}\n\n'.encode()


def completion(
    model: str,
    run_id: str,
    *,
    content: str,
    reasoning: str,
    calls: Sequence[Wire],
    finish: Finish,
    usage: Usage,
    about: Wire,
) -> Wire:
    """Return a whole reply."""
    message: Wire = {"role": "assistant", "content": content or (None if calls else ""), "refusal": None}
    if reasoning:
        message["reasoning_content"] = reasoning
    if calls:
        message["tool_calls"] = list(calls)
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
    return {
        "id": reply_id(run_id),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [choice],
        "usage": counted(usage),
        "engine": {**about, "cost_usd": usage.cost_usd},
    }


def reply_id(run_id: str) -> str:
    """Return the id of a reply: that of its run, as chat completions write ids."""
    return f"chatcmpl-{run_id or 'none'}"


def counted(usage: Usage) -> Wire:
    """Return usage as clients read it, with its cost in USD where all of it is known."""
    told = usage_of(usage)
    return told if usage.cost_usd is None else {**told, "cost": usage.cost_usd}
