"""Replies of the Messages API."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.wire.base import SseEvent
from gateway.wire.messages.replies import MessageBuilder, read_message
from schemas.errors import ModelOutputError, ModelUnavailableError
from schemas.model import ModelResponse, ReasoningPart, TextPart

USAGE = {"input_tokens": 3, "output_tokens": 9, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 100}


def event(body: dict[str, Any]) -> SseEvent:
    """An event of a stream."""
    return SseEvent(json.dumps(body).encode())


def read(*content: Any, stop_reason: str = "end_turn", **usage: Any) -> ModelResponse:
    """A whole reply of those blocks."""
    body = {"id": "msg", "model": "claude-x", "content": content, "stop_reason": stop_reason, "usage": USAGE | usage}
    return read_message(json.dumps(body).encode(), provider="p", model="m")


def built(*events: dict[str, Any]) -> ModelResponse:
    """The reply of a stream with those events between its start and its end."""
    builder = MessageBuilder("p", "m")
    head = {"id": "msg", "model": "claude-x", "content": [], "usage": USAGE | {"output_tokens": 1}}
    for body in ({"type": "message_start", "message": head}, *events, {"type": "message_stop"}):
        list(builder.feed(event(body)))
    return builder.response()


def test_all_input_is_counted_and_its_cached_parts_told_apart() -> None:
    """Total input is what was sent, written to the cache and read from it; thinking is part of the output."""
    usage = read(output_tokens_details={"thinking_tokens": 4}).usage
    assert (usage.input_tokens, usage.cached_tokens, usage.cache_write_tokens) == (123, 100, 20)
    assert (usage.output_tokens, usage.reasoning_tokens, usage.calls, usage.cost_usd) == (9, 4, 1, None)


def test_later_counts_of_a_stream_replace_earlier_ones() -> None:
    """Counts are cumulative; those a later event leaves out keep their value."""
    usage = built({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 50}}).usage
    assert (usage.input_tokens, usage.cached_tokens, usage.output_tokens) == (123, 100, 50)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("end_turn", "end"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("stop_sequence", "stop_sequence"),
        ("tool_use", "tool_calls"),
        ("refusal", "refusal"),
        ("pause_turn", "other"),
        ("something_new", "other"),
    ],
)
def test_stop_reasons_map(said: str, expected: str) -> None:
    """Every stop reason has a neutral one; an unknown one is other."""
    assert read(stop_reason=said).stop_reason == expected
    assert built({"type": "message_delta", "delta": {"stop_reason": said}}).stop_reason == expected


def test_thinking_is_kept_with_its_signature() -> None:
    """Signed and redacted thinking can go back unchanged, from a whole reply or a stream."""
    signed, redacted = ReasoningPart(text="ab", signature="xy"), ReasoningPart(text="", data="zz")
    whole = read({"type": "thinking", "thinking": "ab", "signature": "xy"}, {"type": "redacted_thinking", "data": "zz"})
    start = {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}}
    deltas = [
        {"type": "thinking_delta", "thinking": "a"},
        {"type": "thinking_delta", "thinking": "b"},
        {"type": "signature_delta", "signature": "x"},
        {"type": "signature_delta", "signature": "y"},
    ]
    grown = [{"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas]
    hidden = {"type": "redacted_thinking", "data": "zz"}
    streamed = built(start, *grown, {"type": "content_block_start", "index": 1, "content_block": hidden})
    assert whole.parts == streamed.parts == (signed, redacted)


def test_blocks_and_events_of_unknown_types_are_passed_over() -> None:
    """New kinds of blocks and events don't break reading."""
    assert read(
        {"type": "server_tool_use", "id": "s", "name": "web", "input": {}}, {"type": "text", "text": "x"}
    ).parts == (TextPart(text="x"),)
    stray = {"type": "content_block_delta", "index": 7, "delta": {"type": "text_delta", "text": "lost"}}
    assert built({"type": "brand_new", "index": 3}, {"type": "ping"}, stray).parts == ()


def test_input_sent_with_the_start_of_a_call_counts() -> None:
    """A server that sends a call's input whole at its start is understood."""
    block = {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}
    assert built({"type": "content_block_start", "index": 0, "content_block": block}).tool_calls[0].arguments == {
        "a": 1
    }


def test_a_call_cut_off_by_the_token_limit_is_marked() -> None:
    """Half an argument object is handed on as written, marked invalid."""
    block = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    delta = {"type": "input_json_delta", "partial_json": '{"a": "b'}
    start = {"type": "content_block_start", "index": 0, "content_block": block}
    call = built(start, {"type": "content_block_delta", "index": 0, "delta": delta}).tool_calls[0]
    assert (call.valid, call.raw) == (False, '{"a": "b')


def test_a_stream_without_its_end_is_not_whole() -> None:
    """Nothing at all is unreadable; a beginning without an end was broken off."""
    builder = MessageBuilder("p", "m")
    with pytest.raises(ModelOutputError, match="sent no reply"):
        builder.response()
    list(builder.feed(event({"type": "message_start", "message": {"content": []}})))
    with pytest.raises(ModelUnavailableError, match="p/m broke off"):
        builder.response()


def test_a_body_of_another_shape_is_refused() -> None:
    """What is no message is an output error that names the place."""
    with pytest.raises(ModelOutputError, match="at content"):
        read_message(b'{"content": "text"}', provider="p", model="m")
