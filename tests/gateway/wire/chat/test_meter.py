"""Chat completions that pass through."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.wire.base import SseEvent
from gateway.wire.chat.meter import ChatMeter


@pytest.mark.parametrize(
    ("delta", "written"),
    [
        ({"role": "assistant"}, 0),
        ({"role": "assistant", "content": ""}, 0),
        ({"content": "abc"}, 3),
        ({"reasoning_content": "ab"}, 2),
        ({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "{}"}}]}, 3),
        ({"content": None, "refusal": "no"}, 2),
    ],
)
def test_content_begins_with_the_first_text_thought_or_call(delta: dict[str, Any], written: int) -> None:
    """A role alone is no content: it does not stop the clock of the first token."""
    meter = ChatMeter()
    meter.event(SseEvent(json.dumps({"model": "m", "choices": [{"index": 0, "delta": delta}]}).encode()))
    assert (meter.began, meter.written) == (written > 0, written)


def test_half_a_surrogate_pair_is_no_error() -> None:
    """Servers that cut a character in two between chunks are passed on as they are."""
    meter = ChatMeter()
    meter.event(SseEvent(rb'{"choices": [{"index": 0, "delta": {"content": "\ud83d"}}]}'))
    assert (meter.error, meter.began) == (None, True)


def test_usage_in_every_chunk_makes_no_half_answer_whole() -> None:
    """Servers that count as they go are broken off until they stop; the last counts are kept."""
    meter = ChatMeter()
    for number in (1, 2):
        body = {"choices": [{"index": 0, "delta": {"content": "x"}}], "usage": {"completion_tokens": number}}
        meter.event(SseEvent(json.dumps(body).encode()))
    assert (meter.complete, meter.usage and meter.usage.output_tokens) == (False, 2)
    meter.event(SseEvent(b'{"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}'))
    assert meter.complete


def test_only_the_first_of_several_answers_says_why_it_stopped() -> None:
    """All answers are written and billed; the reason is that of the first."""
    meter = ChatMeter()
    choices = [{"index": at, "delta": {"content": "ab"}, "finish_reason": ("stop", "length")[at]} for at in (0, 1)]
    meter.event(SseEvent(json.dumps({"choices": choices}).encode()))
    assert (meter.stop_reason, meter.written) == ("stop", 4)
