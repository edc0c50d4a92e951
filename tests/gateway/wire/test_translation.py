"""Recorded exchanges of real providers, from one format into the other and back: nothing lost that is not listed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.wire import client_format
from gateway.wire.chat.asked import FIELDS as CHAT_FIELDS
from gateway.wire.messages.asked import FIELDS as MESSAGES_FIELDS
from schemas.errors import ModelError, ModelRequestError
from schemas.gateway import WireFormat
from schemas.model import Done, ModelChunk, ModelRequest, ModelResponse
from tests.gateway.wire.facts import (
    PROVIDERS,
    answer_facts,
    differing,
    events,
    losses,
    read_stream,
    read_whole,
    request_facts,
)
from tests.wire.document import problems
from tests.wire.recorded import Exchange, exchanges

FORMATS: dict[str, WireFormat] = {"openai": "chat", "anthropic": "messages"}
OTHER: dict[WireFormat, WireFormat] = {"chat": "messages", "messages": "chat"}
MODELS = {"chat": "gpt-5", "messages": "claude-sonnet-4-5"}
OWN = (
    "only Anthropic offers that tool",
    "it lives at Anthropic",
    "the connector runs at Anthropic",
    "the moderation runs at OpenAI",
    "one answer comes back, not several",
    "is a file at",
    "only functions are translated",
    "messages must hold at least one message",
    "can't be 'tool_addition' here",
    "can't be 'video_url' here",
)


def asked(folder: Path) -> Iterator[tuple[Exchange, WireFormat]]:
    """The recorded requests, each with its format."""
    return ((exchange, FORMATS[exchange.format]) for exchange in exchanges(folder)[0] if exchange.request)


def there(request: ModelRequest, name: WireFormat, model: str) -> ModelRequest:
    """What a server of a format is asked."""
    return client_format(name).request(PROVIDERS[name].body(model, request, stream=False))


def test_recorded_requests_lose_nothing_that_is_not_listed(bench_data: Path) -> None:
    """B72: requests go into the other format and back; each fact that changes stands in docs/gateway.md."""
    unlisted: Counter[tuple[str, str]] = Counter()
    refused: Counter[str] = Counter()
    told = 0
    for exchange, name in asked(bench_data):
        other, model = OTHER[name], exchange.request.get("model") or "m"
        try:
            request = client_format(name).request(exchange.request)
            translated = there(request, other, MODELS[other])
            back = there(translated, name, model)
        except ModelRequestError as exc:
            refused[next((why for why in OWN if why in exc.message), exc.message)] += 1
            continue
        told += 1
        facts, way, home = request_facts(request), f"{name} → {other}", f"{other} → {name}"
        lost = differing(facts, request_facts(translated))
        unlisted.update((way, fact) for fact in lost - losses(way))
        again = differing(facts, request_facts(back))
        unlisted.update((f"{way} → {name}", fact) for fact in again - losses(way) - losses(home))
    assert not unlisted
    assert set(refused) <= set(OWN)
    assert told > 400


def answered(folder: Path) -> Iterator[tuple[str, WireFormat, ModelResponse, list[ModelChunk]]]:
    """Every recorded answer of both formats, with the chunks it came in."""
    for exchange in exchanges(folder)[0]:
        if exchange.status != 200:
            continue
        name = FORMATS[exchange.format]
        try:
            if not exchange.streamed:
                answer = PROVIDERS[name].read(exchange.body, provider="p", model="m")
                yield exchange.label, name, answer, []
                continue
            reader = PROVIDERS[name].reader(provider="p", model="m")
            chunks = [chunk for event in events(exchange.body) for chunk in reader.feed(event)]
            yield exchange.label, name, reader.response(), [*chunks, Done(response=reader.response())]
        except ModelError:
            continue


def test_recorded_answers_lose_nothing_that_is_not_listed(bench_data: Path) -> None:
    """B72: whole answers, written in the client's format and read again, say and cost the same."""
    unlisted: Counter[tuple[str, str]] = Counter()
    for _, name, answer, _ in answered(bench_data):
        other = OTHER[name]
        written = client_format(other).reply(answer, {"model": answer.model})
        found = differing(answer_facts(answer), answer_facts(read_whole(other, written)))
        unlisted.update((f"{name} → {other}", fact) for fact in found - losses(f"{name} answer → {other}"))
    assert not unlisted


def test_recorded_streams_lose_nothing_that_is_not_listed(bench_data: Path) -> None:
    """B72: streamed answers, written event by event in the client's format and read again, likewise."""
    unlisted: Counter[tuple[str, str]] = Counter()
    for _, name, answer, chunks in answered(bench_data):
        other = OTHER[name]
        writer = client_format(other).stream({"model": answer.model, "stream_options": {"include_usage": True}})
        content = b"".join(writer.feed(chunk) for chunk in chunks)
        if chunks:
            found = differing(answer_facts(answer), answer_facts(read_stream(other, content))) - {"id"}
            unlisted.update((f"{name} → {other}", fact) for fact in found - losses(f"{name} answer → {other}"))
    assert not unlisted


def test_recorded_answers_are_of_the_published_form(bench_data: Path) -> None:
    """B72: what clients of chat completions get is as OpenAI's document describes it, whole and streamed."""
    checked = 0
    for number, (label, _, answer, chunks) in enumerate(answered(bench_data)):
        if number % 4 and not chunks:
            continue
        body = client_format("chat").reply(answer, {"model": "m"})
        assert problems(bench_data, "CreateChatCompletionResponse", body) == [], label
        writer = client_format("chat").stream({"model": "m", "stream_options": {"include_usage": True}})
        for event in events(b"".join(writer.feed(chunk) for chunk in chunks[-12:])):
            if event.data != b"[DONE]":
                assert problems(bench_data, "CreateChatCompletionStreamResponse", parsed(event.data)) == [], label
                checked += 1
    assert checked > 300


def parsed(data: bytes) -> Any:
    """The JSON of an event."""
    return json.loads(data)


@pytest.mark.parametrize(("name", "fields"), [("chat", CHAT_FIELDS), ("messages", MESSAGES_FIELDS)])
def test_every_field_that_is_not_carried_is_listed(name: str, fields: Any) -> None:
    """B72: what is left out, and what is refused, stands in docs/gateway.md by its name, and nothing else does."""
    assert losses(f"{name}, left out") == fields.harmless
    assert losses(f"{name}, refused") == fields.telling.keys()
