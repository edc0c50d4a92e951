"""Meters of all formats: what they read off answers that pass through, and what they make of broken ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.providers import make_provider
from gateway.providers.http import HttpProvider
from gateway.sse import SseDecoder
from gateway.wire.base import Meter, ProviderFormat, SseEvent
from gateway.wire.chat.meter import ChatMeter
from gateway.wire.chat.provider import ChatProviderFormat
from gateway.wire.embeddings.meter import EmbeddingsMeter
from gateway.wire.messages.meter import MessagesMeter
from gateway.wire.messages.provider import MessagesProviderFormat
from gateway.wire.responses.meter import ResponsesMeter
from schemas.errors import ModelError
from schemas.model import ModelResponse
from schemas.settings import ModelProvider
from tests.wire.recorded import Exchange, exchanges

KEYS = st.sampled_from(
    [
        *("type", "choices", "delta", "content", "tool_calls", "function", "usage", "prompt_tokens", "input_tokens"),
        *("error", "message", "content_block", "response", "output", "item", "finish_reason", "index", "status"),
        *("output_tokens", "incomplete_details", "input_tokens_details", "prompt_tokens_details", "text", "model"),
        *("id", "summary"),
    ]
)
METERS = [ChatMeter, MessagesMeter, ResponsesMeter, EmbeddingsMeter]
ALL = pytest.mark.parametrize("make", METERS)
FORMATS: dict[str, tuple[Any, ProviderFormat]] = {
    "openai": (ChatMeter, ChatProviderFormat()),
    "anthropic": (MessagesMeter, MessagesProviderFormat()),
}


def metered(meter: Meter, content: bytes, *, streamed: bool, split: int = 97) -> Meter:
    """Show a meter an answer, streamed in chunks of that size."""
    if not streamed:
        meter.whole(content)
        return meter
    decoder = SseDecoder()
    for at in range(0, len(content), split):
        for event in decoder.feed(content[at : at + split]):
            meter.event(event)
    for event in decoder.finish():
        meter.event(event)
    return meter


def read(wire: ProviderFormat, content: bytes, *, streamed: bool) -> ModelResponse | ModelError:
    """What the full reader makes of it."""
    try:
        if not streamed:
            return wire.read(content, provider="p", model="m")
        reader, decoder = wire.reader(provider="p", model="m"), SseDecoder()
        for event in (*decoder.feed(content), *decoder.finish()):
            list(reader.feed(event))
        return reader.response()
    except ModelError as exc:
        return exc


def differs(exchange: Exchange) -> str:
    """How the meter and the full reader differ on a recorded answer; empty if they do not."""
    make, wire = FORMATS[exchange.format]
    full = read(wire, exchange.body, streamed=exchange.streamed)
    meter = metered(make(), exchange.body, streamed=exchange.streamed)
    if isinstance(full, ModelError):
        bad = meter.error is not None or not meter.complete
        return "" if bad else f"{exchange.label}: no error for {full}"
    usage = None if full.usage.total_tokens == 0 else full.usage
    mine = None if meter.usage is None or meter.usage.total_tokens == 0 else meter.usage
    facts = (meter.complete, mine, meter.model, meter.response_id, meter.error)
    expected = (True, usage, full.model, full.response_id, None)
    return "" if facts == expected else f"{exchange.label}: {facts} is not {expected}"


def test_meters_and_full_readers_agree_on_every_recorded_answer(bench_data: Path) -> None:
    """Usage with its cached, written and reasoning parts, model, id and wholeness are those of the full reader."""
    known, _ = exchanges(bench_data)
    answered = [exchange for exchange in known if exchange.status == 200]
    wrong = [said for exchange in answered if (said := differs(exchange))]
    assert wrong == []
    assert len(answered) > 100


@ALL
@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a": ', b"[1]", b"\xff\xfe", b'{"error": {"message": "no"}}'])
def test_a_whole_answer_that_is_none_is_an_error(make: Any, body: bytes) -> None:
    """Whatever comes instead of an answer is told as an error and never raised."""
    meter = metered(make(), body, streamed=False)
    assert meter.error is not None
    assert not meter.complete


@pytest.mark.parametrize("make", [ChatMeter, MessagesMeter, ResponsesMeter])
@pytest.mark.parametrize("data", [b'{"a": ', b"[1]", b"\xff", b'{"choices": 3, "type": 4}', b'{"error": {"code": 1}}'])
def test_an_event_that_is_none_is_an_error(make: Any, data: bytes) -> None:
    """Half an event, another shape or an error told inside a stream is an error, and nothing after it counts."""
    meter: Meter = make()
    meter.event(SseEvent(data))
    meter.event(SseEvent(b"[DONE]"))
    assert meter.error is not None
    assert not meter.complete


def test_an_error_told_in_mid_stream_of_messages_and_responses() -> None:
    """Both formats have an event of their own for it."""
    told = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    for make in (MessagesMeter, ResponsesMeter):
        meter: Meter = make()
        meter.event(SseEvent(json.dumps(told).encode(), "error"))
        assert meter.error == told


def test_our_error_for_one_told_inside_an_answer() -> None:
    """The provider makes of it what it would be with a status of its own."""
    provider = make_provider(ModelProvider(name="p", kind="openai", api_key="k" * 9, base_url="http://x/v1"), {})
    assert isinstance(provider, HttpProvider)
    error = provider.told("m", {"error": {"type": "overloaded_error", "message": "Overloaded"}})
    assert (error.code, error.details["model"]) == ("model.unavailable", "p/m")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4) | st.sampled_from(["error", "message_start"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@ALL
@given(st.lists(st.dictionaries(KEYS, VALUES, max_size=6), max_size=4))
def test_no_answer_however_odd_breaks_a_meter(make: Any, bodies: list[dict[str, Any]]) -> None:
    """Whatever comes in place of what is expected, a meter raises nothing and its usage can be asked for."""
    meter: Meter = make()
    for body in bodies:
        meter.event(SseEvent(json.dumps(body).encode()))
        assert meter.usage is None or meter.usage.total_tokens >= 0
        whole: Meter = make()
        whole.whole(json.dumps(body).encode())
        assert whole.usage is None or whole.usage.total_tokens >= 0


@pytest.mark.parametrize("count", [-5, 1e30, "many", None, True])
def test_counts_that_are_none_count_nothing(count: Any) -> None:
    """A server that counts below zero gives nobody money back; the answer itself is not lost for it."""
    usage = {"prompt_tokens": count, "completion_tokens": 3}
    body = json.dumps({"choices": [{"message": {"content": "x"}}], "usage": usage}).encode()
    meter = metered(ChatMeter(), body, streamed=False)
    assert meter.usage is not None
    assert (meter.usage.input_tokens, meter.usage.output_tokens, meter.error) == (0, 3, None)
    full = read(ChatProviderFormat(), body, streamed=False)
    assert isinstance(full, ModelResponse)
    assert full.usage == meter.usage
