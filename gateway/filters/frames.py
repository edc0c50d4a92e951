"""Events as bytes: what is written in place of an event that a filter changed."""

from __future__ import annotations

import json
from typing import Any, cast

from gateway.filters.formats.base import Said
from gateway.wire.base import SseEvent

_DONE = b"[DONE]"


def encoded(value: Any) -> bytes:
    """Return JSON as bytes; half of a surrogate pair stays an escape."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def decoded(data: bytes) -> dict[str, Any] | None:
    """Return the object in an event's data; None where there is none (a comment, ``[DONE]``, no JSON)."""
    if not data.startswith((b"{", b" ", b"\t", b"\n", b"\xef")):
        return None
    try:
        value: Any = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def event_of(name: str, data: bytes) -> SseEvent:
    """Return an event with its bytes."""
    head = f"event: {name}\n".encode() if name else b""
    lines = b"".join(b"data: " + line + b"\n" for line in data.split(b"\n"))
    return SseEvent(data, name, head + lines + b"\n")


def said(event: Said) -> SseEvent:
    """Return an event of a format's own."""
    name, value = event
    return event_of(name, _DONE if value is None else encoded(value))
