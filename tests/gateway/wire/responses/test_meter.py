"""Responses that pass through."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.wire.responses.meter import ResponsesMeter
from tests.gateway.wire.test_metering import metered

RESPONSE: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "model": "gpt-x",
    "status": "completed",
    "error": None,
    "output": [{"type": "message", "content": [{"type": "output_text", "text": "hello"}]}],
    "usage": {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 7},
        "output_tokens": 9,
        "output_tokens_details": {"reasoning_tokens": 4},
    },
}


def events(*bodies: dict[str, Any]) -> bytes:
    """A stream of named events."""
    return b"".join(b"event: %b\ndata: %b\n\n" % (body["type"].encode(), json.dumps(body).encode()) for body in bodies)


@pytest.mark.parametrize("streamed", [False, True])
def test_responses_are_metered(streamed: bool) -> None:
    """Usage, model, id and text of a response, whole and streamed."""
    head = {**RESPONSE, "usage": None, "output": [], "status": "in_progress"}
    stream = events(
        {"type": "response.created", "response": head},
        {"type": "response.output_text.delta", "delta": "hel"},
        {"type": "response.output_text.delta", "delta": "lo"},
        {"type": "response.completed", "response": RESPONSE},
    )
    meter = metered(ResponsesMeter(), stream if streamed else json.dumps(RESPONSE).encode(), streamed=streamed)
    assert meter.usage is not None
    assert (meter.usage.input_tokens, meter.usage.cached_tokens, meter.usage.cache_write_tokens) == (100, 60, 7)
    assert (meter.usage.output_tokens, meter.usage.reasoning_tokens) == (9, 4)
    assert (meter.model, meter.response_id, meter.written, meter.complete) == ("gpt-x", "resp_1", 5, True)
    assert (meter.stop_reason, meter.error) == ("completed", None)


def test_a_failed_response_is_an_error_although_its_stream_ends() -> None:
    """``response.failed`` ends the stream and says why."""
    failed = {**RESPONSE, "status": "failed", "error": {"code": "server_error", "message": "oh"}}
    meter = metered(ResponsesMeter(), events({"type": "response.failed", "response": failed}), streamed=True)
    assert meter.error == {"error": {"code": "server_error", "message": "oh"}}
