"""Characters cut in two by a server."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wire.base import SseEvent
from gateway.wire.halves import Halves
from schemas.gateway import WireFormat
from tests.gateway.wire.facts import PROVIDERS

HEADS: dict[WireFormat, list[str]] = {
    "chat": [],
    "messages": [
        '{"type": "message_start", "message": {"content": []}}',
        '{"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}',
    ],
}
DELTAS: dict[WireFormat, str] = {
    "chat": '{"choices": [{"index": 0, "delta": {"content": "%s"}}]}',
    "messages": '{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "%s"}}',
}


@pytest.mark.parametrize("name", ["chat", "messages"])
def test_a_character_in_two_events_is_whole(name: WireFormat) -> None:
    """B72: an emoji whose halves come in two events reaches the client as one."""
    reader = PROVIDERS[name].reader(provider="p", model="m")
    told = [*HEADS[name], *(DELTAS[name] % text for text in (r"a\ud83d", r"\ude00b", r"\ud83d\ude00", r"\ude00c"))]
    chunks = [chunk for event in told for chunk in reader.feed(SseEvent(event.encode()))]
    assert "".join(chunk.text for chunk in chunks if chunk.kind == "text") == "a😀b😀\ufffdc"


@given(st.lists(st.text(st.characters(), max_size=5), max_size=4))
def test_any_text_becomes_characters(texts: list[str]) -> None:
    """B72: whatever halves come, what goes on is JSON of whole characters; other text and escapes stay as they are."""
    halves = Halves()
    whole = [json.loads(halves.joined(json.dumps({"t": text}).encode()))["t"] for text in texts]
    assert "".join(whole).encode().decode() == "".join(whole)
    for text, found in zip(texts, whole, strict=True):
        if not any("\ud800" <= char <= "\udfff" for char in text):
            assert found == text
