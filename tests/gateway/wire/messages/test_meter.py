"""Messages that pass through."""

from __future__ import annotations

import json
from typing import Any

from gateway.wire.base import SseEvent
from gateway.wire.messages.meter import MessagesMeter


def shown(*events: dict[str, Any]) -> MessagesMeter:
    """A meter that saw those events."""
    meter = MessagesMeter()
    for event in events:
        meter.event(SseEvent(json.dumps(event).encode(), event["type"]))
    return meter


HEAD = {"id": "msg", "model": "c", "content": [], "usage": {"input_tokens": 3, "cache_read_input_tokens": 4}}


def test_later_counts_replace_earlier_ones_where_they_are_given() -> None:
    """The head counts what was read, the end what was written; all input is counted, its cached part told apart."""
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}}
    meter = shown({"type": "message_start", "message": HEAD}, {"type": "ping"}, end, {"type": "message_stop"})
    assert meter.usage is not None
    assert (meter.usage.input_tokens, meter.usage.cached_tokens, meter.usage.output_tokens) == (7, 4, 9)
    assert (meter.stop_reason, meter.complete, meter.response_id) == ("end_turn", True, "msg")


def test_a_head_and_a_ping_are_no_content() -> None:
    """The clock of the first token goes on until text, thinking or a call comes."""
    assert not shown({"type": "message_start", "message": HEAD}, {"type": "ping"}).began
    delta = {"type": "thinking_delta", "thinking": "hm"}
    assert shown({"type": "content_block_delta", "index": 0, "delta": delta}).began


def test_only_its_own_last_event_ends_it() -> None:
    """A mark of another format does not make half a message whole."""
    meter = shown({"type": "message_start", "message": HEAD})
    meter.event(SseEvent(b"[DONE]"))
    assert not meter.complete
