"""Agents as others write them: what a server that speaks chat completions answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.tools.webserver import Answer

SSE = {"content-type": "text/event-stream"}
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "cost": 0.002}


def whole(text: Any, **body: Any) -> Answer:
    """A completion in one piece."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    made = {"id": "c1", "object": "chat.completion", "choices": [choice], **body}
    return Answer(json.dumps(made).encode(), headers={"content-type": "application/json"})


def event(data: Any) -> bytes:
    """One server-sent event."""
    return b"data: " + (data if isinstance(data, bytes) else json.dumps(data).encode()) + b"\n\n"


def delta(text: str | None, finish: str | None = None) -> bytes:
    """A chunk of a stream."""
    return event({"id": "c1", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]})


def streamed(*texts: str, end: bool = True) -> Answer:
    """A completion piece by piece, with its usage at the end; or one that is cut."""

    def pieces() -> Iterator[bytes]:
        yield from (delta(text) for text in texts)
        if end:
            yield delta(None, "stop")
            yield event({"id": "c1", "choices": [], "usage": USAGE})
            yield event(b"[DONE]")

    return Answer(pieces(), headers=SSE)


def asked(body: bytes) -> str:
    """The query of a request."""
    return json.loads(body)["messages"][-1]["content"]
