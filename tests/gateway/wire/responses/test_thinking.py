"""Reasoning items, there and back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.wire.responses.thinking import kept, matched, own_item, packed_item, reasoning_item, reasoning_parts
from schemas.errors import ModelRequestError
from schemas.model import ReasoningPart

OWN: dict[str, Any] = {
    "type": "reasoning",
    "id": "rs_1",
    "encrypted_content": "gAAA",
    "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}],
}


@pytest.mark.parametrize("more", [{}, {"content": [{"type": "reasoning_text", "text": "c"}]}])
def test_an_encrypted_item_goes_back_as_it_came(more: dict[str, Any]) -> None:
    """Id, texts and cipher: to the provider, and to a client."""
    part = ReasoningPart(text="a\n\nb", data=kept(OWN | more))
    assert own_item(part) == OWN | more
    assert reasoning_item(part, "rs_9") == OWN | more


@pytest.mark.parametrize(
    "part",
    [
        ReasoningPart(text="hm", signature="sig"),
        ReasoningPart(text="", data="redacted"),
        ReasoningPart(text="hm", data='{"field": "reasoning_content"}'),
        ReasoningPart(text="hm"),
    ],
)
def test_another_providers_thinking_comes_back_whole(part: ReasoningPart) -> None:
    """What a client gives back unread is what its provider sent: signatures, ciphers, fields."""
    assert reasoning_parts(packed_item((part,), "rs_0"), "input[0]") == [part]


def test_packed_thinking_that_was_changed_is_refused() -> None:
    """One clear line, not another provider's error."""
    item = packed_item((ReasoningPart(text="hm", signature="sig"),), "rs_0")
    item["encrypted_content"] = item["encrypted_content"][:-6]
    with pytest.raises(ModelRequestError, match=r"input\[0\]\.encrypted_content is not as it was given"):
        reasoning_parts(item, "input[0]")


@pytest.mark.parametrize("data", ["plain", '{"field": "reasoning"}', '{"format": "openai-responses-v1"', None])
def test_only_its_own_thinking_is_an_item(data: str | None) -> None:
    """Nor does OpenRouter's detail of the same format go to OpenAI: another account encrypted it."""
    assert own_item(ReasoningPart(text="a", data=data)) is None
    detail = {"type": "reasoning.encrypted", "format": "openai-responses-v1", "data": "gA", "id": "rs_1"}
    assert own_item(ReasoningPart(text="a", data=json.dumps(detail))) is None


def test_several_parts_of_one_text_come_back_each() -> None:
    """Servers that give thinking in many pieces, each with its own field, get every piece back."""
    parts = [ReasoningPart(text="a", data="{}"), ReasoningPart(text="", data="x"), ReasoningPart(text="b")]
    assert reasoning_parts(packed_item(parts, "rs_0"), "input[0]") == parts


def test_streamed_texts_find_the_parts_they_are_made_of() -> None:
    """One or several for a text; what has none, or does not fit, is left."""
    a, b, c, sealed = (ReasoningPart(text=text) for text in ("a", "b", "c", ""))
    assert matched(["ab", "c"], [a, b, c]) == ([[a, b], [c]], [])
    assert matched(["a", ""], [a, sealed, b]) == ([[a], [sealed]], [b])
    assert matched(["x"], [a]) == ([[]], [a])
