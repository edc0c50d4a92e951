"""A run's events as bytes: server-sent events, or JSON lines; each can be resumed after any of its bytes.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html (``id`` comes back as Last-Event-ID; an event
counts once its empty line is there; 204 tells a browser to stop; a line that begins with a colon is a comment).
"""

from __future__ import annotations

import json
from typing import Any, Literal

from engine.streams import Cursor
from schemas.errors import EngineError
from schemas.events import LoggedRecord
from schemas.live import LiveEvent

Form = Literal["sse", "lines"]
CONTENT_TYPES: dict[Form, str] = {"sse": "text/event-stream", "lines": "application/jsonl"}
KEEP_ALIVE: dict[Form, bytes] = {"sse": b": still here\n\n", "lines": b"\n"}


def frame(item: LoggedRecord | LiveEvent, cursor: Cursor, form: Form) -> bytes:
    """Return one item; ``cursor`` has counted it already."""
    text = _told(item) if isinstance(item, LoggedRecord) else dumps(item.model_dump(mode="json"))
    return b"id: %b\ndata: %b\n\n" % (str(cursor).encode(), text) if form == "sse" else text + b"\n"


_latest: dict[int, tuple[LoggedRecord, bytes]] = {}
"""Records as they were written last, by identity: many watch the same run at the same time."""
_MOST_LATEST, _MOST_KEPT = 64, 65_536


def _told(record: LoggedRecord) -> bytes:
    known = _latest.get(id(record))
    if known is not None and known[0] is record:
        return known[1]
    if len(_latest) >= _MOST_LATEST:
        _latest.clear()
    text = dumps(record.to_json())
    if len(text) <= _MOST_KEPT:
        _latest[id(record)] = (record, text)
    return text


def failure_frame(exc: EngineError, form: Form) -> bytes:
    """Return why a stream ends before its run has; it has no id, so that a client goes on where it was."""
    text = dumps({"kind": "error", "error": error_body(exc)})
    return b"event: failure\ndata: %b\n\n" % text if form == "sse" else text + b"\n"


def error_body(exc: EngineError) -> dict[str, Any]:
    """Return an error as clients get it."""
    body: dict[str, Any] = {"code": exc.code, "message": exc.message, "hint": exc.hint}
    return {**body, "details": exc.details} if exc.details else body


def farewell(form: Form, retry_ms: int) -> bytes:
    """Return what is said when the server leaves before the run has ended: come back then."""
    return b": the server leaves\nretry: %d\n\n" % retry_ms if form == "sse" else b""


def dumps(value: Any) -> bytes:
    """Return JSON on one line; what is no Unicode text (half a surrogate pair) is written as an escape."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def form_of(accept: str) -> Form:
    """Return the form a client asks for; server-sent events unless it names lines of JSON."""
    named = accept.lower()
    return "lines" if any(name in named for name in ("jsonl", "x-ndjson", "json-seq")) else "sse"
