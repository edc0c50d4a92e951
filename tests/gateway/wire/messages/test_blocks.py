"""Neutral parts as Anthropic's blocks."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.wire.messages.blocks import message_blocks, part_block
from schemas.errors import ModelRequestError
from schemas.model import AudioPart, FilePart, ImagePart, Message, TextPart, ToolCallPart, ToolResultPart

PDF = {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}
PAGE = {"type": "web_search_result_location", "url": "u", "title": "t", "cited_text": "c", "encrypted_index": "i"}


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            FilePart(url="data:application/pdf;base64,AAAA", name="n", context="c", cite=True, cache="1h"),
            {
                "type": "document",
                "source": PDF,
                "title": "n",
                "context": "c",
                "citations": {"enabled": True},
                "cache_control": {"type": "ephemeral", "ttl": "1h"},
            },
        ),
        (
            FilePart(url="data:text/markdown;base64,aGk="),
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hi"}},
        ),
        (ImagePart(file_id="file_1"), {"type": "image", "source": {"type": "file", "file_id": "file_1"}}),
        (
            TextPart(text="x", annotations=({"type": "url_citation", "url": "u", "source": PAGE},)),
            {"type": "text", "text": "x", "citations": [PAGE]},
        ),
        (TextPart(text="x", annotations=({"type": "url_citation", "url": "u"},)), {"type": "text", "text": "x"}),
        (
            ToolCallPart(call_id="functions.f:0", name="f", raw="{", valid=False),
            {"type": "tool_use", "id": "functions_f_0", "name": "f", "input": {"INVALID_JSON": "{"}},
        ),
        (
            ToolResultPart(call_id="c", content="a", parts=(TextPart(text="a"), ImagePart(url="https://e.org/i"))),
            {
                "type": "tool_result",
                "tool_use_id": "c",
                "content": [
                    {"type": "text", "text": "a"},
                    {"type": "image", "source": {"type": "url", "url": "https://e.org/i"}},
                ],
            },
        ),
    ],
)
def test_each_part_says_all_it_holds(part: Any, block: Any) -> None:
    """B72: documents, files, sources, broken calls, other servers' ids and images in results have their blocks."""
    assert part_block(part) == block


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (AudioPart(data="AA", format="wav"), "hears nothing"),
        (ImagePart(file_id="file-1"), "is a file at OpenAI"),
        (FilePart(url="data:application/zip;base64,AA"), "reads no application/zip"),
        (FilePart(url="data:nothing"), "can't be sent"),
    ],
)
def test_what_anthropic_cannot_take_is_refused(part: Any, said: str) -> None:
    """B72: what would be lost is an error that says what to do."""
    with pytest.raises(ModelRequestError, match=said) as caught:
        part_block(part)
    assert caught.value.hint


def test_results_stand_first() -> None:
    """The API wants results right after the calls."""
    parts = (TextPart(text="and"), ToolResultPart(call_id="c", content="r"))
    kinds = [block["type"] for block in message_blocks(Message(role="user", parts=parts), cached=False)]
    assert kinds == ["tool_result", "text"]
