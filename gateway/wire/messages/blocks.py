"""Neutral parts as content blocks for Anthropic: one function per kind of part.

Source: the Messages API reference; "PDF support", "Citations" and "Files API" of Anthropic's documentation.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any

from gateway.providers.base import split_data_url
from gateway.wire.messages.citations import citation
from schemas.errors import ModelRequestError
from schemas.model import (
    AudioPart,
    CacheMark,
    FilePart,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

CACHED = {"type": "ephemeral"}
_CACHEABLE = frozenset({"text", "image", "document", "tool_use", "tool_result"})
_ID = re.compile(r"[^A-Za-z0-9_-]")

Block = dict[str, Any]


def message_blocks(message: Message, *, cached: bool) -> list[Block]:
    """Return a message's blocks, the last one that may be marked for the cache; results first: the API insists.

    Raises:
        ModelRequestError: A part that the format can't say.
    """
    blocks = [block for block in map(part_block, message.parts) if block is not None]
    blocks.sort(key=lambda block: block["type"] != "tool_result")
    last = next((block for block in reversed(blocks) if block["type"] in _CACHEABLE), None) if cached else None
    if last is not None:
        last["cache_control"] = CACHED
    return blocks


def part_block(part: Part) -> Block | None:
    """Return the content block of one part, or None for a part that this API would refuse and nobody misses.

    Raises:
        ModelRequestError: A part that the format can't say.
    """
    return _PART_BLOCKS[part.kind](part)


def cache_control(mark: CacheMark) -> Block:
    """Return the field that marks a block for the prompt cache."""
    if not mark:
        return {}
    return {"cache_control": CACHED | {"ttl": mark} if mark == "1h" else CACHED}


def _text(part: TextPart) -> Block | None:
    """Blank text is left out: the API refuses it."""
    if not part.text.strip():
        return None
    block: Block = {"type": "text", "text": part.text} | cache_control(part.cache)
    own = [citation(each) for each in part.annotations if "source" in each or "cited_text" in each]
    return block | {"citations": own} if own else block


def _image(part: ImagePart) -> Block:
    return {"type": "image", "source": _source(part, "an image")} | cache_control(part.cache)


def _source(part: ImagePart | FilePart, what: str) -> Block:
    if part.file_id.startswith("file-"):
        raise _unsent(what, f"{part.file_id!r} is a file at OpenAI", "give it as an https: URL or as base64 data")
    if part.file_id:
        return {"type": "file", "file_id": part.file_id}
    data = split_data_url(part.url)
    if data is None:
        return {"type": "url", "url": part.url}
    return {"type": "base64", "media_type": data[0], "data": data[1]}


def _file(part: FilePart) -> Block:
    """A document: a PDF, or a text."""
    source = _source(part, "a document")
    media_type = source.get("media_type", "")
    if media_type.startswith("text/"):
        text = base64.b64decode(source["data"]).decode(errors="replace")
        source = {"type": "text", "media_type": "text/plain", "data": text}
    elif media_type not in ("", "application/pdf"):
        raise _unsent("a document", f"Anthropic reads no {media_type}", "give it as a PDF or as text")
    block: Block = {"type": "document", "source": source}
    if part.name:
        block["title"] = part.name
    if part.context:
        block["context"] = part.context
    if part.cite:
        block["citations"] = {"enabled": True}
    return block | cache_control(part.cache)


def _audio(part: AudioPart) -> Block:
    raise _unsent(f"{part.format} sound", "Anthropic hears nothing", "send its transcript, or ask a model that hears")


def _unsent(what: str, why: str, hint: str) -> ModelRequestError:
    return ModelRequestError(f"{what} can't be sent: {why}", hint=hint, details={"status": 400})


def _reasoning(part: ReasoningPart) -> Block | None:
    """Only thinking this API signed or encrypted goes back to it; other models' thinking is left out."""
    if part.signature is not None and part.data is None:
        return {"type": "thinking", "thinking": part.text, "signature": part.signature}
    if part.data is not None and not part.data.startswith("{"):
        return {"type": "redacted_thinking", "data": part.data}
    return None


def _tool_call(part: ToolCallPart) -> Block:
    """A call; what was no JSON is wrapped, as "Fine-grained tool streaming" has it."""
    arguments = part.arguments if part.valid else {"INVALID_JSON": part.raw}
    block: Block = {"type": "tool_use", "id": _id(part.call_id), "name": part.name, "input": arguments}
    return block | cache_control(part.cache)


def _tool_result(part: ToolResultPart) -> Block:
    content: str | list[Block] = part.content
    if part.parts:
        content = [made for inner in part.parts if (made := part_block(inner)) is not None]
    block: Block = {"type": "tool_result", "tool_use_id": _id(part.call_id), "content": content}
    return block | ({"is_error": True} if part.is_error else {}) | cache_control(part.cache)


def _id(call_id: str) -> str:
    """Other servers' ids hold characters that this API refuses; call and result change alike."""
    return _ID.sub("_", call_id) if _ID.search(call_id) else call_id


_PART_BLOCKS: Mapping[str, Callable[[Any], Block | None]] = {
    "text": _text,
    "image": _image,
    "file": _file,
    "audio": _audio,
    "reasoning": _reasoning,
    "tool_call": _tool_call,
    "tool_result": _tool_result,
}
