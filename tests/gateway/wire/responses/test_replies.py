"""Responses of providers as neutral parts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from gateway.wire.base import SseEvent
from gateway.wire.responses.replies import ResponseReader, read_response
from schemas.errors import (
    ContextLengthError,
    ModelError,
    ModelOutputError,
    ModelUnavailableError,
    RateLimitError,
)
from schemas.model import ModelChunk, ModelResponse

MESSAGE: dict[str, Any] = {"type": "message", "content": [{"type": "output_text", "text": "hi"}]}
CALL: dict[str, Any] = {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"x":1}'}


def read(**body: Any) -> ModelResponse:
    """What a whole body says."""
    told = {"id": "resp_1", "model": "m-1", "status": "completed", "output": [MESSAGE]} | body
    return read_response(json.dumps(told).encode(), provider="p", model="m")


def taken(*events: dict[str, Any]) -> tuple[list[ModelChunk], ModelResponse]:
    """What a stream of events adds, and is in the end."""
    reader = ResponseReader("p", "m")
    chunks = [chunk for event in events for chunk in reader.feed(sse(event))]
    return chunks, reader.response()


def sse(event: dict[str, Any]) -> SseEvent:
    """An event as it comes."""
    return SseEvent(json.dumps(event).encode(), event.get("type", ""))


def completed(*output: dict[str, Any]) -> dict[str, Any]:
    """The last event."""
    response = {"id": "resp_1", "model": "m-1", "status": "completed", "output": list(output)}
    return {"type": "response.completed", "response": response}


def kinds(chunks: Iterable[ModelChunk]) -> list[str]:
    """What chunks are."""
    return [chunk.kind for chunk in chunks]


@pytest.mark.parametrize(
    ("body", "stop"),
    [
        ({}, "end"),
        ({"output": [CALL]}, "tool_calls"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, "refusal"),
        ({"output": [{"type": "message", "content": [{"type": "refusal", "refusal": "no"}]}]}, "refusal"),
        ({"status": "incomplete"}, "other"),
    ],
)
def test_why_it_stopped(body: dict[str, Any], stop: str) -> None:
    """Status and details become the neutral reason."""
    assert read(**body).stop_reason == stop


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b'{"status": "failed", "error": {"code": "rate_limit_exceeded", "message": "slow"}}', RateLimitError),
        (b'{"status": "failed", "error": {"code": "server_error", "message": "oops"}}', ModelUnavailableError),
        (b'{"error": {"code": "context_length_exceeded", "message": "too long"}}', ContextLengthError),
        (b'{"status": "failed"}', ModelError),
        (b'{"status": "queued", "output": []}', ModelOutputError),
        (b"{}", ModelOutputError),
        (b'{"output": [{"type": 3}]}', ModelOutputError),
        (b"<html>", ModelOutputError),
    ],
)
def test_what_is_no_answer_is_a_typed_error(content: bytes, error: type[ModelError]) -> None:
    """B72: failures told with status 200, answers that are not over, and bodies of another shape."""
    with pytest.raises(error, match="p/m"):
        read_response(content, provider="p", model="m")


def test_thinking_is_joined_and_kept_only_when_encrypted() -> None:
    """Summaries are one text; what can't go back is not kept for that."""
    texts = [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}]
    plain, sealed = read(
        output=[{"type": "reasoning", "id": "rs_1", "summary": texts}, {"type": "reasoning", "encrypted_content": "gA"}]
    ).parts
    assert plain.kind == "reasoning"
    assert (plain.text, plain.data) == ("a\n\nb", None)
    assert sealed.kind == "reasoning"
    assert '"gA"' in (sealed.data or "")


def test_an_answer_without_deltas_comes_with_its_items() -> None:
    """Servers that send only whole items lose nothing in the stream."""
    added = {"type": "response.output_item.added", "output_index": 1, "item": CALL | {"arguments": ""}}
    events = [
        {"type": "response.output_item.done", "output_index": at, "item": item}
        for at, item in enumerate((MESSAGE, CALL))
    ]
    chunks, whole = taken(added, *events, completed())
    assert kinds(chunks) == ["tool_call", "text", "tool_call"]
    assert [part.kind for part in whole.parts] == ["text", "tool_call"]


def test_what_was_streamed_does_not_come_twice() -> None:
    """A whole item after its deltas adds nothing."""
    delta = {"type": "response.output_text.delta", "output_index": 0, "delta": "hi"}
    item = {"type": "response.output_item.done", "output_index": 0, "item": MESSAGE}
    chunks, whole = taken(delta, item, completed(MESSAGE))
    assert kinds(chunks) == ["text"]
    assert whole.text == "hi"


def test_events_of_other_types_add_nothing() -> None:
    """What OpenAI adds to the format tomorrow breaks nothing; nor does a chat server's last line."""
    chunks, _ = taken({"type": "response.tomorrow", "delta": {"a": 1}}, completed(MESSAGE))
    assert chunks == []
    assert list(ResponseReader("p", "m").feed(SseEvent(b"[DONE]"))) == []


@pytest.mark.parametrize(
    ("event", "error"),
    [
        ({"type": "error", "code": "rate_limit_exceeded", "message": "slow", "param": None}, RateLimitError),
        ({"type": "error", "error": {"type": "server_error", "message": "oops"}}, ModelUnavailableError),
        ({"error": {"message": "overloaded", "code": 503}}, ModelError),
        ({"type": 3}, ModelOutputError),
    ],
)
def test_an_error_inside_a_stream_is_typed(event: dict[str, Any], error: type[ModelError]) -> None:
    """B72: flat as documented, nested as sent, or of another server's making."""
    with pytest.raises(error, match="p/m"):
        list(ResponseReader("p", "m").feed(sse(event)))


def test_a_failed_response_is_an_error_at_its_end() -> None:
    """``response.failed`` is no answer."""
    failed = {"status": "failed", "error": {"code": "server_error", "message": "oops"}}
    with pytest.raises(ModelUnavailableError, match="oops"):
        taken({"type": "response.failed", "response": failed})


@pytest.mark.parametrize(
    ("events", "error"),
    [([], ModelOutputError), ([{"type": "response.created", "response": {}}], ModelUnavailableError)],
)
def test_a_stream_that_just_stops_is_an_error(events: list[dict[str, Any]], error: type[ModelError]) -> None:
    """Without its last event an answer broke off, whatever came."""
    with pytest.raises(error):
        taken(*events)
